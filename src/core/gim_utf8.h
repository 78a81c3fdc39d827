/* SPDX-License-Identifier: MIT */
/*
** gim_utf8.h - validity and code-point counts   [floor 1]
*/
#ifndef gim_utf8_h
#define gim_utf8_h

#include "gim_base.h"

#pragma GCC visibility push(hidden)

/* What one walk over a text finds. */
typedef struct gim_utf8_facts {
  bool valid;        /* well-formed by RFC 3629 */
  size_t bad_offset; /* bytes before the first bad one; the length if valid */
  int64_t code_points; /* up to bad_offset */
  int64_t tokens;      /* an estimate, see below */
  bool control;        /* holds U+0000..U+001F or U+007F */
} gim_utf8_facts;

/*
** Reads the whole of `s`. `tokens` guesses how many tokens a language model
** counts, since the seeds limit some prompts in tokens and name no tokenizer:
** 1.3 per code point from U+2E80 on (CJK, kana, hangul), 2 from U+10000 on
** (emoji, rare CJK), and for the rest one per four bytes, each sum rounded up.
** Good for a warning, never for a refusal.
*/
gim_utf8_facts gim_utf8_read(gim_str s);

/* Only the first answer. */
bool gim_utf8_valid(gim_str s);

#pragma GCC visibility pop

#endif
