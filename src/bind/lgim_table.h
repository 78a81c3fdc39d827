/* SPDX-License-Identifier: MIT */
/*
** lgim_table.h - fields of a table that is being made   [floor 9]
*/
#ifndef lgim_table_h
#define lgim_table_h

#include "gim_base.h"

#include <lua.h>

#pragma GCC visibility push(hidden)

/*
** Each sets field `name` of the table on top of the stack. What nobody knows
** stays nil: a text that is NULL or "", a count of 0 or less, micro-units (as
** a number of units) below 0. An integer and a flag are always known.
*/
void lgim_set_text(lua_State *L, const char *name, const char *text);
void lgim_set_integer(lua_State *L, const char *name, int64_t value);
void lgim_set_count(lua_State *L, const char *name, int64_t value);
void lgim_set_micro(lua_State *L, const char *name, int64_t micro);
void lgim_set_flag(lua_State *L, const char *name, bool value);

#pragma GCC visibility pop

#endif
