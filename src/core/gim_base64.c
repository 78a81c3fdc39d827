/* SPDX-License-Identifier: MIT */
#include "gim_base64.h"

#include <string.h>

/* Value of each character; BAD sets a bit that no value has. */
#define BAD 0x80
static const uint8_t values[256] = {
    BAD, BAD, BAD, BAD, BAD, BAD, BAD, BAD, BAD, BAD, BAD, BAD, BAD, BAD, BAD,
    BAD, BAD, BAD, BAD, BAD, BAD, BAD, BAD, BAD, BAD, BAD, BAD, BAD, BAD, BAD,
    BAD, BAD, BAD, BAD, BAD, BAD, BAD, BAD, BAD, BAD, BAD, BAD, BAD, 62,  BAD,
    BAD, BAD, 63,  52,  53,  54,  55,  56,  57,  58,  59,  60,  61,  BAD, BAD,
    BAD, BAD, BAD, BAD, BAD, 0,   1,   2,   3,   4,   5,   6,   7,   8,   9,
    10,  11,  12,  13,  14,  15,  16,  17,  18,  19,  20,  21,  22,  23,  24,
    25,  BAD, BAD, BAD, BAD, BAD, BAD, 26,  27,  28,  29,  30,  31,  32,  33,
    34,  35,  36,  37,  38,  39,  40,  41,  42,  43,  44,  45,  46,  47,  48,
    49,  50,  51,  BAD, BAD, BAD, BAD, BAD, BAD, BAD, BAD, BAD, BAD, BAD, BAD,
    BAD, BAD, BAD, BAD, BAD, BAD, BAD, BAD, BAD, BAD, BAD, BAD, BAD, BAD, BAD,
    BAD, BAD, BAD, BAD, BAD, BAD, BAD, BAD, BAD, BAD, BAD, BAD, BAD, BAD, BAD,
    BAD, BAD, BAD, BAD, BAD, BAD, BAD, BAD, BAD, BAD, BAD, BAD, BAD, BAD, BAD,
    BAD, BAD, BAD, BAD, BAD, BAD, BAD, BAD, BAD, BAD, BAD, BAD, BAD, BAD, BAD,
    BAD, BAD, BAD, BAD, BAD, BAD, BAD, BAD, BAD, BAD, BAD, BAD, BAD, BAD, BAD,
    BAD, BAD, BAD, BAD, BAD, BAD, BAD, BAD, BAD, BAD, BAD, BAD, BAD, BAD, BAD,
    BAD, BAD, BAD, BAD, BAD, BAD, BAD, BAD, BAD, BAD, BAD, BAD, BAD, BAD, BAD,
    BAD, BAD, BAD, BAD, BAD, BAD, BAD, BAD, BAD, BAD, BAD, BAD, BAD, BAD, BAD,
    BAD,
};

static const char alphabet[64] = {
    'A', 'B', 'C', 'D', 'E', 'F', 'G', 'H', 'I', 'J', 'K', 'L', 'M',
    'N', 'O', 'P', 'Q', 'R', 'S', 'T', 'U', 'V', 'W', 'X', 'Y', 'Z',
    'a', 'b', 'c', 'd', 'e', 'f', 'g', 'h', 'i', 'j', 'k', 'l', 'm',
    'n', 'o', 'p', 'q', 'r', 's', 't', 'u', 'v', 'w', 'x', 'y', 'z',
    '0', '1', '2', '3', '4', '5', '6', '7', '8', '9', '+', '/'};

void gim_base64_init(gim_base64 *b) {
  memset(b, 0, sizeof(*b));
}

static gim_status fail(gim_base64 *b, gim_err *err) {
  gim_fail(err, GIM_E_PROTOCOL, "no base64 at character %lld: %s",
           (long long)b->offset, b->problem);
  if (err != NULL) err->offset = b->offset;
  return GIM_E_PROTOCOL;
}

/*
** Whole quanta, as long as they are nothing but the alphabet: where the time
** goes. Returns how many characters were eaten.
*/
static size_t decode_quanta(const unsigned char *p, size_t n,
                            unsigned char *to) {
  size_t eaten = 0;
  for (; n - eaten >= 4; eaten += 4, p += 4, to += 3) {
    uint32_t a = values[p[0]], b = values[p[1]], c = values[p[2]],
             d = values[p[3]], bits;
    if (((a | b | c | d) & BAD) != 0) break;
    bits = a << 18 | b << 12 | c << 6 | d;
    to[0] = (unsigned char)(bits >> 16);
    to[1] = (unsigned char)(bits >> 8);
    to[2] = (unsigned char)bits;
  }
  return eaten;
}

/*
** The 1 or 2 bytes of a last quantum that is short. NULL, or what is wrong
** with the characters held.
*/
static const char *decode_rest(const gim_base64 *b, unsigned char *to,
                               size_t *written) {
  if (b->held == 2) {
    if ((b->bits & 0xF) != 0) return "bits are left over";
    to[0] = (unsigned char)(b->bits >> 4);
    *written += 1;
  }
  else if (b->held == 3) {
    if ((b->bits & 0x3) != 0) return "bits are left over";
    to[0] = (unsigned char)(b->bits >> 10);
    to[1] = (unsigned char)(b->bits >> 2);
    *written += 2;
  }
  else if (b->held == 1)
    return "a single character is left over";
  return NULL;
}

/* One character that the fast loop did not take. */
static const char *decode_one(gim_base64 *b, unsigned char c,
                              unsigned char *to, size_t *written) {
  if (c == '\r' || c == '\n') return NULL;
  if (c == '=') {
    const char *problem = NULL;
    if (b->held < 2 || b->held + b->padding >= 4)
      return "padding that does not belong here";
    if (b->padding == 0) problem = decode_rest(b, to, written);
    if (problem == NULL) b->padding++;
    return problem;
  }
  if (values[c] == BAD) return "not in the alphabet";
  if (b->padding > 0) return "more after the padding";
  b->bits = b->bits << 6 | values[c];
  if (++b->held < 4) return NULL;
  to[0] = (unsigned char)(b->bits >> 16);
  to[1] = (unsigned char)(b->bits >> 8);
  to[2] = (unsigned char)b->bits;
  *written += 3;
  b->held = 0;
  b->bits = 0;
  return NULL;
}

gim_status gim_base64_decode(gim_base64 *b, const char *p, size_t n,
                             unsigned char *to, size_t *written,
                             gim_err *err) {
  const unsigned char *q = (const unsigned char *)p;
  size_t i = 0;
  *written = 0;
  while (b->problem == NULL && i < n) {
    if (b->held == 0) {
      size_t eaten = decode_quanta(q + i, n - i, to + *written);
      *written += eaten / 4 * 3;
      b->offset += (int64_t)eaten;
      i += eaten;
      if (i == n) break;
    }
    b->problem = decode_one(b, q[i], to + *written, written);
    if (b->problem != NULL) break;
    b->offset++;
    i++;
  }
  return b->problem == NULL ? GIM_OK : fail(b, err);
}

gim_status gim_base64_finish(gim_base64 *b, unsigned char to[2],
                             size_t *written, gim_err *err) {
  *written = 0;
  if (b->problem == NULL && b->padding == 0)
    b->problem = decode_rest(b, to, written);
  if (b->problem != NULL) return fail(b, err);
  b->held = b->padding = 0;
  b->bits = 0;
  return GIM_OK;
}

void gim_base64_encoder_init(gim_base64_encoder *e) {
  memset(e, 0, sizeof(*e));
}

static void encode_quantum(const uint8_t bytes[3], char to[4]) {
  to[0] = alphabet[bytes[0] >> 2];
  to[1] = alphabet[(bytes[0] & 0x3) << 4 | bytes[1] >> 4];
  to[2] = alphabet[(bytes[1] & 0xF) << 2 | bytes[2] >> 6];
  to[3] = alphabet[bytes[2] & 0x3F];
}

size_t gim_base64_encode(gim_base64_encoder *e, const void *p, size_t n,
                         char *to) {
  const uint8_t *q = p;
  size_t written = 0;
  while (n > 0) {
    if (e->held == 0 && n >= 3) {
      encode_quantum(q, to + written);
      q += 3;
      n -= 3;
      written += 4;
      continue;
    }
    e->bytes[e->held++] = *q++;
    n--;
    if (e->held < 3) continue;
    encode_quantum(e->bytes, to + written);
    written += 4;
    e->held = 0;
  }
  return written;
}

size_t gim_base64_encode_finish(gim_base64_encoder *e, char to[4]) {
  uint8_t held = e->held;
  if (held == 0) return 0;
  for (int i = held; i < 3; i++) e->bytes[i] = 0;
  encode_quantum(e->bytes, to);
  if (held == 1) to[2] = '=';
  to[3] = '=';
  gim_base64_encoder_init(e);
  return 4;
}
