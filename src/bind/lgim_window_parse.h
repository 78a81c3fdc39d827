/* SPDX-License-Identifier: MIT */
/*
** lgim_window_parse.h - what the window's rooms for replies share   [floor 11]
*/
#ifndef lgim_window_parse_h
#define lgim_window_parse_h

#include "gim_answer.h"
#include "gim_base.h"
#include "gim_buffer.h"
#include "gim_json.h"
#include "gim_simd.h"

#include <lauxlib.h>
#include <lua.h>

#pragma GCC visibility push(hidden)

/* The rooms: each adds its functions to the table on top of the stack. */
void lgim_window_parse_ground(lua_State *L);
void lgim_window_parse_codec(lua_State *L);
void lgim_window_parse_json(lua_State *L);
void lgim_window_parse_reply(lua_State *L);

/*
** The bytes of the string at `index`, which a userdata of just these bytes
** replaces there; raises where it is none.
*/
gim_str lgim_window_str(lua_State *L, int index);

/* The field `key` of the table at `index`. A string stays on the stack;
   {NULL, 0}, `otherwise` and false when it is nil. */
gim_str lgim_window_field(lua_State *L, int index, const char *key);
lua_Integer lgim_window_integer(lua_State *L, int index, const char *key,
                                lua_Integer otherwise);
bool lgim_window_flag(lua_State *L, int index, const char *key);

/*
** The answer whose fields the table at `index` names: http_status (200 where
** it names none), content_type, retry_after, retry_after_ms, request_id, body,
** secret, and the time, which is `now` or else `otherwise`. Its strings stay
** on the stack, for which room is made.
*/
gim_answer lgim_window_answer(lua_State *L, int index, int64_t otherwise);

/* Pushes a check with an index, which the collector frees. */
gim_json_check *lgim_window_check(lua_State *L, int depth, size_t values);

/* Its body as gim_split finds it, an index included, which stays on the stack;
   GIM_JSON_NONE where it is no JSON. */
gim_json lgim_window_root(lua_State *L, gim_str body);

/*
** The instruction set whose name is the string at `index`; the best there is
** when that is nil. Raises where this processor has no such.
*/
gim_simd lgim_window_simd(lua_State *L, int index);

/*
** Pushes `size` zeroed bytes that the collector hands to `release`, also when
** a function that holds them raises. `name` is their metatable's.
*/
void *lgim_window_hold(lua_State *L, size_t size, const char *name,
                       lua_CFunction release);

/* Pushes a buffer that the collector frees. */
gim_buffer *lgim_window_buffer(lua_State *L, size_t limit);

/* Pushes the bytes of a buffer. */
void lgim_window_push(lua_State *L, const gim_buffer *b);

/* Pushes nil and a status' name; 2. */
int lgim_window_status(lua_State *L, gim_status status);

#pragma GCC visibility pop

#endif
