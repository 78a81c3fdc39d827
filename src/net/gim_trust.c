/* SPDX-License-Identifier: MIT */
#include "gim_trust.h"

#include <curl/curl.h>
#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#define MAX_BUNDLE (8 * 1024 * 1024)
#define BEGIN "-----BEGIN "

#if LIBCURL_VERSION_NUM >= 0x074d00 /* 7.77.0 */
#define HAVE_BLOB 1
#else
#define HAVE_BLOB 0
#endif

/* libcurl's compiled-in bundle and folder; NULL where there is none. */
static void system_paths(const char **bundle, const char **folder) {
  const curl_version_info_data *v = curl_version_info(CURLVERSION_NOW);
  *bundle = *folder = NULL;
#if LIBCURL_VERSION_NUM >= 0x074600 /* 7.70.0 */
  if (v->age >= CURLVERSION_SEVENTH) {
    *bundle = v->cainfo;
    *folder = v->capath;
  }
#else
  (void)v;
#endif
}

/* The whole file at the end of *to. False: errno says why. */
static bool append_file(const char *path, char **to, size_t *n) {
  struct stat st;
  char *grown;
  size_t want;
  int fd = open(path, O_RDONLY | O_CLOEXEC);
  bool fine = false;
  if (fd < 0) return false;
  if (fstat(fd, &st) != 0) goto done;
  if (!S_ISREG(st.st_mode) || st.st_size > MAX_BUNDLE) {
    errno = S_ISDIR(st.st_mode) ? EISDIR : EFBIG;
    goto done;
  }
  want = (size_t)st.st_size;
  grown = realloc(*to, *n + want + 2);
  if (grown == NULL) {
    errno = ENOMEM;
    goto done;
  }
  *to = grown;
  while (want > 0) {
    ssize_t got = read(fd, *to + *n, want);
    if (got < 0 && errno == EINTR) continue;
    if (got < 0) goto done;
    if (got == 0) break;
    *n += (size_t)got;
    want -= (size_t)got;
  }
  (*to)[(*n)++] = '\n'; /* the next file's first line stands alone */
  (*to)[*n] = '\0';
  fine = true;
done:
  close(fd);
  return fine;
}

gim_status gim_trust_init(gim_trust *trust, const char *ca_file,
                          gim_err *err) {
  const char *bundle, *folder;
  char *text = NULL;
  size_t n = 0;
  memset(trust, 0, sizeof(*trust));
  if (ca_file == NULL) return GIM_OK;
  if (!append_file(ca_file, &text, &n)) {
    if (errno == ENOMEM) goto no_memory;
    gim_fail(err, GIM_E_INVALID, "ca_file \"%.160s\" cannot be read: %s",
             ca_file, strerror(errno));
    goto refused;
  }
  if (strstr(text, BEGIN "CERTIFICATE") == NULL &&
      strstr(text, BEGIN "TRUSTED CERTIFICATE") == NULL &&
      strstr(text, BEGIN "X509 CERTIFICATE") == NULL) {
    gim_fail(err, GIM_E_INVALID,
             "ca_file \"%.160s\" holds no certificate in PEM form", ca_file);
    goto refused;
  }
  trust->ca_file = strdup(ca_file);
  if (trust->ca_file == NULL) goto no_memory;
  system_paths(&bundle, &folder);
  if (HAVE_BLOB && folder == NULL && bundle != NULL) {
    /* A system bundle that is not there adds nothing, as in libcurl. */
    if (!append_file(bundle, &text, &n) && errno == ENOMEM) goto no_memory;
    trust->blob = text;
    trust->blob_n = n;
    return GIM_OK;
  }
  free(text);
  return GIM_OK;
no_memory:
  gim_fail(err, GIM_E_NO_MEMORY, "not enough memory to read ca_file");
refused:
  if (err != NULL)
    gim_copy_text(err->field, sizeof(err->field), GIM_STR("ca_file"));
  free(text);
  gim_trust_free(trust);
  return err != NULL ? err->status : GIM_E_INVALID;
}

bool gim_trust_apply(const gim_trust *trust, void *easy) {
  const char *bundle, *folder;
  system_paths(&bundle, &folder);
  if (trust->ca_file == NULL) {
    /* Without the folder the parsed bundle is kept (see the header); only
       where the bundle is really there. */
    if (bundle != NULL && access(bundle, R_OK) == 0 &&
        curl_easy_setopt(easy, CURLOPT_CAPATH, NULL) != CURLE_OK)
      return false;
#if LIBCURL_VERSION_NUM >= 0x075700 /* 7.87.0 */
    (void)curl_easy_setopt(easy, CURLOPT_CA_CACHE_TIMEOUT, -1L);
#endif
    return true;
  }
#if HAVE_BLOB
  if (trust->blob != NULL) {
    struct curl_blob blob;
    blob.data = trust->blob;
    blob.len = trust->blob_n;
    blob.flags = CURL_BLOB_NOCOPY;
    return curl_easy_setopt(easy, CURLOPT_CAINFO_BLOB, &blob) == CURLE_OK;
  }
#endif
  /* The folder stays what it is: its files are looked up one by one. */
  return curl_easy_setopt(easy, CURLOPT_CAINFO, trust->ca_file) == CURLE_OK;
}

void gim_trust_free(gim_trust *trust) {
  free(trust->ca_file);
  free(trust->blob);
  memset(trust, 0, sizeof(*trust));
}
