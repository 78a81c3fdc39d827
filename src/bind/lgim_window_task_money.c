/* SPDX-License-Identifier: MIT */
#include "lgim_window_task.h"

#include "gim_ledger.h"
#include "gim_pace.h"
#include "lgim_table.h"
#include "lgim_window.h"
#include "lgim_window_parse.h"

#include <string.h>

#define PACE "gptimage.window.pace"
#define LEDGER "gptimage.window.ledger"

/* Chance where a spec names none: the middle. */
#define MIDDLE 0x80000000

static int nothing(lua_State *L) {
  (void)L;
  return 0;
}

/* ---- gim_bucket, gim_pace ---- */

typedef struct pace {
  gim_pace pace;
  gim_retry retry;
} pace;

static pace *pace_of(lua_State *L) {
  return luaL_checkudata(L, 1, PACE);
}

/* pace:at(now) -> when the next may go */
static int pace_at(lua_State *L) {
  lua_pushinteger(L,
                  gim_pace_at_ms(&pace_of(L)->pace, luaL_checkinteger(L, 2)));
  return 1;
}

/* pace:started(now) */
static int pace_started(lua_State *L) {
  gim_pace_started(&pace_of(L)->pace, luaL_checkinteger(L, 2));
  return 0;
}

/* pace:struck(sent, now [, retry_after [, random]]) -> did the gap grow? */
static int pace_struck(lua_State *L) {
  pace *p = pace_of(L);
  lua_pushboolean(
      L, gim_pace_struck(&p->pace, &p->retry, luaL_optinteger(L, 4, -1),
                         luaL_checkinteger(L, 2), luaL_checkinteger(L, 3),
                         (uint32_t)luaL_optinteger(L, 5, MIDDLE)));
  return 1;
}

/* pace:eased(sent) */
static int pace_eased(lua_State *L) {
  pace *p = pace_of(L);
  gim_pace_eased(&p->pace, &p->retry, luaL_checkinteger(L, 2));
  return 0;
}

/* pace:gap() -> milliseconds */
static int pace_gap(lua_State *L) {
  lua_pushinteger(L, pace_of(L)->pace.gap_ms);
  return 1;
}

/* window.pace(base, cap [, requests, per_ms, now]) */
static int window_pace(lua_State *L) {
  static const luaL_Reg methods[] = {
      {"at", pace_at},         {"started", pace_started},
      {"struck", pace_struck}, {"eased", pace_eased},
      {"gap", pace_gap},       {NULL, NULL}};
  pace *p;
  lua_settop(L, 5);
  p = lgim_window_task_object(L, sizeof(*p), PACE, methods, nothing);
  p->retry.base_ms = luaL_checkinteger(L, 1);
  p->retry.cap_ms = luaL_checkinteger(L, 2);
  if (!lua_isnoneornil(L, 3))
    gim_bucket_init(&p->pace.bucket, luaL_checkinteger(L, 3),
                    luaL_checkinteger(L, 4), luaL_optinteger(L, 5, 0));
  return 1;
}

/* ---- gim_ledger ---- */

typedef struct book {
  gim_ledger ledger;
} book;

static gim_ledger *ledger_of(lua_State *L) {
  return &((book *)luaL_checkudata(L, 1, LEDGER))->ledger;
}

static gim_entry *entry_of(lua_State *L, int index) {
  luaL_checktype(L, index, LUA_TLIGHTUSERDATA);
  return lua_touserdata(L, index);
}

static int push_entry(lua_State *L, gim_entry *entry) {
  if (entry == NULL) return lgim_window_status(L, GIM_E_NO_MEMORY);
  lua_pushlightuserdata(L, entry);
  return 1;
}

/* ledger:open(key, price) -> entry | nil, kind */
static int ledger_open(lua_State *L) {
  return push_entry(L, gim_ledger_open(ledger_of(L), luaL_checkstring(L, 2),
                                       luaL_optinteger(L, 3, -1)));
}

/* ledger:attach(id) -> entry | nil, kind */
static int ledger_attach(lua_State *L) {
  return push_entry(L,
                    gim_ledger_attach(ledger_of(L), luaL_checkstring(L, 2)));
}

/* ledger:leave(entry) */
static int ledger_leave(lua_State *L) {
  gim_ledger_leave(ledger_of(L), entry_of(L, 2));
  return 0;
}

/* ledger:update(entry, standing [, {id=, said=, live=, saved=}]) -> changed */
static int ledger_update(lua_State *L) {
  static const char *const names[] = {"none",       "refused", "at_risk",
                                      "given_back", "paid",    NULL};
  gim_entry_news news;
  gim_entry *entry = entry_of(L, 2);
  memset(&news, 0, sizeof(news));
  news.standing = (gim_standing)luaL_checkoption(L, 3, NULL, names);
  news.said_micro = -1;
  if (lua_istable(L, 4)) {
    lua_getfield(L, 4, "id");
    news.id = lua_tostring(L, -1);
    news.live = lgim_window_flag(L, 4, "live");
    news.saved = lgim_window_flag(L, 4, "saved");
    news.said_micro = lgim_window_integer(L, 4, "said", -1);
  }
  lua_pushboolean(L, gim_ledger_update(ledger_of(L), entry, &news));
  return 1;
}

/* ledger:afford(price [, instead]) -> true | nil, err */
static int ledger_afford(lua_State *L) {
  gim_err err;
  if (gim_ledger_afford(ledger_of(L), luaL_checkinteger(L, 2),
                        lua_isnoneornil(L, 3) ? NULL : entry_of(L, 3),
                        &err) != GIM_OK)
    return lgim_window_fail(L, &err);
  lua_pushboolean(L, true);
  return 1;
}

/* ledger:sums() -> a table of everything that is counted */
static int ledger_sums(lua_State *L) {
  const gim_ledger *l = ledger_of(L);
  lua_newtable(L);
  for (int i = 0; i < GIM_STANDING_COUNT; i++)
    lgim_set_integer(L, gim_standing_name((gim_standing)i), l->counts[i]);
  lgim_set_integer(L, "sent", l->sent);
  lgim_set_integer(L, "attached", l->attached);
  lgim_set_integer(L, "saved", l->saved);
  lgim_set_integer(L, "spent", l->spent_micro);
  lgim_set_integer(L, "estimated", l->estimated_micro);
  lgim_set_integer(L, "pending", l->pending_micro);
  lgim_set_integer(L, "committed", gim_ledger_committed_micro(l));
  return 1;
}

/* ledger:names() -> ids, or keys, of all entries in order */
static int ledger_names(lua_State *L) {
  const gim_ledger *l = ledger_of(L);
  const gim_entry *e = gim_ledger_next(l, NULL);
  lua_newtable(L);
  for (lua_Integer n = 1; e != NULL; e = gim_ledger_next(l, e), n++) {
    lua_pushstring(L, e->id != NULL ? e->id : e->key);
    lua_rawseti(L, -2, n);
  }
  return 1;
}

static int ledger_free(lua_State *L) {
  gim_ledger *l = ledger_of(L);
  gim_ledger_free(l);
  gim_ledger_free(l); /* idempotent */
  return 0;
}

/* window.ledger([budget]) */
static int window_ledger(lua_State *L) {
  static const luaL_Reg methods[] = {
      {"open", ledger_open},     {"attach", ledger_attach},
      {"leave", ledger_leave},   {"update", ledger_update},
      {"afford", ledger_afford}, {"sums", ledger_sums},
      {"names", ledger_names},   {NULL, NULL}};
  int64_t budget = luaL_optinteger(L, 1, -1);
  book *b =
      lgim_window_task_object(L, sizeof(*b), LEDGER, methods, ledger_free);
  b->ledger.budget_micro = budget;
  return 1;
}

void lgim_window_task_money(lua_State *L) {
  static const luaL_Reg functions[] = {
      {"pace", window_pace}, {"ledger", window_ledger}, {NULL, NULL}};
  luaL_setfuncs(L, functions, 0);
}
