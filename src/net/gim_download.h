/* SPDX-License-Identifier: MIT */
/*
** gim_download.h - one picture by its link, into a sink   [floor 8]
**
** Redirects are followed by hand, hop by hop, each judged like the first:
** https (http only where private links are allowed), a public host by name, by
** literal and on the connected address. No key is sent. A try that broke is
** resumed by Range and If-Range from what it left in the sink. The first bytes
** must be those of a picture, and its end must be there: a Content-Length that
** is too small, or none, would pass a cut one off as whole. Only a reference
** that came in its full Content-Length is taken without its end: it is the
** caller's picture. DESIGN 4, Results.
*/
#ifndef gim_download_h
#define gim_download_h

#include "gim_base.h"
#include "gim_net.h"
#include "gim_sink.h"

#pragma GCC visibility push(hidden)

typedef struct gim_download gim_download;

/*
** How it ended: `err` NULL, the sink holds the whole picture; else why not,
** with err->retryable and, for a link that has expired (403, 404, 410),
** GIM_E_NOT_FOUND. BORROWED during the call.
*/
typedef void (*gim_download_done)(void *ud, const gim_err *err);

/* What one try leaves for the next. Zeroed: nothing. */
typedef struct gim_resume {
  char etag[128]; /* strong entity tag of the bytes in the sink; "": none */
} gim_resume;

typedef struct gim_download_spec {
  const char *url;      /* COPIED */
  gim_str private_host; /* a host that may be private: base_url's, when it is
                             loopback. BORROWED until on_done or cancel */
  bool allow_private;   /* any host may be private, and http will do */
  int64_t timeout_ms;   /* each hop */
  int64_t max_bytes;    /* 0: GIM_LIMIT_DOWNLOAD */
  bool reference;       /* a link that the caller gave, not the service */
  gim_sink *sink;       /* BORROWED until on_done or cancel */
  gim_resume *resume;   /* BORROWED likewise */
  gim_str secret;       /* BORROWED likewise; what no error may quote */
} gim_download_spec;

/*
** Starts it; as gim_exchange_start. GIM_E_INVALID and GIM_E_PROTOCOL: the
** link is not one that is followed; err says why.
*/
GIM_MUST_CHECK gim_status gim_download_start(gim_download **download,
                                             gim_net *net,
                                             const gim_download_spec *spec,
                                             gim_download_done on_done,
                                             void *ud, gim_err *err);

/* Does it wait for a disk of ours, and for how long has it done so in all, in
   milliseconds? The latter also in on_done. */
bool gim_download_is_held(const gim_download *download);
int64_t gim_download_held_ms(const gim_download *download);

/* Ends it at once, without on_done. The sink keeps what came. */
void gim_download_cancel(gim_download *download);

#pragma GCC visibility pop

#endif
