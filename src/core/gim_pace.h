/* SPDX-License-Identifier: MIT */
/*
** gim_pace.h - how fast one kind of request may go out   [floor 2]
**
** Two limits: the caller's own rate (a token bucket), and the service's, which
** it tells with a 429. The latter holds for all tasks of a client: they share
** its key, and each of them would only get a 429 of its own. After a 429
** nothing goes out for a while (Retry-After, or a pause that grows); then
** requests go one by one, a gap apart. The gap doubles with every 429 to a
** request that kept it, and halves with every other answer, until it is gone.
**
** What one answer says of all others is believed for a minute: limits count
** requests per minute, and what asks for more is as likely meant for that one
** request, or wrong. One request a minute then finds out, instead of pictures
** that are paid for lying there. The task that was told waits by itself.
*/
#ifndef gim_pace_h
#define gim_pace_h

#include "gim_backoff.h"
#include "gim_base.h"
#include "gim_bucket.h"

#pragma GCC visibility push(hidden)

#define GIM_PACE_TOLD_MAX_MS 60000

/* Zeroed: no limit yet. */
typedef struct gim_pace {
  gim_bucket bucket; /* the caller's rate */
  int64_t gap_ms;    /* between requests, by what the service said; 0: none */
  /* private: */
  int64_t until_ms;  /* nothing goes out before */
  int64_t struck_ms; /* the last 429 that counted */
} gim_pace;

/* When the next request may go out: `now_ms`, or later. */
int64_t gim_pace_at_ms(const gim_pace *p, int64_t now_ms);

/* A request goes out now. */
void gim_pace_started(gim_pace *p, int64_t now_ms);

/*
** A request that had gone out at `sent_ms` was answered with 429.
** `retry_after_ms` is what the reply asked for (-1: nothing; more than
** GIM_PACE_TOLD_MAX_MS counts as that), `retry` the
** client's: base_ms is the first gap, cap_ms the longest. Returns true when
** the gap grew: not for those that were under way when the first one came.
*/
bool gim_pace_struck(gim_pace *p, const gim_retry *retry,
                     int64_t retry_after_ms, int64_t sent_ms, int64_t now_ms,
                     uint32_t random);

/* Such a request was answered otherwise. */
void gim_pace_eased(gim_pace *p, const gim_retry *retry, int64_t sent_ms);

#pragma GCC visibility pop

#endif
