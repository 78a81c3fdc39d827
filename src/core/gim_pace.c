/* SPDX-License-Identifier: MIT */
#include "gim_pace.h"

/* Gaps below this part of the first one are none; longer ones than this, in
   milliseconds, would never end. */
#define LEAST_PART 4
#define GAP_MAX_MS (24LL * 60 * 60 * 1000)

static int64_t later(int64_t a, int64_t b) {
  return a > b ? a : b;
}

int64_t gim_pace_at_ms(const gim_pace *p, int64_t now_ms) {
  return later(gim_bucket_at_ms(&p->bucket, now_ms), p->until_ms);
}

void gim_pace_started(gim_pace *p, int64_t now_ms) {
  gim_bucket_take(&p->bucket, now_ms);
  if (p->gap_ms > 0) p->until_ms = later(p->until_ms, now_ms + p->gap_ms);
}

/* Half of the gap to all of it: tasks of other programs wait as well. */
static int64_t pause_of(int64_t gap_ms, uint32_t random) {
  uint64_t half = (uint64_t)(gap_ms / 2);
  return gap_ms - (int64_t)(half * random >> 32);
}

bool gim_pace_struck(gim_pace *p, const gim_retry *retry,
                     int64_t retry_after_ms, int64_t sent_ms, int64_t now_ms,
                     uint32_t random) {
  bool first = p->gap_ms == 0;
  bool counts = first || sent_ms > p->struck_ms;
  int64_t pause;
  if (retry_after_ms > GIM_PACE_TOLD_MAX_MS)
    retry_after_ms = GIM_PACE_TOLD_MAX_MS;
  if (counts) {
    p->gap_ms = first ? retry->base_ms : p->gap_ms * 2;
    if (p->gap_ms > retry->cap_ms) p->gap_ms = retry->cap_ms;
    if (p->gap_ms > GAP_MAX_MS) p->gap_ms = GAP_MAX_MS;
    p->struck_ms = now_ms;
  }
  if (retry_after_ms >= 0)
    pause = gim_backoff_retry_ms(retry, 1, retry_after_ms, random);
  else
    pause = counts ? pause_of(p->gap_ms, random) : 0;
  p->until_ms = later(p->until_ms, now_ms + pause);
  return counts;
}

void gim_pace_eased(gim_pace *p, const gim_retry *retry, int64_t sent_ms) {
  if (p->gap_ms == 0 || sent_ms <= p->struck_ms) return;
  p->gap_ms /= 2;
  if (p->gap_ms < retry->base_ms / LEAST_PART) p->gap_ms = 0;
}
