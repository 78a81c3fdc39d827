/* SPDX-License-Identifier: MIT */
#include "lgim_client.h"

#include "lgim_client_private.h"

#include "gim_client.h"
#include "gim_recover.h"
#include "lgim_error.h"
#include "lgim_task.h"

#include <lauxlib.h>
#include <string.h>

#define REMNANT "gptimage.remnant"

/* Fields of the report that count, by kind. */
static const char *const counters[GIM_REMNANT_JOBS] = {
    "attached", "downloading", "linked", "filed"};

enum { REPORT = 2, TASKS = 3, DATA = 4 }; /* places on the stack */

static int remnant_gc(lua_State *L) {
  gim_remnant_free(lua_touserdata(L, 1));
  return 0;
}

/* Pushes room for a remnant that the collector frees. */
static gim_remnant *push_remnant(lua_State *L) {
  gim_remnant *r = lua_newuserdatauv(L, sizeof(*r), 0);
  memset(r, 0, sizeof(*r));
  if (luaL_newmetatable(L, REMNANT)) {
    lua_pushcfunction(L, remnant_gc);
    lua_setfield(L, -2, "__gc");
  }
  lua_setmetatable(L, -2);
  return r;
}

static void set_text(lua_State *L, const char *name, const gim_buffer *text) {
  if (text->n == 0) return;
  lua_pushlstring(L, text->p, text->n);
  lua_setfield(L, -2, name);
}

/* Pushes what is known of a request that no task is made for. */
static void push_entry(lua_State *L, const gim_remnant *r) {
  lua_createtable(L, 0, 8);
  lua_pushstring(L, r->key);
  lua_setfield(L, -2, "key");
  if (r->time_unix_s != 0) {
    lua_pushinteger(L, (lua_Integer)r->time_unix_s);
    lua_setfield(L, -2, "time");
  }
  set_text(L, "id", &r->id);
  set_text(L, "model", &r->model);
  set_text(L, "prompt", &r->prompt);
  set_text(L, "provider", &r->provider);
  set_text(L, "base_url", &r->base_url);
  set_text(L, "output", &r->output);
  set_text(L, "kind", &r->failure);
}

/* Appends the entry on top of the stack to a list of the report. */
static void append(lua_State *L, const char *list) {
  lua_getfield(L, REPORT, list);
  lua_insert(L, -2);
  lua_rawseti(L, -2, (lua_Integer)lua_rawlen(L, -2) + 1);
  lua_pop(L, 1);
}

/* What cannot be done this time: the journal keeps it for the next. */
static void append_failed(lua_State *L, const gim_remnant *r,
                          const gim_err *err) {
  push_entry(L, r);
  (void)lgim_error_push(L, err, r->id.n > 0 ? r->id.p : NULL,
                        r->kind == GIM_REMNANT_ATTACHED ? GIM_BILLED_MAYBE
                                                        : GIM_BILLED_YES);
  lua_setfield(L, -2, "error");
  append(L, "failed");
}

static void count_one(lua_State *L, const char *name) {
  lua_Integer n;
  lua_getfield(L, REPORT, name);
  n = lua_tointeger(L, -1);
  lua_pop(L, 1);
  lua_pushinteger(L, n + 1);
  lua_setfield(L, REPORT, name);
}

static void start(lua_State *L, gim_hub *hub, const gim_open *open,
                  const gim_remnant *r) {
  gim_job *job;
  gim_err err;
  int task;
  lgim_task_push(L, 1);
  task = lua_gettop(L);
  if (gim_recover_start(hub, r, &job, &err) != GIM_OK) {
    append_failed(L, r, &err);
    return;
  }
  lgim_task_own(L, task, job);
  gim_recovery_forget(&hub->archive->past, open);
  lua_pushvalue(L, task);
  lua_rawsetp(L, DATA, job); /* live tasks are held by their client */
  lua_pushvalue(L, task);
  lua_rawseti(L, TASKS, (lua_Integer)lua_rawlen(L, TASKS) + 1);
  count_one(L, counters[r->kind]);
}

static void handle(lua_State *L, gim_hub *hub, const gim_open *open) {
  static const char *const lists[] = {"maybe", "lost", "elsewhere"};
  gim_remnant *r = push_remnant(L);
  gim_err err;
  if (gim_recover_read(hub, open, gim_net_unix_s(), r, &err) != GIM_OK) {
    append_failed(L, r, &err);
  }
  else if (r->kind < GIM_REMNANT_JOBS) {
    start(L, hub, open, r);
  }
  else {
    push_entry(L, r);
    append(L, lists[r->kind - GIM_REMNANT_JOBS]);
    /* Another client may yet do something about that. */
    if (r->kind != GIM_REMNANT_ELSEWHERE)
      gim_recovery_report(&hub->archive->past, open);
  }
  gim_remnant_free(r);
}

static void push_report(lua_State *L, const gim_hub *hub) {
  static const char *const lists[] = {"maybe", "lost", "elsewhere", "failed"};
  lua_createtable(L, 0, 9);
  for (size_t i = 0; i < sizeof(lists) / sizeof(lists[0]); i++) {
    lua_newtable(L);
    lua_setfield(L, -2, lists[i]);
  }
  for (int i = 0; i < GIM_REMNANT_JOBS; i++) {
    lua_pushinteger(L, 0);
    lua_setfield(L, -2, counters[i]);
  }
  lua_pushinteger(L, (lua_Integer)hub->archive->past.finished);
  lua_setfield(L, -2, "finished");
}

/* core.recover(client) -> report, tasks; nil: it has no journal */
int lgim_client_recover(lua_State *L) {
  gim_hub *hub = lgim_client_check(L, 2, "recover");
  const gim_open *open = NULL;
  lua_settop(L, 1);
  if (hub->archive == NULL) return 0;
  luaL_checkstack(L, 16, "no stack to recover");
  push_report(L, hub);
  lua_newtable(L);
  lua_getiuservalue(L, 1, 1);
  while ((open = gim_recovery_next(&hub->archive->past, open)) != NULL) {
    handle(L, hub, open);
    lua_settop(L, DATA);
  }
  gim_client_arm(hub);
  lua_settop(L, TASKS);
  return 2;
}
