/* SPDX-License-Identifier: MIT */
#include "tasks.h"

#include <nghttp2/nghttp2.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define STREAMS 250

struct http2 {
  connection *c;
  nghttp2_session *session;
};

/* One stream: its request, then what is left of its answer. */
typedef struct stream {
  request r;
  char body[REPLY_MAX];
  size_t at, n;
} stream;

static int on_begin(nghttp2_session *session, const nghttp2_frame *frame,
                    void *ud) {
  stream *s;
  (void)ud;
  if (frame->headers.cat != NGHTTP2_HCAT_REQUEST) return 0;
  s = calloc(1, sizeof(*s));
  if (s == NULL) return NGHTTP2_ERR_CALLBACK_FAILURE;
  s->r.came_us = clock_us();
  return nghttp2_session_set_stream_user_data(session, frame->hd.stream_id, s);
}

static bool is(const uint8_t *p, size_t n, const char *name) {
  return n == strlen(name) && memcmp(p, name, n) == 0;
}

static void copy(char *to, size_t size, const uint8_t *p, size_t n) {
  if (n >= size) n = size - 1;
  memcpy(to, p, n);
  to[n] = '\0';
}

static int on_header(nghttp2_session *session, const nghttp2_frame *frame,
                     const uint8_t *name, size_t name_n, const uint8_t *value,
                     size_t value_n, uint8_t flags, void *ud) {
  stream *s =
      nghttp2_session_get_stream_user_data(session, frame->hd.stream_id);
  (void)flags, (void)ud;
  if (s == NULL) return 0;
  if (is(name, name_n, ":method"))
    s->r.post = is(value, value_n, "POST");
  else if (is(name, name_n, ":path"))
    copy(s->r.path, sizeof(s->r.path), value, value_n);
  else if (is(name, name_n, "idempotency-key"))
    copy(s->r.key, sizeof(s->r.key), value, value_n);
  return 0;
}

static ssize_t on_read(nghttp2_session *session, int32_t id, uint8_t *to,
                       size_t room, uint32_t *flags,
                       nghttp2_data_source *source, void *ud) {
  stream *s = source->ptr;
  size_t n = s->n - s->at < room ? s->n - s->at : room;
  (void)session, (void)id, (void)ud;
  memcpy(to, s->body + s->at, n);
  s->at += n;
  if (s->at == s->n) *flags |= NGHTTP2_DATA_FLAG_EOF;
  return (ssize_t)n;
}

static int submit(nghttp2_session *session, int32_t id, stream *s,
                  int status) {
  char code[16], length[16];
  nghttp2_data_provider provider;
  nghttp2_nv fields[3];
  struct {
    const char *name, *value;
  } texts[3] = {{":status", code},
                {"content-type", "application/json"},
                {"content-length", length}};
  s->n = strlen(s->body);
  (void)snprintf(code, sizeof(code), "%d", status);
  (void)snprintf(length, sizeof(length), "%zu", s->n);
  memset(fields, 0, sizeof(fields));
  for (int i = 0; i < 3; i++) {
    fields[i].name = (uint8_t *)texts[i].name;
    fields[i].namelen = strlen(texts[i].name);
    fields[i].value = (uint8_t *)texts[i].value;
    fields[i].valuelen = strlen(texts[i].value);
  }
  provider.source.ptr = s;
  provider.read_callback = on_read;
  api_answered(s->body, clock_us());
  return nghttp2_submit_response(session, id, fields, 3, &provider);
}

static int on_frame(nghttp2_session *session, const nghttp2_frame *frame,
                    void *ud) {
  http2 *h = ud;
  stream *s;
  int status = 200;
  if ((frame->hd.flags & NGHTTP2_FLAG_END_STREAM) == 0 ||
      (frame->hd.type != NGHTTP2_HEADERS && frame->hd.type != NGHTTP2_DATA))
    return 0;
  s = nghttp2_session_get_stream_user_data(session, frame->hd.stream_id);
  if (s == NULL) return 0;
  if (api_ask(&s->r, true, s->body, &status) == HOLD)
    return connection_hold(h->c, frame->hd.stream_id)
               ? 0
               : NGHTTP2_ERR_CALLBACK_FAILURE;
  return submit(session, frame->hd.stream_id, s, status);
}

static int on_close(nghttp2_session *session, int32_t id, uint32_t error,
                    void *ud) {
  (void)error, (void)ud;
  free(nghttp2_session_get_stream_user_data(session, id));
  return 0;
}

static bool flush(http2 *h) {
  const uint8_t *p;
  ssize_t n;
  while ((n = nghttp2_session_mem_send(h->session, &p)) > 0)
    if (!connection_send(h->c, p, (size_t)n)) return false;
  return n == 0;
}

http2 *http2_new(connection *c) {
  nghttp2_session_callbacks *calls = NULL;
  nghttp2_settings_entry most = {NGHTTP2_SETTINGS_MAX_CONCURRENT_STREAMS,
                                 STREAMS};
  http2 *h = calloc(1, sizeof(*h));
  if (h == NULL || nghttp2_session_callbacks_new(&calls) != 0) {
    free(h);
    return NULL;
  }
  h->c = c;
  nghttp2_session_callbacks_set_on_begin_headers_callback(calls, on_begin);
  nghttp2_session_callbacks_set_on_header_callback(calls, on_header);
  nghttp2_session_callbacks_set_on_frame_recv_callback(calls, on_frame);
  nghttp2_session_callbacks_set_on_stream_close_callback(calls, on_close);
  if (nghttp2_session_server_new(&h->session, calls, h) != 0 ||
      nghttp2_submit_settings(h->session, NGHTTP2_FLAG_NONE, &most, 1) != 0 ||
      !flush(h)) {
    http2_free(h);
    h = NULL;
  }
  nghttp2_session_callbacks_del(calls);
  return h;
}

void http2_free(http2 *h) {
  if (h == NULL) return;
  nghttp2_session_del(h->session);
  free(h);
}

bool http2_take(http2 *h, const void *p, size_t n) {
  return nghttp2_session_mem_recv(h->session, p, n) == (ssize_t)n && flush(h);
}

bool http2_release(http2 *h, int32_t id) {
  stream *s = nghttp2_session_get_stream_user_data(h->session, id);
  if (s == NULL) return true; /* it was let go of */
  api_release(s->body);
  return submit(h->session, id, s, 200) == 0 && flush(h);
}
