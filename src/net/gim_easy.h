/* SPDX-License-Identifier: MIT */
/*
** gim_easy.h - easy handles, with everything set that never changes
** [floor 3]
*/
#ifndef gim_easy_h
#define gim_easy_h

#include "gim_base.h"
#include "gim_headers.h"
#include "gim_trust.h"

#pragma GCC visibility push(hidden)

/* What the transfers of one net share; it outlives them. */
typedef struct gim_carrier {
  struct gim_wait *wait;       /* BORROWED */
  struct gim_sockets *sockets; /* BORROWED */
  struct gim_brake *brake;     /* BORROWED */
  void *share;                 /* CURLSH *: names and TLS sessions. BORROWED */
  gim_trust trust;             /* OWNED by the net */
  const char *proxy;           /* BORROWED; NULL: the environment's */
  const char *user_agent;      /* header line, see gim_easy_agent; NULL: none.
                                  BORROWED */
  gim_headers *query_headers;  /* those of queries: gim_prepare. BORROWED */
  int64_t connect_timeout_ms;
} gim_carrier;

/*
** A new easy handle (CURL *) without callbacks and without a request:
** verified TLS, http and https alone, no redirects, no signals, no user name
** in URLs, HTTP/2 where TLS offers it if `http2`. OWNED: curl_easy_cleanup.
** NULL: no memory.
*/
void *gim_easy_new(const gim_carrier *carrier, bool http2);

/*
** `*line` becomes the header line "User-Agent: <name>", OWNED (free with
** free()); NULL when `name` is NULL. False: no memory.
*/
GIM_MUST_CHECK bool gim_easy_agent(const char *name, char **line);

#pragma GCC visibility pop

#endif
