/* SPDX-License-Identifier: MIT */
/*
** lgim_window_net.h - the window's rooms for sockets and files   [floor 12]
*/
#ifndef lgim_window_net_h
#define lgim_window_net_h

#include "gim_base.h"
#include "gim_parts.h"
#include "gim_writer.h"

#include <lua.h>

#pragma GCC visibility push(hidden)

/* The rooms: each adds its functions to the table on top of the stack. */
void lgim_window_net_transfers(lua_State *L);  /* gim_net */
void lgim_window_net_heads(lua_State *L);      /* gim_response .. gim_wait */
void lgim_window_net_sockets(lua_State *L);    /* gim_sockets */
void lgim_window_net_files(lua_State *L);      /* gim_file, gim_sink */
void lgim_window_net_writer(lua_State *L);     /* gim_writer */
void lgim_window_net_references(lua_State *L); /* gim_reference */
void lgim_window_net_process(lua_State *L);    /* fork, limits, signals */
void lgim_window_net_random(lua_State *L);     /* chance, and none */

/* The writer at `index`, BORROWED; NULL where that is nil. */
#define LGIM_WINDOW_WRITER "gptimage.window.writer"
gim_writer *lgim_window_opt_writer(lua_State *L, int index);

/*
** The string field `key` of the table at `index`, NUL-terminated and BORROWED
** while the table keeps it; NULL when it is nil. `*n` (may be NULL) gets its
** length.
*/
const char *lgim_window_net_text(lua_State *L, int index, const char *key,
                                 size_t *n);

/*
** The field `parts` of the table at `index`: an array of {field=, filename=,
** mime=, data= | path=, size=, seen= | generate=N, fail_at=, end_at=}, `seen`
** being what window.look said. NULL when it is
** nil; else an array of `*n`, in a userdata that stays on the stack, whose
** strings are the tables'.
*/
const gim_part *lgim_window_net_parts(lua_State *L, int index, int *n);

#pragma GCC visibility pop

#endif
