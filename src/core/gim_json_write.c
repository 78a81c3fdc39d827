/* SPDX-License-Identifier: MIT */
#include "gim_json.h"

#include "gim_decimal.h"
#include "gim_utf8.h"

#include <string.h>

static gim_status write_escape(gim_buffer *b, unsigned char c) {
  switch (c) {
  case '"': return gim_buffer_append_str(b, GIM_STR("\\\""));
  case '\\': return gim_buffer_append_str(b, GIM_STR("\\\\"));
  case '\b': return gim_buffer_append_str(b, GIM_STR("\\b"));
  case '\f': return gim_buffer_append_str(b, GIM_STR("\\f"));
  case '\n': return gim_buffer_append_str(b, GIM_STR("\\n"));
  case '\r': return gim_buffer_append_str(b, GIM_STR("\\r"));
  case '\t': return gim_buffer_append_str(b, GIM_STR("\\t"));
  default: return gim_buffer_append_format(b, "\\u%04x", (unsigned)c);
  }
}

/* The top bit of each byte of `w` that needs an escape, and perhaps that of
   bytes behind it; those of bytes that are no ASCII as they are. */
static uint64_t escapes(uint64_t w) {
  const uint64_t ones = 0x0101010101010101u;
  return (w - ones * 0x20) | ((w ^ ones * '"') - ones) |
         ((w ^ ones * '\\') - ones);
}

static bool is_plain(char c) {
  return (unsigned char)c >= 0x20 && c != '"' && c != '\\';
}

#define TOPS 0x8080808080808080u

/* The first byte of [p, end) that needs an escape, or `end`: by eights. */
static const char *skip_plain(const char *p, const char *end) {
  uint64_t w;
  for (; end - p >= (ptrdiff_t)sizeof(w); p += sizeof(w)) {
    memcpy(&w, p, sizeof(w));
    if ((escapes(w) & ~w & TOPS) != 0) break;
  }
  while (p < end && is_plain(*p)) p++;
  return p;
}

/* Does all of `s` stand for itself, and is it ASCII? Most strings are that. */
static bool is_plain_ascii(gim_str s) {
  uint64_t w[4];
  size_t i = 0;
  for (; s.n - i >= sizeof(w); i += sizeof(w)) {
    memcpy(w, s.p + i, sizeof(w));
    if (((w[0] | w[1] | w[2] | w[3] | escapes(w[0]) | escapes(w[1]) |
          escapes(w[2]) | escapes(w[3])) &
         TOPS) != 0)
      return false;
  }
  for (; s.n - i >= sizeof(w[0]); i += sizeof(w[0])) {
    memcpy(w, s.p + i, sizeof(w[0]));
    if (((w[0] | escapes(w[0])) & TOPS) != 0) return false;
  }
  while (i < s.n && is_plain(s.p[i]) && (unsigned char)s.p[i] < 0x80) i++;
  return i == s.n;
}

static gim_status write_plain(gim_buffer *b, gim_str s) {
  gim_status status = gim_buffer_reserve(b, s.n + 2);
  char *to;
  if (status != GIM_OK) return status;
  to = b->p + b->n;
  *to++ = '"';
  if (s.n > 0) memcpy(to, s.p, s.n);
  to[s.n] = '"';
  to[s.n + 1] = '\0';
  b->n += s.n + 2;
  return GIM_OK;
}

static gim_status write_quoted(gim_buffer *b, gim_str s) {
  const char *p = s.p, *end = p + s.n;
  gim_status status = gim_buffer_append_byte(b, '"');
  while (status == GIM_OK && p < end) {
    const char *run = p;
    p = skip_plain(p, end);
    if (p > run)
      status = gim_buffer_append(b, run, (size_t)(p - run));
    else
      status = write_escape(b, (unsigned char)*p++);
  }
  if (status == GIM_OK) status = gim_buffer_append_byte(b, '"');
  return status;
}

gim_status gim_json_write_string(gim_buffer *b, gim_str s) {
  size_t before = b->n;
  gim_status status;
  if (is_plain_ascii(s)) return write_plain(b, s);
  if (!gim_utf8_valid(s)) return GIM_E_INVALID;
  status = write_quoted(b, s);
  if (status != GIM_OK) gim_buffer_cut(b, before);
  return status;
}

gim_status gim_json_write_int(gim_buffer *b, int64_t value) {
  return gim_buffer_append_format(b, "%lld", (long long)value);
}

gim_status gim_json_write_micro(gim_buffer *b, int64_t micro) {
  char text[GIM_DECIMAL_SIZE];
  size_t n = gim_decimal_write_micro(text, micro);
  return gim_buffer_append(b, text, n);
}
