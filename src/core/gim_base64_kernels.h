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

#if GIM_SIMD_X86
/* Only where gim_simd_has says so. */
size_t gim_base64_decode_ssse3(const unsigned char *p, size_t n,
                               unsigned char *to);
size_t gim_base64_decode_avx2(const unsigned char *p, size_t n,
                              unsigned char *to);
size_t gim_base64_decode_avx512(const unsigned char *p, size_t n,
                                unsigned char *to);
#endif

#pragma GCC visibility pop

#endif
