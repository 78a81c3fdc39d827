/* SPDX-License-Identifier: MIT */
#include "gim_base64_kernels.h"

#if GIM_SIMD_X86

#include <immintrin.h>

/*
** After Wojciech Muła and Daniel Lemire, "Faster Base64 Encoding and Decoding
** using AVX2 Instructions" (ACM TWEB 2018). A character's high nibble selects
** what is added to it to give its value, and two look-ups by its two nibbles
** share a bit exactly where it is not in the alphabet. `/` has a nibble in
** common with `+` and is told apart by a comparison.
*/
#define LOW                                                                   \
  0x15, 0x11, 0x11, 0x11, 0x11, 0x11, 0x11, 0x11, 0x11, 0x11, 0x13, 0x1A,     \
      0x1B, 0x1B, 0x1B, 0x1A
#define HIGH                                                                  \
  0x10, 0x10, 0x01, 0x02, 0x04, 0x08, 0x04, 0x08, 0x10, 0x10, 0x10, 0x10,     \
      0x10, 0x10, 0x10, 0x10
#define SHIFT 0, 16, 19, 4, -65, -65, -71, -71, 0, 0, 0, 0, 0, 0, 0, 0
/* Four values of 6 bits are three bytes of a 32-bit word, in this order. */
#define ORDER 2, 1, 0, 6, 5, 4, 10, 9, 8, 14, 13, 12, -1, -1, -1, -1

#define SSSE3 __attribute__((target("ssse3")))
#define AVX2 __attribute__((target("avx2")))
#define AVX512 __attribute__((target("avx512bw,avx512vbmi")))

/* With so many characters left there is room for a whole vector: three bytes
   for each four of them, and no more where a quantum had begun before. */
#define SSSE3_LEAST 24  /* 18 bytes */
#define AVX2_LEAST 44   /* 33 bytes */
#define AVX512_LEAST 88 /* 66 bytes */

/* Bits in common with the alphabet's complement: not 0 where a byte is bad. */
SSSE3 static inline __m128i check16(__m128i text, __m128i nibbles) {
  const __m128i low = _mm_setr_epi8(LOW), high = _mm_setr_epi8(HIGH);
  __m128i lows = _mm_and_si128(text, _mm_set1_epi8(0x0F));
  return _mm_and_si128(_mm_shuffle_epi8(low, lows),
                       _mm_shuffle_epi8(high, nibbles));
}

SSSE3 static inline __m128i nibbles16(__m128i text) {
  return _mm_and_si128(_mm_srli_epi32(text, 4), _mm_set1_epi8(0x0F));
}

/* 16 characters of the alphabet to 12 bytes, and 4 of 0. */
SSSE3 static inline __m128i values16(__m128i text, __m128i nibbles) {
  const __m128i shift = _mm_setr_epi8(SHIFT);
  __m128i slash = _mm_cmpeq_epi8(text, _mm_set1_epi8('/'));
  __m128i index = _mm_add_epi8(slash, nibbles);
  __m128i values = _mm_add_epi8(text, _mm_shuffle_epi8(shift, index));
  __m128i pairs = _mm_maddubs_epi16(values, _mm_set1_epi32(0x01400140));
  __m128i words = _mm_madd_epi16(pairs, _mm_set1_epi32(0x00011000));
  return _mm_shuffle_epi8(words, _mm_setr_epi8(ORDER));
}

SSSE3 size_t gim_base64_decode_ssse3(const unsigned char *p, size_t n,
                                     unsigned char *to) {
  const unsigned char *const begin = p;
  for (; n >= SSSE3_LEAST; p += 16, to += 12, n -= 16) {
    __m128i text = _mm_loadu_si128((const __m128i *)(const void *)p);
    __m128i nibbles = nibbles16(text);
    __m128i good = _mm_cmpeq_epi8(check16(text, nibbles), _mm_setzero_si128());
    if (_mm_movemask_epi8(good) != 0xFFFF) break;
    _mm_storeu_si128((__m128i *)(void *)to, values16(text, nibbles));
  }
  return (size_t)(p - begin);
}

AVX2 static inline __m256i twice(__m128i half) {
  return _mm256_broadcastsi128_si256(half);
}

AVX2 static inline __m256i nibbles32(__m256i text) {
  return _mm256_and_si256(_mm256_srli_epi32(text, 4), _mm256_set1_epi8(0x0F));
}

/* The high bit of a byte does no harm to `low`: it is bad by its nibble. */
AVX2 static inline __m256i check32(__m256i text, __m256i nibbles) {
  const __m256i low = twice(_mm_setr_epi8(LOW));
  const __m256i high = twice(_mm_setr_epi8(HIGH));
  __m256i lows = _mm256_and_si256(text, _mm256_set1_epi8(0x0F));
  return _mm256_and_si256(_mm256_shuffle_epi8(low, lows),
                          _mm256_shuffle_epi8(high, nibbles));
}

/* 32 characters of the alphabet to 24 bytes at `to`, and 8 of 0. */
AVX2 static inline void put32(__m256i text, __m256i nibbles,
                              unsigned char *to) {
  const __m256i shift = twice(_mm_setr_epi8(SHIFT));
  __m256i slash = _mm256_cmpeq_epi8(text, _mm256_set1_epi8('/'));
  __m256i index = _mm256_add_epi8(slash, nibbles);
  __m256i values = _mm256_add_epi8(text, _mm256_shuffle_epi8(shift, index));
  __m256i pairs = _mm256_maddubs_epi16(values, _mm256_set1_epi32(0x01400140));
  __m256i words = _mm256_madd_epi16(pairs, _mm256_set1_epi32(0x00011000));
  __m256i bytes = _mm256_shuffle_epi8(words, twice(_mm_setr_epi8(ORDER)));
  bytes = _mm256_permutevar8x32_epi32(
      bytes, _mm256_setr_epi32(0, 1, 2, 4, 5, 6, 3, 7));
  _mm256_storeu_si256((__m256i *)(void *)to, bytes);
}

AVX2 size_t gim_base64_decode_avx2(const unsigned char *p, size_t n,
                                   unsigned char *to) {
  const unsigned char *const begin = p;
  /* Two at once: one test and one jump for both. */
  for (; n >= 32 + AVX2_LEAST; p += 64, to += 48, n -= 64) {
    __m256i one = _mm256_loadu_si256((const __m256i *)(const void *)p);
    __m256i two = _mm256_loadu_si256((const __m256i *)(const void *)(p + 32));
    __m256i one_high = nibbles32(one), two_high = nibbles32(two);
    __m256i bad =
        _mm256_or_si256(check32(one, one_high), check32(two, two_high));
    if (!_mm256_testz_si256(bad, bad)) break;
    put32(one, one_high, to);
    put32(two, two_high, to + 24);
  }
  for (; n >= AVX2_LEAST; p += 32, to += 24, n -= 32) {
    __m256i text = _mm256_loadu_si256((const __m256i *)(const void *)p);
    __m256i nibbles = nibbles32(text);
    __m256i bad = check32(text, nibbles);
    if (!_mm256_testz_si256(bad, bad)) break;
    put32(text, nibbles, to);
  }
  return (size_t)(p - begin);
}

/* With 64 bytes at once a table of the whole of ASCII is one instruction. */
#define BAD 0x80
static const unsigned char ascii[128] = {
    BAD, BAD, BAD, BAD, BAD, BAD, BAD, BAD, BAD, BAD, BAD, BAD, BAD, BAD, BAD,
    BAD, BAD, BAD, BAD, BAD, BAD, BAD, BAD, BAD, BAD, BAD, BAD, BAD, BAD, BAD,
    BAD, BAD, BAD, BAD, BAD, BAD, BAD, BAD, BAD, BAD, BAD, BAD, BAD, 62,  BAD,
    BAD, BAD, 63,  52,  53,  54,  55,  56,  57,  58,  59,  60,  61,  BAD, BAD,
    BAD, BAD, BAD, BAD, BAD, 0,   1,   2,   3,   4,   5,   6,   7,   8,   9,
    10,  11,  12,  13,  14,  15,  16,  17,  18,  19,  20,  21,  22,  23,  24,
    25,  BAD, BAD, BAD, BAD, BAD, BAD, 26,  27,  28,  29,  30,  31,  32,  33,
    34,  35,  36,  37,  38,  39,  40,  41,  42,  43,  44,  45,  46,  47,  48,
    49,  50,  51,  BAD, BAD, BAD, BAD, BAD};

/* ORDER for all of a vector. */
static const unsigned char order[64] = {
    2,  1,  0,  6,  5,  4,  10, 9,  8,  14, 13, 12, 18, 17, 16, 22,
    21, 20, 26, 25, 24, 30, 29, 28, 34, 33, 32, 38, 37, 36, 42, 41,
    40, 46, 45, 44, 50, 49, 48, 54, 53, 52, 58, 57, 56, 62, 61, 60};

AVX512 size_t gim_base64_decode_avx512(const unsigned char *p, size_t n,
                                       unsigned char *to) {
  const unsigned char *const begin = p;
  const __m512i low = _mm512_loadu_si512(ascii),
                high = _mm512_loadu_si512(ascii + 64),
                pack = _mm512_loadu_si512(order);
  for (; n >= AVX512_LEAST; p += 64, to += 48, n -= 64) {
    __m512i text = _mm512_loadu_si512(p), values, pairs, words;
    values = _mm512_permutex2var_epi8(low, text, high);
    if (_mm512_movepi8_mask(_mm512_or_si512(values, text)) != 0) break;
    pairs = _mm512_maddubs_epi16(values, _mm512_set1_epi32(0x01400140));
    words = _mm512_madd_epi16(pairs, _mm512_set1_epi32(0x00011000));
    _mm512_storeu_si512(to, _mm512_permutexvar_epi8(pack, words));
  }
  return (size_t)(p - begin);
}

#else

/* ISO C wants something in every file. */
typedef int gim_base64_has_no_x86;

#endif
