/* SPDX-License-Identifier: MIT */
#include "gim_escape.h"

#include <string.h>

int gim_escape_hex(char c) {
  if (c >= '0' && c <= '9') return c - '0';
  if (c >= 'a' && c <= 'f') return c - 'a' + 10;
  if (c >= 'A' && c <= 'F') return c - 'A' + 10;
  return -1;
}

int gim_escape_read(const char *p, size_t n) {
  static const char letters[] = "\"\\/bfnrt", units[] = "\"\\/\b\f\n\r\t";
  const char *letter;
  int unit = 0;
  if (n < 2) return GIM_ESCAPE_CUT;
  if (p[1] != 'u') {
    letter = memchr(letters, p[1], sizeof(letters) - 1);
    return letter == NULL ? GIM_ESCAPE_WRONG : units[letter - letters];
  }
  for (size_t i = 2; i < 6; i++) {
    int digit;
    if (i >= n) return GIM_ESCAPE_CUT;
    digit = gim_escape_hex(p[i]);
    if (digit < 0) return GIM_ESCAPE_WRONG;
    unit = unit * 16 + digit;
  }
  return unit;
}

size_t gim_escape_length(const char *p) {
  if (p[0] != '\\') return 1;
  return p[1] == 'u' ? 6 : 2;
}

/* Of four digits that were checked. */
static uint32_t read_hex4(const char *p) {
  static const uint8_t hex[256] = {
      ['0'] = 0,  ['1'] = 1,  ['2'] = 2,  ['3'] = 3,  ['4'] = 4,  ['5'] = 5,
      ['6'] = 6,  ['7'] = 7,  ['8'] = 8,  ['9'] = 9,  ['a'] = 10, ['b'] = 11,
      ['c'] = 12, ['d'] = 13, ['e'] = 14, ['f'] = 15, ['A'] = 10, ['B'] = 11,
      ['C'] = 12, ['D'] = 13, ['E'] = 14, ['F'] = 15};
  const unsigned char *digits = (const unsigned char *)p;
  return (uint32_t)hex[digits[0]] << 12 | (uint32_t)hex[digits[1]] << 8 |
         (uint32_t)hex[digits[2]] << 4 | hex[digits[3]];
}

static size_t put_utf8(uint32_t code, char out[4]) {
  if (code < 0x80) {
    out[0] = (char)code;
    return 1;
  }
  if (code < 0x800) {
    out[0] = (char)(0xC0 | code >> 6);
    out[1] = (char)(0x80 | (code & 0x3F));
    return 2;
  }
  if (code < 0x10000) {
    out[0] = (char)(0xE0 | code >> 12);
    out[1] = (char)(0x80 | (code >> 6 & 0x3F));
    out[2] = (char)(0x80 | (code & 0x3F));
    return 3;
  }
  out[0] = (char)(0xF0 | code >> 18);
  out[1] = (char)(0x80 | (code >> 12 & 0x3F));
  out[2] = (char)(0x80 | (code >> 6 & 0x3F));
  out[3] = (char)(0x80 | (code & 0x3F));
  return 4;
}

/* What the letter of an escape stands for, which is not 'u'. */
static char byte_of(char letter) {
  static const char bytes[256] = {
      ['"'] = '"',  ['/'] = '/',  ['\\'] = '\\', ['b'] = '\b',
      ['f'] = '\f', ['n'] = '\n', ['r'] = '\r',  ['t'] = '\t'};
  return bytes[(unsigned char)letter];
}

/* Reads the escape at *p, steps over it, and returns its bytes in `out`. */
static size_t take_one(const char **p, const char *end, char out[4]) {
  const char *q = *p + 1;
  uint32_t code;
  if (*q != 'u') {
    out[0] = byte_of(*q);
    *p = q + 1;
    return 1;
  }
  code = read_hex4(q + 1);
  q += 5;
  if (code >= 0xD800 && code <= 0xDFFF) {
    uint32_t low = 0;
    if (code < 0xDC00 && end - q >= 6 && q[0] == '\\' && q[1] == 'u')
      low = read_hex4(q + 2);
    if (low >= 0xDC00 && low <= 0xDFFF) {
      code = 0x10000 + ((code - 0xD800) << 10) + (low - 0xDC00);
      q += 6;
    }
    else
      code = 0xFFFD;
  }
  *p = q;
  return put_utf8(code, out);
}

#define NEAR 16
#define ONE 4 /* bytes that an escape stands for, at most */

/* Escapes in a row, while there is room for any of them. */
static char *undo_row(const char **from, const char *end, char *to,
                      const char *full) {
  const char *p = *from;
  while (p < end && *p == '\\' && full - to >= ONE) {
    if (p[1] == 'u')
      to += take_one(&p, end, to);
    else {
      *to++ = byte_of(p[1]);
      p += 2;
    }
  }
  *from = p;
  return to;
}

/* The same of one for which there may be no room: then nothing is done. */
static char *undo_last(const char **from, const char *end, char *to,
                       const char *full) {
  const char *p = *from;
  char out[ONE];
  size_t n = take_one(&p, end, out);
  if (n > (size_t)(full - to)) return to;
  memcpy(to, out, n);
  *from = p;
  return to + n;
}

/* What stands for itself, up to an escape or as much as there is room for. */
static char *undo_run(const char **from, const char *end, char *to,
                      const char *full) {
  const char *p = *from, *stop;
  size_t n;
  if (end - p > full - to) end = p + (full - to);
  /* Where escapes are close together a call for each would cost more. */
  for (stop = end - p > NEAR ? p + NEAR : end; p < stop && *p != '\\';)
    *to++ = *p++;
  if (p == stop && p < end) {
    stop = memchr(p, '\\', (size_t)(end - p));
    n = (size_t)((stop == NULL ? end : stop) - p);
    memcpy(to, p, n);
    p += n;
    to += n;
  }
  *from = p;
  return to;
}

size_t gim_escape_undo(const char **p, const char *end, char *to,
                       size_t room) {
  char *const begin = to, *const full = to + room;
  while (*p < end) {
    const char *before = *p;
    to = undo_row(p, end, to, full);
    if (*p < end && **p == '\\')
      to = undo_last(p, end, to, full);
    else if (*p < end)
      to = undo_run(p, end, to, full);
    if (*p == before) break;
  }
  return (size_t)(to - begin);
}

gim_str gim_escape_take(const char **p, const char *end, char out[4]) {
  gim_str run;
  const char *stop;
  if (**p == '\\') {
    run.n = take_one(p, end, out);
    run.p = out;
    return run;
  }
  stop = memchr(*p, '\\', (size_t)(end - *p));
  if (stop == NULL) stop = end;
  run.p = *p;
  run.n = (size_t)(stop - *p);
  *p = stop;
  return run;
}
