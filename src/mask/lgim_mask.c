/* SPDX-License-Identifier: MIT */
#include "lgim_mask.h"

#include "gim_mask.h"
#include "lgim_options.h"
#include "lgim_table.h"

#include <lauxlib.h>
#include <limits.h>

#define HERE(field) offsetof(request, field), LGIM_NOWHERE

/* The options of all functions; each reads those that it has. */
typedef struct request {
  gim_str image, mask, data, output; /* BORROWED from the caller's table */
  int64_t image_width, image_height;
  int64_t x, y, width, height;
  int64_t threshold;
  bool has_x, has_y, has_width, has_height, has_size;
} request;

/* Strings of Lua end in NUL; a file name must not hold another. */
static const char *path_of(lua_State *L, const char *function, gim_str s,
                           const char *key, bool needed) {
  const lgim_argument argument = {function, 1, "option", 1};
  if (s.p == NULL || s.n == 0) {
    if (needed) lgim_options_raise(L, &argument, key, "a file name is needed");
    return NULL;
  }
  for (size_t i = 0; i < s.n; i++)
    if (s.p[i] == '\0')
      lgim_options_raise(L, &argument, key, "a file name holds no NUL");
  return s.p;
}

static int fail(lua_State *L, const gim_err *err) {
  lua_pushnil(L);
  lua_pushstring(L, gim_status_name(err->status));
  lua_pushstring(L, err->message);
  return 3;
}

/* The path that was asked for, or the failure. */
static int answer(lua_State *L, gim_status status, const char *output,
                  const gim_err *err) {
  if (status != GIM_OK) return fail(L, err);
  lua_pushstring(L, output);
  return 1;
}

static int draw(lua_State *L, const char *function, bool ellipse) {
  static const lgim_option options[] = {
      {"image", LGIM_STRING, HERE(image)},
      {"image_width", LGIM_INTEGER, offsetof(request, image_width),
       offsetof(request, has_size)},
      {"image_height", LGIM_INTEGER, offsetof(request, image_height),
       offsetof(request, has_size)},
      {"x", LGIM_INTEGER, offsetof(request, x), offsetof(request, has_x)},
      {"y", LGIM_INTEGER, offsetof(request, y), offsetof(request, has_y)},
      {"width", LGIM_INTEGER, offsetof(request, width),
       offsetof(request, has_width)},
      {"height", LGIM_INTEGER, offsetof(request, height),
       offsetof(request, has_height)},
      {"output", LGIM_STRING, HERE(output)},
      {NULL, LGIM_ANY, LGIM_NOWHERE, LGIM_NOWHERE}};
  const lgim_argument argument = {function, 1, "option", 1};
  request r = {0};
  gim_mask_shape shape;
  gim_err err;
  gim_status status;
  const char *image, *output;
  uint32_t width, height;
  lgim_options_read(L, 1, function, "option", options, &r);
  image = path_of(L, function, r.image, "image", false);
  output = path_of(L, function, r.output, "output", true);
  if (!r.has_x || !r.has_y || !r.has_width || !r.has_height)
    return lgim_options_raise(L, &argument, NULL,
                              "x, y, width and height say which part");
  if ((image != NULL) == r.has_size)
    return lgim_options_raise(L, &argument, NULL,
                              "either image (a file) or image_width and "
                              "image_height say how large the mask is");
  if (image != NULL)
    status = gim_mask_size(image, &width, &height, &err);
  else {
    status = GIM_OK;
    if (r.image_width < 1 || r.image_height < 1 || r.image_width > INT_MAX ||
        r.image_height > INT_MAX)
      return lgim_options_raise(L, &argument, NULL,
                                "image_width and image_height are pixels, 1 "
                                "and more");
    width = (uint32_t)r.image_width;
    height = (uint32_t)r.image_height;
  }
  if (status != GIM_OK) return fail(L, &err);
  shape = (gim_mask_shape){ellipse, r.x, r.y, r.width, r.height};
  status = gim_mask_draw(width, height, &shape, output, &err);
  return answer(L, status, output, &err);
}

/* mask.rectangle{image= or image_width=, image_height=, x=, y=, width=,
   height=, output=} -> path | nil, kind, message */
static int mask_rectangle(lua_State *L) {
  return draw(L, "rectangle", false);
}

/* mask.ellipse{...}: likewise */
static int mask_ellipse(lua_State *L) {
  return draw(L, "ellipse", true);
}

/* mask.from_alpha{image=, threshold=, output=} -> path | nil, kind, message */
static int mask_from_alpha(lua_State *L) {
  static const lgim_option options[] = {
      {"image", LGIM_STRING, HERE(image)},
      {"threshold", LGIM_INTEGER, HERE(threshold)},
      {"output", LGIM_STRING, HERE(output)},
      {NULL, LGIM_ANY, LGIM_NOWHERE, LGIM_NOWHERE}};
  const lgim_argument argument = {"from_alpha", 1, "option", 1};
  request r = {.threshold = 128};
  gim_err err;
  const char *image, *output;
  lgim_options_read(L, 1, "from_alpha", "option", options, &r);
  image = path_of(L, "from_alpha", r.image, "image", true);
  output = path_of(L, "from_alpha", r.output, "output", true);
  if (r.threshold < 1 || r.threshold > 255)
    return lgim_options_raise(L, &argument, "threshold", "1 to 255");
  return answer(L, gim_mask_from_alpha(image, (int)r.threshold, output, &err),
                output, &err);
}

/* mask.invert{mask=, output=} -> path | nil, kind, message */
static int mask_invert(lua_State *L) {
  static const lgim_option options[] = {
      {"mask", LGIM_STRING, HERE(mask)},
      {"output", LGIM_STRING, HERE(output)},
      {NULL, LGIM_ANY, LGIM_NOWHERE, LGIM_NOWHERE}};
  request r = {0};
  gim_err err;
  const char *mask, *output;
  lgim_options_read(L, 1, "invert", "option", options, &r);
  mask = path_of(L, "invert", r.mask, "mask", true);
  output = path_of(L, "invert", r.output, "output", true);
  return answer(L, gim_mask_invert(mask, output, &err), output, &err);
}

/* mask.check{mask=, image=} -> {width, height, transparent, opaque, partial}
   | nil, kind, message */
static int mask_check(lua_State *L) {
  static const lgim_option options[] = {
      {"mask", LGIM_STRING, HERE(mask)},
      {"image", LGIM_STRING, HERE(image)},
      {NULL, LGIM_ANY, LGIM_NOWHERE, LGIM_NOWHERE}};
  request r = {0};
  gim_err err;
  gim_mask_count count;
  gim_status status;
  const char *mask, *image;
  uint32_t width = 0, height = 0;
  lgim_options_read(L, 1, "check", "option", options, &r);
  mask = path_of(L, "check", r.mask, "mask", true);
  image = path_of(L, "check", r.image, "image", false);
  status = gim_mask_check(mask, &count, &err);
  if (status == GIM_OK && image != NULL) {
    status = gim_mask_size(image, &width, &height, &err);
    if (status == GIM_OK &&
        (width != count.width_px || height != count.height_px))
      status = gim_fail(&err, GIM_E_INVALID,
                        "the mask has %lu x %lu pixels, the picture %lu x "
                        "%lu: they must be the same",
                        (unsigned long)count.width_px,
                        (unsigned long)count.height_px, (unsigned long)width,
                        (unsigned long)height);
  }
  if (status != GIM_OK) return fail(L, &err);
  lua_createtable(L, 0, 5);
  lgim_set_integer(L, "width", count.width_px);
  lgim_set_integer(L, "height", count.height_px);
  lgim_set_integer(L, "transparent", count.transparent);
  lgim_set_integer(L, "opaque", count.opaque);
  lgim_set_integer(L, "partial", count.partial);
  return 1;
}

/* mask.look{mask= or data=} -> {width, height, transparent, opaque, partial,
   whole} | nil, kind, message */
static int mask_look(lua_State *L) {
  static const lgim_option options[] = {
      {"mask", LGIM_STRING, HERE(mask)},
      {"data", LGIM_STRING, HERE(data)},
      {NULL, LGIM_ANY, LGIM_NOWHERE, LGIM_NOWHERE}};
  const lgim_argument argument = {"look", 1, "option", 1};
  request r = {0};
  gim_err err;
  gim_mask_seen seen;
  gim_status status;
  const char *mask;
  lgim_options_read(L, 1, "look", "option", options, &r);
  if ((r.mask.p != NULL) == (r.data.p != NULL))
    return lgim_options_raise(L, &argument, NULL,
                              "either mask (a file) or data (its bytes)");
  mask = path_of(L, "look", r.mask, "mask", r.data.p == NULL);
  status = gim_mask_look(mask, r.data, &seen, &err);
  if (status != GIM_OK) return fail(L, &err);
  lua_createtable(L, 0, 6);
  lgim_set_integer(L, "width", seen.width_px);
  lgim_set_integer(L, "height", seen.height_px);
  lgim_set_flag(L, "transparent", seen.transparent);
  lgim_set_flag(L, "opaque", seen.opaque);
  lgim_set_flag(L, "partial", seen.partial);
  lgim_set_flag(L, "whole", seen.whole);
  return 1;
}

void lgim_mask_push(lua_State *L) {
  static const luaL_Reg functions[] = {{"rectangle", mask_rectangle},
                                       {"ellipse", mask_ellipse},
                                       {"from_alpha", mask_from_alpha},
                                       {"invert", mask_invert},
                                       {"check", mask_check},
                                       {"look", mask_look},
                                       {NULL, NULL}};
  luaL_newlib(L, functions);
}
