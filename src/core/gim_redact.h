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
** A key of at least so many bytes is taken out wherever it stands; a shorter
** one only where it stands alone, for it may be a common word.
*/
#define GIM_SECRET_ANYWHERE 8

/*
** Copies `s` into `to` of `size` bytes (> 0) by the rules of gim_copy_text, as
** one line: white space and control characters become single spaces, none at
** the ends. Left out, with "***" in their place: `secret` (the caller's key,
** empty: none; also one written in the escapes of JSON or of URLs, and its
** first bytes at the end of `s`, which may have been cut there), what follows
** `sk-` at the beginning of a word, what follows `Bearer` (any case; 6
** characters or more, or up to the end of the text, so that "a Bearer token is
** needed" stays readable), and the query of a URL, where signatures stand. A
** text that is cut never shows part of them. Only 64 KiB are looked at.
*/
void gim_redact(char *to, size_t size, gim_str s, gim_str secret);

/*
** Puts `*`s in the place of `secret` in `text`, which gets no longer, and
** leaves all else as it is: for words of ours that quote foreign ones.
*/
void gim_redact_secret(char *text, gim_str secret);

/* Is the secret in `s`, by the same rules? Never where it is empty. */
bool gim_redact_finds(gim_str s, gim_str secret);

#pragma GCC visibility pop

#endif
