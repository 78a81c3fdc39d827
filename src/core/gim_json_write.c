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

/* The first byte of [p, end) that needs an escape, or `end`: by eights. */
static const char *skip_plain(const char *p, const char *end) {
  const uint64_t ones = 0x0101010101010101u, tops = ones * 0x80;
  while (end - p >= 8) {
    uint64_t w, quote, backslash;
    memcpy(&w, p, sizeof(w));
    quote = w ^ (ones * '"');
    backslash = w ^ (ones * '\\');
    if ((((w - ones * 0x20) & ~w) | ((quote - ones) & ~quote) |
         ((backslash - ones) & ~backslash)) &
        tops)
      break;
    p += 8;
  }
  while (p < end && (unsigned char)*p >= 0x20 && *p != '"' && *p != '\\') p++;
  return p;
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
  if (!gim_utf8_valid(s)) return GIM_E_INVALID;
  if (s.n == 0) return gim_buffer_append_str(b, GIM_STR("\"\""));
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
