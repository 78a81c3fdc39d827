/* SPDX-License-Identifier: MIT */
#include "gim_redact.h"

#include <string.h>

#define SEEN ((size_t)64 * 1024) /* bytes of a text that are looked at */
#define BEARER_MIN 6 /* shortest word behind `Bearer` taken for a secret */
#define CUT_MIN 4    /* shortest beginning of the key taken for one */

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

/* The same of bytes that may be cut anywhere, and stand as they are. */
static void put_words(line *out, gim_str s) {
  size_t room = out->full ? 0 : out->size - 1 - out->n;
  if (s.n > room) {
    out->full = true;
    s.n = room;
  }
  memcpy(out->to + out->n, s.p, s.n);
  out->n += s.n;
  out->to[out->n] = '\0';
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

/* The value of a digit, or 16. */
static unsigned hexadecimal(char c) {
  if (c >= '0' && c <= '9') return (unsigned)(c - '0');
  if (c >= 'a' && c <= 'f') return (unsigned)(c - 'a') + 10;
  if (c >= 'A' && c <= 'F') return (unsigned)(c - 'A') + 10;
  return 16;
}

/* Two digits at `p`, or 256. */
static unsigned hexadecimals(const char *p) {
  unsigned high = hexadecimal(p[0]), low = hexadecimal(p[1]);
  return high == 16 || low == 16 ? 256 : 16 * high + low;
}

/*
** Length of what stands for `c` at the beginning of `s`: the way that JSON
** (backslash, \u00XX) or a URL (%XX) writes it, or itself; 0: something else.
*/
static size_t spelling(gim_str s, char c, bool escaped) {
  unsigned value = (unsigned char)c;
  if (s.n == 0) return 0;
  if (escaped) {
    if (s.n > 2 && s.p[0] == '%' && hexadecimals(s.p + 1) == value) return 3;
    if (s.n > 5 && gim_str_starts(s, GIM_STR("\\u00")) &&
        hexadecimals(s.p + 4) == value)
      return 6;
    if (s.n > 1 && s.p[0] == '\\' && s.p[1] == c && !is_alnum(c)) return 2;
  }
  return s.p[0] == c ? 1 : 0;
}

static size_t match_secret(gim_str s, gim_str secret, char before,
                           bool escaped) {
  size_t at = 0;
  for (size_t i = 0; i < secret.n; i++) {
    size_t n = spelling(behind(s, at), secret.p[i], escaped);
    if (n == 0) {
      if (at < s.n || i < CUT_MIN || secret.n < GIM_SECRET_ANYWHERE) return 0;
      break;
    }
    at += n;
  }
  if (secret.n < GIM_SECRET_ANYWHERE &&
      (is_alnum(before) || (at < s.n && is_alnum(s.p[at]))))
    return 0;
  return at;
}

/* Is there anything that may be another spelling? Hardly any text has it. */
static bool has_escapes(gim_str s) {
  return s.n > 0 &&
         (memchr(s.p, '%', s.n) != NULL || memchr(s.p, '\\', s.n) != NULL);
}

/*
** Length in `s` of the key that it begins with, or 0. `before` stands in
** front of it; `escapes` as of has_escapes.
*/
static size_t own_secret(gim_str s, gim_str secret, char before,
                         bool escapes) {
  size_t n;
  /* Hardly any place of a text: looked at for every one of them. */
  if (secret.n == 0 ||
      (s.p[0] != secret.p[0] && s.p[0] != '%' && s.p[0] != '\\'))
    return 0;
  n = match_secret(s, secret, before, false);
  return n > 0 || !escapes ? n : match_secret(s, secret, before, true);
}

/* How many bytes of `s`, from the first on, begin no spelling of `secret`. */
static size_t harmless(gim_str s, gim_str secret, bool escapes) {
  const char *first;
  size_t n = 0;
  if (secret.n == 0) return s.n;
  if (!escapes) {
    first = memchr(s.p, secret.p[0], s.n);
    return first == NULL ? s.n : (size_t)(first - s.p);
  }
  while (n < s.n && s.p[n] != secret.p[0] && s.p[n] != '%' && s.p[n] != '\\')
    n++;
  return n;
}

bool gim_redact_finds(gim_str s, gim_str secret) {
  bool escapes = has_escapes(s);
  char before = '\0';
  for (; s.n > 0; s = behind(s, 1)) {
    size_t n = harmless(s, secret, escapes);
    if (n > 0) before = s.p[n - 1];
    s = behind(s, n);
    if (s.n == 0) break;
    if (own_secret(s, secret, before, escapes) > 0) return true;
    before = s.p[0];
  }
  return false;
}

void gim_redact_secret(char *text, gim_str secret) {
  gim_str rest = gim_str_of(text);
  bool escapes;
  char before = '\0', *to = text;
  if (!gim_redact_finds(rest, secret)) return; /* as nearly always */
  escapes = has_escapes(rest);
  while (rest.n > 0) {
    size_t n = harmless(rest, secret, escapes);
    if (n > 0) {
      if (to != rest.p) memmove(to, rest.p, n);
      before = rest.p[n - 1];
      to += n;
      rest = behind(rest, n);
      continue;
    }
    n = own_secret(rest, secret, before, escapes);
    before = rest.p[0];
    if (n == 0) {
      *to++ = before;
      rest = behind(rest, 1);
      continue;
    }
    rest = behind(rest, n);
    for (size_t i = 0; i < n && i < 3; i++) *to++ = '*';
  }
  *to = '\0';
}

/*
** How many bytes of `s` are those of words in which nothing begins that is
** left out; `word` as below.
*/
static size_t wordy(gim_str s, gim_str secret, bool word) {
  size_t n;
  for (n = 0; n < s.n; n++) {
    char c = s.p[n];
    bool letter = is_alnum(c);
    if (!letter && c != '-' && c != '_' && c != '.') break;
    if (word && (c == 's' || c == 'b' || c == 'B')) break; /* sk-, bearer */
    if (secret.n > 0 && c == secret.p[0]) break;
    word = !letter;
  }
  return n;
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

void gim_redact(char *to, size_t size, gim_str s, gim_str secret) {
  line out = {to, size, 0, false};
  bool word = true, url = false, gap = false, escapes;
  char before = '\0';
  to[0] = '\0';
  if (s.n > SEEN) s.n = SEEN;
  escapes = has_escapes(s);
  while (s.n > 0 && !out.full) {
    gim_str piece = s;
    size_t n;
    if (is_blank(s.p[0])) {
      gap = out.n > 0;
      word = true;
      url = false;
      before = ' ';
      s = behind(s, 1);
      continue;
    }
    if (gap) put(&out, GIM_STR(" "));
    gap = false;
    n = wordy(s, secret, word);
    if (n > 0) {
      put_words(&out, (gim_str){s.p, n});
      before = s.p[n - 1];
      word = !is_alnum(before);
      s = behind(s, n);
      continue;
    }
    n = own_secret(s, secret, before, escapes);
    if (n > 0)
      put(&out, GIM_STR("***"));
    else
      n = replace_secret(&out, s, word, url);
    /* A key may have characters that end those patterns. */
    for (size_t i = 1, own; i < n; i++) {
      own = own_secret(behind(s, i), secret, s.p[i - 1], escapes);
      if (i + own > n) n = i + own;
    }
    if (n > 0) {
      word = url = false;
      before = '*';
      s = behind(s, n);
      continue;
    }
    n = gim_str_sequence(s);
    piece.n = n == 0 ? 1 : n;
    put(&out, piece);
    before = s.p[0];
    word = !is_alnum(before);
    if (gim_str_starts(s, GIM_STR("://"))) url = true;
    if (strchr("\"'<>\\", s.p[0]) != NULL) url = false;
    s = behind(s, piece.n);
  }
  /* A gap that nothing followed before the cut. */
  if (out.n > 0 && to[out.n - 1] == ' ') to[out.n - 1] = '\0';
}
