/* SPDX-License-Identifier: MIT */
#include "gim_json.h"

#include "gim_decimal.h"
#include "gim_escape.h"
#include "gim_json_private.h"

#include <string.h>
#if defined(__SSE2__) && !defined(GIM_PORTABLE)
#include <emmintrin.h>
#endif

static gim_str slice(const char *p, const char *end) {
  gim_str s;
  s.p = p;
  s.n = (size_t)(end - p);
  return s;
}

gim_json_type gim_json_type_of(char first) {
  switch (first) {
  case '{': return GIM_JSON_OBJECT;
  case '[': return GIM_JSON_ARRAY;
  case '"': return GIM_JSON_STRING;
  case 't':
  case 'f': return GIM_JSON_BOOL;
  case 'n': return GIM_JSON_NULL;
  default: return GIM_JSON_NUMBER;
  }
}

/* 0x80 in each byte of `w` that is `c`, 0 in the others. */
static uint64_t equal(uint64_t w, char c) {
  const uint64_t ones = 0x0101010101010101u, low = ones * 0x7F;
  w ^= ones * (unsigned char)c;
  return ~(((w & low) + low) | w | low);
}

/* Eight at a time, where there are so many: texts may be indented deeply. */
const char *gim_json_skip_spaces(const char *p, const char *end) {
  uint64_t w;
  while (p < end && gim_json_is_space(*p)) {
    p++;
    while (end - p >= 8) {
      memcpy(&w, p, sizeof(w));
      w = equal(w, ' ') | equal(w, '\n') | equal(w, '\r') | equal(w, '\t');
      if (w != 0x0101010101010101u * 0x80) break;
      p += 8;
    }
  }
  return p;
}

static const gim_json none = {GIM_JSON_NONE, {NULL, 0}};

/* ---- walking checked text: nothing below judges the grammar again ---- */

#define BLOCK 64

/* A bit for each byte of the block at `p` that is `c`. */
#if defined(__SSE2__) && !defined(GIM_PORTABLE)
static inline uint64_t bits_of_16(const char *p, __m128i wanted) {
  __m128i bytes = _mm_loadu_si128((const __m128i *)(const void *)p);
  return (unsigned)_mm_movemask_epi8(_mm_cmpeq_epi8(bytes, wanted));
}

static inline uint64_t bits_of(const char *p, char c) {
  const __m128i wanted = _mm_set1_epi8(c);
  return bits_of_16(p, wanted) | bits_of_16(p + 16, wanted) << 16 |
         bits_of_16(p + 32, wanted) << 32 | bits_of_16(p + 48, wanted) << 48;
}
#else
static inline uint64_t bits_of(const char *p, char c) {
  uint64_t bits = 0;
  for (unsigned i = 0; i < BLOCK; i++) bits |= (uint64_t)(p[i] == c) << i;
  return bits;
}
#endif

/*
** Of the bytes of a block those behind an odd number of backslashes: they are
** of an escape. `*open` is whether the first byte is one, and then that of the
** next block. After simdjson (Langdale and Lemire, "Parsing Gigabytes of JSON
** per Second", 2019): a row of backslashes is added to its own first bit, and
** the carry comes out behind the row.
*/
static uint64_t escaped_bits(uint64_t backslashes, bool *open) {
  const uint64_t even = 0x5555555555555555u;
  uint64_t behind, odd_starts, sum;
  backslashes &= ~(uint64_t)*open;
  behind = backslashes << 1 | *open;
  odd_starts = backslashes & ~even & ~behind;
  sum = odd_starts + backslashes;
  *open = sum < backslashes;
  return (even ^ sum << 1) & behind;
}

/* The same by blocks: for strings with a backslash before a quote. */
static const char *escaped_string_end(const char *p, const char *end) {
  bool open = false;
  for (;; p += BLOCK) {
    char rest[BLOCK] = {0};
    size_t left = (size_t)(end - p);
    const char *block = p;
    uint64_t escaped, quotes;
    if (left < BLOCK) block = memcpy(rest, p, left);
    escaped = escaped_bits(bits_of(block, '\\'), &open);
    quotes = bits_of(block, '"') & ~escaped;
    if (quotes != 0) return p + __builtin_ctzll(quotes) + 1;
  }
}

/* Most strings have no escape: then the first quote is the end. */
static const char *string_end(const char *p, const char *end) {
  const char *quote = memchr(p + 1, '"', (size_t)(end - p) - 1);
  if (quote[-1] != '\\') return quote + 1;
  return escaped_string_end(p + 1, end);
}

/* The end of the value that begins at p. */
static const char *value_end(const char *p, const char *end) {
  size_t depth = 0;
  if (*p == '"') return string_end(p, end);
  if (*p != '{' && *p != '[') {
    while (p < end && !gim_json_is_space(*p) && *p != ',' && *p != ']' &&
           *p != '}')
      p++;
    return p;
  }
  while (true) {
    if (*p == '"') {
      p = string_end(p, end);
      continue;
    }
    if (gim_json_is_space(*p)) {
      p = gim_json_skip_spaces(p, end);
      continue;
    }
    if (*p == '{' || *p == '[') depth++;
    if (*p == '}' || *p == ']') depth--;
    p++;
    if (depth == 0) return p;
  }
}

static gim_json take_value(const char **p, const char *end) {
  gim_json value;
  const char *begin = *p;
  *p = value_end(begin, end);
  value.type = gim_json_type_of(*begin);
  value.text = slice(begin, *p);
  return value;
}

/* Over white space and the one mark that may stand between two values. */
static const char *skip_mark(const char *p, const char *end, char mark) {
  p = gim_json_skip_space(p, end);
  if (p < end && *p == mark) p = gim_json_skip_space(p + 1, end);
  return p;
}

bool gim_json_first(const gim_json *container, gim_json_cursor *at) {
  at->key = at->value = none;
  at->p = at->end = NULL;
  at->members = container->type == GIM_JSON_OBJECT;
  if (!at->members && container->type != GIM_JSON_ARRAY) return false;
  at->p = container->text.p + 1;
  at->end = container->text.p + container->text.n - 1;
  return gim_json_next(at);
}

bool gim_json_next(gim_json_cursor *at) {
  const char *p = at->p;
  if (p != NULL) p = skip_mark(p, at->end, ',');
  if (p == at->end) {
    at->key = at->value = none;
    at->p = at->end;
    return false;
  }
  if (at->members) {
    at->key = take_value(&p, at->end);
    p = skip_mark(p, at->end, ':');
  }
  at->value = take_value(&p, at->end);
  at->p = p;
  return true;
}

size_t gim_json_count(const gim_json *container) {
  gim_json_cursor at;
  size_t n = 0;
  for (bool more = gim_json_first(container, &at); more;
       more = gim_json_next(&at))
    n++;
  return n;
}

void gim_json_members(const gim_json *object, const gim_str *keys,
                      gim_json *values, size_t count) {
  gim_json_cursor at;
  for (size_t i = 0; i < count; i++) values[i] = none;
  if (object->type != GIM_JSON_OBJECT) return;
  for (bool more = gim_json_first(object, &at); more;
       more = gim_json_next(&at)) {
    const char *p = at.key.text.p + 1;
    size_t n = at.key.text.n - 2;
    bool plain = memchr(p, '\\', n) == NULL;
    for (size_t i = 0; i < count; i++)
      if (plain ? n == keys[i].n && memcmp(p, keys[i].p, n) == 0
                : gim_json_string_is(&at.key, keys[i]))
        values[i] = at.value;
  }
}

bool gim_json_member(const gim_json *object, gim_str key, gim_json *value) {
  gim_json found;
  gim_json_members(object, &key, &found, 1);
  *value = found;
  return found.type != GIM_JSON_NONE;
}

bool gim_json_get_int64(const gim_json *value, int64_t *to) {
  int64_t read;
  bool exact;
  if (value->type != GIM_JSON_NUMBER) return false;
  if (!gim_decimal_read(value->text, 0, &read, &exact) || !exact) return false;
  *to = read;
  return true;
}

bool gim_json_get_micro(const gim_json *value, int64_t *to) {
  bool exact;
  return value->type == GIM_JSON_NUMBER &&
         gim_decimal_read(value->text, 6, to, &exact);
}

bool gim_json_get_bool(const gim_json *value, bool *to) {
  if (value->type != GIM_JSON_BOOL) return false;
  *to = value->text.p[0] == 't';
  return true;
}

bool gim_json_is_null(const gim_json *value) {
  return value->type == GIM_JSON_NULL;
}

/* ---- strings ---- */

gim_status gim_json_get_string(const gim_json *value, gim_buffer *b) {
  size_t before = b->n;
  const char *p, *end;
  char out[4];
  gim_status status;
  if (value->type != GIM_JSON_STRING) return GIM_E_INVALID;
  p = value->text.p + 1;
  end = value->text.p + value->text.n - 1;
  if (p == end) return GIM_OK;
  /* Escapes are never shorter than what they stand for. */
  status = gim_buffer_reserve(b, (size_t)(end - p));
  if (status == GIM_OK) {
    b->n += gim_escape_undo(p, (size_t)(end - p), b->p + b->n);
    b->p[b->n] = '\0';
    return GIM_OK;
  }
  /* It may still be within the limit without its escapes. */
  while (p < end && status != GIM_E_NO_MEMORY) {
    status = gim_buffer_append_str(b, gim_escape_take(&p, end, out));
    if (status != GIM_OK) break;
  }
  if (status != GIM_OK) gim_buffer_cut(b, before);
  return status;
}

bool gim_json_copy_string(const gim_json *value, char *to, size_t size) {
  const char *p, *end;
  char out[4];
  size_t used = 0;
  to[0] = '\0';
  if (value->type != GIM_JSON_STRING) return false;
  p = value->text.p + 1;
  end = value->text.p + value->text.n - 1;
  while (p < end) {
    gim_str run = gim_escape_take(&p, end, out);
    size_t n;
    gim_copy_text(to + used, size - used, run);
    n = strlen(to + used);
    used += n;
    if (n < run.n) break; /* one byte for one, so: it was cut */
  }
  return true;
}

bool gim_json_string_is(const gim_json *value, gim_str s) {
  const char *p, *end;
  char out[4];
  if (value->type != GIM_JSON_STRING) return false;
  p = value->text.p + 1;
  end = value->text.p + value->text.n - 1;
  /* Nearly always no escape is in it, and an escape only makes it longer. */
  if ((size_t)(end - p) < s.n) return false;
  if ((size_t)(end - p) == s.n)
    return memcmp(p, s.p, s.n) == 0 && memchr(p, '\\', s.n) == NULL;
  if (memchr(p, '\\', (size_t)(end - p)) == NULL) return false;
  while (p < end) {
    gim_str run = gim_escape_take(&p, end, out);
    if (!gim_str_starts(s, run)) return false;
    s.p += run.n;
    s.n -= run.n;
  }
  return s.n == 0;
}
