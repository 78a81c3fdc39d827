/* SPDX-License-Identifier: MIT */
/*
** lgim_window.h - the test window: C functions as the specs see them
** [floor 10]
**
** Linked with the objects that ship into core_test.so, which is never
** installed. Each function adds its room's functions to the table on top of
** the stack; the specs call them as require("gptimage.core_test").name.
*/
#ifndef lgim_window_h
#define lgim_window_h

#include "gim_base.h"

#include <lauxlib.h>
#include <lua.h>

#pragma GCC visibility push(hidden)

void lgim_window_rules(lua_State *L);  /* request rules: utf8 .. gim_request */
void lgim_window_parse(lua_State *L);  /* replies: base64 .. gim_reply */
void lgim_window_task(lua_State *L);   /* gim_task, with a fake clock */
void lgim_window_net(lua_State *L);    /* gim_net, gim_file, gim_sink */
void lgim_window_client(lua_State *L); /* the whole module */

/*
** Pushes nil and a table {kind, message, field, code, param, request_id,
** status, retryable, retry_after_ms, offset} and returns 2: how a window
** function reports a failure.
*/
int lgim_window_fail(lua_State *L, const gim_err *err);

/* Pushes true where `status` is GIM_OK, and returns 1; else as above. */
int lgim_window_done(lua_State *L, gim_status status, const gim_err *err);

/* Makes the metatable `name`, which is its own __index, of `methods` (among
   them __gc and its like; ended by a NULL name). */
void lgim_window_class(lua_State *L, const char *name,
                       const luaL_Reg *methods);

/* Sets field `name` of the table on top of the stack; a text that is NULL is
   left out, "" is not. For what is no text lgim_table.h has functions. */
void lgim_window_set_text(lua_State *L, const char *name, const char *text);

#pragma GCC visibility pop

#endif
