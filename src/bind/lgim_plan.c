/* SPDX-License-Identifier: MIT */
#include "lgim_plan.h"

#include "gim_name.h"
#include "gim_pixels.h"
#include "lgim_error.h"
#include "lgim_fields.h"
#include "lgim_models.h"
#include "lgim_table.h"

#include <lauxlib.h>
#include <string.h>

#define MICRO 1000000

int64_t lgim_plan_price(const gim_request *request,
                        int64_t credits_per_base_micro) {
  int64_t factor = request->price_factor_micro;
  int64_t credits = credits_per_base_micro;
  if (factor < 0 || credits < 0) return -1;
  /* In two parts, so that it fits. */
  return credits / MICRO * factor +
         (credits % MICRO * factor + MICRO / 2) / MICRO;
}

int64_t lgim_prices_find(lua_State *L, int index,
                         const lgim_argument *argument, gim_str model) {
  int64_t found = -1;
  index = lua_absindex(L, index);
  if (lua_isnoneornil(L, index)) return -1;
  luaL_checktype(L, index, LUA_TTABLE);
  for (lua_pushnil(L); lua_next(L, index) != 0; lua_pop(L, 1)) {
    gim_str name = {NULL, 0};
    int64_t micro = -1;
    if (lua_type(L, -2) != LUA_TSTRING || lua_type(L, -1) != LUA_TNUMBER ||
        !lgim_options_micro((double)lua_tonumber(L, -1), &micro))
      lgim_options_raise(L, argument, "prices",
                         "a table {[model] = credits} with numbers from 0 to "
                         "1e9 expected");
    name.p = lua_tolstring(L, -2, &name.n);
    if (gim_str_equal(name, model)) found = micro;
  }
  return found;
}

static void push_price(lua_State *L, const gim_request *request,
                       int64_t credits_per_base_micro) {
  int64_t factor = request->price_factor_micro;
  lua_createtable(L, 0, 3);
  lgim_set_text(L, "unit", request->model->price_unit);
  lgim_set_micro(L, "factor", factor);
  lgim_set_micro(L, "credits",
                 lgim_plan_price(request, credits_per_base_micro));
}

/* Pushes what is known of the pictures that are sent as bytes. */
static void push_uploads(lua_State *L, const gim_enclosure *e) {
  char title[GIM_SOURCE_TITLE], name[GIM_SOURCE_NAME];
  lua_Integer n = 0;
  lua_newtable(L);
  for (int i = 0; i < e->count; i++) {
    const gim_source *source = &e->sources[i];
    if (source->kind == GIM_SOURCE_LINK) continue;
    gim_source_title(source, title);
    gim_source_name(source, name);
    lua_createtable(L, 0, 6);
    lgim_set_text(L, "field", title);
    lgim_set_text(L, "name", name);
    lgim_set_text(L, "mime", gim_source_mime(source));
    lgim_set_count(L, "size", source->size);
    lgim_set_count(L, "width", source->image.width_px);
    lgim_set_count(L, "height", source->image.height_px);
    lua_rawseti(L, -2, ++n);
  }
}

/* Pushes the body; the links that come into its holes are not known yet. */
static void push_body(lua_State *L, const gim_request *request) {
  const gim_enclosure *e = &request->enclosed;
  const gim_buffer *b = &request->body;
  char name[GIM_SOURCE_NAME];
  size_t from = 0;
  luaL_Buffer whole;
  luaL_buffinit(L, &whole);
  for (int i = 0; i < e->hole_count; i++) {
    luaL_addlstring(&whole, b->p + from, e->holes[i].offset - from);
    gim_source_name(&e->sources[e->holes[i].source], name);
    luaL_addstring(&whole, "\"<");
    luaL_addstring(&whole, name); /* nothing in it needs an escape */
    luaL_addstring(&whole, ">\"");
    from = e->holes[i].offset;
  }
  luaL_addlstring(&whole, b->p + from, b->n - from);
  luaL_pushresult(&whole);
}

int lgim_plan_push(lua_State *L, const gim_request *request,
                   const gim_rules *rules, int64_t credits_per_base_micro) {
  lua_createtable(L, 0, 16);
  lgim_set_text(L, "provider", gim_provider_get(rules->provider)->name);
  lgim_set_text(L, "model", request->model->name);
  lgim_set_flag(L, "known_model", request->known_model);
  lgim_set_flag(L, "edit", request->edit);
  lgim_set_text(L, "endpoint", request->path);
  lgim_set_text(L, "method", request->method);
  push_body(L, request);
  lua_setfield(L, -2, "body");
  lgim_set_flag(L, "multipart", request->enclosed.multipart);
  push_uploads(L, &request->enclosed);
  lua_setfield(L, -2, "uploads");
  lgim_set_count(L, "width", request->width_px);
  lgim_set_count(L, "height", request->height_px);
  lgim_set_text(L, "tier", gim_pixels_tier_name(request->tier));
  lgim_set_count(L, "n", request->n);
  lgim_set_flag(L, "scaled_down", request->scaled_down);
  push_price(L, request, credits_per_base_micro);
  lua_setfield(L, -2, "price");
  lua_createtable(L, 0, 4);
  lgim_set_text(L, "size", request->assumed_size);
  lgim_set_text(L, "resolution", request->assumed_resolution);
  lgim_set_text(L, "quality", request->assumed_quality);
  lgim_set_count(L, "n", request->assumed_n);
  lua_setfield(L, -2, "assumes");
  lgim_issues_push(L, request->warnings, request->warning_count);
  lua_setfield(L, -2, "warnings");
  return 1;
}

/* What plan takes beside the request, and what a request holds for others. */
typedef struct plan_options {
  gim_str provider;
  gim_str sizes;
  gim_str edit_path;
  gim_str files_url;
  gim_str output;
  int64_t resubmit;
  double price;
  bool strict;
  bool allow_private;
  bool edit;
} plan_options;

/* gptimage.plan(request [, options]) -> plan | nil, err */
static int plan(lua_State *L) {
#define AT(field) offsetof(plan_options, field)
  static const lgim_option options[] = {
      {"provider", LGIM_STRING, AT(provider), LGIM_NOWHERE},
      {"sizes", LGIM_STRING, AT(sizes), LGIM_NOWHERE},
      {"edit_path", LGIM_STRING, AT(edit_path), LGIM_NOWHERE},
      {"files_url", LGIM_STRING, AT(files_url), LGIM_NOWHERE},
      {"strict", LGIM_BOOLEAN, AT(strict), LGIM_NOWHERE},
      {"allow_private", LGIM_BOOLEAN, AT(allow_private), LGIM_NOWHERE},
      {"edit", LGIM_BOOLEAN, AT(edit), LGIM_NOWHERE},
      {"prices", LGIM_TABLE, LGIM_NOWHERE, LGIM_NOWHERE},
      {NULL, LGIM_ANY, 0, 0}};
  /* The request's own strict comes later and wins. */
  static const lgim_option others[] = {
      {"strict", LGIM_BOOLEAN, AT(strict), LGIM_NOWHERE},
      {"output", LGIM_STRING, AT(output), LGIM_NOWHERE},
      {"timeout", LGIM_TIMEOUT, LGIM_NOWHERE, LGIM_NOWHERE},
      {"on_progress", LGIM_FUNCTION, LGIM_NOWHERE, LGIM_NOWHERE},
      {"resubmit", LGIM_INTEGER, AT(resubmit), LGIM_NOWHERE},
      {"price", LGIM_NUMBER, AT(price), LGIM_NOWHERE},
      {NULL, LGIM_ANY, 0, 0}};
#undef AT
  const lgim_argument first = {"plan", 1, "field", 1};
  const lgim_argument second = {"plan", 2, "option", 1};
  plan_options chosen = {.strict = true};
  lgim_option_set rest = {others, &chosen};
  gim_fields fields;
  gim_rules rules;
  gim_request *request;
  gim_err err;
  int64_t credits;
  int made;
  gim_status status;
  gim_source_pixels pixels = lgim_fields_pixels(L, 3);
  lua_settop(L, 2);
  lgim_options_read(L, 2, "plan", "option", options, &chosen);
  memset(&rules, 0, sizeof(rules));
  rules.provider = lgim_find_provider(L, &second, "provider", chosen.provider);
  rules.sizes = lgim_find_procedure(L, &second, "sizes", chosen.sizes);
  lgim_fields_read(L, 1, &first, &rest, &fields);
  (void)lgim_fields_check_money(L, &first, chosen.resubmit, chosen.price);
  fields.edit = chosen.edit;
  fields.mask_pixels = pixels;
  rules.strict = chosen.strict;
  rules.allow_private = chosen.allow_private;
  rules.can_upload = chosen.files_url.p != NULL ||
                     gim_provider_get(rules.provider)->files_url != NULL;
  rules.edit_path = chosen.edit_path.p;
  lua_pushliteral(L, "prices");
  if (lua_istable(L, 2))
    lua_rawget(L, 2);
  else
    lua_pushnil(L);
  credits = lgim_prices_find(L, -1, &second, fields.model);
  request = lgim_request_new(L);
  made = lua_gettop(L);
  status = gim_request_make(request, &fields, &rules, &err);
  if (status == GIM_OK && chosen.output.p != NULL)
    status = gim_name_check(chosen.output, &err);
  if (status != GIM_OK) return lgim_request_fail(L, made, &err);
  lgim_plan_push(L, request, &rules, credits);
  if (!request->known_model && fields.model.p != NULL) {
    lua_pushlstring(L, fields.model.p, fields.model.n);
    lua_setfield(L, -2, "model");
  }
  lgim_request_done(L, made);
  return 1;
}

void lgim_plan_open(lua_State *L) {
  lua_pushcfunction(L, plan);
  lua_setfield(L, -2, "plan");
}
