/* SPDX-License-Identifier: MIT */
/*
** gim_reason.h - what a failed transfer means, in a sentence   [floor 2]
**
** Turns libcurl's result into a status and into advice. Names hosts and ports,
** never paths or queries (result links are signed) and never a header.
*/
#ifndef gim_reason_h
#define gim_reason_h

#include "gim_base.h"

#pragma GCC visibility push(hidden)

/* Why a callback of ours ended a transfer. */
typedef enum gim_stop {
  GIM_STOP_NONE = 0,
  GIM_STOP_CALLBACK, /* on_head or on_data did not say GIM_OK */
  GIM_STOP_BODY,     /* more than max_bytes */
  GIM_STOP_HEAD,     /* more than GIM_LIMIT_HEADER */
  GIM_STOP_MEMORY,
  GIM_STOP_ADDRESS, /* the host's address is not public */
  GIM_STOP_SOURCE,  /* a part of the body could not be read */
  GIM_STOP_REPEAT   /* libcurl was about to send the body again */
} gim_stop;

/* What is known when a transfer has failed. All BORROWED. */
typedef struct gim_reason {
  gim_stop stop;
  gim_status callback_status; /* with GIM_STOP_CALLBACK */
  const gim_err *source;      /* with GIM_STOP_SOURCE */
  int code;                   /* CURLcode; CURLE_OK: a reply without a head */
  gim_str host;               /* of the URL, and its port; 0: unknown */
  int port;
  gim_str proxy;      /* between; as gim_proxy_place. Empty: none */
  const char *detail; /* libcurl's error buffer, "" when it said nothing */
  long system_error;  /* errno of a failed connection; 0: unknown */
  long connect_code;  /* a proxy's answer to CONNECT; 0: none */
  bool connected;     /* a connection to the service stood */
  bool in_head;       /* the reply's headers had begun, not ended */
  size_t handed;      /* body bytes sent ... */
  size_t total;       /* ... of so many */
  int64_t received;   /* body bytes that came */
  int64_t max_bytes;
  int64_t connect_timeout_ms;
  int64_t timeout_ms;
} gim_reason;

/* Writes `err` and returns its status, never GIM_OK. */
gim_status gim_reason_explain(const gim_reason *reason, gim_err *err);

#pragma GCC visibility pop

#endif
