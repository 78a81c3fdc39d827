/* SPDX-License-Identifier: MIT */
#include "lgim_window_net.h"

#include "gim_reference.h"
#include "lgim_table.h"
#include "lgim_window.h"
#include "lgim_window_parse.h"

#include <lauxlib.h>
#include <string.h>

static const char *const troubles[] = {"fine",       "missing",   "loop",
                                       "denied",     "directory", "special",
                                       "unreadable", "exhausted", NULL};

/*
** window.look{path= | data= | link=, name=, number=} -> {seen, trouble, whole,
**   cut, size, device, inode, modified_ns, changed_ns, type, width, height,
**   alpha, settled} and for a part {filename, mime}
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
  lgim_set_flag(L, "seen", source.seen);
  lgim_set_flag(L, "whole", source.whole);
  lgim_set_flag(L, "cut", source.cut);
  lgim_window_set_text(L, "trouble", troubles[source.trouble]);
  lgim_set_integer(L, "size", source.size);
  lgim_set_integer(L, "device", (int64_t)source.device);
  lgim_set_integer(L, "inode", (int64_t)source.inode);
  lgim_set_integer(L, "modified_ns", source.modified_ns);
  lgim_set_integer(L, "changed_ns", source.changed_ns);
  lgim_window_set_text(L, "type", gim_image_type_name(source.image.type));
  lgim_set_integer(L, "width", source.image.width_px);
  lgim_set_integer(L, "height", source.image.height_px);
  lgim_set_flag(L, "alpha", source.image.alpha);
  lgim_set_flag(L, "settled", source.image.settled);
  if (!source.seen) return 1;
  gim_reference_part(&source, filename, &part);
  lgim_window_set_text(L, "filename", part.filename);
  lgim_window_set_text(L, "mime", part.mime);
  return 1;
}

void lgim_window_net_references(lua_State *L) {
  lua_pushcfunction(L, window_look);
  lua_setfield(L, -2, "look");
}
