/* SPDX-License-Identifier: MIT */
/* What one request writes into the journal of a hub. */
#include "lgim_window_disk.h"

#include "gim_scribe.h"
#include "lgim_window.h"
#include "lgim_window_parse.h"

#include <lauxlib.h>
#include <string.h>

#define SCRIBE "gptimage.window.scribe"
#define PICTURES_MAX 16
#define WAIT_MS 10000

typedef struct room {
  gim_scribe scribe;
  gim_hub *hub; /* retained */
  char key[GIM_KEY_SIZE];
  bool settled;
  gim_err err;
} room;

static room *check_scribe(lua_State *L) {
  return luaL_checkudata(L, 1, SCRIBE);
}

static int scribe_free(lua_State *L) {
  room *r = check_scribe(L);
  if (r->hub == NULL) return 0;
  gim_archive_forget(&r->scribe.wait);
  gim_hub_release(r->hub);
  r->hub = NULL;
  return 0;
}

/* hub:scribe(key) -> scribe */
int lgim_window_hub_scribe(lua_State *L) {
  gim_hub *hub = lgim_window_hub(L);
  gim_str key = gim_str_of(luaL_checkstring(L, 2));
  room *r = lua_newuserdatauv(L, sizeof(*r), 1);
  memset(r, 0, sizeof(*r));
  luaL_setmetatable(L, SCRIBE);
  gim_hub_retain(hub);
  r->hub = hub;
  gim_copy_text(r->key, sizeof(r->key), key);
  gim_scribe_init(&r->scribe, hub, r->key);
  return 1;
}

static void on_intended(gim_wait_line *wait, const gim_err *err) {
  room *r = GIM_CONTAINER(GIM_CONTAINER(wait, gim_scribe, wait), room, scribe);
  r->settled = true;
  if (err != NULL) r->err = *err;
}

/* scribe:intend{path=, body=, output=} -> true | nil, err: once told */
static int scribe_intend(lua_State *L) {
  room *r = check_scribe(L);
  int64_t end_ms = gim_net_now_ms() + WAIT_MS;
  gim_intent intent;
  gim_err err;
  memset(&intent, 0, sizeof(intent));
  intent.path = lgim_window_field(L, 2, "path");
  intent.body = lgim_window_field(L, 2, "body");
  intent.output = lgim_window_field(L, 2, "output");
  r->settled = false;
  r->err.status = GIM_OK;
  r->scribe.wait.settled = on_intended;
  if (!gim_scribe_intend(&r->scribe, &intent, &err))
    return lgim_window_fail(L, &err);
  while (!r->settled && gim_net_now_ms() < end_ms)
    lgim_window_hub_step(L, r->hub, 100);
  if (!r->settled) return luaL_error(L, "no news for 10 s");
  return lgim_window_done(L, r->err.status, &r->err);
}

/* scribe:resume(accepted, done); scribe:resume_spare(payload) */
static int scribe_resume(lua_State *L) {
  gim_scribe_resume(&check_scribe(L)->scribe, lua_toboolean(L, 2),
                    lua_toboolean(L, 3));
  return 0;
}

static int scribe_resume_spare(lua_State *L) {
  gim_scribe_resume_spare(&check_scribe(L)->scribe,
                          (int)luaL_checkinteger(L, 2));
  return 0;
}

static int scribe_accepted(lua_State *L) {
  gim_scribe_accepted(&check_scribe(L)->scribe, luaL_checkstring(L, 2));
  return 0;
}

/* scribe:arrived(payload, path, size) */
static int scribe_arrived(lua_State *L) {
  gim_scribe_arrived(&check_scribe(L)->scribe, (int)luaL_checkinteger(L, 2),
                     luaL_checkstring(L, 3), luaL_checkinteger(L, 4));
  return 0;
}

/* The text `key` of the table at `index`, which stays on the stack. */
static char *text_of(lua_State *L, int index, const char *key) {
  lua_getfield(L, index, key);
  return (char *)(uintptr_t)lua_tostring(L, -1);
}

/* A task as far as a scribe looks at it, from {id=, status=, billed=,
   no_picture=, {url=, payload=}, ...}; its texts are the table's. */
static void read_task(lua_State *L, int index, gim_task *t,
                      gim_picture pictures[PICTURES_MAX]) {
  static const char *const billed[] = {"no", "maybe", "yes", NULL};
  static const char *const kinds[] = {"ok",      "server",  "refused",
                                      "timeout", "invalid", NULL};
  static const gim_status statuses[] = {GIM_OK, GIM_E_SERVER, GIM_E_REFUSED,
                                        GIM_E_TIMEOUT, GIM_E_INVALID};
  static const gim_billed verdicts[] = {GIM_BILLED_NO, GIM_BILLED_MAYBE,
                                        GIM_BILLED_YES};
  memset(t, 0, sizeof(*t));
  memset(pictures, 0, PICTURES_MAX * sizeof(*pictures));
  t->id = text_of(L, index, "id");
  lua_getfield(L, index, "billed");
  t->billed = verdicts[luaL_checkoption(L, -1, "yes", billed)];
  lua_getfield(L, index, "status");
  t->status = statuses[luaL_checkoption(L, -1, "ok", kinds)];
  lua_getfield(L, index, "no_picture");
  t->evidence =
      lua_toboolean(L, -1) ? GIM_EVIDENCE_NO_PICTURE : GIM_EVIDENCE_ACCEPTED;
  t->pictures.list = pictures;
  while (t->pictures.count < PICTURES_MAX &&
         lua_rawgeti(L, index, t->pictures.count + 1) == LUA_TTABLE) {
    gim_picture *p = &pictures[t->pictures.count++];
    p->payload = (int)lgim_window_integer(L, lua_gettop(L), "payload", -1);
    p->url = text_of(L, -1, "url");
  }
}

/* scribe:done(task [, cut]) */
static int scribe_done(lua_State *L) {
  gim_picture pictures[PICTURES_MAX];
  gim_task t;
  bool cut = lua_toboolean(L, 3);
  read_task(L, 2, &t, pictures);
  gim_scribe_done(&check_scribe(L)->scribe, &t, cut);
  return 0;
}

/* scribe:finish(task); scribe:renew(task) */
static int scribe_finish(lua_State *L) {
  gim_picture pictures[PICTURES_MAX];
  gim_task t;
  read_task(L, 2, &t, pictures);
  gim_scribe_end(&check_scribe(L)->scribe, &t);
  return 0;
}

static int scribe_renew(lua_State *L) {
  gim_picture pictures[PICTURES_MAX];
  gim_task t;
  read_task(L, 2, &t, pictures);
  gim_scribe_renew(&check_scribe(L)->scribe, &t);
  return 0;
}

/* scribe:saved(picture, payload, path, size) */
static int scribe_saved(lua_State *L) {
  gim_scribe_saved(&check_scribe(L)->scribe, (int)luaL_checkinteger(L, 2),
                   (int)luaL_checkinteger(L, 3), luaL_checkstring(L, 4),
                   luaL_checkinteger(L, 5));
  return 0;
}

/* scribe:state() -> open, lost, has_to */
static int scribe_state(lua_State *L) {
  const room *r = check_scribe(L);
  lua_pushboolean(L, r->scribe.open);
  lua_pushboolean(L, r->scribe.lost);
  lua_pushboolean(L, gim_scribe_has_to(&r->scribe));
  return 3;
}

void lgim_window_scribe(lua_State *L) {
  static const luaL_Reg scribe[] = {{"free", scribe_free},
                                    {"intend", scribe_intend},
                                    {"resume", scribe_resume},
                                    {"resume_spare", scribe_resume_spare},
                                    {"accepted", scribe_accepted},
                                    {"arrived", scribe_arrived},
                                    {"done", scribe_done},
                                    {"saved", scribe_saved},
                                    {"finish", scribe_finish},
                                    {"renew", scribe_renew},
                                    {"state", scribe_state},
                                    {"__gc", scribe_free},
                                    {NULL, NULL}};
  lgim_window_class(L, SCRIBE, scribe);
}
