/* SPDX-License-Identifier: MIT */
#include "gim_thread.h"

#include "gim_system.h"

#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <unistd.h>
#if GIM_LINUX
#include <sys/eventfd.h>
#endif

int gim_thread_start(pthread_t *thread, void *(*work)(void *ud), void *ud) {
  sigset_t all, before;
  int error;
  sigfillset(&all);
  pthread_sigmask(SIG_SETMASK, &all, &before);
  error = pthread_create(thread, NULL, work, ud);
  pthread_sigmask(SIG_SETMASK, &before, NULL);
  return error;
}

bool gim_bell_open(gim_bell bell) {
#if GIM_LINUX
  bell[0] = bell[1] = eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK);
  return bell[0] >= 0;
#else
  if (pipe(bell) != 0) {
    bell[0] = bell[1] = -1;
    return false;
  }
  for (int i = 0; i < 2; i++) {
    (void)fcntl(bell[i], F_SETFD, FD_CLOEXEC);
    (void)fcntl(bell[i], F_SETFL, O_NONBLOCK);
  }
  return true;
#endif
}

void gim_bell_ring(const gim_bell bell) {
  const uint64_t one = 1;
  /* A full counter, or pipe, is as readable as one can be. */
  while (write(bell[1], &one, sizeof(one)) < 0 && errno == EINTR) {
  }
}

void gim_bell_quiet(const gim_bell bell) {
  char rung[256]; /* a pipe that held more can still be read */
  while (read(bell[0], rung, sizeof(rung)) < 0 && errno == EINTR) {
  }
}

void gim_bell_close(gim_bell bell) {
  if (bell[0] >= 0) close(bell[0]);
  if (bell[1] >= 0 && bell[1] != bell[0]) close(bell[1]);
  bell[0] = bell[1] = -1;
}
