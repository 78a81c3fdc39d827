/* SPDX-License-Identifier: MIT */
#include "lgim_window_parse.h"

#include "gim_redact.h"
#include "lgim_table.h"
#include "lgim_window.h"

#include <stdlib.h>
#include <string.h>

typedef void (*copier)(char *to, size_t size, gim_str s);

static int copied(lua_State *L, copier copy) {
  gim_str s = lgim_window_str(L, 1);
  size_t size = (size_t)luaL_checkinteger(L, 2);
  copy(lua_newuserdatauv(L, size, 0), size, s);
  lua_pushstring(L, lua_touserdata(L, -1));
  return 1;
}

/* window.copy_text(text, size) -> text */
static int window_copy_text(lua_State *L) {
  return copied(L, gim_copy_text);
}

/* window.redact(text, size [, secret]) -> text */
static int window_redact(lua_State *L) {
  gim_str s = lgim_window_str(L, 1), secret = {NULL, 0};
  size_t size = (size_t)luaL_checkinteger(L, 2);
  if (!lua_isnoneornil(L, 3)) secret = lgim_window_str(L, 3);
  gim_redact(lua_newuserdatauv(L, size, 0), size, s, secret);
  lua_pushstring(L, lua_touserdata(L, -1));
  return 1;
}

/* window.redact_secret(text, secret) -> text, is the secret in it */
static int window_redact_secret(lua_State *L) {
  gim_str s = lgim_window_str(L, 1), secret = lgim_window_str(L, 2);
  char *text = lua_newuserdatauv(L, s.n + 1, 0);
  memcpy(text, s.p, s.n);
  text[s.n] = '\0';
  gim_redact_secret(text, secret);
  lua_pushstring(L, text);
  lua_pushboolean(L, gim_redact_finds(s, secret));
  return 2;
}

/* window.str_sequence(text) -> bytes of its first UTF-8 sequence, or 0 */
static int window_str_sequence(lua_State *L) {
  lua_pushinteger(L, (lua_Integer)gim_str_sequence(lgim_window_str(L, 1)));
  return 1;
}

/* window.str_compare(a, b) -> equal, equal but for case, a starts with b */
static int window_str_compare(lua_State *L) {
  gim_str a = lgim_window_str(L, 1), b = lgim_window_str(L, 2);
  lua_pushboolean(L, gim_str_equal(a, b));
  lua_pushboolean(L, gim_str_equal_nocase(a, b));
  lua_pushboolean(L, gim_str_starts(a, b));
  return 3;
}

/* window.fail(text) -> {err of gim_fail, fed its own message}, its status */
static int window_fail(lua_State *L) {
  gim_err err;
  (void)gim_fail(&err, GIM_E_SERVER, "%s", luaL_checkstring(L, 1));
  err.retryable = true;
  memcpy(err.code, "old", 4);
  (void)gim_fail(&err, GIM_E_PROTOCOL, "<%s>", err.message);
  lua_newtable(L);
  lgim_window_set_text(L, "message", err.message);
  lgim_window_set_text(L, "kind", gim_status_name(err.status));
  lgim_window_set_text(L, "code", err.code);
  lgim_set_integer(L, "retryable", err.retryable);
  lgim_set_integer(L, "retry_after_ms", err.retry_after_ms);
  lgim_set_integer(L, "offset", err.offset);
  lua_pushstring(L, gim_status_name(gim_fail(NULL, GIM_E_IO, "unheard")));
  return 2;
}

/* window.names() -> {status names}, {billed names}, one past the end each */
static int window_names(lua_State *L) {
  lua_newtable(L);
  for (int i = 0; i <= GIM_STATUS_COUNT; i++) {
    lua_pushstring(L, gim_status_name((gim_status)i));
    lua_rawseti(L, -2, i + 1);
  }
  lua_newtable(L);
  for (int i = 0; i <= 3; i++) {
    lua_pushstring(L, gim_billed_name((gim_billed)i));
    lua_rawseti(L, -2, i + 1);
  }
  return 2;
}

/* Takes the bytes out of the buffer and puts them back. */
static gim_status take_and_append(gim_buffer *b) {
  size_t n;
  char *p = gim_buffer_take(b, &n);
  gim_status status;
  if (p == NULL) return n == 0 ? GIM_E_NOT_FOUND : GIM_E_PROTOCOL;
  status = b->n == 0 ? gim_buffer_append(b, p, n) : GIM_E_PROTOCOL;
  free(p);
  return status;
}

/* One step of window_buffer: the verb at -2, its argument at -1. */
static gim_status buffer_step(lua_State *L, gim_buffer *b) {
  const char *verb = luaL_checkstring(L, -2);
  lua_Integer n = lua_tointeger(L, -1);
  const char *format = lua_tostring(L, -1);
  gim_str text = {NULL, 0};
  if (strcmp(verb, "format") == 0)
    return gim_buffer_append_format(b, "%s=%zu", format, b->n);
  if (lua_type(L, -1) == LUA_TSTRING) text = lgim_window_str(L, -1);
  if (strcmp(verb, "append") == 0) return gim_buffer_append_str(b, text);
  if (strcmp(verb, "byte") == 0) return gim_buffer_append_byte(b, text.p[0]);
  if (strcmp(verb, "reserve") == 0) return gim_buffer_reserve(b, (size_t)n);
  if (strcmp(verb, "take") == 0) return take_and_append(b);
  if (strcmp(verb, "cut") == 0)
    gim_buffer_cut(b, (size_t)n);
  else if (strcmp(verb, "clear") == 0)
    gim_buffer_clear(b);
  else if (strcmp(verb, "free") == 0)
    gim_buffer_free(b);
  else
    luaL_error(L, "no such verb: %s", verb);
  return GIM_OK;
}

/*
** window.buffer(limit, {{"append", text} | {"byte", text} | {"format", text}
** | {"reserve", n} | {"cut", n} | {"clear"} | {"free"} | {"take"}, ...})
** -> bytes held, {name of each step's result}
*/
static int window_buffer(lua_State *L) {
  gim_buffer *b;
  lua_Integer steps;
  luaL_checktype(L, 2, LUA_TTABLE);
  lua_settop(L, 2);
  b = lgim_window_buffer(L, (size_t)luaL_checkinteger(L, 1)); /* 3 */
  lua_newtable(L);                                            /* 4 */
  steps = luaL_len(L, 2);
  for (lua_Integer i = 1; i <= steps; i++) {
    lua_geti(L, 2, i);
    lua_geti(L, -1, 1);
    lua_geti(L, -2, 2);
    lua_pushstring(L, gim_status_name(buffer_step(L, b)));
    lua_seti(L, 4, i);
    lua_settop(L, 4);
    if (b->p != NULL && b->p[b->n] != '\0') return luaL_error(L, "no NUL");
  }
  lgim_window_push(L, b);
  lua_insert(L, 4);
  return 2;
}

void lgim_window_parse_ground(lua_State *L) {
  static const luaL_Reg functions[] = {{"copy_text", window_copy_text},
                                       {"redact", window_redact},
                                       {"redact_secret", window_redact_secret},
                                       {"str_sequence", window_str_sequence},
                                       {"str_compare", window_str_compare},
                                       {"fail", window_fail},
                                       {"names", window_names},
                                       {"buffer", window_buffer},
                                       {NULL, NULL}};
  luaL_setfuncs(L, functions, 0);
}
