/* SPDX-License-Identifier: MIT */
/* What specs need of the system and Lua does not have. */
#include "lgim_window_net.h"

#include "gim_net.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <lauxlib.h>
#include <linux/filter.h>
#include <linux/seccomp.h>
#include <sched.h>
#include <signal.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mount.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/time.h>
#include <sys/wait.h>
#include <unistd.h>

/* window.open_fds() -> how many descriptors the process has open */
static int window_open_fds(lua_State *L) {
  lua_Integer n = 0;
  DIR *folder = opendir("/proc/self/fd");
  if (folder == NULL) return luaL_error(L, "no /proc");
  while (readdir(folder) != NULL) n++;
  closedir(folder);
  lua_pushinteger(L, n - 3); /* ".", ".." and the folder itself */
  return 1;
}

/* window.list(folder) -> { name = mode }, without "." and ".." */
static int window_list(lua_State *L) {
  const char *path = luaL_checkstring(L, 1);
  DIR *folder = opendir(path);
  struct dirent *entry;
  if (folder == NULL) return luaL_error(L, "no folder %s", path);
  lua_newtable(L);
  while ((entry = readdir(folder)) != NULL) {
    struct stat st;
    if (strcmp(entry->d_name, ".") == 0 || strcmp(entry->d_name, "..") == 0)
      continue;
    if (fstatat(dirfd(folder), entry->d_name, &st, AT_SYMLINK_NOFOLLOW) != 0)
      continue;
    lua_pushinteger(L, (lua_Integer)(st.st_mode & 07777));
    lua_setfield(L, -2, entry->d_name);
  }
  closedir(folder);
  return 1;
}

/* window.blocks(path) -> bytes that the file takes on disk */
static int window_blocks(lua_State *L) {
  struct stat st;
  if (stat(luaL_checkstring(L, 1), &st) != 0) return 0;
  lua_pushinteger(L, (lua_Integer)st.st_blocks * 512);
  return 1;
}

static int window_mkdir(lua_State *L) {
  lua_pushboolean(L, mkdir(luaL_checkstring(L, 1),
                           (mode_t)luaL_optinteger(L, 2, 0777)) == 0);
  return 1;
}

static int window_symlink(lua_State *L) {
  lua_pushboolean(L, symlink(luaL_checkstring(L, 1), luaL_checkstring(L, 2)) ==
                         0);
  return 1;
}

static int window_chdir(lua_State *L) {
  lua_pushboolean(L, chdir(luaL_checkstring(L, 1)) == 0);
  return 1;
}

/* window.umask(mask) -> the one before */
static int window_umask(lua_State *L) {
  lua_pushinteger(L, (lua_Integer)umask((mode_t)luaL_checkinteger(L, 1)));
  return 1;
}

/* window.setenv(name, value | nil) */
static int window_setenv(lua_State *L) {
  const char *name = luaL_checkstring(L, 1);
  int result = lua_isnoneornil(L, 2) ? unsetenv(name)
                                     : setenv(name, luaL_checkstring(L, 2), 1);
  lua_pushboolean(L, result == 0);
  return 1;
}

/* The limit of how large files get, or of how many are open. What type that is
   told by differs between systems. */
static int with_limit(lua_State *L, bool size) {
  struct rlimit old, limited;
  int result;
  if (getrlimit(size ? RLIMIT_FSIZE : RLIMIT_NOFILE, &old) != 0)
    return luaL_error(L, "getrlimit");
  limited = old;
  limited.rlim_cur = (rlim_t)luaL_checkinteger(L, 1);
  setrlimit(size ? RLIMIT_FSIZE : RLIMIT_NOFILE, &limited);
  lua_settop(L, 2);
  result = lua_pcall(L, 0, LUA_MULTRET, 0);
  setrlimit(size ? RLIMIT_FSIZE : RLIMIT_NOFILE, &old);
  if (result != LUA_OK) return lua_error(L);
  return lua_gettop(L) - 1;
}

/* window.with_file_limit(bytes, f): files cannot grow beyond `bytes` while f
   runs; as a full disk, but with another errno, and who tries outside of
   gim_file_limit ends the process. Results and errors are f's. */
static int window_with_file_limit(lua_State *L) {
  return with_limit(L, true);
}

/* window.with_descriptor_limit(n, f): likewise, but no descriptor of a number
   from `n` on can be had. */
static int window_with_descriptor_limit(lua_State *L) {
  return with_limit(L, false);
}

static void do_nothing(int number) {
  (void)number;
}

/* window.with_signal(ms, f): a signal with a handler arrives after `ms`
   milliseconds while f runs, and system calls are not restarted. */
static int window_with_signal(lua_State *L) {
  lua_Integer ms = luaL_checkinteger(L, 1);
  struct sigaction before, handler;
  struct itimerval timer, off;
  int result;
  memset(&off, 0, sizeof(off));
  memset(&timer, 0, sizeof(timer));
  timer.it_value.tv_sec = (time_t)(ms / 1000);
  timer.it_value.tv_usec = (suseconds_t)(ms % 1000) * 1000;
  memset(&handler, 0, sizeof(handler));
  handler.sa_handler = do_nothing;
  sigaction(SIGALRM, &handler, &before);
  setitimer(ITIMER_REAL, &timer, NULL);
  lua_settop(L, 2);
  result = lua_pcall(L, 0, LUA_MULTRET, 0);
  setitimer(ITIMER_REAL, &off, NULL);
  sigaction(SIGALRM, &before, NULL);
  if (result != LUA_OK) return lua_error(L);
  return lua_gettop(L) - 1;
}

/* Mounts that this process alone sees. Without privileges a user namespace
   gives them, where the system lets us. */
static bool own_mounts(void) {
  if (unshare(CLONE_NEWNS) != 0 && unshare(CLONE_NEWUSER | CLONE_NEWNS) != 0)
    return false;
  return mount("none", "/", "none", MS_REC | MS_PRIVATE, NULL) == 0;
}

/* window.cover(path, with): `path` shows the file `with`; in a child. False
   where the system does not allow it. */
static int window_cover(lua_State *L) {
  const char *path = luaL_checkstring(L, 1);
  const char *with = luaL_checkstring(L, 2);
  lua_pushboolean(L, own_mounts() &&
                         mount(with, path, "none", MS_BIND, NULL) == 0);
  return 1;
}

/* window.small_disk(folder, bytes): `folder` has no more room; in a child.
   False where the system does not allow it. */
static int window_small_disk(lua_State *L) {
  const char *folder = luaL_checkstring(L, 1);
  const char *options = lua_pushfstring(L, "size=%I", luaL_checkinteger(L, 2));
  lua_pushboolean(L, own_mounts() &&
                         mount("tmpfs", folder, "tmpfs", 0, options) == 0);
  return 1;
}

/* In the child: f, and what it returned or raised to the pipe. */
static void run_child(lua_State *L, int to) {
  const char *text;
  size_t n;
  int result = lua_pcall(L, 0, 1, 0);
  text = luaL_tolstring(L, -1, &n);
  while (n > 0) {
    ssize_t wrote = write(to, text, n);
    if (wrote <= 0) break;
    text += wrote;
    n -= (size_t)wrote;
  }
  _exit(result == LUA_OK ? 0 : 1);
}

/* window.fork(f) -> pid, descriptor for window.join. The child runs f and ends
   without clean-up. */
static int window_fork(lua_State *L) {
  int pipes[2];
  pid_t child;
  lua_settop(L, 1);
  if (pipe2(pipes, O_CLOEXEC) != 0) return luaL_error(L, "pipe failed");
  child = fork();
  if (child < 0) {
    close(pipes[0]);
    close(pipes[1]);
    return luaL_error(L, "fork failed");
  }
  if (child == 0) {
    close(pipes[0]);
    run_child(L, pipes[1]);
  }
  close(pipes[1]);
  lua_pushinteger(L, child);
  lua_pushinteger(L, pipes[0]);
  return 2;
}

/* window.join(pid, descriptor) -> true when f did not raise, and tostring of
   what it returned or raised */
static int window_join(lua_State *L) {
  pid_t child = (pid_t)luaL_checkinteger(L, 1);
  int from = (int)luaL_checkinteger(L, 2), status;
  luaL_Buffer b;
  luaL_buffinit(L, &b);
  for (;;) {
    char *p = luaL_prepbuffsize(&b, 1024);
    ssize_t got = read(from, p, 1024);
    if (got < 0 && errno == EINTR) continue;
    if (got <= 0) break;
    luaL_addsize(&b, (size_t)got);
  }
  close(from);
  while (waitpid(child, &status, 0) < 0 && errno == EINTR) continue;
  luaL_pushresult(&b);
  lua_pushboolean(L, WIFEXITED(status) && WEXITSTATUS(status) == 0);
  lua_insert(L, -2);
  return 2;
}

/* window.in_child(f): fork and join. */
static int window_in_child(lua_State *L) {
  window_fork(L);
  lua_remove(L, 1);
  return window_join(L);
}

static int number_of(const char *name) {
  static const struct {
    const char *name;
    int number;
  } calls[] = {{"renameat2", SYS_renameat2}, {"linkat", SYS_linkat},
               {"fallocate", SYS_fallocate}, {"eventfd2", SYS_eventfd2},
               {"pipe2", SYS_pipe2},         {"clone", SYS_clone},
               {"clone3", SYS_clone3}};
  for (size_t i = 0; i < sizeof(calls) / sizeof(calls[0]); i++)
    if (strcmp(name, calls[i].name) == 0) return calls[i].number;
  return -1;
}

/* window.forbid{renameat2 = errno, ...}: for good; in a child. number_of has
   their names. */
static int window_forbid(lua_State *L) {
  struct sock_filter filter[16];
  struct sock_fprog program;
  unsigned short n = 0;
  luaL_checktype(L, 1, LUA_TTABLE);
  filter[n++] = (struct sock_filter)BPF_STMT(
      BPF_LD | BPF_W | BPF_ABS, offsetof(struct seccomp_data, nr));
  lua_pushnil(L);
  while (lua_next(L, 1) != 0 && n < 12) {
    int number = number_of(luaL_checkstring(L, -2));
    unsigned error = (unsigned)luaL_checkinteger(L, -1);
    luaL_argcheck(L, number >= 0, 1, "unknown system call");
    filter[n++] = (struct sock_filter)BPF_JUMP(BPF_JMP | BPF_JEQ | BPF_K,
                                               (unsigned)number, 0, 1);
    filter[n++] = (struct sock_filter)BPF_STMT(BPF_RET | BPF_K,
                                               SECCOMP_RET_ERRNO | error);
    lua_pop(L, 1);
  }
  filter[n++] =
      (struct sock_filter)BPF_STMT(BPF_RET | BPF_K, SECCOMP_RET_ALLOW);
  program.len = n;
  program.filter = filter;
  lua_pushboolean(
      L, prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0) == 0 &&
             prctl(PR_SET_SECCOMP, SECCOMP_MODE_FILTER, &program, 0, 0) == 0);
  return 1;
}

static int window_now_ms(lua_State *L) {
  lua_pushinteger(L, gim_net_now_ms());
  return 1;
}

static int window_unix_s(lua_State *L) {
  lua_pushinteger(L, gim_net_unix_s());
  return 1;
}

void lgim_window_net_process(lua_State *L) {
  static const luaL_Reg functions[] = {
      {"open_fds", window_open_fds},
      {"list", window_list},
      {"blocks", window_blocks},
      {"mkdir", window_mkdir},
      {"symlink", window_symlink},
      {"chdir", window_chdir},
      {"umask", window_umask},
      {"setenv", window_setenv},
      {"with_file_limit", window_with_file_limit},
      {"with_descriptor_limit", window_with_descriptor_limit},
      {"with_signal", window_with_signal},
      {"fork", window_fork},
      {"join", window_join},
      {"in_child", window_in_child},
      {"forbid", window_forbid},
      {"cover", window_cover},
      {"small_disk", window_small_disk},
      {"now_ms", window_now_ms},
      {"unix_s", window_unix_s},
      {NULL, NULL}};
  luaL_setfuncs(L, functions, 0);
}
