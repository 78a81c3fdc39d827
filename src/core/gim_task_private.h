/* SPDX-License-Identifier: MIT */
/*
** gim_task_private.h - what the files of gim_task share   [floor 5]
**
** gim_task.c is a task's life: what to do next, deadlines, cancelling.
** gim_task_answer.c is what an answer, or its lack, makes of it.
** gim_task_links.c is about links that have expired.
**
** `now_ms` is the monotonic clock's, `random` 32 random bits for the jitter of
** a delay, both as in gim_task.h. Nothing here fails: what a task cannot do
** ends it, and where there is no memory for a detail it has none.
*/
#ifndef gim_task_private_h
#define gim_task_private_h

#include "gim_ending.h"
#include "gim_task.h"

#pragma GCC visibility push(hidden)

/* Where a task is, in gim_task's `phase`. */
enum {
  PHASE_UPLOADING, /* references are being brought */
  PHASE_READY,     /* the POST may go out (again), at due_ms */
  PHASE_SENDING,   /* the POST is under way */
  PHASE_WAITING,   /* accepted; the next query is due at due_ms */
  PHASE_FETCHING,  /* a query is under way */
  PHASE_SAVING,    /* pictures are being brought */
  PHASE_RENEWAL,   /* a query for new links is due at due_ms */
  PHASE_RENEWING,  /* and is under way */
  PHASE_DONE
};

/* The last thing that was seen; `billed` is what it means for the bill. */
void gim_task_prove(gim_task *t, gim_evidence evidence);

/*
** The end, for good: DONE with `status`, and with `err` (COPIED; NULL: no
** detail) where that is not GIM_OK. Pictures that are paid and were not saved
** are said to be so; references are let go of.
*/
void gim_task_finish(gim_task *t, gim_status status, const gim_err *err);

/* Likewise with status and words of one of our own endings; where time ran
   out, with what gim_task_blame was told last. */
void gim_task_finish_as(gim_task *t, gim_ending ending);

/* Nothing is known of a task at the service, as at the start: no id, state,
   progress, times or credits. The model and what is billed stay. */
void gim_task_forget(gim_task *t);

/* Remembers why a try brought nothing (COPIED), to be told if time runs out;
   NULL: the last one did bring something. */
void gim_task_blame(gim_task *t, const gim_err *err);

/* Its pictures are known: SAVING, RENEWAL or RENEWING. */
bool gim_task_has_pictures(const gim_task *t);

/*
** The link of picture `picture` (from 0, under way) has expired, as `err`
** (COPIED) says. Where the task can be asked for a new one, once for all its
** pictures, the picture waits for that; else `err` is reported as what came of
** it, with the reason added to its message.
*/
void gim_task_expired(gim_task *t, int picture, const gim_err *err,
                      int64_t now_ms, uint32_t random);

/* Nothing is left to do but to query for new links: RENEWAL, due at once, and
   never again in this task's life. */
void gim_task_renew(gim_task *t, int64_t now_ms);

/*
** What came of that query, as for gim_task_fetched: new links are taken over,
** and MOVED out of the reply; pictures that got none have failed. A passing
** trouble is asked about again, as often as retries may be and time allows.
** To be called while RENEWING; SAVING or RENEWAL afterwards.
*/
void gim_task_renewed(gim_task *t, const gim_task_report *report,
                      int64_t now_ms, uint32_t random);

/* Was the whole body of the POST handed over? False before it went out. */
bool gim_task_is_whole(const gim_task *t);

/*
** A POST ended without an answer, or its time is over, as `status` and `err`
** (COPIED; may be NULL) say. It is sent again where that is certain not to pay
** twice (its body was not handed over whole, or the service is idempotent),
** the trouble is a passing one, and tries and time are left; else the task
** ends so.
*/
void gim_task_send_failed(gim_task *t, gim_status status, const gim_err *err,
                          int64_t now_ms, uint32_t random);

#pragma GCC visibility pop

#endif
