/* SPDX-License-Identifier: MIT */
#include "lgim_table.h"

void lgim_set_text(lua_State *L, const char *name, const char *text) {
  if (text == NULL || text[0] == '\0') return;
  lua_pushstring(L, text);
  lua_setfield(L, -2, name);
}

void lgim_set_integer(lua_State *L, const char *name, int64_t value) {
  lua_pushinteger(L, (lua_Integer)value);
  lua_setfield(L, -2, name);
}

void lgim_set_count(lua_State *L, const char *name, int64_t value) {
  if (value > 0) lgim_set_integer(L, name, value);
}

void lgim_set_micro(lua_State *L, const char *name, int64_t micro) {
  if (micro < 0) return;
  lua_pushnumber(L, (lua_Number)micro / 1000000);
  lua_setfield(L, -2, name);
}

void lgim_set_flag(lua_State *L, const char *name, bool value) {
  lua_pushboolean(L, value);
  lua_setfield(L, -2, name);
}
