/* SPDX-License-Identifier: MIT */
/*
** gim_transfer.h - one HTTP request on an easy handle   [floor 4]
**
** The first half is what everybody sees: what is asked for, and how it
** ended. The second half is between a transfer and the net that runs it.
**
** What must never happen to a paid body is kept here. It is read once, by a
** callback whose seek fails; the callback refuses to be called again after
** the last byte; and once any of it was handed over, no second request goes
** out, on whatever connection. libcurl repeats a request by itself when a
** kept-alive connection turns out to be dead, and that would be paid twice.
*/
#ifndef gim_transfer_h
#define gim_transfer_h

#include "gim_base.h"
#include "gim_easy.h"
#include "gim_headers.h"
#include "gim_list.h"
#include "gim_parts.h"
#include "gim_reason.h"
#include "gim_response.h"

#pragma GCC visibility push(hidden)

/* Classes have slots of their own: long POSTs must not starve short polls. */
typedef enum gim_class {
  GIM_CLASS_PAID = 0, /* POSTs that cost, or may */
  GIM_CLASS_POLL,     /* task queries */
  GIM_CLASS_DOWNLOAD  /* pictures by link; the second multi; HTTP/1.1 */
} gim_class;

#define GIM_CLASS_COUNT 3

/* How a transfer ended; BORROWED during on_done. */
typedef struct gim_outcome {
  gim_status status;  /* GIM_OK: the response is whole, whatever its HTTP
                          status. Else GIM_E_NETWORK, GIM_E_TIMEOUT (connect
                          or timeout_ms), GIM_E_TOO_BIG (max_bytes or
                          headers), GIM_E_AUTH (a proxy wants credentials),
                          GIM_E_INVALID (public_only, URL), GIM_E_NO_MEMORY,
                          GIM_E_IO (a part's
                          source), or what a callback returned */
  const gim_err *err; /* detail when status is not GIM_OK; else NULL */
  size_t handed;      /* body bytes that libcurl took from us; of parts:
                          their own, not the lines between them */
  size_t total;       /* body bytes there were, counted likewise */
  bool connected;     /* a connection to the service (not the proxy) stood */
  int64_t received;   /* body bytes that came */
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
  /* Would `n` bytes of the body be taken at once? Where not they are held up,
     and on_data gets them after gim_net_resume, which who says no sees to:
     once there is room. May be NULL: always. */
  bool (*takes)(void *ud, size_t n);
  /* Body bytes, BORROWED during the call, at most 16 KiB at a time. */
  gim_status (*on_data)(void *ud, const char *p, size_t n);
  void (*on_done)(void *ud, const gim_outcome *outcome);
} gim_transfer_callbacks;

typedef struct gim_transfer_spec {
  gim_class transfer_class;
  bool post;                  /* POST with `body` or `parts`, else GET */
  bool connect_only;          /* no request at all: it ends when a connection
                                 stands, and that is closed; needs no slot */
  const char *url;            /* COPIED */
  const char *const *headers; /* "Name: value", NULL-terminated; COPIED; NULL:
                                 none */
  const char *body;           /* BORROWED until on_done or cancel */
  size_t body_n;
  const gim_part *parts; /* a multipart body in place of `body`: parts_n of
                             them, in this order. COPIED but for what
                             gim_parts.h says */
  int parts_n;           /* 0: `body` */
  int64_t timeout_ms;    /* whole transfer, without the time that the host
                             let it wait, or `takes`; 0: none. Ignored for
                             PAID */
  bool brief;            /* the answer has no picture: a small buffer will do.
                            Those of POLL never have */
  int64_t max_bytes;     /* of body; exceeding it ends the transfer */
  bool public_only;      /* refuse private hosts, checked by name, by literal
                             and on the address that is connected to */
  int64_t resume_from;   /* first byte wanted; 0: all */
  const char *if_range;  /* ETag for If-Range when resuming; NULL: none */
} gim_transfer_spec;

typedef struct gim_transfer gim_transfer;

/* -------- What follows is for gim_net alone. -------- */

/* CURLOPT_PREREQFUNCTION: from 7.80.0. For the preprocessor. */
#define GIM_HAVE_PREREQ (LIBCURL_VERSION_NUM >= 0x075000)

typedef enum gim_transfer_state {
  GIM_TRANSFER_IDLE = 0, /* in the pool */
  GIM_TRANSFER_RUNNING,
  GIM_TRANSFER_PARKED, /* cancelled, but its name is still being resolved */
  GIM_TRANSFER_DONE    /* its on_done is running */
} gim_transfer_state;

struct gim_transfer {
  void *easy; /* CURL * */
  const gim_carrier *carrier;
  gim_transfer *next, *previous; /* the net's list */
  gim_transfer_state state;
  int lane;
  gim_class transfer_class;
  gim_transfer_callbacks calls;
  void *ud;

  void *parsed;        /* CURLU *, OWNED: a URL of `origin`; NULL: none */
  char *origin;        /* OWNED: "https://example.com:8080"; NULL: none */
  bool queried;        /* the last request was an ordinary query there */
  gim_headers headers; /* the key is among them */
  gim_parts *parts;    /* OWNED; NULL: `body` */
  const char *body;
  size_t body_n;
  bool post;
  bool connect_only;
  bool check_address;
  int64_t max_bytes;
  int64_t timeout_ms;

  gim_list_item waiting; /* held up by the brake */
  bool held;             /* held up by `takes` */
  int64_t held_ms;       /* since when, by gim_clock_ms; 0: takes has said no
                            no more since it said yes */
  int64_t stood_ms;      /* how long before, but for what the brake counts */
  int64_t brake_ms;      /* gim_brake_stood_ms at held_ms */
  int64_t began_ms;      /* and when the transfer began */
  int64_t deadline_ms;   /* by the net's clock; 0: none */
  int postponed;         /* times that judging it was put off */
  size_t handed;
  int64_t received;
  int requests;         /* times that a request was about to go out */
  bool opened;          /* a socket was asked for: names are resolved */
  bool refused_address; /* one that is not public */
  gim_stop stop;
  gim_status callback_status;
  gim_response response;
  char host[256];
  char detail[256]; /* libcurl's error buffer */
};

/*
** A transfer for `lane` with everything set that never changes; NULL: no
** memory. That of downloads speaks HTTP/1.1, all others HTTP/2 where offered.
*/
#define GIM_LANE_DOWNLOADS 1
gim_transfer *gim_transfer_new(const gim_carrier *carrier, int lane);

/*
** Offers again what the brake held up; the transfer is no longer paused, or
** paused anew. Any result but 0 (a CURLcode) ends it.
*/
int gim_transfer_resume(gim_transfer *t);

/* From here on it stands, for want of room, or does not any more. */
void gim_transfer_stand(gim_transfer *t, bool stands);

/* How long it did so, or another for which nothing was read, in all. */
int64_t gim_transfer_stood_ms(const gim_transfer *t);

/*
** Works out how it ended from libcurl's result `code`. `outcome` points into
** `t` and to `err`.
*/
void gim_transfer_conclude(const gim_transfer *t, int code,
                           gim_outcome *outcome, gim_err *err);

/* Forgets request (the key too) and response; the transfer is idle again. */
void gim_transfer_clear(gim_transfer *t);

/* True while libcurl may wait for its resolver thread. */
bool gim_transfer_is_resolving(const gim_transfer *t);

/* Must not be in a multi any more. NULL is allowed. */
void gim_transfer_delete(gim_transfer *t);

#pragma GCC visibility pop

#endif
