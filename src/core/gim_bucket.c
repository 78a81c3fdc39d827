/* SPDX-License-Identifier: MIT */
#include "gim_bucket.h"

/* The level at `now_ms`. A clock that went back counts as one that stood. */
static int64_t level_at(const gim_bucket *b, int64_t now_ms) {
  int64_t full = b->requests * b->per_ms;
  int64_t passed = now_ms > b->at_ms ? now_ms - b->at_ms : 0;
  /* In per_ms it has filled from empty; from a debt it takes longer. */
  if (passed > (full - b->level) / b->requests) return full;
  return b->level + passed * b->requests;
}

void gim_bucket_init(gim_bucket *b, int64_t requests, int64_t per_ms,
                     int64_t now_ms) {
  b->requests = requests;
  b->per_ms = per_ms;
  b->level = requests * per_ms;
  b->at_ms = now_ms;
}

int64_t gim_bucket_at_ms(const gim_bucket *b, int64_t now_ms) {
  int64_t missing;
  if (b->requests == 0) return now_ms;
  missing = b->per_ms - level_at(b, now_ms);
  if (missing <= 0) return now_ms;
  return now_ms + (missing + b->requests - 1) / b->requests;
}

void gim_bucket_take(gim_bucket *b, int64_t now_ms) {
  int64_t full = b->requests * b->per_ms;
  if (b->requests == 0) return;
  b->level = level_at(b, now_ms) - b->per_ms;
  if (b->level < -full) b->level = -full; /* no debt for ever */
  if (now_ms > b->at_ms) b->at_ms = now_ms;
}
