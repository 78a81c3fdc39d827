/* SPDX-License-Identifier: MIT */
/*
** gim_wait.h - the waiting room: many descriptors and one timer behind one
** descriptor   [floor 2]
**
** On Linux an epoll set with a timerfd inside it. A host watches gim_wait_fd;
** it is readable while a watched descriptor is ready or the timer has run out,
** and stays so until that was dealt with (level-triggered). Until somebody
** asks for it nobody outside has to be woken, and the timer is a time that our
** own waits end at: setting a timerfd is a system call for every step.
**
** Elsewhere (gim_system.h) the descriptors of all multis, and others, go to
** one curl_multi_poll as its extra descriptors, on a multi that has no
** transfers: nothing to watch from outside, and a wait costs as much time as
** there are descriptors. Both say the same when asked the same.
**
** A descriptor that gim_wait_adopt was told of epoll watches lazily: libcurl
** turns interest off and on again around every request of a kept-alive
** connection, and a system call for each would cost a third of a poll. Being
** lazy is safe only where we hear of the closing (gim_wait_release): a number
** that came back for another descriptor would be missed.
*/
#ifndef gim_wait_h
#define gim_wait_h

#include "gim_base.h"

#pragma GCC visibility push(hidden)

#define GIM_WAIT_IN 1u
#define GIM_WAIT_OUT 2u

typedef struct gim_wait gim_wait;

/* A descriptor that is ready. Errors and hang-ups come as whatever was
   waited for: reading or writing will tell. */
typedef struct gim_ready {
  int fd;
  int tag;       /* as given to gim_wait_watch */
  unsigned what; /* GIM_WAIT_IN, GIM_WAIT_OUT or both */
} gim_ready;

/* A new waiting room, or NULL: GIM_E_IO, GIM_E_NO_MEMORY. OWNED. */
gim_wait *gim_wait_new(gim_err *err);

/* Closes the set and the timer, not what was watched. NULL is allowed. */
void gim_wait_free(gim_wait *w);

/* The descriptor to watch from outside, BORROWED, which from now on is kept
   up to date; -1: this build has none. */
int gim_wait_fd(gim_wait *w);

/*
** `fd` was just opened and will be reported to gim_wait_release before it is
** closed. False: no memory, it must not be used.
*/
GIM_MUST_CHECK bool gim_wait_adopt(gim_wait *w, int fd);

/* `fd` is about to be closed. For adopted descriptors; others are ignored. */
void gim_wait_release(gim_wait *w, int fd);

/*
** Watches `fd` for `what` (0: not any more); `tag` comes back with it (0 to
** 255). False: the system refuses, or no memory; errno says why.
*/
GIM_MUST_CHECK bool gim_wait_watch(gim_wait *w, int fd, unsigned what,
                                   int tag);

/*
** From now on descriptors with a tag below `tags` are left alone, ready or not
** (0: none are): they are not reported, and make gim_wait_fd readable and end
** a wait once at most, which costs a system call for each that does.
*/
void gim_wait_hold(gim_wait *w, int tags);

/*
** Sets the timer to `due_ms` (monotonic; 0: at once; -1: never) in place of
** what it was set to before. Costs nothing when nothing changes.
*/
void gim_wait_arm(gim_wait *w, int64_t due_ms);

/*
** True when gim_wait_collect would find nothing now: nothing that is watched
** is ready, and the timer has not run out. The system is asked only while
** something is watched, or where somebody has the descriptor: what he waits
** for may also be a connection that nobody wants any more and that was closed,
** which gim_wait_collect has to take out.
*/
bool gim_wait_is_idle(const gim_wait *w);

/*
** Waits at most `wait_ms` (0: not at all; -1: for ever) until something is
** ready or the timer runs out, and writes at most `max` (1 to 64) descriptors
** to `ready`. Those left over come first the next time. Returns how many;
** 0 also when a signal came or only the timer ran out; -1 with `err`
** (GIM_E_IO) when the set is broken.
*/
GIM_MUST_CHECK int gim_wait_collect(gim_wait *w, int64_t wait_ms,
                                    gim_ready *ready, int max, gim_err *err);

#pragma GCC visibility pop

#endif
