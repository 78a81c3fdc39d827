/* SPDX-License-Identifier: MIT */
/*
** gim_upload.h - one picture on its way to the file service   [floor 8]
**
** One POST with one part, `file`, read from the disk while it is sent; the
** answer is small and read by gim_receipt. It is not paid: what failed may be
** tried again by whoever asked. WIRE 3.
*/
#ifndef gim_upload_h
#define gim_upload_h

#include "gim_base.h"
#include "gim_net.h"
#include "gim_receipt.h"

#pragma GCC visibility push(hidden)

typedef struct gim_upload gim_upload;

/* How it ended. BORROWED during the call. */
typedef struct gim_uploaded {
  const gim_err *err;         /* NULL: it is there; else why not, and whether
                                 another try may help */
  const gim_receipt *receipt; /* NULL with `err` */
  int http_status;            /* 0: no answer came */
} gim_uploaded;

typedef void (*gim_upload_done)(void *ud, const gim_uploaded *uploaded);

typedef struct gim_upload_spec {
  const char *files_url;     /* COPIED; without a slash at its end */
  const char *authorization; /* header; COPIED */
  gim_part part;             /* a file or bytes, as in gim_transfer_spec; its
                                `field` is set by gim_upload_start */
  int64_t timeout_ms;
  gim_str secret; /* BORROWED until on_done or cancel; the key in
                     `authorization`, which nothing is to show */
} gim_upload_spec;

/*
** Starts it: a transfer of class DOWNLOAD. As gim_net_start, and GIM_E_IO: the
** file cannot be read, or is not the one any more that was looked at. on_done
** is called once, inside gim_net_step, unless it is cancelled.
*/
GIM_MUST_CHECK gim_status gim_upload_start(gim_upload **upload, gim_net *net,
                                           const gim_upload_spec *spec,
                                           gim_upload_done on_done, void *ud,
                                           gim_err *err);

/* Ends it at once, without on_done. */
void gim_upload_cancel(gim_upload *upload);

#pragma GCC visibility pop

#endif
