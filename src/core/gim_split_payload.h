/* SPDX-License-Identifier: MIT */
/*
** gim_split_payload.h - the text of one payload, within gim_split   [floor 2]
**
** Undoes string escapes, passes over a data-URI prefix, and hands decoded
** bytes to the sink. No byte is looked at alone but in the prefix and where
** an escape or the end of a piece makes it.
*/
#ifndef gim_split_payload_h
#define gim_split_payload_h

#include "gim_split.h"

#pragma GCC visibility push(hidden)

/*
** Failures, by printf rules and by the payload's number: the scan remembers
** them, and stays where it is. Both return false.
*/
bool gim_split_fails(gim_split *s, gim_status status, const char *format, ...)
    GIM_PRINTF(3, 4);
bool gim_split_payload_fails(gim_split *s, const char *problem);

/* Payload number `s->images - 1` begins: false when the sink refuses it. */
bool gim_split_payload_begin(gim_split *s);

/*
** Eats up to the quote that ends the payload, or all `n` > 0 bytes, or up to
** a failure. Returns how many.
*/
size_t gim_split_payload_eat(gim_split *s, const char *p, size_t n);

/* That quote has come. */
bool gim_split_payload_end(gim_split *s);

#pragma GCC visibility pop

#endif
