/* SPDX-License-Identifier: MIT */
#include "gim_utf8.h"

#include <string.h>

/* Where scripts begin that tokenizers cut into single characters. */
#define FIRST_WIDE 0x2E80
/* From here on four bytes, of which tokenizers seldom know all at once. */
#define FIRST_ASTRAL 0x10000
#define WIDE_TENTHS 13
#define ASTRAL_TENTHS 20

/*
** Length of the sequence at p and its code point, or 0. The bounds of the
** second byte keep out overlong forms, surrogates and what is above U+10FFFF
** (Unicode, table 3-7).
*/
static size_t decode(const unsigned char *p, size_t n, uint32_t *code) {
  size_t length;
  uint32_t value;
  unsigned low = 0x80, high = 0xBF;
  if (p[0] < 0x80) {
    *code = p[0];
    return 1;
  }
  if (p[0] < 0xC2 || p[0] > 0xF4) return 0;
  length = p[0] < 0xE0 ? 2 : p[0] < 0xF0 ? 3 : 4;
  if (n < length) return 0;
  if (p[0] == 0xE0) low = 0xA0;
  if (p[0] == 0xED) high = 0x9F;
  if (p[0] == 0xF0) low = 0x90;
  if (p[0] == 0xF4) high = 0x8F;
  if (p[1] < low || p[1] > high) return 0;
  value = (uint32_t)p[0] & (0x7Fu >> length);
  for (size_t i = 1; i < length; i++) {
    if ((p[i] & 0xC0) != 0x80) return 0;
    value = value << 6 | (p[i] & 0x3Fu);
  }
  *code = value;
  return length;
}

gim_utf8_facts gim_utf8_read(gim_str s) {
  const unsigned char *p = (const unsigned char *)s.p;
  gim_utf8_facts facts = {true, 0, 0, 0, false};
  int64_t tenths = 0;
  size_t narrow_bytes = 0, i = 0;
  while (i < s.n) {
    size_t length, plain = gim_str_plain((gim_str){s.p + i, s.n - i});
    uint32_t code;
    facts.code_points += (int64_t)plain;
    narrow_bytes += plain;
    i += plain;
    if (i == s.n) break;
    length = decode(p + i, s.n - i, &code);
    if (length == 0) {
      facts.valid = false;
      break;
    }
    facts.code_points++;
    if (code < 0x20 || code == 0x7F) facts.control = true;
    if (code >= FIRST_WIDE)
      tenths += code < FIRST_ASTRAL ? WIDE_TENTHS : ASTRAL_TENTHS;
    else
      narrow_bytes += length;
    i += length;
  }
  facts.bad_offset = i;
  facts.tokens = (tenths + 9) / 10 + (int64_t)((narrow_bytes + 3) / 4);
  return facts;
}

/* Bytes of ASCII that `s` begins with, in steps of 32: most texts are that. */
static size_t skip_ascii(gim_str s) {
  const uint64_t tops = 0x8080808080808080u;
  uint64_t w[4];
  size_t i = 0;
  for (; s.n - i >= sizeof(w); i += sizeof(w)) {
    memcpy(w, s.p + i, sizeof(w));
    if (((w[0] | w[1] | w[2] | w[3]) & tops) != 0) break;
  }
  return i;
}

bool gim_utf8_valid(gim_str s) {
  const unsigned char *p = (const unsigned char *)s.p;
  for (size_t i = skip_ascii(s), length; i < s.n; i += length) {
    uint32_t code;
    length = decode(p + i, s.n - i, &code);
    if (length == 0) return false;
  }
  return true;
}
