/* SPDX-License-Identifier: MIT */
/*
** lgim_task.h - a job as a userdata "gptimage.task"   [floor 12]
**
** The userdata OWNS its gim_job. Its user values are its client, and what is
** kept of it besides: a table, with the task it brings a picture of and what
** the Lua layer keeps there, but for a single function or coroutine.
*/
#ifndef lgim_task_h
#define lgim_task_h

#include "gim_job.h"

#include <lua.h>

#pragma GCC visibility push(hidden)

/* Keys of the user values: their addresses, as light userdata. */
extern const char lgim_key_source;   /* in a task: the task it fetches from */
extern const char lgim_key_pictures; /* in a task: what its references lie in
                                        (lgim_fields), while they are needed */
extern const char lgim_key_waiter;   /* in a task: the coroutine that waits */

/*
** Pushes a task without a job, whose user value holds the client at index
** `client`. lgim_task_own gives it its job: nothing that may raise lies
** between making a job and owning it.
*/
void lgim_task_push(lua_State *L, int client);
void lgim_task_own(lua_State *L, int index, gim_job *job);

/*
** Pushes the table of the task at `index`, a new one with what was kept
** instead of it, if there is none yet: most tasks of thousands never need one.
*/
void lgim_task_data(lua_State *L, int index);

/*
** Creates the metatable and adds task functions (fetch, read, outcome, body,
** listen, waiter, watch) to the module table on top, and `task` to the table
** of methods at `tables`.
*/
void lgim_task_open(lua_State *L, int tables);

#pragma GCC visibility pop

#endif
