/* SPDX-License-Identifier: MIT */
/* Calls to the disk that fail or end the process, on demand: the objects under
   test are linked with these in place of the system's. */
#include "lgim_window_disk.h"

#include <errno.h>
#include <fcntl.h>
#include <lauxlib.h>
#include <signal.h>
#include <stdatomic.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

/* Calls are counted from the journal's thread too. */
static atomic_long calls;  /* so far */
static atomic_long death;  /* the process ends in this one; 0: never */
static atomic_int lose;    /* and takes with it what was not synced */
static atomic_long synced; /* bytes of the journal at its last fdatasync;
                                   -1: what it had before the next write */

static atomic_long delay_ms; /* that each fdatasync takes at least */

enum { CALL_WRITE, CALL_FDATASYNC, CALL_FSYNC, CALL_RENAME, CALL_FTRUNCATE };
#define CALL_COUNT (CALL_FTRUNCATE + 1)
static atomic_int fault_number[CALL_COUNT]; /* errno that it fails with */
static atomic_long fault_after[CALL_COUNT]; /* so many succeed first */
static const char *const call_names[] = {"write",  "fdatasync", "fsync",
                                         "rename", "ftruncate", NULL};

ssize_t __real_write(int fd, const void *p, size_t n);
int __real_fdatasync(int fd);
int __real_fsync(int fd);
int __real_rename(const char *from, const char *to);
int __real_ftruncate(int fd, off_t n);
int __real_unlink(const char *path);
ssize_t __wrap_write(int fd, const void *p, size_t n);
int __wrap_fdatasync(int fd);
int __wrap_fsync(int fd);
int __wrap_rename(const char *from, const char *to);
int __wrap_ftruncate(int fd, off_t n);
int __wrap_unlink(const char *path);

static void count_call(void) {
  if (atomic_fetch_add(&calls, 1) + 1 != atomic_load(&death)) return;
  (void)kill(getpid(), SIGKILL);
  for (;;) (void)pause();
}

/* Is this call to fail? Then errno is set. */
static bool fails(int call) {
  int number = atomic_load(&fault_number[call]);
  if (number == 0 || atomic_fetch_sub(&fault_after[call], 1) > 0) return false;
  errno = number;
  return true;
}

ssize_t __wrap_write(int fd, const void *p, size_t n) {
  struct stat st;
  if (fstat(fd, &st) != 0 || !S_ISREG(st.st_mode))
    return __real_write(fd, p, n);
  if (atomic_load(&synced) < 0) atomic_store(&synced, (long)st.st_size);
  count_call();
  if (!fails(CALL_WRITE)) return __real_write(fd, p, n);
  /* As a full disk does: half of it goes in, and the rest does not. */
  if (n > 1) (void)!__real_write(fd, p, n / 2);
  return -1;
}

int __wrap_fdatasync(int fd) {
  struct stat st;
  int result;
  if (atomic_load(&lose) && atomic_load(&calls) + 1 >= atomic_load(&death)) {
    /* The power fails: what was not synced never was. */
    atomic_store(&death, atomic_load(&calls) + 1);
    (void)__real_ftruncate(fd, (off_t)atomic_load(&synced));
  }
  count_call();
  if (atomic_load(&delay_ms) > 0)
    (void)usleep((useconds_t)atomic_load(&delay_ms) * 1000);
  if (fails(CALL_FDATASYNC)) return -1;
  result = __real_fdatasync(fd);
  if (fstat(fd, &st) == 0) atomic_store(&synced, (long)st.st_size);
  return result;
}

int __wrap_fsync(int fd) {
  count_call();
  return fails(CALL_FSYNC) ? -1 : __real_fsync(fd);
}

int __wrap_rename(const char *from, const char *to) {
  count_call();
  return fails(CALL_RENAME) ? -1 : __real_rename(from, to);
}

int __wrap_ftruncate(int fd, off_t n) {
  count_call();
  return fails(CALL_FTRUNCATE) ? -1 : __real_ftruncate(fd, n);
}

int __wrap_unlink(const char *path) {
  count_call();
  return __real_unlink(path);
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

/* window.die_at(n, power): the n-th call from here on never returns: the
   process is killed. With `power`, at the next fdatasync from there on, and
   what the journal got since the one before is lost. */
static int window_die_at(lua_State *L) {
  atomic_store(&calls, 0);
  atomic_store(&synced, -1);
  atomic_store(&lose, lua_toboolean(L, 2));
  atomic_store(&death, (long)luaL_checkinteger(L, 1));
  return 0;
}

/* window.disk_delay(ms): a slow disk */
static int window_disk_delay(lua_State *L) {
  atomic_store(&delay_ms, (long)luaL_checkinteger(L, 1));
  return 0;
}

/* window.disk_calls() -> calls counted since die_at, or the start */
static int window_disk_calls(lua_State *L) {
  lua_pushinteger(L, (lua_Integer)atomic_load(&calls));
  return 1;
}

void lgim_window_disk(lua_State *L) {
  static const luaL_Reg functions[] = {{"disk_fault", window_disk_fault},
                                       {"die_at", window_die_at},
                                       {"disk_delay", window_disk_delay},
                                       {"disk_calls", window_disk_calls},
                                       {NULL, NULL}};
  luaL_setfuncs(L, functions, 0);
}
