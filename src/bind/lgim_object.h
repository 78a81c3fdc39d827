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

/* The names of the classes, for messages and `__name`. */
#define LGIM_CLIENT "gptimage.client"
#define LGIM_TASK "gptimage.task"

/*
** The classes: which upvalue of our functions is the metatable of each. Most
** of a short method's time would go into finding it by its name. `__index`
** has the table of methods behind them.
*/
enum { LGIM_CLASS_CLIENT = 1, LGIM_CLASS_TASK, LGIM_UPVALUE_METHODS };

/* A class. Everything is BORROWED during lgim_object_open. */
typedef struct lgim_class {
  int number;              /* LGIM_CLASS_CLIENT, ... */
  const char *public_name; /* where the Lua layer finds its methods: "task" */
  const luaL_Reg *methods; /* those in C; ended by a NULL name */
  const luaL_Reg *metamethods; /* __gc and its like, but for __index */
  lua_CFunction index;         /* __index */
} lgim_class;

/*
** Makes the metatable of `class`, and puts its table of methods into the table
** at `tables`, under the public name. Raises for memory alone.
*/
void lgim_object_open(lua_State *L, const lgim_class *class, int tables);

/* Adds `functions` to the table on top, likewise. */
void lgim_object_functions(lua_State *L, const luaL_Reg *functions);

/*
** All three are for functions that came by one of these two: the first makes
** the userdata on top one of the class. The second returns the object at
** `index`, NULL where there is something else; the third raises there, as
** luaL_checkudata.
*/
void lgim_object_mark(lua_State *L, int class_number);
void *lgim_object_test(lua_State *L, int index, int class_number);
void *lgim_object_check(lua_State *L, int index, int class_number);

/*
** Raises "client:step: client is closed": `class` and `method` with `trouble`.
** Names the line that `level` says, as of luaL_where: 1 called us, 2 called
** that one.
*/
int lgim_object_refuse(lua_State *L, int level, const char *class,
                       const char *method, const char *trouble);

#pragma GCC visibility pop

#endif
