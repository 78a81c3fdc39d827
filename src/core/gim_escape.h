/* SPDX-License-Identifier: MIT */
/*
** gim_escape.h - the escapes of JSON strings, read   [floor 1]
*/
#ifndef gim_escape_h
#define gim_escape_h

#include "gim_base.h"

#pragma GCC visibility push(hidden)

/*
** Takes the next bytes of a JSON string whose escapes were checked and whose
** quotes are cut off: a run that stands in the text as it is, or one escape
** (a surrogate pair counts as one), which is put into `out`. Half a pair is
** U+FFFD. `*p` < `end`, and moves behind what was taken. The result is
** BORROWED from the text or from `out`; it is never longer than what it
** stands for, and never empty.
*/
gim_str gim_escape_take(const char **p, const char *end, char out[4]);

/*
** Undoes all of them in such a string, or as many as there is `room` for
** (bytes at `to`): `*p` moves behind what was done. Returns how many bytes
** were written. Half a pair is U+FFFD.
*/
size_t gim_escape_undo(const char **p, const char *end, char *to, size_t room);

/*
** The UTF-16 unit that the escape at `p` stands for, whose first byte is a
** backslash, or: CUT when its `n` > 0 bytes may become one, WRONG when nothing
** makes them one. JSON has no others than \" \\ \/ \b \f \n \r \t \uXXXX
*/
#define GIM_ESCAPE_CUT (-1)
#define GIM_ESCAPE_WRONG (-2)
int gim_escape_read(const char *p, size_t n);

/*
** How many bytes make the next character of checked text: 2 or 6 for an
** escape, else 1.
*/
size_t gim_escape_length(const char *p);

/* The value of a hexadecimal digit, or -1. */
int gim_escape_hex(char c);

#pragma GCC visibility pop

#endif
