/* SPDX-License-Identifier: MIT */
/*
** lgim_client_private.h - what the files of lgim_client share   [floor 13]
**
** lgim_client.c is the client, lgim_client_start.c starts its tasks,
** lgim_client_recover.c those of an earlier life.
*/
#ifndef lgim_client_private_h
#define lgim_client_private_h

#include "gim_hub.h"
#include "lgim_client.h"

#pragma GCC visibility push(hidden)

/*
** The hub of the open client at 1; raises otherwise, as lgim_object_refuse, for
** the method "step" and the line that `level` says.
*/
gim_hub *lgim_client_check(lua_State *L, int level, const char *method);

/* core.generate, core.edit, core.attach and core.recover. */
int lgim_client_generate(lua_State *L);
int lgim_client_edit(lua_State *L);
int lgim_client_attach(lua_State *L);
int lgim_client_recover(lua_State *L);

#pragma GCC visibility pop

#endif
