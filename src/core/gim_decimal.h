/* SPDX-License-Identifier: MIT */
/*
** gim_decimal.h - decimal text to scaled integers and back   [floor 1]
**
** Money and times are never floating point: 0.1 credits are 100000 micro-
** units, whatever the text's form.
*/
#ifndef gim_decimal_h
#define gim_decimal_h

#include "gim_base.h"

#pragma GCC visibility push(hidden)

/*
** Reads `text` times 10 to the power `scale` into `*to`. `text` is a number
** of JSON's grammar (the caller checked: a sign, digits, a fraction, an
** exponent). Digits that the integer has no place for are rounded, halves
** away from zero; `*exact` says whether nothing was lost. False, and both
** untouched, when the result is out of range. Linear in the text, whatever
** the exponent.
*/
bool gim_decimal_read(gim_str text, int scale, int64_t *to, bool *exact);

#define GIM_DECIMAL_SIZE 24 /* bytes that any number below needs with a NUL */

/*
** Writes micro-units as a decimal without trailing zeros: 2500000 is "2.5",
** 3000000 is "3". Returns the length; `to` is NUL-terminated.
*/
size_t gim_decimal_write_micro(char to[GIM_DECIMAL_SIZE], int64_t micro);

#pragma GCC visibility pop

#endif
