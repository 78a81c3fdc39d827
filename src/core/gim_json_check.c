/* SPDX-License-Identifier: MIT */
#include "gim_json_check.h"

#include "gim_json_scan.h"

/* What the next byte is looked at as. The first ones pass over white space. */
enum {
  AT_VALUE,     /* a value */
  AT_ELEMENT,   /* behind `[`: a value or `]` */
  AT_KEY,       /* a key */
  AT_MEMBER,    /* behind `{`: a key or `}` */
  BEHIND_KEY,   /* a colon */
  BEHIND_VALUE, /* a comma, or what ends the array or object */
  AT_START,     /* a byte order mark may come */
  IN_MARK,      /* the rest of it */
  AT_ROOT,      /* white space, then the value */
  AT_END,       /* white space */
  IN_STRING,
  IN_ESCAPE,    /* behind a backslash */
  IN_HEX,       /* behind `\u`: `held_n` digits have come */
  IN_SEQUENCE,  /* in a character above ASCII, of which a part is held */
  IN_WORD,      /* of which `word` is to come */
  BEHIND_MINUS, /* a number, by the rules of RFC 8259, 6 */
  BEHIND_ZERO,
  IN_WHOLE,
  BEHIND_POINT,
  IN_FRACTION,
  BEHIND_E,
  BEHIND_SIGN,
  IN_EXPONENT,
  FAILED
};

/*
** Each step below eats bytes of [p, end), which is not empty, and returns the
** place behind them; where it fails that is the bad byte. None looks back, and
** what it has to know later is in the check: so no cut can be seen. Those that
** skip_ several things at once take only what is whole and good, and leave the
** judgement of all else to the steps that take a byte at a time.
*/
static const char *fails(gim_json_check *c, const char *p,
                         const char *problem) {
  c->state = FAILED;
  c->problem = problem;
  return p;
}

static const char *fails_too_big(gim_json_check *c, const char *p,
                                 const char *problem) {
  c->too_big = true;
  return fails(c, p, problem);
}

/* The bad byte is the first of those held: they were eaten. */
static const char *fails_held(gim_json_check *c, const char *p,
                              const char *problem) {
  c->offset -= c->held_n;
  return fails(c, p, problem);
}

static bool is_hex(char c) {
  return gim_json_is_digit(c) || ((c | 0x20) >= 'a' && (c | 0x20) <= 'f');
}

static bool is_tail(char c) {
  return (c & 0xC0) == 0x80;
}

static bool in_object(const gim_json_check *c) {
  unsigned top = (unsigned)c->depth - 1;
  return (c->objects[top / 64] >> top % 64 & 1) != 0;
}

static uint32_t place_of(const gim_json_check *c, const char *p) {
  return (uint32_t)((uintptr_t)p - c->begin);
}

static void behind(gim_json_check *c) {
  c->state = c->depth == 0 ? AT_END : BEHIND_VALUE;
}

/* The newest value, no array or object, ends in front of `end`. */
static void end_value(gim_json_check *c, const char *end) {
  gim_json_index_end(&c->index, place_of(c, end));
  behind(c);
}

/* ---- strings ---- */

/* An escape of two bytes has one of these behind its backslash. */
static bool is_letter(char c) {
  switch (c) {
  case '"':
  case '\\':
  case '/':
  case 'b':
  case 'f':
  case 'n':
  case 'r':
  case 't': return true;
  default: return false;
  }
}

/* Escapes in a row. */
static const char *skip_escapes(const char *p, const char *end) {
  while (end - p >= 6 && *p == '\\') {
    if (is_letter(p[1]))
      p += 2;
    else if (p[1] == 'u' && is_hex(p[2]) && is_hex(p[3]) && is_hex(p[4]) &&
             is_hex(p[5]))
      p += 6;
    else
      break;
  }
  return p;
}

/* Characters above ASCII in a row. */
static const char *skip_sequences(const char *p, const char *end) {
  while (end - p >= 4 && (unsigned char)*p >= 0x80) {
    unsigned char c = (unsigned char)*p;
    size_t n;
    /* Those of two bytes, and most scripts of three, without the few that need
       a second look. */
    if (c >= 0xC2 && c <= 0xDF && is_tail(p[1]))
      n = 2;
    else if (c >= 0xE1 && c <= 0xEC && is_tail(p[1]) && is_tail(p[2]))
      n = 3;
    else
      n = gim_str_sequence((gim_str){p, 4});
    if (n == 0) break;
    p += n;
  }
  return p;
}

static const char *in_escape(gim_json_check *c, const char *p) {
  if (*p != 'u' && !is_letter(*p)) return fails(c, p, "unknown escape");
  c->state = *p == 'u' ? IN_HEX : IN_STRING;
  c->held_n = 0;
  return p + 1;
}

static const char *in_hex(gim_json_check *c, const char *p) {
  if (!is_hex(*p)) return fails(c, p, "\\u needs 4 hex digits");
  if (++c->held_n == 4) c->state = IN_STRING;
  return p + 1;
}

static const char *in_sequence(gim_json_check *c, const char *p) {
  unsigned char first;
  size_t length;
  if (c->held_n > 0 && !is_tail(*p)) return fails_held(c, p, "not UTF-8");
  c->held[c->held_n++] = *p++;
  first = (unsigned char)c->held[0];
  length = first < 0xE0 ? 2 : first < 0xF0 ? 3 : 4;
  if (c->held_n == length) {
    if (gim_str_sequence((gim_str){c->held, length}) == 0) {
      c->held_n--; /* this byte was not eaten */
      return fails_held(c, p - 1, "not UTF-8");
    }
    c->state = IN_STRING;
  }
  return p;
}

/* What no skip passed over. */
static const char *in_odd(gim_json_check *c, const char *p) {
  if (*p == '\\') {
    c->state = IN_ESCAPE;
    return p + 1;
  }
  if ((unsigned char)*p < 0x80)
    return fails(c, p,
                 c->ended ? "the text ends in a string"
                          : "control character in a string");
  c->state = IN_SEQUENCE;
  c->held_n = 0;
  return in_sequence(c, p);
}

/* At the quote. */
static inline const char *end_string(gim_json_check *c, const char *p) {
  p++;
  if (c->in_key) {
    c->state = BEHIND_KEY;
    c->index.key_end = place_of(c, p);
  }
  else
    end_value(c, p);
  return p;
}

static const char *in_string(gim_json_check *c, const char *p,
                             const char *end) {
  const char *skipped;
  while ((p = gim_json_skip_plain(p, end)) < end) {
    if (*p == '"') return end_string(c, p);
    skipped = *p == '\\' ? skip_escapes(p, end) : skip_sequences(p, end);
    if (skipped == p) return in_odd(c, p);
    p = skipped;
  }
  return p;
}

static inline const char *begin_string(gim_json_check *c, const char *p,
                                       const char *end, bool key) {
  c->state = IN_STRING;
  c->in_key = key;
  p = gim_json_skip_short(p + 1, end);
  return p < end && *p == '"' ? end_string(c, p) : in_string(c, p, end);
}

/* ---- numbers and words ---- */

static const char *in_number(gim_json_check *c, const char *p,
                             const char *end) {
  for (; p < end; p++) {
    switch (c->state) {
    case BEHIND_MINUS:
      if (!gim_json_is_digit(*p)) return fails(c, p, "digit expected");
      c->state = *p == '0' ? BEHIND_ZERO : IN_WHOLE;
      continue;
    case BEHIND_POINT:
      if (!gim_json_is_digit(*p)) return fails(c, p, "digit expected");
      c->state = IN_FRACTION;
      continue;
    case BEHIND_E:
      if (*p == '+' || *p == '-') {
        c->state = BEHIND_SIGN;
        continue;
      }
      /* fall through */
    case BEHIND_SIGN:
      if (!gim_json_is_digit(*p)) return fails(c, p, "digit expected");
      c->state = IN_EXPONENT;
      continue;
    case BEHIND_ZERO: break;
    default: p = gim_json_skip_digits(p, end);
    }
    if (p == end) break;
    if (*p == '.' && (c->state == BEHIND_ZERO || c->state == IN_WHOLE))
      c->state = BEHIND_POINT;
    else if ((*p == 'e' || *p == 'E') && c->state != IN_EXPONENT)
      c->state = BEHIND_E;
    else {
      end_value(c, p);
      return p;
    }
  }
  return p;
}

static inline const char *begin_number(gim_json_check *c, const char *p,
                                       const char *end, int state) {
  c->state = (uint8_t)state;
  return in_number(c, p + 1, end);
}

static const char *in_word(gim_json_check *c, const char *p, const char *end) {
  for (; p < end && *c->word != '\0'; p++, c->word++)
    if (*p != *c->word) return fails(c, p, "unknown word");
  if (*c->word == '\0') end_value(c, p);
  return p;
}

static inline const char *begin_word(gim_json_check *c, const char *p,
                                     const char *end, const char *rest) {
  c->state = IN_WORD;
  c->word = rest;
  return in_word(c, p + 1, end);
}

/* ---- arrays and objects ---- */

static const char *begin_container(gim_json_check *c, const char *p) {
  unsigned top = (unsigned)c->depth;
  uint64_t bit = (uint64_t)1 << top % 64;
  if (c->depth >= c->max_depth) return fails_too_big(c, p, "nested too deep");
  if (*p == '{')
    c->objects[top / 64] |= bit;
  else
    c->objects[top / 64] &= ~bit;
  c->depth++;
  gim_json_index_open(&c->index);
  c->state = *p == '{' ? AT_MEMBER : AT_ELEMENT;
  return p + 1;
}

static const char *end_container(gim_json_check *c, const char *p) {
  c->depth--;
  gim_json_index_close(&c->index, place_of(c, p + 1));
  behind(c);
  return p + 1;
}

static inline const char *begin_value(gim_json_check *c, const char *p,
                                      const char *end) {
  if (c->values == 0) return fails_too_big(c, p, "too many values");
  c->values--;
  gim_json_index_begin(&c->index, place_of(c, p));
  switch (*p) {
  case '{':
  case '[': return begin_container(c, p);
  case '"': return begin_string(c, p, end, false);
  case 't': return begin_word(c, p, end, "rue");
  case 'f': return begin_word(c, p, end, "alse");
  case 'n': return begin_word(c, p, end, "ull");
  case '-': return begin_number(c, p, end, BEHIND_MINUS);
  case '0': return begin_number(c, p, end, BEHIND_ZERO);
  default:
    if (gim_json_is_digit(*p)) return begin_number(c, p, end, IN_WHOLE);
    return fails(c, p,
                 c->ended ? "the text ends where a value belongs"
                          : "no value begins like this");
  }
}

static const char *behind_value(gim_json_check *c, const char *p) {
  bool object = in_object(c);
  if (*p == ',') {
    c->state = object ? AT_KEY : AT_VALUE;
    return p + 1;
  }
  if (*p == (object ? '}' : ']')) return end_container(c, p);
  return fails(c, p, object ? "',' or '}' expected" : "',' or ']' expected");
}

/*
** All that stands between strings, numbers and words, and the beginnings of
** those: where no piece ends, a whole text is checked in here. What is cut
** leaves a state of its own.
*/
static const char *between(gim_json_check *c, const char *p, const char *end) {
  while (c->state <= BEHIND_VALUE && (p = gim_json_skip_space(p, end)) < end) {
    switch (c->state) {
    case AT_MEMBER:
      if (*p == '}') {
        p = end_container(c, p);
        break;
      }
      /* fall through */
    case AT_KEY:
      if (*p != '"') return fails(c, p, "a key in quotes expected");
      c->index.key = place_of(c, p);
      p = begin_string(c, p, end, true);
      if (c->state != BEHIND_KEY || p == end || *p != ':') break;
      /* fall through */
    case BEHIND_KEY:
      if (*p != ':') return fails(c, p, "':' expected");
      c->state = AT_VALUE;
      p = gim_json_skip_space(p + 1, end);
      if (p == end) break;
      /* fall through */
    case AT_VALUE: p = begin_value(c, p, end); break;
    case AT_ELEMENT:
      c->state = AT_VALUE;
      if (*p == ']') p = end_container(c, p);
      break;
    default: p = behind_value(c, p);
    }
  }
  return p;
}

/* ---- the text ---- */

static const char *in_mark(gim_json_check *c, const char *p) {
  static const char mark[] = "\xEF\xBB\xBF";
  if (*p != mark[c->held_n]) {
    if (c->held_n > 0) return fails_held(c, p, "no value begins like this");
    c->state = AT_ROOT;
    return p;
  }
  c->state = IN_MARK;
  if (++c->held_n == sizeof(mark) - 1) {
    c->before = c->held_n;
    c->state = AT_ROOT;
  }
  return p + 1;
}

static const char *at_root(gim_json_check *c, const char *p, const char *end) {
  const char *value = gim_json_skip_space(p, end);
  c->before += (size_t)(value - p);
  if (value < end) c->state = AT_VALUE;
  return value;
}

static const char *at_end(gim_json_check *c, const char *p, const char *end) {
  const char *more = gim_json_skip_space(p, end);
  c->after += (size_t)(more - p);
  return more < end ? fails(c, more, "more than one value") : more;
}

static const char *step(gim_json_check *c, const char *p, const char *end) {
  switch (c->state) {
  case AT_START:
  case IN_MARK: return in_mark(c, p);
  case AT_ROOT: return at_root(c, p, end);
  case AT_END: return at_end(c, p, end);
  case IN_STRING: return in_string(c, p, end);
  case IN_ESCAPE: return in_escape(c, p);
  case IN_HEX: return in_hex(c, p);
  case IN_SEQUENCE: return in_sequence(c, p);
  case IN_WORD: return in_word(c, p, end);
  default: break;
  }
  return c->state <= BEHIND_VALUE ? between(c, p, end) : in_number(c, p, end);
}

void gim_json_check_init(gim_json_check *c, int max_depth, size_t max_values) {
  memset(c, 0, offsetof(gim_json_check, objects));
  c->state = AT_START;
  c->max_depth =
      max_depth < GIM_JSON_DEPTH_MAX ? max_depth : GIM_JSON_DEPTH_MAX;
  c->values = max_values;
}

void gim_json_check_index(gim_json_check *c) {
  gim_json_index_grow(&c->index);
}

void gim_json_check_free(gim_json_check *c) {
  gim_json_index_free(&c->index);
}

void gim_json_check_feed(gim_json_check *c, const char *p, size_t n) {
  const char *piece = p, *end;
  if (n == 0) return; /* p may be NULL */
  c->begin = (uintptr_t)p - c->offset;
  for (end = p + n; p < end && c->state != FAILED;) p = step(c, p, end);
  c->offset += (size_t)(p - piece);
}

gim_status gim_json_check_finish(gim_json_check *c, gim_err *err) {
  static const char end[] = "\0"; /* a byte that no rule accepts */
  gim_status status;
  c->begin = (uintptr_t)end - c->offset;
  c->ended = true;
  while (c->state != FAILED && c->state != AT_END) (void)step(c, end, end + 1);
  if (c->state == AT_END) return GIM_OK;
  status = gim_fail(err, c->too_big ? GIM_E_TOO_BIG : GIM_E_PROTOCOL,
                    "no JSON at byte %zu: %s", c->offset, c->problem);
  if (err != NULL) err->offset = (int64_t)c->offset;
  return status;
}
