/* SPDX-License-Identifier: MIT */
#include "gim_clock.h"

#include <sys/random.h>
#include <time.h>

int64_t gim_clock_us(void) {
  struct timespec now;
  clock_gettime(CLOCK_MONOTONIC, &now);
  return (int64_t)now.tv_sec * 1000000 + now.tv_nsec / 1000;
}

int64_t gim_clock_ms(void) {
  return gim_clock_us() / 1000;
}

int64_t gim_clock_unix_s(void) {
  struct timespec now;
  clock_gettime(CLOCK_REALTIME, &now);
  return (int64_t)now.tv_sec;
}

void gim_clock_random(void *p, size_t n) {
  unsigned char *to = p;
  while (n > 0) {
    ssize_t got = getrandom(to, n < 256 ? n : 256, 0);
    if (got <= 0) continue; /* EINTR; nothing else can be */
    to += got;
    n -= (size_t)got;
  }
}
