/* SPDX-License-Identifier: MIT */
#include "lgim_window_trace.h"

#include <errno.h>
#include <fcntl.h>
#include <lauxlib.h>
#include <pthread.h>
#include <stdarg.h>
#include <stdatomic.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <unistd.h>

#define ROOT_SIZE 1024
#define PATH_SIZE (ROOT_SIZE + GIM_LIMIT_PATH)
#define HEAD_SIZE 128
#define NO_REPLACE 1u /* RENAME_NOREPLACE */

static pthread_mutex_t lock = PTHREAD_MUTEX_INITIALIZER;
static atomic_int trace_fd = -1; /* -1: none is kept */
static char root[ROOT_SIZE];     /* what lies below it is written down */
static long syncs;

ssize_t __real_write(int fd, const void *p, size_t n);
ssize_t __real_pwrite(int fd, const void *p, size_t n, off_t offset);
int __real_ftruncate(int fd, off_t n);
int __real_openat(int folder, const char *path, int flags, ...);
int __real_mkdir(const char *path, mode_t mode);
int __real_rmdir(const char *path);
int __real_unlinkat(int folder, const char *path, int flags);
int __real_linkat(int from_folder, const char *from, int to_folder,
                  const char *to, int flags);
int __real_renameat(int from_folder, const char *from, int to_folder,
                    const char *to);
long __real_syscall(long number, ...);

/* Takes the lock; false, and it is not taken: there is no trace. */
static bool begin(void) {
  if (atomic_load(&trace_fd) < 0) return false;
  (void)pthread_mutex_lock(&lock);
  return true;
}

static void end(bool begun) {
  int error = errno;
  if (begun) (void)pthread_mutex_unlock(&lock);
  errno = error;
}

/* The absolute path below the root; false: it lies elsewhere. */
static bool find_path(int folder, const char *name, char path[PATH_SIZE]) {
  char link[64];
  size_t n = strlen(root);
  ssize_t got = 0;
  if (name == NULL || name[0] != '/') {
    if (folder == AT_FDCWD) return false;
    (void)snprintf(link, sizeof(link), "/proc/self/fd/%d", folder);
    got = readlink(link, path, PATH_SIZE - 1);
    if (got < 0) return false;
    path[got] = '\0';
  }
  if (name != NULL)
    (void)snprintf(path + got, PATH_SIZE - (size_t)got, "%s%s",
                   got > 0 ? "/" : "", name);
  return strncmp(path, root, n) == 0 && (path[n] == '/' || path[n] == '\0');
}

static void put(const void *p, size_t n) {
  const char *at = p;
  while (n > 0) {
    ssize_t done = __real_write(atomic_load(&trace_fd), at, n);
    if (done <= 0) return;
    at += done;
    n -= (size_t)done;
  }
}

/*
** One record, "what number lengths\n" and the three texts: of the path, of
** another one, of the data. Called with the lock held, after the call.
*/
static void note(const char *what, long long number, const char *path,
                 const char *other, const void *data, size_t data_n) {
  char head[HEAD_SIZE];
  int error = errno;
  size_t path_n = strlen(path), other_n = other == NULL ? 0 : strlen(other);
  int n = snprintf(head, sizeof(head), "%s %lld %zu %zu %zu\n", what, number,
                   path_n, other_n, data_n);
  put(head, (size_t)n);
  put(path, path_n);
  put(other, other_n);
  put(data, data_n);
  errno = error;
}

/* -------- files -------- */

ssize_t lgim_trace_write(int fd, const void *p, size_t n) {
  char path[PATH_SIZE];
  bool begun = begin();
  ssize_t done = __real_write(fd, p, n);
  if (begun && done > 0 && find_path(fd, NULL, path))
    /* At the end: all files that are written so are appended to. */
    note("append", 0, path, NULL, p, (size_t)done);
  end(begun);
  return done;
}

ssize_t lgim_trace_pwrite(int fd, const void *p, size_t n, off_t offset) {
  char path[PATH_SIZE];
  bool begun = begin();
  ssize_t done = __real_pwrite(fd, p, n, offset);
  if (begun && done > 0 && find_path(fd, NULL, path))
    note("write", (long long)offset, path, NULL, p, (size_t)done);
  end(begun);
  return done;
}

int lgim_trace_sync(int fd, int (*sync)(int fd)) {
  char path[PATH_SIZE];
  long number = 0;
  bool begun = begin(), known = begun && find_path(fd, NULL, path);
  int result;
  if (known) note("sync", number = ++syncs, path, NULL, NULL, 0);
  end(begun);
  result = sync(fd);
  if (!known || result != 0) return result;
  begun = begin();
  if (begun) note("synced", number, path, NULL, NULL, 0);
  end(begun);
  return result;
}

int lgim_trace_ftruncate(int fd, off_t n) {
  char path[PATH_SIZE];
  bool begun = begin();
  int result = __real_ftruncate(fd, n);
  if (begun && result == 0 && find_path(fd, NULL, path))
    note("truncate", (long long)n, path, NULL, NULL, 0);
  end(begun);
  return result;
}

/* -------- names -------- */

int lgim_trace_open(int folder, const char *name, int flags, mode_t mode) {
  char path[PATH_SIZE];
  struct stat there;
  bool begun = (flags & O_CREAT) != 0 && begin();
  bool is_new =
      begun && fstatat(folder, name, &there, AT_SYMLINK_NOFOLLOW) != 0;
  int fd = __real_openat(folder, name, flags, mode);
  if (is_new && fd >= 0 && find_path(folder, name, path))
    note("create", 0, path, NULL, NULL, 0);
  end(begun);
  return fd;
}

/* Writes down what was done to one name. */
static int note_name(const char *what, int result, int folder,
                     const char *name, bool begun) {
  char path[PATH_SIZE];
  if (begun && result == 0 && find_path(folder, name, path))
    note(what, 0, path, NULL, NULL, 0);
  end(begun);
  return result;
}

int lgim_trace_mkdir(const char *path, mode_t mode) {
  bool begun = begin();
  return note_name("mkdir", __real_mkdir(path, mode), AT_FDCWD, path, begun);
}

int lgim_trace_rmdir(const char *path) {
  bool begun = begin();
  return note_name("rmdir", __real_rmdir(path), AT_FDCWD, path, begun);
}

int lgim_trace_unlink(int folder, const char *path) {
  bool begun = begin();
  return note_name("unlink", __real_unlinkat(folder, path, 0), folder, path,
                   begun);
}

/* Likewise to two. */
static int note_names(const char *what, int result, const int folders[2],
                      const char *const names[2], bool begun) {
  char from[PATH_SIZE], to[PATH_SIZE];
  if (begun && result == 0 && find_path(folders[0], names[0], from) &&
      find_path(folders[1], names[1], to))
    note(what, 0, from, to, NULL, 0);
  end(begun);
  return result;
}

int lgim_trace_link(int from_folder, const char *from, int to_folder,
                    const char *to) {
  bool begun = begin();
  return note_names("link", __real_linkat(from_folder, from, to_folder, to, 0),
                    (int[]){from_folder, to_folder},
                    (const char *const[]){from, to}, begun);
}

int lgim_trace_rename(int from_folder, const char *from, int to_folder,
                      const char *to, bool exclusive) {
  bool begun = begin();
  int result = exclusive ? (int)__real_syscall(SYS_renameat2, from_folder,
                                               from, to_folder, to, NO_REPLACE)
                         : __real_renameat(from_folder, from, to_folder, to);
  return note_names("rename", result, (int[]){from_folder, to_folder},
                    (const char *const[]){from, to}, begun);
}

/* window.disk_trace(root, path): calls that change something below the folder
   `root` are added to the file at `path`, which lies elsewhere; both absolute.
   window.disk_trace(): no more. */
static int window_disk_trace(lua_State *L) {
  const char *folder = luaL_optstring(L, 1, NULL);
  int fd = -1, old;
  if (folder != NULL) {
    luaL_argcheck(L, strlen(folder) < ROOT_SIZE, 1, "too long");
    fd = __real_openat(AT_FDCWD, luaL_checkstring(L, 2),
                       O_WRONLY | O_APPEND | O_CREAT | O_CLOEXEC, 0600);
    if (fd < 0) return luaL_error(L, "no trace: %s", strerror(errno));
  }
  (void)pthread_mutex_lock(&lock);
  if (folder != NULL) memcpy(root, folder, strlen(folder) + 1);
  old = atomic_exchange(&trace_fd, fd);
  (void)pthread_mutex_unlock(&lock);
  if (old >= 0) close(old);
  return 0;
}

void lgim_window_trace(lua_State *L) {
  lua_pushcfunction(L, window_disk_trace);
  lua_setfield(L, -2, "disk_trace");
}
