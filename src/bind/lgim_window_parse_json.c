/* SPDX-License-Identifier: MIT */
#include "lgim_window_parse.h"

#include "gim_json.h"
#include "lgim_window.h"

/* Raises where a function that cannot fail here fails. */
static void insist(lua_State *L, gim_status status) {
  if (status != GIM_OK) luaL_error(L, "%s", gim_status_name(status));
}

static void push_value(lua_State *L, const gim_json *value);

static void push_text(lua_State *L, const gim_json *value) {
  gim_buffer *b = lgim_window_buffer(L, SIZE_MAX);
  insist(L, gim_json_get_string(value, b));
  lgim_window_push(L, b);
  lua_remove(L, -2);
}

static void push_container(lua_State *L, const gim_json *value) {
  gim_json_cursor at;
  lua_Integer n = 0;
  luaL_checkstack(L, 8, "nested too deep");
  lua_newtable(L);
  for (bool more = gim_json_first(value, &at); more;
       more = gim_json_next(&at)) {
    if (value->type == GIM_JSON_OBJECT)
      push_text(L, &at.key);
    else
      lua_pushinteger(L, ++n);
    push_value(L, &at.value);
    lua_settable(L, -3);
  }
}

/* As lua-cjson shows it: null is the light userdata NULL. */
static void push_value(lua_State *L, const gim_json *value) {
  bool truth = false;
  switch (value->type) {
  case GIM_JSON_NONE: lua_pushnil(L); break;
  case GIM_JSON_NULL: lua_pushlightuserdata(L, NULL); break;
  case GIM_JSON_BOOL:
    if (!gim_json_get_bool(value, &truth)) luaL_error(L, "no truth");
    lua_pushboolean(L, truth);
    break;
  case GIM_JSON_NUMBER:
    lua_pushlstring(L, value->text.p, value->text.n);
    if (lua_stringtonumber(L, lua_tostring(L, -1)) == 0)
      luaL_error(L, "no number: %s", lua_tostring(L, -1));
    lua_remove(L, -2);
    break;
  case GIM_JSON_STRING: push_text(L, value); break;
  case GIM_JSON_ARRAY:
  case GIM_JSON_OBJECT: push_container(L, value); break;
  }
}

static bool parse(lua_State *L, gim_json *root, gim_err *err) {
  int depth = (int)luaL_optinteger(L, 2, GIM_LIMIT_JSON_DEPTH);
  if (lua_isinteger(L, 3))
    return gim_json_parse_few(lgim_window_str(L, 1), depth,
                              (size_t)lua_tointeger(L, 3), root,
                              err) == GIM_OK;
  return gim_json_parse(lgim_window_str(L, 1), depth, root, err) == GIM_OK;
}

/* Of the text at 1; raises where it is no JSON. */
static gim_json parsed(lua_State *L) {
  gim_json root;
  gim_err err;
  if (gim_json_parse(lgim_window_str(L, 1), GIM_JSON_DEPTH_MAX, &root, &err) !=
      GIM_OK)
    luaL_error(L, "%s", err.message);
  return root;
}

/* window.json_read(text [, depth [, values]]) -> value | nil, err */
static int window_json_read(lua_State *L) {
  gim_json root;
  gim_err err;
  if (!parse(L, &root, &err)) return lgim_window_fail(L, &err);
  push_value(L, &root);
  return 1;
}

/* window.json_check(text [, depth [, values]]) -> true | nil, err */
static int window_json_check(lua_State *L) {
  gim_json root;
  gim_err err;
  if (!parse(L, &root, &err)) return lgim_window_fail(L, &err);
  lua_pushboolean(L, 1);
  return 1;
}

/* The pieces at 1 in one, and at the top; `check` is fed with each alone. */
static gim_str feed_pieces(lua_State *L, gim_json_check *check) {
  gim_buffer *b = lgim_window_buffer(L, SIZE_MAX);
  for (lua_Integer i = 1; i <= luaL_len(L, 1); i++) {
    gim_str piece;
    lua_geti(L, 1, i);
    piece = lgim_window_str(L, -1);
    gim_json_check_feed(check, piece.p, piece.n);
    insist(L, gim_buffer_append_str(b, piece));
    lua_pop(L, 1);
  }
  return gim_buffer_str(b);
}

/*
** window.json_pieces({pieces} [, depth [, values]]) -> value, whether it has
** an index | nil, err, and the kind that is said when it is asked again
*/
static int window_json_pieces(lua_State *L) {
  int depth = (int)luaL_optinteger(L, 2, GIM_LIMIT_JSON_DEPTH);
  size_t values = (size_t)luaL_optinteger(L, 3, LUA_MAXINTEGER);
  gim_json_check *check = lgim_window_check(L, depth, values);
  gim_str text;
  gim_json root;
  gim_err err;
  text = feed_pieces(L, check);
  if (gim_json_root(check, text, &root, &err) != GIM_OK) {
    lgim_window_fail(L, &err);
    lua_pushstring(L, gim_status_name(gim_json_check_finish(check, NULL)));
    return 3;
  }
  push_value(L, &root);
  lua_pushboolean(L, check->index.nodes != NULL);
  return 2;
}

/* window.json_member(text, key) -> its text | nil */
static int window_json_member(lua_State *L) {
  gim_json root = parsed(L);
  if (!gim_json_member(&root, lgim_window_str(L, 2), &root)) return 0;
  lua_pushlstring(L, root.text.p, root.text.n);
  return 1;
}

/* window.json_count(text) -> elements or members */
static int window_json_count(lua_State *L) {
  gim_json root = parsed(L);
  lua_pushinteger(L, (lua_Integer)gim_json_count(&root));
  return 1;
}

/* window.json_number(text) -> int64 | nil, micro-units | nil */
static int window_json_number(lua_State *L) {
  gim_json root = parsed(L);
  int64_t value;
  lua_pushnil(L);
  lua_pushnil(L);
  if (gim_json_get_int64(&root, &value)) {
    lua_pushinteger(L, (lua_Integer)value);
    lua_replace(L, -3);
  }
  if (gim_json_get_micro(&root, &value)) {
    lua_pushinteger(L, (lua_Integer)value);
    lua_replace(L, -2);
  }
  return 2;
}

static int written(lua_State *L, gim_buffer *b, gim_status status) {
  if (status == GIM_OK) {
    lgim_window_push(L, b);
    return 1;
  }
  lgim_window_status(L, status);
  lgim_window_push(L, b);
  return 3;
}

/* window.json_string(text, limit) -> bytes | nil, kind, bytes in the buffer */
static int window_json_string(lua_State *L) {
  gim_json root = parsed(L);
  gim_buffer *b = lgim_window_buffer(L, (size_t)luaL_checkinteger(L, 2));
  gim_status status = gim_buffer_append_str(b, GIM_STR("x"));
  if (status == GIM_OK) status = gim_json_get_string(&root, b);
  return written(L, b, status);
}

/* window.json_copy(text, size) -> text, was it a string */
static int window_json_copy(lua_State *L) {
  gim_json root = parsed(L);
  size_t size = (size_t)luaL_checkinteger(L, 2);
  char *to = lua_newuserdatauv(L, size, 0);
  bool copied = gim_json_copy_string(&root, to, size);
  lua_pushstring(L, to);
  lua_pushboolean(L, copied);
  return 2;
}

/* window.json_is(text, bytes) -> is it a string of them, is it null */
static int window_json_is(lua_State *L) {
  gim_json root = parsed(L);
  lua_pushboolean(L, gim_json_string_is(&root, lgim_window_str(L, 2)));
  lua_pushboolean(L, gim_json_is_null(&root));
  return 2;
}

/* window.json_write_string(bytes [, limit]) -> text | nil, kind, held */
static int window_json_write_string(lua_State *L) {
  gim_str s = lgim_window_str(L, 1);
  gim_buffer *b =
      lgim_window_buffer(L, (size_t)luaL_optinteger(L, 2, 1 << 24));
  return written(L, b, gim_json_write_string(b, s));
}

/* window.json_write_int(value) -> text */
static int window_json_write_int(lua_State *L) {
  gim_buffer *b = lgim_window_buffer(L, 64);
  return written(L, b, gim_json_write_int(b, luaL_checkinteger(L, 1)));
}

/* window.json_write_micro(value) -> text */
static int window_json_write_micro(lua_State *L) {
  gim_buffer *b = lgim_window_buffer(L, 64);
  return written(L, b, gim_json_write_micro(b, luaL_checkinteger(L, 1)));
}

void lgim_window_parse_json(lua_State *L) {
  static const luaL_Reg functions[] = {
      {"json_read", window_json_read},
      {"json_check", window_json_check},
      {"json_pieces", window_json_pieces},
      {"json_member", window_json_member},
      {"json_count", window_json_count},
      {"json_number", window_json_number},
      {"json_string", window_json_string},
      {"json_copy", window_json_copy},
      {"json_is", window_json_is},
      {"json_write_string", window_json_write_string},
      {"json_write_int", window_json_write_int},
      {"json_write_micro", window_json_write_micro},
      {NULL, NULL}};
  luaL_setfuncs(L, functions, 0);
}
