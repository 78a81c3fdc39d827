/* SPDX-License-Identifier: MIT */
#include "gim_address.h"

#include <string.h>

typedef struct range4 {
  uint8_t bytes[4];
  int bits;
} range4;

typedef struct range6 {
  uint8_t bytes[16];
  int bits;
} range6;

/* IANA IPv4 Special-Purpose Address Registry, and multicast. */
static const range4 hidden4[] = {
    {{0, 0, 0, 0}, 8},       /* this network */
    {{10, 0, 0, 0}, 8},      /* private */
    {{100, 64, 0, 0}, 10},   /* shared address space (CGNAT) */
    {{127, 0, 0, 0}, 8},     /* loopback */
    {{169, 254, 0, 0}, 16},  /* link-local; cloud metadata */
    {{172, 16, 0, 0}, 12},   /* private */
    {{192, 0, 0, 0}, 24},    /* IETF protocol assignments */
    {{192, 0, 2, 0}, 24},    /* documentation */
    {{192, 88, 99, 0}, 24},  /* 6to4 relay anycast, deprecated */
    {{192, 168, 0, 0}, 16},  /* private */
    {{198, 18, 0, 0}, 15},   /* benchmarks */
    {{198, 51, 100, 0}, 24}, /* documentation */
    {{203, 0, 113, 0}, 24},  /* documentation */
    {{224, 0, 0, 0}, 4},     /* multicast */
    {{240, 0, 0, 0}, 4},     /* reserved, and broadcast */
};

/* Inside 2000::/3; everything outside it is refused as a whole. */
static const range6 hidden6[] = {
    {{0x20, 0x01, 0, 0}, 23},       /* IETF: Teredo, benchmarks, ORCHID */
    {{0x20, 0x01, 0x0d, 0xb8}, 32}, /* documentation */
    {{0x3f, 0xff, 0}, 20},          /* documentation */
};

static const uint8_t mapped[12] = {0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0xff, 0xff};
static const uint8_t nat64[12] = {0, 0x64, 0xff, 0x9b};

static bool within(const uint8_t *bytes, const uint8_t *range, int bits) {
  int whole = bits / 8;
  unsigned mask = 0xFFu << (8 - bits % 8) & 0xFFu;
  if (memcmp(bytes, range, (size_t)whole) != 0) return false;
  return bits % 8 == 0 || (bytes[whole] & mask) == (range[whole] & mask);
}

static bool is_public4(const uint8_t *bytes) {
  for (size_t i = 0; i < sizeof(hidden4) / sizeof(hidden4[0]); i++)
    if (within(bytes, hidden4[i].bytes, hidden4[i].bits)) return false;
  return true;
}

static bool is_public6(const uint8_t *bytes) {
  if (memcmp(bytes, mapped, 12) == 0 || memcmp(bytes, nat64, 12) == 0)
    return is_public4(bytes + 12);
  if ((bytes[0] & 0xE0) != 0x20) return false;
  if (bytes[0] == 0x20 && bytes[1] == 0x02) return is_public4(bytes + 2);
  for (size_t i = 0; i < sizeof(hidden6) / sizeof(hidden6[0]); i++)
    if (within(bytes, hidden6[i].bytes, hidden6[i].bits)) return false;
  return true;
}

bool gim_address_is_public(const uint8_t *bytes, size_t n) {
  if (n == 4) return is_public4(bytes);
  return n == 16 && is_public6(bytes);
}

bool gim_address_is_loopback(const uint8_t *bytes, size_t n) {
  static const uint8_t one[16] = {0, 0, 0, 0, 0, 0, 0, 0,
                                  0, 0, 0, 0, 0, 0, 0, 1};
  if (n == 4) return bytes[0] == 127;
  if (n != 16) return false;
  if (memcmp(bytes, mapped, 12) == 0) return bytes[12] == 127;
  return memcmp(bytes, one, 16) == 0;
}

static int hex_value(char c) {
  if (c >= '0' && c <= '9') return c - '0';
  if (c >= 'a' && c <= 'f') return c - 'a' + 10;
  if (c >= 'A' && c <= 'F') return c - 'A' + 10;
  return -1;
}

/* Four decimal numbers without leading zeros, which some read as octal. */
static bool parse4(gim_str s, uint8_t bytes[4]) {
  size_t i = 0;
  for (int part = 0; part < 4; part++) {
    int value = 0;
    size_t start = i;
    if (part > 0 && (i == s.n || s.p[i++] != '.')) return false;
    if (part > 0) start = i;
    while (i < s.n && s.p[i] >= '0' && s.p[i] <= '9' && i - start < 3)
      value = value * 10 + (s.p[i++] - '0');
    if (i == start || value > 255) return false;
    if (i - start > 1 && s.p[start] == '0') return false;
    bytes[part] = (uint8_t)value;
  }
  return i == s.n;
}

/* One group of one to four hexadecimal digits; moves `*at` behind it. */
static bool parse_group(gim_str s, size_t *at, unsigned *value) {
  size_t start = *at;
  *value = 0;
  while (*at < s.n && *at - start < 4 && hex_value(s.p[*at]) >= 0)
    *value = *value << 4 | (unsigned)hex_value(s.p[(*at)++]);
  return *at > start;
}

static bool parse6(gim_str s, uint8_t bytes[16]) {
  uint8_t out[16] = {0};
  size_t n = 0, i = 0, gap = 17; /* 17: no "::" yet */
  if (s.n >= 2 && s.p[0] == ':' && s.p[1] == ':') {
    gap = 0;
    i = 2;
  }
  while (i < s.n) {
    unsigned value;
    size_t start = i;
    if (n == 16) return false;
    if (!parse_group(s, &i, &value)) return false;
    if (i < s.n && s.p[i] == '.') {
      /* The last 32 bits may be written as an IPv4 address. */
      gim_str rest = {s.p + start, s.n - start};
      if (n > 12 || !parse4(rest, out + n)) return false;
      n += 4;
      break;
    }
    out[n++] = (uint8_t)(value >> 8);
    out[n++] = (uint8_t)(value & 0xFF);
    if (i == s.n) break;
    if (s.p[i++] != ':') return false;
    if (i < s.n && s.p[i] == ':') {
      if (gap != 17) return false;
      gap = n;
      i++;
    }
    else if (i == s.n)
      return false;
  }
  if (gap == 17 ? n != 16 : n > 14) return false;
  if (gap != 17) {
    memmove(out + gap + (16 - n), out + gap, n - gap);
    memset(out + gap, 0, 16 - n);
  }
  memcpy(bytes, out, 16);
  return true;
}

bool gim_address_parse(gim_str text, uint8_t bytes[16], size_t *n) {
  uint8_t four[4];
  if (parse4(text, four)) {
    memcpy(bytes, four, 4);
    *n = 4;
    return true;
  }
  if (!parse6(text, bytes)) return false;
  *n = 16;
  return true;
}

/* Does `host` equal `name`, or end in '.' and `name`? */
static bool under(gim_str host, gim_str name) {
  gim_str end;
  if (host.n == name.n) return gim_str_equal_nocase(host, name);
  if (host.n < name.n + 1 || host.p[host.n - name.n - 1] != '.') return false;
  end.p = host.p + host.n - name.n;
  end.n = name.n;
  return gim_str_equal_nocase(end, name);
}

/*
** Is the last label a number, decimal or 0x...? Then inet_aton, browsers and
** libcurl take the host for an address, however its other parts look.
*/
static bool ends_in_number(gim_str host) {
  size_t start = host.n, i;
  while (start > 0 && host.p[start - 1] != '.') start--;
  i = start;
  if (host.n - i >= 2 && host.p[i] == '0' && (host.p[i + 1] | 0x20) == 'x') {
    for (i += 2; i < host.n; i++)
      if (hex_value(host.p[i]) < 0) return false;
    return true;
  }
  for (; i < host.n; i++)
    if (host.p[i] < '0' || host.p[i] > '9') return false;
  return host.n > start;
}

static gim_host_kind judge_bytes(const uint8_t *bytes, size_t n) {
  if (gim_address_is_loopback(bytes, n)) return GIM_HOST_LOOPBACK;
  return gim_address_is_public(bytes, n) ? GIM_HOST_PUBLIC : GIM_HOST_INTERNAL;
}

gim_host_kind gim_address_judge(gim_str host) {
  uint8_t bytes[16];
  size_t n;
  if (host.n > 0 && host.p[host.n - 1] == '.') host.n--;
  if (host.n == 0) return GIM_HOST_UNCLEAR;
  if (gim_address_parse(host, bytes, &n)) return judge_bytes(bytes, n);
  if (memchr(host.p, ':', host.n) != NULL || ends_in_number(host))
    return GIM_HOST_UNCLEAR;
  if (under(host, GIM_STR("localhost"))) return GIM_HOST_LOOPBACK;
  if (memchr(host.p, '.', host.n) == NULL) return GIM_HOST_INTERNAL;
  if (under(host, GIM_STR("local")) || under(host, GIM_STR("internal")) ||
      under(host, GIM_STR("localdomain")) || under(host, GIM_STR("home.arpa")))
    return GIM_HOST_INTERNAL;
  return GIM_HOST_PUBLIC;
}
