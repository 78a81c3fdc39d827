/* SPDX-License-Identifier: MIT */
#include "lgim_window_parse.h"

#include "gim_backoff.h"
#include "gim_base64.h"
#include "gim_decimal.h"
#include "gim_escape.h"
#include "gim_image.h"
#include "gim_image_end.h"
#include "gim_verdict.h"
#include "lgim_table.h"
#include "lgim_window.h"

/* Room for what one piece gives, made in `b`. */
static char *room(lua_State *L, gim_buffer *b, size_t n) {
  gim_status status = gim_buffer_reserve(b, n);
  if (status != GIM_OK) luaL_error(L, "%s", gim_status_name(status));
  return b->p + b->n;
}

/* window.simds() -> {names of what this processor has}, the least first */
static int window_simds(lua_State *L) {
  lua_newtable(L);
  for (int i = 0; i < GIM_SIMD_COUNT; i++) {
    if (!gim_simd_has((gim_simd)i)) continue;
    lua_pushstring(L, gim_simd_name((gim_simd)i));
    lua_rawseti(L, -2, luaL_len(L, -2) + 1);
  }
  return 1;
}

/*
** window.base64_decode({pieces} [, simd]) -> bytes | nil, err, bytes before
** it, and the kind that a further call gives
*/
static int window_base64_decode(lua_State *L) {
  gim_base64 base64;
  gim_err err;
  gim_status status = GIM_OK;
  size_t written;
  lua_Integer pieces = luaL_len(L, 1);
  gim_buffer *b = lgim_window_buffer(L, SIZE_MAX);
  gim_base64_init(&base64);
  base64.simd = lgim_window_simd(L, 2);
  for (lua_Integer i = 1; i <= pieces && status == GIM_OK; i++) {
    gim_str s;
    unsigned char *to;
    lua_geti(L, 1, i);
    s = lgim_window_str(L, -1);
    /* Of just this size: a sanitizer sees vectors that store too much. */
    to = lua_newuserdatauv(L, GIM_BASE64_DECODED_MAX(s.n), 0);
    status = gim_base64_decode(&base64, s.p, s.n, to, &written, &err);
    if (gim_buffer_append(b, to, written) != GIM_OK)
      return luaL_error(L, "no memory");
    lua_pop(L, 2);
  }
  if (status == GIM_OK) {
    unsigned char *to = (unsigned char *)room(L, b, 2);
    status = gim_base64_finish(&base64, to, &written, &err);
    b->n += written;
  }
  if (status != GIM_OK) {
    unsigned char to[GIM_BASE64_DECODED_MAX(4)];
    lgim_window_fail(L, &err);
    lgim_window_push(L, b);
    status = gim_base64_decode(&base64, "AAAA", 4, to, &written, NULL);
    lua_pushstring(L, gim_status_name(status));
    return 4;
  }
  lgim_window_push(L, b);
  return 1;
}

/*
** window.base64_run(text [, simd]) -> bytes, bytes of text eaten, characters
** eaten, and what is wrong with the next one. A run is as long as it can be,
** the bytes are without those of a last quantum that is short.
*/
static int window_base64_run(lua_State *L) {
  gim_str s = lgim_window_str(L, 1);
  gim_base64 base64;
  gim_err err;
  size_t n = 0, begin = 0;
  unsigned char *to = lua_newuserdatauv(L, GIM_BASE64_DECODED_MAX(s.n), 0);
  gim_base64_init(&base64);
  base64.simd = lgim_window_simd(L, 2);
  for (;;) {
    size_t eaten, written;
    gim_status status = gim_base64_decode_run(
        &base64, s.p + begin, s.n - begin, &eaten, to + n, &written, &err);
    n += written;
    begin += eaten;
    if (status == GIM_OK && eaten > 0) continue;
    lua_pushlstring(L, (const char *)to, n);
    lua_pushinteger(L, (lua_Integer)begin);
    lua_pushinteger(L, (lua_Integer)base64.offset);
    if (status == GIM_OK) return 3;
    lua_pushstring(L, err.message);
    return 4;
  }
}

/* window.escape_read(text) -> unit, "cut" or "wrong" */
static int window_escape_read(lua_State *L) {
  gim_str s = lgim_window_str(L, 1);
  int unit = gim_escape_read(s.p, s.n);
  if (unit >= 0)
    lua_pushinteger(L, unit);
  else
    lua_pushstring(L, unit == GIM_ESCAPE_CUT ? "cut" : "wrong");
  return 1;
}

/*
** window.backoff_retry({base=, cap=} in ms, attempt, retry_after_ms, random)
** -> ms
*/
static int window_backoff_retry(lua_State *L) {
  gim_retry retry = GIM_RETRY_DEFAULT;
  retry.base_ms = lgim_window_integer(L, 1, "base", retry.base_ms);
  retry.cap_ms = lgim_window_integer(L, 1, "cap", retry.cap_ms);
  lua_pushinteger(L, (lua_Integer)gim_backoff_retry_ms(
                         &retry, (int)luaL_checkinteger(L, 2),
                         luaL_checkinteger(L, 3),
                         (uint32_t)luaL_checkinteger(L, 4)));
  return 1;
}

/*
** window.backoff_poll({first=, min=, max= in ms, jitter= in 1/1000}, polls,
** elapsed_ms, estimated_ms, random) -> ms
*/
static int window_backoff_poll(lua_State *L) {
  gim_poll poll = GIM_POLL_DEFAULT;
  poll.first_ms = lgim_window_integer(L, 1, "first", poll.first_ms);
  poll.min_ms = lgim_window_integer(L, 1, "min", poll.min_ms);
  poll.max_ms = lgim_window_integer(L, 1, "max", poll.max_ms);
  poll.jitter_permille =
      (int32_t)lgim_window_integer(L, 1, "jitter", poll.jitter_permille);
  lua_pushinteger(L, (lua_Integer)gim_backoff_poll_ms(
                         &poll, (int)luaL_checkinteger(L, 2),
                         luaL_checkinteger(L, 3), luaL_checkinteger(L, 4),
                         (uint32_t)luaL_checkinteger(L, 5)));
  return 1;
}

/* window.retry_after(value, now_unix_s) -> ms or -1 */
static int window_retry_after(lua_State *L) {
  lua_pushinteger(L, (lua_Integer)gim_backoff_retry_after_ms(
                         lgim_window_str(L, 1), luaL_checkinteger(L, 2)));
  return 1;
}

/* window.retry_after_millis(value) -> ms or -1 */
static int window_retry_after_millis(lua_State *L) {
  lua_pushinteger(
      L, (lua_Integer)gim_backoff_retry_after_millis(lgim_window_str(L, 1)));
  return 1;
}

/* window.image_end({pieces} [, step]) -> type name | nil, seen, missing. With
   `step` so many bytes of a piece are fed, and what need not be read behind
   them is not. */
static int window_image_end(lua_State *L) {
  gim_image_end end;
  size_t step = (size_t)luaL_optinteger(L, 2, 0);
  luaL_checktype(L, 1, LUA_TTABLE);
  gim_image_end_init(&end);
  for (lua_Integer i = 1; i <= (lua_Integer)lua_rawlen(L, 1); i++) {
    gim_str s;
    lua_rawgeti(L, 1, i);
    s = lgim_window_str(L, -1);
    for (size_t n = 0; n < s.n;) {
      size_t fed = step == 0 || step > s.n - n ? s.n - n : step;
      gim_image_end_feed(&end, s.p + n, fed);
      n += fed;
      n += (size_t)gim_image_end_pass(&end, s.n - n);
    }
    lua_pop(L, 1);
  }
  lua_pushstring(L, gim_image_type_name(end.type));
  lua_pushboolean(L, end.seen);
  lua_pushboolean(L, gim_image_end_is_missing(&end));
  return 3;
}

/* window.image_end_in(type, bytes) -> whether an end is in there */
static int window_image_end_in(lua_State *L) {
  static const char *const names[] = {"unknown", "png", "jpeg", "webp", NULL};
  static const gim_image_type types[] = {GIM_IMAGE_UNKNOWN, GIM_IMAGE_PNG,
                                         GIM_IMAGE_JPEG, GIM_IMAGE_WEBP};
  gim_str s = lgim_window_str(L, 2);
  gim_image_type type = types[luaL_checkoption(L, 1, NULL, names)];
  lua_pushboolean(L, gim_image_end_in(type, s.p, s.n));
  return 1;
}

/* window.image({pieces})
   -> {type, mime, width, height, alpha, settled, fed} */
static int window_image(lua_State *L) {
  gim_image image;
  lua_Integer pieces = luaL_len(L, 1);
  gim_image_init(&image);
  for (lua_Integer i = 1; i <= pieces; i++) {
    gim_str s;
    lua_geti(L, 1, i);
    s = lgim_window_str(L, -1);
    gim_image_feed(&image, s.p, s.n);
    lua_pop(L, 1);
  }
  lua_newtable(L);
  lgim_window_set_text(L, "type", gim_image_type_name(image.type));
  lgim_window_set_text(L, "mime", gim_image_mime(image.type));
  lgim_set_integer(L, "width", image.width_px);
  lgim_set_integer(L, "height", image.height_px);
  lgim_set_integer(L, "fed", (int64_t)image.fed);
  lua_pushboolean(L, image.alpha);
  lua_setfield(L, -2, "alpha");
  lua_pushboolean(L, image.settled);
  lua_setfield(L, -2, "settled");
  return 1;
}

/* window.decimal_read(text, scale) -> integer, exact | nil */
static int window_decimal_read(lua_State *L) {
  int64_t value;
  bool exact;
  if (!gim_decimal_read(lgim_window_str(L, 1), (int)luaL_checkinteger(L, 2),
                        &value, &exact))
    return 0;
  lua_pushinteger(L, (lua_Integer)value);
  lua_pushboolean(L, exact);
  return 2;
}

static int push_verdict(lua_State *L, gim_verdict verdict) {
  lua_pushstring(L, gim_status_name(verdict.kind));
  lua_pushboolean(L, verdict.retryable);
  lua_pushstring(L, verdict.advice);
  return 3;
}

/* window.verdict_http(status, code, type [, form])
   -> kind, retryable, advice */
static int window_verdict_http(lua_State *L) {
  gim_verdict verdict =
      gim_verdict_http((int)luaL_checkinteger(L, 1), lgim_window_str(L, 2),
                       lgim_window_str(L, 3));
  return push_verdict(L, lua_toboolean(L, 4) ? gim_verdict_form(verdict)
                                             : verdict);
}

/* window.verdict_task(code) -> kind, retryable, advice */
static int window_verdict_task(lua_State *L) {
  return push_verdict(L, gim_verdict_task(lgim_window_str(L, 1)));
}

void lgim_window_parse_codec(lua_State *L) {
  static const luaL_Reg functions[] = {
      {"simds", window_simds},
      {"base64_decode", window_base64_decode},
      {"base64_run", window_base64_run},
      {"escape_read", window_escape_read},
      {"backoff_retry", window_backoff_retry},
      {"backoff_poll", window_backoff_poll},
      {"retry_after", window_retry_after},
      {"retry_after_millis", window_retry_after_millis},
      {"image", window_image},
      {"image_end", window_image_end},
      {"image_end_in", window_image_end_in},
      {"decimal_read", window_decimal_read},
      {"verdict_http", window_verdict_http},
      {"verdict_task", window_verdict_task},
      {NULL, NULL}};
  luaL_setfuncs(L, functions, 0);
}
