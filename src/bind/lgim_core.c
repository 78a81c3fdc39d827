/* SPDX-License-Identifier: MIT */
/*
** lgim_core.c - luaopen_gptimage_core   [floor 14]
*/
#include "gim_base.h"

#include "lgim_client.h"
#include "lgim_error.h"
#include "lgim_models.h"
#include "lgim_plan.h"
#include "lgim_task.h"
#include "gim_hub.h"

#include <dlfcn.h>
#include <lauxlib.h>

/*
** libcurl's resolver threads may run while a lua_State is closed, and Lua
** unloads its modules then: the code under the thread would be gone. So the
** module holds on to itself for the life of the process. Leak checkers need
** that too: what is unloaded has no names.
*/
static void pin(void) {
  static const char mark;
  Dl_info info;
  if (dladdr(&mark, &info) != 0 && info.dli_fname != NULL)
    (void)dlopen(info.dli_fname, RTLD_NOW | RTLD_NOLOAD | RTLD_NODELETE);
}

__attribute__((visibility("default"))) int luaopen_gptimage_core(lua_State *L);

/* require "gptimage.core" */
int luaopen_gptimage_core(lua_State *L) {
  pin();
  lua_newtable(L);
  lua_pushliteral(L, GIM_VERSION);
  lua_setfield(L, -2, "version");
  lua_pushstring(L, gim_hub_libcurl());
  lua_setfield(L, -2, "libcurl");
  lgim_error_push_metatable(L);
  lua_setfield(L, -2, "error_metatable");
  lgim_issue_push_metatable(L);
  lua_setfield(L, -2, "issue_metatable");
  lua_newtable(L); /* methods */
  lua_pushvalue(L, -2);
  lgim_client_open(L, -2);
  lgim_task_open(L, -2);
  lgim_plan_open(L);
  lgim_models_open(L);
  lua_pop(L, 1);
  lua_setfield(L, -2, "methods");
  return 1;
}
