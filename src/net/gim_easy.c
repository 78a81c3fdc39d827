/* SPDX-License-Identifier: MIT */
#include "gim_easy.h"

#include <curl/curl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

/* A synchronous reply takes minutes, and routers forget silent connections. */
#define KEEPALIVE_IDLE_S 30L
#define KEEPALIVE_EVERY_S 15L

/* Improvements, not needs: a libcurl that does not know them will do. */
static bool fine(CURLcode code) {
  return code == CURLE_OK || code == CURLE_UNKNOWN_OPTION ||
         code == CURLE_NOT_BUILT_IN;
}

#define SET(option, value) (curl_easy_setopt(easy, option, value) == CURLE_OK)
#define TRY(option, value) fine(curl_easy_setopt(easy, option, value))

static bool set_protocols(CURL *easy) {
#if LIBCURL_VERSION_NUM >= 0x075500 /* 7.85.0 */
  return SET(CURLOPT_PROTOCOLS_STR, "http,https");
#else
  return SET(CURLOPT_PROTOCOLS, (long)(CURLPROTO_HTTP | CURLPROTO_HTTPS));
#endif
}

#define USER_AGENT "User-Agent: "

bool gim_easy_agent(const char *name, char **line) {
  size_t n = name == NULL ? 0 : sizeof(USER_AGENT) + strlen(name);
  *line = n == 0 ? NULL : malloc(n);
  if (*line != NULL) (void)snprintf(*line, n, USER_AGENT "%s", name);
  return n == 0 || *line != NULL;
}

/* Requests have it among their headers. Where there is a proxy, it is told who
   asks it for a tunnel. */
static bool set_user_agent(CURL *easy, const gim_carrier *carrier) {
  bool proxied = carrier->proxy == NULL || carrier->proxy[0] != '\0';
  if (!proxied || carrier->user_agent == NULL) return true;
  return SET(CURLOPT_USERAGENT, carrier->user_agent + sizeof(USER_AGENT) - 1);
}

static bool set_for_good(CURL *easy, const gim_carrier *carrier, bool http2) {
  return set_protocols(easy) && SET(CURLOPT_NOSIGNAL, 1L) &&
         SET(CURLOPT_SHARE, carrier->share) && set_user_agent(easy, carrier) &&
         SET(CURLOPT_CONNECTTIMEOUT_MS, (long)carrier->connect_timeout_ms) &&
         SET(CURLOPT_FOLLOWLOCATION, 0L) &&
         SET(CURLOPT_SUPPRESS_CONNECT_HEADERS, 1L) &&
         SET(CURLOPT_PATH_AS_IS, 1L) &&
         TRY(CURLOPT_DISALLOW_USERNAME_IN_URL, 1L) &&
         TRY(CURLOPT_TCP_KEEPALIVE, 1L) &&
         TRY(CURLOPT_TCP_KEEPIDLE, KEEPALIVE_IDLE_S) &&
         TRY(CURLOPT_TCP_KEEPINTVL, KEEPALIVE_EVERY_S) &&
#if LIBCURL_VERSION_NUM >= 0x075700 /* 7.87.0 */
         /* Nobody waits for a resolver that takes its time. */
         TRY(CURLOPT_QUICK_EXIT, 1L) &&
#endif
         TRY(CURLOPT_HTTP_VERSION,
             (long)(http2 ? CURL_HTTP_VERSION_2TLS : CURL_HTTP_VERSION_1_1)) &&
         gim_trust_apply(&carrier->trust, easy);
}

void *gim_easy_new(const gim_carrier *carrier, bool http2) {
  CURL *easy = curl_easy_init();
  if (easy == NULL) return NULL;
  if (set_for_good(easy, carrier, http2)) return easy;
  curl_easy_cleanup(easy);
  return NULL;
}
