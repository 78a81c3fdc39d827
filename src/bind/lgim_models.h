/* SPDX-License-Identifier: MIT */
/*
** lgim_models.h - gptimage.models, gptimage.sizes   [floor 10]
**
** models([provider]) -> {{name, provider, fields, ...}, ...}: the limits
** sizes(provider, model [, procedure]) -> {{size, resolution, width, height,
**   tier, factor, scaled_down}, ...} | nil, err: every size that the model
**   lists; factor is for one picture in the default quality
*/
#ifndef lgim_models_h
#define lgim_models_h

#include "gim_model.h"
#include "lgim_options.h"

#include <lua.h>

#pragma GCC visibility push(hidden)

/* Adds models and sizes to the table on top of the stack. */
void lgim_models_open(lua_State *L);

/*
** The provider, or the procedure, of that name; the default where `name` is
** left out (p NULL). Raises for `key` (may be NULL) of `argument` where there
** is none such.
*/
gim_provider lgim_find_provider(lua_State *L, const lgim_argument *argument,
                                const char *key, gim_str name);
gim_size_procedure lgim_find_procedure(lua_State *L,
                                       const lgim_argument *argument,
                                       const char *key, gim_str name);

#pragma GCC visibility pop

#endif
