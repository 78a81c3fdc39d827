/* SPDX-License-Identifier: MIT */
#include "gim_easy.h"

#include <curl/curl.h>

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

static bool set_for_good(CURL *easy, const gim_carrier *carrier, bool http2) {
  return set_protocols(easy) && SET(CURLOPT_NOSIGNAL, 1L) &&
         SET(CURLOPT_SHARE, carrier->share) &&
         SET(CURLOPT_USERAGENT, carrier->user_agent) &&
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
