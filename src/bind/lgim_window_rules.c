/* SPDX-License-Identifier: MIT */
#include "lgim_window_rules.h"

#include "gim_address.h"
#include "gim_link.h"
#include "gim_model.h"
#include "gim_pixels.h"
#include "gim_size.h"
#include "gim_url.h"
#include "gim_utf8.h"
#include "gim_value.h"
#include "lgim_error.h"
#include "lgim_table.h"
#include "lgim_window.h"

#include <lauxlib.h>
#include <stdlib.h>
#include <string.h>

static gim_str check_text(lua_State *L, int index) {
  gim_str s;
  s.p = luaL_checklstring(L, index, &s.n);
  return s;
}

static void set_slice(lua_State *L, const char *name, gim_str s) {
  lua_pushlstring(L, s.p, s.n);
  lua_setfield(L, -2, name);
}

/* window.utf8(text) -> {valid, bad_offset, code_points, tokens, control} */
static int window_utf8(lua_State *L) {
  /* A copy of the exact length, so that sanitizers see a read behind it. */
  gim_str s = check_text(L, 1);
  char *copy = malloc(s.n == 0 ? 1 : s.n);
  gim_utf8_facts facts;
  if (copy == NULL) return luaL_error(L, "not enough memory");
  if (s.n > 0) memcpy(copy, s.p, s.n);
  facts = gim_utf8_read((gim_str){copy, s.n});
  free(copy);
  lua_newtable(L);
  lgim_set_flag(L, "valid", facts.valid);
  lgim_set_integer(L, "bad_offset", (int64_t)facts.bad_offset);
  lgim_set_integer(L, "code_points", facts.code_points);
  lgim_set_integer(L, "tokens", facts.tokens);
  lgim_set_flag(L, "control", facts.control);
  return 1;
}

/* window.url(text [, limit]) -> {https, ipv6, ...} | nil, fault, sentence */
static int window_url(lua_State *L) {
  gim_str text = check_text(L, 1);
  lua_Integer limit = luaL_optinteger(L, 2, GIM_LIMIT_URL);
  gim_url url;
  gim_url_fault fault = gim_url_split(text, (size_t)limit, &url);
  if (fault != GIM_URL_OK) {
    lua_pushnil(L);
    lua_pushstring(L, gim_url_fault_name(fault));
    lua_pushstring(L, gim_url_fault_text(fault));
    return 3;
  }
  lua_newtable(L);
  lgim_set_flag(L, "https", url.https);
  lgim_set_flag(L, "ipv6", url.ipv6);
  lgim_set_flag(L, "has_port", url.has_port);
  lgim_set_integer(L, "port", url.port);
  set_slice(L, "scheme", url.scheme);
  set_slice(L, "host", url.host);
  set_slice(L, "target", url.target);
  set_slice(L, "path", url.path);
  return 1;
}

/* window.url_segment(text) -> the same, escaped */
static int window_url_segment(lua_State *L) {
  gim_str text = check_text(L, 1);
  char *to = lua_newuserdatauv(L, 3 * text.n + 1, 0);
  lua_pushlstring(L, to, gim_url_write_segment(to, text));
  return 1;
}

/* window.judge_host(host) -> "public" | "loopback" | "internal" | "unclear" */
static int window_judge_host(lua_State *L) {
  static const char *const names[] = {"public", "loopback", "internal",
                                      "unclear"};
  lua_pushstring(L, names[gim_address_judge(check_text(L, 1))]);
  return 1;
}

/* window.parse_address(text) -> bytes | nil */
static int window_parse_address(lua_State *L) {
  uint8_t bytes[16];
  size_t n;
  if (!gim_address_parse(check_text(L, 1), bytes, &n)) return 0;
  lua_pushlstring(L, (const char *)bytes, n);
  return 1;
}

/* window.address_is_public(bytes), window.address_is_loopback(bytes) */
static int window_address_is_public(lua_State *L) {
  gim_str s = check_text(L, 1);
  lua_pushboolean(L, gim_address_is_public((const uint8_t *)s.p, s.n));
  return 1;
}

static int window_address_is_loopback(lua_State *L) {
  gim_str s = check_text(L, 1);
  lua_pushboolean(L, gim_address_is_loopback((const uint8_t *)s.p, s.n));
  return 1;
}

static void push_size(lua_State *L, const gim_size *size) {
  static const char *const kinds[] = {"other", "auto", "ratio", "pixels"};
  lua_newtable(L);
  lua_pushstring(L, kinds[size->kind]);
  lua_setfield(L, -2, "kind");
  lgim_set_integer(L, "width", size->width);
  lgim_set_integer(L, "height", size->height);
  lgim_set_flag(L, "cross", size->cross);
}

/* window.parse_size(text) -> {kind, width, height, cross}, written again */
static int window_parse_size(lua_State *L) {
  gim_size size = gim_pixels_parse(check_text(L, 1));
  char text[GIM_SIZE_TEXT];
  push_size(L, &size);
  gim_pixels_write(&size, text);
  lua_pushstring(L, text);
  return 2;
}

static const gim_model *check_model(lua_State *L, int index) {
  const gim_model *model = gim_model_find(GIM_STARMAGIC, check_text(L, index));
  if (model == NULL) luaL_error(L, "no such model");
  return model;
}

/* window.solve("anchor" | "budget", width, height, tier) -> w, h, scaled */
static int window_solve(lua_State *L) {
  static const char *const names[] = {"anchor", "budget", NULL};
  const gim_model *model =
      gim_model_find(GIM_STARMAGIC, GIM_STR("gpt-image-2"));
  gim_ratio ratio;
  gim_cell cell;
  int procedure = luaL_checkoption(L, 1, NULL, names);
  ratio.width = (int)luaL_checkinteger(L, 2);
  ratio.height = (int)luaL_checkinteger(L, 3);
  cell = gim_pixels_solve(model->pixels, (gim_size_procedure)procedure, ratio,
                          (int)luaL_checkinteger(L, 4));
  lua_pushinteger(L, cell.width_px);
  lua_pushinteger(L, cell.height_px);
  lua_pushboolean(L, cell.scaled_down);
  return 3;
}

/* window.nearest(width, height) -> w, h, broken, ratio w, ratio h */
static int window_nearest(lua_State *L) {
  const gim_model *model =
      gim_model_find(GIM_STARMAGIC, GIM_STR("gpt-image-2"));
  int64_t width = luaL_checkinteger(L, 1), height = luaL_checkinteger(L, 2);
  gim_ratio ratio = gim_pixels_nearest_ratio(model->pixels, width, height);
  int w = 0, h = 0;
  gim_pixels_nearest(model->pixels, width, height, &w, &h);
  lua_pushinteger(L, w);
  lua_pushinteger(L, h);
  lua_pushinteger(L, gim_pixels_broken(model->pixels, width, height));
  lua_pushinteger(L, ratio.width);
  lua_pushinteger(L, ratio.height);
  return 5;
}

/* window.provider(name) -> row | nil */
static int window_provider(lua_State *L) {
  gim_provider id;
  const gim_provider_row *row;
  if (!gim_provider_find(check_text(L, 1), &id)) return 0;
  row = gim_provider_get(id);
  lua_newtable(L);
  set_slice(L, "name", gim_str_of(row->name));
  set_slice(L, "base_url", gim_str_of(row->base_url));
  set_slice(L, "files_url", gim_str_of(row->files_url));
  set_slice(L, "key_variable", gim_str_of(row->key_variable));
  set_slice(L, "generate_path", gim_str_of(row->generate_path));
  set_slice(L, "edit_path", gim_str_of(row->edit_path));
  set_slice(L, "task_path", gim_str_of(row->task_path));
  lgim_set_flag(L, "tasks", row->tasks);
  lgim_set_flag(L, "links", row->links);
  lgim_set_integer(L, "submit_timeout_ms", row->submit_timeout_ms);
  lua_newtable(L);
  for (int i = 0; row->retry_codes[i] != NULL; i++) {
    lua_pushstring(L, row->retry_codes[i]);
    lua_rawseti(L, -2, i + 1);
  }
  lua_setfield(L, -2, "retry_codes");
  return 1;
}

/* Pushes issues and warnings of `report`, which is freed. */
static int push_report(lua_State *L, gim_report *report) {
  gim_status status = report->status;
  lgim_issues_push(L, report->issues, report->issue_count);
  lgim_issues_push(L, report->warnings, report->warning_count);
  gim_report_free(report);
  gim_report_free(report); /* idempotent */
  if (status != GIM_OK) return luaL_error(L, "not enough memory");
  return 2;
}

/* window.judge_size(model, size, resolution [, procedure]) -> sized, issues,
   warnings */
static int window_judge_size(lua_State *L) {
  gim_size_input input;
  gim_sized sized;
  gim_report report;
  memset(&input, 0, sizeof(input));
  memset(&report, 0, sizeof(report));
  report.strict = true;
  input.model = check_model(L, 1);
  input.severity = GIM_REFUSAL;
  if (!lua_isnil(L, 2)) input.size = check_text(L, 2);
  if (!lua_isnil(L, 3)) input.resolution = check_text(L, 3);
  input.procedure = lua_toboolean(L, 4) ? GIM_SIZES_BUDGET : GIM_SIZES_ANCHOR;
  gim_size_judge(&input, &sized, &report);
  lua_newtable(L);
  lgim_set_integer(L, "width", sized.width_px);
  lgim_set_integer(L, "height", sized.height_px);
  lgim_set_integer(L, "tier", sized.tier);
  lgim_set_flag(L, "scaled_down", sized.scaled_down);
  lgim_set_flag(L, "resolution_dropped", sized.resolution_dropped);
  lgim_set_integer(L, "price",
                   gim_size_price_micro(input.model, &sized, GIM_NOTHING, 1));
  return 1 + push_report(L, &report);
}

/* window.check_link(link, https_only, allow_private) -> issues, warnings */
static int window_check_link(lua_State *L) {
  static const char *const formats[] = {"png", "jpg", NULL};
  gim_link_rule rule = {lua_toboolean(L, 2), lua_toboolean(L, 3), 2048,
                        formats};
  gim_report report;
  memset(&report, 0, sizeof(report));
  report.strict = true;
  gim_link_check(check_text(L, 1), &rule, "link", &report);
  return push_report(L, &report);
}

/* window.report(count, strict) -> dropped, issues, warnings, err | nil: of
   `count` refusals */
static int window_report(lua_State *L) {
  lua_Integer count = luaL_checkinteger(L, 1);
  gim_report report;
  gim_status status;
  gim_err err;
  memset(&report, 0, sizeof(report));
  report.strict = lua_toboolean(L, 2);
  for (lua_Integer i = 1; i <= count; i++)
    gim_report_add(&report, GIM_REFUSAL, "field", "rule", GIM_STR("a\nb"),
                   "near", "number %d", (int)i);
  status = gim_report_fail(&report, &err);
  lua_pushinteger(L, report.dropped);
  (void)push_report(L, &report);
  if (status == GIM_OK) return 3;
  (void)lgim_window_fail(L, &err);
  lua_remove(L, -2);
  return 4;
}

void lgim_window_rules(lua_State *L) {
  static const luaL_Reg functions[] = {
      {"utf8", window_utf8},
      {"url", window_url},
      {"url_segment", window_url_segment},
      {"judge_host", window_judge_host},
      {"parse_address", window_parse_address},
      {"address_is_public", window_address_is_public},
      {"address_is_loopback", window_address_is_loopback},
      {"parse_size", window_parse_size},
      {"solve", window_solve},
      {"nearest", window_nearest},
      {"provider", window_provider},
      {"judge_size", window_judge_size},
      {"check_link", window_check_link},
      {"report", window_report},
      {NULL, NULL}};
  luaL_setfuncs(L, functions, 0);
  lgim_window_rules_bind(L);
  lgim_window_rules_pictures(L);
}
