/* SPDX-License-Identifier: MIT */
/*
** gim_scribe.h - what one request writes into its client's journal [floor 9]
**
** Its intent before its POST leaves, which has to be on the disk; and then,
** without waiting, what becomes of it. A request of a client without a
** journal, and a task that the journal does not know, write nothing.
**
** While a scribe has pictures of the answer beside the journal they are its
** spare copies, until the journal says where they were filed.
*/
#ifndef gim_scribe_h
#define gim_scribe_h

#include "gim_archive.h"
#include "gim_base.h"
#include "gim_hub.h"
#include "gim_task.h"

#pragma GCC visibility push(hidden)

/* Seconds for which links are valid, by the seeds. */
#define GIM_SCRIBE_LINK_LIFE_S (24 * 3600)

typedef struct gim_scribe {
  /* Public, read only: */
  bool open;          /* its intent is, or may come to be, in the journal */
  bool lost;          /* something could not be written: a crash may lose it */
  gim_wait_line wait; /* for the intent; `settled` is the owner's to set */
  /* private: */
  gim_hub *hub;    /* BORROWED */
  const char *key; /* BORROWED */
  bool accepted, done;
  uint64_t spares[GIM_LIMIT_IMAGES / 64]; /* payloads that have a copy */
} gim_scribe;

/* Writes for the request `key` of `hub`, both BORROWED. */
void gim_scribe_init(gim_scribe *s, gim_hub *hub, const char *key);

/* It is in the journal since an earlier life, which got so far. */
void gim_scribe_resume(gim_scribe *s, bool accepted, bool done);

/* And so is the copy of payload `payload`. */
void gim_scribe_resume_spare(gim_scribe *s, int payload);

/* Has the client a journal, and is the intent still to be written? */
bool gim_scribe_has_to(const gim_scribe *s);

/* What the POST is. BORROWED during the call. */
typedef struct gim_intent {
  gim_str path, body;
  gim_str output; /* p NULL: none */
  gim_overwrite overwrite;
} gim_intent;

/* Writes the intent: s->wait is told how it went, unless this is false. */
bool gim_scribe_intend(gim_scribe *s, const gim_intent *intent, gim_err *err);

/* The name of overwrite policies in the journal, and back (-1: none). */
int gim_scribe_overwrite(gim_str name);

/* The service has it, as `id`; without effect the second time. */
void gim_scribe_accepted(gim_scribe *s, const char *id);

/* Payload `payload` of the answer came whole and lies at `path`. */
void gim_scribe_arrived(gim_scribe *s, int payload, const char *path,
                        int64_t size);

/* The pictures are known: `task` says which. */
void gim_scribe_done(gim_scribe *s, const gim_task *task);

/* Picture `picture` (from 0) of the request was filed at `path`. */
void gim_scribe_saved(gim_scribe *s, int picture, int payload,
                      const char *path, int64_t size);

/* The task is over: whatever is known to be lost, or not charged, is said. */
void gim_scribe_end(gim_scribe *s, const gim_task *task);

/* The task failed and starts over, under another key: BORROWED as before. */
void gim_scribe_renew(gim_scribe *s, const gim_task *task);

#pragma GCC visibility pop

#endif
