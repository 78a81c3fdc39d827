/* SPDX-License-Identifier: MIT */
#include "lgim_window_net.h"

#include "gim_file.h"
#include "gim_sink.h"
#include "lgim_window.h"
#include "lgim_window_parse.h"

#include <lauxlib.h>
#include <stdlib.h>
#include <string.h>

#define FILE_NAME "gptimage.window.file"
#define SINK "gptimage.window.sink"
#define POOL "gptimage.window.pool"

static const char *const overwrites[] = {"number", "replace", "refuse", NULL};

/* -------- gim_file -------- */

/* Something that may be told that the writer has come on. */
typedef struct told {
  gim_writer_wait wait;
  int count;
} told;

typedef struct window_file {
  gim_file *file;
  told told;
} window_file;

static void on_ready(gim_writer_wait *wait) {
  GIM_CONTAINER(wait, told, wait)->count++;
}

static gim_file *check_file(lua_State *L) {
  gim_file *file = ((window_file *)luaL_checkudata(L, 1, FILE_NAME))->file;
  luaL_argcheck(L, file != NULL, 1, "the file was freed");
  return file;
}

static int file_free(lua_State *L) {
  window_file *w = luaL_checkudata(L, 1, FILE_NAME);
  gim_writer_forget(&w->told.wait);
  gim_file_free(w->file);
  w->file = NULL;
  return 0;
}

/* window.try_folder(folder [, again]) -> true | nil, err
   `again`: may be the folder of the last such call, false: is the first one */
static int window_try_folder(lua_State *L) {
  static gim_trial trial;
  const char *folder = luaL_checkstring(L, 1);
  gim_err err;
  gim_status status;
  if (lua_isnoneornil(L, 2))
    return lgim_window_done(L, gim_file_try_folder(folder, &err), &err);
  if (!lua_toboolean(L, 2)) memset(&trial, 0, sizeof(trial));
  status = gim_file_try_folder_again(folder, &trial, &err);
  return lgim_window_done(L, status, &err);
}

/* window.file([folder [, writer [, gather]]]) -> file | nil, err */
static int window_file_new(lua_State *L) {
  const char *folder = luaL_optstring(L, 1, NULL);
  gim_writer *writer = lgim_window_opt_writer(L, 2);
  size_t gather = (size_t)luaL_optinteger(L, 3, 0);
  gim_err err;
  window_file *w = lua_newuserdatauv(L, sizeof(*w), 1);
  memset(w, 0, sizeof(*w));
  w->told.wait.ready = on_ready;
  luaL_setmetatable(L, FILE_NAME);
  if (gim_file_open(&w->file, folder, &err) != GIM_OK)
    return lgim_window_fail(L, &err);
  if (writer != NULL) {
    lua_pushvalue(L, 2); /* it outlives its files */
    lua_setiuservalue(L, -2, 1);
  }
  gim_file_write_behind(w->file, writer);
  if (gather > 0) gim_file_gather(w->file, gather);
  return 1;
}

static int file_takes(lua_State *L) {
  lua_pushboolean(
      L, gim_file_takes(check_file(L), (size_t)luaL_checkinteger(L, 2)));
  return 1;
}

static int file_is_written(lua_State *L) {
  lua_pushboolean(L, gim_file_is_written(check_file(L)));
  return 1;
}

/* file:await() -> whether it will be told */
static int file_await(lua_State *L) {
  window_file *w = luaL_checkudata(L, 1, FILE_NAME);
  lua_pushboolean(L, gim_file_await(check_file(L), &w->told.wait));
  return 1;
}

static int file_told(lua_State *L) {
  lua_pushinteger(
      L, ((window_file *)luaL_checkudata(L, 1, FILE_NAME))->told.count);
  return 1;
}

static int file_expect(lua_State *L) {
  gim_file_expect(check_file(L), luaL_checkinteger(L, 2));
  return 0;
}

static int file_settle(lua_State *L) {
  gim_file_settle(check_file(L));
  return 0;
}

static int file_write(lua_State *L) {
  gim_str s = lgim_window_str(L, 2);
  gim_err err;
  return lgim_window_done(L, gim_file_write(check_file(L), s.p, s.n, &err),
                          &err);
}

static int file_size(lua_State *L) {
  lua_pushinteger(L, gim_file_size(check_file(L)));
  return 1;
}

/* file:read(offset, n) -> bytes | nil, err */
static int file_read(lua_State *L) {
  gim_file *file = check_file(L);
  int64_t offset = luaL_checkinteger(L, 2);
  size_t got, n = (size_t)luaL_checkinteger(L, 3);
  luaL_Buffer b;
  gim_err err;
  char *p = luaL_buffinitsize(L, &b, n);
  if (gim_file_read(file, offset, p, n, &got, &err) != GIM_OK)
    return lgim_window_fail(L, &err);
  luaL_pushresultsize(&b, got);
  return 1;
}

static int file_truncate(lua_State *L) {
  gim_err err;
  return lgim_window_done(L, gim_file_truncate(check_file(L), &err), &err);
}

/* file:commit(name, overwrite [, size of the path's buffer]) -> path | nil,
   err */
static int file_commit(lua_State *L) {
  char path[GIM_LIMIT_PATH];
  gim_err err;
  gim_status status = gim_file_commit(
      check_file(L), luaL_checkstring(L, 2),
      (gim_overwrite)luaL_checkoption(L, 3, "number", overwrites), path,
      (size_t)luaL_optinteger(L, 4, sizeof(path)), &err);
  if (status != GIM_OK) return lgim_window_fail(L, &err);
  lua_pushstring(L, path);
  return 1;
}

static int file_in_place(lua_State *L) {
  lua_pushboolean(L, gim_file_is_in_place(check_file(L)));
  return 1;
}

/* -------- gim_sink -------- */

typedef struct window_sink {
  gim_sink *sink;
  told told;
} window_sink;

static gim_sink *check_sink(lua_State *L) {
  gim_sink *sink = ((window_sink *)luaL_checkudata(L, 1, SINK))->sink;
  luaL_argcheck(L, sink != NULL, 1, "the sink was freed");
  return sink;
}

static int sink_free(lua_State *L) {
  window_sink *w = luaL_checkudata(L, 1, SINK);
  gim_writer_forget(&w->told.wait);
  gim_sink_free(w->sink);
  w->sink = NULL;
  return 0;
}

/* window.pool(limit [, small writes [, replaces [, writer]]]) -> pool;
   pool:used() -> bytes */
static int window_pool(lua_State *L) {
  gim_pool *pool;
  lua_settop(L, 4);
  pool = lua_newuserdatauv(L, sizeof(*pool), 1);
  memset(pool, 0, sizeof(*pool));
  pool->limit = (size_t)luaL_checkinteger(L, 1);
  if (lua_toboolean(L, 2)) pool->gather = GIM_FILE_GATHER_SMALL;
  pool->replaces = lua_toboolean(L, 3);
  pool->writer = lgim_window_opt_writer(L, 4);
  lua_pushvalue(L, 4); /* it outlives the pool */
  lua_setiuservalue(L, -2, 1);
  luaL_setmetatable(L, POOL);
  return 1;
}

static int pool_used(lua_State *L) {
  gim_pool *pool = luaL_checkudata(L, 1, POOL);
  lua_pushinteger(L, (lua_Integer)pool->used);
  return 1;
}

/* window.sink(pool [, folder]) -> sink | nil */
static int window_sink_new(lua_State *L) {
  gim_pool *pool = luaL_checkudata(L, 1, POOL);
  const char *folder = luaL_optstring(L, 2, NULL);
  window_sink *w = lua_newuserdatauv(L, sizeof(*w), 1);
  memset(w, 0, sizeof(*w));
  w->told.wait.ready = on_ready;
  luaL_setmetatable(L, SINK);
  lua_pushvalue(L, 1); /* the pool outlives its sinks */
  lua_setiuservalue(L, -2, 1);
  w->sink = gim_sink_new(folder, pool);
  if (w->sink == NULL) lua_pushnil(L);
  return 1;
}

static int sink_expect(lua_State *L) {
  gim_sink_expect(check_sink(L), luaL_checkinteger(L, 2));
  return 0;
}

static int sink_settle(lua_State *L) {
  gim_sink_settle(check_sink(L));
  return 0;
}

static int sink_takes(lua_State *L) {
  lua_pushboolean(
      L, gim_sink_takes(check_sink(L), (size_t)luaL_checkinteger(L, 2)));
  return 1;
}

static int sink_is_written(lua_State *L) {
  lua_pushboolean(L, gim_sink_is_written(check_sink(L)));
  return 1;
}

/* sink:await() -> whether it will be told */
static int sink_await(lua_State *L) {
  window_sink *w = luaL_checkudata(L, 1, SINK);
  lua_pushboolean(L, gim_sink_await(check_sink(L), &w->told.wait));
  return 1;
}

static int sink_told(lua_State *L) {
  lua_pushinteger(L, ((window_sink *)luaL_checkudata(L, 1, SINK))->told.count);
  return 1;
}

static int sink_write(lua_State *L) {
  gim_str s = lgim_window_str(L, 2);
  gim_err err;
  return lgim_window_done(L, gim_sink_write(check_sink(L), s.p, s.n, &err),
                          &err);
}

static int sink_restart(lua_State *L) {
  gim_err err;
  return lgim_window_done(L, gim_sink_restart(check_sink(L), &err), &err);
}

static int sink_size(lua_State *L) {
  lua_pushinteger(L, gim_sink_size(check_sink(L)));
  return 1;
}

/* sink:image() -> type name | nil, width, height */
static int sink_image(lua_State *L) {
  const gim_image *image = gim_sink_image(check_sink(L));
  lua_pushstring(L, gim_image_type_name(image->type));
  lua_pushinteger(L, image->width_px);
  lua_pushinteger(L, image->height_px);
  return 3;
}

static int sink_is_cut(lua_State *L) {
  lua_pushboolean(L, gim_sink_is_cut(check_sink(L)));
  return 1;
}

/* sink:trouble() -> nil | nil, err */
static int sink_trouble(lua_State *L) {
  gim_err err;
  if (gim_sink_trouble(check_sink(L), &err) == GIM_OK) return 0;
  return lgim_window_fail(L, &err);
}

static int sink_read(lua_State *L) {
  gim_sink *sink = check_sink(L);
  int64_t offset = luaL_checkinteger(L, 2);
  size_t got, n = (size_t)luaL_checkinteger(L, 3);
  luaL_Buffer b;
  gim_err err;
  char *p = luaL_buffinitsize(L, &b, n);
  if (gim_sink_read(sink, offset, p, n, &got, &err) != GIM_OK)
    return lgim_window_fail(L, &err);
  luaL_pushresultsize(&b, got);
  return 1;
}

/* sink:commit(folder, name, overwrite [, slice]) -> path | nil, err */
static int sink_commit(lua_State *L) {
  char path[GIM_LIMIT_PATH];
  gim_err err;
  gim_status status = gim_sink_commit(
      check_sink(L), luaL_checkstring(L, 2), luaL_checkstring(L, 3),
      (gim_overwrite)luaL_checkoption(L, 4, "number", overwrites),
      luaL_optinteger(L, 5, 0), path, sizeof(path), &err);
  if (status != GIM_OK) return lgim_window_fail(L, &err);
  lua_pushstring(L, path);
  return 1;
}

void lgim_window_net_files(lua_State *L) {
  static const luaL_Reg file_methods[] = {{"expect", file_expect},
                                          {"write", file_write},
                                          {"settle", file_settle},
                                          {"takes", file_takes},
                                          {"is_written", file_is_written},
                                          {"await", file_await},
                                          {"told", file_told},
                                          {"size", file_size},
                                          {"read", file_read},
                                          {"commit", file_commit},
                                          {"truncate", file_truncate},
                                          {"free", file_free},
                                          {"in_place", file_in_place},
                                          {"__gc", file_free},
                                          {NULL, NULL}};
  static const luaL_Reg sink_methods[] = {{"expect", sink_expect},
                                          {"settle", sink_settle},
                                          {"takes", sink_takes},
                                          {"is_written", sink_is_written},
                                          {"await", sink_await},
                                          {"told", sink_told},
                                          {"write", sink_write},
                                          {"restart", sink_restart},
                                          {"size", sink_size},
                                          {"image", sink_image},
                                          {"is_cut", sink_is_cut},
                                          {"trouble", sink_trouble},
                                          {"read", sink_read},
                                          {"commit", sink_commit},
                                          {"free", sink_free},
                                          {"__gc", sink_free},
                                          {NULL, NULL}};
  static const luaL_Reg pool_methods[] = {{"used", pool_used}, {NULL, NULL}};
  static const luaL_Reg functions[] = {{"try_folder", window_try_folder},
                                       {"file", window_file_new},
                                       {"pool", window_pool},
                                       {"sink", window_sink_new},
                                       {NULL, NULL}};
  lgim_window_class(L, FILE_NAME, file_methods);
  lgim_window_class(L, SINK, sink_methods);
  lgim_window_class(L, POOL, pool_methods);
  luaL_setfuncs(L, functions, 0);
}
