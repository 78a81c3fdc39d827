/* SPDX-License-Identifier: MIT */
#include "gim_task.h"

#include "gim_ending.h"

#include <stdlib.h>
#include <string.h>

enum {
  PHASE_READY,    /* the POST may go out (again), at due_ms */
  PHASE_SENDING,  /* the POST is under way */
  PHASE_WAITING,  /* accepted; the next query is due at due_ms */
  PHASE_FETCHING, /* a query is under way */
  PHASE_SAVING,   /* pictures are being brought */
  PHASE_DONE
};

/*
** A service that has just accepted a task may not find it for a moment: so
** many "no such task" in a row are taken for that, where the id is fresh.
*/
#define MISSING_TOLERATED 4

/* Queries fail for long stretches; delays stop doubling after this many. */
#define ATTEMPT_CAP 16

static int64_t earliest(int64_t a, int64_t b) {
  return a < b ? a : b;
}

static void set_up(gim_task *t, const gim_task_options *options,
                   int64_t now_ms) {
  memset(t, 0, sizeof(*t));
  t->options = options;
  t->estimated_ms = -1;
  t->can_cancel = -1;
  t->credits_reserved_micro = -1;
  t->credits_used_micro = -1;
  t->started_ms = t->accepted_ms = t->due_ms = now_ms;
  t->deadline_ms = now_ms + options->task_ms;
}

void gim_task_init(gim_task *t, const gim_task_options *options,
                   int64_t now_ms) {
  set_up(t, options, now_ms);
  t->phase = PHASE_READY;
}

gim_status gim_task_init_attach(gim_task *t, const gim_task_options *options,
                                gim_str id, int64_t now_ms) {
  set_up(t, options, now_ms);
  t->phase = PHASE_WAITING;
  t->billed = GIM_BILLED_MAYBE;
  t->attached = true;
  t->id = gim_str_copy(id);
  return t->id == NULL ? GIM_E_NO_MEMORY : GIM_OK;
}

gim_status gim_task_init_picture(gim_task *t, const gim_task_options *options,
                                 gim_str url, int payload, int64_t now_ms) {
  set_up(t, options, now_ms);
  t->phase = PHASE_SAVING;
  t->state = GIM_TASK_COMPLETED;
  t->billed = GIM_BILLED_YES;
  return gim_pictures_init_one(&t->pictures, url, payload);
}

void gim_task_free(gim_task *t) {
  gim_pictures_free(&t->pictures);
  free(t->id);
  free(t->model);
  free(t->request_id);
  free(t->err);
  t->id = t->model = t->request_id = NULL;
  t->err = NULL;
  t->phase = PHASE_DONE;
}

bool gim_task_is_done(const gim_task *t) {
  return t->phase == PHASE_DONE;
}

bool gim_task_needs_body(const gim_task *t) {
  return t->phase == PHASE_READY || t->phase == PHASE_SENDING;
}

bool gim_task_is_exchanging(const gim_task *t) {
  return t->phase == PHASE_SENDING || t->phase == PHASE_FETCHING;
}

const char *gim_task_status_name(const gim_task *t) {
  switch (t->phase) {
  case PHASE_READY:
  case PHASE_SENDING: return "submitting";
  case PHASE_SAVING: return "saving";
  case PHASE_DONE:
    if (t->status == GIM_OK) return "completed";
    return t->status == GIM_E_CANCELLED ? "cancelled" : "failed";
  default: break;
  }
  return t->state == GIM_TASK_PENDING ? "pending" : "processing";
}

/* Keeps `err`; where memory is out the status alone has to do. */
static gim_err *keep(const gim_err *err) {
  gim_err *kept = err == NULL ? NULL : malloc(sizeof(*kept));
  if (kept != NULL) *kept = *err;
  return kept;
}

static void finish(gim_task *t, gim_status status, const gim_err *err) {
  t->phase = PHASE_DONE;
  t->status = status;
  if (status != GIM_OK) t->err = keep(err);
}

static void finish_as(gim_task *t, gim_ending ending) {
  gim_err err;
  gim_status status = gim_ending_explain(ending, &err);
  finish(t, status, &err);
}

/*
** The verdict on a POST: `untouched` where it is certain that this one was not
** accepted. What an earlier one left open stays open.
*/
static void judge(gim_task *t, bool untouched) {
  t->billed = untouched && !t->doubtful ? GIM_BILLED_NO : GIM_BILLED_MAYBE;
}

static bool is_whole(const gim_task *t) {
  return t->total > 0 && t->handed >= t->total;
}

/* Repeats a POST after `delay`, unless the deadline comes first. */
static bool send_again(gim_task *t, int64_t retry_after_ms, int64_t now_ms,
                       uint32_t random) {
  const gim_retry *retry = &t->options->retry;
  int64_t delay;
  if (t->attempt >= retry->max) return false;
  delay = gim_backoff_retry_ms(retry, t->attempt + 1, retry_after_ms, random);
  if (delay >= t->deadline_ms - now_ms) return false;
  t->attempt++;
  t->phase = PHASE_READY;
  t->due_ms = now_ms + delay;
  t->doubtful = t->billed != GIM_BILLED_NO;
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

/* A transfer of the POST ended without an answer, or its time is over. */
static void send_failed(gim_task *t, gim_status status, const gim_err *err,
                        int64_t now_ms, uint32_t random) {
  bool whole = is_whole(t);
  judge(t, !whole);
  if (is_transient(status, err) && (!whole || t->options->idempotent) &&
      send_again(t, -1, now_ms, random))
    return;
  finish(t, status, err);
}

/* Takes over what a reply says about the task beside its state. */
static void learn(gim_task *t, gim_reply *reply) {
  if (reply->id != NULL && t->id == NULL) {
    t->id = reply->id;
    reply->id = NULL;
  }
  if (reply->model != NULL) {
    free(t->model);
    t->model = reply->model;
    reply->model = NULL;
  }
  if (reply->request_id[0] != '\0') {
    char *request_id = gim_str_copy(gim_str_of(reply->request_id));
    if (request_id != NULL) {
      free(t->request_id);
      t->request_id = request_id;
    }
  }
  if (reply->progress >= 0) t->progress = reply->progress;
  if (reply->estimated_ms >= 0) t->estimated_ms = reply->estimated_ms;
  if (reply->can_cancel >= 0) t->can_cancel = reply->can_cancel;
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
    t->billed = GIM_BILLED_MAYBE;
    finish_as(t, GIM_ENDING_NO_PICTURE);
    return;
  }
  t->billed = GIM_BILLED_YES;
  t->progress = 100;
  t->linked_unix_s = now_unix_s;
  if (gim_pictures_init(&t->pictures, reply->image_count) != GIM_OK) {
    finish_as(t, GIM_ENDING_NO_LINKS);
    return;
  }
  for (int i = 0; i < reply->image_count; i++) {
    gim_reply_image *from = &reply->images[i];
    gim_pictures_put(&t->pictures, i, from->url, from->revised_prompt,
                     from->payload, t->options->save);
    from->url = from->revised_prompt = NULL;
  }
  t->phase = PHASE_SAVING; /* next() finds at once when nothing is needed */
  t->attempt = 0;
}

/* The task runs on: the next query comes at the pace of queries. */
static void fetch_later(gim_task *t, int64_t now_ms, uint32_t random) {
  t->phase = PHASE_WAITING;
  t->due_ms = now_ms + gim_backoff_poll_ms(&t->options->poll, t->polls,
                                           now_ms - t->accepted_ms,
                                           t->estimated_ms, random);
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
    t->billed = GIM_BILLED_NO;
    if (reply->err.status != GIM_OK)
      finish(t, reply->err.status, &reply->err);
    else
      finish_as(t, reply->state == GIM_TASK_FAILED ? GIM_ENDING_FAILED
                                                   : GIM_ENDING_CANCELLED);
    return;
  default: break;
  }
  t->billed = GIM_BILLED_MAYBE;
  if (t->id == NULL) {
    finish_as(t, GIM_ENDING_NO_ID);
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
  if (reply->shape == GIM_REPLY_TASK)
    take_task(t, report, now_ms, random);
  else if (reply->shape == GIM_REPLY_IMAGES)
    take_images(t, reply, report->now_unix_s);
  return reply->shape != GIM_REPLY_ERROR;
}

/* The POST was answered with an error. */
static void send_refused(gim_task *t, gim_reply *reply, int64_t now_ms,
                         uint32_t random) {
  bool untouched = gim_reply_not_accepted(reply, t->options->retry_codes);
  bool may_repeat = t->options->idempotent;
  if (t->handed < t->total) {
    /* It spoke before it had heard all: nobody can have accepted that. */
    may_repeat = true;
    judge(t, true);
  }
  else
    judge(t, untouched || gim_reply_is_refusal(reply));
  if ((untouched || (may_repeat && reply->err.retryable)) &&
      send_again(t, reply->err.retry_after_ms, now_ms, random))
    return;
  finish(t, reply->err.status, &reply->err);
}

void gim_task_sent(gim_task *t, const gim_task_report *report, int64_t now_ms,
                   uint32_t random) {
  if (t->phase != PHASE_SENDING) return;
  if (report->handed > t->handed) t->handed = report->handed;
  t->total = report->total;
  if (report->status != GIM_OK && !report->salvaged) {
    send_failed(t, report->status, report->err, now_ms, random);
    return;
  }
  t->accepted_ms = now_ms;
  if (!take(t, report, now_ms, random))
    send_refused(t, report->reply, now_ms, random);
}

/* A query brought nothing: the task goes on, and so do we. */
static void fetch_again(gim_task *t, int64_t retry_after_ms, int64_t now_ms,
                        uint32_t random) {
  if (t->attempt < ATTEMPT_CAP) t->attempt++;
  t->phase = PHASE_WAITING;
  t->due_ms = now_ms + gim_backoff_retry_ms(&t->options->retry, t->attempt,
                                            retry_after_ms, random);
}

void gim_task_fetched(gim_task *t, const gim_task_report *report,
                      int64_t now_ms, uint32_t random) {
  const gim_err *err;
  if (t->phase != PHASE_FETCHING) return;
  if (report->status != GIM_OK && !report->salvaged) {
    /* Trust or a proxy that never was does not come by waiting. */
    bool first = t->attached && t->polls == 1;
    if (is_transient(report->status, report->err) ||
        (report->status == GIM_E_NETWORK && !first)) {
      fetch_again(t, -1, now_ms, random);
      return;
    }
    finish(t, report->status, report->err);
    return;
  }
  if (take(t, report, now_ms, random)) {
    t->missing = 0;
    return;
  }
  err = &report->reply->err;
  switch (err->status) {
  case GIM_E_NOT_FOUND:
    if (t->attached || ++t->missing > MISSING_TOLERATED) break;
    fetch_later(t, now_ms, random); /* a burst would use the tolerance up */
    return;
  case GIM_E_SERVER:
  case GIM_E_RATE_LIMITED:
  case GIM_E_PROTOCOL:
  case GIM_E_NETWORK:
  case GIM_E_TIMEOUT:
    fetch_again(t, err->retry_after_ms, now_ms, random);
    return;
  default: break;
  }
  finish(t, err->status, err);
}

void gim_task_saved(gim_task *t, int picture, const gim_err *err,
                    int64_t now_ms, uint32_t random) {
  if (t->phase != PHASE_SAVING) return;
  gim_pictures_report(&t->pictures, picture, err, &t->options->retry, now_ms,
                      t->deadline_ms, random);
}

/* All pictures are settled: one that is there makes the whole a success. */
static void finish_saving(gim_task *t) {
  const gim_err *err;
  gim_status status = gim_pictures_outcome(&t->pictures, &err);
  finish(t, status, err);
}

/* The next picture to bring, or when to look again, or the end. */
static gim_action next_save(gim_task *t, int64_t now_ms) {
  gim_action action = {GIM_ACTION_WAIT, t->deadline_ms, 0, 0};
  bool under_way;
  int picture =
      gim_pictures_next(&t->pictures, now_ms, &action.at_ms, &under_way);
  if (picture >= 0) {
    action.kind = GIM_ACTION_SAVE;
    action.picture = picture;
    action.attempt = t->pictures.list[picture].attempt;
  }
  else if (under_way) {
    action.kind = GIM_ACTION_NONE;
  }
  else if (gim_pictures_settled(&t->pictures)) {
    finish_saving(t);
    action.kind = GIM_ACTION_DONE;
  }
  return action;
}

/* The time of everything is over: every phase has its own words for it. */
static void expire(gim_task *t) {
  gim_err err;
  if (t->phase == PHASE_SAVING) {
    (void)gim_ending_explain(GIM_ENDING_UNSAVED, &err);
    gim_pictures_give_up(&t->pictures, &err);
    finish_saving(t);
    return;
  }
  finish_as(t, gim_task_needs_body(t) ? GIM_ENDING_UNANSWERED
                                      : GIM_ENDING_UNFINISHED);
}

static gim_action act(const gim_task *t, gim_action_kind kind, int64_t at_ms) {
  return (gim_action){kind, earliest(at_ms, t->deadline_ms), 0, t->attempt};
}

gim_action gim_task_next(gim_task *t, int64_t now_ms, uint32_t random) {
  gim_err err;
  if (t->phase != PHASE_DONE && now_ms >= t->deadline_ms) expire(t);
  if (t->phase == PHASE_SENDING && now_ms >= t->exchange_ms) {
    gim_status status = gim_ending_explain(GIM_ENDING_NO_ANSWER, &err);
    send_failed(t, status, &err, now_ms, random);
    /* Also where the next one is due at once: this one has to be let go of
       before SEND is said again. */
    if (t->phase == PHASE_READY) return act(t, GIM_ACTION_WAIT, t->due_ms);
  }
  switch (t->phase) {
  case PHASE_READY:
    if (now_ms < t->due_ms) break;
    t->phase = PHASE_SENDING;
    t->handed = t->total = 0;
    t->exchange_ms = t->deadline_ms;
    return act(t, GIM_ACTION_SEND, t->deadline_ms);
  case PHASE_SENDING: return act(t, GIM_ACTION_NONE, t->exchange_ms);
  case PHASE_WAITING:
    if (now_ms < t->due_ms) break;
    t->phase = PHASE_FETCHING;
    t->polls++;
    return act(t, GIM_ACTION_FETCH, t->deadline_ms);
  case PHASE_FETCHING: return act(t, GIM_ACTION_NONE, t->deadline_ms);
  case PHASE_SAVING: return next_save(t, now_ms);
  default: return act(t, GIM_ACTION_DONE, t->deadline_ms);
  }
  return act(t, GIM_ACTION_WAIT, t->due_ms);
}

void gim_task_started(gim_task *t, int64_t now_ms) {
  if (t->phase == PHASE_SENDING)
    t->exchange_ms = now_ms + t->options->submit_ms;
}

void gim_task_handed(gim_task *t, size_t handed, size_t total) {
  if (t->phase != PHASE_SENDING) return;
  t->handed = handed;
  t->total = total;
  judge(t, !is_whole(t));
}

void gim_task_cancel(gim_task *t, gim_status status, const char *message) {
  gim_err err;
  if (t->phase == PHASE_DONE) return;
  (void)gim_fail(&err, status, "%s", message);
  if (t->phase == PHASE_SAVING) gim_pictures_give_up(&t->pictures, &err);
  finish(t, status, &err);
}
