/* SPDX-License-Identifier: MIT */
/*
** gim_backoff.h - when to retry and when to poll   [floor 1]
**
** Pure arithmetic: time comes in as arguments, and so does chance, as 32
** random bits per decision.
*/
#ifndef gim_backoff_h
#define gim_backoff_h

#include "gim_base.h"

#pragma GCC visibility push(hidden)

/* How often and how far apart a request is repeated. */
typedef struct gim_retry {
  int max;         /* repetitions after the first try; 0: never */
  int64_t base_ms; /* longest delay before the first repetition */
  int64_t cap_ms;  /* longest delay before any */
} gim_retry;

#define GIM_RETRY_DEFAULT ((gim_retry){4, 500, 20000})

/*
** Delay before repetition `attempt` (1, 2, ...): full jitter, that is evenly
** drawn from 0 to min(cap, base * 2^(attempt - 1)). When `retry_after_ms` is
** not negative the service's word counts instead: that long, plus up to a
** tenth of it (at most 1 s) of jitter, never less, whatever the cap.
*/
int64_t gim_backoff_retry_ms(const gim_retry *retry, int attempt,
                             int64_t retry_after_ms, uint32_t random);

/* How often a task is asked for. */
typedef struct gim_poll {
  int64_t first_ms; /* delay before the first poll; -1: from the estimate */
  int64_t min_ms;
  int64_t max_ms;
  int32_t jitter_permille; /* 100: every delay is varied by -10 % to +10 % */
} gim_poll;

#define GIM_POLL_DEFAULT ((gim_poll){-1, 2000, 15000, 100})

/*
** Delay before the next poll of a task that was accepted `elapsed_ms` ago and
** polled `polls` times, whose service estimates `estimated_ms` in all (-1:
** says nothing). The first poll comes first_ms after it was accepted or,
** without that, a quarter of the estimate (unknown: min_ms); every further
** one after half of what remains of the estimate. Past the estimate, or
** without one, the delay is a tenth of the time gone by since then, so that
** it grows with the lateness. All within min_ms and max_ms, then jittered
** evenly over what of that range is not below min_ms: tasks that were
** submitted together do not stay together.
*/
int64_t gim_backoff_poll_ms(const gim_poll *poll, int polls,
                            int64_t elapsed_ms, int64_t estimated_ms,
                            uint32_t random);

/*
** Reads a Retry-After value (RFC 9110, 10.2.3): a number of seconds (a
** fraction is accepted) or an IMF-fixdate (the two obsolete forms as well).
** A date is taken relative to `now_unix_s`, the wall clock; one in the past
** is 0. At most 24 h: who is told to come back later than that is not to come
** back at once. Nothing readable, negative, or a date over 24 h away, which
** rather tells of a clock that is wrong: -1.
*/
int64_t gim_backoff_retry_after_ms(gim_str value, int64_t now_unix_s);

/* The same for `retry-after-ms`: milliseconds, a fraction is accepted. */
int64_t gim_backoff_retry_after_millis(gim_str value);

/* Both headers of one answer, retry-after-ms and Retry-After (p NULL or empty:
   it had none): the first counts where it can be read. -1: neither can. */
int64_t gim_backoff_told_ms(gim_str millis, gim_str value, int64_t now_unix_s);

/* Days from 1970-01-01 in the Gregorian calendar; year > 0, month from 1. */
int64_t gim_backoff_days(int64_t year, int month, int day);

#pragma GCC visibility pop

#endif
