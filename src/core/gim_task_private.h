/* SPDX-License-Identifier: MIT */
/*
** gim_task_private.h - what the files of gim_task share   [floor 5]
**
** gim_task.c is a task's life: what to do next, deadlines, cancelling.
** gim_task_answer.c is what an answer, or its lack, makes of it.
** gim_task_links.c is about links that have expired.
*/
#ifndef gim_task_private_h
#define gim_task_private_h

#include "gim_ending.h"
#include "gim_task.h"

#pragma GCC visibility push(hidden)

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

/* What was seen, and what it means for the bill. */
void gim_task_prove(gim_task *t, gim_evidence evidence);

/* The end: `err` is COPIED (NULL: no detail); or one of our own endings. */
void gim_task_finish(gim_task *t, gim_status status, const gim_err *err);
void gim_task_finish_as(gim_task *t, gim_ending ending);

/* Nothing is known of a task at the service, as at the start. */
void gim_task_forget(gim_task *t);

/* Remembers why a try brought nothing (COPIED), for when time runs out; NULL:
   the last one did bring something. */
void gim_task_blame(gim_task *t, const gim_err *err);

/* Its pictures are known: SAVING, RENEWAL or RENEWING. */
bool gim_task_has_pictures(const gim_task *t);

/* A picture's link has expired, as `err` says: it waits for a new one, or the
   reason is reported with more words. */
void gim_task_expired(gim_task *t, int picture, const gim_err *err,
                      int64_t now_ms, uint32_t random);

/* Nothing is left to do but to query for new links. */
void gim_task_renew(gim_task *t, int64_t now_ms);

/* What came of that query. */
void gim_task_renewed(gim_task *t, const gim_task_report *report,
                      int64_t now_ms, uint32_t random);

/* Was the whole body of the POST handed over? */
bool gim_task_is_whole(const gim_task *t);

/* A POST ended without an answer, or its time is over: it is sent again, or
   the task ends. */
void gim_task_send_failed(gim_task *t, gim_status status, const gim_err *err,
                          int64_t now_ms, uint32_t random);

#pragma GCC visibility pop

#endif
