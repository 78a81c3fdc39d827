/* SPDX-License-Identifier: MIT */
/*
** gim_json_private.h - what the files of gim_json share   [floor 2]
**
** The reader's smallest steps, each within [p, end): no byte at `end` or
** behind it is looked at.
*/
#ifndef gim_json_private_h
#define gim_json_private_h

#include "gim_json.h"

#pragma GCC visibility push(hidden)

static inline bool gim_json_is_space(char c) {
  return c == ' ' || c == '\n' || c == '\r' || c == '\t';
}

/* The same where white space is there: gim_json_skip_space is to be asked. */
const char *gim_json_skip_spaces(const char *p, const char *end);

/* The first byte from `p` on that is no white space, or `end`. Compact texts
   have none: that costs no call. */
static inline const char *gim_json_skip_space(const char *p, const char *end) {
  return p < end && gim_json_is_space(*p) ? gim_json_skip_spaces(p, end) : p;
}

/* What the value is that begins with `first` (RFC 8259, 3), in a text that was
   found to be JSON: whatever begins with nothing else is a number. */
gim_json_type gim_json_type_of(char first);

#pragma GCC visibility pop

#endif
