/* SPDX-License-Identifier: MIT */
/*
** lgim_window_trace.h - what was asked of the disk, in order   [floor 11]
**
** The system's calls that change a folder or a file, done and written down:
** spec/support/power.lua makes of such a trace every disk that a power
** failure may leave.
*/
#ifndef lgim_window_trace_h
#define lgim_window_trace_h

#include "gim_base.h"

#include <lua.h>
#include <sys/types.h>

#pragma GCC visibility push(hidden)

/*
** Each as the system's call of that name. Where a trace is kept, calls come
** one after the other, but for the syncing ones, of which both ends are
** written down.
*/
ssize_t lgim_trace_write(int fd, const void *p, size_t n);
ssize_t lgim_trace_pwrite(int fd, const void *p, size_t n, off_t offset);
int lgim_trace_sync(int fd, int (*sync)(int fd));
int lgim_trace_ftruncate(int fd, off_t n);
int lgim_trace_open(int folder, const char *path, int flags, mode_t mode);
int lgim_trace_mkdir(const char *path, mode_t mode);
int lgim_trace_rmdir(const char *path);
int lgim_trace_unlink(int folder, const char *path);
int lgim_trace_link(int from_folder, const char *from, int to_folder,
                    const char *to);
/* `exclusive`: never over another file. */
int lgim_trace_rename(int from_folder, const char *from, int to_folder,
                      const char *to, bool exclusive);

/* Adds disk_trace to the table on top of the stack. */
void lgim_window_trace(lua_State *L);

#pragma GCC visibility pop

#endif
