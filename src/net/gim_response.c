/* SPDX-License-Identifier: MIT */
#include "gim_response.h"

#include <stddef.h>
#include <stdlib.h>
#include <string.h>

void gim_response_init(gim_response *response) {
  memset(response, 0, sizeof(*response));
  response->content_length = -1;
}

void gim_response_free(gim_response *response) {
  free(response->location);
  gim_response_init(response);
}

static gim_str trimmed(gim_str s) {
  while (s.n > 0 && (s.p[0] == ' ' || s.p[0] == '\t')) {
    s.p++;
    s.n--;
  }
  while (s.n > 0 && strchr(" \t\r\n", s.p[s.n - 1]) != NULL) s.n--;
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

#define TEXT(name, field)                                                     \
  {                                                                           \
    {"" name, sizeof("" name) - 1}, offsetof(gim_response, field),            \
        sizeof(((gim_response *)0)->field)                                    \
  }

static gim_status read_header(gim_response *response, gim_str name,
                              gim_str value) {
  static const struct {
    gim_str name;
    size_t at, size;
  } texts[] = {
      TEXT("content-type", content_type),
      TEXT("retry-after", retry_after),
      TEXT("retry-after-ms", retry_after_ms),
      TEXT("x-request-id", request_id),
      TEXT("content-range", content_range),
      TEXT("content-encoding", content_encoding),
  };
  size_t i;
  for (i = 0; i < sizeof(texts) / sizeof(texts[0]); i++)
    if (name.n == texts[i].name.n &&
        gim_str_equal_nocase(name, texts[i].name)) {
      if (value.n > 0)
        gim_copy_text((char *)response + texts[i].at, texts[i].size, value);
      return GIM_OK;
    }
  if (gim_str_equal_nocase(name, GIM_STR("x-oneapi-request-id"))) {
    if (response->request_id[0] == '\0')
      gim_copy_text(response->request_id, sizeof(response->request_id), value);
  }
  else if (gim_str_equal_nocase(name, GIM_STR("etag"))) {
    /* A tag that was cut is another tag: better none. */
    if (value.n < sizeof(response->etag))
      gim_copy_text(response->etag, sizeof(response->etag), value);
  }
  else if (gim_str_equal_nocase(name, GIM_STR("content-length")))
    response->content_length = read_length(value);
  else if (gim_str_equal_nocase(name, GIM_STR("transfer-encoding")))
    response->chunked = true;
  else if (gim_str_equal_nocase(name, GIM_STR("idempotency-replayed")))
    response->replayed = gim_str_equal_nocase(value, GIM_STR("true"));
  else if (gim_str_equal_nocase(name, GIM_STR("location")))
    return keep_location(response, value);
  return GIM_OK;
}

gim_status gim_response_line(gim_response *response, gim_str line,
                             bool *ended) {
  const char *colon;
  size_t bytes = response->head_bytes + line.n;
  *ended = false;
  if (line.n > GIM_LIMIT_HEADER || bytes > GIM_LIMIT_HEADER)
    return GIM_E_TOO_BIG;
  if (gim_str_starts(line, GIM_STR("HTTP/"))) {
    gim_response_free(response);
    response->head_bytes = bytes;
    read_status(response, trimmed(line));
    return GIM_OK;
  }
  response->head_bytes = bytes;
  /* Trailers; and lines that go on from the one before. */
  if (response->whole || (line.n > 0 && (line.p[0] == ' ' || *line.p == '\t')))
    return GIM_OK;
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
