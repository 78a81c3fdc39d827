/* SPDX-License-Identifier: MIT */
/*
** lgim_plan.h - gptimage.plan   [floor 11]
**
** plan(request [, options]) -> plan | nil, err
**   options: provider, sizes, strict, prices, allow_private, edit_path as of
**   a client, files_url, and edit (as if by `edit`). A request may hold what
**   only a client uses (output, timeout, ...): those keys are checked for
**   their types and left alone.
**   plan: provider, model, edit, endpoint, method, body (JSON text), width,
**   height, tier ("2K"), n, price = {unit, factor, credits}, scaled_down,
**   multipart, uploads = {{field, name, mime, size, width, height}, ...}:
**   files and bytes that would be sent; in the body their names stand in angle
**   brackets, for the links that they get. Files are looked at.
**   assumes = {size, resolution, quality, n}: what the service takes for
**   fields left out, warnings = {{field, rule, message, got, nearest}, ...}
*/
#ifndef lgim_plan_h
#define lgim_plan_h

#include "gim_request.h"
#include "lgim_options.h"

#include <lua.h>

#pragma GCC visibility push(hidden)

/* Adds plan to the table on top of the stack. */
void lgim_plan_open(lua_State *L);

/*
** Pushes the plan of a request that was made (a table, as above) and returns
** 1. `credits_per_base_micro`: from the client's `prices`; -1: unknown.
*/
int lgim_plan_push(lua_State *L, const gim_request *request,
                   const gim_rules *rules, int64_t credits_per_base_micro);

/*
** Reads the option `prices` ({[model] = credits}) at `index` (nil: none) for
** one model, in micro-units; -1 when it has none. Raises on what is no table
** of numbers from 0 to 1e9, naming `argument`, where the option stands.
*/
int64_t lgim_prices_find(lua_State *L, int index,
                         const lgim_argument *argument, gim_str model);

/* What a request that was made costs, in micro-units, by the credits for a
   factor of 1; -1: unknown. */
int64_t lgim_plan_price(const gim_request *request,
                        int64_t credits_per_base_micro);

#pragma GCC visibility pop

#endif
