/* SPDX-License-Identifier: MIT */
#include "lgim_window_parse.h"

#include "lgim_window.h"

#include <string.h>

/*
** A copy without the NUL that Lua puts behind its strings: a sanitizer sees
** who reads one byte too many.
*/
gim_str lgim_window_str(lua_State *L, int index) {
  gim_str s;
  const char *p = luaL_checklstring(L, index, &s.n);
  char *copy;
  index = lua_absindex(L, index);
  copy = lua_newuserdatauv(L, s.n, 0);
  if (s.n > 0) memcpy(copy, p, s.n);
  lua_replace(L, index);
  s.p = copy;
  return s;
}

gim_str lgim_window_field(lua_State *L, int index, const char *key) {
  gim_str none = {NULL, 0};
  if (lua_getfield(L, index, key) == LUA_TNIL) return none;
  return lgim_window_str(L, -1);
}

lua_Integer lgim_window_integer(lua_State *L, int index, const char *key,
                                lua_Integer otherwise) {
  lua_Integer value;
  lua_getfield(L, index, key);
  value = luaL_optinteger(L, -1, otherwise);
  lua_pop(L, 1);
  return value;
}

bool lgim_window_flag(lua_State *L, int index, const char *key) {
  bool flag;
  lua_getfield(L, index, key);
  flag = lua_toboolean(L, -1);
  lua_pop(L, 1);
  return flag;
}

gim_answer lgim_window_answer(lua_State *L, int index, int64_t otherwise) {
  gim_answer answer;
  luaL_checktype(L, index, LUA_TTABLE);
  luaL_checkstack(L, 12, NULL);
  answer.http_status = (int)lgim_window_integer(L, index, "http_status", 200);
  answer.content_type = lgim_window_field(L, index, "content_type");
  answer.retry_after = lgim_window_field(L, index, "retry_after");
  answer.retry_after_ms = lgim_window_field(L, index, "retry_after_ms");
  answer.request_id = lgim_window_field(L, index, "request_id");
  answer.body = lgim_window_field(L, index, "body");
  answer.secret = lgim_window_field(L, index, "secret");
  answer.now_unix_s = lgim_window_integer(L, index, "now", otherwise);
  return answer;
}

static int release_check(lua_State *L) {
  gim_json_check *check = lua_touserdata(L, 1);
  gim_json_check_free(check);
  gim_json_check_free(check); /* idempotent */
  return 0;
}

gim_json_check *lgim_window_check(lua_State *L, int depth, size_t values) {
  gim_json_check *check = lgim_window_hold(
      L, sizeof(*check), "gptimage.window.json_check", release_check);
  gim_json_check_init(check, depth, values);
  gim_json_check_index(check);
  return check;
}

gim_json lgim_window_root(lua_State *L, gim_str body) {
  gim_json_check *check =
      lgim_window_check(L, GIM_LIMIT_JSON_DEPTH, GIM_LIMIT_JSON_VALUES);
  gim_json root;
  gim_status status;
  gim_json_check_feed(check, body.p, body.n);
  status = gim_json_root(check, body, &root, NULL);
  (void)status; /* as gim_exchange does */
  return root;
}

gim_simd lgim_window_simd(lua_State *L, int index) {
  const char *name = luaL_optstring(L, index, NULL);
  if (name == NULL) return gim_simd_best();
  for (int i = 0; i < GIM_SIMD_COUNT; i++) {
    if (strcmp(name, gim_simd_name((gim_simd)i)) == 0 &&
        gim_simd_has((gim_simd)i))
      return (gim_simd)i;
  }
  return (gim_simd)luaL_error(L, "this processor has no '%s'", name);
}

void *lgim_window_hold(lua_State *L, size_t size, const char *name,
                       lua_CFunction release) {
  void *held = lua_newuserdatauv(L, size, 0);
  memset(held, 0, size);
  if (luaL_newmetatable(L, name)) {
    lua_pushcfunction(L, release);
    lua_setfield(L, -2, "__gc");
  }
  lua_setmetatable(L, -2);
  return held;
}

static int release_buffer(lua_State *L) {
  gim_buffer_free(lua_touserdata(L, 1));
  return 0;
}

gim_buffer *lgim_window_buffer(lua_State *L, size_t limit) {
  gim_buffer *b = lgim_window_hold(L, sizeof(*b), "gptimage.window.buffer",
                                   release_buffer);
  gim_buffer_init(b, limit);
  return b;
}

void lgim_window_push(lua_State *L, const gim_buffer *b) {
  gim_str s = gim_buffer_str(b);
  lua_pushlstring(L, s.n == 0 ? "" : s.p, s.n);
}

int lgim_window_status(lua_State *L, gim_status status) {
  lua_pushnil(L);
  lua_pushstring(L, gim_status_name(status));
  return 2;
}

void lgim_window_parse(lua_State *L) {
  lgim_window_parse_ground(L);
  lgim_window_parse_codec(L);
  lgim_window_parse_json(L);
  lgim_window_parse_reply(L);
}
