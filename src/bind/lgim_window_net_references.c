/* SPDX-License-Identifier: MIT */
#include "lgim_window_net.h"

#include "gim_reference.h"
#include "lgim_window.h"
#include "lgim_window_parse.h"

#include <lauxlib.h>
#include <string.h>

static const char *const troubles[] = {"fine",       "missing",   "loop",
                                       "denied",     "directory", "special",
                                       "unreadable", "exhausted", NULL};

static void set_text(lua_State *L, const char *key, const char *text) {
  lua_pushstring(L, text);
  lua_setfield(L, -2, key);
}

static void set_integer(lua_State *L, const char *key, int64_t value) {
  lua_pushinteger(L, (lua_Integer)value);
  lua_setfield(L, -2, key);
}

static void set_boolean(lua_State *L, const char *key, bool value) {
  lua_pushboolean(L, value);
  lua_setfield(L, -2, key);
}

/*
** window.look{path= | data= | link=, name=, number=} -> {seen, trouble, whole,
**   size, device, inode, modified_ns, type, width, height, alpha, settled} and
**   for a part {filename, mime}
*/
static int window_look(lua_State *L) {
  char filename[GIM_SOURCE_NAME];
  gim_source source;
  gim_part part;
  luaL_checktype(L, 1, LUA_TTABLE);
  memset(&source, 0, sizeof(source));
  source.field = "images";
  source.number = (int)lgim_window_integer(L, 1, "number", 1);
  source.kind = GIM_SOURCE_FILE;
  source.text.p = lgim_window_net_text(L, 1, "path", &source.text.n);
  if (source.text.p == NULL) {
    source.kind = GIM_SOURCE_BYTES;
    source.text.p = lgim_window_net_text(L, 1, "data", &source.text.n);
  }
  if (source.text.p == NULL) {
    source.kind = GIM_SOURCE_LINK;
    source.text.p = lgim_window_net_text(L, 1, "link", &source.text.n);
  }
  source.name.p = lgim_window_net_text(L, 1, "name", &source.name.n);
  gim_reference_look(&source);
  lua_newtable(L);
  set_boolean(L, "seen", source.seen);
  set_boolean(L, "whole", source.whole);
  set_text(L, "trouble", troubles[source.trouble]);
  set_integer(L, "size", source.size);
  set_integer(L, "device", (int64_t)source.device);
  set_integer(L, "inode", (int64_t)source.inode);
  set_integer(L, "modified_ns", source.modified_ns);
  set_text(L, "type", gim_image_type_name(source.image.type));
  set_integer(L, "width", source.image.width_px);
  set_integer(L, "height", source.image.height_px);
  set_boolean(L, "alpha", source.image.alpha);
  set_boolean(L, "settled", source.image.settled);
  if (!source.seen) return 1;
  gim_reference_part(&source, filename, &part);
  set_text(L, "filename", part.filename);
  set_text(L, "mime", part.mime);
  return 1;
}

void lgim_window_net_references(lua_State *L) {
  lua_pushcfunction(L, window_look);
  lua_setfield(L, -2, "look");
}
