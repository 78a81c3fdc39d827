/* SPDX-License-Identifier: MIT */
/* Chance, as the specs want it: the objects under test are linked with these
   in place of the kernel's source. */
#include "lgim_window_net.h"

#include "gim_net.h"

#include <errno.h>
#include <lauxlib.h>
#include <string.h>
#include <sys/random.h>

/* What the source gives next; the errno that it fails with, 0: it gives. */
static unsigned char next_random[256];
static size_t next_random_n;
static int fault;

ssize_t __real_getrandom(void *p, size_t n, unsigned flags);
int __real_getentropy(void *p, size_t n);
ssize_t __wrap_getrandom(void *p, size_t n, unsigned flags);
int __wrap_getentropy(void *p, size_t n);

/* False: there is nothing left of it, or not so much. */
static bool give_random(void *p, size_t n) {
  if (n == 0 || n > next_random_n) return false;
  memcpy(p, next_random, n);
  next_random_n -= n;
  memmove(next_random, next_random + n, next_random_n);
  return true;
}

ssize_t __wrap_getrandom(void *p, size_t n, unsigned flags) {
  errno = fault;
  if (fault != 0) return -1;
  return give_random(p, n) ? (ssize_t)n : __real_getrandom(p, n, flags);
}

int __wrap_getentropy(void *p, size_t n) {
  errno = fault;
  if (fault != 0) return -1;
  return give_random(p, n) ? 0 : __real_getentropy(p, n);
}

/* window.next_random(bytes): who asks the kernel for no more than these gets
   them, or the first of them; then the next. 256 at most. */
static int window_next_random(lua_State *L) {
  size_t n;
  const char *bytes = luaL_checklstring(L, 1, &n);
  luaL_argcheck(L, n <= sizeof(next_random), 1, "too long");
  memcpy(next_random, bytes, n);
  next_random_n = n;
  return 0;
}

/* window.random_fault([errno]): the kernel gives none; without, it does */
static int window_random_fault(lua_State *L) {
  fault = (int)luaL_optinteger(L, 1, 0);
  return 0;
}

/* window.random_bytes(n) -> n bytes | nil, errno
   window.random() -> 32 bits */
static int window_random_bytes(lua_State *L) {
  size_t n = (size_t)luaL_checkinteger(L, 1);
  luaL_Buffer b;
  char *p = luaL_buffinitsize(L, &b, n);
  if (!gim_net_random_bytes(p, n)) {
    int error = errno;
    lua_pushnil(L);
    lua_pushinteger(L, error);
    return 2;
  }
  luaL_pushresultsize(&b, n);
  return 1;
}

static int window_random(lua_State *L) {
  lua_pushinteger(L, (lua_Integer)gim_net_random());
  return 1;
}

void lgim_window_net_random(lua_State *L) {
  static const luaL_Reg functions[] = {{"next_random", window_next_random},
                                       {"random_fault", window_random_fault},
                                       {"random", window_random},
                                       {"random_bytes", window_random_bytes},
                                       {NULL, NULL}};
  luaL_setfuncs(L, functions, 0);
}
