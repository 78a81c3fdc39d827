/* SPDX-License-Identifier: MIT */
/*
** lgim_error.h - errors as Lua sees them   [floor 9]
**
** A table with metatable "gptimage.error" (so tostring is one line, and `..`
** takes it as that): kind, message, field, code, status, param, retryable,
** retry_after (seconds), request_id, task_id, billed, issues. Absent is nil;
** kind, message, retryable and billed are always there.
*/
#ifndef lgim_error_h
#define lgim_error_h

#include "gim_base.h"
#include "gim_issue.h"

#include <lua.h>

#pragma GCC visibility push(hidden)

#define LGIM_ERROR "gptimage.error"
#define LGIM_ISSUE "gptimage.issue"

/* Pushes the metatable, so that Lua code can make errors of its own. */
void lgim_error_push_metatable(lua_State *L);

/*
** Pushes the error table and returns 1. `task_id` (may be NULL or "") is
** COPIED. Raises only for want of memory: hold nothing that leaks then.
*/
int lgim_error_push(lua_State *L, const gim_err *err, const char *task_id,
                    gim_billed billed);

/* Pushes nil and the error table and returns 2: `return lgim_fail(...)`. */
int lgim_fail(lua_State *L, const gim_err *err, const char *task_id,
              gim_billed billed);

/* Likewise of issues: tostring is "field: message", in one line, and `..`
   takes it. */
void lgim_issue_push_metatable(lua_State *L);

/*
** Pushes an array of {field, rule, message, got, nearest} and returns 1. For
** err.issues and for warnings; an empty array when count is 0.
*/
int lgim_issues_push(lua_State *L, const gim_issue *issues, int count);

#pragma GCC visibility pop

#endif
