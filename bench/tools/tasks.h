/* SPDX-License-Identifier: MIT */
/*
** tasks.h - what the files of the task service share
**
** tasks.c is connections and HTTP/1.1, tasks_http2.c HTTP/2, tasks_tls.c the
** certificate, tasks_api.c what is answered and what is written down.
*/
#ifndef tasks_h
#define tasks_h

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#define REPLY_MAX 1024

/* One request. `stream` is HTTP/2's, 0 with HTTP/1.1. */
typedef struct request {
  bool post;
  char path[256];
  char key[64]; /* Idempotency-Key; "" for none */
  int64_t came_us;
} request;

typedef enum verdict { ANSWER, HOLD, CONTROL } verdict;

/* -------- tasks_api.c -------- */

/*
** What `r` is answered with: ANSWER and CONTROL have `body` filled in, HOLD
** waits for the POST to /_release. `second`: over HTTP/2, for the record.
*/
verdict api_ask(const request *r, bool second, char body[REPLY_MAX],
                int *status);

/* The answer to a request that was held. */
void api_release(char body[REPLY_MAX]);

/* An answer leaves now: delays are counted from here. */
void api_answered(const char *body, int64_t now_us);

void api_connected(void);
bool api_releases(void); /* true once after /_release */

/* -------- tasks.c -------- */

typedef struct connection connection;

/* Bytes for the peer, queued; false: no memory. */
bool connection_send(connection *c, const void *p, size_t n);

/* `stream` of `c` waits for /_release. */
bool connection_hold(connection *c, int32_t stream);

int64_t clock_us(void);

/* -------- tasks_http2.c -------- */

typedef struct http2 http2;

http2 *http2_new(connection *c);
void http2_free(http2 *h);

/* Takes what came; false: the connection is over. */
bool http2_take(http2 *h, const void *p, size_t n);

/* Answers a stream that was held. */
bool http2_release(http2 *h, int32_t stream);

/* -------- tasks_tls.c -------- */

/*
** A context with a certificate for 127.0.0.1 that was made just now; `alpn2`:
** speaks HTTP/2 where the peer does. NULL: OpenSSL fails.
*/
struct ssl_ctx_st *tls_context(bool alpn2);

/* Writes that certificate, PEM; the same for all contexts. */
bool tls_write_certificate(const char *path);

#endif
