/* SPDX-License-Identifier: MIT */
#include "gim_split.h"

#include "gim_escape.h"
#include "gim_json_scan.h"
#include "gim_split_payload.h"

#include <stdarg.h>
#include <stdio.h>
#include <stddef.h>
#include <string.h>

#define KEY "b64_json"
#define KEPT_BYTES 4096 /* of a skeleton, and nodes: for the next response */
#define KEPT_NODES 128
#define KEY_RAW_MAX 48 /* the key with each letter escaped */

enum {
  OUTSIDE,       /* between strings */
  IN_STRING,     /* a key, or a value that is kept */
  IN_ESCAPE,     /* behind a backslash in it */
  BEHIND_STRING, /* it was a key if a colon comes */
  BEHIND_KEY,    /* behind `"b64_json":` */
  PAYLOAD_OPEN,  /* behind the quote that may begin a payload */
  PAYLOAD
};

/* The memory of `skeleton` and `index` becomes the scan's. */
static void begin(gim_split *s, size_t skeleton_max, gim_split_sink sink,
                  void *ud, gim_buffer skeleton, gim_json_index index) {
  memset(s, 0, offsetof(gim_split, problem));
  s->sink = sink;
  s->ud = ud;
  s->skeleton_max = skeleton_max;
  s->simd = gim_simd_best();
  s->skeleton = skeleton;
  gim_json_check_init(&s->check, GIM_LIMIT_JSON_DEPTH, GIM_LIMIT_JSON_VALUES);
  s->check.index = index;
  if (index.nodes == NULL) gim_json_check_index(&s->check);
}

void gim_split_init(gim_split *s, size_t skeleton_max, gim_split_sink sink,
                    void *ud) {
  gim_buffer skeleton;
  gim_json_index index = {NULL, 0, 0, 0, 0, 0};
  gim_buffer_init(&skeleton, skeleton_max);
  begin(s, skeleton_max, sink, ud, skeleton, index);
}

void gim_split_reset(gim_split *s) {
  if (s->skeleton.capacity > KEPT_BYTES) gim_buffer_free(&s->skeleton);
  if (s->check.index.max > KEPT_NODES) gim_json_index_free(&s->check.index);
  gim_buffer_clear(&s->skeleton);
  gim_json_index_clear(&s->check.index);
  begin(s, s->skeleton_max, s->sink, s->ud, s->skeleton, s->check.index);
}

void gim_split_free(gim_split *s) {
  gim_buffer_free(&s->skeleton);
  gim_json_check_free(&s->check);
}

gim_str gim_split_skeleton(const gim_split *s) {
  return gim_buffer_str(&s->skeleton);
}

/* ---- failures: the scan remembers them, and its place ---- */

bool gim_split_fails(gim_split *s, gim_status status, const char *format,
                     ...) {
  va_list arguments;
  va_start(arguments, format);
  if (vsnprintf(s->problem, sizeof(s->problem), format, arguments) < 0)
    s->problem[0] = '\0';
  va_end(arguments);
  s->failed = status;
  return false;
}

static bool fails_too_big(gim_split *s) {
  return gim_split_fails(s, GIM_E_TOO_BIG,
                         "the reply without its pictures is over %zu bytes",
                         s->skeleton_max);
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
    return gim_split_fails(s, GIM_E_NO_MEMORY, "no memory for the reply");
  }
  return true;
}

/* Eats `n` bytes by keeping them. */
static bool keep(gim_split *s, const char *p, size_t n) {
  size_t kept;
  bool good = append(s, p, n, &kept);
  s->offset += (int64_t)kept;
  return good && (kept == n || fails_too_big(s));
}

static bool begin_payload(gim_split *s) {
  char text[24];
  size_t n, kept;
  if (s->images == GIM_LIMIT_IMAGES)
    return gim_split_fails(s, GIM_E_TOO_BIG,
                           "the reply has too many pictures");
  n = (size_t)snprintf(text, sizeof(text), "<image %d>", s->images);
  if (!append(s, text, n, &kept)) return false;
  if (kept < n) return fails_too_big(s);
  s->images++;
  s->state = PAYLOAD;
  return gim_split_payload_begin(s);
}

/* ---- keys ---- */

static bool is_key(const gim_split *s) {
  static const char key[] = KEY;
  size_t i = 0, matched = 0;
  while (i < s->held_n) {
    int unit = (unsigned char)s->held[i];
    size_t length = 1;
    if (unit == '\\') {
      unit = gim_escape_read(s->held + i, s->held_n - i);
      length = i + 1 < s->held_n && s->held[i + 1] == 'u' ? 6 : 2;
    }
    if (matched == sizeof(key) - 1 || unit != key[matched]) return false;
    matched++;
    i += length;
  }
  return matched == sizeof(key) - 1;
}

/* ---- the scan: each eats some bytes from p, and returns how many ---- */

/* May these bytes between two quotes, written somehow, be the key? */
static bool may_be_key(const char *p, const char *end) {
  if (end - p < (ptrdiff_t)sizeof(KEY) - 1) return false;
  return *p == '\\' || (*p == KEY[0] && (p[1] == KEY[1] || p[1] == '\\'));
}

/*
** Passes over what no key and no escape is in, as nearly all of a reply: where
** the key stands unescaped, there is `4_`. `*inside` is whether the first byte
** that is left is of a string.
*/
static const char *skip_keyless(const char *p, const char *end, bool *inside) {
  gim_json_block b, key, mark;
  uint64_t quotes = 0; /* the parity of its bits is that of their number */
  for (; (size_t)(end - p) > sizeof(b); p += sizeof(b)) {
    b = gim_json_load(p);
    key = gim_json_and(gim_json_equal(b, KEY[2]),
                       gim_json_equal(gim_json_load(p + 1), KEY[3]));
    if (gim_json_any(gim_json_or(key, gim_json_equal(b, '\\')))) break;
    mark = gim_json_equal(b, '"');
    quotes ^= gim_json_marks(mark);
  }
  *inside = __builtin_parityll(quotes) != 0;
  return p;
}

/* The quote that begins the first string which has to be looked at, for it may
   be the key or is not whole; or NULL. The others are kept in one go. */
static const char *find_string(const char *p, size_t n) {
  const char *end = p + n, *open, *close;
  bool inside;
  p = skip_keyless(p, end, &inside);
  if (inside) do
      p--;
    while (*p != '"');
  while ((open = memchr(p, '"', (size_t)(end - p))) != NULL) {
    close = memchr(open + 1, '"', (size_t)(end - open - 1));
    /* Behind a backslash it may be of the string. */
    if (close == NULL || close[-1] == '\\' || may_be_key(open + 1, close))
      break;
    p = close + 1;
  }
  return open;
}

static size_t scan_outside(gim_split *s, const char *p, size_t n) {
  const char *quote = find_string(p, n);
  size_t run = quote == NULL ? n : (size_t)(quote - p) + 1;
  if (keep(s, p, run) && quote != NULL) {
    s->state = IN_STRING;
    s->held_n = 0;
  }
  return run;
}

/* One byte more than a key can have says that it is none. */
static void hold(gim_split *s, const char *p, size_t n) {
  size_t room = KEY_RAW_MAX + 1 - s->held_n;
  if (n > room) n = room;
  memcpy(s->held + s->held_n, p, n);
  s->held_n = (uint8_t)(s->held_n + n);
}

static size_t scan_string(gim_split *s, const char *p, size_t n) {
  const char *quote = memchr(p, '"', n);
  size_t run = quote == NULL ? n : (size_t)(quote - p), i = 0;
  bool closed = false;
  if (s->state == IN_STRING && memchr(p, '\\', run) == NULL) {
    hold(s, p, run);
    closed = quote != NULL;
    i = run + closed;
    if (keep(s, p, i) && closed) s->state = BEHIND_STRING;
    return i;
  }
  while (i < n && !closed) {
    char c = p[i++];
    if (s->state == IN_ESCAPE)
      s->state = IN_STRING;
    else if (c == '\\')
      s->state = IN_ESCAPE;
    else
      closed = c == '"';
    if (!closed) hold(s, &c, 1);
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
  else if (s->state == BEHIND_STRING && *p == ':' && is_key(s)) {
    s->state = BEHIND_KEY;
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

static size_t scan_payload(gim_split *s, const char *p, size_t n) {
  size_t eaten = gim_split_payload_eat(s, p, n);
  if (eaten == n || s->failed != GIM_OK) return eaten;
  if (gim_split_payload_end(s)) {
    s->state = OUTSIDE;
    (void)keep(s, p + eaten, 1);
  }
  return eaten + 1;
}

static size_t scan(gim_split *s, const char *p, size_t n) {
  switch (s->state) {
  case IN_STRING:
  case IN_ESCAPE: return scan_string(s, p, n);
  case BEHIND_STRING:
  case BEHIND_KEY: return scan_behind(s, p);
  case PAYLOAD_OPEN: return scan_open(s, p);
  case PAYLOAD: return scan_payload(s, p, n);
  default: return scan_outside(s, p, n);
  }
}

/* What the skeleton has more than before. */
static void check_rest(gim_split *s) {
  size_t more = s->skeleton.n - s->checked;
  if (more == 0) return;
  gim_json_check_feed(&s->check, s->skeleton.p + s->checked, more);
  s->checked = s->skeleton.n;
}

static gim_status result(const gim_split *s, gim_err *err) {
  if (s->failed == GIM_OK) return GIM_OK;
  (void)gim_fail(err, s->failed, "%s", s->problem);
  if (err != NULL) err->offset = s->offset;
  return s->failed;
}

gim_status gim_split_feed(gim_split *s, const char *p, size_t n,
                          gim_err *err) {
  while (n > 0 && s->failed == GIM_OK) {
    size_t eaten = scan(s, p, n);
    p += eaten;
    n -= eaten;
  }
  check_rest(s);
  return result(s, err);
}

gim_status gim_split_finish(gim_split *s, gim_err *err) {
  if (s->failed == GIM_OK && s->state == PAYLOAD)
    (void)gim_split_payload_fails(s, "the reply ends in it: it was cut");
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
