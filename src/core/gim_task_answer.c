/* SPDX-License-Identifier: MIT */
#include "gim_task.h"

#include "gim_task_private.h"

#include <stdlib.h>
#include <string.h>

/*
** A service that has just accepted a task may not find it for a moment: so
** many odd answers in a row are taken for that, or for a proxy's.
*/
#define MISSING_TOLERATED 4

/* Queries fail for long stretches; delays stop doubling after this many. */
#define ATTEMPT_CAP 16

/*
** A POST came to nothing, as `evidence` shows. What an earlier one left open
** stays open.
*/
static void prove_failed(gim_task *t, gim_evidence evidence) {
  if (t->doubtful && gim_evidence_billed(evidence) == GIM_BILLED_NO)
    evidence = GIM_EVIDENCE_DOUBTFUL;
  gim_task_prove(t, evidence);
}

/* Repeats a POST after `delay`, unless the deadline comes first. */
static bool send_again(gim_task *t, const gim_err *why, int64_t now_ms,
                       uint32_t random) {
  const gim_retry *retry = &t->rules->retry;
  int64_t retry_after_ms = why == NULL ? -1 : why->retry_after_ms;
  int64_t delay;
  if (t->attempt >= retry->max) return false;
  delay = gim_backoff_retry_ms(retry, t->attempt + 1, retry_after_ms, random);
  if (delay >= t->deadline_ms - now_ms) return false;
  t->attempt++;
  t->phase = PHASE_READY;
  t->due_ms = now_ms + delay;
  t->doubtful = t->billed != GIM_BILLED_NO;
  gim_task_blame(t, why);
  /* An id in a failure is no task's: the next answer names that. */
  free(t->id);
  t->id = NULL;
  return true;
}

/* May a transfer that broke so go better the next time? */
static bool is_transient(gim_status status, const gim_err *err) {
  if (status == GIM_E_NETWORK) return err == NULL || err->retryable;
  return status == GIM_E_TIMEOUT || status == GIM_E_PROTOCOL;
}

void gim_task_send_failed(gim_task *t, gim_status status, const gim_err *err,
                          int64_t now_ms, uint32_t random) {
  bool whole = gim_task_is_whole(t);
  prove_failed(t, whole            ? GIM_EVIDENCE_UNANSWERED
                  : t->handed == 0 ? GIM_EVIDENCE_UNSENT
                                   : GIM_EVIDENCE_PARTIAL);
  if (is_transient(status, err) && (!whole || t->rules->idempotent) &&
      send_again(t, err, now_ms, random))
    return;
  gim_task_finish(t, status, err);
}

/* Is that what the task's model is known to be? */
static bool is_model(const gim_task *t, const char *model) {
  const char *known = t->model != NULL ? t->model : t->asked_model;
  return known != NULL && strcmp(known, model) == 0;
}

/* Puts a copy in the place of what was there, where there is memory for it. */
static void replace(char **text, const char *by) {
  char *copy = gim_str_copy(gim_str_of(by));
  if (copy == NULL) return;
  free(*text);
  *text = copy;
}

/*
** Takes over what a reply says about the task beside its state. Nearly always
** the names are known: what is allocated anew with each answer scatters over
** the heap when there are many tasks.
*/
static void learn(gim_task *t, const gim_reply *reply) {
  if (reply->id[0] != '\0' && t->id == NULL) replace(&t->id, reply->id);
  if (reply->model[0] != '\0' && !is_model(t, reply->model))
    replace(&t->model, reply->model);
  if (reply->request_id[0] != '\0' &&
      (t->request_id == NULL || strcmp(t->request_id, reply->request_id) != 0))
    replace(&t->request_id, reply->request_id);
  if (reply->progress >= 0) t->progress = reply->progress;
  if (reply->estimated_ms >= 0) t->estimated_ms = reply->estimated_ms;
  if (reply->can_cancel >= 0) t->can_cancel = (signed char)reply->can_cancel;
  if (reply->created_unix_s != 0) t->created_unix_s = reply->created_unix_s;
  if (reply->credits_reserved_micro >= 0)
    t->credits_reserved_micro = reply->credits_reserved_micro;
  if (reply->credits_used_micro >= 0)
    t->credits_used_micro = reply->credits_used_micro;
}

/* The pictures are there: paid. They are saved, or left where they are. */
static void take_images(gim_task *t, gim_reply *reply, int64_t now_unix_s) {
  t->state = GIM_TASK_COMPLETED;
  if (reply->image_count == 0) {
    gim_task_prove(t, GIM_EVIDENCE_NO_PICTURE);
    gim_task_finish_as(t, GIM_ENDING_NO_PICTURE);
    return;
  }
  gim_task_prove(t, GIM_EVIDENCE_PICTURES);
  t->progress = 100;
  t->linked_unix_s = now_unix_s;
  if (gim_pictures_init(&t->pictures, reply->image_count) != GIM_OK) {
    gim_task_finish_as(t, GIM_ENDING_NO_LINKS);
    return;
  }
  t->pictures.left_out = reply->images_left_out;
  for (int i = 0; i < reply->image_count; i++) {
    gim_reply_image *from = &reply->images[i];
    gim_pictures_put(&t->pictures, i, from->url, from->revised_prompt,
                     from->payload,
                     t->save || (from->payload >= 0 && t->keep));
    from->url = from->revised_prompt = NULL;
  }
  t->phase = PHASE_SAVING; /* next() finds at once when nothing is needed */
  t->attempt = 0;
}

/* The task runs on: the next query comes at the pace of queries. */
static void fetch_later(gim_task *t, int64_t now_ms, uint32_t random) {
  t->phase = PHASE_WAITING;
  t->due_ms = now_ms + gim_backoff_poll_ms(&t->rules->poll, t->polls,
                                           now_ms - t->accepted_ms,
                                           t->estimated_ms, random);
}

/*
** The task failed, which costs nothing: where the caller wants it and another
** try may help, it starts over as a new request.
*/
static bool submit_anew(gim_task *t, const gim_reply *reply, int64_t now_ms,
                        uint32_t random) {
  const gim_err *why = &reply->err;
  int64_t delay;
  if (t->attached || t->resubmits >= t->resubmit || !why->retryable)
    return false;
  delay = gim_backoff_retry_ms(&t->rules->retry, t->resubmits + 1,
                               why->retry_after_ms, random);
  if (delay >= t->deadline_ms - now_ms) return false;
  gim_task_forget(t);
  gim_task_blame(t, why);
  t->resubmits++;
  t->phase = PHASE_READY;
  t->due_ms = now_ms + delay;
  t->attempt = t->polls = t->missing = 0;
  t->handed = t->total = 0;
  t->doubtful = false;
  return true;
}

/* It goes on at the service, and cannot be asked about. */
static void end_without_id(gim_task *t, const gim_reply *reply) {
  gim_err err;
  if (reply->id[0] == '\0') {
    gim_task_finish_as(t, GIM_ENDING_NO_ID);
    return;
  }
  (void)gim_fail(&err, GIM_E_NO_MEMORY,
                 "No memory for the id of a task that was accepted. It is %s: "
                 "attach to that.",
                 reply->id);
  gim_task_finish(t, GIM_E_NO_MEMORY, &err);
}

/* A task's state, from the POST's answer or from a query's. */
static void take_task(gim_task *t, const gim_task_report *report,
                      int64_t now_ms, uint32_t random) {
  gim_reply *reply = report->reply;
  t->state = reply->state;
  switch (reply->state) {
  case GIM_TASK_COMPLETED: take_images(t, reply, report->now_unix_s); return;
  case GIM_TASK_FAILED:
  case GIM_TASK_CANCELLED:
    gim_task_prove(t, GIM_EVIDENCE_FAILED);
    if (submit_anew(t, reply, now_ms, random)) return;
    if (reply->err.status != GIM_OK)
      gim_task_finish(t, reply->err.status, &reply->err);
    else
      gim_task_finish_as(t, reply->state == GIM_TASK_FAILED
                                ? GIM_ENDING_FAILED
                                : GIM_ENDING_CANCELLED);
    return;
  default: break;
  }
  gim_task_prove(t,
                 t->attached ? GIM_EVIDENCE_ATTACHED : GIM_EVIDENCE_ACCEPTED);
  if (t->id == NULL) {
    end_without_id(t, reply);
    return;
  }
  t->attempt = 0;
  fetch_later(t, now_ms, random);
}

/* What a reply brings; false: it is an error. */
static bool take(gim_task *t, const gim_task_report *report, int64_t now_ms,
                 uint32_t random) {
  gim_reply *reply = report->reply;
  learn(t, reply);
  if (reply->shape == GIM_REPLY_ERROR) return false;
  gim_task_blame(t, NULL);
  if (reply->shape == GIM_REPLY_TASK)
    take_task(t, report, now_ms, random);
  else
    take_images(t, reply, report->now_unix_s);
  return true;
}

/* The POST was answered with an error. */
static void send_refused(gim_task *t, gim_reply *reply, int64_t now_ms,
                         uint32_t random) {
  bool untouched = gim_reply_not_accepted(reply, t->rules->retry_codes);
  bool may_repeat = t->rules->idempotent;
  if (t->handed < t->total) {
    /* It spoke before it had heard all: nobody can have accepted that. */
    may_repeat = true;
    prove_failed(t, GIM_EVIDENCE_PARTIAL);
  }
  else if (untouched || gim_reply_is_refusal(reply))
    prove_failed(t, GIM_EVIDENCE_REFUSED);
  else
    prove_failed(t, gim_reply_is_unclear(reply) ? GIM_EVIDENCE_UNCLEAR
                                                : GIM_EVIDENCE_UNANSWERED);
  if ((untouched || (may_repeat && reply->err.retryable)) &&
      send_again(t, &reply->err, now_ms, random))
    return;
  gim_task_finish(t, reply->err.status, &reply->err);
}

void gim_task_sent(gim_task *t, const gim_task_report *report, int64_t now_ms,
                   uint32_t random) {
  if (t->phase != PHASE_SENDING) return;
  if (report->handed > t->handed) t->handed = report->handed;
  t->total = report->total;
  if (report->status != GIM_OK && !report->salvaged) {
    gim_task_send_failed(t, report->status, report->err, now_ms, random);
    return;
  }
  t->accepted_ms = now_ms;
  if (!take(t, report, now_ms, random))
    send_refused(t, report->reply, now_ms, random);
}

/*
** A query brought nothing: the task goes on, and so do we. Who is told to come
** back when its time is over asks as if it was told nothing: a query costs
** nothing, and not to ask would be to give up what may be paid.
*/
static void fetch_again(gim_task *t, const gim_err *why, int64_t now_ms,
                        uint32_t random) {
  int64_t retry_after_ms = why == NULL ? -1 : why->retry_after_ms;
  gim_task_blame(t, why);
  if (retry_after_ms >= t->deadline_ms - now_ms) retry_after_ms = -1;
  if (t->attempt < ATTEMPT_CAP) t->attempt++;
  t->phase = PHASE_WAITING;
  t->due_ms = now_ms + gim_backoff_retry_ms(&t->rules->retry, t->attempt,
                                            retry_after_ms, random);
}

/*
** Answers that are not taken at their word for a while: a fresh id is not
** found everywhere yet, and what has no code of the service's may be the word
** of a proxy. What was paid is not given up for either.
*/
static bool is_tolerated(gim_task *t, const gim_err *err) {
  bool not_found = err->status == GIM_E_NOT_FOUND;
  if (t->attached && (not_found || t->polls == 1)) return false;
  if (!not_found && err->code[0] != '\0') return false;
  return ++t->missing <= MISSING_TOLERATED;
}

void gim_task_fetched(gim_task *t, const gim_task_report *report,
                      int64_t now_ms, uint32_t random) {
  const gim_err *err;
  if (t->phase == PHASE_RENEWING) gim_task_renewed(t, report, now_ms, random);
  if (t->phase != PHASE_FETCHING) return;
  if (report->status != GIM_OK && !report->salvaged) {
    /* Trust or a proxy that never was does not come by waiting. */
    bool first = t->attached && t->polls == 1;
    if (is_transient(report->status, report->err) ||
        (report->status == GIM_E_NETWORK && !first)) {
      fetch_again(t, report->err, now_ms, random);
      return;
    }
    gim_task_finish(t, report->status, report->err);
    return;
  }
  if (take(t, report, now_ms, random)) {
    t->missing = 0;
    return;
  }
  err = &report->reply->err;
  switch (err->status) {
  case GIM_E_SERVER:
  case GIM_E_RATE_LIMITED:
  case GIM_E_PROTOCOL:
  case GIM_E_NETWORK:
  case GIM_E_TIMEOUT: fetch_again(t, err, now_ms, random); return;
  default: break;
  }
  if (!is_tolerated(t, err)) {
    gim_task_finish(t, err->status, err);
    return;
  }
  gim_task_blame(t, err);
  fetch_later(t, now_ms, random); /* a burst would use the tolerance up */
}
