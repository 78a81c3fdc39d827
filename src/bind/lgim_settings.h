/* SPDX-License-Identifier: MIT */
/*
** lgim_settings.h - the options table of gptimage.client   [floor 10]
*/
#ifndef lgim_settings_h
#define lgim_settings_h

#include "gim_hub.h"

#include <lua.h>

#pragma GCC visibility push(hidden)

/*
** Reads the table at `index` (argument 1 of `client`) into `options`. Unknown
** options, wrong types, names that are none of the few allowed and numbers
** out of range raise, naming the option. Strings are BORROWED from the table.
*/
void lgim_settings_read(lua_State *L, int index, gim_hub_options *options);

#pragma GCC visibility pop

#endif
