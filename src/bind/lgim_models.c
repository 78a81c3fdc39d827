/* SPDX-License-Identifier: MIT */
#include "lgim_models.h"

#include "gim_size.h"
#include "lgim_error.h"
#include "lgim_table.h"

#include <lauxlib.h>
#include <string.h>

gim_provider lgim_find_provider(lua_State *L, const lgim_argument *argument,
                                const char *key, gim_str name) {
  gim_provider provider = GIM_STARMAGIC;
  if (name.p != NULL && !gim_provider_find(name, &provider))
    lgim_options_raise(L, argument, key,
                       "no provider is called '%s'; there are starmagic, "
                       "evolink and magick",
                       name.p);
  return provider;
}

gim_size_procedure lgim_find_procedure(lua_State *L,
                                       const lgim_argument *argument,
                                       const char *key, gim_str name) {
  if (name.p == NULL || gim_str_equal(name, GIM_STR("anchor")))
    return GIM_SIZES_ANCHOR;
  if (!gim_str_equal(name, GIM_STR("budget")))
    lgim_options_raise(L, argument, key, "'anchor' or 'budget' expected");
  return GIM_SIZES_BUDGET;
}

static void push_names(lua_State *L, const char *const *names) {
  lua_newtable(L);
  for (int i = 0; names != NULL && names[i] != NULL; i++) {
    lua_pushstring(L, names[i]);
    lua_rawseti(L, -2, i + 1);
  }
}

static void push_fields(lua_State *L, unsigned fields) {
  int count = 0;
  lua_newtable(L);
  for (int i = 0; i < GIM_FIELD_COUNT; i++) {
    if ((fields & GIM_HAS(i)) == 0) continue;
    lua_pushstring(L, gim_field_name((gim_field)i));
    lua_rawseti(L, -2, ++count);
  }
}

static void push_sizes_rule(lua_State *L, const gim_model *model) {
  const gim_pixel_rule *rule = model->pixels;
  lua_newtable(L);
  lgim_set_flag(L, "auto", model->size_auto);
  if (model->size_list != NULL) {
    push_names(L, model->size_list);
    lua_setfield(L, -2, "list");
  }
  if (rule == NULL) return;
  lua_createtable(L, rule->ratio_count, 0);
  for (int i = 0; i < rule->ratio_count; i++) {
    lua_pushfstring(L, "%d:%d", rule->ratios[i].width, rule->ratios[i].height);
    lua_rawseti(L, -2, i + 1);
  }
  lua_setfield(L, -2, "ratios");
  lgim_set_count(L, "multiple_of", rule->step_px);
  lgim_set_count(L, "edge_max", rule->edge_max_px);
  lgim_set_count(L, "pixels_min", rule->pixels_min);
  lgim_set_count(L, "pixels_max", rule->pixels_max);
  lgim_set_count(L, "ratio_max", rule->ratio_max);
  lgim_set_text(L, "procedure",
                model->procedure == GIM_SIZES_BUDGET ? "budget" : "anchor");
  lgim_set_flag(L, "procedure_option", model->procedure_option);
}

static void push_prices(lua_State *L, const gim_model *model) {
  int i;
  lua_newtable(L);
  lgim_set_text(L, "unit", model->price_unit);
  if (model->tiers != NULL) {
    lua_newtable(L);
    for (i = 0; i < GIM_TIER_COUNT; i++)
      lgim_set_micro(L, gim_pixels_tier_name(model->tiers[i].tier),
                     model->tiers[i].factor_micro);
    lua_setfield(L, -2, "tiers");
  }
  if (model->qualities != NULL && model->price_unit != NULL) {
    lua_newtable(L);
    for (i = 0; model->qualities[i].name != NULL; i++)
      lgim_set_micro(L, model->qualities[i].name,
                     model->qualities[i].factor_micro);
    lua_setfield(L, -2, "qualities");
  }
}

static void push_defaults(lua_State *L, const gim_model *model) {
  lua_newtable(L);
  lgim_set_text(L, "size", model->default_size);
  lgim_set_text(L, "resolution", model->default_resolution);
  lgim_set_text(L, "quality", model->default_quality);
  lgim_set_count(L, "n", model->default_n);
}

static void push_model(lua_State *L, gim_provider provider,
                       const gim_model *model) {
  int i;
  lua_createtable(L, 0, 24);
  lgim_set_text(L, "name", model->name);
  lgim_set_text(L, "provider", gim_provider_get(provider)->name);
  push_fields(L, model->fields);
  lua_setfield(L, -2, "fields");
  push_fields(L, model->newer_fields);
  lua_setfield(L, -2, "newer_fields");
  lgim_set_flag(L, "advisory", model->advisory);
  push_sizes_rule(L, model);
  lua_setfield(L, -2, "size");
  lua_newtable(L);
  for (i = 0; model->qualities != NULL && model->qualities[i].name != NULL;
       i++) {
    lua_pushstring(L, model->qualities[i].name);
    lua_rawseti(L, -2, i + 1);
  }
  lua_setfield(L, -2, "qualities");
  push_names(L, model->response_formats);
  lua_setfield(L, -2, "response_formats");
  push_names(L, model->backgrounds);
  lua_setfield(L, -2, "backgrounds");
  push_names(L, model->output_formats);
  lua_setfield(L, -2, "output_formats");
  lgim_set_count(L, "n_max", model->n_max);
  lgim_set_count(L, "prompt_max", model->prompt_max_code_points);
  lgim_set_count(L, "prompt_tokens", model->prompt_warn_tokens);
  lgim_set_count(L, "image_urls_min", model->image_urls_min);
  lgim_set_count(L, "image_urls_max", model->image_urls_max);
  lgim_set_count(L, "reference_max_bytes", model->reference_max_bytes);
  push_prices(L, model);
  lua_setfield(L, -2, "prices");
  push_defaults(L, model);
  lua_setfield(L, -2, "defaults");
}

/* A string argument as a slice. */
static gim_str check_text(lua_State *L, const lgim_argument *argument) {
  gim_str text;
  if (lua_type(L, argument->number) != LUA_TSTRING)
    lgim_options_raise(L, argument, NULL, "string expected, got %s",
                       luaL_typename(L, argument->number));
  text.p = lua_tolstring(L, argument->number, &text.n);
  return text;
}

/* Likewise; p NULL when it is left out. */
static gim_str optional_text(lua_State *L, const lgim_argument *argument) {
  if (lua_isnoneornil(L, argument->number)) return (gim_str){NULL, 0};
  return check_text(L, argument);
}

/* gptimage.models([provider]) -> {model, ...} */
static int models(lua_State *L) {
  const lgim_argument argument = {"models", 1, "argument", 1};
  gim_str name = optional_text(L, &argument);
  gim_provider only = lgim_find_provider(L, &argument, NULL, name);
  const gim_model *model;
  lua_Integer count = 0;
  lua_newtable(L);
  for (int i = 0; i < GIM_PROVIDER_COUNT; i++) {
    if (name.p != NULL && i != (int)only) continue;
    for (int k = 0; (model = gim_model_at((gim_provider)i, k)) != NULL; k++) {
      push_model(L, (gim_provider)i, model);
      lua_rawseti(L, -2, ++count);
    }
  }
  return 1;
}

/* Pushes {size, ratio, resolution, width, height, tier, factor, scaled_down}:
   tier and factor are those of a plan for it. */
static void push_size(lua_State *L, const gim_model *model, const char *size,
                      int tier, const gim_cell *cell) {
  gim_sized sized;
  memset(&sized, 0, sizeof(sized));
  sized.width_px = cell->width_px;
  sized.height_px = cell->height_px;
  sized.tier = tier;
  lua_createtable(L, 0, 8);
  lgim_set_text(L, "size", size);
  if (gim_pixels_parse(gim_str_of(size)).kind == GIM_SIZE_RATIO)
    lgim_set_text(L, "ratio", size);
  lgim_set_text(L, "resolution", gim_pixels_tier_name(tier));
  lgim_set_count(L, "width", cell->width_px);
  lgim_set_count(L, "height", cell->height_px);
  lgim_set_text(L, "tier", gim_pixels_tier_name(tier));
  lgim_set_micro(L, "factor",
                 gim_size_price_micro(model, &sized, (gim_str){NULL, 0}, 1));
  lgim_set_flag(L, "scaled_down", cell->scaled_down);
}

static void push_listed_sizes(lua_State *L, const gim_model *model) {
  lua_newtable(L);
  for (int i = 0; model->size_list[i] != NULL; i++) {
    gim_size size = gim_pixels_parse(gim_str_of(model->size_list[i]));
    gim_cell cell = {(int)size.width, (int)size.height, false};
    if (size.kind == GIM_SIZE_RATIO) {
      cell.width_px = cell.height_px = 0;
      (void)gim_pixels_listed(model->size_list, &size, &cell.width_px,
                              &cell.height_px);
    }
    push_size(L, model, model->size_list[i], 0, &cell);
    lua_rawseti(L, -2, i + 1);
  }
}

/* gptimage.sizes(provider, model [, procedure]) -> {size, ...} | nil, err */
static int sizes(lua_State *L) {
  static const int tiers[GIM_TIER_COUNT] = {1, 2, 4};
  const lgim_argument first = {"sizes", 1, "argument", 1};
  const lgim_argument second = {"sizes", 2, "argument", 1};
  const lgim_argument third = {"sizes", 3, "argument", 1};
  gim_str name;
  gim_provider provider;
  gim_size_procedure procedure;
  const gim_model *model;
  gim_err err;
  lua_Integer count = 0;
  provider = lgim_find_provider(L, &first, NULL, check_text(L, &first));
  name = check_text(L, &second);
  model = gim_model_find(provider, name);
  if (model == NULL) {
    (void)gim_fail(&err, GIM_E_INVALID, "%s has no model '%s' in its table",
                   gim_provider_get(provider)->name, name.p);
    gim_copy_text(err.field, sizeof(err.field), GIM_STR("model"));
    return lgim_fail(L, &err, NULL, GIM_BILLED_NO);
  }
  procedure =
      lua_isnoneornil(L, 3)
          ? model->procedure
          : lgim_find_procedure(L, &third, NULL, optional_text(L, &third));
  if (model->size_list != NULL) {
    push_listed_sizes(L, model);
    return 1;
  }
  lua_newtable(L);
  for (int i = 0; i < model->pixels->ratio_count; i++)
    for (int k = 0; k < GIM_TIER_COUNT; k++) {
      gim_ratio ratio = model->pixels->ratios[i];
      gim_cell cell = gim_size_cell(model, procedure, ratio, tiers[k]);
      char text[GIM_SIZE_TEXT];
      gim_size size = {GIM_SIZE_RATIO, ratio.width, ratio.height, false};
      gim_pixels_write(&size, text);
      push_size(L, model, text, tiers[k], &cell);
      lua_rawseti(L, -2, ++count);
    }
  return 1;
}

void lgim_models_open(lua_State *L) {
  static const luaL_Reg functions[] = {
      {"models", models}, {"sizes", sizes}, {NULL, NULL}};
  luaL_setfuncs(L, functions, 0);
}
