/* SPDX-License-Identifier: MIT */
#include "lgim_window_task.h"

#include "gim_model.h"
#include "gim_task.h"
#include "lgim_table.h"
#include "lgim_window.h"
#include "lgim_window_parse.h"

#include <stdlib.h>
#include <string.h>

#define TASK "gptimage.window.task"
#define REPLY "gptimage.window.task_reply"

/* Chance where a spec names none: the middle, at which jitter is nothing. */
#define MIDDLE 0x80000000

typedef struct job {
  gim_task task;
  gim_task_rules rules; /* of the task */
} job;

void *lgim_window_task_object(lua_State *L, size_t size, const char *name,
                              const luaL_Reg *methods, lua_CFunction release) {
  void *object = lua_newuserdatauv(L, size, 0);
  memset(object, 0, size);
  if (luaL_newmetatable(L, name)) {
    lua_pushcfunction(L, release);
    lua_setfield(L, -2, "__gc");
    lua_newtable(L);
    luaL_setfuncs(L, methods, 0);
    lua_setfield(L, -2, "__index");
  }
  lua_setmetatable(L, -2);
  return object;
}

/* ---- what comes in ---- */

static gim_task *task_of(lua_State *L) {
  return &((job *)luaL_checkudata(L, 1, TASK))->task;
}

static uint32_t random_of(lua_State *L, int index) {
  return (uint32_t)luaL_optinteger(L, index, MIDDLE);
}

/* A kind by its name; raises where there is none such. */
static gim_status status_of(lua_State *L, const char *name) {
  for (int status = GIM_OK; status < GIM_STATUS_COUNT; status++)
    if (strcmp(name, gim_status_name((gim_status)status)) == 0)
      return (gim_status)status;
  luaL_error(L, "there is no kind '%s'", name);
  return GIM_OK;
}

/* The string field `key`, which stays on the stack, or `otherwise`. */
static const char *text_of(lua_State *L, int index, const char *key,
                           const char *otherwise) {
  lua_getfield(L, index, key);
  return luaL_optstring(L, -1, otherwise);
}

/* The failure in the table at `index`: kind, message, retryable. */
static gim_status read_failure(lua_State *L, int index, const char *key,
                               gim_err *err) {
  gim_status status = status_of(L, text_of(L, index, key, "ok"));
  (void)gim_fail(err, status, "%s",
                 text_of(L, index, "message", "told by the spec"));
  err->retryable = lgim_window_flag(L, index, "retryable");
  err->retry_after_ms = lgim_window_integer(L, index, "retry_after_ms", -1);
  lua_pop(L, 2);
  return err->status;
}

/* ---- options ---- */

static void read_options(lua_State *L, gim_task_options *o,
                         gim_task_rules *rules) {
  gim_retry *retry = &rules->retry;
  gim_poll *poll = &rules->poll;
  bool magick;
  memset(o, 0, sizeof(*o));
  lua_getfield(L, 1, "retry");
  *retry = GIM_RETRY_DEFAULT;
  if (lua_istable(L, -1)) {
    int at = lua_gettop(L);
    retry->max = (int)lgim_window_integer(L, at, "max", retry->max);
    retry->base_ms = lgim_window_integer(L, at, "base", retry->base_ms);
    retry->cap_ms = lgim_window_integer(L, at, "cap", retry->cap_ms);
  }
  lua_getfield(L, 1, "poll");
  *poll = GIM_POLL_DEFAULT;
  if (lua_istable(L, -1)) {
    int at = lua_gettop(L);
    poll->first_ms = lgim_window_integer(L, at, "first", poll->first_ms);
    poll->min_ms = lgim_window_integer(L, at, "min", poll->min_ms);
    poll->max_ms = lgim_window_integer(L, at, "max", poll->max_ms);
    poll->jitter_permille = (int32_t)lgim_window_integer(
        L, at, "jitter_permille", poll->jitter_permille);
  }
  rules->submit_ms = lgim_window_integer(L, 1, "submit_ms", 30000);
  o->task_ms = lgim_window_integer(L, 1, "task_ms", 1800000);
  o->save = lgim_window_flag(L, 1, "save");
  rules->idempotent = lgim_window_flag(L, 1, "idempotent");
  o->resubmit = (int)lgim_window_integer(L, 1, "resubmit", 0);
  o->references = (int)lgim_window_integer(L, 1, "references", 0);
  magick = strcmp(text_of(L, 1, "provider", "starmagic"), "magick") == 0;
  rules->retry_codes =
      gim_provider_get(magick ? GIM_MAGICK : GIM_STARMAGIC)->retry_codes;
  lua_settop(L, 1);
}

/* ---- reports ---- */

static int release_reply(lua_State *L) {
  gim_reply_free(lua_touserdata(L, 1));
  return 0;
}

/* As gim_exchange does it: pictures that came whole, without their words. */
static bool salvage(gim_reply *reply, int payloads) {
  gim_reply_init(reply);
  reply->shape = GIM_REPLY_IMAGES;
  reply->state = GIM_TASK_COMPLETED;
  if (payloads == 0) return false;
  reply->images = calloc((size_t)payloads, sizeof(*reply->images));
  if (reply->images == NULL) return false;
  reply->image_count = payloads;
  for (int i = 0; i < payloads; i++) reply->images[i].payload = i;
  return true;
}

/*
** Fills `report` from the table at 3, whose strings stay on the stack, with
** the reply above them.
*/
static void read_report(lua_State *L, bool poll, gim_task_report *report,
                        gim_err *err) {
  gim_reply *reply;
  gim_reply_input input;
  luaL_checktype(L, 3, LUA_TTABLE);
  luaL_checkstack(L, 12, NULL);
  memset(report, 0, sizeof(*report));
  report->status = read_failure(L, 3, "status", err);
  report->handed = (size_t)lgim_window_integer(L, 3, "handed", 0);
  report->total = (size_t)lgim_window_integer(L, 3, "total", 0);
  report->now_unix_s = lgim_window_integer(L, 3, "unix", 1764000000);
  memset(&input, 0, sizeof(input));
  input.answer = lgim_window_answer(L, 3, report->now_unix_s);
  input.payloads = (int)lgim_window_integer(L, 3, "payloads", 0);
  input.poll = poll;
  input.root = lgim_window_root(L, input.answer.body);
  reply = lgim_window_hold(L, sizeof(*reply), REPLY, release_reply);
  report->reply = reply;
  if (report->status != GIM_OK) {
    report->err = lgim_window_flag(L, 3, "bare") ? NULL : err;
    report->salvaged =
        lgim_window_flag(L, 3, "salvaged") && salvage(reply, input.payloads);
  }
  else if (gim_reply_read(reply, &input) != GIM_OK) {
    report->status = gim_fail(err, GIM_E_NO_MEMORY, "No memory to read it.");
    report->err = err;
  }
}

/* self, now, report [, random]: to one of the two that take a report, which is
   of a query or of the POST. */
static int told(lua_State *L, bool query,
                void (*tell)(gim_task *t, const gim_task_report *report,
                             int64_t now_ms, uint32_t random)) {
  gim_task *t = task_of(L);
  int64_t now_ms = luaL_checkinteger(L, 2);
  uint32_t random = random_of(L, 4);
  gim_task_report report;
  gim_err err;
  read_report(L, query, &report, &err);
  tell(t, &report, now_ms, random);
  return 0;
}

/* task:sent(now, report [, random]) */
static int task_sent(lua_State *L) {
  return told(L, false, gim_task_sent);
}

/* task:fetched(now, report [, random]) */
static int task_fetched(lua_State *L) {
  return told(L, true, gim_task_fetched);
}

/* self, now, picture [, {kind=, message=, retryable=, retry_after_ms=} [,
   random]]: to one of the two that are told what came of a picture. */
static int brought(lua_State *L,
                   void (*tell)(gim_task *t, int picture, const gim_err *err,
                                int64_t now_ms, uint32_t random)) {
  gim_task *t = task_of(L);
  int64_t now_ms = luaL_checkinteger(L, 2);
  int picture = (int)luaL_checkinteger(L, 3);
  uint32_t random = random_of(L, 5);
  gim_err err;
  bool failed = lua_istable(L, 4);
  if (failed) (void)read_failure(L, 4, "kind", &err);
  tell(t, picture, failed ? &err : NULL, now_ms, random);
  return 0;
}

/* task:uploaded(now, picture [, failure [, random]]) */
static int task_uploaded(lua_State *L) {
  return brought(L, gim_task_uploaded);
}

/* task:saved(now, picture [, failure [, random]]) */
static int task_saved(lua_State *L) {
  return brought(L, gim_task_saved);
}

/* task:lost(picture, {kind=, message=}): its bytes are gone */
static int task_lost(lua_State *L) {
  gim_task *t = task_of(L);
  gim_err err;
  int picture = (int)luaL_checkinteger(L, 2);
  luaL_checktype(L, 3, LUA_TTABLE);
  (void)read_failure(L, 3, "kind", &err);
  gim_pictures_lose(&t->pictures, picture, &err);
  return 0;
}

/* task:next(now [, random]) -> kind, at_ms, picture, attempt */
static int task_next(lua_State *L) {
  static const char *const kinds[] = {"none",  "wait", "upload", "send",
                                      "fetch", "save", "done"};
  gim_action action =
      gim_task_next(task_of(L), luaL_checkinteger(L, 2), random_of(L, 3));
  lua_pushstring(L, kinds[action.kind]);
  lua_pushinteger(L, action.at_ms);
  lua_pushinteger(L, action.picture);
  lua_pushinteger(L, action.attempt);
  return 4;
}

/* task:started(now) */
static int task_started(lua_State *L) {
  gim_task_started(task_of(L), luaL_checkinteger(L, 2));
  return 0;
}

/* task:handed(n, total) */
static int task_handed(lua_State *L) {
  gim_task_handed(task_of(L), (size_t)luaL_checkinteger(L, 2),
                  (size_t)luaL_checkinteger(L, 3));
  return 0;
}

/* task:cancel(kind, message) */
static int task_cancel(lua_State *L) {
  gim_task *t = task_of(L);
  gim_task_cancel(t, status_of(L, luaL_checkstring(L, 2)),
                  luaL_checkstring(L, 3));
  return 0;
}

/* ---- what comes out ---- */

static void set_err(lua_State *L, const gim_err *err) {
  if (err == NULL) return;
  lgim_window_fail(L, err); /* nil, err */
  lua_setfield(L, -3, "err");
  lua_pop(L, 1);
}

static void push_pictures(lua_State *L, const gim_pictures *pictures) {
  static const char *const states[] = {"idle",  "needed", "waiting", "running",
                                       "saved", "failed", "stale"};
  lua_createtable(L, pictures->count, 0);
  for (int i = 0; i < pictures->count; i++) {
    const gim_picture *m = &pictures->list[i];
    lua_newtable(L);
    lgim_window_set_text(L, "url", m->url);
    lgim_window_set_text(L, "revised_prompt", m->revised_prompt);
    lgim_window_set_text(L, "state", states[m->state]);
    lua_pushboolean(L, m->gone);
    lua_setfield(L, -2, "gone");
    lgim_set_integer(L, "payload", m->payload);
    lgim_set_integer(L, "attempt", m->attempt);
    set_err(L, m->err);
    lua_rawseti(L, -2, i + 1);
  }
}

/* task:state() -> a table of everything public */
static int task_state(lua_State *L) {
  const gim_task *t = task_of(L);
  lua_newtable(L);
  lgim_window_set_text(L, "name", gim_task_status_name(t));
  lgim_window_set_text(L, "state", gim_task_state_name(t->state));
  lgim_window_set_text(L, "billed", gim_billed_name(t->billed));
  lgim_window_set_text(L, "reason", gim_evidence_text(t->evidence));
  lgim_window_set_text(L, "id", t->id);
  lgim_window_set_text(L, "model", t->model);
  lgim_window_set_text(L, "request_id", t->request_id);
  lgim_set_integer(L, "progress", t->progress);
  lgim_set_integer(L, "estimated_ms", t->estimated_ms);
  lgim_set_integer(L, "can_cancel", t->can_cancel);
  lgim_set_integer(L, "created", t->created_unix_s);
  lgim_set_integer(L, "linked", t->linked_unix_s);
  lgim_set_integer(L, "reserved", t->credits_reserved_micro);
  lgim_set_integer(L, "used", t->credits_used_micro);
  lgim_set_flag(L, "done", gim_task_is_done(t));
  lgim_set_flag(L, "uploading", gim_task_is_uploading(t));
  lgim_set_flag(L, "needs_body", gim_task_needs_body(t));
  lgim_set_integer(L, "resubmits", t->resubmits);
  lgim_set_flag(L, "may_send", gim_task_may_send(t));
  lgim_set_flag(L, "exchanging", gim_task_is_exchanging(t));
  lgim_set_flag(L, "renewing", gim_task_is_renewing(t));
  if (gim_task_is_done(t))
    lgim_window_set_text(L, "status", gim_status_name(t->status));
  set_err(L, t->err);
  push_pictures(L, &t->pictures);
  lua_setfield(L, -2, "pictures");
  return 1;
}

/* task:billed() -> what was billed, alone: for specs that ask very often */
static int task_billed(lua_State *L) {
  lua_pushstring(L, gim_billed_name(task_of(L)->billed));
  return 1;
}

static int task_free(lua_State *L) {
  gim_task *t = task_of(L);
  gim_task_free(t);
  gim_task_free(t); /* idempotent */
  return 0;
}

/*
** window.task{kind=, id=, url=, payload=, number=, retry={max=, base=, cap=},
** poll={first=, min=, max=, jitter_permille=}, submit_ms=, task_ms=, save=,
** idempotent=, resubmit=, references=, provider=, now=} -> task | nil, kind
*/
static int window_task(lua_State *L) {
  static const luaL_Reg methods[] = {
      {"next", task_next},       {"started", task_started},
      {"handed", task_handed},   {"sent", task_sent},
      {"fetched", task_fetched}, {"uploaded", task_uploaded},
      {"saved", task_saved},     {"lost", task_lost},
      {"cancel", task_cancel},   {"state", task_state},
      {"billed", task_billed},   {NULL, NULL}};
  gim_task_options options;
  gim_task_rules rules;
  const char *kind;
  gim_str id, url;
  int64_t now_ms;
  int payload, number;
  job *made;
  gim_status status = GIM_OK;
  luaL_checktype(L, 1, LUA_TTABLE);
  lua_settop(L, 1);
  read_options(L, &options, &rules);
  kind = text_of(L, 1, "kind", "submit");
  id = lgim_window_field(L, 1, "id");
  url = lgim_window_field(L, 1, "url");
  payload = (int)lgim_window_integer(L, 1, "payload", -1);
  number = (int)lgim_window_integer(L, 1, "number", 0);
  now_ms = lgim_window_integer(L, 1, "now", 0);
  made = lgim_window_task_object(L, sizeof(*made), TASK, methods, task_free);
  made->rules = rules;
  options.rules = &made->rules;
  if (strcmp(kind, "attach") == 0)
    status = gim_task_init_attach(&made->task, &options, id, now_ms);
  else if (strcmp(kind, "picture") == 0) {
    gim_task_picture of = {url, payload, id, number};
    status = gim_task_init_picture(&made->task, &options, &of, now_ms);
  }
  else
    gim_task_init(&made->task, &options, now_ms);
  return status == GIM_OK ? 1 : lgim_window_status(L, status);
}

void lgim_window_task(lua_State *L) {
  static const luaL_Reg functions[] = {{"task", window_task}, {NULL, NULL}};
  luaL_setfuncs(L, functions, 0);
  lgim_window_task_ground(L);
  lgim_window_task_money(L);
}
