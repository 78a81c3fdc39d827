/* SPDX-License-Identifier: MIT */
/*
** gim_thread.h - threads of our own, and how they call us   [floor 1]
**
** What must not wait for the disk hands it to a thread and goes on; the thread
** rings when there is news, and a waiting room hears that.
*/
#ifndef gim_thread_h
#define gim_thread_h

#include "gim_base.h"

#include <pthread.h>

#pragma GCC visibility push(hidden)

/*
** Starts a thread that runs `work` with `ud`. No signal is delivered to it:
** the host's are for the host's threads; and a limit on the size of files
** (SIGXFSZ) is to be a failed write, not the end of the host. 0, or an errno.
*/
int gim_thread_start(pthread_t *thread, void *(*work)(void *ud), void *ud);

/* To read and to write; -1, -1: none. The same descriptor where it can be. */
typedef int gim_bell[2];

/* Opens a bell, OWNED. False: errno says why, and it is none. */
GIM_MUST_CHECK bool gim_bell_open(gim_bell bell);

/* Makes it readable, whatever signals come. From any thread. */
void gim_bell_ring(const gim_bell bell);

/* Takes note of it: no longer readable, until it rings again. */
void gim_bell_quiet(const gim_bell bell);

/* Closes it; none is allowed. Idempotent. */
void gim_bell_close(gim_bell bell);

#pragma GCC visibility pop

#endif
