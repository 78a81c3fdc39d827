/* SPDX-License-Identifier: MIT */
/*
** lgim_mask.h - masks as Lua makes them   [floor 10]
*/
#ifndef lgim_mask_h
#define lgim_mask_h

#include "gim_base.h"

#include <lua.h>

#pragma GCC visibility push(hidden)

/*
** Pushes the table of functions: rectangle, ellipse, from_alpha, invert,
** check. Each takes a table of options, raises where these are wrong, and
** returns what it made, or nil, kind and message; gptimage/mask.lua makes
** errors of the two.
*/
void lgim_mask_push(lua_State *L);

#pragma GCC visibility pop

#endif
