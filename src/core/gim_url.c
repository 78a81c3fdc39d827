/* SPDX-License-Identifier: MIT */
#include "gim_url.h"

#include <string.h>

#define HOST_MAX 253 /* RFC 1035: 255 on the wire, less two length bytes */
#define LABEL_MAX 63

static gim_str slice(const char *from, const char *to) {
  gim_str s;
  s.p = from;
  s.n = (size_t)(to - from);
  return s;
}

/* The first byte of [p, end) that is in `set`, or `end`. */
static const char *find(const char *p, const char *end, const char *set) {
  size_t n = p < end ? (size_t)(end - p) : 0;
  for (; *set != '\0' && n > 0; set++) {
    const char *first = memchr(p, *set, n);
    if (first != NULL) n = (size_t)(first - p);
  }
  return p + n;
}

/* No white space, control character or backslash; eight bytes at a time. */
static bool is_plain(const char *p, size_t n) {
  const uint64_t ones = 0x0101010101010101u, tops = ones * 0x80;
  uint64_t w, delete, backslash;
  for (; n >= sizeof(w); p += sizeof(w), n -= sizeof(w)) {
    memcpy(&w, p, sizeof(w));
    delete = w ^ ones * 0x7F;
    backslash = w ^ ones * '\\';
    /* What is not ASCII hides what is carried from it: looked at below. */
    if ((w | (w - ones * 0x21) | (delete - ones) | (backslash - ones)) & tops)
      break;
  }
  for (; n > 0; p++, n--)
    if ((unsigned char)*p <= 0x20 || *p == 0x7F || *p == '\\') return false;
  return true;
}

static bool is_digit(char c) {
  return c >= '0' && c <= '9';
}

static bool is_hex(char c) {
  return is_digit(c) || (c >= 'a' && c <= 'f') || (c >= 'A' && c <= 'F');
}

static bool is_host_character(char c) {
  return is_digit(c) || (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') ||
         c == '-' || c == '_';
}

/* Labels of [A-Za-z0-9_-], none empty; one dot at the end is allowed. */
static bool host_is_plain(gim_str host) {
  size_t label = 0;
  size_t n = host.n;
  if (n > 0 && host.p[n - 1] == '.') n--;
  if (n == 0 || n > HOST_MAX) return false;
  for (size_t i = 0; i < n; i++) {
    if (host.p[i] == '.') {
      if (label == 0) return false;
      label = 0;
    }
    else if (!is_host_character(host.p[i]) || ++label > LABEL_MAX)
      return false;
  }
  return label > 0;
}

/* Only the alphabet: what the groups mean is gim_address's matter. */
static bool host_is_ipv6(gim_str host) {
  bool colon = false;
  if (host.n < 2 || host.n > 45) return false;
  for (size_t i = 0; i < host.n; i++) {
    if (host.p[i] == ':')
      colon = true;
    else if (!is_hex(host.p[i]) && host.p[i] != '.')
      return false;
  }
  return colon;
}

static bool read_port(gim_str s, int *port) {
  int value = 0;
  if (s.n == 0 || s.n > 5 || s.p[0] == '0') return false;
  for (size_t i = 0; i < s.n; i++) {
    if (!is_digit(s.p[i])) return false;
    value = value * 10 + (s.p[i] - '0');
  }
  if (value > 65535) return false;
  *port = value;
  return true;
}

/* [p, end) is what stands between "//" and the path. */
static gim_url_fault split_authority(const char *p, const char *end,
                                     gim_url *url) {
  const char *host_end;
  if (memchr(p, '@', (size_t)(end - p)) != NULL) return GIM_URL_USER_INFO;
  if (p < end && *p == '[') {
    host_end = find(p, end, "]");
    if (host_end == end) return GIM_URL_HOST;
    url->host = slice(p + 1, host_end);
    url->ipv6 = true;
    if (!host_is_ipv6(url->host)) return GIM_URL_HOST;
    host_end++;
    if (host_end < end && *host_end != ':') return GIM_URL_HOST;
  }
  else {
    host_end = find(p, end, ":");
    url->host = slice(p, host_end);
    if (!host_is_plain(url->host)) return GIM_URL_HOST;
  }
  if (host_end == end) return GIM_URL_OK;
  url->has_port = true;
  if (!read_port(slice(host_end + 1, end), &url->port)) return GIM_URL_PORT;
  return GIM_URL_OK;
}

gim_url_fault gim_url_split(gim_str text, size_t limit, gim_url *to) {
  const gim_str http = GIM_STR("http"), https = GIM_STR("https");
  const char *p = text.p, *end, *authority, *authority_end;
  gim_url url;
  gim_url_fault fault;
  memset(&url, 0, sizeof(url));
  if (text.n == 0) return GIM_URL_SCHEME;
  if (text.n > limit) return GIM_URL_TOO_LONG;
  end = p + text.n;
  if (!is_plain(p, text.n)) return GIM_URL_CHARACTER;
  authority = find(p, end, ":");
  url.scheme = slice(p, authority);
  url.https = gim_str_equal_nocase(url.scheme, https);
  if (!url.https && !gim_str_equal_nocase(url.scheme, http))
    return GIM_URL_SCHEME;
  url.port = url.https ? 443 : 80;
  if (end - authority < 3 || memcmp(authority, "://", 3) != 0)
    return GIM_URL_SCHEME;
  authority += 3;
  authority_end = find(authority, end, "/?#");
  fault = split_authority(authority, authority_end, &url);
  if (fault != GIM_URL_OK) return fault;
  end = find(authority_end, end, "#");
  url.target = slice(authority_end, end);
  url.path = slice(authority_end, find(authority_end, end, "?"));
  *to = url;
  return GIM_URL_OK;
}

const char *gim_url_fault_name(gim_url_fault fault) {
  switch (fault) {
  case GIM_URL_OK: return "ok";
  case GIM_URL_TOO_LONG: return "too_long";
  case GIM_URL_CHARACTER: return "character";
  case GIM_URL_SCHEME: return "scheme";
  case GIM_URL_USER_INFO: return "user_info";
  case GIM_URL_HOST: return "host";
  case GIM_URL_PORT: return "port";
  }
  return "host";
}

const char *gim_url_fault_text(gim_url_fault fault) {
  switch (fault) {
  case GIM_URL_OK: return "is well-formed";
  case GIM_URL_TOO_LONG: return "is too long";
  case GIM_URL_CHARACTER:
    return "holds a space, a control character or a backslash";
  case GIM_URL_SCHEME: return "does not begin with http:// or https://";
  case GIM_URL_USER_INFO: return "holds a user name or password";
  case GIM_URL_PORT: return "has a port that is no number from 1 to 65535";
  case GIM_URL_HOST: break;
  }
  return "has no host, or one with characters that no host has";
}

static bool is_unreserved(unsigned char c) {
  return (c | 0x20u) - 'a' < 26 || c - (unsigned)'0' < 10 || c == '-' ||
         c == '_' || c == '.' || c == '~';
}

size_t gim_url_write_segment(char *to, gim_str text) {
  static const char digits[] = "0123456789ABCDEF";
  bool dots = text.n <= 2; /* what may be "." or ".." */
  char *p = to;
  size_t i = 0;
  while (i < text.n && is_unreserved((unsigned char)text.p[i])) i++;
  if (i == text.n && !dots) { /* as nearly always */
    memcpy(to, text.p, text.n);
    return text.n;
  }
  for (i = 0; i < text.n; i++) {
    unsigned char c = (unsigned char)text.p[i];
    if (is_unreserved(c) && !(c == '.' && dots)) {
      *p++ = (char)c;
      continue;
    }
    *p++ = '%';
    *p++ = digits[c >> 4];
    *p++ = digits[c & 15];
  }
  return (size_t)(p - to);
}
