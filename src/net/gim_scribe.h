/* SPDX-License-Identifier: MIT */
/*
** gim_scribe.h - what one request writes into its client's journal [floor 9]
**
** First its intent, which has to be on the disk before its POST leaves; then,
** without waiting, what becomes of it. A request of a client without a
** journal, and a task that the journal does not know, write nothing.
**
** Pictures of the answer lie beside the journal, "<key>-<number>.arrived",
** from the moment when they are whole: the spare copies of a scribe, until
** the journal says where the picture was filed.
**
** WHY A PAID PICTURE IS NOT LOST, whenever the process is killed or the power
** fails. What no fsync has confirmed may then be there or not, bytes and names
** each for themselves, in any order. "Durable" is what survives that.
**
**  1. A line is true from the moment it is handed to the system: it may become
**     durable at once, or long before its fsync. So what it speaks of is
**     durable before it is written (gim_journal_append_filed): the file of
**     `arrived` and `saved`; with the file its name, and the names of the
**     folders above. `done` comes behind the `arrived` of its files, and says
**     which picture each of them is, not that it is there: where an fsync of
**     the file failed there is no `arrived`, and gim_recover takes the file
**     only if it looks whole. Lines that were cut off again because an fsync
**     failed may come back: they are true.
**  2. The POST leaves when its intent is durable, and the journal's name with
**     it. From then on the request is open, until `saved` of every picture,
**     `failed` that says "not billed", or `closed` is durable or was read.
**  3. What is read is durable: gim_journal_open fsyncs before anybody reads.
**     Files that were not durable when a process was killed are fsynced by
**     their next owner before his `done` names them (gim_job_resume writes
**     `arrived` again).
**  4. A spare copy goes only when `saved` of its picture is durable (the
**     journal's thread), or when lines that were read say that its request is
**     over (gim_archive): by 1 the filed picture is durable by then. A copy of
**     which no line speaks is never removed. When a removal is not durable the
**     copy comes back; as long as its lines are there it goes again, and lines
**     are dropped only when the removals are durable (gim_journal_compact).
**  5. A new journal takes the old one's name when it is durable itself; either
**     of the two says all that is open. Lines are called durable only once the
**     name is.
**
** So every disk is one of these, and gim_recover finds the picture by
**
**   durable of the request           then
**   no intent                        nothing was paid
**   intent                           "maybe"; or, if whole files happen to be
**                                    there, those ("cut": there may be more)
**   intent, arrived                  the file, by its name and size
**   intent, accepted                 the service, by the id
**   intent, done with links          the link, for 24 hours; after that what
**                                    the task says if it is asked, once
**   intent, arrived, done with       the files: by 1 and 4 they are there
**     files
**   intent, done with files          those that happen to be there whole; the
**                                    disk refused them, and the rest is lost
**   ... and saved of a picture       its file: by 1 it is there
**
** Left to others: a picture that somebody took away from where it was filed
** before the journal's thread could fsync it; and bytes that were on the way
** from the service, which are a "maybe" or "cut". What the disk was too full
** to keep beside the journal goes straight to its place, and is `done` with
** nothing to bring until then. spec/power_spec.lua strikes at every call.
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
  bool open;          /* its intent is, or may come to be, in the journal: only
                         then is anything else written */
  bool lost;          /* something could not be written (memory, too many lines
                         on their way, a journal given up): a crash may lose
                         it. Never goes away */
  gim_wait_line wait; /* for the intent; `settled` is the owner's to set */
  /* private: */
  gim_hub *hub;        /* BORROWED */
  const char *key;     /* BORROWED */
  bool accepted, done; /* such a line is, or may come to be, there */
  uint64_t spares[GIM_LIMIT_IMAGES / 64]; /* payloads that have a copy */
} gim_scribe;

/*
** Writes for the request `key` of `hub`, both BORROWED for the scribe's life;
** nothing before gim_scribe_intend or gim_scribe_resume. It OWNS nothing, and
** has no free: who lets go of it while gim_scribe_intend's line is on its way
** calls gim_archive_forget on `wait` first.
**
** Whatever is told of it later (gim_scribe_accepted and on) waits for nothing
** and does not fail: a line that could not be written makes `lost` true.
*/
void gim_scribe_init(gim_scribe *s, gim_hub *hub, const char *key);

/* Its intent is in the journal since an earlier life, which got so far: what
   is known there is not written again. */
void gim_scribe_resume(gim_scribe *s, bool accepted, bool done);

/* And so is the copy of payload `payload` (from 0), which `done` names.
   Without effect where no answer has such a number. */
void gim_scribe_resume_spare(gim_scribe *s, int payload);

/* Has the client a journal, and is the intent still to be written? */
bool gim_scribe_has_to(const gim_scribe *s);

/* What the POST is. BORROWED during the call. */
typedef struct gim_intent {
  gim_str path;   /* of the POST, behind the base URL */
  gim_str body;   /* the request, as JSON */
  gim_str output; /* the template for names of files; p NULL: none */
  gim_overwrite overwrite;
} gim_intent;

/*
** Writes the intent; to be called where gim_scribe_has_to says so.
** True: s->wait.settled will be called, inside gim_net_step, once the line is
** on the disk or was tried in vain. False: never, nothing was written, and
** `err` (may be NULL) says why:
**   GIM_E_TOO_BIG    the line would pass GIM_LIMIT_JOURNAL_LINE
**   GIM_E_NO_MEMORY  no memory, or too many lines are on their way
**   GIM_E_IO         the journal was given up, or fails
*/
bool gim_scribe_intend(gim_scribe *s, const gim_intent *intent, gim_err *err);

/* The gim_overwrite that the journal calls so ("number", ...); -1: none. */
int gim_scribe_overwrite(gim_str name);

/* The service has it, as `id` (COPIED); without effect the second time. */
void gim_scribe_accepted(gim_scribe *s, const char *id);

/* Payload `payload` of the answer came whole and lies at `path` (COPIED), in
   the folder beside the journal, `size` bytes: it is a spare copy now. The
   line is dropped when the disk does not keep the file. */
void gim_scribe_arrived(gim_scribe *s, int payload, const char *path,
                        int64_t size);

/* The pictures are known: `task` says which. `cut`: of an answer whose end was
   not seen. Without effect the second time. */
void gim_scribe_done(gim_scribe *s, const gim_task *task, bool cut);

/* Picture `picture` (from 0) of the request, whose bytes came as payload
   `payload` (-1: by a link), was filed at `path` (COPIED). Its spare copy goes
   once that is durable; it stays when the disk does not keep the file. */
void gim_scribe_saved(gim_scribe *s, int picture, int payload,
                      const char *path, int64_t size);

/* The task is over: a `failed` line says what is known not to be charged, and
   of what may be charged that asking again brings nothing; behind `done`, that
   a link has expired and there is no new one. What may still come (a task that
   goes on at the service, or could not be asked for a link) stays open. */
void gim_scribe_end(gim_scribe *s, const gim_task *task);

/* The task failed and is to start over as a new request: says so of the old
   one. Behind it the caller puts the new one's key where the old one's was,
   BORROWED as before. */
void gim_scribe_renew(gim_scribe *s, const gim_task *task);

#pragma GCC visibility pop

#endif
