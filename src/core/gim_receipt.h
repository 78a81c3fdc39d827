/* SPDX-License-Identifier: MIT */
/*
** gim_receipt.h - what the file service answers to an upload   [floor 4]
**
** {"success": true, "data": {"file_url": "...", "expires_at": "..."}} (WIRE
** 3). What says success: false is a failure, with HTTP 200 too.
*/
#ifndef gim_receipt_h
#define gim_receipt_h

#include "gim_answer.h"
#include "gim_base.h"

#pragma GCC visibility push(hidden)

/* "Uploaded files expire after 72 hours", less what clocks may differ by. */
#define GIM_RECEIPT_LIFE_S (71 * 3600)

typedef struct gim_receipt {
  char *url;              /* OWNED; free with gim_receipt_free */
  int64_t expires_unix_s; /* as the service says, else now and
                             GIM_RECEIPT_LIFE_S */
} gim_receipt;

/*
** Reads one whole reply. GIM_OK: `receipt` holds the link, http(s), at most
** GIM_LIMIT_URL bytes, by the rules of gim_url, and without the key. Else
** `err` is filled as by gim_reply, and its kind returned:
**   GIM_E_AUTH 401 403; GIM_E_QUOTA 402 and what speaks of a quota;
**   GIM_E_TOO_BIG 413; GIM_E_RATE_LIMITED 429; GIM_E_SERVER 5xx; other kinds
**   by gim_verdict, with the code of the body before the status;
**   GIM_E_PROTOCOL no JSON, or no link that can be used;
**   GIM_E_NO_MEMORY.
** err->retryable: another try may help. Uploads are free, so it may be made.
*/
GIM_MUST_CHECK gim_status gim_receipt_read(gim_receipt *receipt,
                                           const gim_answer *answer,
                                           gim_err *err);

/* Releases what it OWNS. Idempotent. Leaves it zeroed. */
void gim_receipt_free(gim_receipt *receipt);

/*
** Reads a time of RFC 3339 with its zone ("2026-07-04T12:00:00.5+08:00", "Z")
** into unix seconds, fractions cut off. False where `text` is none.
*/
bool gim_receipt_time(gim_str text, int64_t *unix_s);

#pragma GCC visibility pop

#endif
