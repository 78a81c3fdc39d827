/* SPDX-License-Identifier: MIT */
#include "gim_escape_kernels.h"

#if GIM_SIMD_X86

#include <immintrin.h>

#define SSSE3 __attribute__((target("ssse3")))
#define AVX2 __attribute__((target("avx2,bmi")))
#define AVX512 __attribute__((target("avx512bw,avx512vbmi2,popcnt")))

/*
** Slashes stand anywhere: a jump at each escape would be guessed wrong most of
** the time, at the price of decoding 60 characters. So a block is stored as it
** is, and over it, one byte to the left, what follows its first backslash, and
** over that what follows the second; where there is none, "what follows" is
** the next block. Three in a block are rare. `drop` has a bit where one is.
*/
SSSE3 static inline void move16(const char *p, char *to) {
  const void *from = p;
  void *over = to;
  _mm_storeu_si128((__m128i *)over, _mm_loadu_si128((const __m128i *)from));
}

SSSE3 size_t gim_escape_copy_ssse3(const char *p, size_t n, char *to,
                                   size_t *written) {
  const __m128i backslash = _mm_set1_epi8('\\'), slash = _mm_set1_epi8('/'),
                quote = _mm_set1_epi8('"');
  size_t i = 0, k = 0;
  for (; n - i >= 33; i += 16, k += 16) {
    const void *here = p + i, *next = p + i + 1;
    __m128i text = _mm_loadu_si128((const __m128i *)here);
    __m128i ahead = _mm_loadu_si128((const __m128i *)next);
    __m128i escapes = _mm_cmpeq_epi8(text, backslash);
    __m128i others =
        _mm_or_si128(_mm_andnot_si128(_mm_cmpeq_epi8(ahead, slash), escapes),
                     _mm_cmpeq_epi8(text, quote));
    unsigned drop = (unsigned)_mm_movemask_epi8(escapes);
    if (_mm_movemask_epi8(others) != 0) break;
    move16(p + i, to + k);
#define LEAVE_OUT                                                             \
  do {                                                                        \
    unsigned at = (unsigned)__builtin_ctz(drop | 0x10000);                    \
    move16(p + i + at + 1, to + k + at);                                      \
    k -= 1 - (at >> 4);                                                       \
    drop &= drop - 1;                                                         \
  } while (0)
    LEAVE_OUT;
    LEAVE_OUT;
    while (drop != 0) LEAVE_OUT;
#undef LEAVE_OUT
  }
  *written += k;
  return i;
}

AVX2 static inline void move32(const char *p, char *to) {
  const void *from = p;
  void *over = to;
  _mm256_storeu_si256((__m256i *)over,
                      _mm256_loadu_si256((const __m256i *)from));
}

AVX2 size_t gim_escape_copy_avx2(const char *p, size_t n, char *to,
                                 size_t *written) {
  const __m256i backslash = _mm256_set1_epi8('\\'),
                slash = _mm256_set1_epi8('/'), quote = _mm256_set1_epi8('"');
  size_t i = 0, k = 0;
  for (; n - i >= 65; i += 32, k += 32) {
    const void *here = p + i, *next = p + i + 1;
    __m256i text = _mm256_loadu_si256((const __m256i *)here);
    __m256i ahead = _mm256_loadu_si256((const __m256i *)next);
    __m256i escapes = _mm256_cmpeq_epi8(text, backslash);
    __m256i others = _mm256_or_si256(
        _mm256_andnot_si256(_mm256_cmpeq_epi8(ahead, slash), escapes),
        _mm256_cmpeq_epi8(text, quote));
    unsigned drop = (unsigned)_mm256_movemask_epi8(escapes);
    if (!_mm256_testz_si256(others, others)) break;
    move32(p + i, to + k);
#define LEAVE_OUT                                                             \
  do {                                                                        \
    unsigned at = _tzcnt_u32(drop);                                           \
    move32(p + i + at + 1, to + k + at);                                      \
    k -= 1 - (at >> 5);                                                       \
    drop &= drop - 1;                                                         \
  } while (0)
    LEAVE_OUT;
    LEAVE_OUT;
    while (drop != 0) LEAVE_OUT;
#undef LEAVE_OUT
  }
  *written += k;
  return i;
}

/* Here an instruction leaves out whatever it is told to. */
AVX512 size_t gim_escape_copy_avx512(const char *p, size_t n, char *to,
                                     size_t *written) {
  const __m512i backslash = _mm512_set1_epi8('\\'),
                slash = _mm512_set1_epi8('/'), quote = _mm512_set1_epi8('"');
  size_t i = 0, k = 0;
  for (; n - i >= 65; i += 64) {
    __m512i text = _mm512_loadu_si512(p + i);
    __m512i ahead = _mm512_loadu_si512(p + i + 1);
    __mmask64 drop = _mm512_cmpeq_epi8_mask(text, backslash);
    __mmask64 others = _mm512_mask_cmpneq_epi8_mask(drop, ahead, slash) |
                       _mm512_cmpeq_epi8_mask(text, quote);
    if (others != 0) break;
    _mm512_storeu_si512(to + k, _mm512_maskz_compress_epi8(~drop, text));
    k += 64 - (size_t)__builtin_popcountll(drop);
  }
  *written += k;
  return i;
}

#else

/* ISO C wants something in every file. */
typedef int gim_escape_has_no_x86;

#endif
