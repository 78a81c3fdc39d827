/* SPDX-License-Identifier: MIT */
#include "lgim_client.h"

#include "gim_client.h"
#include "lgim_client_private.h"
#include "lgim_task.h"

#include <lauxlib.h>
#include <stdlib.h>

/*
** Pushes the events there are, a flat array, or nil. They stay: a push may
** raise, and what goes with a table that nobody gets is never told.
*/
static void push_events(lua_State *L, const gim_hub *hub, int data) {
  lua_Integer n = 0;
  if (gim_list_first(&hub->events) == NULL) {
    lua_pushnil(L);
    return;
  }
  lua_newtable(L);
  for (gim_list_item *link = gim_list_first(&hub->events); link != NULL;
       link = gim_list_after(&hub->events, link)) {
    gim_job *job = GIM_CONTAINER(link, gim_job, event);
    job->telling = job->news;
    if ((job->news & (GIM_NEWS_PROGRESS | GIM_NEWS_DONE)) == 0) continue;
    lua_rawgetp(L, data, job); /* the task */
    /* What is over has no progress any more. */
    lua_pushstring(L,
                   (job->telling & GIM_NEWS_DONE) != 0 ? "done" : "progress");
    lua_rawseti(L, -3, n + 2);
    lua_rawseti(L, -2, n + 1);
    n += 2;
  }
}

/* Pushes the log's records, an array, or nil; they stay, likewise. */
static void push_logs(lua_State *L, const gim_hub *hub) {
  lua_Integer n = 1;
  if (hub->log_first == NULL) {
    lua_pushnil(L);
    return;
  }
  lua_newtable(L);
  for (const gim_log *log = hub->log_first; log != NULL; log = log->next) {
    lua_createtable(L, 0, 5);
    lua_pushstring(L, log->event);
    lua_setfield(L, -2, "event");
    lua_pushnumber(L, (lua_Number)log->time_unix_ms / 1000);
    lua_setfield(L, -2, "time");
    lua_pushstring(L, log->task);
    lua_setfield(L, -2, "task");
    lua_pushstring(L, log->text);
    lua_setfield(L, -2, "message");
    if (log->http_status != 0) {
      lua_pushinteger(L, log->http_status);
      lua_setfield(L, -2, "status");
    }
    lua_rawseti(L, -2, n++);
  }
}

/* 1: the client's user value, 2: the hub -> events, logs */
static int push_news(lua_State *L) {
  const gim_hub *hub = lua_touserdata(L, 2);
  push_events(L, hub, 1);
  push_logs(L, hub);
  return 2;
}

/* References that nobody has to send any more may be collected. */
static void forget_pictures(lua_State *L, const gim_job *job, int data) {
  int top = lua_gettop(L);
  if (job->references == NULL && lua_rawgetp(L, data, job) == LUA_TUSERDATA &&
      lua_getiuservalue(L, -1, 1) == LUA_TTABLE &&
      lua_rawgetp(L, -1, &lgim_key_pictures) != LUA_TNIL) {
    lua_pushnil(L);
    lua_rawsetp(L, -3, &lgim_key_pictures);
  }
  lua_settop(L, top);
}

/*
** What was pushed has been told; what finalizers did meanwhile has not.
** Allocates nothing, so it does not raise.
*/
static void forget_told(lua_State *L, gim_hub *hub, int data) {
  gim_job *job;
  while ((job = gim_client_next_news(hub)) != NULL && job->telling != 0) {
    unsigned told = job->telling;
    job->telling = 0;
    gim_job_take_news(job, told);
    forget_pictures(L, job, data);
    if ((told & GIM_NEWS_DONE) == 0) continue;
    lua_pushnil(L);
    lua_rawsetp(L, data, job);
  }
  while (hub->log_first != NULL) free(gim_hub_take_log(hub));
}

/* 1: the client's user value, 2: the hub -> tasks that ended, logs */
static int push_ended(lua_State *L) {
  gim_hub *hub = lua_touserdata(L, 2);
  gim_job *job;
  lua_Integer n = 0;
  lua_newtable(L); /* 3 */
  while ((job = gim_client_next_news(hub)) != NULL) {
    if (lua_rawgetp(L, 1, job) == LUA_TUSERDATA)
      lua_rawseti(L, 3, ++n);
    else
      lua_pop(L, 1);
    forget_pictures(L, job, 1);
    lua_pushnil(L);
    lua_rawsetp(L, 1, job);
    gim_job_take_news(job, job->news);
  }
  push_logs(L, hub);
  return 2;
}

/* Calls `push` with the client's user value and the hub, which is held and
   lets nothing go that is being told. */
static int tell(lua_State *L, gim_hub *hub, lua_CFunction push) {
  bool told_of = hub->telling;
  int status;
  gim_hub_retain(hub);
  hub->telling = true;
  lua_pushcfunction(L, push);
  lua_pushvalue(L, 2);
  lua_pushlightuserdata(L, hub);
  status = lua_pcall(L, 2, 2, 0);
  hub->telling = told_of;
  return status;
}

int lgim_client_tell_news(lua_State *L, gim_hub *hub) {
  int status = tell(L, hub, push_news);
  if (status == LUA_OK) forget_told(L, hub, 2);
  return status;
}

int lgim_client_tell_ended(lua_State *L, gim_hub *hub) {
  return tell(L, hub, push_ended);
}
