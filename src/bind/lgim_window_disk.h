/* SPDX-License-Identifier: MIT */
/*
** lgim_window_disk.h - the window's rooms for the journal and for a disk that
** fails   [floor 12]
*/
#ifndef lgim_window_disk_h
#define lgim_window_disk_h

#include "gim_base.h"
#include "gim_hub.h"

#include <lua.h>

#pragma GCC visibility push(hidden)

/* The rooms: each adds its functions to the table on top of the stack. */
void lgim_window_disk(lua_State *L);    /* faults of system calls */
void lgim_window_journal(lua_State *L); /* gim_journal */
void lgim_window_record(lua_State *L);  /* gim_record, gim_recovery */
void lgim_window_archive(lua_State *L); /* gim_archive, gim_recover */
void lgim_window_scribe(lua_State *L);  /* gim_scribe */

/* The hub at 1; raises where it was closed. */
gim_hub *lgim_window_hub(lua_State *L);

/* One step of its net, of at most `wait_ms`; raises where it fails. */
void lgim_window_hub_step(lua_State *L, gim_hub *hub, int64_t wait_ms);

/* hub:scribe(key) -> scribe */
int lgim_window_hub_scribe(lua_State *L);

#pragma GCC visibility pop

#endif
