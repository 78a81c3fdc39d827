/* SPDX-License-Identifier: MIT */
#include "gim_transfer.h"

#include "gim_address.h"
#include "gim_brake.h"
#include "gim_clock.h"
#include "gim_proxy.h"
#include "gim_sockets.h"
#include "gim_url.h"

#include <curl/curl.h>
#include <errno.h>
#include <netinet/in.h>
#include <stdlib.h>
#include <string.h>

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

/*
** Streams of HTTP/2 share a connection: while others are read, libcurl would
** gather all that comes of one which is held up. There nothing is read at all.
*/
static bool has_room(gim_transfer *t, size_t n) {
  if (t->calls.takes == NULL) return true;
  if (t->calls.takes(t->ud, n)) {
    gim_transfer_stand(t, false);
    return true;
  }
  gim_transfer_stand(t, true);
  if (t->response.http_version >= 20)
    gim_brake_pull(t->carrier->brake, &t->waiting);
  else
    t->held = true;
  return false;
}

static size_t on_write(char *p, size_t size, size_t count, void *ud) {
  gim_transfer *t = ud;
  size_t n = size * count;
  if (t->state != GIM_TRANSFER_RUNNING) return 0;
  if ((int64_t)n > t->max_bytes - t->received) {
    refuse(t, GIM_STOP_BODY);
    return 0;
  }
  if (!has_room(t, n) || !gim_brake_lets(t->carrier->brake, &t->waiting))
    return CURL_WRITEFUNC_PAUSE;
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
  fd = gim_sockets_open(t->carrier->sockets, address->family,
                        address->socktype, address->protocol);
  if (fd >= 0) return fd;
  if (errno == ENOMEM) refuse(t, GIM_STOP_MEMORY);
  return CURL_SOCKET_BAD;
}

/* Connections outlive the transfer that opened them: `ud` are the sockets. */
static int on_close(void *ud, curl_socket_t fd) {
  return gim_sockets_close(ud, fd);
}

#if GIM_HAVE_PREREQ
/* A connection stands, the request is about to go out on it. */
static int on_request(void *ud, char *ip, char *local_ip, int port,
                      int local_port) {
  gim_transfer *t = ud;
  uint8_t bytes[16];
  size_t n;
  (void)local_ip, (void)port;
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
  if (t->post) gim_sockets_cork(t->carrier->sockets, local_port);
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
         SET(CURLOPT_CLOSESOCKETDATA, t->carrier->sockets) &&
#if GIM_HAVE_PREREQ
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
  t->easy = gim_easy_new(carrier, lane != GIM_LANE_DOWNLOADS);
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
  curl_url_cleanup(t->parsed);
  free(t->origin);
  gim_headers_free(&t->headers);
  gim_parts_free(t->parts);
  gim_response_free(&t->response);
  free(t);
}

/* Since held_ms, but for what the brake counts: that of all transfers. */
static int64_t stands_ms(const gim_transfer *t) {
  int64_t ms;
  if (t->held_ms == 0) return 0;
  ms = gim_clock_ms() - t->held_ms -
       (gim_brake_stood_ms(t->carrier->brake) - t->brake_ms);
  return ms < 0 ? 0 : ms;
}

void gim_transfer_stand(gim_transfer *t, bool stands) {
  if (stands == (t->held_ms != 0)) return;
  t->stood_ms += stands_ms(t);
  t->held_ms = stands ? gim_clock_ms() : 0;
  t->brake_ms = gim_brake_stood_ms(t->carrier->brake);
}

int64_t gim_transfer_stood_ms(const gim_transfer *t) {
  return t->stood_ms + stands_ms(t) + gim_brake_stood_ms(t->carrier->brake) -
         t->began_ms;
}

int gim_transfer_resume(gim_transfer *t) {
  return (int)curl_easy_pause(t->easy, CURLPAUSE_CONT);
}

void gim_transfer_clear(gim_transfer *t) {
  CURL *easy = t->easy;
  /* Neither can fail: they take something away. */
  (void)curl_easy_setopt(easy, CURLOPT_HTTPHEADER, NULL);
  (void)curl_easy_setopt(easy, CURLOPT_URL, NULL);
  gim_headers_clear(&t->headers);
  if (t->parts != NULL)
    (void)curl_easy_setopt(easy, CURLOPT_MIMEPOST, (curl_mime *)NULL);
  gim_parts_free(t->parts);
  t->parts = NULL;
  t->body = NULL;
  t->body_n = t->handed = 0;
  t->received = 0;
  t->requests = t->postponed = 0;
  t->deadline_ms = t->held_ms = t->stood_ms = 0;
  t->opened = t->refused_address = t->check_address = t->held = false;
  t->stop = GIM_STOP_NONE;
  t->callback_status = GIM_OK;
  memset(&t->calls, 0, sizeof(t->calls));
  t->ud = NULL;
  gim_response_free(&t->response);
  t->state = GIM_TRANSFER_IDLE;
}

/* -------- how it ended -------- */

static bool was_connected(const gim_transfer *t) {
#if GIM_HAVE_PREREQ
  return t->requests > 0;
#else
  curl_off_t us = 0;
  (void)curl_easy_getinfo(t->easy, CURLINFO_PRETRANSFER_TIME_T, &us);
  return us > 0;
#endif
}

/* Host and port of the proxy that the transfer went through; empty: none. */
static gim_str proxy_of(const gim_transfer *t) {
  const char *url = NULL, *proxy;
  if (curl_easy_getinfo(t->easy, CURLINFO_EFFECTIVE_URL, &url) != CURLE_OK ||
      url == NULL)
    return (gim_str){NULL, 0};
  proxy = gim_proxy_find(t->carrier->proxy, strncmp(url, "https", 5) == 0,
                         gim_str_of(t->host));
  return proxy == NULL ? (gim_str){NULL, 0}
                       : gim_proxy_place(gim_str_of(proxy));
}

/* 0: unknown. */
static int port_of(const gim_transfer *t) {
  const char *text = NULL;
  gim_url url;
  if (curl_easy_getinfo(t->easy, CURLINFO_EFFECTIVE_URL, &text) != CURLE_OK ||
      text == NULL ||
      gim_url_split(gim_str_of(text), GIM_LIMIT_URL, &url) != GIM_URL_OK)
    return 0;
  return url.port;
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
  if (t->stop == GIM_STOP_NONE && t->parts != NULL) {
    reason.source = gim_parts_fault(t->parts);
    if (reason.source != NULL) reason.stop = GIM_STOP_SOURCE;
  }
  reason.callback_status = t->callback_status;
  reason.code = code;
  reason.host = gim_str_of(t->host);
  reason.port = port_of(t);
  reason.proxy = proxy_of(t);
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
      ((code == CURLE_OK && (t->response.whole || t->connect_only)) ||
       gim_response_is_whole(&t->response, t->received)))
    outcome->status = GIM_OK;
  else
    outcome->status = explain(t, code, outcome->connected, err);
  outcome->err = outcome->status == GIM_OK ? NULL : err;
}

bool gim_transfer_is_resolving(const gim_transfer *t) {
  return !t->opened && t->requests == 0;
}
