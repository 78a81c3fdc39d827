/* SPDX-License-Identifier: MIT */
/*
** gim_escape_kernels.h - escapes by vectors, within gim_escape   [floor 1]
**
** Each does what gim_escape_copy says for whole blocks, and stops before one
** with a quote or another escape in it, or before the last few bytes. Adds
** what was copied to `*written`, and returns the bytes eaten.
*/
#ifndef gim_escape_kernels_h
#define gim_escape_kernels_h

#include "gim_simd.h"

#include <stddef.h>

#pragma GCC visibility push(hidden)

#if GIM_SIMD_X86
/* Only where gim_simd_has says so. */
size_t gim_escape_copy_ssse3(const char *p, size_t n, char *to,
                             size_t *written);
size_t gim_escape_copy_avx2(const char *p, size_t n, char *to,
                            size_t *written);
size_t gim_escape_copy_avx512(const char *p, size_t n, char *to,
                              size_t *written);
#endif

#pragma GCC visibility pop

#endif
