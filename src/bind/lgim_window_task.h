/* SPDX-License-Identifier: MIT */
/*
** lgim_window_task.h - the window's rooms for tasks   [floor 12]
*/
#ifndef lgim_window_task_h
#define lgim_window_task_h

#include "gim_base.h"

#include <lauxlib.h>
#include <lua.h>

#pragma GCC visibility push(hidden)

/* The room for gim_heap, gim_list and gim_name: adds its functions to the
   table on top of the stack. */
void lgim_window_task_ground(lua_State *L);

/* The room for gim_bucket, gim_pace and gim_ledger: likewise. */
void lgim_window_task_money(lua_State *L);

/*
** Pushes `size` zeroed bytes whose methods are `methods`; the collector hands
** them to `release`. Where `name` is known already its methods stay.
*/
void *lgim_window_task_object(lua_State *L, size_t size, const char *name,
                              const luaL_Reg *methods, lua_CFunction release);

#pragma GCC visibility pop

#endif
