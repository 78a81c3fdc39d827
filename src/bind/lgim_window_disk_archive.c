/* SPDX-License-Identifier: MIT */
/* A hub with a journal, its archive, scribes, and what they leave behind. */
#include "lgim_window_disk.h"

#include "gim_recover.h"
#include "gim_scribe.h"
#include "lgim_window.h"
#include "lgim_window_parse.h"

#include <lauxlib.h>
#include <stdlib.h>
#include <string.h>

#define HUB "gptimage.window.hub"
#define SCRIBE "gptimage.window.scribe"
#define PICTURES_MAX 16
#define WAIT_MS 10000

static gim_hub *check_hub(lua_State *L) {
  gim_hub *hub = *(gim_hub **)luaL_checkudata(L, 1, HUB);
  luaL_argcheck(L, hub != NULL, 1, "the hub was closed");
  return hub;
}

static int hub_close(lua_State *L) {
  gim_hub **hub = luaL_checkudata(L, 1, HUB);
  if (*hub != NULL) gim_hub_release(*hub);
  *hub = NULL;
  return 0;
}

/* window.hub{journal=, base_url=} -> hub | nil, err: of the synchronous
   service */
static int window_hub(lua_State *L) {
  gim_hub **hub = lua_newuserdatauv(L, sizeof(*hub), 0);
  gim_hub_options options;
  gim_err err;
  *hub = NULL;
  luaL_setmetatable(L, HUB);
  gim_hub_options_init(&options, GIM_MAGICK);
  options.api_key = GIM_STR("sk-window");
  options.log = true;
  options.journal = lgim_window_field(L, 1, "journal");
  options.base_url = lgim_window_field(L, 1, "base_url");
  *hub = gim_hub_new(&options, &err);
  if (*hub == NULL) return lgim_window_fail(L, &err);
  lua_pushvalue(L, 2);
  return 1;
}

static void step(lua_State *L, gim_hub *hub, int64_t wait_ms) {
  gim_err err;
  if (gim_net_step(hub->net, wait_ms, 0, &err) != GIM_OK)
    luaL_error(L, "the net does not step: %s", err.message);
}

/* hub:step([ms]) */
static int hub_step(lua_State *L) {
  step(L, check_hub(L), luaL_optinteger(L, 2, 0));
  return 0;
}

/* hub:past() -> { key -> state }, finished [, why it was not compacted] */
static int hub_past(lua_State *L) {
  static const char *const states[] = {"intent", "accepted", "done", "failed"};
  const gim_archive *a = check_hub(L)->archive;
  lua_newtable(L);
  for (const gim_open *open = gim_recovery_next(&a->past, NULL); open != NULL;
       open = gim_recovery_next(&a->past, open)) {
    lua_pushstring(L, states[open->state]);
    lua_setfield(L, -2, open->key);
  }
  lua_pushinteger(L, (lua_Integer)a->past.finished);
  if (a->compacting.status == GIM_OK) return 2;
  lua_pushstring(L, a->compacting.message);
  return 3;
}

/* hub:report(key): it was told to the user */
static int hub_report(lua_State *L) {
  gim_archive *a = check_hub(L)->archive;
  const gim_open *open = gim_recovery_find(&a->past, luaL_checkstring(L, 2));
  luaL_argcheck(L, open != NULL, 2, "no such request");
  gim_recovery_report(&a->past, open);
  return 0;
}

/* hub:spare(key, payload) -> path | nil */
static int hub_spare(lua_State *L) {
  char *path = gim_archive_spare(check_hub(L)->archive, luaL_checkstring(L, 2),
                                 (int)luaL_checkinteger(L, 3));
  char copy[2 * GIM_LIMIT_PATH];
  if (path == NULL) return 0;
  gim_copy_text(copy, sizeof(copy), gim_str_of(path));
  free(path);
  lua_pushstring(L, copy);
  return 1;
}

/* hub:try_folder() -> true | nil, err */
static int hub_try_folder(lua_State *L) {
  gim_err err;
  return lgim_window_done(
      L, gim_archive_try_folder(check_hub(L)->archive, &err), &err);
}

/* Somebody who waits: how it went. */
typedef struct waiting {
  gim_wait_line wait;
  bool settled;
  gim_err err; /* status GIM_OK: it is on the disk */
} waiting;

static void on_settled(gim_wait_line *wait, const gim_err *err) {
  waiting *w = GIM_CONTAINER(wait, waiting, wait);
  w->settled = true;
  if (err != NULL) w->err = *err;
}

/* hub:append(line [, forget]) -> true | nil, err: once it was told; with
   `forget` it does not wait, and is not told: how often it was */
static int hub_append(lua_State *L) {
  gim_hub *hub = check_hub(L);
  gim_str line = lgim_window_str(L, 2);
  int64_t end_ms = gim_net_now_ms() + WAIT_MS;
  waiting w;
  gim_err err;
  memset(&w, 0, sizeof(w));
  w.wait.settled = on_settled;
  if (!gim_archive_append(hub->archive, line, &w.wait, &err))
    return lgim_window_fail(L, &err);
  if (lua_toboolean(L, 3)) {
    gim_archive_forget(&w.wait);
    gim_archive_forget(&w.wait);
    for (int i = 0; i < 5; i++) step(L, hub, 5);
    lua_pushinteger(L, w.settled);
    return 1;
  }
  while (!w.settled && gim_net_now_ms() < end_ms) step(L, hub, 100);
  gim_archive_forget(&w.wait);
  if (!w.settled) return luaL_error(L, "no news for 10 s");
  return lgim_window_done(L, w.err.status, &w.err);
}

/* hub:logged() -> texts of what the log has got since, one a line */
static int hub_logged(lua_State *L) {
  gim_hub *hub = check_hub(L);
  gim_log *log;
  luaL_Buffer b;
  luaL_buffinit(L, &b);
  while ((log = gim_hub_take_log(hub)) != NULL) {
    char text[sizeof(log->text)];
    memcpy(text, log->text, sizeof(text));
    free(log);
    luaL_addstring(&b, text);
    luaL_addchar(&b, '\n');
  }
  luaL_pushresult(&b);
  return 1;
}

/* -------- gim_scribe -------- */

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
static int hub_scribe(lua_State *L) {
  gim_hub *hub = check_hub(L);
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
  while (!r->settled && gim_net_now_ms() < end_ms) step(L, r->hub, 100);
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

/* -------- gim_recover -------- */

static void set_buffer(lua_State *L, const char *name, const gim_buffer *b) {
  if (b->n == 0) return;
  lgim_window_push(L, b);
  lua_setfield(L, -2, name);
}

static void push_remnant(lua_State *L, const gim_remnant *r) {
  static const char *const kinds[] = {"attached", "downloading", "linked",
                                      "filed",    "maybe",       "lost",
                                      "elsewhere"};
  lua_newtable(L);
  lgim_window_set_text(L, "kind", kinds[r->kind]);
  lgim_window_set_integer(L, "time", r->time_unix_s);
  set_buffer(L, "id", &r->id);
  set_buffer(L, "model", &r->model);
  set_buffer(L, "prompt", &r->prompt);
  set_buffer(L, "output", &r->output);
  set_buffer(L, "failure", &r->failure);
  lua_pushboolean(L, r->told);
  lua_setfield(L, -2, "told");
  lua_pushboolean(L, r->cut);
  lua_setfield(L, -2, "cut");
  for (int i = 0; i < r->count; i++) {
    const gim_past_picture *p = &r->pictures[i];
    lua_newtable(L);
    if (p->url != NULL) lgim_window_set_text(L, "url", p->url);
    if (p->path != NULL) lgim_window_set_text(L, "path", p->path);
    lgim_window_set_integer(L, "size", p->size);
    lgim_window_set_integer(L, "payload", p->payload);
    lua_rawseti(L, -2, i + 1);
  }
}

/* hub:recover(key [, now]) -> remnant | nil, err */
static int hub_recover(lua_State *L) {
  gim_hub *hub = check_hub(L);
  const gim_open *open =
      gim_recovery_find(&hub->archive->past, luaL_checkstring(L, 2));
  int64_t now_unix_s = luaL_optinteger(L, 3, gim_net_unix_s());
  gim_remnant r;
  gim_err err;
  gim_status status;
  luaL_argcheck(L, open != NULL, 2, "no such request");
  status = gim_recover_read(hub, open, now_unix_s, &r, &err);
  if (status == GIM_OK) push_remnant(L, &r);
  gim_remnant_free(&r);
  gim_remnant_free(&r);
  return status == GIM_OK ? 1 : lgim_window_fail(L, &err);
}

void lgim_window_archive(lua_State *L) {
  static const luaL_Reg hub[] = {
      {"close", hub_close},   {"step", hub_step},
      {"past", hub_past},     {"report", hub_report},
      {"spare", hub_spare},   {"try_folder", hub_try_folder},
      {"append", hub_append}, {"logged", hub_logged},
      {"scribe", hub_scribe}, {"recover", hub_recover},
      {"__gc", hub_close},    {NULL, NULL}};
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
  lgim_window_class(L, HUB, hub);
  lgim_window_class(L, SCRIBE, scribe);
  lua_pushcfunction(L, window_hub);
  lua_setfield(L, -2, "hub");
}
