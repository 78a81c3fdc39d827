/* SPDX-License-Identifier: MIT */
/*
** gim_clock.h - the time, and chance   [floor 1]
**
** The one place that reads clocks and the kernel's random numbers.
*/
#ifndef gim_clock_h
#define gim_clock_h

#include "gim_base.h"

#pragma GCC visibility push(hidden)

/*
** Of CLOCK_MONOTONIC, which never goes back: deadlines are judged by it. In
** microseconds, and in whole milliseconds (rounded down). Never fail.
*/
int64_t gim_clock_us(void);
int64_t gim_clock_ms(void);

/* Seconds since 1970 by the wall clock, which may jump: for what others are
   told, and when links expire, never for deadlines. */
int64_t gim_clock_unix_s(void);

/*
** Fills `p` with `n` bytes that nobody can foretell: from getrandom(2) or
** getentropy(3), and where those are forbidden (seccomp) or unknown to the
** kernel from /dev/urandom. Blocks only before the kernel's pool is first
** filled. False: there is no source, and errno says why the last one is none;
** `p` holds nothing of use.
*/
GIM_MUST_CHECK bool gim_clock_random(void *p, size_t n);

#pragma GCC visibility pop

#endif
