/* SPDX-License-Identifier: MIT */
#include "gim_split.h"

#include "gim_escape.h"

#include <stdio.h>
#include <string.h>

#define KEY "b64_json"
#define KEY_RAW_MAX 48 /* the key with each letter escaped */
#define URI_SCHEME "data:"
#define URI_END ";base64"

#define PIECE 16384 /* decoded bytes handed to the sink at once */
/* As many characters as never make more than PIECE bytes. */
#define RUN ((size_t)(PIECE / 3 - 1) * 4)

enum {
  OUTSIDE,       /* between strings */
  IN_STRING,     /* a key, or a value that is kept */
  IN_ESCAPE,     /* behind a backslash in it */
  BEHIND_STRING, /* it was a key if a colon comes */
  BEHIND_KEY,    /* behind `"b64_json":` */
  PAYLOAD_OPEN,  /* behind the quote that may begin a payload */
  PAYLOAD,
  PAYLOAD_ESCAPE
};

enum { BEFORE_URI, IN_URI, IN_BASE64 };

void gim_split_init(gim_split *s, size_t skeleton_max, gim_split_sink sink,
                    void *ud) {
  memset(s, 0, sizeof(*s));
  s->sink = sink;
  s->ud = ud;
  s->skeleton_max = skeleton_max;
  gim_buffer_init(&s->skeleton, skeleton_max);
}

void gim_split_free(gim_split *s) {
  gim_buffer_free(&s->skeleton);
  memset(s, 0, sizeof(*s));
}

gim_str gim_split_skeleton(const gim_split *s) {
  return gim_buffer_str(&s->skeleton);
}

/* ---- failures: the scan remembers them, and its place ---- */

static bool failed_at(gim_split *s, int64_t offset) {
  s->offset = s->failure.offset = offset;
  return false;
}

static bool fails(gim_split *s, gim_status status, const char *text) {
  (void)gim_fail(&s->failure, status, "%s", text);
  return failed_at(s, s->offset);
}

static bool fails_too_big(gim_split *s) {
  (void)gim_fail(&s->failure, GIM_E_TOO_BIG,
                 "the reply without its pictures is over %zu bytes",
                 s->skeleton_max);
  return failed_at(s, s->offset);
}

static bool fails_payload(gim_split *s, const char *problem) {
  (void)gim_fail(&s->failure, GIM_E_PROTOCOL, "picture %d of the reply: %s",
                 s->images - 1, problem);
  return failed_at(s, s->offset);
}

/* ---- what is kept ---- */

/*
** Into the skeleton. What does not fit any more is cut at the same byte,
** whatever the pieces; `*kept` says where.
*/
static bool append(gim_split *s, const char *p, size_t n, size_t *kept) {
  size_t room = s->skeleton_max - s->skeleton.n;
  *kept = n < room ? n : room;
  if (gim_buffer_append(&s->skeleton, p, *kept) != GIM_OK) {
    *kept = 0;
    return fails(s, GIM_E_NO_MEMORY, "no memory for the reply");
  }
  return true;
}

/* Eats `n` bytes by keeping them. */
static bool keep(gim_split *s, const char *p, size_t n) {
  size_t kept;
  bool good = append(s, p, n, &kept);
  s->offset += (int64_t)kept;
  if (!good) return failed_at(s, s->offset);
  return kept == n || fails_too_big(s);
}

/* ---- payloads ---- */

static bool tell(gim_split *s, gim_split_event event, const unsigned char *p,
                 size_t n) {
  gim_status status = s->sink(s->ud, event, s->images - 1, p, n);
  if (status == GIM_OK) return true;
  return fails(s, status, "the picture could not be put away");
}

static bool deliver(gim_split *s, const unsigned char *p, size_t n) {
  return n == 0 || tell(s, GIM_SPLIT_DATA, p, n);
}

static bool begin_payload(gim_split *s) {
  char text[24];
  size_t n, kept;
  if (s->images == GIM_LIMIT_IMAGES)
    return fails(s, GIM_E_TOO_BIG, "the reply has too many pictures");
  n = (size_t)snprintf(text, sizeof(text), "<image %d>", s->images);
  if (!append(s, text, n, &kept)) return false;
  if (kept < n) return fails_too_big(s);
  s->images++;
  s->state = PAYLOAD;
  s->stage = BEFORE_URI;
  s->held_n = 0;
  gim_base64_init(&s->base64);
  return tell(s, GIM_SPLIT_BEGIN, NULL, 0);
}

/*
** Decodes up to RUN characters. Bytes before a bad character are handed over
** before it is complained of: what the sink gets must not depend on the cuts.
** `*eaten` counts the good characters.
*/
static bool decode(gim_split *s, const char *p, size_t n, size_t *eaten) {
  unsigned char bytes[PIECE];
  int64_t before = s->base64.offset;
  size_t written;
  gim_err err;
  gim_status status =
      gim_base64_decode(&s->base64, p, n, bytes, &written, &err);
  *eaten = (size_t)(s->base64.offset - before);
  if (!deliver(s, bytes, written)) return false;
  return status == GIM_OK || fails_payload(s, err.message);
}

/* A run without escapes, of any length. */
static bool decode_run(gim_split *s, const char *p, size_t n) {
  while (n > 0) {
    size_t piece = n < RUN ? n : RUN, eaten;
    bool good = decode(s, p, piece, &eaten);
    s->offset += (int64_t)eaten;
    if (!good) return failed_at(s, s->offset);
    p += piece;
    n -= piece;
  }
  return true;
}

/* What was held because it might have become `data:`. */
static bool release_held(gim_split *s) {
  size_t eaten;
  s->stage = IN_BASE64;
  return s->held_n == 0 || decode(s, s->held, s->held_n, &eaten);
}

static char lower(char c) {
  return (char)(c >= 'A' && c <= 'Z' ? c - 'A' + 'a' : c);
}

static bool ends_uri(const gim_split *s) {
  gim_str end = GIM_STR(URI_END), held = {s->held, s->held_n};
  if (held.n < end.n) return false;
  held.p += held.n - end.n;
  held.n = end.n;
  return gim_str_equal_nocase(held, end);
}

/* One character of a payload's text, its escape undone. */
static bool payload_char(gim_split *s, char c) {
  size_t eaten;
  if (s->stage == BEFORE_URI) {
    if (lower(c) == URI_SCHEME[s->held_n]) {
      s->held[s->held_n++] = c;
      if (s->held_n == sizeof(URI_SCHEME) - 1) s->stage = IN_URI;
      return true;
    }
    if (!release_held(s)) return false;
  }
  if (s->stage == IN_BASE64) return decode(s, &c, 1, &eaten);
  if (c == ',') {
    if (!ends_uri(s)) return fails_payload(s, "a data URI without base64");
    s->stage = IN_BASE64;
    return true;
  }
  if (s->held_n == sizeof(s->held))
    return fails_payload(s, "a data URI that does not begin");
  s->held[s->held_n++] = c;
  return true;
}

static bool end_payload(gim_split *s, const char *quote) {
  unsigned char bytes[2];
  size_t written;
  gim_err err;
  if (s->stage == IN_URI)
    return fails_payload(s, "a data URI that does not begin");
  if (s->stage == BEFORE_URI && !release_held(s)) return false;
  if (gim_base64_finish(&s->base64, bytes, &written, &err) != GIM_OK)
    return fails_payload(s, err.message);
  if (!deliver(s, bytes, written)) return false;
  if (!tell(s, GIM_SPLIT_END, NULL, 0)) return false;
  s->state = OUTSIDE;
  return keep(s, quote, 1);
}

/* ---- escapes ---- */

#define INCOMPLETE (-1)
#define WRONG (-2)

/* The UTF-16 unit of the escape of `n` bytes at `p`, the first a backslash. */
static int read_escape(const char *p, size_t n) {
  static const char letters[] = "\"\\/bfnrt", units[] = "\"\\/\b\f\n\r\t";
  const char *letter;
  int unit = 0;
  if (n < 2) return INCOMPLETE;
  if (p[1] != 'u') {
    letter = memchr(letters, p[1], sizeof(letters) - 1);
    return letter == NULL ? WRONG : units[letter - letters];
  }
  for (size_t i = 2; i < 6; i++) {
    int digit;
    if (i >= n) return INCOMPLETE;
    digit = gim_escape_hex(p[i]);
    if (digit < 0) return WRONG;
    unit = unit * 16 + digit;
  }
  return unit;
}

static bool is_key(const gim_split *s) {
  static const char key[] = KEY;
  size_t i = 0, matched = 0;
  while (i < s->held_n) {
    int unit = (unsigned char)s->held[i];
    size_t length = 1;
    if (unit == '\\') {
      unit = read_escape(s->held + i, s->held_n - i);
      length = i + 1 < s->held_n && s->held[i + 1] == 'u' ? 6 : 2;
    }
    if (matched == sizeof(key) - 1 || unit != key[matched]) return false;
    matched++;
    i += length;
  }
  return matched == sizeof(key) - 1;
}

/* ---- the scan: each eats some bytes from p, and returns how many ---- */

static size_t scan_outside(gim_split *s, const char *p, size_t n) {
  const char *quote = memchr(p, '"', n);
  size_t run = quote == NULL ? n : (size_t)(quote - p) + 1;
  if (keep(s, p, run) && quote != NULL) {
    s->state = IN_STRING;
    s->held_n = 0;
  }
  return run;
}

static size_t scan_string(gim_split *s, const char *p, size_t n) {
  size_t i = 0;
  bool closed = false;
  while (i < n && !closed) {
    char c = p[i++];
    if (s->state == IN_ESCAPE)
      s->state = IN_STRING;
    else if (c == '\\')
      s->state = IN_ESCAPE;
    else
      closed = c == '"';
    /* One byte more than a key can have says that it is none. */
    if (!closed && s->held_n <= KEY_RAW_MAX) s->held[s->held_n++] = c;
  }
  if (keep(s, p, i) && closed) s->state = BEHIND_STRING;
  return i;
}

static bool is_space(char c) {
  return c == ' ' || c == '\n' || c == '\r' || c == '\t';
}

/* Between a string and what tells its role. */
static size_t scan_behind(gim_split *s, const char *p) {
  if (is_space(*p))
    (void)keep(s, p, 1);
  else if (s->state == BEHIND_STRING && *p == ':') {
    s->state = is_key(s) ? BEHIND_KEY : OUTSIDE;
    (void)keep(s, p, 1);
  }
  else if (s->state == BEHIND_KEY && *p == '"') {
    s->state = PAYLOAD_OPEN;
    (void)keep(s, p, 1);
  }
  else {
    s->state = OUTSIDE;
    return 0;
  }
  return 1;
}

static size_t scan_open(gim_split *s, const char *p) {
  if (*p == '"') { /* "" is no picture */
    s->state = OUTSIDE;
    (void)keep(s, p, 1);
    return 1;
  }
  (void)begin_payload(s);
  return 0;
}

static size_t scan_escape(gim_split *s, const char *p) {
  int unit;
  s->escape[s->escape_n++] = *p;
  s->offset++;
  unit = read_escape(s->escape, s->escape_n);
  if (unit == INCOMPLETE) return 1;
  s->state = PAYLOAD;
  if (unit == WRONG) {
    s->offset -= s->escape_n;
    (void)fails_payload(s, "an escape that JSON does not have");
    return 1;
  }
  /* No unit above ASCII is base64: any bad character stands for it. */
  if (!payload_char(s, (char)(unit < 0x80 ? unit : '\0')))
    (void)failed_at(s, s->offset - s->escape_n);
  return 1;
}

/*
** In a payload. The quote that ends it is looked for once and not once per
** escape: text broken into lines by `\n` would make that quadratic. An
** escaped quote is no base64, so nothing is lost by taking it for the end.
*/
static size_t scan_payload(gim_split *s, const char *p, size_t n) {
  const char *quote = memchr(p, '"', n);
  const char *end = quote == NULL ? p + n : quote, *q = p;
  while (q < end && s->state == PAYLOAD && s->failure.status == GIM_OK) {
    const char *stop;
    if (*q == '\\') {
      s->state = PAYLOAD_ESCAPE;
      s->escape_n = 0;
      while (q < p + n && s->state == PAYLOAD_ESCAPE &&
             s->failure.status == GIM_OK)
        q += scan_escape(s, q);
      continue;
    }
    if (s->stage != IN_BASE64) {
      if (payload_char(s, *q)) s->offset++;
      q++;
      continue;
    }
    stop = memchr(q, '\\', (size_t)(end - q));
    if (stop == NULL) stop = end;
    (void)decode_run(s, q, (size_t)(stop - q));
    q = stop;
  }
  if (q == quote && s->state == PAYLOAD && s->failure.status == GIM_OK) {
    (void)end_payload(s, quote);
    q++;
  }
  return (size_t)(q - p);
}

static size_t scan(gim_split *s, const char *p, size_t n) {
  switch (s->state) {
  case IN_STRING:
  case IN_ESCAPE: return scan_string(s, p, n);
  case BEHIND_STRING:
  case BEHIND_KEY: return scan_behind(s, p);
  case PAYLOAD_OPEN: return scan_open(s, p);
  case PAYLOAD: return scan_payload(s, p, n);
  case PAYLOAD_ESCAPE: return scan_escape(s, p);
  default: return scan_outside(s, p, n);
  }
}

static gim_status result(const gim_split *s, gim_err *err) {
  if (s->failure.status != GIM_OK && err != NULL) *err = s->failure;
  return s->failure.status;
}

gim_status gim_split_feed(gim_split *s, const char *p, size_t n,
                          gim_err *err) {
  while (n > 0 && s->failure.status == GIM_OK) {
    size_t eaten = scan(s, p, n);
    p += eaten;
    n -= eaten;
  }
  return result(s, err);
}

gim_status gim_split_finish(gim_split *s, gim_err *err) {
  if (s->failure.status == GIM_OK &&
      (s->state == PAYLOAD || s->state == PAYLOAD_ESCAPE))
    (void)fails_payload(s, "the reply ends in it: it was cut");
  return result(s, err);
}

int gim_split_placeholder(gim_str text) {
  static const gim_str begin = {"<image ", 7};
  int number = 0;
  size_t i = begin.n;
  if (!gim_str_starts(text, begin) || text.n < begin.n + 2) return -1;
  if (text.p[i] == '0' && text.n > begin.n + 2) return -1;
  for (; i < text.n - 1; i++) {
    if (text.p[i] < '0' || text.p[i] > '9') return -1;
    number = number * 10 + (text.p[i] - '0');
    if (number >= GIM_LIMIT_IMAGES) return -1;
  }
  return text.p[i] == '>' ? number : -1;
}
