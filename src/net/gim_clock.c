/* SPDX-License-Identifier: MIT */
#include "gim_clock.h"

#include "gim_system.h"

#include <errno.h>
#include <fcntl.h>
#include <sys/random.h>
#include <sys/stat.h>
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
  return (int64_t)time(NULL);
}

/* At most 256 bytes by a call of the kernel; how many, or less than 1. */
static ssize_t ask_kernel(void *p, size_t n) {
#if GIM_LINUX
  return getrandom(p, n, 0);
#else
  return getentropy(p, n) == 0 ? (ssize_t)n : -1;
#endif
}

/* The same from its device, which a chroot may be without: what is in its
   place there is not taken. */
static ssize_t ask_device(void *p, size_t n) {
  struct stat st;
  ssize_t got = -1;
  int error, fd = open("/dev/urandom", O_RDONLY | O_CLOEXEC);
  if (fd < 0) return -1;
  if (fstat(fd, &st) == 0) {
    errno = ENODEV;
    if (S_ISCHR(st.st_mode)) got = read(fd, p, n);
  }
  error = errno;
  close(fd);
  errno = error;
  return got;
}

bool gim_clock_random(void *p, size_t n) {
  unsigned char *to = p;
  while (n > 0) {
    size_t some = n < 256 ? n : 256;
    ssize_t got = ask_kernel(to, some);
    if (got < 0 && errno != EINTR) got = ask_device(to, some);
    if (got < 0 && errno == EINTR) continue;
    if (got <= 0) return false;
    to += got;
    n -= (size_t)got;
  }
  return true;
}
