/* SPDX-License-Identifier: MIT */
#include "lgim_window.h"

#include "lgim_window_net.h"

void lgim_window_net(lua_State *L) {
  lgim_window_net_transfers(L);
  lgim_window_net_heads(L);
  lgim_window_net_files(L);
  lgim_window_net_process(L);
}
