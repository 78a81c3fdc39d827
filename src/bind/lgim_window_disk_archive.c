/* SPDX-License-Identifier: MIT */
/* A hub with a journal, its archive, and what an earlier one left behind. */
#include "lgim_window_disk.h"

#include "gim_recover.h"
#include "lgim_table.h"
#include "lgim_window.h"
#include "lgim_window_parse.h"

#include <lauxlib.h>
#include <stdlib.h>
#include <string.h>

#define HUB "gptimage.window.hub"
#define WAIT_MS 10000

gim_hub *lgim_window_hub(lua_State *L) {
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

void lgim_window_hub_step(lua_State *L, gim_hub *hub, int64_t wait_ms) {
  gim_err err;
  if (gim_net_step(hub->net, wait_ms, 0, &err) != GIM_OK)
    luaL_error(L, "the net does not step: %s", err.message);
}

/* hub:step([ms]) */
static int hub_step(lua_State *L) {
  lgim_window_hub_step(L, lgim_window_hub(L), luaL_optinteger(L, 2, 0));
  return 0;
}

/* hub:past() -> { key -> state }, finished [, why it was not compacted] */
static int hub_past(lua_State *L) {
  static const char *const states[] = {"intent", "accepted", "done", "failed"};
  const gim_archive *a = lgim_window_hub(L)->archive;
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
  gim_archive *a = lgim_window_hub(L)->archive;
  const gim_open *open = gim_recovery_find(&a->past, luaL_checkstring(L, 2));
  luaL_argcheck(L, open != NULL, 2, "no such request");
  gim_recovery_report(&a->past, open);
  return 0;
}

/* hub:spare(key, payload) -> path | nil */
static int hub_spare(lua_State *L) {
  char *path =
      gim_archive_spare(lgim_window_hub(L)->archive, luaL_checkstring(L, 2),
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
      L, gim_archive_try_folder(lgim_window_hub(L)->archive, &err), &err);
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
  gim_hub *hub = lgim_window_hub(L);
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
    for (int i = 0; i < 5; i++) lgim_window_hub_step(L, hub, 5);
    lua_pushinteger(L, w.settled);
    return 1;
  }
  while (!w.settled && gim_net_now_ms() < end_ms)
    lgim_window_hub_step(L, hub, 100);
  gim_archive_forget(&w.wait);
  if (!w.settled) return luaL_error(L, "no news for 10 s");
  return lgim_window_done(L, w.err.status, &w.err);
}

/* hub:logged() -> texts of what the log has got since, one a line */
static int hub_logged(lua_State *L) {
  gim_hub *hub = lgim_window_hub(L);
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
  lgim_set_integer(L, "time", r->time_unix_s);
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
    lgim_set_integer(L, "size", p->size);
    lgim_set_integer(L, "payload", p->payload);
    lua_rawseti(L, -2, i + 1);
  }
}

/* hub:recover(key [, now]) -> remnant | nil, err */
static int hub_recover(lua_State *L) {
  gim_hub *hub = lgim_window_hub(L);
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
  static const luaL_Reg hub[] = {{"close", hub_close},
                                 {"step", hub_step},
                                 {"past", hub_past},
                                 {"report", hub_report},
                                 {"spare", hub_spare},
                                 {"try_folder", hub_try_folder},
                                 {"append", hub_append},
                                 {"logged", hub_logged},
                                 {"scribe", lgim_window_hub_scribe},
                                 {"recover", hub_recover},
                                 {"__gc", hub_close},
                                 {NULL, NULL}};
  lgim_window_class(L, HUB, hub);
  lua_pushcfunction(L, window_hub);
  lua_setfield(L, -2, "hub");
}
