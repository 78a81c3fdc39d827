/* SPDX-License-Identifier: MIT */
#include "lgim_object.h"

void lgim_object_open(lua_State *L, const lgim_class *class, int tables) {
  tables = lua_absindex(L, tables);
  luaL_newmetatable(L, class->name);
  luaL_setfuncs(L, class->metamethods, 0);
  lua_newtable(L);
  luaL_setfuncs(L, class->methods, 0);
  lua_pushvalue(L, -1);
  lua_setfield(L, tables, class->public_name);
  lua_pushcclosure(L, class->index, 1);
  lua_setfield(L, -2, "__index");
  lua_pushliteral(L, "locked");
  lua_setfield(L, -2, "__metatable");
  lua_pop(L, 1);
}

int lgim_object_refuse(lua_State *L, int level, const char *class,
                       const char *method, const char *trouble) {
  luaL_where(L, level);
  lua_pushfstring(L, "%s%s:%s: %s %s", lua_tostring(L, -1), class, method,
                  class, trouble);
  return lua_error(L);
}
