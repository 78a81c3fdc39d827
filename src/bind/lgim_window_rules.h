/* SPDX-License-Identifier: MIT */
/*
** lgim_window_rules.h - the window's rooms for request rules   [floor 12]
*/
#ifndef lgim_window_rules_h
#define lgim_window_rules_h

#include "gim_base.h"

#include <lua.h>

#pragma GCC visibility push(hidden)

/* Adds options, errors, fields, plan, models and sizes to the table on top. */
void lgim_window_rules_bind(lua_State *L);

/* Adds what is asked about a request's pictures: likewise. */
void lgim_window_rules_pictures(lua_State *L);

#pragma GCC visibility pop

#endif
