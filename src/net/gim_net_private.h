/* SPDX-License-Identifier: MIT */
/*
** gim_net_private.h - what the files of gim_net share   [floor 6]
**
** gim_net.c makes nets, starts transfers and ends them, gim_net_step.c does
** the work that is due.
*/
#ifndef gim_net_private_h
#define gim_net_private_h

#include "gim_brake.h"
#include "gim_lane.h"
#include "gim_net.h"
#include "gim_sockets.h"
#include "gim_wait.h"

#include <sys/types.h>

#pragma GCC visibility push(hidden)

#define GIM_NET_WATCHED 2 /* descriptors that are not libcurl's */
#define GIM_NET_TAG                                                           \
  GIM_LANES /* of the first of them; lanes have those below */

typedef struct gim_net_watched {
  gim_net_watcher watcher; /* NULL: this place is free */
  void *ud;
  int fd;
} gim_net_watched;

struct gim_net {
  pid_t owner;
  int max_requests;
  gim_wait *wait;
  gim_sockets sockets;
  gim_brake brake;
  gim_carrier carrier;
  gim_headers query_headers; /* the key is among them */
  char *proxy, *user_agent;
  gim_lane lanes[GIM_LANES];
  int lane_n;              /* made so far */
  gim_transfer *transfers; /* all that are in a multi */
  gim_list spares;         /* OWNED, spare_n of them: gim_net_put_spare */
  int spare_n;
  void (*release_spare)(gim_list_item *item);
  int active[GIM_CLASS_COUNT];
  int reserved; /* slots of class PAID */
  int parked;
  gim_net_watched watched[GIM_NET_WATCHED];
  int64_t alarm_ms;
  int64_t budget_us;   /* of the step that is running; 0: none */
  int64_t deadline_ms; /* the earliest of a transfer, by clock_ms; -1: none */
  int64_t left_ms;     /* when the last step left work undone */
  int64_t idled_ms;    /* how long the host then let it lie, in all */
  bool parks;          /* cancelling may block: see gim_net_cancel */
  bool undone;         /* the last step left work */
  bool stepping;
};

/* The earlier of two times, of which -1 is never. */
int64_t gim_net_earlier(int64_t a, int64_t b);

/*
** The clock of time limits. It stands still while work is left undone because
** a budget was used up: how long that lies is the host's affair.
*/
int64_t gim_net_limit_ms(const gim_net *net);

/* To be called at the end of everything that may change when the next step is
   due. */
void gim_net_arm(gim_net *net);

/* A transfer has ended, with libcurl's result `code`: tells its owner. */
void gim_net_complete(gim_net *net, gim_transfer *t, int code);

/* The refusal of what a child after fork must not do. */
gim_status gim_net_fail_foreign(gim_err *err);

#pragma GCC visibility pop

#endif
