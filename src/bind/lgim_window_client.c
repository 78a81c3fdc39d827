/* SPDX-License-Identifier: MIT */
#include "lgim_window.h"

/*
** window.core: luaopen_gptimage_core of the objects under test, whose
** allocations window.fail_allocation counts. Its metatables have the names of
** the real module's, so only one of the two belongs into a Lua state: in a
** process of its own, package.preload["gptimage.core"] = window.core.
*/
__attribute__((visibility("default"))) int luaopen_gptimage_core(lua_State *L);

void lgim_window_client(lua_State *L) {
  lua_pushcfunction(L, luaopen_gptimage_core);
  lua_setfield(L, -2, "core");
}
