/* SPDX-License-Identifier: MIT */
#include "lgim_window_net.h"

#include "gim_headers.h"
#include "gim_proxy.h"
#include "gim_response.h"
#include "gim_system.h"
#include "gim_wait.h"
#include "lgim_table.h"
#include "lgim_window.h"
#include "lgim_window_parse.h"

#include <lauxlib.h>
#include <string.h>

#define WAIT "gptimage.window.wait"
#define HEADERS "gptimage.window.headers"
#define LINES_MAX 15

static int release_response(lua_State *L) {
  gim_response_free(lua_touserdata(L, 1));
  return 0;
}

/* window.head{line, ...} -> what was read, with `ended` = the number of the
   line that ended it | nil, status name */
static int window_head(lua_State *L) {
  gim_response *r = lgim_window_hold(L, sizeof(*r), "gptimage.window.response",
                                     release_response);
  lua_Integer i, n = luaL_len(L, 1), end = 0;
  gim_response_init(r);
  for (i = 1; i <= n; i++) {
    bool ended;
    gim_status status;
    lua_rawgeti(L, 1, i);
    status = gim_response_line(r, lgim_window_str(L, -1), &ended);
    lua_pop(L, 1);
    if (status != GIM_OK) return lgim_window_status(L, status);
    if (ended) end = i;
  }
  lua_newtable(L);
  lgim_set_integer(L, "ended", end);
  lgim_set_integer(L, "status", r->http_status);
  lgim_set_integer(L, "version", r->http_version);
  lgim_set_integer(L, "content_length", r->content_length);
  lgim_window_set_text(L, "content_type", r->content_type);
  lgim_window_set_text(L, "retry_after", r->retry_after);
  lgim_window_set_text(L, "retry_after_ms", r->retry_after_ms);
  lgim_window_set_text(L, "request_id", r->request_id);
  lgim_window_set_text(L, "etag", r->etag);
  lgim_window_set_text(L, "content_range", r->content_range);
  lgim_window_set_text(L, "location", r->location);
  lgim_set_flag(L, "replayed", r->replayed);
  lgim_set_flag(L, "whole_without_body", gim_response_is_whole(r, 0));
  return 1;
}

/* window.headers() -> the lines of a request, none so far */
static int window_headers(lua_State *L) {
  gim_headers *h = lua_newuserdatauv(L, sizeof(*h), 0);
  memset(h, 0, sizeof(*h));
  luaL_setmetatable(L, HEADERS);
  return 1;
}

static int headers_free(lua_State *L) {
  gim_headers_free(luaL_checkudata(L, 1, HEADERS));
  return 0;
}

/* The array at `index`, BORROWED; NULL where it is nil. */
static const char *const *check_lines(lua_State *L, int index,
                                      const char *lines[LINES_MAX + 1]) {
  lua_Integer n = lua_isnil(L, index) ? 0 : luaL_len(L, index);
  luaL_argcheck(L, n <= LINES_MAX, index, "too many lines");
  for (lua_Integer i = 0; i < n; i++) {
    lua_geti(L, index, i + 1);
    lines[i] = luaL_checkstring(L, -1);
    lua_pop(L, 1); /* the table has it */
  }
  lines[n] = NULL;
  return lua_isnil(L, index) ? NULL : lines;
}

/* headers:set(lines | nil, more) -> is there a list? | nil, err */
static int headers_set(lua_State *L) {
  gim_headers *h = luaL_checkudata(L, 1, HEADERS);
  const char *lines[LINES_MAX + 1], *more[LINES_MAX + 1];
  const char *const *first = check_lines(L, 2, lines);
  void *list;
  gim_err err;
  if (gim_headers_set(h, first, check_lines(L, 3, more), &list, &err) !=
      GIM_OK)
    return lgim_window_fail(L, &err);
  lua_pushboolean(L, list != NULL);
  return 1;
}

/* headers:find(lines | nil, more) -> are these its lines? */
static int headers_find(lua_State *L) {
  const gim_headers *h = luaL_checkudata(L, 1, HEADERS);
  const char *lines[LINES_MAX + 1], *more[LINES_MAX + 1];
  const char *const *first = check_lines(L, 2, lines);
  const void *list = gim_headers_find(h, first, check_lines(L, 3, more));
  luaL_argcheck(L, list == NULL || !gim_headers_is_empty(h), 1, "empty");
  lua_pushboolean(L, list != NULL);
  return 1;
}

static int headers_clear(lua_State *L) {
  gim_headers_clear(luaL_checkudata(L, 1, HEADERS));
  return 0;
}

/* headers:bytes() -> all of the memory that they may lie in */
static int headers_bytes(lua_State *L) {
  const gim_headers *h = luaL_checkudata(L, 1, HEADERS);
  lua_pushlstring(L, h->size == 0 ? "" : h->block, h->size);
  return 1;
}

/* window.proxy(option | nil, https, host) -> proxy | nil */
static int window_proxy(lua_State *L) {
  lua_pushstring(L,
                 gim_proxy_find(luaL_optstring(L, 1, NULL),
                                lua_toboolean(L, 2), lgim_window_str(L, 3)));
  return 1;
}

static int window_proxy_named(lua_State *L) {
  lua_pushboolean(L, gim_proxy_is_named());
  return 1;
}

/* window.proxy_fault(url) -> sentence's end | nil, its host and port */
static int window_proxy_fault(lua_State *L) {
  gim_str proxy = lgim_window_str(L, 1);
  gim_str place = gim_proxy_place(proxy);
  lua_pushstring(L, gim_proxy_fault(proxy));
  lua_pushlstring(L, place.p, place.n);
  return 2;
}

/* -------- the waiting room -------- */

static gim_wait *check_wait(lua_State *L) {
  return *(gim_wait **)luaL_checkudata(L, 1, WAIT);
}

static int wait_free(lua_State *L) {
  gim_wait **w = lua_touserdata(L, 1);
  gim_wait_free(*w);
  *w = NULL;
  return 0;
}

/* window.wait() -> waiting room | nil, err */
static int window_wait(lua_State *L) {
  gim_err err;
  gim_wait **w = lua_newuserdatauv(L, sizeof(*w), 0);
  *w = NULL;
  luaL_setmetatable(L, WAIT);
  *w = gim_wait_new(&err);
  return *w == NULL ? lgim_window_fail(L, &err) : 1;
}

static int wait_adopt(lua_State *L) {
  lua_pushboolean(L,
                  gim_wait_adopt(check_wait(L), (int)luaL_checkinteger(L, 2)));
  return 1;
}

static int wait_release(lua_State *L) {
  gim_wait_release(check_wait(L), (int)luaL_checkinteger(L, 2));
  return 0;
}

/* wait:watch(fd, what, tag) -> boolean; what: 0, 1 in, 2 out, 3 both */
static int wait_watch(lua_State *L) {
  lua_pushboolean(L,
                  gim_wait_watch(check_wait(L), (int)luaL_checkinteger(L, 2),
                                 (unsigned)luaL_checkinteger(L, 3),
                                 (int)luaL_optinteger(L, 4, 0)));
  return 1;
}

/* wait:hold(tags): those below are left alone */
static int wait_hold(lua_State *L) {
  gim_wait_hold(check_wait(L), (int)luaL_checkinteger(L, 2));
  return 0;
}

static int wait_arm(lua_State *L) {
  gim_wait_arm(check_wait(L), luaL_checkinteger(L, 2));
  return 0;
}

/* wait:fd() -> descriptor, or -1 where there is none */
static int wait_fd(lua_State *L) {
  lua_pushinteger(L, gim_wait_fd(check_wait(L)));
  return 1;
}

static int wait_is_idle(lua_State *L) {
  lua_pushboolean(L, gim_wait_is_idle(check_wait(L)));
  return 1;
}

/* wait:collect(wait_ms, max) -> { {fd=, what=, tag=}, ... } | nil, err */
static int wait_collect(lua_State *L) {
  gim_ready ready[64];
  gim_err err;
  int i, n = gim_wait_collect(check_wait(L), luaL_checkinteger(L, 2), ready,
                              (int)luaL_optinteger(L, 3, 64), &err);
  if (n < 0) return lgim_window_fail(L, &err);
  lua_createtable(L, n, 0);
  for (i = 0; i < n; i++) {
    lua_createtable(L, 0, 3);
    lgim_set_integer(L, "fd", ready[i].fd);
    lgim_set_integer(L, "what", (int64_t)ready[i].what);
    lgim_set_integer(L, "tag", ready[i].tag);
    lua_rawseti(L, -2, i + 1);
  }
  return 1;
}

void lgim_window_net_heads(lua_State *L) {
  static const luaL_Reg methods[] = {
      {"adopt", wait_adopt}, {"release", wait_release},
      {"watch", wait_watch}, {"hold", wait_hold},
      {"arm", wait_arm},     {"collect", wait_collect},
      {"fd", wait_fd},       {"is_idle", wait_is_idle},
      {"__gc", wait_free},   {NULL, NULL}};
  static const luaL_Reg functions[] = {{"head", window_head},
                                       {"headers", window_headers},
                                       {"proxy", window_proxy},
                                       {"proxy_named", window_proxy_named},
                                       {"proxy_fault", window_proxy_fault},
                                       {"wait", window_wait},
                                       {NULL, NULL}};
  static const luaL_Reg methods_of_headers[] = {
      {"set", headers_set},     {"find", headers_find},
      {"clear", headers_clear}, {"bytes", headers_bytes},
      {"__gc", headers_free},   {NULL, NULL}};
  lgim_window_class(L, HEADERS, methods_of_headers);
  lgim_window_class(L, WAIT, methods);
  lua_pushboolean(L, GIM_LINUX); /* window.has_descriptor */
  lua_setfield(L, -2, "has_descriptor");
  luaL_setfuncs(L, functions, 0);
}
