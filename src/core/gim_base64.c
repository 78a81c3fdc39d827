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

/* What a loop has done: from `eaten` bytes of text, 3 for each 4. */
typedef struct run {
  size_t eaten, written;
} run;

/*
** The quantum that begins at `p`, four characters with one `\/` among them.
** BAD when there is none, or another problem. Without a jump: at which of them
** it is nobody can guess, and a wrong guess costs more than all of this.
*/
static uint32_t escaped_quantum(const unsigned char p[5]) {
  size_t first_is = p[0] != '\\', second_is = first_is & (p[1] != '\\'),
         third_is = second_is & (p[2] != '\\'),
         fourth_is = third_is & (p[3] != '\\');
  size_t at = first_is + second_is + third_is + fourth_is;
  if (at == 4 || p[at + 1] != '/') return BAD;
  return first[p[1 - first_is]] | second[p[2 - second_is]] |
         third[p[3 - third_is]] | fourth[p[4 - fourth_is]];
}

/*
** Whole quanta, as long as they are nothing but the alphabet and, in JSON,
** `\/`: the same test finds it as finds what is bad, so that text without
** pays nothing for it.
*/
static run decode_scalar(const unsigned char *p, size_t n, bool json,
                         unsigned char *to) {
  const unsigned char *const begin = p, *const end = p + n;
  const unsigned char *const last = n < 12 ? p : end - 11;
  unsigned char *const to_begin = to;
  run done;
  while (p < last) {
    uint32_t one = quantum(p), two = quantum(p + 4);
    if ((one | two) >> 24 == 0) {
      put_two(one, two, to);
      p += 8;
      to += 6;
    }
    else {
      size_t good = one >> 24 == 0;
      if (!json) break;
      put_quantum(one, to);
      p += 4 * good;
      to += 3 * good;
      one = escaped_quantum(p);
      if (one >> 24 != 0) break;
      put_quantum(one, to);
      p += 5;
      to += 3;
    }
  }
  while (end - p >= 4) {
    uint32_t bits = quantum(p);
    if (bits >> 24 != 0) break;
    put_quantum(bits, to);
    p += 4;
    to += 3;
  }
  done.eaten = (size_t)(p - begin);
  done.written = (size_t)(to - to_begin);
  return done;
}

#if GIM_SIMD_X86

/* By vectors, as far as they reach: nothing but the alphabet. */
static size_t decode_vectors(gim_simd simd, const unsigned char *p, size_t n,
                             unsigned char *to) {
  size_t eaten = 0;
  if (simd == GIM_SIMD_SSSE3) return gim_base64_decode_ssse3(p, n, to);
  if (simd == GIM_SIMD_AVX512) eaten = gim_base64_decode_avx512(p, n, to);
  return eaten +
         gim_base64_decode_avx2(p + eaten, n - eaten, to + eaten / 4 * 3);
}

static size_t unescape(gim_simd simd, const unsigned char *p, size_t n,
                       unsigned char *to, size_t room, size_t *written) {
  if (simd == GIM_SIMD_AVX512)
    return gim_base64_unescape_avx512(p, n, to, room, written);
  if (simd == GIM_SIMD_AVX2)
    return gim_base64_unescape_avx2(p, n, to, room, written);
  return gim_base64_unescape_ssse3(p, n, to, room, written);
}

/* Where the last `count` characters of what was unescaped from `p` begin. */
static size_t step_back(const unsigned char *p, size_t eaten, size_t count) {
  /* A backslash may have been eaten without its slash. */
  if (eaten > 0 && p[eaten - 1] == '\\') eaten--;
  for (; count > 0; count--)
    eaten -= eaten >= 2 && p[eaten - 2] == '\\' ? 2 : 1;
  return eaten;
}

#define BATCH ((size_t)4096) /* characters that stay in the nearest cache */

/*
** Text full of `\/`, by vectors: one pass leaves the backslashes out, another
** decodes what the first one left in the cache. Slashes stand anywhere: a jump
** at each of them would cost more than the second pass.
*/
static run decode_escaped(gim_simd simd, const unsigned char *p, size_t n,
                          unsigned char *to) {
  unsigned char text[BATCH + GIM_BASE64_UNESCAPE_BEYOND];
  run done = {0, 0};
  size_t held = 0; /* characters in `text` that are not decoded yet */
  bool more;
  do {
    size_t written, decoded, room = BATCH - held;
    size_t eaten = unescape(simd, p + done.eaten, n - done.eaten, text + held,
                            room, &written);
    done.eaten += eaten;
    held += written;
    more = eaten + GIM_BASE64_UNESCAPE_BEYOND > room; /* not for want of n */
    decoded = decode_vectors(simd, text, held, to + done.written);
    if (!more || decoded == 0) {
      run last = decode_scalar(text + decoded, held - decoded, false,
                               to + done.written + decoded / 4 * 3);
      decoded += last.eaten;
      more = false;
    }
    done.written += decoded / 4 * 3;
    held -= decoded;
    if (more) memmove(text, text + decoded, held);
  } while (more);
  done.eaten = step_back(p, done.eaten, held);
  return done;
}

/* By vectors, the way that suits what the text was like before. */
static run decode_blocks(const gim_base64 *b, const unsigned char *p, size_t n,
                         bool json, unsigned char *to) {
  run done;
  if (json && b->escaped) return decode_escaped(b->simd, p, n, to);
  done.eaten = decode_vectors(b->simd, p, n, to);
  done.written = done.eaten / 4 * 3;
  return done;
}

#else

static run decode_blocks(const gim_base64 *b, const unsigned char *p, size_t n,
                         bool json, unsigned char *to) {
  const run none = {0, 0};
  (void)b;
  (void)p;
  (void)n;
  (void)json;
  (void)to;
  return none;
}

#endif

#define NEAR ((size_t)128) /* bytes for which vectors are not begun anew */
#define LONG ((size_t)512) /* runs of text in which `\/` are worth them */

/*
** The same, where the time goes: by vectors as far as they reach, and what
** stopped them (the end, an escape, or a character that is none) by quanta.
*/
static run decode_quanta(gim_base64 *b, const unsigned char *p, size_t n,
                         bool json, unsigned char *to) {
  run done = {0, 0}, rest;
  size_t left = n;
  if (b->simd != GIM_SIMD_SCALAR) {
    done = decode_blocks(b, p, n, json, to);
    left -= done.eaten;
    if (left > NEAR) left = NEAR;
  }
  rest = decode_scalar(p + done.eaten, left, json, to + done.written);
  if (rest.eaten > rest.written / 3 * 4) b->escaped = true;
  done.eaten += rest.eaten;
  done.written += rest.written;
  return done;
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
                         size_t *eaten, unsigned char *to, size_t *written,
                         gim_err *err) {
  const unsigned char *q = (const unsigned char *)p;
  int64_t before = b->offset;
  size_t i = 0;
  *written = 0;
  while (b->problem == NULL && i < n) {
    unsigned char c;
    size_t length = 1;
    if (b->held == 0) {
      run done = decode_quanta(b, q + i, n - i, json, to + *written);
      *written += done.written;
      b->offset += (int64_t)(done.written / 3 * 4);
      i += done.eaten;
      if (i == n) break;
    }
    c = q[i];
    if (json && c == '"') break;
    if (json && c == '\\') {
      if (n - i < 2 || q[i + 1] != '/') break;
      c = '/';
      length = 2;
      b->escaped = true;
    }
    b->problem = decode_one(b, c, to + *written, written);
    if (b->problem != NULL) break;
    b->offset++;
    i += length;
  }
  *eaten = i;
  b->escaped = i >= LONG && (int64_t)i > b->offset - before;
  return b->problem == NULL ? GIM_OK : fail(b, err);
}

gim_status gim_base64_decode(gim_base64 *b, const char *p, size_t n,
                             unsigned char *to, size_t *written,
                             gim_err *err) {
  size_t eaten;
  return decode(b, p, n, false, &eaten, to, written, err);
}

gim_status gim_base64_decode_run(gim_base64 *b, const char *p, size_t n,
                                 size_t *eaten, unsigned char *to,
                                 size_t *written, gim_err *err) {
  return decode(b, p, n, true, eaten, to, written, err);
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
