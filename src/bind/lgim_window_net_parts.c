/* SPDX-License-Identifier: MIT */
#include "lgim_window_net.h"

#include "lgim_window.h"
#include "lgim_window_parse.h"

#include <lauxlib.h>
#include <string.h>

#define LIMIT 64

/* The bytes of a part that says `generate = N`: N of them, each its position
   modulo 251. */
typedef struct generator {
  int64_t at;
  int64_t fail_at, end_at; /* -1: never */
} generator;

static int64_t generate(void *ud, char *to, size_t n) {
  generator *g = ud;
  size_t i;
  if (g->fail_at >= 0 && g->at >= g->fail_at) return -1;
  if (g->end_at >= 0 && g->at >= g->end_at) return 0;
  for (i = 0; i < n; i++) to[i] = (char)((g->at + (int64_t)i) % 251);
  g->at += (int64_t)n;
  return (int64_t)n;
}

/* A generator, which the part's table at `index` keeps. */
static generator *keep_generator(lua_State *L, int index) {
  generator *g = lua_newuserdatauv(L, sizeof(*g), 0);
  lua_setfield(L, index, "generator");
  g->at = 0;
  g->fail_at = lgim_window_integer(L, index, "fail_at", -1);
  g->end_at = lgim_window_integer(L, index, "end_at", -1);
  return g;
}

static void read_part(lua_State *L, int index, gim_part *part) {
  size_t n;
  memset(part, 0, sizeof(*part));
  part->field = lgim_window_net_text(L, index, "field", NULL);
  part->filename = lgim_window_net_text(L, index, "filename", NULL);
  part->mime = lgim_window_net_text(L, index, "mime", NULL);
  part->path = lgim_window_net_text(L, index, "path", NULL);
  part->bytes = lgim_window_net_text(L, index, "data", &n);
  part->size = part->bytes != NULL ? (int64_t)n
                                   : lgim_window_integer(L, index, "size", -1);
  if (lua_getfield(L, index, "seen") != LUA_TNIL) {
    int seen = lua_gettop(L);
    part->seen = true;
    part->device = (uint64_t)lgim_window_integer(L, seen, "device", 0);
    part->inode = (uint64_t)lgim_window_integer(L, seen, "inode", 0);
    part->modified_ns = lgim_window_integer(L, seen, "modified_ns", 0);
  }
  lua_pop(L, 1);
  if (part->bytes != NULL || part->path != NULL) return;
  part->size = lgim_window_integer(L, index, "generate", 0);
  part->ud = keep_generator(L, index);
  part->read = generate;
}

const gim_part *lgim_window_net_parts(lua_State *L, int index, int *n) {
  gim_part *parts;
  int i;
  *n = 0;
  if (lua_getfield(L, index, "parts") == LUA_TNIL) return NULL;
  luaL_checktype(L, -1, LUA_TTABLE);
  *n = (int)luaL_len(L, -1);
  luaL_argcheck(L, *n <= LIMIT, index, "too many parts");
  parts = lua_newuserdatauv(L, sizeof(*parts) * LIMIT, 0);
  for (i = 0; i < *n; i++) {
    lua_rawgeti(L, -2, i + 1);
    luaL_checktype(L, -1, LUA_TTABLE);
    read_part(L, lua_gettop(L), &parts[i]);
    lua_pop(L, 1);
  }
  return parts;
}
