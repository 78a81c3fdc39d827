/* SPDX-License-Identifier: MIT */
/*
** gim_redact.h - a service's words made fit to be shown   [floor 1]
**
** Services echo what they were sent, headers included. What goes into an
** error or a log passes through here first.
*/
#ifndef gim_redact_h
#define gim_redact_h

#include "gim_base.h"

#pragma GCC visibility push(hidden)

/*
** Copies `s` into `to` of `size` bytes (> 0) by the rules of gim_copy_text,
** as one line: white space and control characters become single spaces, none
** at the ends. Left out, with "***" in their place: what follows `sk-` at the
** beginning of a word, what follows `Bearer` (any case; 6 characters or more,
** or up to the end of the text, so that "a Bearer token is needed" stays
** readable), and the query of a URL, where signatures stand. A text that is
** cut never shows part of them.
*/
void gim_redact(char *to, size_t size, gim_str s);

#pragma GCC visibility pop

#endif
