/* SPDX-License-Identifier: MIT */
#include "lgim_window_disk.h"

#include "gim_record.h"
#include "gim_recovery.h"
#include "lgim_table.h"
#include "lgim_window.h"
#include "lgim_window_parse.h"

#include <lauxlib.h>
#include <stdlib.h>
#include <string.h>

#define RECOVERY "gptimage.window.recovery"
#define IMAGES_MAX 200

static const char *const events[] = {"unknown", "intent", "accepted",
                                     "arrived", "done",   "saved",
                                     "failed",  "closed", NULL};

/* The images of a done, from the array at the top. */
static int read_images(lua_State *L, gim_record_image *images) {
  int n = 0;
  int list = lua_gettop(L);
  /* The strings stay on the stack, and so alive, until the line is written. */
  luaL_checkstack(L, 3 * IMAGES_MAX, "too many pictures");
  for (; n < IMAGES_MAX && lua_rawgeti(L, list, n + 1) == LUA_TTABLE; n++) {
    int at = lua_gettop(L);
    memset(&images[n], 0, sizeof(images[n]));
    images[n].url = lgim_window_field(L, at, "url");
    images[n].file = lgim_window_field(L, at, "file");
    images[n].size = lgim_window_integer(L, at, "size", 0);
    images[n].expires_at_unix = lgim_window_integer(L, at, "expires_at", 0);
  }
  return n;
}

/* A name of the table at 1, which keeps it alive; NULL when it is nil. */
static const char *text_field(lua_State *L, const char *key) {
  const char *text;
  lua_getfield(L, 1, key);
  text = lua_tostring(L, -1);
  lua_pop(L, 1);
  return text;
}

/* window.record_write{event=, key=, ...} -> line | nil, kind */
static int window_record_write(lua_State *L) {
  gim_record_image images[IMAGES_MAX];
  gim_record r;
  gim_status status;
  gim_buffer *b;
  size_t limit;
  luaL_checktype(L, 1, LUA_TTABLE);
  limit = (size_t)luaL_optinteger(L, 2, GIM_LIMIT_JOURNAL_LINE);
  memset(&r, 0, sizeof(r));
  lua_getfield(L, 1, "event");
  r.event = (gim_event)luaL_checkoption(L, -1, NULL, events);
  r.key = lgim_window_field(L, 1, "key");
  r.time_unix_s = lgim_window_integer(L, 1, "time", 0);
  r.provider = lgim_window_field(L, 1, "provider");
  r.base_url = lgim_window_field(L, 1, "base_url");
  r.path = lgim_window_field(L, 1, "path");
  r.output = lgim_window_field(L, 1, "output");
  r.request = lgim_window_field(L, 1, "request");
  r.id = lgim_window_field(L, 1, "id");
  r.overwrite = text_field(L, "overwrite");
  r.kind = text_field(L, "kind");
  r.billed = text_field(L, "billed");
  r.index = (int)lgim_window_integer(L, 1, "index", 0);
  r.size = lgim_window_integer(L, 1, "size", 0);
  if (lua_getfield(L, 1, "images") == LUA_TTABLE)
    r.image_count = read_images(L, images);
  r.images = images;
  r.cut = lgim_window_flag(L, 1, "cut");
  b = lgim_window_buffer(L, limit);
  status = gim_record_write(b, &r);
  if (status != GIM_OK) return lgim_window_status(L, status);
  lgim_window_push(L, b);
  return 1;
}

static void set_read_text(lua_State *L, const gim_recorded *r,
                          const char *name) {
  gim_buffer *b = lgim_window_buffer(L, GIM_LIMIT_JOURNAL_LINE);
  if (gim_record_text(r, name, b)) {
    lgim_window_push(L, b);
    lua_setfield(L, -3, name);
  }
  lua_pop(L, 1);
}

static void push_images(lua_State *L, const gim_recorded *r) {
  gim_buffer *url = lgim_window_buffer(L, GIM_LIMIT_URL);
  gim_buffer *file = lgim_window_buffer(L, GIM_LIMIT_PATH);
  int64_t size;
  lua_newtable(L);
  for (int i = 0; i < gim_record_image_count(r); i++) {
    lua_newtable(L);
    if (gim_record_get_image(r, i, url, file, &size)) {
      if (url->n > 0) lgim_window_push(L, url);
      if (url->n > 0) lua_setfield(L, -2, "url");
      if (file->n > 0) {
        lgim_window_push(L, file);
        lua_setfield(L, -2, "file");
        lgim_set_integer(L, "size", size);
      }
    }
    lua_rawseti(L, -2, i + 1);
  }
}

/* window.record_read(line) -> {event=, key=, time=, ...} */
static int window_record_read(lua_State *L) {
  static const char *const texts[] = {"provider", "base_url", "path",
                                      "output",   "id",       "overwrite",
                                      "kind",     "billed",   "file"};
  gim_str line = lgim_window_str(L, 1);
  gim_recorded r;
  gim_buffer *b;
  gim_record_read(line, &r);
  lua_newtable(L);
  lua_pushstring(L, events[r.event]);
  lua_setfield(L, -2, "event");
  if (r.event == GIM_EVENT_UNKNOWN) return 1;
  lua_pushstring(L, r.key);
  lua_setfield(L, -2, "key");
  lgim_set_integer(L, "time", r.time_unix_s);
  for (size_t i = 0; i < sizeof(texts) / sizeof(texts[0]); i++)
    set_read_text(L, &r, texts[i]);
  if (gim_record_flag(&r, "cut")) {
    lua_pushboolean(L, 1);
    lua_setfield(L, -2, "cut");
  }
  lgim_set_integer(L, "index", gim_record_number(&r, "index", -1));
  lgim_set_integer(L, "size", gim_record_number(&r, "size", -1));
  b = lgim_window_buffer(L, GIM_LIMIT_JOURNAL_LINE);
  if (gim_record_request_text(&r, "prompt", b)) {
    lgim_window_push(L, b);
    lua_setfield(L, -3, "prompt");
  }
  lua_pop(L, 1);
  if (r.event == GIM_EVENT_DONE) {
    push_images(L, &r);
    lua_setfield(L, -4, "images");
    lua_pop(L, 2);
  }
  return 1;
}

static int recovery_free(lua_State *L) {
  gim_recovery_free(luaL_checkudata(L, 1, RECOVERY));
  return 0;
}

/* window.recovery() -> recovery */
static int window_recovery(lua_State *L) {
  gim_recovery *r = lua_newuserdatauv(L, sizeof(*r), 0);
  gim_recovery_init(r);
  luaL_setmetatable(L, RECOVERY);
  return 1;
}

/* recovery:line(text | nil, offset, n) -> true | nil, kind */
static int recovery_line(lua_State *L) {
  gim_recovery *r = luaL_checkudata(L, 1, RECOVERY);
  gim_str line = {NULL, 0};
  gim_range range = {luaL_checkinteger(L, 3), luaL_checkinteger(L, 4)};
  gim_status status;
  if (!lua_isnil(L, 2)) line = lgim_window_str(L, 2);
  status = gim_recovery_line(r, line, range);
  if (status != GIM_OK) return lgim_window_status(L, status);
  lua_pushboolean(L, 1);
  return 1;
}

/* recovery:open() -> { [key] = {state=, images=, saved=, lines={offset}} } */
static int recovery_open(lua_State *L) {
  static const char *const states[] = {"intent", "accepted", "done", "failed"};
  gim_recovery *r = luaL_checkudata(L, 1, RECOVERY);
  lua_newtable(L);
  for (const gim_open *open = gim_recovery_next(r, NULL); open != NULL;
       open = gim_recovery_next(r, open)) {
    gim_range range;
    uint32_t at = 0;
    lua_Integer n = 0, saved = 0;
    lua_newtable(L);
    lua_pushstring(L, states[open->state]);
    lua_setfield(L, -2, "state");
    lgim_set_integer(L, "images", open->images);
    for (int i = 0; i < open->images; i++)
      if (gim_recovery_is_saved(open, i)) saved++;
    lgim_set_integer(L, "saved", saved);
    lua_newtable(L);
    while (gim_recovery_next_line(r, open, &at, &range)) {
      lua_pushinteger(L, (lua_Integer)range.offset);
      lua_rawseti(L, -2, ++n);
    }
    lua_setfield(L, -2, "lines");
    lua_setfield(L, -2, open->key);
  }
  return 1;
}

/* recovery:counts() -> open, finished, kept bytes */
static int recovery_counts(lua_State *L) {
  gim_recovery *r = luaL_checkudata(L, 1, RECOVERY);
  lua_pushinteger(L, (lua_Integer)r->count);
  lua_pushinteger(L, (lua_Integer)r->finished);
  lua_pushinteger(L, (lua_Integer)r->kept_bytes);
  return 3;
}

/* recovery:ranges() -> { {offset=, n=}, ... } */
static int recovery_ranges(lua_State *L) {
  gim_recovery *r = luaL_checkudata(L, 1, RECOVERY);
  gim_range *ranges;
  size_t count;
  gim_status status;
  lua_newtable(L);
  status = gim_recovery_ranges(r, &ranges, &count);
  if (status != GIM_OK) return lgim_window_status(L, status);
  for (size_t i = 0; i < count; i++) {
    lua_createtable(L, 0, 2);
    lgim_set_integer(L, "offset", ranges[i].offset);
    lgim_set_integer(L, "n", ranges[i].n);
    lua_rawseti(L, -2, (lua_Integer)i + 1);
  }
  free(ranges);
  return 1;
}

void lgim_window_record(lua_State *L) {
  static const luaL_Reg methods[] = {
      {"line", recovery_line},     {"open", recovery_open},
      {"counts", recovery_counts}, {"ranges", recovery_ranges},
      {"__gc", recovery_free},     {NULL, NULL}};
  static const luaL_Reg functions[] = {{"record_write", window_record_write},
                                       {"record_read", window_record_read},
                                       {"recovery", window_recovery},
                                       {NULL, NULL}};
  lgim_window_class(L, RECOVERY, methods);
  luaL_setfuncs(L, functions, 0);
}
