/* SPDX-License-Identifier: MIT */
/*
** lgim_result.h - what came of a job, as Lua sees it   [floor 11]
*/
#ifndef lgim_result_h
#define lgim_result_h

#include "gim_job.h"

#include <lua.h>

#pragma GCC visibility push(hidden)

/*
** Pushes what came of a job that is done: a result and returns 1, or nil and
** an error table and returns 2. The result is a plain table {id, model,
** created, billed, usage = {credits_reserved, credits_used}, warnings =
** {issue, ...}, request_id, images = {...}}. An image is {url, expires_at,
** path, format, width, height, size, revised_prompt, error}.
** Warnings have the shape of a plan's: {field, rule, message, got, nearest}.
** Absent is nil. Where pictures are paid and none could be saved, the error's
** field `result` holds the result with their links. At 2 and 3 are the
** metatables of results and images, tables or nil.
*/
int lgim_result_push(lua_State *L, gim_job *job);

/* Pushes {credits_reserved, credits_used}, or nil when neither is known. */
void lgim_result_push_usage(lua_State *L, const gim_task *task);

#pragma GCC visibility pop

#endif
