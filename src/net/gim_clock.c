/* SPDX-License-Identifier: MIT */
#include "gim_clock.h"

#include "gim_system.h"

#include <sys/random.h>
#include <time.h>
#include <unistd.h>

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

/* At most 256 bytes; how many, or less than 1. */
static ssize_t some_random(void *p, size_t n) {
#if GIM_LINUX
  return getrandom(p, n, 0);
#else
  return getentropy(p, n) == 0 ? (ssize_t)n : -1;
#endif
}

void gim_clock_random(void *p, size_t n) {
  unsigned char *to = p;
  while (n > 0) {
    ssize_t got = some_random(to, n < 256 ? n : 256);
    if (got <= 0) continue; /* EINTR; nothing else can be */
    to += got;
    n -= (size_t)got;
  }
}
