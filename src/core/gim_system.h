/* SPDX-License-Identifier: MIT */
/*
** gim_system.h - whether this build may use what Linux alone has   [floor 0]
**
** epoll, timerfd, eventfd, getrandom, fallocate, renameat2, O_TMPFILE and
** SOCK_CLOEXEC are used on Linux. Elsewhere, and on Linux with GIM_PORTABLE
** defined (`make portable`, which runs the specs on that build), POSIX and
** libcurl take their place. What has a name that is defined or not (O_PATH)
** is used wherever it is.
*/
#ifndef gim_system_h
#define gim_system_h

#include <fcntl.h>

#if defined(__linux__) && !defined(GIM_PORTABLE)
#define GIM_LINUX 1
#else
#define GIM_LINUX 0
#endif

/* How to open a folder, with O_DIRECTORY, for names to be looked up in it:
   being allowed to search is enough, where the system can say so. */
#if defined(O_PATH)
#define GIM_O_SEARCH O_PATH
#elif defined(O_SEARCH)
#define GIM_O_SEARCH O_SEARCH
#else
#define GIM_O_SEARCH O_RDONLY
#endif

#endif
