/* SPDX-License-Identifier: MIT */
#include "gim_split_payload.h"

#include "gim_escape.h"

#define URI_SCHEME "data:"
#define URI_END ";base64"

#define PIECE 16384 /* decoded bytes handed to the sink at once */
#define LEAST 64    /* characters for whose bytes there must be room in it */

enum { BEFORE_URI, IN_URI, IN_BASE64 };

bool gim_split_payload_fails(gim_split *s, const char *problem) {
  return gim_split_fails(s, GIM_E_PROTOCOL, "picture %d of the reply: %s",
                         s->images, problem);
}

static bool tell(gim_split *s, gim_split_event event, const unsigned char *p,
                 size_t n) {
  gim_status status = s->sink(s->ud, event, s->images - 1, p, n);
  if (status == GIM_OK) return true;
  return gim_split_fails(s, status, "the picture could not be put away");
}

static bool deliver(gim_split *s, const unsigned char *p, size_t n) {
  return n == 0 || tell(s, GIM_SPLIT_DATA, p, n);
}

bool gim_split_payload_begin(gim_split *s) {
  s->stage = BEFORE_URI;
  s->held_n = 0;
  s->escape_n = 0;
  gim_base64_init(&s->base64);
  s->base64.simd = s->simd;
  return tell(s, GIM_SPLIT_BEGIN, NULL, 0);
}

/* ---- base64 ---- */

/*
** Bytes before a bad character are handed over before it is complained of:
** what the sink gets must not depend on the cuts.
*/
static bool deliver_good(gim_split *s, const unsigned char *p, size_t n,
                         gim_status status, const gim_err *err) {
  if (!deliver(s, p, n)) return false;
  return status == GIM_OK || gim_split_payload_fails(s, err->message);
}

/* A few characters without escapes: `held` has room for them. */
static bool decode(gim_split *s, const char *p, size_t n) {
  unsigned char bytes[GIM_BASE64_DECODED_MAX(sizeof(s->held))];
  size_t written;
  gim_err err;
  gim_status status =
      gim_base64_decode(&s->base64, p, n, bytes, &written, &err);
  return deliver_good(s, bytes, written, status, &err);
}

/* No unit above ASCII is base64: any bad character stands for it. */
static char base64_char(int unit) {
  return (char)(unit < 0x80 ? unit : '\0');
}

/*
** Up to a quote, to an escape that has not come whole, to a failure, or as
** much as fits into a piece. The decoder takes what there is of text and `\/`,
** and gets what any other escape stands for as a character of its own.
*/
static size_t eat_base64(gim_split *s, const char *p, size_t n) {
  unsigned char bytes[PIECE];
  size_t i = 0, k = 0, eaten, written;
  gim_err err;
  gim_status status = GIM_OK;
  int unit = 0;
  while (i < n && PIECE - k >= GIM_BASE64_DECODED_MAX(LEAST)) {
    size_t room = ((PIECE - k) / 3 - 1) * 4;
    char c;
    status =
        gim_base64_decode_run(&s->base64, p + i, n - i < room ? n - i : room,
                              &eaten, bytes + k, &written, &err);
    i += eaten;
    k += written;
    if (status != GIM_OK || i == n || p[i] == '"') break;
    if (p[i] != '\\') continue;
    unit = gim_escape_read(p + i, n - i);
    if (unit < 0) break;
    c = base64_char(unit);
    status = gim_base64_decode(&s->base64, &c, 1, bytes + k, &written, &err);
    k += written;
    if (status != GIM_OK) break;
    i += gim_escape_length(p + i);
  }
  s->offset += (int64_t)i;
  if (!deliver_good(s, bytes, k, status, &err)) return i;
  if (unit == GIM_ESCAPE_WRONG)
    (void)gim_split_payload_fails(s, "an escape that JSON does not have");
  else if (unit == GIM_ESCAPE_CUT) {
    s->escape[s->escape_n++] = p[i++];
    s->offset++;
  }
  return i;
}

/* ---- a character at a time: the prefix, and escapes in pieces ---- */

/* What was held because it might have become `data:`. */
static bool release_held(gim_split *s) {
  s->stage = IN_BASE64;
  return s->held_n == 0 || decode(s, s->held, s->held_n);
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
static bool eat_char(gim_split *s, char c) {
  if (s->stage == BEFORE_URI) {
    if (lower(c) == URI_SCHEME[s->held_n]) {
      s->held[s->held_n++] = c;
      if (s->held_n == sizeof(URI_SCHEME) - 1) s->stage = IN_URI;
      return true;
    }
    if (!release_held(s)) return false;
  }
  if (s->stage == IN_BASE64) return decode(s, &c, 1);
  if (c == ',') {
    if (!ends_uri(s))
      return gim_split_payload_fails(s, "a data URI without base64");
    s->stage = IN_BASE64;
    return true;
  }
  if (s->held_n == sizeof(s->held))
    return gim_split_payload_fails(s, "a data URI that does not begin");
  s->held[s->held_n++] = c;
  return true;
}

/* The next byte of an escape. */
static void eat_escape(gim_split *s, char c) {
  size_t n;
  int unit;
  s->escape[s->escape_n++] = c;
  s->offset++;
  unit = gim_escape_read(s->escape, s->escape_n);
  if (unit == GIM_ESCAPE_CUT) return;
  n = s->escape_n;
  s->escape_n = 0;
  if (unit == GIM_ESCAPE_WRONG) {
    s->offset -= (int64_t)n;
    (void)gim_split_payload_fails(s, "an escape that JSON does not have");
  }
  else if (!eat_char(s, base64_char(unit)))
    s->offset -= (int64_t)n;
}

/* ---- what came ---- */

size_t gim_split_payload_eat(gim_split *s, const char *p, size_t n) {
  size_t i = 0;
  while (i < n && s->failed == GIM_OK) {
    if (s->escape_n > 0 || (p[i] == '\\' && s->stage != IN_BASE64))
      eat_escape(s, p[i++]);
    else if (p[i] == '"')
      break;
    else if (s->stage == IN_BASE64)
      i += eat_base64(s, p + i, n - i);
    else if (eat_char(s, p[i++]))
      s->offset++;
  }
  return i;
}

bool gim_split_payload_end(gim_split *s) {
  unsigned char bytes[2];
  size_t written;
  gim_err err;
  if (s->stage == IN_URI)
    return gim_split_payload_fails(s, "a data URI that does not begin");
  if (s->stage == BEFORE_URI && !release_held(s)) return false;
  if (gim_base64_finish(&s->base64, bytes, &written, &err) != GIM_OK)
    return gim_split_payload_fails(s, err.message);
  return deliver(s, bytes, written) && tell(s, GIM_SPLIT_END, NULL, 0);
}
