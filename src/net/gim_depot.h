/* SPDX-License-Identifier: MIT */
/*
** gim_depot.h - the pictures that one client has at the file service
** [floor 9]
**
** A file is uploaded once, however many requests name it, as long as it stays
** the same (device, inode, size, times of writing and of change: who renames
** it or gives it another mode has it uploaded again) and its link lives.
** Several that want it at once share one upload; when the last of them has
** left, that ends. Bytes that a caller gave have no identity: they are
** uploaded for each request.
*/
#ifndef gim_depot_h
#define gim_depot_h

#include "gim_base.h"
#include "gim_hub.h"
#include "gim_source.h"

#pragma GCC visibility push(hidden)

/* A link that ends within this time is not given to a request any more, which
   may have to wait for its turn at the service. */
#define GIM_DEPOT_MARGIN_S 3600

/* Files that a client remembers; the one that was asked for longest ago is
   forgotten first. */
#define GIM_DEPOT_FILES 1024

/*
** Somebody who wants one upload, inside what it belongs to; zeroed: nobody.
** `settled` is called once, inside gim_net_step or gim_client_step, unless it
** left before: `err` NULL, the picture is at `url`. Both BORROWED during the
** call.
*/
typedef struct gim_claim {
  gim_list_item link;
  struct gim_delivery *delivery; /* BORROWED; NULL: none is under way */
  void (*settled)(struct gim_claim *claim, const char *url,
                  const gim_err *err);
} gim_claim;

/* Where a file that was looked at is already; NULL: nowhere. BORROWED until
   the next call of this file. */
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

/* Wants it no longer. Without effect on one that is settled. */
void gim_depot_leave(gim_claim *claim);

/* Which of the files at the service has this link; 0: none that is known. */
uint32_t gim_depot_number(const gim_hub *hub, const char *url);

/* Forgets where that one is: the service could not use the link. Without
   effect when it is forgotten already. */
void gim_depot_forget(gim_hub *hub, uint32_t number);

#pragma GCC visibility pop

#endif
