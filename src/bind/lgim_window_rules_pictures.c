/* SPDX-License-Identifier: MIT */
#include "lgim_window_rules.h"

#include "gim_receipt.h"
#include "gim_request.h"
#include "lgim_error.h"
#include "lgim_fields.h"
#include "lgim_table.h"
#include "lgim_window.h"
#include "lgim_window_parse.h"

#include <lauxlib.h>
#include <stdlib.h>
#include <string.h>

#define FORM "gptimage.window.form"
#define RECEIPT "gptimage.window.receipt"

static const gim_model *model_of(lua_State *L, int index) {
  gim_str name = lgim_window_field(L, index, "model");
  gim_provider provider =
      lgim_window_flag(L, index, "magick") ? GIM_MAGICK : GIM_STARMAGIC;
  const gim_model *model = gim_model_find(provider, name);
  return model != NULL ? model : gim_model_unknown(provider);
}

/*
** The table at `index`: {file= | link= | bytes=, name=, field=, number=,
** trouble=, size=, whole=, cut=, head=, pixels=}. What is given of `head`, the
** first bytes, or as `size` or `trouble` was seen. Its strings stay on the
** stack.
*/
static void read_source(lua_State *L, int index, gim_source *source) {
  static const char *const kinds[] = {"link", "file", "bytes"};
  gim_str head;
  luaL_checkstack(L, 16, NULL);
  memset(source, 0, sizeof(*source));
  for (int i = 0; i < 3; i++) {
    gim_str text = lgim_window_field(L, index, kinds[i]);
    if (text.p == NULL) continue;
    source->kind = (gim_source_kind)i;
    source->text = text;
  }
  source->name = lgim_window_field(L, index, "name");
  lua_getfield(L, index, "field"); /* stays on the stack */
  source->field = luaL_optstring(L, -1, "images");
  source->number = (int)lgim_window_integer(L, index, "number", 1);
  source->pixels =
      (gim_source_pixels)lgim_window_integer(L, index, "pixels", 0);
  source->trouble =
      (gim_source_trouble)lgim_window_integer(L, index, "trouble", 0);
  head = lgim_window_field(L, index, "head");
  source->size = lgim_window_integer(L, index, "size", (lua_Integer)head.n);
  source->whole = lgim_window_flag(L, index, "whole");
  source->cut = lgim_window_flag(L, index, "cut");
  gim_image_init(&source->image);
  gim_image_feed(&source->image, head.p, head.n);
  source->seen = head.p != NULL || source->size > 0 || source->trouble != 0;
}

/* window.source(table) -> {title, name, mime, link, path} */
static int window_source(lua_State *L) {
  gim_source source;
  char title[GIM_SOURCE_TITLE], name[GIM_SOURCE_NAME];
  read_source(L, 1, &source);
  gim_source_title(&source, title);
  gim_source_name(&source, name);
  lua_newtable(L);
  lgim_window_set_text(L, "title", title);
  lgim_window_set_text(L, "name", name);
  lgim_window_set_text(L, "mime", gim_source_mime(&source));
  lua_pushboolean(L, gim_source_is_link(source.text));
  lua_setfield(L, -2, "link");
  lua_pushboolean(L, gim_source_is_path(source.text));
  lua_setfield(L, -2, "path");
  return 1;
}

/*
** window.judge_source(table, {model=, magick=, links=, allow_private=, mask=,
** first=, loose=}) -> issues, warnings, err | nil
*/
static int window_judge_source(lua_State *L) {
  gim_source source, first;
  gim_source_rule rule;
  gim_report report;
  gim_err err;
  memset(&rule, 0, sizeof(rule));
  memset(&report, 0, sizeof(report));
  read_source(L, 1, &source);
  rule.model = model_of(L, 2);
  rule.links = lgim_window_flag(L, 2, "links");
  rule.allow_private = lgim_window_flag(L, 2, "allow_private");
  rule.mask = lgim_window_flag(L, 2, "mask");
  report.strict = !lgim_window_flag(L, 2, "loose");
  lua_getfield(L, 2, "first");
  if (lua_istable(L, -1)) {
    read_source(L, lua_gettop(L), &first);
    rule.first = &first;
  }
  gim_source_judge(&source, &rule, &report);
  luaL_checkstack(L, 8, NULL);
  lgim_issues_push(L, report.issues, report.issue_count);
  lgim_issues_push(L, report.warnings, report.warning_count);
  if (gim_report_fail(&report, &err) == GIM_OK)
    lua_pushnil(L);
  else {
    lgim_window_fail(L, &err);
    lua_remove(L, -2);
  }
  gim_report_free(&report);
  return 3;
}

static int form_gc(lua_State *L) {
  gim_form_free(lua_touserdata(L, 1));
  return 0;
}

static void push_form(lua_State *L, const gim_form *form) {
  lua_newtable(L);
  for (int i = 0; i < form->count; i++) {
    gim_str text = gim_form_text(form, i);
    lua_newtable(L);
    lgim_window_set_text(L, "field", gim_form_field(form, i));
    if (form->parts[i].source == GIM_FORM_TEXT) {
      lua_pushlstring(L, text.p, text.n);
      lua_setfield(L, -2, "text");
    }
    else {
      lgim_set_integer(L, "source", form->parts[i].source);
    }
    lua_rawseti(L, -2, i + 1);
  }
}

/* window.form({{field, text or number}, ...}, limit) -> form, kind of the
   first part that failed | nil */
static int window_form(lua_State *L) {
  lua_Integer limit = luaL_optinteger(L, 2, 1000);
  gim_form *form = lgim_window_hold(L, sizeof(*form), FORM, form_gc);
  gim_status failed = GIM_OK;
  lua_Integer count = (lua_Integer)lua_rawlen(L, 1);
  gim_form_init(form, (size_t)limit);
  for (lua_Integer i = 1; i <= count; i++) {
    gim_status status;
    gim_str field, text;
    lua_rawgeti(L, 1, i);
    lua_rawgeti(L, -1, 1);
    field.p = lua_tolstring(L, -1, &field.n);
    lua_rawgeti(L, -2, 2);
    if (lua_isinteger(L, -1))
      status = gim_form_add_source(form, field, (int)lua_tointeger(L, -1));
    else {
      text.p = lua_tolstring(L, -1, &text.n);
      status = gim_form_add_text(form, field, text);
    }
    if (failed == GIM_OK) failed = status;
    lua_pop(L, 3);
  }
  push_form(L, form);
  if (failed == GIM_OK) return 1;
  lua_pushstring(L, gim_status_name(failed));
  return 2;
}

/* The enclosure at upvalue 1; its fields' holder is upvalue 2. */
static const gim_enclosure *enclosed_of(lua_State *L) {
  const gim_request *request = lua_touserdata(L, lua_upvalueindex(1));
  return &request->enclosed;
}

/* made.fill({[number of source] = link}) -> body | nil, kind */
static int enclosed_fill(lua_State *L) {
  const gim_request *request = lua_touserdata(L, lua_upvalueindex(1));
  const char *links[GIM_LIMIT_SOURCES + 1] = {NULL};
  lua_Integer limit = luaL_optinteger(L, 2, 8 << 20);
  gim_buffer *b;
  gim_status status;
  luaL_checktype(L, 1, LUA_TTABLE);
  luaL_checkstack(L, GIM_LIMIT_SOURCES + 8, NULL);
  for (int i = 0; i < request->enclosed.count; i++) {
    lua_rawgeti(L, 1, i);
    links[i] = lua_tostring(L, -1); /* stays on the stack */
  }
  b = lgim_window_buffer(L, (size_t)limit);
  if (gim_buffer_append_byte(b, '>') != GIM_OK)
    return lgim_window_status(L, GIM_E_NO_MEMORY);
  status = gim_enclosure_fill(&request->enclosed,
                              gim_buffer_str(&request->body), links, b);
  if (status != GIM_OK && b->n != 1) return luaL_error(L, "it left a half");
  if (status != GIM_OK) return lgim_window_status(L, status);
  lua_pushlstring(L, b->p + 1, b->n - 1);
  return 1;
}

/* made.see(number, source): what was downloaded -> nil | nil, err */
static int enclosed_see(lua_State *L) {
  const gim_enclosure *e = enclosed_of(L);
  int number = (int)luaL_checkinteger(L, 1);
  gim_source seen, *to;
  gim_err err;
  luaL_argcheck(L, number >= 0 && number < e->count, 1, "no such source");
  read_source(L, 2, &seen);
  to = &e->sources[number];
  to->seen = seen.seen;
  to->trouble = seen.trouble;
  to->whole = seen.whole;
  to->size = seen.size;
  to->image = seen.image;
  if (gim_enclosure_judge(e, number, &err) == GIM_OK) return 0;
  return lgim_window_fail(L, &err);
}

static void push_sources(lua_State *L, const gim_enclosure *e) {
  char title[GIM_SOURCE_TITLE];
  lua_newtable(L);
  for (int i = 0; i < e->count; i++) {
    gim_source_title(&e->sources[i], title);
    lua_newtable(L);
    lgim_window_set_text(L, "title", title);
    lua_pushlstring(L, e->sources[i].text.p, e->sources[i].text.n);
    lua_setfield(L, -2, "text");
    lua_pushboolean(L, gim_enclosure_brings(e, i));
    lua_setfield(L, -2, "brings");
    lua_rawseti(L, -2, i + 1);
  }
}

static void push_numbers(lua_State *L, const gim_enclosure *e) {
  int count = gim_enclosure_bring_count(e);
  lua_newtable(L);
  for (int i = 0; i <= count; i++) {
    lua_pushinteger(L, gim_enclosure_nth(e, i));
    lua_rawseti(L, -2, i + 1);
  }
}

/*
** window.enclose(request, {magick=, can_upload=, loose=, edit=}) -> {body,
** path, multipart, has_mask, sources, bring, holes, form, fill, see} | nil,
** err: a request that was made, with all that plan does not tell
*/
static int window_enclose(lua_State *L) {
  const lgim_argument argument = {"enclose", 1, "field", 1};
  gim_fields fields;
  gim_rules rules;
  gim_request *request;
  gim_err err;
  const gim_enclosure *e;
  memset(&rules, 0, sizeof(rules));
  luaL_checktype(L, 2, LUA_TTABLE);
  lua_settop(L, 2);
  rules.provider =
      lgim_window_flag(L, 2, "magick") ? GIM_MAGICK : GIM_STARMAGIC;
  rules.strict = !lgim_window_flag(L, 2, "loose");
  rules.allow_private = lgim_window_flag(L, 2, "allow_private");
  rules.can_upload = lgim_window_flag(L, 2, "can_upload");
  lgim_fields_read(L, 1, &argument, NULL, &fields); /* 3 */
  fields.edit = lgim_window_flag(L, 2, "edit");
  request = lgim_request_new(L); /* 4 */
  if (gim_request_make(request, &fields, &rules, &err) != GIM_OK)
    return lgim_request_fail(L, 4, &err);
  e = &request->enclosed;
  lua_newtable(L); /* 5 */
  lgim_window_push(L, &request->body);
  lua_setfield(L, 5, "body");
  lgim_window_set_text(L, "path", request->path);
  lua_pushboolean(L, e->multipart);
  lua_setfield(L, 5, "multipart");
  lua_pushboolean(L, e->has_mask);
  lua_setfield(L, 5, "has_mask");
  push_sources(L, e);
  lua_setfield(L, 5, "sources");
  push_numbers(L, e);
  lua_setfield(L, 5, "bring");
  lua_newtable(L);
  for (int i = 0; i < e->hole_count; i++) {
    lua_pushinteger(L, e->holes[i].source);
    lua_rawseti(L, -2, i + 1);
  }
  lua_setfield(L, 5, "holes");
  push_form(L, &e->form);
  lua_setfield(L, 5, "form");
  lua_pushvalue(L, 4);
  lua_pushvalue(L, 3);
  lua_pushcclosure(L, enclosed_fill, 2);
  lua_setfield(L, 5, "fill");
  lua_pushvalue(L, 4);
  lua_pushvalue(L, 3);
  lua_pushcclosure(L, enclosed_see, 2);
  lua_setfield(L, 5, "see");
  return 1;
}

static int receipt_gc(lua_State *L) {
  gim_receipt *receipt = lua_touserdata(L, 1);
  gim_receipt_free(receipt);
  gim_receipt_free(receipt); /* idempotent */
  return 0;
}

/* window.receipt(answer) -> url, expires | nil, err */
static int window_receipt(lua_State *L) {
  gim_answer answer = lgim_window_answer(L, 1, 1764000000);
  gim_receipt *receipt;
  gim_err err;
  gim_status status;
  receipt = lgim_window_hold(L, sizeof(*receipt), RECEIPT, receipt_gc);
  status = gim_receipt_read(receipt, &answer, &err);
  if (status == GIM_OK) {
    lua_pushstring(L, receipt->url);
    lua_pushinteger(L, (lua_Integer)receipt->expires_unix_s);
    return 2;
  }
  if (status != err.status || receipt->url != NULL)
    return luaL_error(L, "a failure with two faces");
  return lgim_window_fail(L, &err);
}

/* window.receipt_time(text) -> unix seconds | nil */
static int window_receipt_time(lua_State *L) {
  gim_str text = lgim_window_str(L, 1);
  int64_t unix_s;
  if (!gim_receipt_time(text, &unix_s)) return 0;
  lua_pushinteger(L, (lua_Integer)unix_s);
  return 1;
}

void lgim_window_rules_pictures(lua_State *L) {
  static const luaL_Reg functions[] = {{"source", window_source},
                                       {"judge_source", window_judge_source},
                                       {"form", window_form},
                                       {"enclose", window_enclose},
                                       {"receipt", window_receipt},
                                       {"receipt_time", window_receipt_time},
                                       {NULL, NULL}};
  luaL_setfuncs(L, functions, 0);
}
