/* SPDX-License-Identifier: MIT */
#include "lgim_window_parse.h"

#include "gim_reply.h"
#include "gim_split.h"
#include "lgim_table.h"
#include "lgim_window.h"

/* ---- gim_split ---- */

/* What a sink of the specs remembers; buffers come and go with the scan. */
typedef struct collector {
  gim_split split;
  gim_buffer images[GIM_LIMIT_IMAGES];
  gim_buffer order; /* "B0 D0 E0 ": one D for any number of pieces */
  int last_data;    /* picture that the last event gave data of, or -1 */
  int64_t fail_at;  /* bytes of pictures after which the sink refuses; -1 */
  int64_t taken;
  size_t longest; /* bytes handed over at once */
} collector;

static int release_collector(lua_State *L) {
  collector *c = lua_touserdata(L, 1);
  gim_split_free(&c->split);
  gim_split_free(&c->split); /* idempotent */
  for (int i = 0; i < GIM_LIMIT_IMAGES; i++) gim_buffer_free(&c->images[i]);
  gim_buffer_free(&c->order);
  return 0;
}

static gim_status collect(void *ud, gim_split_event event, int image,
                          const unsigned char *p, size_t n) {
  collector *c = ud;
  gim_status status = GIM_OK;
  if (event != GIM_SPLIT_DATA) {
    c->last_data = -1;
    return gim_buffer_append_format(
        &c->order, "%c%d ", event == GIM_SPLIT_BEGIN ? 'B' : 'E', image);
  }
  c->taken += (int64_t)n;
  if (n > c->longest) c->longest = n;
  if (c->fail_at >= 0 && c->taken > c->fail_at) return GIM_E_IO;
  if (c->last_data != image)
    status = gim_buffer_append_format(&c->order, "D%d ", image);
  c->last_data = image;
  if (status == GIM_OK) status = gim_buffer_append(&c->images[image], p, n);
  return status;
}

static void push_collected(lua_State *L, collector *c) {
  gim_str skeleton = gim_split_skeleton(&c->split);
  gim_json root;
  lua_newtable(L);
  lua_pushlstring(L, skeleton.n == 0 ? "" : skeleton.p, skeleton.n);
  lua_setfield(L, -2, "skeleton");
  lgim_window_push(L, &c->order);
  lua_setfield(L, -2, "order");
  lua_pushboolean(L, gim_json_root(&c->split.check, skeleton, &root, NULL) ==
                         GIM_OK);
  lua_setfield(L, -2, "json");
  lgim_set_integer(L, "offset", c->split.offset);
  lgim_set_integer(L, "longest", (int64_t)c->longest);
  for (int i = 0; i < c->split.images; i++) {
    lgim_window_push(L, &c->images[i]);
    lua_rawseti(L, -2, i + 1);
  }
}

static void clear_collector(collector *c) {
  c->fail_at = -1;
  c->last_data = -1;
  c->taken = 0;
  c->longest = 0;
  gim_buffer_free(&c->order);
  gim_buffer_init(&c->order, SIZE_MAX);
  for (int i = 0; i < GIM_LIMIT_IMAGES; i++) {
    gim_buffer_free(&c->images[i]);
    gim_buffer_init(&c->images[i], SIZE_MAX);
  }
}

/* Feeds all of `text`, and resets. */
static void feed_before(collector *c, gim_str text) {
  gim_status status = gim_split_feed(&c->split, text.p, text.n, NULL);
  (void)status;
  gim_split_reset(&c->split);
  clear_collector(c);
}

/*
** window.split({pieces} [, {max=, fail_at=, simd=, before=}]) -> {image
** bytes..., skeleton=, json=, order=, offset=, longest=} | nil, err, the same
** so far, and the kind that a further feed gives. `before` was fed earlier.
*/
static int window_split(lua_State *L) {
  collector *c;
  gim_err err;
  gim_status status = GIM_OK;
  lua_Integer pieces = luaL_len(L, 1);
  lua_settop(L, 2);
  if (lua_isnil(L, 2)) {
    lua_newtable(L);
    lua_replace(L, 2);
  }
  c = lgim_window_hold(L, sizeof(*c), "gptimage.window.collector",
                       release_collector);
  gim_split_init(&c->split,
                 (size_t)lgim_window_integer(L, 2, "max", GIM_LIMIT_SKELETON),
                 collect, c);
  clear_collector(c);
  lua_getfield(L, 2, "before");
  if (!lua_isnil(L, -1)) feed_before(c, lgim_window_str(L, -1));
  lua_getfield(L, 2, "simd");
  c->split.simd = lgim_window_simd(L, -1);
  lua_pop(L, 2);
  c->fail_at = lgim_window_integer(L, 2, "fail_at", -1);
  for (lua_Integer i = 1; i <= pieces && status == GIM_OK; i++) {
    gim_str s;
    lua_geti(L, 1, i);
    s = lgim_window_str(L, -1);
    status = gim_split_feed(&c->split, s.p, s.n, &err);
    lua_pop(L, 1);
  }
  if (status == GIM_OK) status = gim_split_finish(&c->split, &err);
  if (status == GIM_OK) {
    push_collected(L, c);
    return 1;
  }
  lgim_window_fail(L, &err);
  push_collected(L, c);
  status = gim_split_feed(&c->split, "{}", 2, NULL);
  lua_pushstring(L, gim_status_name(status));
  return 4;
}

/* window.split_placeholder(text) -> number or -1 */
static int window_split_placeholder(lua_State *L) {
  lua_pushinteger(L, gim_split_placeholder(lgim_window_str(L, 1)));
  return 1;
}

/* ---- gim_reply ---- */

static int release_reply(lua_State *L) {
  gim_reply *reply = lua_touserdata(L, 1);
  gim_reply_free(reply);
  gim_reply_free(reply); /* idempotent */
  return 0;
}

/* Of the table at 1; its strings stay on the stack. */
static gim_reply_input input_of(lua_State *L) {
  gim_reply_input input;
  input.answer = lgim_window_answer(L, 1, 0);
  input.answer.http_status = (int)lgim_window_integer(L, 1, "status", 200);
  input.payloads = (int)lgim_window_integer(L, 1, "payloads", 0);
  input.poll = lgim_window_flag(L, 1, "poll");
  input.form = lgim_window_flag(L, 1, "form");
  input.root = lgim_window_root(L, input.answer.body);
  return input;
}

static void push_images(lua_State *L, const gim_reply *reply) {
  lua_newtable(L);
  for (int i = 0; i < reply->image_count; i++) {
    const gim_reply_image *image = &reply->images[i];
    lua_newtable(L);
    lgim_window_set_text(L, "url", image->url);
    lgim_window_set_text(L, "revised_prompt", image->revised_prompt);
    lgim_set_integer(L, "payload", image->payload);
    lua_rawseti(L, -2, i + 1);
  }
}

static void set_name(lua_State *L, const char *field, const char *name) {
  if (name[0] != '\0') lgim_window_set_text(L, field, name);
}

static void push_reply(lua_State *L, const gim_reply *reply) {
  static const char *const shapes[] = {"error", "task", "images"};
  lua_newtable(L);
  lgim_window_set_text(L, "shape", shapes[reply->shape]);
  lgim_window_set_text(L, "state", gim_task_state_name(reply->state));
  set_name(L, "id", reply->id);
  set_name(L, "model", reply->model);
  lgim_window_set_text(L, "request_id", reply->request_id);
  lgim_set_integer(L, "progress", reply->progress);
  lgim_set_integer(L, "estimated_ms", reply->estimated_ms);
  lgim_set_integer(L, "can_cancel", reply->can_cancel);
  lgim_set_integer(L, "created", reply->created_unix_s);
  lgim_set_integer(L, "reserved", reply->credits_reserved_micro);
  lgim_set_integer(L, "used", reply->credits_used_micro);
  push_images(L, reply);
  lua_setfield(L, -2, "images");
  if (reply->images_left_out > 0)
    lgim_set_integer(L, "left_out", reply->images_left_out);
  if (reply->err.status == GIM_OK) return;
  lgim_window_fail(L, &reply->err); /* nil, err */
  lua_setfield(L, -3, "err");
  lua_pop(L, 1);
}

/*
** window.reply({status=, content_type=, retry_after=, retry_after_ms=,
** request_id=, body=, secret=, payloads=, now=, poll=})
** -> {shape, state, ...} | nil, kind
*/
static int window_reply(lua_State *L) {
  gim_reply_input input = input_of(L);
  gim_reply *reply = lgim_window_hold(L, sizeof(*reply),
                                      "gptimage.window.reply", release_reply);
  gim_status status = gim_reply_read(reply, &input);
  if (status != GIM_OK) return lgim_window_status(L, status);
  push_reply(L, reply);
  return 1;
}

/*
** window.reply_not_accepted(input, code) -> may it be sent again, may it
** without a list of codes, is it a refusal
*/
static int window_reply_not_accepted(lua_State *L) {
  const char *codes[] = {luaL_checkstring(L, 2), NULL};
  gim_reply_input input = input_of(L);
  gim_reply *reply = lgim_window_hold(L, sizeof(*reply),
                                      "gptimage.window.reply", release_reply);
  gim_status status = gim_reply_read(reply, &input);
  if (status != GIM_OK) return lgim_window_status(L, status);
  lua_pushboolean(L, gim_reply_not_accepted(reply, codes));
  lua_pushboolean(L, gim_reply_not_accepted(reply, NULL));
  lua_pushboolean(L, gim_reply_is_refusal(reply));
  return 3;
}

void lgim_window_parse_reply(lua_State *L) {
  static const luaL_Reg functions[] = {
      {"split", window_split},
      {"split_placeholder", window_split_placeholder},
      {"reply", window_reply},
      {"reply_not_accepted", window_reply_not_accepted},
      {NULL, NULL}};
  luaL_setfuncs(L, functions, 0);
}
