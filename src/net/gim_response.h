/* SPDX-License-Identifier: MIT */
/*
** gim_response.h - the head of a reply: status line and the headers that
** matter   [floor 2]
*/
#ifndef gim_response_h
#define gim_response_h

#include "gim_answer.h"
#include "gim_base.h"

#pragma GCC visibility push(hidden)

/* What came back. Strings are NUL-terminated, "" when absent. */
typedef struct gim_response {
  int http_status;        /* 0: no status line arrived */
  int http_version;       /* 10, 11, 20, 30 */
  int64_t content_length; /* of the body as it is sent; -1: not said */
  char content_type[128];
  char retry_after[64];
  char retry_after_ms[32];
  char request_id[96]; /* x-request-id, else x-oneapi-request-id */
  char etag[128];
  char content_range[64];
  char content_encoding[32];
  bool replayed;  /* idempotency-replayed: true */
  char *location; /* OWNED by the response; NULL when absent or longer
                             than GIM_LIMIT_URL */
  /* private: */
  size_t head_bytes; /* seen so far, interim replies included */
  bool chunked;      /* Transfer-Encoding was there: no length counts */
  bool whole;        /* the final reply's headers have ended */
} gim_response;

/* Empty. What it held before is not released. */
void gim_response_init(gim_response *response);

/* Releases `location`; the response is empty again. */
void gim_response_free(gim_response *response);

/*
** Eats one line of a head, with or without its line end, in the order of
** arrival: status lines, headers, the empty line. A status line starts anew
** (after a 1xx, or when the request went out again). `*ended` becomes true
** with the empty line after a final (not 1xx) status; trailers that follow
** are ignored.
** GIM_OK; GIM_E_TOO_BIG: more than GIM_LIMIT_HEADER in all; GIM_E_NO_MEMORY.
*/
GIM_MUST_CHECK gim_status gim_response_line(gim_response *response,
                                            gim_str line, bool *ended);

/*
** True when `received` bytes of body are all there can be: as many as
** Content-Length says, or none where the status allows none.
*/
bool gim_response_is_whole(const gim_response *response, int64_t received);

/*
** The reply as it is to be read, once its `body` is whole: that, `secret` (the
** key that was sent) and the response's own strings are BORROWED.
*/
gim_answer gim_response_answer(const gim_response *response, gim_str body,
                               gim_str secret, int64_t now_unix_s);

#pragma GCC visibility pop

#endif
