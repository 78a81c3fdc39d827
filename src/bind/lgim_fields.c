/* SPDX-License-Identifier: MIT */
#include "lgim_fields.h"

#include "lgim_error.h"

#include <lauxlib.h>
#include <string.h>

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
    {"image_urls", LGIM_TABLE, LGIM_NOWHERE, LGIM_NOWHERE},
    TEXT(extra), /* JSON text here: the Lua layer writes it */
    {NULL, LGIM_ANY, 0, 0}};

/*
** Pushes a userdata that holds the slices of request.image_urls, or nil. The
** strings themselves stay in the caller's table.
*/
static void read_image_urls(lua_State *L, int index,
                            const lgim_argument *argument,
                            gim_fields *fields) {
  gim_str *links;
  lua_Unsigned count, keys = 0;
  lua_pushliteral(L, "image_urls");
  if (lua_rawget(L, index) == LUA_TNIL) return;
  count = lua_rawlen(L, -1);
  for (lua_pushnil(L); lua_next(L, -2) != 0; lua_pop(L, 1)) keys++;
  if (keys != count)
    lgim_options_raise(L, argument, "image_urls",
                       "a sequence of strings expected");
  /* One more than needed: an empty list is a list that was given. */
  links = lua_newuserdatauv(L, ((size_t)count + 1) * sizeof(*links), 0);
  for (lua_Unsigned i = 0; i < count; i++) {
    int type = lua_rawgeti(L, -2, (lua_Integer)i + 1);
    if (type != LUA_TSTRING)
      lgim_options_raise(L, argument, "image_urls",
                         "a sequence of strings expected, element %I is a %s",
                         (LUAI_UACINT)i + 1, lua_typename(L, type));
    links[i].p = lua_tolstring(L, -1, &links[i].n);
    lua_pop(L, 1);
  }
  lua_remove(L, -2); /* the table */
  fields->image_urls = links;
  fields->image_url_count = (size_t)count;
}

void lgim_fields_read(lua_State *L, int index, const lgim_argument *argument,
                      const lgim_option_set *others, gim_fields *fields) {
  lgim_option_set sets[2];
  int count = 1;
  index = lua_absindex(L, index);
  luaL_checkstack(L, 16, argument->function);
  memset(fields, 0, sizeof(*fields));
  if (!lua_istable(L, index))
    lgim_options_raise(L, argument, NULL, "table expected, got %s",
                       luaL_typename(L, index));
  sets[0].options = wire_fields;
  sets[0].out = fields;
  if (others != NULL) sets[count++] = *others;
  lgim_options_read_sets(L, index, argument, sets, count);
  read_image_urls(L, index, argument, fields);
}

#define REQUEST "gptimage.request"

static int request_collect(lua_State *L) {
  gim_request_free(luaL_checkudata(L, 1, REQUEST));
  return 0;
}

gim_request *lgim_request_new(lua_State *L) {
  gim_request *request = lua_newuserdatauv(L, sizeof(*request), 0);
  memset(request, 0, sizeof(*request));
  if (luaL_newmetatable(L, REQUEST)) {
    lua_pushcfunction(L, request_collect);
    lua_setfield(L, -2, "__gc");
    lua_pushboolean(L, 0);
    lua_setfield(L, -2, "__metatable");
  }
  lua_setmetatable(L, -2);
  return request;
}

int lgim_request_fail(lua_State *L, const gim_request *request,
                      const gim_err *err) {
  lgim_fail(L, err, NULL, GIM_BILLED_NO);
  if (request->issue_count > 0) {
    lgim_issues_push(L, request->issues, request->issue_count);
    lua_setfield(L, -2, "issues");
  }
  return 2;
}
