/* SPDX-License-Identifier: MIT */
/*
** gim_file_limit.h - a file that may not grow is a failed write   [floor 1]
**
** Who writes beyond the limit on the size of files (RLIMIT_FSIZE, `ulimit -f`)
** gets EFBIG, and SIGXFSZ with it, which ends the process. Programs ignore
** that signal (CPython, Subversion and PostgreSQL do); a library must not
** touch what the host does with its signals. So the signal is held back in the
** thread that writes, for as long as it writes, and thrown away: the system
** sends it to that thread alone.
*/
#ifndef gim_file_limit_h
#define gim_file_limit_h

#include "gim_base.h"

#include <signal.h>

#pragma GCC visibility push(hidden)

typedef struct gim_file_limit {
  /* private: */
  sigset_t before; /* what the thread blocks anyhow */
  bool pending;    /* one was, of the host's */
} gim_file_limit;

/* From now on the limit is EFBIG and nothing else. Until _release, by the same
   thread and always; neither changes errno. */
void gim_file_limit_hold(gim_file_limit *limit);
void gim_file_limit_release(const gim_file_limit *limit);

#pragma GCC visibility pop

#endif
