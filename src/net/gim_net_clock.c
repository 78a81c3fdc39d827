/* SPDX-License-Identifier: MIT */
/* The time and chance, for those above who know the net alone. */
#include "gim_net.h"

#include "gim_clock.h"

int64_t gim_net_now_us(void) {
  return gim_clock_us();
}

int64_t gim_net_now_ms(void) {
  return gim_clock_ms();
}

int64_t gim_net_unix_s(void) {
  return gim_clock_unix_s();
}

void gim_net_random_bytes(void *p, size_t n) {
  gim_clock_random(p, n);
}

uint32_t gim_net_random(void) {
  uint32_t value;
  gim_clock_random(&value, sizeof(value));
  return value;
}
