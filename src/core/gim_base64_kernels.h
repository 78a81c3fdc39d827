/* SPDX-License-Identifier: MIT */
/*
** gim_base64_kernels.h - base64 by vectors, within gim_base64   [floor 1]
**
** Each decodes whole blocks at `p` as long as they are nothing but the
** alphabet, and stops before the block that is not, or when too few of the
** `n` characters are left to store a whole vector. Returns the characters
** eaten, a multiple of 4; three quarters as many bytes are in `to`, which has
** room for n / 4 * 3 and is written to beyond them.
*/
#ifndef gim_base64_kernels_h
#define gim_base64_kernels_h

#include "gim_simd.h"

#include <stddef.h>

#pragma GCC visibility push(hidden)

#define GIM_BASE64_UNESCAPE_BEYOND 128 /* two blocks of the largest kind */

#if GIM_SIMD_X86
/* Each of these only where gim_simd_has says so. */
size_t gim_base64_decode_ssse3(const unsigned char *p, size_t n,
                               unsigned char *to);
size_t gim_base64_decode_avx2(const unsigned char *p, size_t n,
                              unsigned char *to);
size_t gim_base64_decode_avx512(const unsigned char *p, size_t n,
                                unsigned char *to);

/*
** Copy the text of a JSON string without the backslash of each `\/`, by whole
** blocks of up to 64 bytes. They stop before a block that has another escape
** in it, or a byte below `+` (a quote, a line break), and where too few of the
** `n` bytes are left for a whole block and the look behind it. At most `room`
** bytes are eaten, if not a few less for the same reason. `to` takes `room`
** characters and GIM_BASE64_UNESCAPE_BEYOND more; `*written` says how many
** came. Return the bytes eaten, of which the last one may be a backslash.
*/
size_t gim_base64_unescape_ssse3(const unsigned char *p, size_t n,
                                 unsigned char *to, size_t room,
                                 size_t *written);
size_t gim_base64_unescape_avx2(const unsigned char *p, size_t n,
                                unsigned char *to, size_t room,
                                size_t *written);
size_t gim_base64_unescape_avx512(const unsigned char *p, size_t n,
                                  unsigned char *to, size_t room,
                                  size_t *written);
#endif

#pragma GCC visibility pop

#endif
