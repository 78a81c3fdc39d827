/* SPDX-License-Identifier: MIT */
/*
** gim_exchange.h - one request to the API and its answer, read while it
** arrives   [floor 8]
**
** Feeds the answer through gim_split: pictures in base64 go to sinks of their
** own as they come, the rest is read by gim_reply at the end. A sink that
** fails does not end the transfer: the other pictures are paid as well.
*/
#ifndef gim_exchange_h
#define gim_exchange_h

#include "gim_base.h"
#include "gim_net.h"
#include "gim_reply.h"
#include "gim_sink.h"

#pragma GCC visibility push(hidden)

typedef struct gim_exchange gim_exchange;

/* How an exchange ended. BORROWED during on_done but for what is MOVED. */
typedef struct gim_exchanged {
  gim_status status;  /* GIM_OK: `reply` was read from a whole answer */
  const gim_err *err; /* detail when status is not GIM_OK */
  size_t handed, total;
  int http_status;  /* 0: none came */
  bool salvaged;    /* status is not GIM_OK, but whole pictures came before
                         it broke: `reply` names those */
  gim_reply *reply; /* strings may be MOVED out of it */
  gim_str skeleton; /* the answer without its pictures */
  gim_sink **sinks; /* one per payload; NULL where it is not whole. A sink
                         is MOVED by putting NULL in its place */
  int sink_count;
} gim_exchanged;

typedef void (*gim_exchange_done)(void *ud, const gim_exchanged *exchanged);

/*
** A picture of the answer came whole and was filed at `path`, `size` bytes:
** see gim_exchange_spec. Must not cancel the exchange.
*/
typedef void (*gim_exchange_kept)(void *ud, int number, const char *path,
                                  int64_t size);

typedef struct gim_exchange_spec {
  bool paid;                  /* POST with `body` or `parts`; else GET */
  const char *url;            /* COPIED */
  const gim_part *parts;      /* as of gim_transfer_spec */
  int parts_n;                /* 0: `body` */
  const char *const *headers; /* as of gim_transfer_spec; COPIED */
  const char *body;           /* BORROWED until on_done or cancel */
  size_t body_n;
  int pictures;       /* that the answer will bring, as far as is known; 0: not
                     known. How much of its length is a picture's */
  bool brief;         /* as of gim_transfer_spec */
  int64_t timeout_ms; /* GET: whole transfer */
  const char *folder; /* COPIED; where pictures go, NULL: memory */
  const char *keep;   /* COPIED; each picture is filed in `folder`, as soon as
                           it is whole, under this, a dash, its number (from
                           0) and `ending`; NULL: not */
  const char *ending; /* BORROWED until the end */
  gim_exchange_kept on_kept;
  gim_pool *pool; /* BORROWED until its sinks are freed */
  gim_str secret; /* BORROWED until the end; the key in `headers`, which no
                       text of the answer is to show */
} gim_exchange_spec;

/*
** Starts it. on_done is called once, inside gim_net_step, unless it is
** cancelled; the exchange is gone after that. Pictures that are to be filed
** have been by then, or could not be. `ud` is BORROWED until then.
** As gim_net_start: GIM_E_INVALID, GIM_E_NO_MEMORY, GIM_E_TOO_BIG (no slot).
*/
GIM_MUST_CHECK gim_status gim_exchange_start(gim_exchange **exchange,
                                             gim_net *net,
                                             const gim_exchange_spec *spec,
                                             gim_exchange_done on_done,
                                             void *ud, gim_err *err);

/* Ends it at once, without on_done. `*handed`, as of gim_net_cancel. */
void gim_exchange_cancel(gim_exchange *exchange, size_t *handed);

/*
** Its whole answer has come, and only what is kept of it is still to be filed:
** on_done is called at once. The sinks have the pictures, and what is on its
** way to a file goes on. False: it has not come, and nothing happens.
*/
bool gim_exchange_finish(gim_exchange *exchange);

/* Does it wait for a disk of ours? Then the service has no more to do for it,
   or cannot: no time limit of the service's is to end it. */
bool gim_exchange_is_held(const gim_exchange *exchange);

/* How long it did so, or another for which nothing was read, since this was
   last asked, in milliseconds. Also in on_done. */
int64_t gim_exchange_take_held_ms(gim_exchange *exchange);

/* Body bytes handed over so far, of how many (gim_outcome counts likewise),
   and bytes of the answer that came. */
size_t gim_exchange_handed(const gim_exchange *exchange);
size_t gim_exchange_total(const gim_exchange *exchange);
int64_t gim_exchange_received(const gim_exchange *exchange);

#pragma GCC visibility pop

#endif
