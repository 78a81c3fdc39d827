/* SPDX-License-Identifier: MIT */
/*
** lgim_window_mask.c - the test window on masks   [floor 11]
**
** Linked with the objects that ship into mask_test.so, which is never
** installed: the module's functions, and fail_allocation(n), after which the
** n-th allocation of the objects, and of libpng for them, fails once.
*/
#include "lgim_mask.h"

#include <lauxlib.h>
#include <stdlib.h>

static long fail_countdown;

void *__real_malloc(size_t n);
void *__real_calloc(size_t count, size_t n);
void *__wrap_malloc(size_t n);
void *__wrap_calloc(size_t count, size_t n);

static bool fails_now(void) {
  return fail_countdown > 0 && --fail_countdown == 0;
}

void *__wrap_malloc(size_t n) {
  return fails_now() ? NULL : __real_malloc(n);
}

void *__wrap_calloc(size_t count, size_t n) {
  return fails_now() ? NULL : __real_calloc(count, n);
}

/* window.fail_allocation(n) -> the allocations that were still to come */
static int window_fail_allocation(lua_State *L) {
  lua_Integer n = luaL_checkinteger(L, 1);
  lua_pushinteger(L, fail_countdown);
  fail_countdown = (long)n;
  return 1;
}

__attribute__((visibility("default"))) int
luaopen_gptimage_mask_test(lua_State *L);

/* require "gptimage.mask_test" */
int luaopen_gptimage_mask_test(lua_State *L) {
  lgim_mask_push(L);
  lua_pushcfunction(L, window_fail_allocation);
  lua_setfield(L, -2, "fail_allocation");
  return 1;
}
