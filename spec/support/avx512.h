/* SPDX-License-Identifier: MIT */
/*
** The instructions of AVX-512 that src/core/gim_base64_x86.c uses, in plain C,
** for machines that have none: `make emulated` puts this before every source.
** Each does what the Intel 64 and IA-32 Architectures Software Developer's
** Manual, volume 2, says of the instruction that is named beside it.
*/
#ifndef avx512_h
#define avx512_h

#if defined(__x86_64__) || defined(__i386__)

#include <immintrin.h>
#include <stdbool.h>
#include <stdint.h>
#include <string.h>

#define LANES 64

typedef struct lanes {
  uint8_t at[LANES];
} lanes;

static inline lanes emulated_load(const void *p) {
  lanes to;
  memcpy(to.at, p, LANES);
  return to;
}

static inline void emulated_store(void *p, lanes from) {
  memcpy(p, from.at, LANES);
}

static inline lanes emulated_set8(int8_t value) {
  lanes to;
  memset(to.at, value, LANES);
  return to;
}

static inline lanes emulated_set32(int32_t value) {
  lanes to;
  for (int i = 0; i < LANES; i += 4) memcpy(to.at + i, &value, 4);
  return to;
}

static inline lanes emulated_or(lanes a, lanes b) {
  for (int i = 0; i < LANES; i++) a.at[i] |= b.at[i];
  return a;
}

/* VPERMI2B: of an index bits 0 to 5 choose the byte and bit 6 the table. */
static inline lanes emulated_permute_two(lanes a, lanes index, lanes b) {
  lanes to;
  for (int i = 0; i < LANES; i++) {
    const lanes *table = (index.at[i] & 64) != 0 ? &b : &a;
    to.at[i] = table->at[index.at[i] & 63];
  }
  return to;
}

/* VPERMB */
static inline lanes emulated_permute(lanes index, lanes a) {
  lanes to;
  for (int i = 0; i < LANES; i++) to.at[i] = a.at[index.at[i] & 63];
  return to;
}

/* VPMADDUBSW: unsigned bytes times signed ones, pairs added and saturated. */
static inline lanes emulated_add_products8(lanes a, lanes b) {
  lanes to;
  for (int i = 0; i < LANES; i += 2) {
    int sum = a.at[i] * (int8_t)b.at[i] + a.at[i + 1] * (int8_t)b.at[i + 1];
    int16_t word = (int16_t)(sum > INT16_MAX   ? INT16_MAX
                             : sum < INT16_MIN ? INT16_MIN
                                               : sum);
    memcpy(to.at + i, &word, 2);
  }
  return to;
}

/* VPMADDWD: signed words, pairs of products added. */
static inline lanes emulated_add_products16(lanes a, lanes b) {
  lanes to;
  for (int i = 0; i < LANES; i += 4) {
    int16_t x[2], y[2];
    uint32_t sum;
    memcpy(x, a.at + i, 4);
    memcpy(y, b.at + i, 4);
    sum = (uint32_t)(x[0] * y[0]) + (uint32_t)(x[1] * y[1]);
    memcpy(to.at + i, &sum, 4);
  }
  return to;
}

/* VPMOVB2M: the highest bit of each. */
static inline uint64_t emulated_signs(lanes a) {
  uint64_t mask = 0;
  for (int i = 0; i < LANES; i++) mask |= (uint64_t)(a.at[i] >> 7) << i;
  return mask;
}

/* VPCMPB, equal and less, of signed bytes. */
static inline uint64_t emulated_equal(lanes a, lanes b) {
  uint64_t mask = 0;
  for (int i = 0; i < LANES; i++) mask |= (uint64_t)(a.at[i] == b.at[i]) << i;
  return mask;
}

static inline uint64_t emulated_less(lanes a, lanes b) {
  uint64_t mask = 0;
  for (int i = 0; i < LANES; i++)
    mask |= (uint64_t)((int8_t)a.at[i] < (int8_t)b.at[i]) << i;
  return mask;
}

/* VPCOMPRESSB, with zeros behind. */
static inline lanes emulated_compress(uint64_t mask, lanes a) {
  lanes to = {{0}};
  int n = 0;
  for (int i = 0; i < LANES; i++)
    if ((mask >> i & 1) != 0) to.at[n++] = a.at[i];
  return to;
}

/* What the machine itself has is asked of it. */
static inline bool emulated_is_avx512(const char *feature) {
  return strncmp(feature, "avx512", 6) == 0;
}
#define __builtin_cpu_supports(feature)                                       \
  (emulated_is_avx512(feature) || (__builtin_cpu_supports)(feature))

/* Without the attribute that allows the compiler the instructions. */
#define AVX512
#define AVX512_COMPRESS
#define __m512i lanes
#define _mm512_loadu_si512 emulated_load
#define _mm512_storeu_si512 emulated_store
#define _mm512_set1_epi8 emulated_set8
#define _mm512_set1_epi32 emulated_set32
#define _mm512_or_si512 emulated_or
#define _mm512_permutex2var_epi8 emulated_permute_two
#define _mm512_permutexvar_epi8 emulated_permute
#define _mm512_maddubs_epi16 emulated_add_products8
#define _mm512_madd_epi16 emulated_add_products16
#define _mm512_movepi8_mask emulated_signs
#define _mm512_cmpeq_epi8_mask emulated_equal
#define _mm512_mask_cmpneq_epi8_mask(mask, a, b)                              \
  ((mask) & ~emulated_equal(a, b))
#define _mm512_cmplt_epi8_mask emulated_less
#define _mm512_maskz_compress_epi8 emulated_compress

#endif

#endif
