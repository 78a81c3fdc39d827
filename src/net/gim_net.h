/* SPDX-License-Identifier: MIT */
/*
** gim_net.h - transfers on curl multis behind one descriptor   [floor 6]
**
** One net is one epoll set that holds libcurl's sockets and a timerfd, so
** that a host watches a single descriptor. Paid requests and polls share one
** curl multi, downloads have another of their own (their address check would
** be skipped on a connection that somebody else opened). Easy handles are
** pooled and reused. Nothing here retries, follows redirects or knows what a
** request means; it does know what must never happen to a paid body:
**   - it is read once, by a callback whose seek fails, so that libcurl cannot
**     send it again behind our back; what was handed over is counted here;
**   - it never goes out on a connection idle for more than some 4 s, carries
**     no Expect, follows no redirect and has no libcurl timeout but that for
**     connecting: the owner judges deadlines after ready sockets were read.
** Not thread-safe; every call from the process that made the net: see
** gim_net_is_foreign.
*/
#ifndef gim_net_h
#define gim_net_h

#include "gim_base.h"

#pragma GCC visibility push(hidden)

/* Classes have slots of their own: long POSTs must not starve short polls. */
typedef enum gim_class {
  GIM_CLASS_PAID = 0, /* POSTs that cost, or may */
  GIM_CLASS_POLL,     /* task queries */
  GIM_CLASS_DOWNLOAD  /* pictures by link; the second multi; HTTP/1.1 */
} gim_class;

#define GIM_CLASS_COUNT 3

typedef struct gim_net_options {
  int max_requests;           /* transfers at once, all classes; >= 1 */
  int64_t connect_timeout_ms;
  const char *ca_file;        /* COPIED; NULL: the system's alone. Its CAs are
                                 trusted beside the system's */
  const char *proxy;          /* COPIED; NULL: the environment's, as libcurl */
  const char *user_agent;     /* COPIED */
} gim_net_options;

/* What came back. Strings are NUL-terminated, "" when absent. */
typedef struct gim_response {
  int http_status;        /* 0: no status line arrived */
  int http_version;       /* 10, 11, 20, 30 */
  int64_t content_length; /* -1: not said */
  char content_type[128];
  char retry_after[64];
  char retry_after_ms[32];
  char request_id[96];    /* x-request-id, else x-oneapi-request-id */
  char etag[128];
  char content_range[64];
  char content_encoding[32];
  bool replayed;          /* idempotency-replayed: true */
  char *location;         /* OWNED by the transfer; NULL when absent or longer
                             than GIM_LIMIT_URL */
} gim_response;

typedef struct gim_transfer gim_transfer;

/* How a transfer ended; BORROWED during on_done. */
typedef struct gim_outcome {
  gim_status status;   /* GIM_OK: the response is whole, whatever its HTTP
                          status. Else GIM_E_NETWORK, GIM_E_TIMEOUT (connect
                          or timeout_ms), GIM_E_TOO_BIG (max_bytes or
                          headers), GIM_E_AUTH (a proxy wants credentials),
                          GIM_E_INVALID (public_only, URL), GIM_E_NO_MEMORY,
                          or what a callback returned */
  const gim_err *err;  /* detail when status is not GIM_OK; else NULL */
  size_t handed;       /* body bytes that libcurl took from us */
  size_t total;        /* body bytes there were */
  bool connected;      /* a connection to the service (not the proxy) stood */
  int64_t received;    /* body bytes that came */
  const gim_response *response;
} gim_outcome;

/*
** Called by gim_net for one transfer. on_head and on_data run under libcurl:
** they must not call gim_net. on_done runs inside gim_net_step, outside
** libcurl: it may start and cancel transfers, but not free the net. After it
** returns the transfer is gone.
*/
typedef struct gim_transfer_callbacks {
  /* The final response's headers are there (no 1xx, no proxy's CONNECT).
     Any result but GIM_OK ends the transfer with it. May be NULL. */
  gim_status (*on_head)(void *ud, const gim_response *response);
  /* Body bytes, BORROWED during the call, at most 16 KiB at a time. */
  gim_status (*on_data)(void *ud, const char *p, size_t n);
  void (*on_done)(void *ud, const gim_outcome *outcome);
} gim_transfer_callbacks;

typedef struct gim_transfer_spec {
  gim_class transfer_class;
  bool post;              /* POST with `body`, else GET */
  const char *url;        /* COPIED */
  const char *const *headers; /* "Name: value", NULL-terminated; COPIED */
  const char *body;       /* BORROWED until on_done or cancel */
  size_t body_n;
  int64_t timeout_ms;     /* whole transfer; 0: none. Ignored for PAID */
  int64_t max_bytes;      /* of body; exceeding it ends the transfer */
  bool public_only;       /* refuse private hosts, checked by name, by literal
                             and on the address that is connected to */
  int64_t resume_from;    /* first byte wanted; 0: all */
  const char *if_range;   /* ETag for If-Range when resuming; NULL: none */
} gim_transfer_spec;

typedef struct gim_net gim_net;

/*
** A new net, or NULL with `err`: GIM_E_IO (descriptors), GIM_E_NO_MEMORY,
** GIM_E_INVALID (libcurl without TLS or threads, ca_file unreadable).
*/
gim_net *gim_net_new(const gim_net_options *options, gim_err *err);

/*
** Ends all transfers without on_done and releases everything. Does nothing in
** a process that did not make the net: its sockets are the parent's.
*/
void gim_net_free(gim_net *net);

/* True in a child after fork: every other call would harm the parent. */
bool gim_net_is_foreign(const gim_net *net);

/* The descriptor: readable while a step has work to do. BORROWED. */
int gim_net_fd(const gim_net *net);

/* Monotonic milliseconds; wall-clock seconds. */
int64_t gim_net_now_ms(void);
int64_t gim_net_unix_s(void);

/* 32 bits from getrandom(2); `n` bytes of it. Never fails: blocks only
   before the kernel's pool is first filled. */
uint32_t gim_net_random(void);
void gim_net_random_bytes(void *p, size_t n);

/*
** True when a transfer of this class may start. The total never exceeds
** max_requests; where that is 3 or more, the last slots are kept one each
** for classes that have none in use.
*/
bool gim_net_has_slot(const gim_net *net, gim_class transfer_class);

/* Transfers under way, all classes or one. */
int gim_net_active(const gim_net *net);

/*
** Starts a transfer. `ud` is BORROWED until on_done or cancel. On success
** `*transfer` names it until then.
** GIM_E_INVALID (URL that gim_url refuses; public_only and the host is not),
** GIM_E_NO_MEMORY, GIM_E_TOO_BIG (no slot): on_done is not called then.
*/
GIM_MUST_CHECK gim_status gim_net_start(gim_net *net,
                                        const gim_transfer_spec *spec,
                                        const gim_transfer_callbacks *calls,
                                        void *ud, gim_transfer **transfer,
                                        gim_err *err);

/*
** Ends a transfer at once; on_done is not called. `*handed` (may be NULL)
** gets the body bytes that had left. Not from on_head or on_data.
*/
void gim_net_cancel(gim_net *net, gim_transfer *transfer, size_t *handed);

/* Body bytes handed to libcurl so far: is the paid body out? */
size_t gim_net_handed(const gim_transfer *transfer);

/*
** Makes the descriptor readable at `due_ms` (monotonic; -1: never), beside
** whatever libcurl waits for. The latest call counts.
*/
void gim_net_alarm(gim_net *net, int64_t due_ms);

/*
** Does the work that is due: ready sockets, libcurl's timers, finished
** transfers (their on_done). Waits at most `wait_ms` (-1: for ever) for the
** first of it, and returns at the alarm too. Stops after about `budget_us`
** microseconds of work (0: no limit) and leaves the descriptor readable when
** something is left. GIM_E_IO when epoll fails; EINTR counts as a time-out.
*/
GIM_MUST_CHECK gim_status gim_net_step(gim_net *net, int64_t wait_ms,
                                       int64_t budget_us, gim_err *err);

/*
** Milliseconds until libcurl or the alarm wants a step: 0 now, -1 nothing is
** waited for. For hosts that cannot watch descriptors.
*/
int64_t gim_net_timeout_ms(const gim_net *net);

#pragma GCC visibility pop

#endif
