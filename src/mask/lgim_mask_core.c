/* SPDX-License-Identifier: MIT */
#include "lgim_mask.h"

__attribute__((visibility("default"))) int
luaopen_gptimage_mask_core(lua_State *L);

/* require "gptimage.mask_core" */
int luaopen_gptimage_mask_core(lua_State *L) {
  lgim_mask_push(L);
  return 1;
}
