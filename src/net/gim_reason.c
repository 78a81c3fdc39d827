/* SPDX-License-Identifier: MIT */
#include "gim_reason.h"

#include "gim_address.h"

#include <curl/curl.h>
#include <errno.h>
#include <stdio.h>
#include <string.h>

/* " (text)" for the end of a message, "" without a text. */
typedef struct remark {
  char text[CURL_ERROR_SIZE + 4];
} remark;

static const char *remark_of(remark *r, const char *text) {
  size_t n = strlen(text);
  if (n == 0) return "";
  if (n > CURL_ERROR_SIZE) n = CURL_ERROR_SIZE;
  r->text[0] = ' ';
  r->text[1] = '(';
  memcpy(r->text + 2, text, n);
  r->text[n + 2] = ')';
  r->text[n + 3] = '\0';
  return r->text;
}

/* A connection that stood, and broke. */
static gim_status explain_break(const gim_reason *reason, const char *host,
                                gim_err *err) {
  remark r;
  const char *when = "before an answer came";
  if (reason->handed < reason->total)
    when = "while the request was being sent";
  else if (reason->received > 0 || reason->in_head)
    when = "in the middle of the reply";
  return gim_fail(err, GIM_E_NETWORK, "the connection to %s broke %s%s", host,
                  when, remark_of(&r, reason->detail));
}

static gim_status explain_stop(const gim_reason *reason, const char *host,
                               gim_err *err) {
  switch (reason->stop) {
  case GIM_STOP_CALLBACK:
    return gim_fail(err, reason->callback_status,
                    "the reply of %s was not taken", host);
  case GIM_STOP_SOURCE:
    return gim_fail(err, reason->source->status, "%s",
                    reason->source->message);
  case GIM_STOP_BODY:
    return gim_fail(err, GIM_E_TOO_BIG,
                    "the reply of %s is over the limit of %lld bytes", host,
                    (long long)reason->max_bytes);
  case GIM_STOP_HEAD:
    return gim_fail(err, GIM_E_TOO_BIG,
                    "the headers of %s are over the limit of %d bytes", host,
                    GIM_LIMIT_HEADER);
  case GIM_STOP_ADDRESS:
    return gim_fail(err, GIM_E_INVALID,
                    "the host %s leads to an address that is not public",
                    host);
  case GIM_STOP_REPEAT:
    return gim_fail(err, GIM_E_NETWORK,
                    "the connection to %s broke %s; the request was not sent "
                    "again",
                    host,
                    reason->handed < reason->total
                        ? "while the request was being sent"
                        : "before an answer came");
  default:
    return gim_fail(err, GIM_E_NO_MEMORY, "not enough memory for the reply");
  }
}

/* `host`, and what lies between: for faults that may be either's. */
typedef struct route {
  char text[320];
} route;

static const char *route_of(route *r, const gim_reason *reason,
                            const char *host) {
  char proxy[128];
  if (reason->proxy.n == 0) return host;
  gim_copy_text(proxy, sizeof(proxy), reason->proxy);
  (void)snprintf(r->text, sizeof(r->text), "%s through the proxy %s", host,
                 proxy);
  return r->text;
}

/* The same with its port: for what never answered there. */
static const char *place_of(route *r, const gim_reason *reason,
                            const char *host) {
  char place[160];
  bool ipv6 = strchr(host, ':') != NULL;
  if (reason->port == 0) return route_of(r, reason, host);
  (void)snprintf(place, sizeof(place), ipv6 ? "[%s]:%d" : "%s:%d", host,
                 reason->port);
  if (reason->proxy.n > 0) return route_of(r, reason, place);
  gim_copy_text(r->text, sizeof(r->text), gim_str_of(place));
  return r->text;
}

/* What to do when nobody listens, or "". */
static const char *advise(const gim_reason *reason) {
  if (reason->proxy.n > 0)
    return "; see the option proxy and the environment's proxy variables";
  if (reason->system_error != ECONNREFUSED) return "";
  if (gim_address_judge(reason->host) == GIM_HOST_LOOPBACK)
    return "; does the service (the sandbox?) run there? If it is elsewhere: "
           "see base_url, $GPTIMAGE_BASE_URL and files_url";
  return "; is the address right, and does the service run there?";
}

static gim_status explain_connection(const gim_reason *reason,
                                     const char *host, gim_err *err) {
  route way;
  const char *place = place_of(&way, reason, host);
  if (reason->system_error > 0)
    return gim_fail(err, GIM_E_NETWORK, "no connection to %s: %s%s", place,
                    strerror((int)reason->system_error), advise(reason));
  return gim_fail(err, GIM_E_NETWORK, "no connection to %s%s", place,
                  advise(reason));
}

static gim_status explain_timeout(const gim_reason *reason, const char *host,
                                  gim_err *err) {
  route way;
  if (!reason->connected)
    return gim_fail(err, GIM_E_TIMEOUT, "no connection to %s within %.3g s",
                    place_of(&way, reason, host),
                    (double)reason->connect_timeout_ms / 1000);
  return gim_fail(err, GIM_E_TIMEOUT, "%s did not %s within %.3g s",
                  route_of(&way, reason, host),
                  reason->received > 0 ? "finish its reply" : "answer",
                  (double)reason->timeout_ms / 1000);
}

static gim_status explain(const gim_reason *reason, const char *host,
                          gim_err *err) {
  remark r;
  route way;
  if (reason->stop != GIM_STOP_NONE) return explain_stop(reason, host, err);
  if (reason->connect_code == 407)
    return gim_fail(err, GIM_E_AUTH,
                    "the proxy wants a user name and password: give them in "
                    "the proxy's URL");
  if (reason->connect_code >= 300)
    return gim_fail(err, GIM_E_NETWORK,
                    "the proxy refuses to connect to %s (HTTP %ld)", host,
                    reason->connect_code);
  switch (reason->code) {
  case CURLE_URL_MALFORMAT:
    return gim_fail(err, GIM_E_INVALID, "libcurl does not take the URL%s",
                    remark_of(&r, reason->detail));
  case CURLE_COULDNT_RESOLVE_PROXY:
    return gim_fail(err, GIM_E_NETWORK,
                    "no connection to %s: its name cannot be resolved; see "
                    "the option proxy and the environment's proxy variables",
                    route_of(&way, reason, host));
  case CURLE_COULDNT_RESOLVE_HOST:
    return gim_fail(err, GIM_E_NETWORK,
                    "the name %s cannot be resolved: check it, and the "
                    "network",
                    host);
  case CURLE_COULDNT_CONNECT: return explain_connection(reason, host, err);
  case CURLE_OPERATION_TIMEDOUT: return explain_timeout(reason, host, err);
  case CURLE_PEER_FAILED_VERIFICATION:
    return gim_fail(err, GIM_E_NETWORK,
                    "the certificate of %s is not trusted%s: a private "
                    "authority is added by the option ca_file",
                    host, remark_of(&r, reason->detail));
  case CURLE_SSL_CACERT_BADFILE:
    return gim_fail(err, GIM_E_NETWORK,
                    "the trusted certificates cannot be read%s: see the "
                    "option ca_file, and the package ca-certificates",
                    remark_of(&r, reason->detail));
  case CURLE_SSL_CONNECT_ERROR:
  case CURLE_SSL_CIPHER:
  case CURLE_SSL_CERTPROBLEM:
    return gim_fail(err, GIM_E_NETWORK, "TLS with %s failed%s",
                    route_of(&way, reason, host),
                    remark_of(&r, reason->detail));
  case CURLE_OK:
  case CURLE_UNSUPPORTED_PROTOCOL:
  case CURLE_WEIRD_SERVER_REPLY:
    /* Headers that end with the connection are an end like any to libcurl. */
    if (reason->code == CURLE_OK && reason->in_head)
      return explain_break(reason, route_of(&way, reason, host), err);
    return gim_fail(err, GIM_E_NETWORK, "the answer of %s is not HTTP%s",
                    route_of(&way, reason, host),
                    remark_of(&r, reason->detail));
  case CURLE_OUT_OF_MEMORY:
    /* Also libcurl's word for a header line over its own limit. */
    if (reason->in_head)
      return gim_fail(err, GIM_E_TOO_BIG, "a header of %s is too long", host);
    return gim_fail(err, GIM_E_NO_MEMORY, "libcurl is out of memory");
  case CURLE_PARTIAL_FILE:
  case CURLE_GOT_NOTHING:
  case CURLE_SEND_ERROR:
  case CURLE_RECV_ERROR:
  case CURLE_SEND_FAIL_REWIND:
  case CURLE_HTTP2:
  case CURLE_HTTP2_STREAM:
    return explain_break(reason, route_of(&way, reason, host), err);
  default:
    return gim_fail(err, GIM_E_NETWORK, "the transfer from %s failed: %s%s",
                    route_of(&way, reason, host),
                    curl_easy_strerror((CURLcode)reason->code),
                    remark_of(&r, reason->detail));
  }
}

gim_status gim_reason_explain(const gim_reason *reason, gim_err *err) {
  char host[128];
  gim_err own; /* the caller may want the status alone */
  gim_status status;
  gim_copy_text(host, sizeof(host), reason->host);
  if (err == NULL) err = &own;
  status = explain(reason, host, err);
  err->retryable = (status == GIM_E_NETWORK || status == GIM_E_TIMEOUT) &&
                   reason->connect_code < 300 &&
                   reason->code != CURLE_PEER_FAILED_VERIFICATION &&
                   reason->code != CURLE_SSL_CACERT_BADFILE;
  return status;
}
