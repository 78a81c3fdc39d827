/* SPDX-License-Identifier: MIT */
/*
** gim_system.h - whether this build may use what Linux alone has   [floor 0]
**
** epoll, timerfd, eventfd, getrandom, fallocate, renameat2, O_TMPFILE and
** SOCK_CLOEXEC are used on Linux. Elsewhere, and on Linux with GIM_PORTABLE
** defined (`make portable`, which runs the specs on that build), POSIX and
** libcurl take their place.
*/
#ifndef gim_system_h
#define gim_system_h

#if defined(__linux__) && !defined(GIM_PORTABLE)
#define GIM_LINUX 1
#else
#define GIM_LINUX 0
#endif

#endif
