/* SPDX-License-Identifier: MIT */
#include "lgim_money.h"

#include "lgim_plan.h"
#include "lgim_table.h"

#include <lauxlib.h>

static const char key_prices = 'p';
static const lgim_argument argument = {"client", 1, "option", 1};

void lgim_money_keep_prices(lua_State *L, int options, int data) {
  options = lua_absindex(L, options);
  data = lua_absindex(L, data);
  if (!lua_istable(L, options)) return;
  lua_pushliteral(L, "prices");
  if (lua_rawget(L, options) == LUA_TTABLE) {
    (void)lgim_prices_find(L, -1, &argument, GIM_STR("")); /* raises */
    lua_newtable(L);
    for (lua_pushnil(L); lua_next(L, -3) != 0;) {
      lua_pushvalue(L, -2);
      lua_insert(L, -2);
      lua_rawset(L, -4);
    }
    lua_rawsetp(L, data, &key_prices);
  }
  lua_pop(L, 1);
}

int64_t lgim_money_price(lua_State *L, int data, gim_str model,
                         const gim_request *request) {
  int64_t credits;
  lua_rawgetp(L, data, &key_prices);
  credits = lgim_prices_find(L, -1, &argument, model);
  lua_pop(L, 1);
  return lgim_plan_price(request, credits);
}

void lgim_money_push_spent(lua_State *L, const gim_hub *hub) {
  lua_pushnumber(L, (lua_Number)hub->ledger.spent_micro / 1e6);
}

/* Appends a name to the array `list` of the table on top. */
static void append(lua_State *L, const char *list, const gim_entry *e) {
  lua_getfield(L, -1, list);
  lua_pushstring(L, e->id != NULL ? e->id : e->key);
  lua_rawseti(L, -2, (lua_Integer)lua_rawlen(L, -2) + 1);
  lua_pop(L, 1);
}

static void push_ids(lua_State *L, const gim_ledger *ledger) {
  lua_createtable(L, 0, GIM_STANDING_COUNT);
  for (int i = GIM_STANDING_REFUSED; i < GIM_STANDING_COUNT; i++) {
    lua_newtable(L);
    lua_setfield(L, -2, gim_standing_name((gim_standing)i));
  }
  lua_newtable(L);
  lua_setfield(L, -2, "saved");
  for (const gim_entry *e = gim_ledger_next(ledger, NULL); e != NULL;
       e = gim_ledger_next(ledger, e)) {
    if (e->standing == GIM_STANDING_NONE) continue;
    append(L, gim_standing_name(e->standing), e);
    if (e->saved) append(L, "saved", e);
  }
}

int lgim_money_push_ledger(lua_State *L, const gim_hub *hub) {
  const gim_ledger *ledger = &hub->ledger;
  luaL_checkstack(L, 6, "no stack for a ledger");
  lua_createtable(L, 0, 9);
  lgim_set_integer(L, "sent", ledger->sent);
  for (int i = GIM_STANDING_REFUSED; i < GIM_STANDING_COUNT; i++)
    lgim_set_integer(L, gim_standing_name((gim_standing)i), ledger->counts[i]);
  lgim_set_integer(L, "attached", ledger->attached);
  lgim_set_integer(L, "saved", ledger->saved);
  lua_createtable(L, 0, 4);
  lgim_set_micro(L, "spent", ledger->spent_micro);
  lgim_set_micro(L, "estimated", ledger->estimated_micro);
  lgim_set_micro(L, "pending", ledger->pending_micro);
  lgim_set_micro(L, "budget", ledger->budget_micro);
  lua_setfield(L, -2, "credits");
  push_ids(L, ledger);
  lua_setfield(L, -2, "ids");
  return 1;
}
