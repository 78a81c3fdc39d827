/* SPDX-License-Identifier: MIT */
#include "gim_base64.h"

#include "gim_base64_kernels.h"

#include <string.h>

/*
** The value of each character, and the same already where it belongs in the
** 24 bits of a quantum. However far it is shifted, BAD sets bit 24.
*/
#define BAD 0x01041040u
#define BAD_3(V) V(BAD), V(BAD), V(BAD)
#define BAD_4(V) BAD_3(V), V(BAD)
#define BAD_16(V) BAD_4(V), BAD_4(V), BAD_4(V), BAD_4(V)
#define EACH(V)                                                               \
  BAD_16(V), BAD_16(V), BAD_4(V), BAD_4(V), BAD_3(V), V(62u), BAD_3(V),       \
      V(63u), V(52u), V(53u), V(54u), V(55u), V(56u), V(57u), V(58u), V(59u), \
      V(60u), V(61u), BAD_4(V), BAD_3(V), V(0u), V(1u), V(2u), V(3u), V(4u),  \
      V(5u), V(6u), V(7u), V(8u), V(9u), V(10u), V(11u), V(12u), V(13u),      \
      V(14u), V(15u), V(16u), V(17u), V(18u), V(19u), V(20u), V(21u), V(22u), \
      V(23u), V(24u), V(25u), BAD_3(V), BAD_3(V), V(26u), V(27u), V(28u),     \
      V(29u), V(30u), V(31u), V(32u), V(33u), V(34u), V(35u), V(36u), V(37u), \
      V(38u), V(39u), V(40u), V(41u), V(42u), V(43u), V(44u), V(45u), V(46u), \
      V(47u), V(48u), V(49u), V(50u), V(51u), BAD_16(V), BAD_16(V),           \
      BAD_16(V), BAD_16(V), BAD_16(V), BAD_16(V), BAD_16(V), BAD_16(V),       \
      BAD_4(V), V(BAD)
#define AT_18(value) (value) << 18
#define AT_12(value) (value) << 12
#define AT_6(value) (value) << 6
#define AT_0(value) (value)
static const uint32_t first[256] = {EACH(AT_18)};
static const uint32_t second[256] = {EACH(AT_12)};
static const uint32_t third[256] = {EACH(AT_6)};
static const uint32_t fourth[256] = {EACH(AT_0)};

static bool is_bad(unsigned char c) {
  return fourth[c] == BAD;
}

static const char alphabet[64] = {
    'A', 'B', 'C', 'D', 'E', 'F', 'G', 'H', 'I', 'J', 'K', 'L', 'M',
    'N', 'O', 'P', 'Q', 'R', 'S', 'T', 'U', 'V', 'W', 'X', 'Y', 'Z',
    'a', 'b', 'c', 'd', 'e', 'f', 'g', 'h', 'i', 'j', 'k', 'l', 'm',
    'n', 'o', 'p', 'q', 'r', 's', 't', 'u', 'v', 'w', 'x', 'y', 'z',
    '0', '1', '2', '3', '4', '5', '6', '7', '8', '9', '+', '/'};

void gim_base64_init(gim_base64 *b) {
  memset(b, 0, sizeof(*b));
  b->simd = gim_simd_best();
}

static gim_status fail(gim_base64 *b, gim_err *err) {
  gim_fail(err, GIM_E_PROTOCOL, "no base64 at character %lld: %s",
           (long long)b->offset, b->problem);
  if (err != NULL) err->offset = b->offset;
  return GIM_E_PROTOCOL;
}

static uint32_t quantum(const unsigned char *p) {
  return first[p[0]] | second[p[1]] | third[p[2]] | fourth[p[3]];
}

static void put_quantum(uint32_t bits, unsigned char *to) {
  to[0] = (unsigned char)(bits >> 16);
  to[1] = (unsigned char)(bits >> 8);
  to[2] = (unsigned char)bits;
}

/*
** Six bytes, and two more that do not count: one store is a third faster than
** six. There is room for 9 as long as 12 characters are left.
*/
static void put_two(uint32_t one, uint32_t two, unsigned char *to) {
#if defined(__BYTE_ORDER__) && __BYTE_ORDER__ == __ORDER_LITTLE_ENDIAN__
  uint64_t bits = __builtin_bswap64((uint64_t)one << 40 | (uint64_t)two << 16);
  memcpy(to, &bits, sizeof(bits));
#else
  put_quantum(one, to);
  put_quantum(two, to + 3);
#endif
}

/*
** Whole quanta, as long as they are nothing but the alphabet. Returns how many
** characters were eaten.
*/
static size_t decode_scalar(const unsigned char *p, size_t n,
                            unsigned char *to) {
  const unsigned char *const begin = p;
  for (; n >= 12; n -= 8, p += 8, to += 6) {
    uint32_t one = quantum(p), two = quantum(p + 4);
    if ((one | two) >> 24 != 0) break;
    put_two(one, two, to);
  }
  for (; n >= 4; n -= 4, p += 4, to += 3) {
    uint32_t bits = quantum(p);
    if (bits >> 24 != 0) break;
    put_quantum(bits, to);
  }
  return (size_t)(p - begin);
}

/*
** The same, where the time goes: by vectors as far as they reach, and what
** stopped them (the end, or a character that is none) by quanta.
*/
static size_t decode_quanta(gim_simd simd, const unsigned char *p, size_t n,
                            unsigned char *to) {
  size_t eaten = 0;
#if GIM_SIMD_X86
  if (simd == GIM_SIMD_AVX512) eaten = gim_base64_decode_avx512(p, n, to);
  if (simd >= GIM_SIMD_AVX2)
    eaten += gim_base64_decode_avx2(p + eaten, n - eaten, to + eaten / 4 * 3);
  else if (simd == GIM_SIMD_SSSE3)
    eaten = gim_base64_decode_ssse3(p, n, to);
#else
  (void)simd;
#endif
  return eaten + decode_scalar(p + eaten, n - eaten, to + eaten / 4 * 3);
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
  if (is_bad(c)) return "not in the alphabet";
  if (b->padding > 0) return "more after the padding";
  b->bits = b->bits << 6 | fourth[c];
  if (++b->held < 4) return NULL;
  put_quantum(b->bits, to);
  *written += 3;
  b->held = 0;
  b->bits = 0;
  return NULL;
}

/* Up to the end, to what is wrong, or to what ends a run of JSON text. */
static gim_status decode(gim_base64 *b, const char *p, size_t n, bool json,
                         unsigned char *to, size_t *written, gim_err *err) {
  const unsigned char *q = (const unsigned char *)p;
  size_t i = 0;
  *written = 0;
  while (b->problem == NULL && i < n) {
    if (b->held == 0) {
      size_t eaten = decode_quanta(b->simd, q + i, n - i, to + *written);
      *written += eaten / 4 * 3;
      b->offset += (int64_t)eaten;
      i += eaten;
      if (i == n) break;
    }
    if (json && (q[i] == '"' || q[i] == '\\')) break;
    b->problem = decode_one(b, q[i], to + *written, written);
    if (b->problem != NULL) break;
    b->offset++;
    i++;
  }
  return b->problem == NULL ? GIM_OK : fail(b, err);
}

gim_status gim_base64_decode(gim_base64 *b, const char *p, size_t n,
                             unsigned char *to, size_t *written,
                             gim_err *err) {
  return decode(b, p, n, false, to, written, err);
}

gim_status gim_base64_decode_run(gim_base64 *b, const char *p, size_t n,
                                 size_t *eaten, unsigned char *to,
                                 size_t *written, gim_err *err) {
  int64_t before = b->offset;
  gim_status status = decode(b, p, n, true, to, written, err);
  *eaten = (size_t)(b->offset - before);
  return status;
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
