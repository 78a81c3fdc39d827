/* SPDX-License-Identifier: MIT */
#include "gim_proxy.h"

#include <stdlib.h>
#include <string.h>

static const char *variable(const char *name, const char *other) {
  const char *value = getenv(name);
  if ((value == NULL || value[0] == '\0') && other != NULL)
    value = getenv(other);
  return value != NULL && value[0] != '\0' ? value : NULL;
}

/* "example.com" and ".example.com" both name example.com and all below. */
static bool names(gim_str token, gim_str host) {
  if (token.n > 0 && token.p[0] == '.') {
    token.p++;
    token.n--;
  }
  if (token.n > 0 && token.p[token.n - 1] == '.') token.n--;
  if (token.n == 0 || token.n > host.n) return false;
  if (token.n < host.n && host.p[host.n - token.n - 1] != '.') return false;
  return gim_str_equal_nocase(token,
                              (gim_str){host.p + host.n - token.n, token.n});
}

static bool excluded(const char *list, gim_str host) {
  if (list == NULL) return false;
  if (strcmp(list, "*") == 0) return true;
  if (host.n > 0 && host.p[host.n - 1] == '.') host.n--;
  while (*list != '\0') {
    size_t n = strcspn(list, ", \t");
    if (n > 0 && names((gim_str){list, n}, host)) return true;
    list += n;
    list += strspn(list, ", \t");
  }
  return false;
}

/* Behind "scheme://"; `*scheme` is empty where there is none. */
static gim_str skip_scheme(gim_str proxy, gim_str *scheme) {
  *scheme = (gim_str){proxy.p, 0};
  for (size_t i = 0; i + 2 < proxy.n; i++)
    if (memcmp(proxy.p + i, "://", 3) == 0) {
      scheme->n = i;
      return (gim_str){proxy.p + i + 3, proxy.n - i - 3};
    }
  return proxy;
}

gim_str gim_proxy_place(gim_str proxy) {
  gim_str scheme, place = skip_scheme(proxy, &scheme);
  size_t at;
  /* The last @: whatever a password is made of, none of it is shown. */
  for (at = place.n; at > 0 && place.p[at - 1] != '@';) at--;
  place = (gim_str){place.p + at, place.n - at};
  for (at = 0; at < place.n && memchr("/?#", place.p[at], 3) == NULL;) at++;
  return (gim_str){place.p, at};
}

static bool is_scheme(gim_str scheme) {
  static const char *const known[] = {"http",    "https",  "socks4",
                                      "socks4a", "socks5", "socks5h"};
  if (scheme.n == 0) return true;
  for (size_t i = 0; i < sizeof(known) / sizeof(known[0]); i++)
    if (gim_str_equal_nocase(scheme, gim_str_of(known[i]))) return true;
  return false;
}

/* The end of `place`: nothing, or a port. */
static bool is_port(gim_str place) {
  long port = 0;
  if (place.n == 0) return true;
  if (place.p[0] != ':' || place.n < 2 || place.n > 6) return false;
  for (size_t i = 1; i < place.n; i++) {
    if (place.p[i] < '0' || place.p[i] > '9') return false;
    port = port * 10 + (place.p[i] - '0');
  }
  return port >= 1 && port <= 65535;
}

const char *gim_proxy_fault(gim_str proxy) {
  gim_str scheme, rest = skip_scheme(proxy, &scheme);
  gim_str place = gim_proxy_place(proxy);
  size_t end = (size_t)(place.p - rest.p) + place.n, n = 0;
  for (size_t i = 0; i < proxy.n; i++)
    if (proxy.p[i] <= 0x20 || proxy.p[i] >= 0x7F || proxy.p[i] == '\\')
      return "holds a space or another character that no URL has";
  if (!is_scheme(scheme) || (scheme.n == 0 && rest.p != proxy.p))
    return "begins with none of http://, https://, socks4://, socks4a://, "
           "socks5:// and socks5h://";
  if (end < rest.n && !(end + 1 == rest.n && rest.p[end] == '/'))
    return "has something behind its host and port";
  if (place.n > 0 && place.p[0] == '[') {
    const char *close = memchr(place.p, ']', place.n);
    n = close == NULL ? 0 : (size_t)(close - place.p) + 1;
    if (n < 4) return "names no host"; /* "[::]" */
  }
  else
    while (n < place.n && place.p[n] != ':') n++;
  if (n == 0) return "names no host";
  if (!is_port((gim_str){place.p + n, place.n - n})) return "has no such port";
  return NULL;
}

bool gim_proxy_is_named(void) {
  return variable("http_proxy", NULL) != NULL ||
         variable("https_proxy", "HTTPS_PROXY") != NULL ||
         variable("all_proxy", "ALL_PROXY") != NULL;
}

const char *gim_proxy_find(const char *option, bool https, gim_str host) {
  const char *proxy = option;
  if (excluded(variable("no_proxy", "NO_PROXY"), host)) return NULL;
  if (proxy == NULL)
    proxy = https ? variable("https_proxy", "HTTPS_PROXY")
                  : variable("http_proxy", NULL);
  if (proxy == NULL) proxy = variable("all_proxy", "ALL_PROXY");
  return proxy != NULL && proxy[0] != '\0' ? proxy : NULL;
}
