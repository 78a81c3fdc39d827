/* SPDX-License-Identifier: MIT */
/* The check of a text's grammar, once; what may be asked of it is gim_json.c. */
#include "gim_json.h"

#include "gim_json_private.h"

#include <string.h>

typedef struct reader {
  const char *p;
  const char *end;
  const char *problem; /* static text, set once p is the bad byte */
  size_t values;       /* that may still come */
  bool too_big;        /* the problem is a limit of the caller's */
} reader;

static bool fails(reader *r, const char *problem) {
  r->problem = problem;
  return false;
}

static bool fails_too_big(reader *r, const char *problem) {
  r->too_big = true;
  return fails(r, problem);
}

/* The next byte; 0, which no grammar rule accepts, at the end. */
static char peek(const reader *r) {
  return (char)(r->p < r->end ? *r->p : '\0');
}

static bool is_digit(char c) {
  return c >= '0' && c <= '9';
}

static bool is_hex(char c) {
  return is_digit(c) || ((c | 0x20) >= 'a' && (c | 0x20) <= 'f');
}

static void skip_space(reader *r) {
  r->p = gim_json_skip_space(r->p, r->end);
}

/* ---- strings ---- */

/*
** The place is kept in a variable of each function's own and not in the
** reader: it moves by a few bytes at a time, and where each of these steps is
** guessed by the processor, none waits for the one before it.
*/
static const char *fails_at(reader *r, const char *p, const char *problem) {
  r->p = p;
  r->problem = problem;
  return NULL;
}

/* From a backslash on: behind the last escape of a row; or NULL. */
static const char *check_escapes(reader *r, const char *p) {
  const char *const end = r->end;
  while (p < end && *p == '\\') {
    p++;
    switch (p < end ? *p : '\0') {
    case '"':
    case '\\':
    case '/':
    case 'b':
    case 'f':
    case 'n':
    case 'r':
    case 't': p++; break;
    case 'u':
      p++;
      for (int i = 0; i < 4; i++, p++)
        if (p == end || !is_hex(*p))
          return fails_at(r, p, "\\u needs 4 hex digits");
      break;
    default: return fails_at(r, p, "unknown escape");
    }
  }
  return p;
}

/* Nothing but itself in a string: ASCII, no control character, no quote and no
   backslash. */
static bool is_plain(char c) {
  return (signed char)c >= 0x20 && c != '"' && c != '\\';
}

static bool are_eight_plain(const char *p) {
  const uint64_t ones = 0x0101010101010101u, tops = ones * 0x80;
  uint64_t w, quote, backslash;
  memcpy(&w, p, sizeof(w));
  quote = w ^ ones * '"';
  backslash = w ^ ones * '\\';
  w |= (w - ones * 0x20) | (quote - ones) | (backslash - ones);
  return (w & tops) == 0;
}

static bool is_tail(char c) {
  return (c & 0xC0) == 0x80;
}

/* From a character above ASCII on: behind the last one of a row; or NULL. */
static const char *check_sequences(reader *r, const char *p) {
  const char *const end = r->end;
  while (p < end && (unsigned char)*p >= 0x80) {
    unsigned char c = (unsigned char)*p;
    size_t n;
    /* Those of two bytes, and most scripts of three, without the few that need
       a second look. */
    if (end - p >= 2 && c >= 0xC2 && c <= 0xDF && is_tail(p[1]))
      n = 2;
    else if (end - p >= 3 && c >= 0xE1 && c <= 0xEC && is_tail(p[1]) &&
             is_tail(p[2]))
      n = 3;
    else
      n = gim_str_sequence((gim_str){p, (size_t)(end - p)});
    if (n == 0) return fails_at(r, p, "not UTF-8");
    p += n;
  }
  return p;
}

/* Stands on the opening quote; leaves behind the closing one. */
static bool check_string(reader *r) {
  const char *p = r->p + 1, *const end = r->end;
  for (;;) {
    while (end - p >= 8 && are_eight_plain(p)) p += 8;
    while (p < end && is_plain(*p)) p++;
    if (p == end) {
      (void)fails_at(r, p, "the text ends in a string");
      return false;
    }
    if (*p == '"') {
      r->p = p + 1;
      return true;
    }
    if (*p == '\\')
      p = check_escapes(r, p);
    else if ((unsigned char)*p >= 0x80)
      p = check_sequences(r, p);
    else
      p = fails_at(r, p, "control character in a string");
    if (p == NULL) return false;
  }
}

/* ---- everything else ---- */

static bool check_digits(reader *r) {
  if (!is_digit(peek(r))) return fails(r, "digit expected");
  while (is_digit(peek(r))) r->p++;
  return true;
}

static bool check_number(reader *r) {
  if (peek(r) == '-') r->p++;
  if (peek(r) == '0')
    r->p++;
  else if (!check_digits(r))
    return false;
  if (peek(r) == '.') {
    r->p++;
    if (!check_digits(r)) return false;
  }
  if (peek(r) == 'e' || peek(r) == 'E') {
    r->p++;
    if (peek(r) == '+' || peek(r) == '-') r->p++;
    if (!check_digits(r)) return false;
  }
  return true;
}

static bool check_word(reader *r, gim_str word) {
  for (size_t i = 0; i < word.n; i++, r->p++)
    if (peek(r) != word.p[i]) return fails(r, "unknown word");
  return true;
}

static bool check_scalar(reader *r) {
  switch (peek(r)) {
  case '"': return check_string(r);
  case 't': return check_word(r, GIM_STR("true"));
  case 'f': return check_word(r, GIM_STR("false"));
  case 'n': return check_word(r, GIM_STR("null"));
  default:
    if (peek(r) == '-' || is_digit(peek(r))) return check_number(r);
    return fails(r, r->p < r->end ? "no value begins like this"
                                  : "the text ends where a value belongs");
  }
}

static bool check_key(reader *r) {
  if (peek(r) != '"') return fails(r, "a key in quotes expected");
  if (!check_string(r)) return false;
  skip_space(r);
  if (peek(r) != ':') return fails(r, "':' expected");
  r->p++;
  skip_space(r);
  return true;
}

/* Behind a value: closes what ends here. False when no value follows. */
static bool close_containers(reader *r, const char *closers, int *depth) {
  while (*depth > 0) {
    skip_space(r);
    if (peek(r) == ',') {
      r->p++;
      return true;
    }
    if (peek(r) != closers[*depth - 1])
      return fails(r, closers[*depth - 1] == '}' ? "',' or '}' expected"
                                                 : "',' or ']' expected");
    r->p++;
    --*depth;
  }
  return false;
}

/* A loop and not a recursion: the depth is the sender's choice. */
static bool check_value(reader *r, int max_depth) {
  char closers[GIM_JSON_DEPTH_MAX];
  int depth = 0;
  while (true) {
    char c;
    skip_space(r);
    if (depth > 0 && closers[depth - 1] == '}' && !check_key(r)) return false;
    c = peek(r);
    if (r->values-- == 0) return fails_too_big(r, "too many values");
    if (c == '{' || c == '[') {
      char closer = (char)(c == '{' ? '}' : ']');
      if (depth >= max_depth) return fails_too_big(r, "nested too deep");
      r->p++;
      skip_space(r);
      if (peek(r) != closer) {
        closers[depth++] = closer;
        continue;
      }
      r->p++; /* an empty one is a value already */
    }
    else if (!check_scalar(r))
      return false;
    if (!close_containers(r, closers, &depth)) return r->problem == NULL;
  }
}

gim_status gim_json_parse_few(gim_str text, int max_depth, size_t max_values,
                              gim_json *root, gim_err *err) {
  reader r = {text.p, text.p, NULL, max_values, false};
  const char *begin;
  bool good;
  root->type = GIM_JSON_NONE;
  root->text = (gim_str){NULL, 0};
  /* NULL + 0 is undefined, and p may be NULL in an empty slice. */
  if (text.n > 0) r.end = text.p + text.n;
  if (max_depth > GIM_JSON_DEPTH_MAX) max_depth = GIM_JSON_DEPTH_MAX;
  if (gim_str_starts(text, GIM_STR("\xEF\xBB\xBF"))) r.p += 3;
  skip_space(&r);
  begin = r.p;
  good = check_value(&r, max_depth);
  if (good) {
    const char *end = r.p;
    skip_space(&r);
    if (r.p < r.end)
      good = fails(&r, "more than one value");
    else {
      root->text = (gim_str){begin, (size_t)(end - begin)};
      root->type = gim_json_type_of(*begin);
    }
  }
  if (!good) {
    gim_status status = r.too_big ? GIM_E_TOO_BIG : GIM_E_PROTOCOL;
    int64_t offset = text.n > 0 ? r.p - text.p : 0;
    (void)gim_fail(err, status, "no JSON at byte %lld: %s", (long long)offset,
                   r.problem);
    if (err != NULL) err->offset = offset;
    return status;
  }
  return GIM_OK;
}

gim_status gim_json_parse(gim_str text, int max_depth, gim_json *root,
                          gim_err *err) {
  return gim_json_parse_few(text, max_depth, SIZE_MAX, root, err);
}
