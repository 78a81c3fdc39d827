/* SPDX-License-Identifier: MIT */
#include "lgim_fields.h"

#include "gim_reference.h"
#include "lgim_error.h"

#include <lauxlib.h>
#include <string.h>

#define RESUBMIT_MAX 100

#define TEXT(name)                                                            \
  { #name, LGIM_STRING, offsetof(gim_fields, name), LGIM_NOWHERE }

static const lgim_option wire_fields[] = {
    TEXT(model),
    TEXT(prompt),
    TEXT(size),
    TEXT(resolution),
    TEXT(quality),
    TEXT(response_format),
    TEXT(background),
    TEXT(output_format),
    TEXT(mask_url),
    TEXT(callback_url),
    {"n", LGIM_INTEGER, offsetof(gim_fields, n), offsetof(gim_fields, has_n)},
    TEXT(extra), /* JSON text here: the Lua layer writes it */
    {NULL, LGIM_ANY, 0, 0}};

/* Those that are read when all else is, by read_pictures. */
typedef struct pictured {
  bool images, image_urls, mask; /* is it there? */
} pictured;

static const lgim_option picture_fields[] = {
    {"images", LGIM_TABLE, LGIM_NOWHERE, offsetof(pictured, images)},
    {"image_urls", LGIM_TABLE, LGIM_NOWHERE, offsetof(pictured, image_urls)},
    {"mask", LGIM_ANY, LGIM_NOWHERE, offsetof(pictured, mask)},
    {NULL, LGIM_ANY, 0, 0}};

/*
** What the slices of `fields` lie in: the pictures with their mask, then the
** links. Its user value is a list of all the strings that they point to.
*/
typedef struct holder {
  lua_State *L;
  const lgim_argument *argument;
  int index;   /* of the request */
  int strings; /* of that list */
  lua_Integer kept;
} holder;

/* The string on top of the stack, which the list keeps. Pops it. */
static gim_str keep(holder *h) {
  gim_str text;
  text.p = lua_tolstring(h->L, -1, &text.n);
  lua_rawseti(h->L, h->strings, ++h->kept);
  return text;
}

/* Pushes the list `field` of the request, or nil; its length. */
static size_t push_list(const holder *h, const char *field,
                        const char *expected) {
  lua_State *L = h->L;
  lua_Unsigned count, keys = 0;
  lua_pushstring(L, field);
  if (lua_rawget(L, h->index) == LUA_TNIL) return 0;
  count = lua_rawlen(L, -1);
  for (lua_pushnil(L); lua_next(L, -2) != 0; lua_pop(L, 1)) keys++;
  if (keys != count)
    lgim_options_raise(L, h->argument, field, "%s expected", expected);
  return (size_t)count;
}

/* Raises for what is none; `element` 0: it stands alone. */
static void raise_picture(const holder *h, const char *field, int element,
                          const char *what) {
  if (element > 0)
    lgim_options_raise(h->L, h->argument, field, "element %d %s", element,
                       what);
  else
    lgim_options_raise(h->L, h->argument, field, "it %s", what);
}

/* {data = bytes, name = string or nil} on top of the stack. */
static void read_bytes(holder *h, const char *field, int element,
                       gim_source *source) {
  lua_State *L = h->L;
  source->kind = GIM_SOURCE_BYTES;
  for (lua_pushnil(L); lua_next(L, -2) != 0;) {
    const char *key =
        lua_type(L, -2) == LUA_TSTRING ? lua_tostring(L, -2) : "";
    bool data = strcmp(key, "data") == 0;
    if (!data && strcmp(key, "name") != 0)
      raise_picture(h, field, element, "has other keys than data and name");
    if (lua_type(L, -1) != LUA_TSTRING)
      raise_picture(h, field, element,
                    data ? "has data that is no string"
                         : "has a name that is no string");
    if (data)
      source->text = keep(h);
    else
      source->name = keep(h);
  }
  if (source->text.p == NULL)
    raise_picture(h, field, element, "is a table without data");
}

/* The picture on top of the stack: a path, a link, or bytes. Pops it. */
static void read_picture(holder *h, const char *field, int element,
                         gim_source *source) {
  lua_State *L = h->L;
  memset(source, 0, sizeof(*source));
  source->field = field;
  source->number = element;
  if (lua_type(L, -1) == LUA_TSTRING) {
    source->text = keep(h);
    source->kind =
        gim_source_is_link(source->text) ? GIM_SOURCE_LINK : GIM_SOURCE_FILE;
    return;
  }
  if (!lua_istable(L, -1)) {
    lua_pushfstring(L, "is a %s: a path, a link or {data = bytes} expected",
                    luaL_typename(L, -1));
    raise_picture(h, field, element, lua_tostring(L, -1));
  }
  read_bytes(h, field, element, source);
  lua_pop(L, 1);
}

static void read_link(holder *h, int element, gim_str *link) {
  int type = lua_type(h->L, -1);
  if (type != LUA_TSTRING)
    lgim_options_raise(h->L, h->argument, "image_urls",
                       "a sequence of strings expected, element %d is a %s",
                       element, lua_typename(h->L, type));
  *link = keep(h);
}

/* Pushes the holder of images, mask and image_urls. */
static void read_pictures(lua_State *L, int index,
                          const lgim_argument *argument, gim_fields *fields) {
  holder h = {L, argument, index, 0, 0};
  int images = lua_gettop(L) + 1, links = images + 1;
  gim_source *sources;
  gim_str *slices;
  size_t count =
      push_list(&h, "images", "a sequence of paths, links and {data = bytes}");
  size_t link_count = push_list(&h, "image_urls", "a sequence of strings");
  /* Room for the mask; and one slice more than needed: an empty list is a list
     that was given. */
  sources = lua_newuserdatauv(
      L, (count + 1) * sizeof(*sources) + (link_count + 1) * sizeof(*slices),
      1);
  slices = (gim_str *)(void *)(sources + count + 1);
  lua_newtable(L);
  h.strings = lua_gettop(L);
  for (size_t i = 0; i < count; i++) {
    lua_rawgeti(L, images, (lua_Integer)i + 1);
    read_picture(&h, "images", (int)i + 1, &sources[i]);
  }
  for (size_t i = 0; i < link_count; i++) {
    lua_rawgeti(L, links, (lua_Integer)i + 1);
    read_link(&h, (int)i + 1, &slices[i]);
  }
  fields->images = lua_isnil(L, images) ? NULL : sources;
  fields->image_count = count;
  fields->image_urls = lua_isnil(L, links) ? NULL : slices;
  fields->image_url_count = link_count;
  lua_pushliteral(L, "mask");
  if (lua_rawget(L, index) != LUA_TNIL) {
    read_picture(&h, "mask", 0, &sources[count]);
    fields->mask = &sources[count];
  }
  else {
    lua_pop(L, 1);
  }
  if (fields->mask_url.p != NULL) {
    lua_pushliteral(L, "mask_url");
    lua_rawget(L, index);
    (void)keep(&h);
  }
  lua_setiuservalue(L, -2, 1);
  for (size_t i = 0; i < count && count <= GIM_LIMIT_SOURCES; i++)
    gim_reference_look(&sources[i]);
  if (fields->mask != NULL) gim_reference_look(&sources[count]);
  lua_replace(L, images);
  lua_settop(L, images);
}

void lgim_fields_read(lua_State *L, int index, const lgim_argument *argument,
                      const lgim_option_set *others, gim_fields *fields) {
  pictured pictures = {false, false, false};
  lgim_option_set sets[3];
  int count = 2;
  index = lua_absindex(L, index);
  luaL_checkstack(L, 16, argument->function);
  memset(fields, 0, sizeof(*fields));
  if (!lua_istable(L, index))
    lgim_options_raise(L, argument, NULL, "table expected, got %s",
                       luaL_typename(L, index));
  sets[0].options = wire_fields;
  sets[0].out = fields;
  sets[1].options = picture_fields;
  sets[1].out = &pictures;
  if (others != NULL) sets[count++] = *others;
  lgim_options_read_sets(L, index, argument, sets, count);
  if (pictures.images || pictures.image_urls || pictures.mask ||
      fields->mask_url.p != NULL)
    read_pictures(L, index, argument, fields);
  else
    lua_pushnil(L); /* most requests have none: nothing to hold */
}

int64_t lgim_fields_check_money(lua_State *L, const lgim_argument *argument,
                                int64_t resubmit, double price) {
  int64_t price_micro = 0;
  if (resubmit < 0 || resubmit > RESUBMIT_MAX)
    lgim_options_raise(L, argument, "resubmit",
                       "an integer from 0 to %d expected, got %I",
                       RESUBMIT_MAX, (LUAI_UACINT)resubmit);
  if (!lgim_options_micro(price, &price_micro))
    lgim_options_raise(L, argument, "price",
                       "credits from 0 to 1e9 expected, got %f",
                       (lua_Number)price);
  return price_micro;
}

gim_source_pixels lgim_fields_pixels(lua_State *L, int index) {
  static const char *const names[] = {[GIM_SOURCE_ALL_OPAQUE] = "opaque",
                                      [GIM_SOURCE_NONE_OPAQUE] = "transparent",
                                      [GIM_SOURCE_DAMAGED] = "damaged"};
  const char *name = lua_tostring(L, index);
  for (int i = GIM_SOURCE_ALL_OPAQUE; i <= GIM_SOURCE_DAMAGED; i++)
    if (name != NULL && strcmp(name, names[i]) == 0)
      return (gim_source_pixels)i;
  return GIM_SOURCE_UNSEEN;
}

/* In the registry: the holder of the last request that was done. */
static const char key_request = 'r';

typedef struct request_holder {
  gim_request request; /* first: it is what callers have */
  bool taken;
} request_holder;

static int request_collect(lua_State *L) {
  gim_request_free(lua_touserdata(L, 1));
  return 0;
}

gim_request *lgim_request_new(lua_State *L) {
  request_holder *h;
  bool spare =
      lua_rawgetp(L, LUA_REGISTRYINDEX, &key_request) == LUA_TUSERDATA;
  h = lua_touserdata(L, -1);
  if (!spare || h->taken) {
    lua_pop(L, 1);
    h = lua_newuserdatauv(L, sizeof(*h), 0);
    memset(h, 0, sizeof(*h));
    lua_createtable(L, 0, 2);
    lua_pushcfunction(L, request_collect);
    lua_setfield(L, -2, "__gc");
    lua_pushboolean(L, 0);
    lua_setfield(L, -2, "__metatable");
    lua_setmetatable(L, -2);
    lua_pushvalue(L, -1);
    lua_rawsetp(L, LUA_REGISTRYINDEX, &key_request);
  }
  h->taken = true;
  return &h->request;
}

void lgim_request_done(lua_State *L, int index) {
  request_holder *h = lua_touserdata(L, index);
  gim_request_free(&h->request);
  h->taken = false;
}

int lgim_request_fail(lua_State *L, int index, const gim_err *err) {
  const gim_request *request = lua_touserdata(L, index);
  index = lua_absindex(L, index);
  lgim_fail(L, err, NULL, GIM_BILLED_NO);
  if (request->issue_count > 0) {
    lgim_issues_push(L, request->issues, request->issue_count);
    lua_setfield(L, -2, "issues");
  }
  lgim_request_done(L, index);
  return 2;
}
