/* SPDX-License-Identifier: MIT */
#include "lgim_window_disk.h"

#include "gim_journal.h"
#include "lgim_window.h"
#include "lgim_window_parse.h"

#include <lauxlib.h>
#include <poll.h>
#include <stdlib.h>

#define JOURNAL "gptimage.window.journal"
#define RANGES_MAX 1024

static gim_journal *check(lua_State *L) {
  gim_journal *journal = *(gim_journal **)luaL_checkudata(L, 1, JOURNAL);
  luaL_argcheck(L, journal != NULL, 1, "the journal was closed");
  return journal;
}

/* window.journal(path) -> journal | nil, err */
static int window_journal(lua_State *L) {
  const char *path = luaL_checkstring(L, 1);
  gim_err err;
  gim_journal **journal = lua_newuserdatauv(L, sizeof(*journal), 0);
  *journal = NULL;
  luaL_setmetatable(L, JOURNAL);
  if (gim_journal_open(journal, path, &err) != GIM_OK)
    return lgim_window_fail(L, &err);
  return 1;
}

static int journal_close(lua_State *L) {
  gim_journal **journal = luaL_checkudata(L, 1, JOURNAL);
  gim_journal_close(*journal);
  *journal = NULL;
  return 0;
}

static int journal_path(lua_State *L) {
  lua_pushstring(L, gim_journal_path(check(L)));
  lua_pushstring(L, gim_journal_pictures(check(L)));
  return 2;
}

/* journal:append(line) -> ticket */
static int journal_append(lua_State *L) {
  gim_str line = lgim_window_str(L, 2);
  lua_pushinteger(L, (lua_Integer)gim_journal_append(check(L), line));
  return 1;
}

/* journal:append_filed(line [, file [, spare]]) -> boolean */
static int journal_append_filed(lua_State *L) {
  gim_str line = lgim_window_str(L, 2);
  lua_pushboolean(L, gim_journal_append_filed(check(L), line,
                                              luaL_optstring(L, 3, NULL),
                                              luaL_optstring(L, 4, NULL)));
  return 1;
}

static int push_state(lua_State *L, gim_journal_state state,
                      const gim_err *err) {
  static const char *const names[] = {"pending", "durable", "failed"};
  lua_pushstring(L, names[state]);
  if (state != GIM_JOURNAL_FAILED) return 1;
  (void)lgim_window_fail(L, err);
  lua_remove(L, -2);
  return 2;
}

/* journal:ask(ticket) -> state [, err] */
static int journal_ask(lua_State *L) {
  gim_err err;
  gim_journal_state state =
      gim_journal_ask(check(L), (gim_ticket)luaL_checkinteger(L, 2), &err);
  return push_state(L, state, &err);
}

/* journal:wait(ticket [, state]) -> state [, err]: sleeps on the descriptor
   until the ticket is no longer pending, or is in `state`; 10 s at most */
static int journal_wait(lua_State *L) {
  gim_journal *journal = check(L);
  gim_ticket ticket = (gim_ticket)luaL_checkinteger(L, 2);
  bool for_good = lua_toboolean(L, 3);
  gim_err err;
  gim_journal_state state;
  struct pollfd watched = {gim_journal_fd(journal), POLLIN, 0};
  while ((state = gim_journal_ask(journal, ticket, &err)) ==
             GIM_JOURNAL_PENDING ||
         (for_good && state == GIM_JOURNAL_FAILED)) {
    if (poll(&watched, 1, 10000) == 0) luaL_error(L, "no news for 10 s");
    gim_journal_acknowledge(journal);
  }
  return push_state(L, state, &err);
}

/* journal:failure() -> nil | err */
static int journal_failure(lua_State *L) {
  gim_err err;
  if (gim_journal_failure(check(L), &err) == GIM_OK) return 0;
  (void)lgim_window_fail(L, &err);
  return 1;
}

/* journal:dropped() -> number [, err] */
static int journal_dropped(lua_State *L) {
  gim_err err;
  size_t n = gim_journal_dropped(check(L), &err);
  lua_pushinteger(L, (lua_Integer)n);
  if (n == 0) return 1;
  (void)lgim_window_fail(L, &err);
  lua_remove(L, -2);
  return 2;
}

/* journal:finish() */
static int journal_finish(lua_State *L) {
  gim_journal_finish(check(L));
  return 0;
}

static int journal_fd(lua_State *L) {
  lua_pushinteger(L, gim_journal_fd(check(L)));
  return 1;
}

/* Only as much of a long line is shown. */
static gim_status read_line(void *ud, gim_str line, gim_range range) {
  lua_State *L = ud;
  lua_createtable(L, 0, 3);
  if (line.p != NULL) {
    lua_pushlstring(L, line.p, line.n);
    lua_setfield(L, -2, "text");
  }
  lua_pushinteger(L, (lua_Integer)range.offset);
  lua_setfield(L, -2, "offset");
  lua_pushinteger(L, (lua_Integer)range.n);
  lua_setfield(L, -2, "n");
  lua_rawseti(L, -2, (lua_Integer)lua_rawlen(L, -2) + 1);
  return GIM_OK;
}

/* journal:read() -> { {text=, offset=, n=}, ... } | nil, err */
static int journal_read(lua_State *L) {
  gim_err err;
  lua_newtable(L);
  if (gim_journal_read(check(L), read_line, L, &err) != GIM_OK)
    return lgim_window_fail(L, &err);
  return 1;
}

static gim_status count_line(void *ud, gim_str line, gim_range range) {
  (void)line;
  (void)range;
  ++*(lua_Integer *)ud;
  return GIM_OK;
}

/* journal:count() -> lines */
static int journal_count(lua_State *L) {
  gim_err err;
  lua_Integer n = 0;
  if (gim_journal_read(check(L), count_line, &n, &err) != GIM_OK)
    return lgim_window_fail(L, &err);
  lua_pushinteger(L, n);
  return 1;
}

static gim_range to_range(lua_State *L, int index) {
  gim_range range;
  lua_getfield(L, index, "offset");
  lua_getfield(L, index, "n");
  range.offset = luaL_checkinteger(L, -2);
  range.n = luaL_checkinteger(L, -1);
  lua_pop(L, 2);
  return range;
}

/* journal:fetch{offset=, n=} -> bytes | nil, err */
static int journal_fetch(lua_State *L) {
  gim_range range = to_range(L, 2);
  gim_buffer *b = lgim_window_buffer(L, GIM_LIMIT_JOURNAL_LINE);
  gim_err err;
  if (gim_journal_fetch(check(L), range, b, &err) != GIM_OK)
    return lgim_window_fail(L, &err);
  lgim_window_push(L, b);
  return 1;
}

/* journal:compact{ {offset=, n=}, ... } -> true | nil, err */
static int journal_compact(lua_State *L) {
  gim_range ranges[RANGES_MAX];
  size_t n = 0;
  gim_err err;
  for (; n < RANGES_MAX && lua_rawgeti(L, 2, (lua_Integer)n + 1) == LUA_TTABLE;
       n++) {
    ranges[n] = to_range(L, lua_gettop(L));
    lua_pop(L, 1);
  }
  if (gim_journal_compact(check(L), ranges, n, &err) != GIM_OK)
    return lgim_window_fail(L, &err);
  lua_pushboolean(L, 1);
  return 1;
}

void lgim_window_journal(lua_State *L) {
  static const luaL_Reg methods[] = {{"close", journal_close},
                                     {"path", journal_path},
                                     {"append", journal_append},
                                     {"append_filed", journal_append_filed},
                                     {"ask", journal_ask},
                                     {"wait", journal_wait},
                                     {"failure", journal_failure},
                                     {"dropped", journal_dropped},
                                     {"finish", journal_finish},
                                     {"fd", journal_fd},
                                     {"read", journal_read},
                                     {"count", journal_count},
                                     {"fetch", journal_fetch},
                                     {"compact", journal_compact},
                                     {"__gc", journal_close},
                                     {"__close", journal_close},
                                     {NULL, NULL}};
  lgim_window_class(L, JOURNAL, methods);
  lua_pushcfunction(L, window_journal);
  lua_setfield(L, -2, "journal");
}
