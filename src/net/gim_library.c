/* SPDX-License-Identifier: MIT */
#include "gim_library.h"

#include <curl/curl.h>
#include <pthread.h>

static pthread_once_t global_once = PTHREAD_ONCE_INIT;
static CURLcode global_result = CURLE_FAILED_INIT;

/* Never undone: other users of libcurl in the process would suffer. */
static void global_init(void) {
  global_result = curl_global_init(CURL_GLOBAL_ALL);
}

gim_status gim_library_start(gim_err *err) {
  const curl_version_info_data *v;
  pthread_once(&global_once, global_init);
  if (global_result != CURLE_OK)
    return gim_fail(err, GIM_E_NO_MEMORY, "libcurl cannot start: %s",
                    curl_easy_strerror(global_result));
  v = curl_version_info(CURLVERSION_NOW);
  if (!(v->features & CURL_VERSION_SSL))
    return gim_fail(err, GIM_E_INVALID,
                    "this libcurl (%s) has no TLS: install another build",
                    v->version);
  if (!(v->features & CURL_VERSION_ASYNCHDNS))
    return gim_fail(err, GIM_E_INVALID,
                    "this libcurl (%s) resolves names without threads and "
                    "would block: install another build",
                    v->version);
  return GIM_OK;
}

bool gim_library_blocks(void) {
  return curl_version_info(CURLVERSION_NOW)->version_num < 0x075700;
}

void *gim_library_share(void) {
  CURLSH *share = curl_share_init();
  if (share == NULL) return NULL;
  if (curl_share_setopt(share, CURLSHOPT_SHARE, CURL_LOCK_DATA_DNS) ==
          CURLSHE_OK &&
      curl_share_setopt(share, CURLSHOPT_SHARE, CURL_LOCK_DATA_SSL_SESSION) ==
          CURLSHE_OK)
    return share;
  (void)curl_share_cleanup(share);
  return NULL;
}
