/* SPDX-License-Identifier: MIT */
#include "lgim_window.h"

#include "lgim_table.h"
#include "lgim_window_disk.h"

#include <stdlib.h>

/*
** Allocation failures: after `window.fail_allocation(n)` the n-th allocation
** of the objects under test fails, once; 0 switches it off. Allocations of
** Lua and libcurl are not counted: they are other objects. Nor are those of
** other threads: when the journal's works is chance.
*/
static _Thread_local long fail_countdown;

void *__real_malloc(size_t n);
void *__real_calloc(size_t count, size_t n);
void *__real_realloc(void *p, size_t n);
void *__wrap_malloc(size_t n);
void *__wrap_calloc(size_t count, size_t n);
void *__wrap_realloc(void *p, size_t n);

static bool fails_now(void) {
  return fail_countdown > 0 && --fail_countdown == 0;
}

void *__wrap_malloc(size_t n) {
  return fails_now() ? NULL : __real_malloc(n);
}

void *__wrap_calloc(size_t count, size_t n) {
  return fails_now() ? NULL : __real_calloc(count, n);
}

void *__wrap_realloc(void *p, size_t n) {
  return fails_now() ? NULL : __real_realloc(p, n);
}

/* window.fail_allocation(n) -> the allocations that were still to come */
static int window_fail_allocation(lua_State *L) {
  lua_Integer n = luaL_checkinteger(L, 1);
  lua_pushinteger(L, fail_countdown);
  fail_countdown = (long)n;
  return 1;
}

/* Lua's own allocator, which gives nothing from some allocation on. */
typedef struct famine {
  lua_Alloc allocate;
  void *ud;
  lua_Integer left; /* allocations until then */
} famine;

static void *allocate_for_a_while(void *ud, void *p, size_t old, size_t n) {
  famine *f = ud;
  bool grows = n > 0 && (p == NULL || n > old);
  if (grows && f->left == 0) return NULL;
  if (grows) f->left--;
  return f->allocate(f->ud, p, old, n);
}

/* window.starve(n, f) -> as pcall(f), where Lua has memory for `n`
   allocations only */
static int window_starve(lua_State *L) {
  famine f;
  int result;
  f.left = luaL_checkinteger(L, 1);
  luaL_checktype(L, 2, LUA_TFUNCTION);
  lua_settop(L, 2);
  f.allocate = lua_getallocf(L, &f.ud);
  lua_setallocf(L, allocate_for_a_while, &f);
  result = lua_pcall(L, 0, LUA_MULTRET, 0);
  lua_setallocf(L, f.allocate, f.ud);
  lua_pushboolean(L, result == LUA_OK);
  lua_replace(L, 1);
  return lua_gettop(L);
}

void lgim_window_set_text(lua_State *L, const char *name, const char *text) {
  if (text == NULL) return;
  lua_pushstring(L, text);
  lua_setfield(L, -2, name);
}

int lgim_window_fail(lua_State *L, const gim_err *err) {
  lua_pushnil(L);
  lua_createtable(L, 0, 10);
  lgim_set_text(L, "kind", gim_status_name(err->status));
  lgim_set_text(L, "message", err->message);
  lgim_set_text(L, "field", err->field);
  lgim_set_text(L, "code", err->code);
  lgim_set_text(L, "param", err->param);
  lgim_set_text(L, "request_id", err->request_id);
  lgim_set_integer(L, "status", err->http_status);
  lgim_set_flag(L, "retryable", err->retryable);
  lgim_set_integer(L, "retry_after_ms", err->retry_after_ms);
  lgim_set_integer(L, "offset", err->offset);
  return 2;
}

int lgim_window_done(lua_State *L, gim_status status, const gim_err *err) {
  if (status != GIM_OK) return lgim_window_fail(L, err);
  lua_pushboolean(L, 1);
  return 1;
}

void lgim_window_class(lua_State *L, const char *name,
                       const luaL_Reg *methods) {
  luaL_newmetatable(L, name);
  luaL_setfuncs(L, methods, 0);
  lua_pushvalue(L, -1);
  lua_setfield(L, -2, "__index");
  lua_pop(L, 1);
}

__attribute__((visibility("default"))) int
luaopen_gptimage_core_test(lua_State *L);

/* luaopen_* are the only names that leave the objects. */
int luaopen_gptimage_core_test(lua_State *L) {
  lua_newtable(L);
  lua_pushcfunction(L, window_fail_allocation);
  lua_setfield(L, -2, "fail_allocation");
  lua_pushcfunction(L, window_starve);
  lua_setfield(L, -2, "starve");
  lgim_window_rules(L);
  lgim_window_parse(L);
  lgim_window_task(L);
  lgim_window_net(L);
  lgim_window_disk(L);
  lgim_window_journal(L);
  lgim_window_record(L);
  lgim_window_archive(L);
  lgim_window_scribe(L);
  lgim_window_client(L);
  return 1;
}
