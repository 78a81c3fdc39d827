/* SPDX-License-Identifier: MIT */
#include "gim_base.h"

#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

const char *gim_status_name(gim_status status) {
  static const char *const names[GIM_STATUS_COUNT] = {
      "ok",       "invalid",   "auth",      "quota",   "rate_limited",
      "refused",  "not_found", "server",    "network", "timeout",
      "protocol", "too_big",   "cancelled", "io",      "no_memory"};
  if ((unsigned)status >= GIM_STATUS_COUNT) return "protocol";
  return names[status];
}

const char *gim_billed_name(gim_billed billed) {
  switch (billed) {
  case GIM_BILLED_NO: return "no";
  case GIM_BILLED_YES: return "yes";
  case GIM_BILLED_MAYBE: break;
  }
  return "maybe";
}

gim_str gim_str_of(const char *s) {
  gim_str r;
  r.p = s;
  r.n = s == NULL ? 0 : strlen(s);
  return r;
}

bool gim_str_equal(gim_str a, gim_str b) {
  return a.n == b.n && (a.n == 0 || memcmp(a.p, b.p, a.n) == 0);
}

/* Not tolower: that one asks the locale, which is the host's. */
static char lower(char c) {
  return (char)(c >= 'A' && c <= 'Z' ? c - 'A' + 'a' : c);
}

bool gim_str_equal_nocase(gim_str a, gim_str b) {
  if (a.n != b.n) return false;
  for (size_t i = 0; i < a.n; i++)
    if (a.p[i] != b.p[i] && lower(a.p[i]) != lower(b.p[i])) return false;
  return true;
}

bool gim_str_starts(gim_str s, gim_str prefix) {
  return s.n >= prefix.n &&
         (prefix.n == 0 || memcmp(s.p, prefix.p, prefix.n) == 0);
}

char *gim_str_copy(gim_str s) {
  char *p = malloc(s.n + 1);
  if (p == NULL) return NULL;
  if (s.n > 0) memcpy(p, s.p, s.n);
  p[s.n] = '\0';
  return p;
}

static bool is_plain(char c) {
  return (signed char)c >= 0x20 && c != 0x7F;
}

/* The same of the eight bytes at `p`, looked at together. */
static bool are_plain(const char *p) {
  const uint64_t ones = 0x0101010101010101u, tops = ones * 0x80;
  uint64_t w, delete;
  memcpy(&w, p, sizeof(w));
  delete = w ^ ones * 0x7F;
  return ((w | (w - ones * 0x20) | (delete - ones)) & tops) == 0;
}

size_t gim_str_plain(gim_str s) {
  size_t i = 0;
  while (s.n - i >= 8 && are_plain(s.p + i)) i += 8;
  while (i < s.n && is_plain(s.p[i])) i++;
  return i;
}

size_t gim_str_sequence(gim_str s) {
  const unsigned char *p = (const unsigned char *)s.p;
  size_t length;
  unsigned min2 = 0x80, max2 = 0xBF; /* bounds of the second byte */
  if (s.n == 0) return 0;
  if (p[0] < 0x80) return 1;
  if (p[0] < 0xC2 || p[0] > 0xF4) return 0;
  length = p[0] < 0xE0 ? 2 : p[0] < 0xF0 ? 3 : 4;
  if (s.n < length) return 0;
  if (p[0] == 0xE0) min2 = 0xA0;
  if (p[0] == 0xED) max2 = 0x9F;
  if (p[0] == 0xF0) min2 = 0x90;
  if (p[0] == 0xF4) max2 = 0x8F;
  if (p[1] < min2 || p[1] > max2) return 0;
  for (size_t i = 2; i < length; i++)
    if ((p[i] & 0xC0) != 0x80) return 0;
  return length;
}

void gim_copy_text(char *to, size_t size, gim_str s) {
  size_t out = 0;
  while (s.n > 0) {
    size_t k = gim_str_plain(s), room = size - 1 - out;
    if (k > 0) {
      memcpy(to + out, s.p, k < room ? k : room);
      if (k > room) {
        out += room;
        break;
      }
    }
    else {
      k = gim_str_sequence(s);
      if ((k == 0 ? 1 : k) > room) break;
      if (k > 1)
        memcpy(to + out, s.p, k);
      else {
        to[out] = '?';
        k = 1;
      }
    }
    out += k;
    s.p += k;
    s.n -= k;
  }
  to[out] = '\0';
}

gim_status gim_fail(gim_err *err, gim_status status, const char *format, ...) {
  char text[2 * sizeof(err->message)];
  va_list arguments;
  if (err == NULL) return status;
  /* First the text: its arguments may be fields of `err`. */
  va_start(arguments, format);
  if (vsnprintf(text, sizeof(text), format, arguments) < 0) text[0] = '\0';
  va_end(arguments);
  memset(err, 0, sizeof(*err));
  err->status = status;
  err->retry_after_ms = -1;
  err->offset = -1;
  gim_copy_text(err->message, sizeof(err->message), gim_str_of(text));
  return status;
}

void gim_wipe(void *p, size_t n) {
  /* A call that may be to anything. */
  void *(*volatile fill)(void *, int, size_t) = memset;
  if (n > 0) (void)fill(p, 0, n);
}
