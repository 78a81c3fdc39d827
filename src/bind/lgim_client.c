/* SPDX-License-Identifier: MIT */
#include "lgim_client.h"

#include "lgim_client_private.h"

#include "gim_client.h"
#include "gim_warm.h"
#include "lgim_error.h"
#include "lgim_money.h"
#include "lgim_object.h"
#include "lgim_settings.h"
#include "lgim_task.h"

#include <lauxlib.h>
#include <string.h>

typedef struct client {
  gim_hub *hub; /* one reference is OWNED; NULL: half made, or closed */
} client;

/* What keeps it from being used, or NULL. */
static const char *trouble_of(const client *c) {
  /* Without a net: a close that ran out of memory in the middle. */
  if (c->hub == NULL || c->hub->net == NULL) return "is closed";
  if (gim_client_is_foreign(c->hub)) return "belongs to the parent process";
  return NULL;
}

gim_hub *lgim_client_recheck(lua_State *L, int level, const char *method) {
  const client *c = lua_touserdata(L, 1);
  const char *trouble = trouble_of(c);
  if (trouble != NULL) lgim_object_refuse(L, level, "client", method, trouble);
  return c->hub;
}

gim_hub *lgim_client_check(lua_State *L, int level, const char *method) {
  (void)lgim_object_check(L, 1, LGIM_CLASS_CLIENT);
  return lgim_client_recheck(L, level, method);
}

/* core.client(options) -> client | nil, err */
static int core_client(lua_State *L) {
  gim_hub_options options;
  gim_err err;
  client *c;
  lgim_settings_read(L, 1, &options);
  lua_settop(L, 1);
  c = lua_newuserdatauv(L, sizeof(*c), 1); /* 2 */
  c->hub = NULL;
  lgim_object_mark(L, LGIM_CLASS_CLIENT);
  lua_newtable(L);
  lgim_money_keep_prices(L, 1, -1);
  lua_setiuservalue(L, 2, 1);
  c->hub = gim_hub_new(&options, &err);
  if (c->hub == NULL) return lgim_fail(L, &err, NULL, GIM_BILLED_NO);
  return 1;
}

/*
** Argument `number` of client:step, seconds, in units of which there are
** `unit` to a second; `absent` where there is none, -1 when it is negative.
*/
static int64_t to_time(lua_State *L, int number, const char *name, double unit,
                       int64_t absent) {
  lua_Number seconds;
  int type = lua_type(L, number + 1);
  if (type == LUA_TNONE || type == LUA_TNIL) return absent;
  seconds = lua_tonumber(L, number + 1);
  if (type != LUA_TNUMBER || seconds != seconds)
    luaL_error(L, "bad argument #%d to 'step' (%s: seconds expected, got %s)",
               number, name,
               type == LUA_TNUMBER ? "nan" : lua_typename(L, type));
  if (seconds < 0) return -1;
  if (seconds > 1e9) seconds = 1e9;
  return (int64_t)(seconds * unit);
}

/* core.step(client [, timeout [, budget]]) -> live, events, logs */
static int core_step(lua_State *L) {
  gim_hub *hub = lgim_client_check(L, 2, "step");
  int64_t wait_us = to_time(L, 1, "timeout", 1e6, 0);
  int64_t budget_us = to_time(L, 2, "budget", 1e6, 0);
  lua_Integer live;
  int status;
  gim_err err;
  /* Rounded up, or a host that waits for the rest of a deadline spins. */
  int64_t wait_ms = wait_us < 0 ? -1 : (wait_us + 999) / 1000;
  if (lua_isnumber(L, 3) && budget_us < 1) budget_us = 1; /* 0: no limit */
  lua_settop(L, 1);
  if (gim_client_step(hub, wait_ms, budget_us, &err) != GIM_OK)
    return luaL_error(L, "step failed: %s", err.message);
  if (hub->telling ||
      (gim_list_first(&hub->events) == NULL && hub->log_first == NULL)) {
    lua_pushinteger(L, hub->live_count);
    return 1;
  }
  lua_getiuservalue(L, 1, 1);             /* 2 */
  status = lgim_client_tell_news(L, hub); /* 3: events, 4: logs */
  if (hub->net != NULL)
    gim_client_arm(hub); /* what was told is no work any more */
  live = hub->live_count;
  gim_hub_release(hub);
  if (status != LUA_OK) return lua_error(L);
  lua_pushinteger(L, live);
  lua_insert(L, 3);
  return 3;
}

/* core.idle(client) -> its user value when a step would find nothing to do;
   else, and for what is no open client, nothing */
static int core_idle(lua_State *L) {
  client *c = lgim_object_test(L, 1, LGIM_CLASS_CLIENT);
  if (c == NULL || c->hub == NULL || !gim_client_is_idle(c->hub)) return 0;
  lua_getiuservalue(L, 1, 1);
  return 1;
}

/* core.opened(client) -> its user value; for what is not, nothing */
static int core_opened(lua_State *L) {
  const client *c = lgim_object_test(L, 1, LGIM_CLASS_CLIENT);
  if (c == NULL || trouble_of(c) != NULL) return 0;
  lua_getiuservalue(L, 1, 1);
  return 1;
}

/* core.now() -> seconds of the clock that deadlines are judged by */
static int core_now(lua_State *L) {
  lua_pushnumber(L, (lua_Number)gim_net_now_ms() / 1000);
  return 1;
}

/* core.wake(client): the descriptor is readable until the next step, for the
   Lua layer has something to tell */
static int core_wake(lua_State *L) {
  gim_net_alarm(lgim_client_check(L, 1, "wake")->net, gim_net_now_ms());
  return 0;
}

/* core.close(client) -> the tasks that this ended, an array, and the logs */
static int core_close(lua_State *L) {
  client *c = lgim_object_check(L, 1, LGIM_CLASS_CLIENT);
  gim_hub *hub = c->hub;
  int status;
  lua_settop(L, 1);
  if (hub == NULL || gim_client_is_foreign(hub)) {
    lua_newtable(L);
    return 1;
  }
  lua_getiuservalue(L, 1, 1); /* 2 */
  gim_client_close(hub);
  status = lgim_client_tell_ended(L, hub); /* 3: tasks, 4: logs */
  if (status == LUA_OK && c->hub != NULL) {
    c->hub = NULL;
    gim_hub_release(hub);
  }
  gim_hub_release(hub);
  return status == LUA_OK ? 2 : lua_error(L);
}

/* Allocates nothing that may raise: finalizers must not. */
static int client_gc(lua_State *L) {
  client *c = lgim_object_check(L, 1, LGIM_CLASS_CLIENT);
  gim_job *job;
  if (c->hub == NULL || gim_client_is_foreign(c->hub)) return 0;
  gim_client_close(c->hub);
  while ((job = gim_client_next_news(c->hub)) != NULL)
    gim_job_take_news(job, job->news);
  gim_hub_release(c->hub);
  c->hub = NULL;
  return 0;
}

/* core.data(client | task) -> its user value */
static int core_data(lua_State *L) {
  if (lgim_object_test(L, 1, LGIM_CLASS_CLIENT) != NULL) {
    lua_getiuservalue(L, 1, 1);
    return 1;
  }
  (void)lgim_object_check(L, 1, LGIM_CLASS_TASK);
  lgim_task_data(L, 1);
  return 1;
}

/* client:fd() -> descriptor | nil where the build has none */
static int client_fd(lua_State *L) {
  int fd = gim_net_fd(lgim_client_check(L, 1, "fd")->net);
  if (fd < 0)
    lua_pushnil(L);
  else
    lua_pushinteger(L, fd);
  return 1;
}

/* client:timeout() -> seconds | nil */
static int client_timeout(lua_State *L) {
  int64_t ms = gim_client_timeout_ms(lgim_client_check(L, 1, "timeout"));
  if (ms < 0)
    lua_pushnil(L);
  else
    lua_pushnumber(L, (lua_Number)ms / 1000);
  return 1;
}

/*
** client:warm_up() -> true | nil, err: the first TLS connections' work, now.
** Blocks. What ends meanwhile is told by the next step.
*/
static int client_warm_up(lua_State *L) {
  gim_hub *hub = lgim_client_check(L, 1, "warm_up");
  gim_err err;
  gim_status status = gim_warm_up(hub->net, hub->base_url, &err);
  gim_client_arm(hub);
  if (status != GIM_OK) return lgim_fail(L, &err, NULL, GIM_BILLED_NO);
  lua_pushboolean(L, 1);
  return 1;
}

/* client:tasks([into]) -> array of live tasks: `into`, with no others */
static int client_tasks(lua_State *L) {
  gim_hub *hub = lgim_client_check(L, 1, "tasks");
  lua_Integer n = 0, left;
  lua_settop(L, 2);
  if (lua_isnil(L, 2))
    lua_createtable(L, hub->live_count, 0);
  else if (lua_istable(L, 2))
    lua_pushvalue(L, 2);
  else
    return luaL_error(L, "bad argument #1 to 'tasks' (table expected, got %s)",
                      luaL_typename(L, 2));
  lua_replace(L, 2); /* 2 */
  left = (lua_Integer)lua_rawlen(L, 2);
  lua_getiuservalue(L, 1, 1); /* 3 */
  for (gim_list_item *link = gim_list_first(&hub->live); link != NULL;
       link = gim_list_after(&hub->live, link)) {
    gim_job *job = GIM_CONTAINER(link, gim_job, live);
    if (gim_filing_source(&job->filing, NULL) != NULL)
      continue; /* brings a picture only */
    if (lua_rawgetp(L, 3, job) == LUA_TUSERDATA)
      lua_rawseti(L, 2, ++n);
    else
      lua_pop(L, 1);
  }
  for (; left > n; left--) {
    lua_pushnil(L);
    lua_rawseti(L, 2, left);
  }
  lua_settop(L, 2);
  return 1;
}

/* client:ledger() -> where the money is */
static int client_ledger(lua_State *L) {
  gim_hub *hub = lgim_client_check(L, 1, "ledger");
  gim_client_take_stock(hub);
  return lgim_money_push_ledger(L, hub);
}

/* client:closed() -> boolean */
static int client_closed(lua_State *L) {
  client *c = lgim_object_check(L, 1, LGIM_CLASS_CLIENT);
  lua_pushboolean(L, c->hub == NULL);
  return 1;
}

static int client_tostring(lua_State *L) {
  client *c = lgim_object_check(L, 1, LGIM_CLASS_CLIENT);
  if (c->hub == NULL)
    lua_pushliteral(L, LGIM_CLIENT ": closed");
  else
    lua_pushfstring(L, LGIM_CLIENT ": %s, %d live", c->hub->provider->name,
                    c->hub->live_count);
  return 1;
}

/* client[name]: a method, or a property */
static int client_index(lua_State *L) {
  client *c = lgim_object_check(L, 1, LGIM_CLASS_CLIENT);
  const char *name;
  lua_settop(L, 2);
  lua_pushvalue(L, 2);
  if (lua_rawget(L, lua_upvalueindex(LGIM_UPVALUE_METHODS)) != LUA_TNIL)
    return 1;
  if (c->hub == NULL || lua_type(L, 2) != LUA_TSTRING) return 1;
  name = lua_tostring(L, 2);
  if (strcmp(name, "provider") == 0)
    lua_pushstring(L, c->hub->provider->name);
  else if (strcmp(name, "base_url") == 0)
    lua_pushstring(L, c->hub->base_url);
  else if (strcmp(name, "spent") == 0)
    lgim_money_push_spent(L, c->hub);
  else if (strcmp(name, "foreign") == 0)
    lua_pushboolean(L, gim_client_is_foreign(c->hub));
  return 1;
}

void lgim_client_open(lua_State *L, int tables) {
  static const luaL_Reg methods[] = {
      {"fd", client_fd},           {"timeout", client_timeout},
      {"warm_up", client_warm_up}, {"tasks", client_tasks},
      {"closed", client_closed},   {"close", core_close},
      {"ledger", client_ledger},   {NULL, NULL}};
  static const luaL_Reg functions[] = {{"client", core_client},
                                       {"generate", lgim_client_generate},
                                       {"edit", lgim_client_edit},
                                       {"attach", lgim_client_attach},
                                       {"step", core_step},
                                       {"idle", core_idle},
                                       {"opened", core_opened},
                                       {"now", core_now},
                                       {"wake", core_wake},
                                       {"close", core_close},
                                       {"data", core_data},
                                       {"recover", lgim_client_recover},
                                       {NULL, NULL}};
  static const luaL_Reg metamethods[] = {{"__gc", client_gc},
                                         {"__close", core_close},
                                         {"__tostring", client_tostring},
                                         {NULL, NULL}};
  const lgim_class class = {LGIM_CLASS_CLIENT, "client", methods, metamethods,
                            client_index};
  lgim_object_functions(L, functions);
  lgim_object_open(L, &class, tables);
}
