/* SPDX-License-Identifier: MIT */
#include "gim_redact.h"

#include <string.h>

#define BEARER_MIN 6 /* shortest word behind `Bearer` taken for a secret */

typedef struct line {
  char *to;
  size_t size;
  size_t n;
  bool full;
} line;

/* Appends all of `s` or nothing more from here on. */
static void put(line *out, gim_str s) {
  if (out->full || out->n + s.n >= out->size) {
    out->full = true;
    return;
  }
  gim_copy_text(out->to + out->n, out->size - out->n, s);
  out->n += s.n;
}

static bool is_alnum(char c) {
  return (c >= '0' && c <= '9') || (c >= 'a' && c <= 'z') ||
         (c >= 'A' && c <= 'Z');
}

static bool is_blank(char c) {
  return (unsigned char)c <= 0x20 || c == 0x7F;
}

/* Length of the run of token characters (RFC 6750's b64token) at `s`. */
static size_t token(gim_str s) {
  size_t n = 0;
  while (n < s.n && (is_alnum(s.p[n]) ||
                     (s.p[n] != '\0' && strchr("-._~+/=", s.p[n]) != NULL)))
    n++;
  return n;
}

/* Length of the rest of a URL. */
static size_t url_rest(gim_str s) {
  size_t n = 0;
  while (n < s.n && !is_blank(s.p[n]) && strchr("\"'<>\\", s.p[n]) == NULL)
    n++;
  return n;
}

static gim_str behind(gim_str s, size_t n) {
  s.p += n;
  s.n -= n;
  return s;
}

/* A short word at the end may be the beginning of a secret. */
static bool was_cut(gim_str s) {
  return token(s) == s.n && !gim_str_equal_nocase(s, GIM_STR("token"));
}

static bool starts_nocase(gim_str s, gim_str prefix) {
  if (s.n < prefix.n) return false;
  s.n = prefix.n;
  return gim_str_equal_nocase(s, prefix);
}

/*
** Where a secret begins at `s`: writes its stand-in and returns its length in
** the text, else 0. "task-1" holds `sk-` too: hence `word`, which says that a
** word begins here.
*/
static size_t replace_secret(line *out, gim_str s, bool word, bool url) {
  if (url && (s.p[0] == '?' || s.p[0] == '#')) {
    put(out, GIM_STR("?***"));
    return url_rest(s);
  }
  if (word && gim_str_starts(s, GIM_STR("sk-"))) {
    size_t n = token(behind(s, 3));
    if (n == 0) return 0;
    put(out, GIM_STR("sk-***"));
    return 3 + n;
  }
  if (word && starts_nocase(s, GIM_STR("bearer"))) {
    size_t gap = 6, n;
    while (gap < s.n && (is_blank(s.p[gap]) || s.p[gap] == ':')) gap++;
    n = token(behind(s, gap));
    if (gap == 6 || n == 0) return 0;
    if (n < BEARER_MIN && !was_cut(behind(s, gap))) return 0;
    put(out, GIM_STR("Bearer ***"));
    return gap + n;
  }
  return 0;
}

void gim_redact(char *to, size_t size, gim_str s) {
  line out = {to, size, 0, false};
  bool word = true, url = false, gap = false;
  to[0] = '\0';
  while (s.n > 0 && !out.full) {
    gim_str piece = s;
    size_t n;
    if (is_blank(s.p[0])) {
      gap = out.n > 0;
      word = true;
      url = false;
      s = behind(s, 1);
      continue;
    }
    if (gap) put(&out, GIM_STR(" "));
    gap = false;
    n = replace_secret(&out, s, word, url);
    if (n > 0) {
      word = url = false;
      s = behind(s, n);
      continue;
    }
    n = gim_str_sequence(s);
    piece.n = n == 0 ? 1 : n;
    put(&out, piece);
    word = !is_alnum(s.p[0]);
    if (gim_str_starts(s, GIM_STR("://"))) url = true;
    if (strchr("\"'<>\\", s.p[0]) != NULL) url = false;
    s = behind(s, piece.n);
  }
  /* A gap that nothing followed before the cut. */
  if (out.n > 0 && to[out.n - 1] == ' ') to[out.n - 1] = '\0';
}
