/* SPDX-License-Identifier: MIT */
/*
** lgim_money.h - prices and the ledger of a client, as Lua sees them
** [floor 12]
**
** client.spent -> credits that the replies spoke of, without what was given
**   back
** client:ledger() -> {sent, refused, at_risk, given_back, paid, attached,
**   saved: numbers of requests; credits = {spent, estimated, pending, budget};
**   ids = {refused, at_risk, given_back, paid, saved: arrays of ids, or of our
**   keys where the service gave none}}
*/
#ifndef lgim_money_h
#define lgim_money_h

#include "gim_hub.h"
#include "gim_request.h"

#include <lua.h>

#pragma GCC visibility push(hidden)

/*
** Keeps a copy of the option `prices` of the table at `options` (or nil) in
** the client's user value at `data`. Raises where it is none.
*/
void lgim_money_keep_prices(lua_State *L, int options, int data);

/* What a request of `model` costs by the prices kept in the user value at
   `data`, in micro-units; -1: unknown. */
int64_t lgim_money_price(lua_State *L, int data, gim_str model,
                         const gim_request *request);

/* Pushes client.spent. */
void lgim_money_push_spent(lua_State *L, const gim_hub *hub);

/* Pushes what client:ledger() returns, and returns 1. */
int lgim_money_push_ledger(lua_State *L, const gim_hub *hub);

#pragma GCC visibility pop

#endif
