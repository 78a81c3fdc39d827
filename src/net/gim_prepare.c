/* SPDX-License-Identifier: MIT */
#include "gim_prepare.h"

#include "gim_address.h"
#include "gim_brake.h"
#include "gim_proxy.h"
#include "gim_url.h"

#include <curl/curl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

/* Idle connections older than this are not used for what cannot be sent
   again by libcurl. */
#define POST_IDLE_S 4L
#define IDLE_S 118L /* libcurl's own default, for everything else */

/* Large ones halve the cost of receiving pictures; but what one holds is dealt
   with in one go, and when a budget ends in the middle the rest is copied. One
   is made for each transfer: for a query that takes half of the time. */
#define BUFFER_BYTES (256 * 1024L)
#define SMALL_BUFFER_BYTES (16 * 1024L)
#define BRIEF_BUFFER_BYTES (4 * 1024L)

/* What libcurl takes of a body at a time: its default, and its least. One is
   made for each POST: small ones move the end of the heap less often. */
#define UPLOAD_BYTES (64 * 1024L)
#define SMALL_UPLOAD_BYTES (16 * 1024L)

#define MORE_HEADERS 3 /* beside the caller's */

#define SET(option, value) (curl_easy_setopt(easy, option, value) == CURLE_OK)

/* With nothing about it that other queries do not have. */
static bool is_query(const gim_transfer_spec *spec) {
  return spec->transfer_class == GIM_CLASS_POLL && !spec->post &&
         !spec->connect_only && !spec->public_only && spec->resume_from <= 0;
}

/* All queries of a client have the headers of the first, which stay as they
   are: others may be under way with them. */
static gim_status list_headers(gim_transfer *t, const gim_transfer_spec *spec,
                               const char *const *more, void **list,
                               gim_err *err) {
  gim_headers *of = &t->headers, *shared = t->carrier->query_headers;
  if (is_query(spec)) {
    *list = gim_headers_find(shared, spec->headers, more);
    if (*list != NULL) return GIM_OK;
    if (gim_headers_is_empty(shared)) of = shared;
  }
  return gim_headers_set(of, spec->headers, more, list, err);
}

static gim_status set_headers(gim_transfer *t, const gim_transfer_spec *spec,
                              gim_err *err) {
  char line[160];
  const char *more[MORE_HEADERS + 1];
  int count = 0;
  void *list;
  gim_status status;
  /* Here: libcurl would write an option's twice for each request. */
  if (t->carrier->user_agent != NULL) more[count++] = t->carrier->user_agent;
  /* libcurl would wait a second for a 100 that few servers send. */
  if (spec->post) more[count++] = "Expect:";
  if (spec->resume_from > 0 && spec->if_range != NULL) {
    int n = snprintf(line, sizeof(line), "If-Range: %s", spec->if_range);
    if (n < 0 || (size_t)n >= sizeof(line) || strpbrk(line, "\r\n") != NULL)
      return gim_fail(err, GIM_E_INVALID, "if_range is no ETag");
    more[count++] = line;
  }
  more[count] = NULL;
  status = list_headers(t, spec, more, &list, err);
  if (status != GIM_OK) return status;
  return curl_easy_setopt(t->easy, CURLOPT_HTTPHEADER,
                          (struct curl_slist *)list) == CURLE_OK
             ? GIM_OK
             : GIM_E_NO_MEMORY;
}

static bool set_method(gim_transfer *t, const gim_transfer_spec *spec) {
  CURL *easy = t->easy;
  char range[32];
  const char *wanted = NULL;
  bool small;
  if (spec->resume_from > 0) {
    (void)snprintf(range, sizeof(range), "%lld-",
                   (long long)spec->resume_from);
    wanted = range;
  }
  if (!SET(CURLOPT_RANGE, wanted) ||
      !SET(CURLOPT_CONNECT_ONLY, spec->connect_only ? 1L : 0L))
    return false;
  if (!spec->post) return SET(CURLOPT_HTTPGET, 1L);
  small = t->parts == NULL && spec->body_n <= SMALL_UPLOAD_BYTES;
  if (!SET(CURLOPT_UPLOAD_BUFFERSIZE,
           small ? SMALL_UPLOAD_BYTES : UPLOAD_BYTES))
    return false;
  if (t->parts != NULL) return gim_parts_apply(t->parts);
  return SET(CURLOPT_POST, 1L) &&
         SET(CURLOPT_POSTFIELDSIZE_LARGE, (curl_off_t)spec->body_n);
}

/* Public links: the decision about the proxy is ours, see gim_proxy.h. */
static bool set_route(gim_transfer *t, const gim_transfer_spec *spec,
                      const gim_url *url) {
  CURL *easy = t->easy;
  const char *proxy = t->carrier->proxy;
  const char *exceptions = NULL;
  if (spec->public_only) {
    proxy = gim_proxy_find(proxy, url->https, url->host);
    t->check_address = proxy == NULL;
    if (proxy == NULL) proxy = "";
  }
  /* Decided: libcurl is not to look at the environment. */
  if (spec->public_only || (proxy != NULL && proxy[0] == '\0'))
    exceptions = "";
#if !GIM_HAVE_PREREQ
  /* Nobody could look at the address of a connection that stands already. */
  if (!SET(CURLOPT_FRESH_CONNECT, t->check_address ? 1L : 0L)) return false;
#endif
  return SET(CURLOPT_PROXY, proxy) && SET(CURLOPT_NOPROXY, exceptions);
}

/*
** libcurl leaves its buffer to a transfer that shared its connection (HTTP/2)
** and has ended, and refuses to change the size of one that is there (7.88):
** any will do.
*/
static bool set_buffer(gim_transfer *t, const gim_transfer_spec *spec) {
  bool brief = spec->brief || spec->transfer_class == GIM_CLASS_POLL;
  long bytes = brief                         ? BRIEF_BUFFER_BYTES
               : t->carrier->brake->budgeted ? SMALL_BUFFER_BYTES
                                             : BUFFER_BYTES;
  CURLcode code = curl_easy_setopt(t->easy, CURLOPT_BUFFERSIZE, bytes);
  return code == CURLE_OK || code == CURLE_BAD_FUNCTION_ARGUMENT;
}

/* Is this all of a URL from its path on, and can the path stand in a URL's
   parts as it is: would libcurl, given the whole URL, change nothing in it
   either? */
static bool is_plain(const char *path) {
  gim_str all = gim_str_of(path);
  return path[0] == '/' && gim_str_plain(all) == all.n &&
         strpbrk(path, " %?#\\") == NULL && strstr(path, "/.") == NULL;
}

/*
** The path of a query that is made where the handle made the last one: what
** libcurl was told then is true of this one as well, but for the path and the
** headers. NULL: it is another request.
*/
static const char *next_path(const gim_transfer *t,
                             const gim_transfer_spec *spec) {
  size_t n;
  if (!t->queried || !is_query(spec)) return NULL;
  n = strlen(t->origin);
  if (strncmp(spec->url, t->origin, n) != 0 ||
      strlen(spec->url) > GIM_LIMIT_URL)
    return NULL;
  return is_plain(spec->url + n) ? spec->url + n : NULL;
}

/* `t->parsed` becomes a URL of the same origin (scheme, host and port). */
static bool parse(gim_transfer *t, const char *text, gim_str origin) {
  CURLU *parsed;
  if (t->origin != NULL && gim_str_equal(gim_str_of(t->origin), origin))
    return true;
  free(t->origin);
  t->origin = NULL;
  if (t->parsed == NULL) t->parsed = curl_url();
  parsed = t->parsed;
  if (parsed == NULL ||
      curl_url_set(parsed, CURLUPART_URL, text, CURLU_PATH_AS_IS) != CURLUE_OK)
    return false;
  t->origin = gim_str_copy(origin);
  return t->origin != NULL;
}

static bool set_path(gim_transfer *t, const char *path) {
  return curl_url_set(t->parsed, CURLUPART_PATH, path, 0) == CURLUE_OK;
}

/*
** Taking a URL apart and putting it together again is a seventh of what
** libcurl does for a query. Queries differ in their paths alone: the rest is
** kept as libcurl took it apart the last time. What is out of the ordinary,
** and all links to pictures, it parses anew.
*/
static bool set_url(gim_transfer *t, const gim_transfer_spec *spec,
                    const gim_url *url) {
  CURL *easy = t->easy;
  gim_str origin = {spec->url, (size_t)(url->path.p - spec->url)};
  bool kept = t->lane != GIM_LANE_DOWNLOADS && is_plain(url->path.p) &&
              parse(t, spec->url, origin) && set_path(t, url->path.p);
  t->queried = kept && is_query(spec);
  /* CURLOPT_URL all the same: libcurl would put one together. */
  return SET(CURLOPT_CURLU, kept ? t->parsed : NULL) &&
         SET(CURLOPT_URL, spec->url);
}

static bool set_limits(gim_transfer *t, const gim_transfer_spec *spec,
                       const gim_url *url) {
  CURL *easy = t->easy;
  /* No CURLOPT_TIMEOUT: libcurl would count the time that the host keeps a
     transfer waiting. The net judges. */
  return SET(CURLOPT_MAXAGE_CONN, spec->post ? POST_IDLE_S : IDLE_S) &&
         set_buffer(t, spec) &&
         /* Worth waiting only where HTTP/2 can come of it: on plain http the
            others would wait for the first reply, which may take minutes. */
         SET(CURLOPT_PIPEWAIT,
             url->https && t->lane != GIM_LANE_DOWNLOADS ? 1L : 0L) &&
         set_url(t, spec, url);
}

static gim_status check_url(gim_transfer *t, const gim_transfer_spec *spec,
                            gim_url *url, gim_err *err) {
  gim_url_fault fault =
      gim_url_split(gim_str_of(spec->url), GIM_LIMIT_URL, url);
  if (fault != GIM_URL_OK)
    return gim_fail(err, GIM_E_INVALID, "the URL %s",
                    gim_url_fault_text(fault));
  if (spec->public_only && gim_address_judge(url->host) != GIM_HOST_PUBLIC) {
    char host[128];
    gim_copy_text(host, sizeof(host), url->host);
    return gim_fail(err, GIM_E_INVALID, "the host %s is not public", host);
  }
  gim_copy_text(t->host, sizeof(t->host), url->host);
  return GIM_OK;
}

static gim_status set_request(gim_transfer *t, const gim_transfer_spec *spec,
                              gim_err *err) {
  CURL *easy = t->easy;
  gim_url url;
  gim_status status;
  const char *path = next_path(t, spec);
  if (path != NULL) {
    if (!set_path(t, path) || !SET(CURLOPT_URL, spec->url))
      return GIM_E_NO_MEMORY;
    return set_headers(t, spec, err);
  }
  status = check_url(t, spec, &url, err);
  if (status == GIM_OK && spec->post && spec->parts_n > 0)
    status = gim_parts_open(&t->parts, t->easy, spec->parts, spec->parts_n,
                            &t->handed, err);
  if (status == GIM_OK) status = set_headers(t, spec, err);
  if (status == GIM_OK && !(set_method(t, spec) && set_route(t, spec, &url) &&
                            set_limits(t, spec, &url)))
    status = GIM_E_NO_MEMORY;
  return status;
}

gim_status gim_prepare(gim_transfer *t, const gim_transfer_spec *spec,
                       const gim_transfer_callbacks *calls, void *ud,
                       gim_err *err) {
  gim_status status = set_request(t, spec, err);
  if (status != GIM_OK) {
    gim_transfer_clear(t);
    if (status == GIM_E_NO_MEMORY)
      return gim_fail(err, status, "not enough memory for a request");
    return status;
  }
  t->transfer_class = spec->transfer_class;
  t->calls = *calls;
  t->ud = ud;
  t->post = spec->post;
  t->connect_only = spec->connect_only;
  t->body = spec->body;
  t->body_n = !spec->post        ? 0
              : t->parts != NULL ? gim_parts_total(t->parts)
                                 : spec->body_n;
  t->timeout_ms =
      spec->transfer_class == GIM_CLASS_PAID ? 0 : spec->timeout_ms;
  t->max_bytes = spec->max_bytes;
  t->began_ms = gim_brake_stood_ms(t->carrier->brake);
  t->detail[0] = '\0';
  t->state = GIM_TRANSFER_RUNNING;
  return GIM_OK;
}
