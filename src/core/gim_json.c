/* SPDX-License-Identifier: MIT */
#include "gim_json.h"

#include "gim_decimal.h"
#include "gim_escape.h"

#include <string.h>

/* What a slice of checked or unchecked text is read with. */
typedef struct reader {
  const char *p;
  const char *end;
  const char *problem; /* static text, set once p is the bad byte */
  bool too_deep;
} reader;

static gim_str slice(const char *p, const char *end) {
  gim_str s;
  s.p = p;
  s.n = (size_t)(end - p);
  return s;
}

static bool fails(reader *r, const char *problem) {
  r->problem = problem;
  return false;
}

/* The next byte; 0, which no grammar rule accepts, at the end. */
static char peek(const reader *r) {
  return (char)(r->p < r->end ? *r->p : '\0');
}

static bool is_space(char c) {
  return c == ' ' || c == '\n' || c == '\r' || c == '\t';
}

static bool is_digit(char c) {
  return c >= '0' && c <= '9';
}

static void skip_space(reader *r) {
  while (r->p < r->end && is_space(*r->p)) r->p++;
}

/* ---- the check ---- */

static bool check_escape(reader *r) {
  r->p++; /* the backslash */
  switch (peek(r)) {
  case '"':
  case '\\':
  case '/':
  case 'b':
  case 'f':
  case 'n':
  case 'r':
  case 't': r->p++; return true;
  case 'u':
    r->p++;
    for (int i = 0; i < 4; i++, r->p++)
      if (gim_escape_hex(peek(r)) < 0)
        return fails(r, "\\u needs 4 hex digits");
    return true;
  default: return fails(r, "unknown escape");
  }
}

/* Stands on the opening quote; leaves behind the closing one. */
static bool check_string(reader *r) {
  r->p++;
  while (r->p < r->end) {
    unsigned char c = (unsigned char)*r->p;
    if (c == '"') {
      r->p++;
      return true;
    }
    if (c == '\\') {
      if (!check_escape(r)) return false;
    }
    else if (c >= 0x80) {
      size_t n = gim_str_sequence(slice(r->p, r->end));
      if (n == 0) return fails(r, "not UTF-8");
      r->p += n;
    }
    else if (c < 0x20)
      return fails(r, "control character in a string");
    else
      r->p++;
  }
  return fails(r, "the text ends in a string");
}

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
    if (c == '{' || c == '[') {
      char closer = (char)(c == '{' ? '}' : ']');
      if (depth >= max_depth) {
        r->too_deep = true;
        return fails(r, "nested too deep");
      }
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

static gim_json_type type_of(char first) {
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

static const gim_json none = {GIM_JSON_NONE, {NULL, 0}};

gim_status gim_json_parse(gim_str text, int max_depth, gim_json *root,
                          gim_err *err) {
  reader r = {text.p, text.p, NULL, false};
  const char *begin;
  bool good;
  *root = none;
  /* NULL + 0 is undefined, and p may be NULL in an empty slice. */
  if (text.n > 0) r.end = text.p + text.n;
  if (max_depth > GIM_JSON_DEPTH_MAX) max_depth = GIM_JSON_DEPTH_MAX;
  if (gim_str_starts(text, GIM_STR("\xEF\xBB\xBF"))) r.p += 3;
  skip_space(&r);
  begin = r.p;
  good = check_value(&r, max_depth);
  if (good) {
    root->text = slice(begin, r.p);
    root->type = type_of(*begin);
    skip_space(&r);
    if (r.p < r.end) good = fails(&r, "more than one value");
  }
  if (!good) {
    int64_t offset = text.n > 0 ? r.p - text.p : 0;
    *root = none;
    gim_fail(err, r.too_deep ? GIM_E_TOO_BIG : GIM_E_PROTOCOL,
             "no JSON at byte %lld: %s", (long long)offset, r.problem);
    if (err != NULL) err->offset = offset;
    return r.too_deep ? GIM_E_TOO_BIG : GIM_E_PROTOCOL;
  }
  return GIM_OK;
}

/* ---- walking checked text: nothing below judges the grammar again ---- */

static const char *string_end(const char *p) {
  for (p++; *p != '"'; p++)
    if (*p == '\\') p++;
  return p + 1;
}

/* The end of the value that begins at p. */
static const char *value_end(const char *p, const char *end) {
  size_t depth = 0;
  if (*p == '"') return string_end(p);
  if (*p != '{' && *p != '[') {
    while (p < end && !is_space(*p) && *p != ',' && *p != ']' && *p != '}')
      p++;
    return p;
  }
  while (true) {
    if (*p == '"') {
      p = string_end(p);
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
  value.type = type_of(*begin);
  value.text = slice(begin, *p);
  return value;
}

/* Over white space and the one mark that may stand between two values. */
static const char *skip_mark(const char *p, const char *end, char mark) {
  while (p < end && (is_space(*p) || *p == mark)) p++;
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
       more = gim_json_next(&at))
    for (size_t i = 0; i < count; i++)
      if (gim_json_string_is(&at.key, keys[i])) values[i] = at.value;
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
  if (value->type != GIM_JSON_STRING) return GIM_E_INVALID;
  p = value->text.p + 1;
  end = value->text.p + value->text.n - 1;
  while (p < end) {
    gim_status status =
        gim_buffer_append_str(b, gim_escape_take(&p, end, out));
    if (status != GIM_OK) {
      gim_buffer_cut(b, before);
      return status;
    }
  }
  return GIM_OK;
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
