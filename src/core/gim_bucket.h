/* SPDX-License-Identifier: MIT */
/*
** gim_bucket.h - a token bucket: so many requests in so much time   [floor 1]
**
** It begins full: up to `requests` may go at once. After that they go as the
** bucket fills, evenly, `requests` in `per_ms`. Whole numbers throughout: no
** drift, however long it runs.
*/
#ifndef gim_bucket_h
#define gim_bucket_h

#include "gim_base.h"

#pragma GCC visibility push(hidden)

#define GIM_BUCKET_REQUESTS_MAX 1000000
#define GIM_BUCKET_PER_MS_MAX 1000000000000LL

/* Zeroed: no limit at all. */
typedef struct gim_bucket {
  int64_t requests; /* 1 to GIM_BUCKET_REQUESTS_MAX; 0: no limit */
  int64_t per_ms;   /* 1 to GIM_BUCKET_PER_MS_MAX */
  /* private: */
  int64_t level; /* in parts of a request, `per_ms` of them to one */
  int64_t at_ms; /* when that was */
} gim_bucket;

/* A full bucket; `requests` and `per_ms` within the limits above. */
void gim_bucket_init(gim_bucket *b, int64_t requests, int64_t per_ms,
                     int64_t now_ms);

/* When the next request may go: `now_ms`, or later. */
int64_t gim_bucket_at_ms(const gim_bucket *b, int64_t now_ms);

/*
** One request goes now. One that goes before gim_bucket_at_ms makes those
** after it wait the longer.
*/
void gim_bucket_take(gim_bucket *b, int64_t now_ms);

#pragma GCC visibility pop

#endif
