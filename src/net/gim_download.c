/* SPDX-License-Identifier: MIT */
#include "gim_download.h"

#include "gim_address.h"
#include "gim_backoff.h"
#include "gim_buffer.h"
#include "gim_image.h"
#include "gim_url.h"

#include <curl/curl.h>
#include <inttypes.h>
#include <stdlib.h>
#include <string.h>

struct gim_download {
  gim_net *net;
  gim_transfer *transfer; /* NULL between two hops */
  gim_download_done on_done;
  void *ud;
  gim_sink *sink;
  gim_resume *resume;
  gim_str secret;
  char *url;          /* OWNED; of the hop under way */
  char *private_host; /* OWNED; "" when there is none */
  gim_err err;        /* what on_head or on_data found; GIM_OK: nothing */
  int64_t timeout_ms;
  int64_t resume_from; /* of the hop under way */
  int64_t held_ms;     /* in those before */
  int hops;
  int64_t max_bytes;
  bool reference;
  bool allow_private;
  bool redirected;      /* this hop's answer names another link */
  bool looked;          /* the first bytes were judged */
  gim_writer_wait room; /* for more bytes in the sink */
};

static void release(gim_download *d) {
  gim_writer_forget(&d->room);
  free(d->url);
  free(d->private_host);
  free(d);
}

/* May this link be followed at all? Says whether its host must be public. */
static gim_status judge(const gim_download *d, const char *text,
                        bool *public_only, gim_err *err) {
  gim_url url;
  gim_url_fault fault = gim_url_split(gim_str_of(text), GIM_LIMIT_URL, &url);
  bool own;
  if (fault != GIM_URL_OK)
    return gim_fail(err, GIM_E_PROTOCOL,
                    "The picture's link is not followed: it %s.",
                    gim_url_fault_text(fault));
  own = d->private_host[0] != '\0' &&
        gim_str_equal_nocase(url.host, gim_str_of(d->private_host));
  *public_only = !d->allow_private && !own;
  if (!url.https && *public_only)
    return gim_fail(err, GIM_E_PROTOCOL,
                    "The picture's link is not followed: it is plain http. "
                    "`allow_private` would follow it.");
  if (*public_only && gim_address_judge(url.host) != GIM_HOST_PUBLIC)
    return gim_fail(err, GIM_E_PROTOCOL,
                    "The picture's link is not followed: its host is not "
                    "public. `allow_private` would follow it.");
  return GIM_OK;
}

/* An answer that brings no picture. */
static gim_status refuse_status(gim_download *d, const gim_response *r) {
  gim_status status;
  int http = r->http_status;
  bool expired = http == 403 || http == 404 || http == 410;
  if (expired && d->reference)
    status = gim_fail(&d->err, GIM_E_NOT_FOUND,
                      "The picture's link answers %d: it cannot be fetched "
                      "there.",
                      http);
  else if (expired)
    status =
        gim_fail(&d->err, GIM_E_NOT_FOUND,
                 "The picture's link answers %d: links live 24 hours.", http);
  else if (http == 429)
    status = gim_fail(&d->err, GIM_E_RATE_LIMITED,
                      "Too many downloads (429). Try again later.");
  else if (http >= 500 || http == 408)
    status = gim_fail(&d->err, GIM_E_SERVER,
                      "The picture's host answers %d. Try again later.", http);
  else
    status = gim_fail(&d->err, GIM_E_PROTOCOL,
                      "The picture's host answers %d.", http);
  /* A new link is another thing with other tags. */
  if (expired) d->resume->etag[0] = '\0';
  d->err.http_status = http;
  d->err.retryable = http == 429 || http >= 500 || http == 408;
  d->err.retry_after_ms =
      gim_backoff_told_ms(gim_str_of(r->retry_after_ms),
                          gim_str_of(r->retry_after), gim_net_unix_s());
  return status;
}

/* Does "bytes 100-199/200" begin where we asked? */
static bool continues(const char *content_range, int64_t from) {
  char wanted[32];
  int n = 0;
  for (int64_t rest = from; n == 0 || rest > 0; rest /= 10)
    wanted[n++] = (char)('0' + rest % 10);
  if (strncmp(content_range, "bytes ", 6) != 0) return false;
  content_range += 6;
  while (n > 0)
    if (*content_range++ != wanted[--n]) return false;
  return *content_range == '-';
}

static gim_status on_head(void *ud, const gim_response *r) {
  gim_download *d = ud;
  int http = r->http_status;
  d->redirected = false;
  if (http >= 300 && http < 400 && http != 304 && r->location != NULL) {
    d->redirected = true;
    return GIM_OK;
  }
  if (http == 206 && d->resume_from > 0 &&
      continues(r->content_range, d->resume_from)) {
    if (r->content_length > 0)
      gim_sink_expect(d->sink, d->resume_from + r->content_length);
    return GIM_OK;
  }
  if (http == 416 || (http == 206 && d->resume_from > 0)) {
    /* What we have is not a beginning of what is there: start over. */
    d->resume->etag[0] = '\0';
    if (gim_sink_restart(d->sink, &d->err) != GIM_OK) return d->err.status;
    d->err.status = gim_fail(&d->err, GIM_E_NETWORK,
                             "The download could not be gone on with.");
    d->err.retryable = true;
    return d->err.status;
  }
  if (http != 200) return refuse_status(d, r);
  if (gim_sink_size(d->sink) > 0 &&
      gim_sink_restart(d->sink, &d->err) != GIM_OK)
    return d->err.status;
  d->looked = false;
  /* A weak tag says nothing about bytes (RFC 9110, 8.8.1). */
  gim_copy_text(d->resume->etag, sizeof(d->resume->etag),
                strncmp(r->etag, "W/", 2) == 0 ? GIM_STR("")
                                               : gim_str_of(r->etag));
  if (r->content_length > d->max_bytes)
    return gim_fail(&d->err, GIM_E_TOO_BIG,
                    "The picture would be %" PRId64 " bytes long, and %" PRId64
                    " are the limit.",
                    r->content_length, d->max_bytes);
  if (r->content_length > 0) gim_sink_expect(d->sink, r->content_length);
  return GIM_OK;
}

static gim_status not_a_picture(gim_download *d) {
  char shown[GIM_SINK_QUOTE];
  gim_sink_quote(d->sink, d->secret, shown);
  (void)gim_fail(&d->err, GIM_E_PROTOCOL,
                 "What the link gave is not a picture: it begins with "
                 "\"%s\".",
                 shown);
  /* Pages of errors at status 200 are a passing thing. */
  d->err.retryable = true;
  d->resume->etag[0] = '\0';
  if (gim_sink_restart(d->sink, NULL) != GIM_OK) d->err.retryable = false;
  return d->err.status;
}

static void on_room(gim_writer_wait *wait) {
  gim_download *d = GIM_CONTAINER(wait, gim_download, room);
  if (d->transfer != NULL) gim_net_resume(d->net, d->transfer);
}

static bool takes(void *ud, size_t n) {
  gim_download *d = ud;
  if (d->redirected || gim_sink_takes(d->sink, n)) return true;
  d->room.ready = on_room;
  return !gim_sink_await(d->sink, &d->room);
}

static gim_status on_data(void *ud, const char *p, size_t n) {
  gim_download *d = ud;
  gim_status status;
  if (d->redirected) return GIM_OK;
  status = gim_sink_write(d->sink, p, n, &d->err);
  if (status != GIM_OK) return status;
  if (d->looked || gim_sink_size(d->sink) < GIM_IMAGE_PROBE) return GIM_OK;
  d->looked = true;
  if (gim_sink_image(d->sink)->type != GIM_IMAGE_UNKNOWN) return GIM_OK;
  return not_a_picture(d);
}

/* The answer has ended as HTTP has it: is what came a whole picture? */
static gim_status judge_end(gim_download *d, const gim_response *r,
                            gim_err *err) {
  bool counted = r->content_length >= 0;
  if (gim_sink_size(d->sink) < GIM_IMAGE_PROBE)
    (void)gim_fail(err, GIM_E_PROTOCOL,
                   "What the link gave is not a picture: it is empty, or "
                   "nearly so.");
  else if (gim_sink_is_cut(d->sink) && !(d->reference && counted)) {
    (void)gim_fail(err, GIM_E_PROTOCOL,
                   "The link gave a picture without its end: it was cut.");
    /* Of one that claims to be whole there is no rest to ask for. */
    if (counted) d->resume->etag[0] = '\0';
  }
  else {
    gim_sink_settle(d->sink);
    return GIM_OK;
  }
  err->retryable = true;
  return err->status;
}

static gim_status start_hop(gim_download *d, gim_err *err);

/* Does `location` say where it leads by itself: "scheme:..."? */
static bool is_absolute(const char *location) {
  size_t n = strspn(location, "abcdefghijklmnopqrstuvwxyz"
                              "ABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789+-.");
  return n > 0 && location[n] == ':';
}

/*
** `*link`, OWNED, is `location` as seen from `base`. GIM_E_NO_MEMORY;
** GIM_E_PROTOCOL: it is no link.
*/
static gim_status resolve(const char *base, const char *location,
                          char **link) {
  CURLU *joined;
  char *text = NULL;
  gim_status status = GIM_E_PROTOCOL;
  gim_buffer b;
  size_t n;
  /* Absolute ones are not for libcurl to make sense of: it turns spellings of
     private hosts into plain ones. They are judged as they stand. */
  if (is_absolute(location)) {
    *link = gim_str_copy(gim_str_of(location));
    return *link == NULL ? GIM_E_NO_MEMORY : GIM_OK;
  }
  if (location[0] == '/' && location[1] == '/') {
    gim_buffer_init(&b, GIM_LIMIT_URL + sizeof("https:"));
    status = gim_buffer_append_format(&b, "%.*s%s", (int)strcspn(base, "/"),
                                      base, location);
    if (status != GIM_OK) gim_buffer_free(&b);
    *link = gim_buffer_take(&b, &n);
    return status;
  }
  joined = curl_url();
  if (joined != NULL &&
      curl_url_set(joined, CURLUPART_URL, base, 0) == CURLUE_OK &&
      curl_url_set(joined, CURLUPART_URL, location, CURLU_URLENCODE) ==
          CURLUE_OK &&
      curl_url_get(joined, CURLUPART_URL, &text, 0) == CURLUE_OK) {
    *link = gim_str_copy(gim_str_of(text));
    status = *link == NULL ? GIM_E_NO_MEMORY : GIM_OK;
  }
  curl_free(text);
  curl_url_cleanup(joined);
  return status;
}

/* Makes `location`, absolute or relative, the next hop's link. */
static gim_status follow(gim_download *d, const char *location, gim_err *err) {
  gim_status status;
  char *url = NULL;
  if (++d->hops > GIM_LIMIT_REDIRECTS)
    return gim_fail(err, GIM_E_PROTOCOL,
                    "The picture's link redirects more than %d times.",
                    GIM_LIMIT_REDIRECTS);
  status = resolve(d->url, location, &url);
  if (status == GIM_E_NO_MEMORY)
    return gim_fail(err, status, "No memory for a download.");
  if (status != GIM_OK)
    return gim_fail(err, GIM_E_PROTOCOL,
                    "The picture's link redirects to what is no link.");
  free(d->url);
  d->url = url;
  return start_hop(d, err);
}

static void on_transfer_done(void *ud, const gim_outcome *outcome) {
  gim_download *d = ud;
  gim_err err;
  const gim_err *result = NULL;
  d->held_ms += gim_net_held_ms(d->transfer);
  d->transfer = NULL;
  gim_writer_forget(&d->room);
  if (d->err.status != GIM_OK) {
    result = &d->err;
  }
  else if (outcome->status != GIM_OK) {
    err = *outcome->err;
    /* Of the link, not of what the caller said: its name leads astray. */
    if (err.status == GIM_E_INVALID) err.status = GIM_E_PROTOCOL;
    result = &err;
  }
  else if (d->redirected) {
    if (follow(d, outcome->response->location, &err) == GIM_OK) return;
    result = &err;
  }
  else if (judge_end(d, outcome->response, &err) != GIM_OK) {
    result = &err;
  }
  d->on_done(d->ud, result);
  release(d);
}

static gim_status start_hop(gim_download *d, gim_err *err) {
  static const gim_transfer_callbacks callbacks = {on_head, takes, on_data,
                                                   on_transfer_done};
  static const char *const headers[] = {"Accept: image/*", NULL};
  gim_transfer_spec spec;
  gim_status status;
  memset(&spec, 0, sizeof(spec));
  status = judge(d, d->url, &spec.public_only, err);
  if (status != GIM_OK) return status;
  d->resume_from = 0;
  if (d->resume->etag[0] != '\0') d->resume_from = gim_sink_size(d->sink);
  d->looked = d->resume_from >= GIM_IMAGE_PROBE;
  spec.transfer_class = GIM_CLASS_DOWNLOAD;
  spec.url = d->url;
  spec.headers = headers;
  spec.timeout_ms = d->timeout_ms;
  spec.max_bytes = d->max_bytes;
  spec.resume_from = d->resume_from;
  spec.if_range = d->resume_from > 0 ? d->resume->etag : NULL;
  return gim_net_start(d->net, &spec, &callbacks, d, &d->transfer, err);
}

gim_status gim_download_start(gim_download **download, gim_net *net,
                              const gim_download_spec *spec,
                              gim_download_done on_done, void *ud,
                              gim_err *err) {
  gim_status status;
  gim_download *d = calloc(1, sizeof(*d));
  if (d == NULL)
    return gim_fail(err, GIM_E_NO_MEMORY, "No memory for a download.");
  d->net = net;
  d->on_done = on_done;
  d->ud = ud;
  d->sink = spec->sink;
  d->resume = spec->resume;
  d->secret = spec->secret;
  d->timeout_ms = spec->timeout_ms;
  d->allow_private = spec->allow_private;
  d->reference = spec->reference;
  d->max_bytes = spec->max_bytes > 0 ? spec->max_bytes : GIM_LIMIT_DOWNLOAD;
  d->url = gim_str_copy(gim_str_of(spec->url));
  d->private_host = gim_str_copy(spec->private_host);
  if (d->url == NULL || d->private_host == NULL) {
    release(d);
    return gim_fail(err, GIM_E_NO_MEMORY, "No memory for a download.");
  }
  status = start_hop(d, err);
  if (status != GIM_OK) {
    release(d);
    return status;
  }
  *download = d;
  return GIM_OK;
}

bool gim_download_is_held(const gim_download *download) {
  return download->transfer != NULL && gim_net_is_held(download->transfer);
}

int64_t gim_download_held_ms(const gim_download *download) {
  return download->held_ms + (download->transfer == NULL
                                  ? 0
                                  : gim_net_held_ms(download->transfer));
}

void gim_download_cancel(gim_download *download) {
  if (download->transfer != NULL)
    gim_net_cancel(download->net, download->transfer, NULL);
  release(download);
}
