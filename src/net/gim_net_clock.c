/* SPDX-License-Identifier: MIT */
/* The time and chance, for those above who know the net alone. */
#include "gim_net.h"

#include "gim_clock.h"
#include "gim_process.h"

int64_t gim_net_now_us(void) {
  return gim_clock_us();
}

int64_t gim_net_now_ms(void) {
  return gim_clock_ms();
}

int64_t gim_net_unix_s(void) {
  return gim_clock_unix_s();
}

bool gim_net_random_bytes(void *p, size_t n) {
  return gim_clock_random(p, n);
}

/* Several are drawn for each query: the kernel is asked for many at once, in
   each thread and, so that no two draw the same, in each process. */
static _Thread_local struct {
  pid_t owner;
  size_t left;
  uint32_t values[64];
} drawn;

uint32_t gim_net_random(void) {
  pid_t self = gim_process_self();
  if (drawn.left == 0 || drawn.owner != self) {
    if (!gim_clock_random(drawn.values, sizeof(drawn.values)))
      return UINT32_MAX;
    drawn.left = sizeof(drawn.values) / sizeof(drawn.values[0]);
    drawn.owner = self;
  }
  return drawn.values[--drawn.left];
}
