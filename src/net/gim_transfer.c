/* SPDX-License-Identifier: MIT */
#include "gim_transfer.h"

#include "gim_address.h"
#include "gim_proxy.h"
#include "gim_url.h"
#include "gim_wait.h"

#include <curl/curl.h>
#include <netinet/in.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#define PAID_IDLE_S 4L /* idle connections older than this are not used */
#define IDLE_S 118L    /* libcurl's own default, for everything else */

#if LIBCURL_VERSION_NUM >= 0x075000 /* 7.80.0 */
#define HAVE_PREREQ 1
#else
#define HAVE_PREREQ 0
#endif

_Static_assert(sizeof(((gim_transfer *)0)->detail) >= CURL_ERROR_SIZE,
               "libcurl writes CURL_ERROR_SIZE bytes");

/* -------- what libcurl calls -------- */

static size_t on_read(char *to, size_t size, size_t count, void *ud) {
  gim_transfer *t = ud;
  size_t n = size * count, left = t->body_n - t->handed;
  if (t->state != GIM_TRANSFER_RUNNING) return CURL_READFUNC_ABORT;
  if (left == 0) {
    /* The length is known: nobody has to ask again for the end. */
    t->stop = GIM_STOP_REPEAT;
    return CURL_READFUNC_ABORT;
  }
  if (n > left) n = left;
  memcpy(to, t->body + t->handed, n);
  t->handed += n;
  return n;
}

/* A body that cannot be rewound cannot be sent twice. */
static int on_seek(void *ud, curl_off_t offset, int origin) {
  (void)ud, (void)offset, (void)origin;
  return CURL_SEEKFUNC_FAIL;
}

static bool refuse(gim_transfer *t, gim_stop stop) {
  if (t->stop == GIM_STOP_NONE) t->stop = stop;
  return false;
}

static bool take_head(gim_transfer *t) {
  if (t->calls.on_head != NULL) {
    t->callback_status = t->calls.on_head(t->ud, &t->response);
    if (t->callback_status != GIM_OK) return refuse(t, GIM_STOP_CALLBACK);
  }
  if (t->response.content_length > t->max_bytes)
    return refuse(t, GIM_STOP_BODY);
  return true;
}

static bool take_line(gim_transfer *t, gim_str line) {
  bool ended;
  switch (gim_response_line(&t->response, line, &ended)) {
  case GIM_OK: break;
  case GIM_E_TOO_BIG: return refuse(t, GIM_STOP_HEAD);
  default: return refuse(t, GIM_STOP_MEMORY);
  }
  return !ended || take_head(t);
}

static size_t on_header(char *p, size_t size, size_t count, void *ud) {
  gim_transfer *t = ud;
  size_t n = size * count;
  if (t->state != GIM_TRANSFER_RUNNING) return 0;
  return take_line(t, (gim_str){p, n}) ? n : 0;
}

static size_t on_write(char *p, size_t size, size_t count, void *ud) {
  gim_transfer *t = ud;
  size_t n = size * count;
  if (t->state != GIM_TRANSFER_RUNNING) return 0;
  if ((int64_t)n > t->max_bytes - t->received) {
    refuse(t, GIM_STOP_BODY);
    return 0;
  }
  t->received += (int64_t)n;
  t->callback_status = t->calls.on_data(t->ud, p, n);
  if (t->callback_status != GIM_OK) {
    refuse(t, GIM_STOP_CALLBACK);
    return 0;
  }
  return n;
}

static bool is_public(const struct sockaddr *address) {
  struct sockaddr_in v4;
  struct sockaddr_in6 v6;
  if (address->sa_family == AF_INET) {
    memcpy(&v4, address, sizeof(v4));
    return gim_address_is_public((const uint8_t *)&v4.sin_addr, 4);
  }
  if (address->sa_family == AF_INET6) {
    memcpy(&v6, address, sizeof(v6));
    return gim_address_is_public((const uint8_t *)&v6.sin6_addr, 16);
  }
  return false;
}

/* A POST went out already, and is about to go out again. */
static bool is_repeat(const gim_transfer *t) {
  return t->post && (t->handed > 0 || (t->body_n == 0 && t->requests > 0));
}

static curl_socket_t on_open(void *ud, curlsocktype purpose,
                             struct curl_sockaddr *address) {
  gim_transfer *t = ud;
  int fd;
  t->opened = true;
  if (purpose != CURLSOCKTYPE_IPCXN || t->state != GIM_TRANSFER_RUNNING)
    return CURL_SOCKET_BAD;
  if (t->check_address && !is_public(&address->addr)) {
    t->refused_address = true;
    return CURL_SOCKET_BAD;
  }
  if (is_repeat(t)) {
    refuse(t, GIM_STOP_REPEAT);
    return CURL_SOCKET_BAD;
  }
  fd = socket(address->family, address->socktype | SOCK_CLOEXEC,
              address->protocol);
  if (fd < 0) return CURL_SOCKET_BAD;
  if (!gim_wait_adopt(t->carrier->wait, fd)) {
    close(fd);
    refuse(t, GIM_STOP_MEMORY);
    return CURL_SOCKET_BAD;
  }
  return fd;
}

/* Connections outlive the transfer that opened them: `ud` is the wait. */
static int on_close(void *ud, curl_socket_t fd) {
  gim_wait_release(ud, fd);
  return close(fd);
}

#if HAVE_PREREQ
/* A connection stands, the request is about to go out on it. */
static int on_request(void *ud, char *ip, char *local_ip, int port,
                      int local_port) {
  gim_transfer *t = ud;
  uint8_t bytes[16];
  size_t n;
  (void)local_ip, (void)port, (void)local_port;
  if (t->state != GIM_TRANSFER_RUNNING) return CURL_PREREQFUNC_ABORT;
  /* on_open did not see a connection that stood already. */
  if (t->check_address && !(gim_address_parse(gim_str_of(ip), bytes, &n) &&
                            gim_address_is_public(bytes, n))) {
    t->refused_address = true;
    return CURL_PREREQFUNC_ABORT;
  }
  if (is_repeat(t)) {
    refuse(t, GIM_STOP_REPEAT);
    return CURL_PREREQFUNC_ABORT;
  }
  t->requests++;
  return CURL_PREREQFUNC_OK;
}
#endif

/* -------- making one -------- */

#define SET(option, value) (curl_easy_setopt(easy, option, value) == CURLE_OK)

static bool set_callbacks(gim_transfer *t) {
  CURL *easy = t->easy;
  return SET(CURLOPT_READFUNCTION, on_read) && SET(CURLOPT_READDATA, t) &&
         SET(CURLOPT_SEEKFUNCTION, on_seek) && SET(CURLOPT_SEEKDATA, t) &&
         SET(CURLOPT_HEADERFUNCTION, on_header) &&
         SET(CURLOPT_HEADERDATA, t) && SET(CURLOPT_WRITEFUNCTION, on_write) &&
         SET(CURLOPT_WRITEDATA, t) &&
         SET(CURLOPT_OPENSOCKETFUNCTION, on_open) &&
         SET(CURLOPT_OPENSOCKETDATA, t) &&
         SET(CURLOPT_CLOSESOCKETFUNCTION, on_close) &&
         SET(CURLOPT_CLOSESOCKETDATA, t->carrier->wait) &&
#if HAVE_PREREQ
         SET(CURLOPT_PREREQFUNCTION, on_request) &&
         SET(CURLOPT_PREREQDATA, t) &&
#endif
         SET(CURLOPT_PRIVATE, t) && SET(CURLOPT_ERRORBUFFER, t->detail);
}

gim_transfer *gim_transfer_new(const gim_carrier *carrier, int lane) {
  gim_transfer *t = calloc(1, sizeof(*t));
  if (t == NULL) return NULL;
  t->carrier = carrier;
  t->lane = lane;
  gim_response_init(&t->response);
  t->easy = gim_easy_new(carrier, lane == 0);
  if (t->easy == NULL || !set_callbacks(t)) {
    gim_transfer_delete(t);
    return NULL;
  }
  return t;
}

void gim_transfer_delete(gim_transfer *t) {
  if (t == NULL) return;
  /* First: it may close connections, and those call back. */
  if (t->easy != NULL) curl_easy_cleanup(t->easy);
  curl_slist_free_all(t->headers);
  gim_response_free(&t->response);
  free(t);
}

/* -------- preparing one -------- */

static bool add_header(gim_transfer *t, const char *line) {
  struct curl_slist *more = curl_slist_append(t->headers, line);
  if (more == NULL) return false;
  t->headers = more;
  return true;
}

/* A line end in a value would be a header, or a request, of somebody else. */
static bool is_header(const char *line) {
  return strpbrk(line, "\r\n") == NULL && strchr(line, ':') != NULL;
}

static gim_status set_headers(gim_transfer *t, const gim_transfer_spec *spec,
                              gim_err *err) {
  char line[160];
  const char *const *h;
  for (h = spec->headers; h != NULL && *h != NULL; h++) {
    if (!is_header(*h))
      return gim_fail(err, GIM_E_INVALID,
                      "a header has a line end or no name");
    if (!add_header(t, *h)) return GIM_E_NO_MEMORY;
  }
  /* libcurl would wait a second for a 100 that few servers send. */
  if (spec->post && !add_header(t, "Expect:")) return GIM_E_NO_MEMORY;
  if (spec->resume_from > 0 && spec->if_range != NULL) {
    int n = snprintf(line, sizeof(line), "If-Range: %s", spec->if_range);
    if (n < 0 || (size_t)n >= sizeof(line) || !is_header(line))
      return gim_fail(err, GIM_E_INVALID, "if_range is no ETag");
    if (!add_header(t, line)) return GIM_E_NO_MEMORY;
  }
  return curl_easy_setopt(t->easy, CURLOPT_HTTPHEADER,
                          (struct curl_slist *)t->headers) == CURLE_OK
             ? GIM_OK
             : GIM_E_NO_MEMORY;
}

static bool set_method(gim_transfer *t, const gim_transfer_spec *spec) {
  CURL *easy = t->easy;
  char range[32];
  const char *wanted = NULL;
  if (spec->resume_from > 0) {
    (void)snprintf(range, sizeof(range), "%lld-",
                   (long long)spec->resume_from);
    wanted = range;
  }
  if (!SET(CURLOPT_RANGE, wanted)) return false;
  if (!spec->post) return SET(CURLOPT_HTTPGET, 1L);
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
    exceptions = "";
  }
#if !HAVE_PREREQ
  /* Nobody could look at the address of a connection that stands already. */
  if (!SET(CURLOPT_FRESH_CONNECT, t->check_address ? 1L : 0L)) return false;
#endif
  return SET(CURLOPT_PROXY, proxy) && SET(CURLOPT_NOPROXY, exceptions);
}

static bool set_limits(gim_transfer *t, const gim_transfer_spec *spec,
                       const gim_url *url) {
  CURL *easy = t->easy;
  bool paid = spec->transfer_class == GIM_CLASS_PAID;
  t->timeout_ms = paid ? 0 : spec->timeout_ms;
  return SET(CURLOPT_TIMEOUT_MS, (long)t->timeout_ms) &&
         SET(CURLOPT_MAXAGE_CONN, paid ? PAID_IDLE_S : IDLE_S) &&
         /* Worth waiting only where HTTP/2 can come of it: on plain http the
            others would wait for the first reply, which may take minutes. */
         SET(CURLOPT_PIPEWAIT, url->https && t->lane == 0 ? 1L : 0L) &&
         SET(CURLOPT_URL, spec->url);
}

static gim_status check_url(const gim_transfer_spec *spec, gim_url *url,
                            gim_err *err) {
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
  return GIM_OK;
}

gim_status gim_transfer_prepare(gim_transfer *t, const gim_transfer_spec *spec,
                                const gim_transfer_callbacks *calls, void *ud,
                                gim_err *err) {
  gim_url url;
  gim_status status = check_url(spec, &url, err);
  if (status != GIM_OK) return status;
  gim_copy_text(t->host, sizeof(t->host), url.host);
  status = set_headers(t, spec, err);
  if (status == GIM_OK && !(set_method(t, spec) && set_route(t, spec, &url) &&
                            set_limits(t, spec, &url)))
    status = GIM_E_NO_MEMORY;
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
  t->body = spec->body;
  t->body_n = spec->post ? spec->body_n : 0;
  t->max_bytes = spec->max_bytes;
  t->detail[0] = '\0';
  t->state = GIM_TRANSFER_RUNNING;
  return GIM_OK;
}

void gim_transfer_clear(gim_transfer *t) {
  CURL *easy = t->easy;
  /* Neither can fail: they take something away. */
  (void)curl_easy_setopt(easy, CURLOPT_HTTPHEADER, NULL);
  (void)curl_easy_setopt(easy, CURLOPT_URL, NULL);
  curl_slist_free_all(t->headers);
  t->headers = NULL;
  t->body = NULL;
  t->body_n = t->handed = 0;
  t->received = 0;
  t->requests = 0;
  t->opened = t->refused_address = t->check_address = false;
  t->stop = GIM_STOP_NONE;
  t->callback_status = GIM_OK;
  memset(&t->calls, 0, sizeof(t->calls));
  t->ud = NULL;
  gim_response_free(&t->response);
  t->state = GIM_TRANSFER_IDLE;
}

/* -------- how it ended -------- */

static bool was_connected(const gim_transfer *t) {
#if HAVE_PREREQ
  return t->requests > 0;
#else
  curl_off_t us = 0;
  (void)curl_easy_getinfo(t->easy, CURLINFO_PRETRANSFER_TIME_T, &us);
  return us > 0;
#endif
}

static gim_status explain(const gim_transfer *t, int code, bool connected,
                          gim_err *err) {
  gim_reason reason;
  memset(&reason, 0, sizeof(reason));
  (void)curl_easy_getinfo(t->easy, CURLINFO_OS_ERRNO, &reason.system_error);
  if (!connected)
    (void)curl_easy_getinfo(t->easy, CURLINFO_HTTP_CONNECTCODE,
                            &reason.connect_code);
  reason.stop = t->stop;
  /* Of several addresses some may be public: only the end counts. */
  if (t->stop == GIM_STOP_NONE && t->refused_address)
    reason.stop = GIM_STOP_ADDRESS;
  reason.callback_status = t->callback_status;
  reason.code = code;
  reason.host = gim_str_of(t->host);
  reason.detail = t->detail;
  reason.connected = connected;
  reason.in_head = t->response.head_bytes > 0 && !t->response.whole;
  reason.handed = t->handed;
  reason.total = t->body_n;
  reason.received = t->received;
  reason.max_bytes = t->max_bytes;
  reason.connect_timeout_ms = t->carrier->connect_timeout_ms;
  reason.timeout_ms = t->timeout_ms;
  return gim_reason_explain(&reason, err);
}

void gim_transfer_conclude(const gim_transfer *t, int code,
                           gim_outcome *outcome, gim_err *err) {
  memset(outcome, 0, sizeof(*outcome));
  outcome->handed = t->handed;
  outcome->total = t->body_n;
  outcome->connected = was_connected(t);
  outcome->received = t->received;
  outcome->response = &t->response;
  /* Whatever happens to the stream after the last byte: the reply is there. */
  if (t->stop == GIM_STOP_NONE &&
      ((code == CURLE_OK && t->response.whole) ||
       gim_response_is_whole(&t->response, t->received)))
    outcome->status = GIM_OK;
  else
    outcome->status = explain(t, code, outcome->connected, err);
  outcome->err = outcome->status == GIM_OK ? NULL : err;
}

bool gim_transfer_is_resolving(const gim_transfer *t) {
  return !t->opened && t->requests == 0;
}
