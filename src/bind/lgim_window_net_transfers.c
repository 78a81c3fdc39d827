/* SPDX-License-Identifier: MIT */
#include "lgim_window_net.h"

#include "gim_buffer.h"
#include "gim_net.h"
#include "gim_warm.h"
#include "lgim_table.h"
#include "lgim_window.h"
#include "lgim_window_parse.h"

#include <lauxlib.h>
#include <poll.h>
#include <string.h>

#define NET "gptimage.window.net"
#define RECORD "gptimage.window.transfer"
#define ANCHORS 3

/* A net. Its user values are tables by record: 1 the record's userdata, 2 the
   function to call at the end, 3 the request, whose strings are used. */
typedef struct window_net {
  gim_net *net;
  lua_State *L; /* of the step that is running */
  int failed;   /* an on_done raised: its error is on the stack of L */
} window_net;

typedef struct record {
  window_net *owner;
  gim_transfer *transfer; /* NULL once it is over */
  gim_buffer data;
  int heads, pieces, largest;
  int head_status;
  gim_status fail_head, fail_data;
  int64_t fail_after, taken;
  bool discard;
  bool full; /* takes nothing */
} record;

static const char *const class_names[] = {"paid", "poll", "download", NULL};

static window_net *check_window_net(lua_State *L) {
  return luaL_checkudata(L, 1, NET);
}

static gim_net *check_net(lua_State *L) {
  gim_net *net = check_window_net(L)->net;
  luaL_argcheck(L, net != NULL, 1, "the net was freed");
  return net;
}

/* -------- what gim_net calls -------- */

static gim_status on_head(void *ud, const gim_response *response) {
  record *r = ud;
  r->heads++;
  r->head_status = response->http_status;
  return r->fail_head;
}

static bool takes(void *ud, size_t n) {
  (void)n;
  return !((record *)ud)->full;
}

static gim_status on_data(void *ud, const char *p, size_t n) {
  record *r = ud;
  r->pieces++;
  if ((int)n > r->largest) r->largest = (int)n;
  r->taken += (int64_t)n;
  if (r->fail_data != GIM_OK && r->taken > r->fail_after) return r->fail_data;
  return r->discard ? GIM_OK : gim_buffer_append(&r->data, p, n);
}

static void push_response(lua_State *L, const gim_response *response) {
  lua_newtable(L);
  lgim_set_integer(L, "status", response->http_status);
  lgim_set_integer(L, "version", response->http_version);
  lgim_set_integer(L, "content_length", response->content_length);
  lgim_window_set_text(L, "content_type", response->content_type);
  lgim_window_set_text(L, "retry_after", response->retry_after);
  lgim_window_set_text(L, "retry_after_ms", response->retry_after_ms);
  lgim_window_set_text(L, "request_id", response->request_id);
  lgim_window_set_text(L, "etag", response->etag);
  lgim_window_set_text(L, "content_range", response->content_range);
  lgim_window_set_text(L, "content_encoding", response->content_encoding);
  if (response->location != NULL)
    lgim_window_set_text(L, "location", response->location);
  lua_pushboolean(L, response->replayed);
  lua_setfield(L, -2, "replayed");
}

static void push_outcome(lua_State *L, const gim_outcome *outcome,
                         const record *r) {
  lua_newtable(L);
  lgim_window_set_text(L, "status", gim_status_name(outcome->status));
  if (outcome->err != NULL) {
    lgim_window_fail(L, outcome->err);
    lua_setfield(L, -3, "err");
    lua_pop(L, 1);
  }
  lgim_set_integer(L, "handed", (int64_t)outcome->handed);
  lgim_set_integer(L, "total", (int64_t)outcome->total);
  lgim_set_integer(L, "received", outcome->received);
  lgim_set_integer(L, "heads", r->heads);
  lgim_set_integer(L, "head_status", r->head_status);
  lgim_set_integer(L, "largest", r->largest);
  lua_pushboolean(L, outcome->connected);
  lua_setfield(L, -2, "connected");
  lgim_window_push(L, &r->data);
  lua_setfield(L, -2, "body");
  push_response(L, outcome->response);
  lua_setfield(L, -2, "response");
}

/* Takes what is on top of the stack as anchor `i` of `r`; the net is at 1. */
static void anchor(lua_State *L, int i, const record *r) {
  lua_getiuservalue(L, 1, i);
  lua_insert(L, -2);
  lua_rawsetp(L, -2, r);
  lua_pop(L, 1);
}

/* From here on the collector may have it. */
static void let_go(lua_State *L, const record *r) {
  int i;
  for (i = 1; i <= ANCHORS; i++) {
    lua_pushnil(L);
    anchor(L, i, r);
  }
}

/* Runs below gim_net_step of net:step(), whose arguments start at 1: the
   net's userdata is at index 1 of that stack. */
static void on_done(void *ud, const gim_outcome *outcome) {
  record *r = ud;
  window_net *w = r->owner;
  lua_State *L = w->L;
  r->transfer = NULL;
  if (w->failed) return;
  luaL_checkstack(L, 12, NULL);
  lua_getiuservalue(L, 1, 2);
  lua_rawgetp(L, -1, r);
  lua_remove(L, -2);
  push_outcome(L, outcome, r);
  let_go(L, r);
  w->failed = lua_pcall(L, 1, 0, 0) != LUA_OK;
}

static const gim_transfer_callbacks callbacks = {on_head, takes, on_data,
                                                 on_done};
static const gim_transfer_callbacks headless = {NULL, takes, on_data, on_done};

/* -------- the net -------- */

static int net_free(lua_State *L) {
  window_net *w = check_window_net(L);
  gim_net_free(w->net);
  w->net = NULL;
  return 0;
}

/* window.net{max_requests=, connect_timeout_ms=, ca_file=, proxy=,
   user_agent=} -> net | nil, err */
static int window_net_new(lua_State *L) {
  gim_net_options options;
  gim_err err;
  window_net *w;
  int i;
  luaL_checktype(L, 1, LUA_TTABLE);
  memset(&options, 0, sizeof(options));
  options.max_requests = (int)lgim_window_integer(L, 1, "max_requests", 16);
  options.connect_timeout_ms =
      lgim_window_integer(L, 1, "connect_timeout_ms", 5000);
  options.ca_file = lgim_window_net_text(L, 1, "ca_file", NULL);
  options.proxy = lgim_window_net_text(L, 1, "proxy", NULL);
  options.user_agent = lgim_window_net_text(L, 1, "user_agent", NULL);
  w = lua_newuserdatauv(L, sizeof(*w), ANCHORS);
  memset(w, 0, sizeof(*w));
  for (i = 1; i <= ANCHORS; i++) {
    lua_newtable(L);
    lua_setiuservalue(L, -2, i);
  }
  luaL_setmetatable(L, NET);
  w->net = gim_net_new(&options, &err);
  return w->net == NULL ? lgim_window_fail(L, &err) : 1;
}

static gim_status status_field(lua_State *L, const char *key) {
  const char *name = lgim_window_net_text(L, 2, key, NULL);
  int i;
  for (i = 0; name != NULL && i < GIM_STATUS_COUNT; i++)
    if (strcmp(name, gim_status_name((gim_status)i)) == 0)
      return (gim_status)i;
  return GIM_OK;
}

/* The list of headers as C strings, kept in a userdata that stays on the
   stack; the strings are the table's. */
static const char *const *headers_field(lua_State *L) {
  const char **headers;
  lua_Integer i, n;
  lua_getfield(L, 2, "headers");
  if (lua_isnil(L, -1)) return NULL;
  luaL_checktype(L, -1, LUA_TTABLE);
  n = luaL_len(L, -1);
  headers = lua_newuserdatauv(L, sizeof(*headers) * (size_t)(n + 1), 0);
  for (i = 0; i < n; i++) {
    lua_rawgeti(L, -2, i + 1);
    headers[i] = luaL_checkstring(L, -1);
    lua_pop(L, 1);
  }
  headers[n] = NULL;
  return headers;
}

static int record_free(lua_State *L) {
  gim_buffer_free(&((record *)lua_touserdata(L, 1))->data);
  return 0;
}

/*
** net:start{class=, url=, post=, headers={}, body=, parts={}, timeout_ms=,
**   max_bytes=, public_only=, resume_from=, if_range=, no_head=,
**   fail_head=KIND, fail_data=KIND, fail_after=BYTES, discard=},
**   function(outcome) -> id | nil, err
*/
static int net_start(lua_State *L) {
  gim_net *net = check_net(L);
  gim_transfer_spec spec;
  gim_err err;
  record *r;
  int at;
  gim_status status;
  luaL_checktype(L, 2, LUA_TTABLE);
  luaL_checktype(L, 3, LUA_TFUNCTION);
  memset(&spec, 0, sizeof(spec));
  lua_getfield(L, 2, "class");
  spec.transfer_class =
      (gim_class)luaL_checkoption(L, -1, "poll", class_names);
  spec.post = lgim_window_flag(L, 2, "post");
  spec.url = lgim_window_net_text(L, 2, "url", NULL);
  spec.headers = headers_field(L);
  spec.body = lgim_window_net_text(L, 2, "body", &spec.body_n);
  spec.parts = lgim_window_net_parts(L, 2, &spec.parts_n);
  spec.timeout_ms = lgim_window_integer(L, 2, "timeout_ms", 0);
  spec.max_bytes = lgim_window_integer(L, 2, "max_bytes", 1 << 30);
  spec.public_only = lgim_window_flag(L, 2, "public_only");
  spec.resume_from = lgim_window_integer(L, 2, "resume_from", 0);
  spec.if_range = lgim_window_net_text(L, 2, "if_range", NULL);
  r = lgim_window_hold(L, sizeof(*r), RECORD, record_free);
  at = lua_gettop(L);
  r->owner = lua_touserdata(L, 1);
  gim_buffer_init(&r->data, (size_t)1 << 30);
  r->fail_head = status_field(L, "fail_head");
  r->fail_data = status_field(L, "fail_data");
  r->discard = lgim_window_flag(L, 2, "discard");
  r->fail_after = lgim_window_integer(L, 2, "fail_after", 0);
  status = gim_net_start(
      net, &spec, lgim_window_flag(L, 2, "no_head") ? &headless : &callbacks,
      r, &r->transfer, &err);
  if (status != GIM_OK) return lgim_window_fail(L, &err);
  lua_settop(L, at);
  lua_pushvalue(L, at);
  anchor(L, 1, r);
  lua_pushvalue(L, 3);
  anchor(L, 2, r);
  lua_pushvalue(L, 2);
  anchor(L, 3, r);
  return 1;
}

static record *check_record(lua_State *L) {
  record *r = luaL_checkudata(L, 2, RECORD);
  luaL_argcheck(L, r->transfer != NULL, 2, "the transfer is over");
  return r;
}

/* net:cancel(id) -> bytes handed over */
static int net_cancel(lua_State *L) {
  gim_net *net = check_net(L);
  record *r = check_record(L);
  gim_transfer *transfer = r->transfer;
  size_t handed = 0;
  r->transfer = NULL;
  gim_net_cancel(net, transfer, &handed);
  let_go(L, r);
  lua_pushinteger(L, (lua_Integer)handed);
  return 1;
}

/* net:hold(id): it takes nothing; net:resume(id): it does again.
   net:is_held(id) -> flag, how many milliseconds it was held up in all */
static int net_hold(lua_State *L) {
  check_net(L);
  check_record(L)->full = true;
  return 0;
}

static int net_resume(lua_State *L) {
  gim_net *net = check_net(L);
  record *r = check_record(L);
  r->full = false;
  gim_net_resume(net, r->transfer);
  return 0;
}

static int net_is_held(lua_State *L) {
  const gim_transfer *transfer;
  check_net(L);
  transfer = check_record(L)->transfer;
  lua_pushboolean(L, gim_net_is_held(transfer));
  lua_pushinteger(L, gim_net_held_ms(transfer));
  return 2;
}

/* net:handed(id) -> bytes handed over so far */
static int net_handed(lua_State *L) {
  check_net(L);
  lua_pushinteger(L, (lua_Integer)gim_net_handed(check_record(L)->transfer));
  return 1;
}

/* net:taken(id) -> bytes of the reply so far, pieces they came in */
static int net_taken(lua_State *L) {
  const record *r = luaL_checkudata(L, 2, RECORD);
  lua_pushinteger(L, r->taken);
  lua_pushinteger(L, r->pieces);
  return 2;
}

/* Steps, or warms up when there is a `url`; ends that are told meanwhile run
   on this stack. */
static int drive(lua_State *L, const char *url, int64_t wait_ms,
                 int64_t budget_us) {
  window_net *w = check_window_net(L);
  gim_net *net = check_net(L);
  gim_err err;
  gim_status status;
  lua_State *outer = w->L;
  w->L = L;
  status = url == NULL ? gim_net_step(net, wait_ms, budget_us, &err)
                       : gim_warm_up(net, url, &err);
  w->L = outer;
  if (w->failed) {
    w->failed = 0;
    return lua_error(L); /* what on_done raised is on top */
  }
  if (status != GIM_OK) return lgim_window_fail(L, &err);
  lua_pushboolean(L, 1);
  return 1;
}

/* net:step([wait_ms [, budget_us]]) -> true | nil, err */
static int net_step(lua_State *L) {
  return drive(L, NULL, luaL_optinteger(L, 2, 0), luaL_optinteger(L, 3, 0));
}

/* net:warm_up(url) -> true | nil, err */
static int net_warm_up(lua_State *L) {
  return drive(L, luaL_checkstring(L, 2), 0, 0);
}

static int net_has_slot(lua_State *L) {
  int of = luaL_checkoption(L, 2, NULL, class_names);
  lua_pushboolean(L, gim_net_has_slot(check_net(L), (gim_class)of));
  return 1;
}

static int net_active(lua_State *L) {
  lua_pushinteger(L, gim_net_active(check_net(L)));
  return 1;
}

/* Also getfd, as luasocket's select calls it. */
static int net_fd(lua_State *L) {
  lua_pushinteger(L, gim_net_fd(check_net(L)));
  return 1;
}

/* net:readable([wait_ms]) -> whether a host's poll would see work; without a
   descriptor, whether there is some */
static int net_readable(lua_State *L) {
  gim_net *net = check_net(L);
  struct pollfd fd = {.fd = gim_net_fd(net), .events = POLLIN};
  int ms = (int)luaL_optinteger(L, 2, 0);
  lua_pushboolean(L, fd.fd < 0 ? !gim_net_is_idle(net) : poll(&fd, 1, ms) > 0);
  return 1;
}

static int net_is_idle(lua_State *L) {
  lua_pushboolean(L, gim_net_is_idle(check_net(L)));
  return 1;
}

/* net:alarm(milliseconds from now | nil) */
static int net_alarm(lua_State *L) {
  gim_net *net = check_net(L);
  gim_net_alarm(net, lua_isnoneornil(L, 2)
                         ? -1
                         : gim_net_now_ms() + luaL_checkinteger(L, 2));
  return 0;
}

static int net_timeout(lua_State *L) {
  lua_pushinteger(L, gim_net_timeout_ms(check_net(L)));
  return 1;
}

static int net_is_foreign(lua_State *L) {
  lua_pushboolean(L, gim_net_is_foreign(check_net(L)));
  return 1;
}

static int net_is_drained(lua_State *L) {
  lua_pushboolean(L, gim_net_is_drained(check_net(L)));
  return 1;
}

void lgim_window_net_transfers(lua_State *L) {
  static const luaL_Reg methods[] = {{"start", net_start},
                                     {"cancel", net_cancel},
                                     {"hold", net_hold},
                                     {"resume", net_resume},
                                     {"is_held", net_is_held},
                                     {"handed", net_handed},
                                     {"taken", net_taken},
                                     {"step", net_step},
                                     {"warm_up", net_warm_up},
                                     {"has_slot", net_has_slot},
                                     {"active", net_active},
                                     {"fd", net_fd},
                                     {"getfd", net_fd},
                                     {"readable", net_readable},
                                     {"is_idle", net_is_idle},
                                     {"alarm", net_alarm},
                                     {"timeout_ms", net_timeout},
                                     {"is_foreign", net_is_foreign},
                                     {"is_drained", net_is_drained},
                                     {"free", net_free},
                                     {"__gc", net_free},
                                     {NULL, NULL}};
  static const luaL_Reg functions[] = {{"net", window_net_new}, {NULL, NULL}};
  lgim_window_class(L, NET, methods);
  luaL_setfuncs(L, functions, 0);
}
