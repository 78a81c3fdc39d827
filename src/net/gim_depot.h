/* SPDX-License-Identifier: MIT */
/*
** gim_depot.h - the pictures that one client has at the file service
** [floor 9]
**
** A file is uploaded once, however many requests name it, as long as its link
** lives and the file stays the same: device, inode, size, and times of writing
** and of change (so one that was renamed, or got another mode, is uploaded
** again). Requests that want it at the same time share one upload, which ends
** when none of them wants it any longer. Bytes that a caller gave have no
** identity: they are uploaded for each request.
*/
#ifndef gim_depot_h
#define gim_depot_h

#include "gim_base.h"
#include "gim_hub.h"
#include "gim_source.h"

#pragma GCC visibility push(hidden)

/* A link that ends within this time is given to no further request: it may
   have to wait for its turn at the service. */
#define GIM_DEPOT_MARGIN_S 3600

/* Files that a client remembers; of more, the one that nobody has asked for
   the longest is forgotten. */
#define GIM_DEPOT_FILES 1024

/*
** That a request wants one upload; a member of the struct that does. Zeroed:
** it wants none. `settled` is called once, inside gim_net_step or
** gim_client_step, unless gim_depot_leave came before: with `err` NULL the
** picture is at `url`, else `err` says why not. BORROWED during the call.
*/
typedef struct gim_claim {
  gim_list_item link;
  struct gim_delivery *delivery; /* BORROWED; NULL: none is under way */
  void (*settled)(struct gim_claim *claim, const char *url,
                  const gim_err *err);
} gim_claim;

/* The link of a file (which gim_reference has looked at) that is at the
   service already; NULL: it is not. BORROWED until the next gim_depot call. */
const char *gim_depot_find(gim_hub *hub, const gim_source *source);

/*
** Brings `source` (a file that was looked at: COPIED; or bytes: BORROWED until
** the claim is settled or has left) to the file service. `task` is for the
** log. GIM_E_NO_MEMORY.
*/
GIM_MUST_CHECK gim_status gim_depot_bring(gim_hub *hub,
                                          const gim_source *source,
                                          gim_claim *claim, const char *task,
                                          gim_err *err);

/* Gives up a claim; without effect on one that is settled. */
void gim_depot_leave(gim_claim *claim);

/* The number of the file at the service that has this link, for
   gim_depot_forget; 0: none that is known. */
uint32_t gim_depot_number(const gim_hub *hub, const char *url);

/* Forgets the link of that file, which the service could not use: the next
   request uploads it anew. Without effect when it is forgotten already. */
void gim_depot_forget(gim_hub *hub, uint32_t number);

#pragma GCC visibility pop

#endif
