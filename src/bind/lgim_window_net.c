/* SPDX-License-Identifier: MIT */
#include "lgim_window_net.h"

#include "lgim_window.h"

#include <lauxlib.h>

const char *lgim_window_net_text(lua_State *L, int index, const char *key,
                                 size_t *n) {
  const char *text = NULL;
  size_t length = 0;
  if (lua_getfield(L, index, key) != LUA_TNIL)
    text = luaL_checklstring(L, -1, &length);
  lua_pop(L, 1);
  if (n != NULL) *n = length;
  return text;
}

void lgim_window_net(lua_State *L) {
  lgim_window_net_transfers(L);
  lgim_window_net_heads(L);
  lgim_window_net_sockets(L);
  lgim_window_net_writer(L);
  lgim_window_net_files(L);
  lgim_window_net_references(L);
  lgim_window_net_process(L);
  lgim_window_net_random(L);
}
