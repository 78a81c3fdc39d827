/* SPDX-License-Identifier: MIT */
#include "gim_file_limit.h"

#include "gim_system.h"

#include <errno.h>
#include <pthread.h>
#include <time.h>

static bool is_pending(void) {
  sigset_t pending;
  return sigpending(&pending) == 0 && sigismember(&pending, SIGXFSZ) == 1;
}

static void only(sigset_t *set) {
  sigemptyset(set);
  sigaddset(set, SIGXFSZ);
}

/* One that is pending, and is blocked. */
static void take(void) {
  sigset_t set;
  only(&set);
#if GIM_LINUX
  {
    static const struct timespec now = {0, 0};
    (void)sigtimedwait(&set, NULL, &now);
  }
#else
  {
    int number;
    (void)sigwait(&set, &number);
  }
#endif
}

void gim_file_limit_hold(gim_file_limit *limit) {
  int error = errno;
  sigset_t set;
  only(&set);
  (void)pthread_sigmask(SIG_BLOCK, &set, &limit->before);
  limit->pending = sigismember(&limit->before, SIGXFSZ) == 1 && is_pending();
  errno = error;
}

void gim_file_limit_release(const gim_file_limit *limit) {
  int error = errno;
  if (!limit->pending && is_pending()) take();
  (void)pthread_sigmask(SIG_SETMASK, &limit->before, NULL);
  errno = error;
}
