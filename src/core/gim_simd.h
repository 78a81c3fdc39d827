/* SPDX-License-Identifier: MIT */
/*
** gim_simd.h - which vector instructions this processor has   [floor 0]
**
** Where bytes pass by in gigabytes, a file has one function per instruction
** set, compiled for it by an attribute: no compiler flag is needed, and the
** choice is made while the program runs. All of them give the same results,
** to the byte; only the time differs.
*/
#ifndef gim_simd_h
#define gim_simd_h

#include <stdbool.h>

#pragma GCC visibility push(hidden)

/* Whether there are functions for x86 in this build at all. */
#if defined(__GNUC__) && (defined(__x86_64__) || defined(__i386__))
#define GIM_SIMD_X86 1
#else
#define GIM_SIMD_X86 0
#endif

/* From the least to the most: each stands for those before it, too. */
typedef enum gim_simd {
  GIM_SIMD_SCALAR, /* plain C: any processor */
  GIM_SIMD_SSSE3,  /* 16 bytes at once: x86 since 2006 */
  GIM_SIMD_AVX2,   /* 32 bytes at once: x86 since 2013 */
  GIM_SIMD_AVX512  /* 64 bytes at once, with VBMI and VBMI2: x86 since 2019 */
} gim_simd;

#define GIM_SIMD_COUNT (GIM_SIMD_AVX512 + 1)

/* Whether this processor, and its system, can run what is compiled for it. */
bool gim_simd_has(gim_simd simd);

/* The most that can be run here. Cheap: nothing is asked of the processor
   that the C library did not ask when the program began. */
gim_simd gim_simd_best(void);

/* "scalar", "ssse3", "avx2", "avx512". Static storage, never NULL. */
const char *gim_simd_name(gim_simd simd);

#pragma GCC visibility pop

#endif
