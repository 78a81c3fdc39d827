/* SPDX-License-Identifier: MIT */
#include "gim_base64_kernels.h"

#if GIM_SIMD_X86

#include <immintrin.h>
#include <stdint.h>

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
#define AVX2 __attribute__((target("avx2,bmi,popcnt")))
#ifndef AVX512 /* `make emulated` has it, for machines without */
#define AVX512 __attribute__((target("avx512bw,avx512vbmi")))
#define AVX512_COMPRESS __attribute__((target("avx512bw,avx512vbmi2,popcnt")))
#endif

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

/*
** Slashes stand anywhere, and a jump that is guessed wrong costs as much as to
** decode 60 characters: so each block is put together as if it had as many
** backslashes as are usual, and only for more of them there is a jump. Then
** what follows each is stored over it.
*/
SSSE3 static inline __m128i load16(const void *p) {
  return _mm_loadu_si128((const __m128i *)p);
}

/*
** How many blocks of `size` bytes are read from `n` of them, when a block is
** looked at together with as many behind it, and `room` of them are wanted.
*/
static inline size_t blocks_of(size_t n, size_t room, size_t size) {
  if (n > room + size + 1) n = room + size + 1;
  return n <= 2 * size ? 0 : (n - size - 1) / size;
}

/* Orders that leave out byte 0, 1 ... 15, and none. */
#define WITHOUT(A, B, C, D, E, F, G, H, I, J, K, L, M, N, O)                  \
  { A, B, C, D, E, F, G, H, I, J, K, L, M, N, O, 15 }
_Alignas(16) static const unsigned char without[17][16] = {
    WITHOUT(1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12, 13, 14, 15),
    WITHOUT(0, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12, 13, 14, 15),
    WITHOUT(0, 1, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12, 13, 14, 15),
    WITHOUT(0, 1, 2, 4, 5, 6, 7, 8, 9, 10, 11, 12, 13, 14, 15),
    WITHOUT(0, 1, 2, 3, 5, 6, 7, 8, 9, 10, 11, 12, 13, 14, 15),
    WITHOUT(0, 1, 2, 3, 4, 6, 7, 8, 9, 10, 11, 12, 13, 14, 15),
    WITHOUT(0, 1, 2, 3, 4, 5, 7, 8, 9, 10, 11, 12, 13, 14, 15),
    WITHOUT(0, 1, 2, 3, 4, 5, 6, 8, 9, 10, 11, 12, 13, 14, 15),
    WITHOUT(0, 1, 2, 3, 4, 5, 6, 7, 9, 10, 11, 12, 13, 14, 15),
    WITHOUT(0, 1, 2, 3, 4, 5, 6, 7, 8, 10, 11, 12, 13, 14, 15),
    WITHOUT(0, 1, 2, 3, 4, 5, 6, 7, 8, 9, 11, 12, 13, 14, 15),
    WITHOUT(0, 1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 12, 13, 14, 15),
    WITHOUT(0, 1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 13, 14, 15),
    WITHOUT(0, 1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12, 14, 15),
    WITHOUT(0, 1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12, 13, 15),
    WITHOUT(0, 1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12, 13, 14),
    WITHOUT(0, 1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12, 13, 14)};

/*
** The block at `p`, of which `text` is what is there, where `drop` has a bit
** for each backslash. Returns where the next one goes.
*/
SSSE3 static inline unsigned char *put_without16(const unsigned char *p,
                                                 __m128i text, size_t drop,
                                                 unsigned char *to) {
  size_t at = (size_t)__builtin_ctzl(drop | 0x10000);
  const void *chosen = without[at];
  text = _mm_shuffle_epi8(text, _mm_load_si128((const __m128i *)chosen));
  _mm_storeu_si128((__m128i *)(void *)to, text);
  to += 15 + (at >> 4);
  while (__builtin_expect((drop &= drop - 1) != 0, 0)) {
    at = (size_t)__builtin_ctzl(drop);
    to--;
    _mm_storeu_si128((__m128i *)(void *)(to + at - 15), load16(p + at + 1));
  }
  return to;
}

SSSE3 size_t gim_base64_unescape_ssse3(const unsigned char *p, size_t n,
                                       unsigned char *to, size_t room,
                                       size_t *written) {
  const __m128i backslash = _mm_set1_epi8('\\'), slash = _mm_set1_epi8('/'),
                least = _mm_set1_epi8('+');
  const unsigned char *const begin = p;
  unsigned char *const to_begin = to;
  for (size_t blocks = blocks_of(n, room, 32); blocks > 0; blocks--) {
    __m128i one = load16(p), two = load16(p + 16);
    __m128i one_escapes = _mm_cmpeq_epi8(one, backslash);
    __m128i two_escapes = _mm_cmpeq_epi8(two, backslash);
    __m128i one_slashes = _mm_cmpeq_epi8(load16(p + 1), slash);
    __m128i two_slashes = _mm_cmpeq_epi8(load16(p + 17), slash);
    __m128i low = _mm_subs_epu8(least, _mm_min_epu8(one, two));
    __m128i others = _mm_or_si128(
        low, _mm_or_si128(_mm_andnot_si128(one_slashes, one_escapes),
                          _mm_andnot_si128(two_slashes, two_escapes)));
    others = _mm_cmpeq_epi8(others, _mm_setzero_si128());
    if (_mm_movemask_epi8(others) != 0xFFFF) break;
    to = put_without16(p, one, (unsigned)_mm_movemask_epi8(one_escapes), to);
    to = put_without16(p + 16, two, (unsigned)_mm_movemask_epi8(two_escapes),
                       to);
    p += 32;
  }
  *written = (size_t)(to - to_begin);
  return (size_t)(p - begin);
}

/* From `edge + 64 - i` on, 64 bytes of which those from i on are chosen. */
#define NONE_16 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0
#define ALL_16 -1, -1, -1, -1, -1, -1, -1, -1, -1, -1, -1, -1, -1, -1, -1, -1
static const signed char edge[128] = {NONE_16, NONE_16, NONE_16, NONE_16,
                                      ALL_16,  ALL_16,  ALL_16,  ALL_16};

AVX2 static inline __m256i load32(const void *p) {
  return _mm256_loadu_si256((const __m256i *)p);
}

/* 64 where there is none. Compilers make a jump of it if they are let to. */
AVX2 static inline size_t zeros_below(uint64_t bits) {
#if defined(__x86_64__)
  return (size_t)_tzcnt_u64(bits);
#else
  return bits == 0 ? 64 : (size_t)__builtin_ctzll(bits);
#endif
}

AVX2 static inline void move64(const unsigned char *p, unsigned char *to) {
  __m256i one = load32(p), two = load32(p + 32);
  _mm256_storeu_si256((__m256i *)(void *)to, one);
  _mm256_storeu_si256((__m256i *)(void *)(to + 32), two);
}

AVX2 size_t gim_base64_unescape_avx2(const unsigned char *p, size_t n,
                                     unsigned char *to, size_t room,
                                     size_t *written) {
  const __m256i backslash = _mm256_set1_epi8('\\'),
                slash = _mm256_set1_epi8('/'), least = _mm256_set1_epi8('+');
  const unsigned char *const begin = p;
  const unsigned char *const end = p + 64 * blocks_of(n, room, 64);
  unsigned char *const to_begin = to;
  while (p < end) {
    __m256i one = load32(p), two = load32(p + 32);
    __m256i one_ahead = load32(p + 1), two_ahead = load32(p + 33);
    __m256i one_escapes = _mm256_cmpeq_epi8(one, backslash);
    __m256i two_escapes = _mm256_cmpeq_epi8(two, backslash);
    __m256i one_slashes = _mm256_cmpeq_epi8(one_ahead, slash);
    __m256i two_slashes = _mm256_cmpeq_epi8(two_ahead, slash);
    __m256i low = _mm256_subs_epu8(least, _mm256_min_epu8(one, two));
    __m256i others = _mm256_or_si256(
        low, _mm256_or_si256(_mm256_andnot_si256(one_slashes, one_escapes),
                             _mm256_andnot_si256(two_slashes, two_escapes)));
    uint64_t drop, rest;
    const signed char *behind;
    size_t count;
    if (!_mm256_testz_si256(others, others)) break;
    drop = (uint64_t)(uint32_t)_mm256_movemask_epi8(two_escapes) << 32 |
           (uint32_t)_mm256_movemask_epi8(one_escapes);
    count = (size_t)__builtin_popcountll(drop);
    rest = drop & (drop - 1);
    behind = edge + 64 - zeros_below(drop);
    one = _mm256_blendv_epi8(one, one_ahead, load32(behind));
    two = _mm256_blendv_epi8(two, two_ahead, load32(behind + 32));
    behind = edge + 64 - zeros_below(rest >> 1);
    one = _mm256_blendv_epi8(one, load32(p + 2), load32(behind));
    two = _mm256_blendv_epi8(two, load32(p + 34), load32(behind + 32));
    _mm256_storeu_si256((__m256i *)(void *)to, one);
    _mm256_storeu_si256((__m256i *)(void *)(to + 32), two);
    if (__builtin_expect(count > 2, 0)) {
      unsigned char *over = to - 2;
      rest &= rest - 1;
      do {
        size_t at = zeros_below(rest);
        move64(p + at + 1, over + at);
        over--;
        rest &= rest - 1;
      } while (rest != 0);
    }
    to += 64 - count;
    p += 64;
  }
  *written = (size_t)(to - to_begin);
  return (size_t)(p - begin);
}

/* Here an instruction leaves out whatever it is told to. */
AVX512_COMPRESS size_t gim_base64_unescape_avx512(const unsigned char *p,
                                                  size_t n, unsigned char *to,
                                                  size_t room,
                                                  size_t *written) {
  const __m512i backslash = _mm512_set1_epi8('\\'),
                slash = _mm512_set1_epi8('/'), least = _mm512_set1_epi8('+');
  size_t i = 0, k = 0;
  for (; n - i >= 65 && k < room; i += 64) {
    __m512i text = _mm512_loadu_si512(p + i);
    __m512i ahead = _mm512_loadu_si512(p + i + 1);
    __mmask64 drop = _mm512_cmpeq_epi8_mask(text, backslash);
    __mmask64 others = _mm512_mask_cmpneq_epi8_mask(drop, ahead, slash) |
                       _mm512_cmplt_epi8_mask(text, least);
    if (others != 0) break;
    _mm512_storeu_si512(to + k, _mm512_maskz_compress_epi8(~drop, text));
    k += 64 - (size_t)__builtin_popcountll(drop);
  }
  *written = k;
  return i;
}

#else

/* ISO C wants something in every file. */
typedef int gim_base64_has_no_x86;

#endif
