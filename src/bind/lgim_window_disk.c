/* SPDX-License-Identifier: MIT */
/* Calls to the disk that fail or end the process, on demand: the objects under
   test are linked with these in place of the system's. */
#include "lgim_window_disk.h"

#include "lgim_window_trace.h"

#include <errno.h>
#include <fcntl.h>
#include <lauxlib.h>
#include <pthread.h>
#include <signal.h>
#include <stdarg.h>
#include <stdatomic.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <unistd.h>

/* Calls are counted from the journal's thread too. */
static atomic_long calls;    /* so far */
static atomic_long death;    /* the process ends in this one; 0: never */
static atomic_long delay_ms; /* that each fdatasync takes at least */
static atomic_bool idle;     /* nothing is synced really */

enum {
  CALL_WRITE,
  CALL_PWRITE,
  CALL_FDATASYNC,
  CALL_FSYNC,
  CALL_RENAME,
  CALL_FTRUNCATE,
  CALL_OPEN,
  CALL_MKDIR,
  CALL_RMDIR,
  CALL_UNLINK,
  CALL_LINK,
  CALL_URANDOM /* opening it */
};
#define CALL_COUNT (CALL_URANDOM + 1)
static atomic_int fault_number[CALL_COUNT]; /* errno that it fails with */
static atomic_long fault_after[CALL_COUNT]; /* so many succeed first */
static atomic_long counts[CALL_COUNT];
static const char *const call_names[] = {
    "write", "pwrite", "fdatasync", "fsync", "rename",  "ftruncate", "open",
    "mkdir", "rmdir",  "unlink",    "link",  "urandom", NULL};

int __real_fdatasync(int fd);
int __real_fsync(int fd);
long __real_syscall(long number, ...);
ssize_t __wrap_write(int fd, const void *p, size_t n);
ssize_t __wrap_pwrite(int fd, const void *p, size_t n, off_t offset);
int __wrap_fdatasync(int fd);
int __wrap_fsync(int fd);
int __wrap_ftruncate(int fd, off_t n);
int __wrap_open(const char *path, int flags, ...);
int __wrap_openat(int folder, const char *path, int flags, ...);
int __wrap_mkdir(const char *path, mode_t mode);
int __wrap_rmdir(const char *path);
int __wrap_unlink(const char *path);
int __wrap_unlinkat(int folder, const char *path, int flags);
int __wrap_linkat(int from_folder, const char *from, int to_folder,
                  const char *to, int flags);
int __wrap_rename(const char *from, const char *to);
int __wrap_renameat(int from_folder, const char *from, int to_folder,
                    const char *to);
long __wrap_syscall(long number, ...);

/* Counts the call, which may be the last. Is it to fail? Then errno is set. */
static bool fails(int call) {
  int number = atomic_load(&fault_number[call]);
  atomic_fetch_add(&counts[call], 1);
  if (atomic_fetch_add(&calls, 1) + 1 == atomic_load(&death)) {
    (void)kill(getpid(), SIGKILL);
    for (;;) (void)pause();
  }
  if (number == 0 || atomic_fetch_sub(&fault_after[call], 1) > 0) return false;
  errno = number;
  return true;
}

/* -------- a disk that does not answer -------- */

static struct {
  pthread_mutex_t lock;
  pthread_cond_t let;
  bool held;
  pthread_t spared; /* the thread of the specs: it has to go on */
} hold = {.lock = PTHREAD_MUTEX_INITIALIZER, .let = PTHREAD_COND_INITIALIZER};

static void wait_for_disk(void) {
  (void)pthread_mutex_lock(&hold.lock);
  while (hold.held && !pthread_equal(hold.spared, pthread_self()))
    (void)pthread_cond_wait(&hold.let, &hold.lock);
  (void)pthread_mutex_unlock(&hold.lock);
}

/* window.disk_hold(flag): writes into files at an offset, renames and removals
   by other threads wait, until it is let go */
static int window_disk_hold(lua_State *L) {
  (void)pthread_mutex_lock(&hold.lock);
  hold.held = lua_toboolean(L, 1);
  hold.spared = pthread_self();
  (void)pthread_cond_broadcast(&hold.let);
  (void)pthread_mutex_unlock(&hold.lock);
  return 0;
}

/* Pipes and event descriptors are no disk. */
static bool is_file(int fd) {
  struct stat st;
  return fstat(fd, &st) == 0 && S_ISREG(st.st_mode);
}

/* As a full disk does: half of it goes in, and the rest does not. */
ssize_t __wrap_write(int fd, const void *p, size_t n) {
  if (!is_file(fd) || !fails(CALL_WRITE)) return lgim_trace_write(fd, p, n);
  if (n > 1) {
    int error = errno;
    (void)!lgim_trace_write(fd, p, n / 2);
    errno = error;
  }
  return -1;
}

ssize_t __wrap_pwrite(int fd, const void *p, size_t n, off_t offset) {
  wait_for_disk();
  return fails(CALL_PWRITE) ? -1 : lgim_trace_pwrite(fd, p, n, offset);
}

static int sync_nothing(int fd) {
  (void)fd;
  return 0;
}

static int sync_file(int fd, int (*sync)(int fd)) {
  return lgim_trace_sync(fd, atomic_load(&idle) ? sync_nothing : sync);
}

int __wrap_fdatasync(int fd) {
  bool failed = fails(CALL_FDATASYNC);
  int error = errno;
  if (atomic_load(&delay_ms) > 0)
    (void)usleep((useconds_t)atomic_load(&delay_ms) * 1000);
  errno = error;
  return failed ? -1 : sync_file(fd, __real_fdatasync);
}

int __wrap_fsync(int fd) {
  return fails(CALL_FSYNC) ? -1 : sync_file(fd, __real_fsync);
}

int __wrap_ftruncate(int fd, off_t n) {
  return fails(CALL_FTRUNCATE) ? -1 : lgim_trace_ftruncate(fd, n);
}

/* Opening to read changes nothing. */
static int open_at(int folder, const char *path, int flags, va_list more) {
  bool makes = (flags & O_CREAT) != 0 || (flags & O_TMPFILE) == O_TMPFILE;
  mode_t mode = makes ? (mode_t)va_arg(more, unsigned int) : 0;
  if ((flags & O_CREAT) != 0 && fails(CALL_OPEN)) return -1;
  if (strcmp(path, "/dev/urandom") == 0 && fails(CALL_URANDOM)) return -1;
  return lgim_trace_open(folder, path, flags, mode);
}

int __wrap_open(const char *path, int flags, ...) {
  va_list more;
  int fd;
  va_start(more, flags);
  fd = open_at(AT_FDCWD, path, flags, more);
  va_end(more);
  return fd;
}

int __wrap_openat(int folder, const char *path, int flags, ...) {
  va_list more;
  int fd;
  va_start(more, flags);
  fd = open_at(folder, path, flags, more);
  va_end(more);
  return fd;
}

int __wrap_mkdir(const char *path, mode_t mode) {
  return fails(CALL_MKDIR) ? -1 : lgim_trace_mkdir(path, mode);
}

int __wrap_rmdir(const char *path) {
  return fails(CALL_RMDIR) ? -1 : lgim_trace_rmdir(path);
}

int __wrap_unlink(const char *path) {
  return fails(CALL_UNLINK) ? -1 : lgim_trace_unlink(AT_FDCWD, path);
}

int __wrap_unlinkat(int folder, const char *path, int flags) {
  (void)flags; /* nobody removes folders so */
  wait_for_disk();
  return fails(CALL_UNLINK) ? -1 : lgim_trace_unlink(folder, path);
}

int __wrap_linkat(int from_folder, const char *from, int to_folder,
                  const char *to, int flags) {
  (void)flags;
  return fails(CALL_LINK) ? -1
                          : lgim_trace_link(from_folder, from, to_folder, to);
}

static int rename_at(int from_folder, const char *from, int to_folder,
                     const char *to, bool exclusive) {
  wait_for_disk();
  return fails(CALL_RENAME)
             ? -1
             : lgim_trace_rename(from_folder, from, to_folder, to, exclusive);
}

int __wrap_rename(const char *from, const char *to) {
  return rename_at(AT_FDCWD, from, AT_FDCWD, to, false);
}

int __wrap_renameat(int from_folder, const char *from, int to_folder,
                    const char *to) {
  return rename_at(from_folder, from, to_folder, to, false);
}

/* Of the five that renameat2 takes, which is all that is called so. */
long __wrap_syscall(long number, ...) {
  int from_folder, to_folder;
  const char *from, *to;
  va_list more;
  if (number != SYS_renameat2) {
    errno = ENOSYS;
    return -1;
  }
  va_start(more, number);
  from_folder = va_arg(more, int);
  from = va_arg(more, const char *);
  to_folder = va_arg(more, int);
  to = va_arg(more, const char *);
  va_end(more);
  return rename_at(from_folder, from, to_folder, to, true);
}

/* window.disk_fault(call, errno [, after]): calls of that name fail from the
   (after + 1)th on; window.disk_fault(): none does any more. */
static int window_disk_fault(lua_State *L) {
  int call;
  if (lua_isnoneornil(L, 1)) {
    for (call = 0; call < CALL_COUNT; call++)
      atomic_store(&fault_number[call], 0);
    return 0;
  }
  call = luaL_checkoption(L, 1, NULL, call_names);
  atomic_store(&fault_after[call], (long)luaL_optinteger(L, 3, 0));
  atomic_store(&fault_number[call], (int)luaL_checkinteger(L, 2));
  return 0;
}

/* window.die_at(n): the n-th call from here on never returns: the process is
   killed. 0: it lives, and the calls are counted from here. */
static int window_die_at(lua_State *L) {
  for (int call = 0; call < CALL_COUNT; call++) atomic_store(&counts[call], 0);
  atomic_store(&calls, 0);
  atomic_store(&death, (long)luaL_checkinteger(L, 1));
  return 0;
}

/* window.disk_delay(ms): a slow disk */
static int window_disk_delay(lua_State *L) {
  atomic_store(&delay_ms, (long)luaL_checkinteger(L, 1));
  return 0;
}

/* window.disk_idle(flag): nothing is synced really, and it takes no time: for
   who asks a trace what a disk would have kept */
static int window_disk_idle(lua_State *L) {
  atomic_store(&idle, lua_toboolean(L, 1));
  return 0;
}

/* window.disk_calls([call]) -> calls, of that name or of all, since die_at or
   the start */
static int window_disk_calls(lua_State *L) {
  long n =
      lua_isnoneornil(L, 1)
          ? atomic_load(&calls)
          : atomic_load(&counts[luaL_checkoption(L, 1, NULL, call_names)]);
  lua_pushinteger(L, (lua_Integer)n);
  return 1;
}

void lgim_window_disk(lua_State *L) {
  static const luaL_Reg functions[] = {{"disk_fault", window_disk_fault},
                                       {"die_at", window_die_at},
                                       {"disk_delay", window_disk_delay},
                                       {"disk_idle", window_disk_idle},
                                       {"disk_calls", window_disk_calls},
                                       {"disk_hold", window_disk_hold},
                                       {NULL, NULL}};
  luaL_setfuncs(L, functions, 0);
  lgim_window_trace(L);
}
