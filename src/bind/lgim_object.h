/* SPDX-License-Identifier: MIT */
/*
** lgim_object.h - what the userdata of this module have in common   [floor 9]
**
** Objects of one class share a metatable that scripts can neither read nor
** replace, and a table of methods that the Lua layer completes.
*/
#ifndef lgim_object_h
#define lgim_object_h

#include <lauxlib.h>
#include <lua.h>

#pragma GCC visibility push(hidden)

/* A class. Everything is BORROWED during lgim_object_open. */
typedef struct lgim_class {
  const char *name;        /* for luaL_checkudata: "gptimage.task" */
  const char *public_name; /* where the Lua layer finds its methods: "task" */
  const luaL_Reg *methods; /* those in C; ended by a NULL name */
  const luaL_Reg *metamethods; /* __gc and its like, but for __index */
  lua_CFunction index; /* __index; its first upvalue is the table of methods */
} lgim_class;

/*
** Makes the metatable of `class`, and puts its table of methods into the table
** at `tables`, under the public name. Raises for memory alone.
*/
void lgim_object_open(lua_State *L, const lgim_class *class, int tables);

/*
** Raises "client:step: client is closed": `class` and `method` with `trouble`.
** Names the line that `level` says, as of luaL_where: 1 called us, 2 called
** that one.
*/
int lgim_object_refuse(lua_State *L, int level, const char *class,
                       const char *method, const char *trouble);

#pragma GCC visibility pop

#endif
