/* SPDX-License-Identifier: MIT */
#include "gim_response.h"

#include <stdlib.h>
#include <string.h>

void gim_response_init(gim_response *response) {
  gim_response *r = response;
  r->http_status = r->http_version = 0;
  r->content_length = -1;
  /* Texts are long, and "" by their first byte. */
  r->content_type[0] = r->retry_after[0] = r->retry_after_ms[0] = '\0';
  r->request_id[0] = r->etag[0] = '\0';
  r->content_range[0] = r->content_encoding[0] = '\0';
  r->replayed = r->chunked = r->whole = false;
  r->location = NULL;
  r->head_bytes = 0;
}

void gim_response_free(gim_response *response) {
  free(response->location);
  gim_response_init(response);
}

static bool is_blank(char c) {
  return c == ' ' || c == '\t';
}

static gim_str trimmed(gim_str s) {
  while (s.n > 0 && is_blank(s.p[0])) {
    s.p++;
    s.n--;
  }
  for (; s.n > 0; s.n--) {
    char last = s.p[s.n - 1];
    if (!is_blank(last) && last != '\r' && last != '\n') break;
  }
  return s;
}

static bool is_digit(char c) {
  return c >= '0' && c <= '9';
}

/* -1 where it is no plain number, or one that no file can have. */
static int64_t read_length(gim_str s) {
  int64_t n = 0;
  size_t i;
  if (s.n == 0 || s.n > 18) return -1;
  for (i = 0; i < s.n; i++) {
    if (!is_digit(s.p[i])) return -1;
    n = n * 10 + (s.p[i] - '0');
  }
  return n;
}

/* "HTTP/1.1 200 OK", "HTTP/2 200": libcurl has checked the form. */
static void read_status(gim_response *response, gim_str line) {
  size_t i = 5, digits = 0;
  int version = 0, status = 0;
  if (i < line.n && is_digit(line.p[i])) version = (line.p[i++] - '0') * 10;
  if (i + 1 < line.n && line.p[i] == '.' && is_digit(line.p[i + 1])) {
    version += line.p[i + 1] - '0';
    i += 2;
  }
  while (i < line.n && line.p[i] == ' ') i++;
  for (; i < line.n && is_digit(line.p[i]) && digits < 3; i++, digits++)
    status = status * 10 + (line.p[i] - '0');
  response->http_version = version;
  response->http_status = digits == 3 ? status : 0;
}

static gim_status keep_location(gim_response *response, gim_str value) {
  char *copy = NULL;
  if (value.n > 0 && value.n <= GIM_LIMIT_URL) {
    copy = malloc(value.n + 1);
    if (copy == NULL) return GIM_E_NO_MEMORY;
    memcpy(copy, value.p, value.n);
    copy[value.n] = '\0';
  }
  free(response->location);
  response->location = copy;
  return GIM_OK;
}

/* ---- headers: few of those that come matter ---- */

typedef enum header {
  OTHER,
  CONTENT_TYPE,
  CONTENT_LENGTH,
  CONTENT_RANGE,
  CONTENT_ENCODING,
  TRANSFER_ENCODING,
  RETRY_AFTER,
  RETRY_AFTER_MS,
  X_REQUEST_ID,
  X_ONEAPI_REQUEST_ID,
  IDEMPOTENCY_REPLAYED,
  ETAG,
  LOCATION
} header;

static header if_named(gim_str name, const char *wanted, header it) {
  return gim_str_equal_nocase(name, (gim_str){wanted, name.n}) ? it : OTHER;
}

/* By the length, which hardly two of them share. */
static header header_of(gim_str name) {
  switch (name.n) {
  case 4: return if_named(name, "etag", ETAG);
  case 8: return if_named(name, "location", LOCATION);
  case 11: return if_named(name, "retry-after", RETRY_AFTER);
  case 12:
    return name.p[0] == 'x' || name.p[0] == 'X'
               ? if_named(name, "x-request-id", X_REQUEST_ID)
               : if_named(name, "content-type", CONTENT_TYPE);
  case 13: return if_named(name, "content-range", CONTENT_RANGE);
  case 14:
    return name.p[0] == 'c' || name.p[0] == 'C'
               ? if_named(name, "content-length", CONTENT_LENGTH)
               : if_named(name, "retry-after-ms", RETRY_AFTER_MS);
  case 16: return if_named(name, "content-encoding", CONTENT_ENCODING);
  case 17: return if_named(name, "transfer-encoding", TRANSFER_ENCODING);
  case 19: return if_named(name, "x-oneapi-request-id", X_ONEAPI_REQUEST_ID);
  case 20: return if_named(name, "idempotency-replayed", IDEMPOTENCY_REPLAYED);
  default: return OTHER;
  }
}

/* One that says nothing leaves what another said. */
static void keep_text(char *to, size_t size, gim_str value) {
  if (value.n > 0) gim_copy_text(to, size, value);
}

#define KEEP(field) keep_text(r->field, sizeof(r->field), value)

static gim_status read_header(gim_response *r, gim_str name, gim_str value) {
  switch (header_of(name)) {
  case CONTENT_TYPE: KEEP(content_type); break;
  case CONTENT_RANGE: KEEP(content_range); break;
  case CONTENT_ENCODING: KEEP(content_encoding); break;
  case RETRY_AFTER: KEEP(retry_after); break;
  case RETRY_AFTER_MS: KEEP(retry_after_ms); break;
  case X_REQUEST_ID: KEEP(request_id); break;
  case X_ONEAPI_REQUEST_ID:
    if (r->request_id[0] == '\0') KEEP(request_id);
    break;
  case ETAG:
    /* A tag that was cut is another tag: better none. */
    if (value.n < sizeof(r->etag))
      gim_copy_text(r->etag, sizeof(r->etag), value);
    break;
  case CONTENT_LENGTH: r->content_length = read_length(value); break;
  case TRANSFER_ENCODING: r->chunked = true; break;
  case IDEMPOTENCY_REPLAYED:
    r->replayed = gim_str_equal_nocase(value, GIM_STR("true"));
    break;
  case LOCATION: return keep_location(r, value);
  case OTHER: break;
  }
  return GIM_OK;
}

static bool begins_head(gim_str line) {
  static const char http[] = {'H', 'T', 'T', 'P', '/'};
  return line.n >= sizeof(http) && memcmp(line.p, http, sizeof(http)) == 0;
}

gim_status gim_response_line(gim_response *response, gim_str line,
                             bool *ended) {
  const char *colon;
  size_t bytes = response->head_bytes + line.n;
  *ended = false;
  if (line.n > GIM_LIMIT_HEADER || bytes > GIM_LIMIT_HEADER)
    return GIM_E_TOO_BIG;
  if (begins_head(line)) {
    gim_response_free(response);
    response->head_bytes = bytes;
    read_status(response, trimmed(line));
    return GIM_OK;
  }
  response->head_bytes = bytes;
  /* Trailers; and lines that go on from the one before. */
  if (response->whole || (line.n > 0 && is_blank(line.p[0]))) return GIM_OK;
  line = trimmed(line);
  if (line.n == 0) {
    response->whole = *ended = response->http_status >= 200;
    if (response->chunked) response->content_length = -1;
    return GIM_OK;
  }
  colon = memchr(line.p, ':', line.n);
  if (colon == NULL) return GIM_OK;
  return read_header(
      response, (gim_str){line.p, (size_t)(colon - line.p)},
      trimmed((gim_str){colon + 1, line.n - (size_t)(colon - line.p) - 1}));
}

bool gim_response_is_whole(const gim_response *response, int64_t received) {
  if (!response->whole) return false;
  if (response->http_status == 204 || response->http_status == 304)
    return true;
  return response->content_length >= 0 && received == response->content_length;
}

gim_answer gim_response_answer(const gim_response *response, gim_str body,
                               gim_str secret, int64_t now_unix_s) {
  gim_answer answer;
  answer.http_status = response->http_status;
  answer.content_type = gim_str_of(response->content_type);
  answer.retry_after = gim_str_of(response->retry_after);
  answer.retry_after_ms = gim_str_of(response->retry_after_ms);
  answer.request_id = gim_str_of(response->request_id);
  answer.body = body;
  answer.secret = secret;
  answer.now_unix_s = now_unix_s;
  return answer;
}
