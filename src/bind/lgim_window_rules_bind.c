/* SPDX-License-Identifier: MIT */
#include "lgim_window_rules.h"

#include "lgim_error.h"
#include "lgim_models.h"
#include "lgim_options.h"
#include "lgim_plan.h"
#include "lgim_table.h"
#include "lgim_window.h"

#include <lauxlib.h>
#include <string.h>

/* window.read_options(table) -> {text, integer, number, seconds, flag,
   has_function, has_table, has_any} */
static int window_read_options(lua_State *L) {
  typedef struct values {
    gim_str text;
    int64_t integer, seconds_ms;
    double number;
    bool flag, has_integer, has_function, has_table, has_any;
  } values;
#define AT(field) offsetof(values, field)
  static const lgim_option options[] = {
      {"text", LGIM_STRING, AT(text), LGIM_NOWHERE},
      {"integer", LGIM_INTEGER, AT(integer), AT(has_integer)},
      {"number", LGIM_NUMBER, AT(number), LGIM_NOWHERE},
      {"seconds", LGIM_SECONDS, AT(seconds_ms), LGIM_NOWHERE},
      {"flag", LGIM_BOOLEAN, AT(flag), LGIM_NOWHERE},
      {"hook", LGIM_FUNCTION, LGIM_NOWHERE, AT(has_function)},
      {"list", LGIM_TABLE, LGIM_NOWHERE, AT(has_table)},
      {"thing", LGIM_ANY, LGIM_NOWHERE, AT(has_any)},
      {NULL, LGIM_ANY, 0, 0}};
#undef AT
  values v;
  int top = lua_gettop(L);
  memset(&v, 0, sizeof(v));
  v.integer = -7;
  v.seconds_ms = -1;
  lgim_options_read(L, 1, "read_options", "option", options, &v);
  if (lua_gettop(L) != top) return luaL_error(L, "the stack has moved");
  lua_newtable(L);
  lua_pushlstring(L, v.text.p, v.text.n);
  lua_setfield(L, -2, "text");
  lgim_set_integer(L, "integer", v.integer);
  lua_pushnumber(L, v.number);
  lua_setfield(L, -2, "number");
  lgim_set_integer(L, "seconds_ms", v.seconds_ms);
  lgim_set_flag(L, "flag", v.flag);
  lgim_set_flag(L, "has_integer", v.has_integer);
  lgim_set_flag(L, "has_function", v.has_function);
  lgim_set_flag(L, "has_table", v.has_table);
  lgim_set_flag(L, "has_any", v.has_any);
  return 1;
}

/* window.push_error(status, http status, retry after ms, task id) -> err */
static int window_push_error(lua_State *L) {
  gim_err err;
  (void)gim_fail(&err, (gim_status)luaL_checkinteger(L, 1), "it broke");
  err.http_status = (int)luaL_checkinteger(L, 2);
  err.retry_after_ms = luaL_checkinteger(L, 3);
  gim_copy_text(err.field, sizeof(err.field), GIM_STR("size"));
  gim_copy_text(err.code, sizeof(err.code), GIM_STR("c0de"));
  return lgim_fail(L, &err, luaL_optstring(L, 4, NULL), GIM_BILLED_MAYBE);
}

/* window.set_fields(text, count, micro, flag) -> {before = 1, text, count,
   micro, flag}: each as lgim_table sets it, or not; text may be nil */
static int window_set_fields(lua_State *L) {
  const char *text = luaL_optstring(L, 1, NULL);
  int64_t count = luaL_checkinteger(L, 2), micro = luaL_checkinteger(L, 3);
  bool flag = lua_toboolean(L, 4);
  int top;
  lua_newtable(L);
  lgim_set_integer(L, "before", 1);
  top = lua_gettop(L);
  lgim_set_text(L, "text", text);
  lgim_set_count(L, "count", count);
  lgim_set_micro(L, "micro", micro);
  lgim_set_flag(L, "flag", flag);
  if (lua_gettop(L) != top) return luaL_error(L, "the stack has moved");
  return 1;
}

void lgim_window_rules_bind(lua_State *L) {
  static const luaL_Reg functions[] = {{"read_options", window_read_options},
                                       {"push_error", window_push_error},
                                       {"set_fields", window_set_fields},
                                       {NULL, NULL}};
  luaL_setfuncs(L, functions, 0);
  lgim_plan_open(L); /* here its allocations can be told to fail */
  lgim_models_open(L);
}
