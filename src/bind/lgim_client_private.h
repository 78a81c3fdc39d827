/* SPDX-License-Identifier: MIT */
/*
** lgim_client_private.h - what the files of lgim_client share   [floor 13]
**
** lgim_client.c is the client, lgim_client_start.c starts its tasks,
** lgim_client_recover.c those of an earlier life, lgim_client_tell.c says what
** came of them.
*/
#ifndef lgim_client_private_h
#define lgim_client_private_h

#include "gim_hub.h"
#include "lgim_client.h"

#pragma GCC visibility push(hidden)

/*
** The hub of the open client at 1; raises otherwise, as lgim_object_refuse,
** for the method "step" and the line that `level` says.
*/
gim_hub *lgim_client_check(lua_State *L, int level, const char *method);

/* The same for what was found to be a client: a finalizer, which runs wherever
   Lua allocates, may have closed it since. */
gim_hub *lgim_client_recheck(lua_State *L, int level, const char *method);

/*
** What the Lua layer has to be told, for the client whose user value is at 2.
** Pushes two values, each an array or nil: events (a task and "done" or
** "progress" by turns) and lines of the log; of a client that is being closed
** the tasks that ended, and the log. Both count as told then. Not LUA_OK: an
** error is pushed, and all is still to be told.
** Finalizers of the user's run wherever Lua allocates, and may close the
** client there, or step: the hub is retained, for the caller to release.
*/
int lgim_client_tell_news(lua_State *L, gim_hub *hub);
int lgim_client_tell_ended(lua_State *L, gim_hub *hub);

/* core.generate, core.edit, core.attach and core.recover. */
int lgim_client_generate(lua_State *L);
int lgim_client_edit(lua_State *L);
int lgim_client_attach(lua_State *L);
int lgim_client_recover(lua_State *L);

#pragma GCC visibility pop

#endif
