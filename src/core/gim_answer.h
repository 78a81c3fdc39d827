/* SPDX-License-Identifier: MIT */
/*
** gim_answer.h - a whole reply as it came, before anybody read it   [floor 1]
**
** What gim_reply (the API) and gim_receipt (the file service) judge, and what
** gim_complaint quotes: gim_response_answer fills it from a reply's head.
*/
#ifndef gim_answer_h
#define gim_answer_h

#include "gim_base.h"

/* All strings are BORROWED while it is read; {NULL, 0} where absent. */
typedef struct gim_answer {
  int http_status;
  gim_str content_type;
  gim_str retry_after; /* header values */
  gim_str retry_after_ms;
  gim_str request_id; /* x-request-id, else x-oneapi-request-id */
  gim_str body;
  gim_str secret;     /* the key that was sent; empty: none. No text of the
                         answer is to show it */
  int64_t now_unix_s; /* wall clock: for a Retry-After date */
} gim_answer;

#endif
