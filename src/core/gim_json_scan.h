/* SPDX-License-Identifier: MIT */
/*
** gim_json_scan.h - runs of bytes in JSON, passed over many at a time
** [floor 0]
**
** What the check (gim_json_check) and the walk over checked text (gim_json)
** have in common. Each skip looks at bytes within [p, end) only, and returns
** the first that is not of its run, or `end`.
*/
#ifndef gim_json_scan_h
#define gim_json_scan_h

#include <stdbool.h>
#include <stdint.h>
#include <string.h>
#if defined(__SSE2__) && !defined(GIM_PORTABLE)
#include <emmintrin.h>
#define GIM_JSON_SSE2 1
#else
#define GIM_JSON_SSE2 0
#endif

#pragma GCC visibility push(hidden)

/*
** A block is some bytes at once, or a mark on some of them. `equal` marks
** those that are `c`; `below` those that are less than it, and all above
** ASCII. `any` says whether one is marked; `unmarked` then how many stand in
** front of the first, or 0 where that takes longer than to look at each.
** `marks` has a bit for each that is marked, somewhere.
*/
#if GIM_JSON_SSE2

typedef __m128i gim_json_block;

static inline gim_json_block gim_json_load(const char *p) {
  return _mm_loadu_si128((const __m128i *)(const void *)p);
}

static inline gim_json_block gim_json_equal(gim_json_block b, char c) {
  return _mm_cmpeq_epi8(b, _mm_set1_epi8(c));
}

static inline gim_json_block gim_json_below(gim_json_block b, char c) {
  return _mm_cmplt_epi8(b, _mm_set1_epi8(c)); /* signed */
}

static inline gim_json_block gim_json_or(gim_json_block a, gim_json_block b) {
  return _mm_or_si128(a, b);
}

static inline gim_json_block gim_json_and(gim_json_block a, gim_json_block b) {
  return _mm_and_si128(a, b);
}

static inline gim_json_block gim_json_not(gim_json_block b) {
  return _mm_xor_si128(b, _mm_set1_epi8(-1));
}

static inline bool gim_json_any(gim_json_block b) {
  return _mm_movemask_epi8(b) != 0;
}

static inline uint64_t gim_json_marks(gim_json_block b) {
  return (unsigned)_mm_movemask_epi8(b);
}

static inline unsigned gim_json_unmarked(gim_json_block b) {
  return (unsigned)__builtin_ctz((unsigned)_mm_movemask_epi8(b));
}

#else

typedef uint64_t gim_json_block;

#define GIM_JSON_EACH(byte) (0x0101010101010101u * (unsigned char)(byte))

static inline gim_json_block gim_json_load(const char *p) {
  gim_json_block b;
  memcpy(&b, p, sizeof(b));
  return b;
}

static inline gim_json_block gim_json_equal(gim_json_block b, char c) {
  b ^= GIM_JSON_EACH(c);
  return ~(((b & GIM_JSON_EACH(0x7F)) + GIM_JSON_EACH(0x7F)) | b);
}

/* May mark a byte too much, behind one that is marked with right. */
static inline gim_json_block gim_json_below(gim_json_block b, char c) {
  return b | (b - GIM_JSON_EACH(c));
}

static inline gim_json_block gim_json_or(gim_json_block a, gim_json_block b) {
  return a | b;
}

static inline gim_json_block gim_json_and(gim_json_block a, gim_json_block b) {
  return a & b;
}

static inline gim_json_block gim_json_not(gim_json_block b) {
  return ~b;
}

static inline bool gim_json_any(gim_json_block b) {
  return (b & GIM_JSON_EACH(0x80)) != 0;
}

static inline uint64_t gim_json_marks(gim_json_block b) {
  return b & GIM_JSON_EACH(0x80);
}

static inline unsigned gim_json_unmarked(gim_json_block b) {
  (void)b;
  return 0;
}

#endif

/* Skips bytes of which `goes_on` is true; `stops` marks the others. */
static inline const char *
gim_json_skip(const char *p, const char *end,
              gim_json_block (*stops)(gim_json_block), bool (*goes_on)(char)) {
  while ((size_t)(end - p) >= sizeof(gim_json_block)) {
    gim_json_block marks = stops(gim_json_load(p));
    if (gim_json_any(marks)) {
      p += gim_json_unmarked(marks);
      break;
    }
    p += sizeof(gim_json_block);
  }
  while (p < end && goes_on(*p)) p++;
  return p;
}

/* ---- white space: compact texts have none ---- */

static inline bool gim_json_is_space(char c) {
  return c == ' ' || c == '\n' || c == '\r' || c == '\t';
}

static inline gim_json_block gim_json_no_spaces(gim_json_block b) {
  return gim_json_not(gim_json_or(
      gim_json_or(gim_json_equal(b, ' '), gim_json_equal(b, '\n')),
      gim_json_or(gim_json_equal(b, '\r'), gim_json_equal(b, '\t'))));
}

static inline const char *gim_json_skip_space(const char *p, const char *end) {
  if (p == end || (unsigned char)*p > ' ') return p;
  return gim_json_skip(p, end, gim_json_no_spaces, gim_json_is_space);
}

/* ---- what stands for itself in a string: ASCII, but control characters,
   quotes and backslashes ---- */

static inline bool gim_json_is_plain(char c) {
  return (signed char)c >= 0x20 && c != '"' && c != '\\';
}

static inline gim_json_block gim_json_no_plains(gim_json_block b) {
  return gim_json_or(
      gim_json_or(gim_json_equal(b, '"'), gim_json_equal(b, '\\')),
      gim_json_below(b, 0x20));
}

/* One look, for strings that are short: may stop before gim_json_skip_plain
   would, at something plain. */
static inline const char *gim_json_skip_short(const char *p, const char *end) {
  gim_json_block marks;
  if ((size_t)(end - p) < sizeof(marks)) return p;
  marks = gim_json_no_plains(gim_json_load(p));
  return gim_json_any(marks) ? p + gim_json_unmarked(marks) : p;
}

static inline const char *gim_json_skip_plain(const char *p, const char *end) {
  return gim_json_skip(p, end, gim_json_no_plains, gim_json_is_plain);
}

/* ---- outside strings: all but quotes and brackets ---- */

static inline bool gim_json_is_filler(char c) {
  return c != '"' && (c | 0x20) != '{' && (c | 0x20) != '}';
}

static inline gim_json_block gim_json_no_fillers(gim_json_block b) {
  return gim_json_or(
      gim_json_or(gim_json_or(gim_json_equal(b, '['), gim_json_equal(b, ']')),
                  gim_json_or(gim_json_equal(b, '{'), gim_json_equal(b, '}'))),
      gim_json_equal(b, '"'));
}

static inline const char *gim_json_skip_filler(const char *p,
                                               const char *end) {
  return gim_json_skip(p, end, gim_json_no_fillers, gim_json_is_filler);
}

/* ---- digits: of those, few stand in a row ---- */

static inline bool gim_json_is_digit(char c) {
  return c >= '0' && c <= '9';
}

static inline const char *gim_json_skip_digits(const char *p,
                                               const char *end) {
  while (p < end && gim_json_is_digit(*p)) p++;
  return p;
}

/* ---- the bytes of a number or word ---- */

static inline bool gim_json_is_scalar(char c) {
  return (signed char)c > ' ' && c != ',' && c != ']' && c != '}';
}

static inline gim_json_block gim_json_no_scalars(gim_json_block b) {
  return gim_json_or(
      gim_json_or(gim_json_equal(b, ']'), gim_json_equal(b, '}')),
      gim_json_or(gim_json_equal(b, ','), gim_json_below(b, ' ' + 1)));
}

static inline const char *gim_json_skip_scalar(const char *p,
                                               const char *end) {
  return gim_json_skip(p, end, gim_json_no_scalars, gim_json_is_scalar);
}

#pragma GCC visibility pop

#endif
