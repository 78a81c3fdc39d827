/* SPDX-License-Identifier: MIT */
#include "lgim_object.h"

static const char *const names[] = {
    [LGIM_CLASS_CLIENT] = LGIM_CLIENT, [LGIM_CLASS_TASK] = LGIM_TASK};

/* Pushes the metatables of all classes: what is not there yet is made. */
static void push_metatables(lua_State *L) {
  for (int i = LGIM_CLASS_CLIENT; i <= LGIM_CLASS_TASK; i++)
    (void)luaL_newmetatable(L, names[i]);
}

void lgim_object_functions(lua_State *L, const luaL_Reg *functions) {
  push_metatables(L);
  luaL_setfuncs(L, functions, LGIM_CLASS_TASK);
}

void lgim_object_open(lua_State *L, const lgim_class *class, int tables) {
  tables = lua_absindex(L, tables);
  (void)luaL_newmetatable(L, names[class->number]);
  lgim_object_functions(L, class->metamethods);
  push_metatables(L);
  lua_newtable(L);
  lgim_object_functions(L, class->methods);
  lua_pushvalue(L, -1);
  lua_setfield(L, tables, class->public_name);
  lua_pushcclosure(L, class->index, LGIM_UPVALUE_METHODS);
  lua_setfield(L, -2, "__index");
  lua_pushliteral(L, "locked");
  lua_setfield(L, -2, "__metatable");
  lua_pop(L, 1);
}

void lgim_object_mark(lua_State *L, int class_number) {
  lua_pushvalue(L, lua_upvalueindex(class_number));
  lua_setmetatable(L, -2);
}

void *lgim_object_test(lua_State *L, int index, int class_number) {
  void *object = lua_touserdata(L, index);
  if (object == NULL || !lua_getmetatable(L, index)) return NULL;
  if (!lua_rawequal(L, -1, lua_upvalueindex(class_number))) object = NULL;
  lua_pop(L, 1);
  return object;
}

void *lgim_object_check(lua_State *L, int index, int class_number) {
  void *object = lgim_object_test(L, index, class_number);
  if (object == NULL) luaL_typeerror(L, index, names[class_number]);
  return object;
}

int lgim_object_refuse(lua_State *L, int level, const char *class,
                       const char *method, const char *trouble) {
  luaL_where(L, level);
  lua_pushfstring(L, "%s%s:%s: %s %s", lua_tostring(L, -1), class, method,
                  class, trouble);
  return lua_error(L);
}
