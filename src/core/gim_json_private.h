/* SPDX-License-Identifier: MIT */
/*
** gim_json_private.h - what the files of gim_json share   [floor 2]
*/
#ifndef gim_json_private_h
#define gim_json_private_h

#include "gim_json.h"

#pragma GCC visibility push(hidden)

static inline bool gim_json_is_space(char c) {
  return c == ' ' || c == '\n' || c == '\r' || c == '\t';
}

/* The first byte from `p` on that is no white space, or `end`. */
const char *gim_json_skip_space(const char *p, const char *end);

/* What the value is that begins with `first`. */
gim_json_type gim_json_type_of(char first);

#pragma GCC visibility pop

#endif
