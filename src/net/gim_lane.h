/* SPDX-License-Identifier: MIT */
/*
** gim_lane.h - one curl multi: its sockets, its timer, its pool of transfers
** [floor 5]
**
** A net has one for downloads and one for all else, and more of the latter
** once that is full: what libcurl does for each request takes the longer the
** more connections a multi has. Everything that libcurl's multi interface
** wants is here; what is to be done when is the net's.
*/
#ifndef gim_lane_h
#define gim_lane_h

#include "gim_base.h"
#include "gim_transfer.h"
#include "gim_wait.h"

#pragma GCC visibility push(hidden)

#define GIM_LANE_FULL 500 /* transfers under way in one */
#define GIM_LANES 24      /* of a net: max_requests may be 10,000 */

typedef struct gim_lane {
  int64_t due_ms;  /* when libcurl wants gim_lane_timer; -1: never */
  int watch_error; /* errno of a socket that could not be watched; 0 */
  int running;     /* transfers under way */
  /* private: */
  void *multi; /* CURLM *, OWNED */
  const gim_carrier *carrier;
  int tag;
  gim_transfer *idle;
  int idle_n, idle_max;
} gim_lane;

/*
** An empty lane; `carrier` is BORROWED until gim_lane_free, `tag` marks its
** sockets in the waiting room and chooses HTTP/1.1 (GIM_LANE_DOWNLOADS) or
** HTTP/2. Keeps as many connections as there are `slots`, and a few. False: no
** memory; gim_lane_free is still to be called. Must not move in memory.
*/
GIM_MUST_CHECK bool gim_lane_init(gim_lane *lane, const gim_carrier *carrier,
                                  int tag, int slots);

/*
** The lane of `lanes`, of which `*count` (>= 2) are made, for one transfer
** more: the one of downloads, or the first that is not full. Makes another one
** when all are; where that fails one of them has to do.
*/
gim_lane *gim_lane_for(gim_lane *lanes, int *count, bool download);

/* All transfers must have left it. Idempotent on a zeroed lane. */
void gim_lane_free(gim_lane *lane);

/*
** An idle transfer, from the pool or new; NULL: no memory. Give it back, not
** `clean` when it did not end well: libcurl forgets to forget (7.88 wants to
** rewind the body of the next request after it failed to rewind this one).
*/
gim_transfer *gim_lane_take(gim_lane *lane);
void gim_lane_give(gim_lane *lane, gim_transfer *t, bool clean);

/* Runs a prepared transfer (false: libcurl refuses), and stops it. */
GIM_MUST_CHECK bool gim_lane_add(gim_lane *lane, gim_transfer *t);
void gim_lane_remove(gim_lane *lane, gim_transfer *t);

/* Tells libcurl of a ready socket; of the time, when it is due (true). */
void gim_lane_socket(gim_lane *lane, const gim_ready *ready);
bool gim_lane_timer(gim_lane *lane, int64_t now_ms);

/* Lets a transfer that waited go on; not 0: it ended with this CURLcode. */
int gim_lane_resume(gim_lane *lane, gim_transfer *t);

/*
** The next transfer that has ended, with libcurl's result in `*code`; it is
** still to be removed. NULL: no more. One at a time, because what is done
** about one may remove others.
*/
gim_transfer *gim_lane_ended(gim_lane *lane, int *code);

#pragma GCC visibility pop

#endif
