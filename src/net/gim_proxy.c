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

const char *gim_proxy_find(const char *option, bool https, gim_str host) {
  const char *proxy = option;
  if (excluded(variable("no_proxy", "NO_PROXY"), host)) return NULL;
  if (proxy == NULL)
    proxy = https ? variable("https_proxy", "HTTPS_PROXY")
                  : variable("http_proxy", NULL);
  if (proxy == NULL) proxy = variable("all_proxy", "ALL_PROXY");
  return proxy != NULL && proxy[0] != '\0' ? proxy : NULL;
}
