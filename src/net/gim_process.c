/* SPDX-License-Identifier: MIT */
#include "gim_process.h"

#include "gim_system.h"

#include <pthread.h>
#include <stdatomic.h>
#include <sys/mman.h>
#include <unistd.h>

/* 0: not asked for yet, or this is a child. NULL: there is no such page. */
typedef _Atomic pid_t kept;

static kept *page;

#if GIM_LINUX && defined(MADV_WIPEONFORK)
static pthread_once_t once = PTHREAD_ONCE_INIT;

/* Never unmapped: it is the process's, not a client's. */
static void make_page(void) {
  long size = sysconf(_SC_PAGESIZE);
  void *p;
  if (size <= 0) return;
  p = mmap(NULL, (size_t)size, PROT_READ | PROT_WRITE,
           MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
  if (p == MAP_FAILED) return;
  if (madvise(p, (size_t)size, MADV_WIPEONFORK) == 0)
    page = p;
  else
    (void)munmap(p, (size_t)size);
}
#endif

pid_t gim_process_self(void) {
  pid_t self;
#if GIM_LINUX && defined(MADV_WIPEONFORK)
  (void)pthread_once(&once, make_page);
#endif
  if (page == NULL) return getpid();
  self = atomic_load_explicit(page, memory_order_relaxed);
  if (self != 0) return self;
  self = getpid();
  atomic_store_explicit(page, self, memory_order_relaxed);
  return self;
}
