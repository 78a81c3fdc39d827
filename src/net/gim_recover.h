/* SPDX-License-Identifier: MIT */
/*
** gim_recover.h - what an earlier life of a client left behind   [floor 11]
**
** Says of each request that was open when the journal was opened what can be
** done about it, and does it. Nothing is ever submitted again.
*/
#ifndef gim_recover_h
#define gim_recover_h

#include "gim_base.h"
#include "gim_buffer.h"
#include "gim_job.h"
#include "gim_recovery.h"

#pragma GCC visibility push(hidden)

typedef enum gim_remnant_kind {
  GIM_REMNANT_ATTACHED = 0, /* the service has it: it is asked for again */
  GIM_REMNANT_DOWNLOADING,  /* paid; its links are good, or can be asked for
                               anew, and have a place to go to */
  GIM_REMNANT_LINKED,       /* paid; its links are good */
  GIM_REMNANT_FILED,        /* paid; its pictures lie beside the journal */
  GIM_REMNANT_MAYBE,    /* it may have been paid, and cannot be asked for */
  GIM_REMNANT_LOST,     /* paid; links have expired (and new ones were asked
                           for in vain), or files are gone */
  GIM_REMNANT_ELSEWHERE /* another service's: for a client of that */
} gim_remnant_kind;

/* The kinds before MAYBE are worked on by a job. */
#define GIM_REMNANT_JOBS GIM_REMNANT_MAYBE

/* One request. */
typedef struct gim_remnant {
  /* Public, read only. Empty: not known */
  gim_remnant_kind kind;
  char key[GIM_RECORD_KEY_SIZE];
  int64_t time_unix_s; /* of its intent; 0: not said */
  gim_buffer id, model, prompt, provider, base_url, output;
  gim_buffer failure; /* MAYBE: the kind of error that the caller was told */
  /* private: */
  gim_past_picture *pictures; /* OWNED, and what it points to */
  int count, overwrite;
  int64_t linked_unix_s;
  bool told, cut, stale; /* stale: its links have expired */
} gim_remnant;

/*
** Reads what is known of `open`, one of hub->archive->past, into `remnant`
** (memory of the caller, released with gim_remnant_free whatever is returned)
** and judges it at `now_unix_s`. GIM_E_IO (the journal cannot be read),
** GIM_E_NO_MEMORY.
*/
GIM_MUST_CHECK gim_status gim_recover_read(gim_hub *hub, const gim_open *open,
                                           int64_t now_unix_s,
                                           gim_remnant *remnant, gim_err *err);

/*
** A job that brings a request of one of the kinds before GIM_REMNANT_JOBS to
** its end, under the key that it had. Results are those of gim_job_attach and
** gim_job_resume.
*/
GIM_MUST_CHECK gim_status gim_recover_start(gim_hub *hub,
                                            const gim_remnant *remnant,
                                            gim_job **job, gim_err *err);

/* Releases what it OWNS. Idempotent. */
void gim_remnant_free(gim_remnant *remnant);

#pragma GCC visibility pop

#endif
