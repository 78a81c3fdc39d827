/* SPDX-License-Identifier: MIT */
/*
** lgim_client.h - a client as a userdata "gptimage.client"   [floor 13]
**
** The userdata OWNS a reference to its gim_hub. Its user value is a table
** that holds its live tasks, by the address of their jobs, and what the Lua
** layer keeps.
*/
#ifndef lgim_client_h
#define lgim_client_h

#include "gim_base.h"

#include <lua.h>

#pragma GCC visibility push(hidden)

/*
** Creates the metatable and adds client functions (client, generate, edit,
** attach, recover, step, now, wake, close, data) to the module table on top,
** and `client` to the table of methods at `tables`.
*/
void lgim_client_open(lua_State *L, int tables);

#pragma GCC visibility pop

#endif
