/* SPDX-License-Identifier: MIT */
/*
** gim_verdict.h - what a service's code and status mean   [floor 1]
**
** Two tables, one for refused requests (WIRE 2.2, 5.6, 6.5) and one for tasks
** that failed (WIRE 2.1). The same code may mean different things in them:
** `quota_exceeded` is an empty account in one, too many tasks at once in the
** other.
*/
#ifndef gim_verdict_h
#define gim_verdict_h

#include "gim_base.h"

#pragma GCC visibility push(hidden)

typedef struct gim_verdict {
  gim_status kind;    /* never GIM_OK */
  bool retryable;     /* the same request may succeed later; whether a paid
                         one may be repeated is decided elsewhere */
  const char *advice; /* one sentence, what to do. Static storage, never "" */
  int64_t pause_ms;   /* how long the service's page asks to wait before the
                         task is submitted again; -1: it does not say */
} gim_verdict;

/*
** An HTTP reply with `http_status` that carries the error `code` and `type`
** (empty: absent). A code that is known decides; then a type that is known as
** a code; then the status.
*/
gim_verdict gim_verdict_http(int http_status, gim_str code, gim_str type);

/*
** The same where the request was a form with pictures: a service that knows no
** such thing, or whose channel does not edit, says so in the words of other
** refusals. The advice then names that, too.
*/
gim_verdict gim_verdict_form(gim_verdict verdict);

/* The same of the file service, whose address is files_url. */
gim_verdict gim_verdict_upload(gim_verdict verdict);

/* A task that failed with `code`. One that is not known is final. */
gim_verdict gim_verdict_task(gim_str code);

#pragma GCC visibility pop

#endif
