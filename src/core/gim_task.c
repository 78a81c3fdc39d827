/* SPDX-License-Identifier: MIT */
#include "gim_task.h"

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
  if (gim_pictures_init(&t->pictures, 1) != GIM_OK) return GIM_E_NO_MEMORY;
  t->pictures.list[0].payload = payload;
  t->pictures.list[0].state = GIM_PICTURE_NEEDED;
  if (url.p == NULL) return GIM_OK;
  t->pictures.list[0].url = gim_str_copy(url);
  return t->pictures.list[0].url == NULL ? GIM_E_NO_MEMORY : GIM_OK;
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

static void raise_billed(gim_task *t, gim_billed billed) {
  if (billed > t->billed) t->billed = billed;
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
  t->handed = 0;
  return true;
}

/* A transfer of the POST ended without an answer, or its time is over. */
static void send_failed(gim_task *t, gim_status status, const gim_err *err,
                        int64_t now_ms, uint32_t random) {
  bool whole = t->total > 0 && t->handed >= t->total;
  bool transient = status == GIM_E_NETWORK || status == GIM_E_TIMEOUT ||
                   status == GIM_E_PROTOCOL;
  if (whole) raise_billed(t, GIM_BILLED_MAYBE);
  if (transient && (!whole || t->options->idempotent) &&
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
  gim_err err;
  t->state = GIM_TASK_COMPLETED;
  if (reply->image_count == 0) {
    raise_billed(t, GIM_BILLED_MAYBE);
    finish(t,
           gim_fail(&err, GIM_E_PROTOCOL,
                    "The service says it is completed, but names no "
                    "picture. Ask its support, with the id."),
           &err);
    return;
  }
  t->billed = GIM_BILLED_YES;
  t->progress = 100;
  t->linked_unix_s = now_unix_s;
  if (gim_pictures_init(&t->pictures, reply->image_count) != GIM_OK) {
    finish(t,
           gim_fail(&err, GIM_E_NO_MEMORY,
                    "No memory for the links of the pictures. They are "
                    "paid; attach to the id to get them."),
           &err);
    return;
  }
  for (int i = 0; i < reply->image_count; i++) {
    gim_picture *picture = &t->pictures.list[i];
    gim_reply_image *from = &reply->images[i];
    picture->url = from->url;
    picture->revised_prompt = from->revised_prompt;
    picture->payload = from->payload;
    from->url = from->revised_prompt = NULL;
    if (t->options->save) picture->state = GIM_PICTURE_NEEDED;
  }
  t->phase = PHASE_SAVING; /* next() finds at once when nothing is needed */
  t->attempt = 0;
}

/* A task's state, from the POST's answer or from a query's. */
static void take_task(gim_task *t, const gim_task_report *report,
                      int64_t now_ms, uint32_t random) {
  gim_reply *reply = report->reply;
  gim_err err;
  t->state = reply->state;
  switch (reply->state) {
  case GIM_TASK_COMPLETED: take_images(t, reply, report->now_unix_s); return;
  case GIM_TASK_FAILED:
  case GIM_TASK_CANCELLED:
    t->billed = GIM_BILLED_NO;
    if (reply->err.status == GIM_OK)
      (void)gim_fail(&reply->err,
                     reply->state == GIM_TASK_FAILED ? GIM_E_SERVER
                                                     : GIM_E_CANCELLED,
                     "The service ended the task without saying why.");
    finish(t, reply->err.status, &reply->err);
    return;
  default: break;
  }
  raise_billed(t, GIM_BILLED_MAYBE);
  if (t->id == NULL) {
    finish(t,
           gim_fail(&err, GIM_E_PROTOCOL,
                    "The service accepted a task but gave it no id."),
           &err);
    return;
  }
  t->phase = PHASE_WAITING;
  t->attempt = 0;
  t->due_ms = now_ms + gim_backoff_poll_ms(&t->options->poll, t->polls,
                                           now_ms - t->accepted_ms,
                                           t->estimated_ms, random);
}

static void send_refused(gim_task *t, gim_reply *reply, int64_t now_ms,
                         uint32_t random) {
  bool untouched = gim_reply_not_accepted(reply, t->options->retry_codes);
  if (!untouched && !gim_reply_is_refusal(reply))
    raise_billed(t, GIM_BILLED_MAYBE);
  if ((untouched || (t->options->idempotent && reply->err.retryable)) &&
      send_again(t, reply->err.retry_after_ms, now_ms, random))
    return;
  finish(t, reply->err.status, &reply->err);
}

void gim_task_sent(gim_task *t, const gim_task_report *report, int64_t now_ms,
                   uint32_t random) {
  if (t->phase != PHASE_SENDING) return;
  t->handed = report->handed;
  t->total = report->total;
  if (report->status != GIM_OK && !report->salvaged) {
    send_failed(t, report->status, report->err, now_ms, random);
    return;
  }
  learn(t, report->reply);
  switch (report->reply->shape) {
  case GIM_REPLY_TASK:
    t->accepted_ms = now_ms;
    take_task(t, report, now_ms, random);
    return;
  case GIM_REPLY_IMAGES:
    take_images(t, report->reply, report->now_unix_s);
    return;
  case GIM_REPLY_ERROR: break;
  }
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
    if (report->status == GIM_E_NETWORK || report->status == GIM_E_TIMEOUT ||
        report->status == GIM_E_PROTOCOL) {
      fetch_again(t, -1, now_ms, random);
      return;
    }
    finish(t, report->status, report->err);
    return;
  }
  learn(t, report->reply);
  if (report->reply->shape != GIM_REPLY_ERROR) {
    t->missing = 0;
    if (report->reply->shape == GIM_REPLY_TASK)
      take_task(t, report, now_ms, random);
    else
      take_images(t, report->reply, report->now_unix_s);
    return;
  }
  err = &report->reply->err;
  switch (err->status) {
  case GIM_E_NOT_FOUND:
    if (t->attached || ++t->missing > MISSING_TOLERATED) break;
    fetch_again(t, err->retry_after_ms, now_ms, random);
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

/*
** Ends the saving: pictures that are not saved by now get `err` (NULL when
** all are settled). One that is there makes the whole a success with holes;
** none makes it a failure, and the links stay within reach.
*/
static void finish_saving(gim_task *t, const gim_err *err) {
  const gim_picture *failed;
  if (err != NULL) gim_pictures_give_up(&t->pictures, err);
  failed = gim_pictures_first_failed(&t->pictures);
  if (err != NULL && err->status == GIM_E_CANCELLED)
    finish(t, err->status, err);
  else if (gim_pictures_any(&t->pictures))
    finish(t, GIM_OK, NULL);
  else if (failed == NULL || failed->err == NULL)
    finish(t, GIM_E_NO_MEMORY, NULL);
  else
    finish(t, failed->err->status, failed->err);
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
    finish_saving(t, NULL);
    action.kind = GIM_ACTION_DONE;
  }
  return action;
}

/* The time of everything is over: every phase has its own words for it. */
static void expire(gim_task *t) {
  const char *message =
      "The task's time is over, but it goes on at the service: attach to its "
      "id, or give it more time with `timeout`.";
  gim_err err;
  if (t->phase == PHASE_SAVING)
    message = "The task's time was over before the pictures were saved. They "
              "are paid: save them again, or attach to the id.";
  else if (t->id == NULL)
    message = "The task's time was over before the service answered.";
  (void)gim_fail(&err, GIM_E_TIMEOUT, "%s", message);
  err.retryable = true;
  if (t->phase == PHASE_SAVING) {
    finish_saving(t, &err);
    return;
  }
  if (t->phase == PHASE_SENDING && t->total > 0 && t->handed >= t->total)
    raise_billed(t, GIM_BILLED_MAYBE);
  finish(t, GIM_E_TIMEOUT, &err);
}

static gim_action done(const gim_task *t) {
  return (gim_action){GIM_ACTION_DONE, t->deadline_ms, 0, 0};
}

gim_action gim_task_next(gim_task *t, int64_t now_ms, uint32_t random) {
  gim_action action = {GIM_ACTION_WAIT, t->due_ms, 0, t->attempt};
  gim_err err;
  if (t->phase == PHASE_DONE) return done(t);
  if (now_ms >= t->deadline_ms) {
    expire(t);
    return done(t);
  }
  if (t->phase == PHASE_SENDING && now_ms >= t->exchange_ms) {
    gim_status status =
        gim_fail(&err, GIM_E_TIMEOUT,
                 "No answer to the request in time. Unless `billed` is "
                 "\"no\" it may have been accepted: look at the service's "
                 "log before you send it again.");
    err.retryable = true;
    send_failed(t, status, &err, now_ms, random);
    if (t->phase == PHASE_DONE) return done(t);
    action.at_ms = t->due_ms;
  }
  switch (t->phase) {
  case PHASE_READY:
    if (now_ms < t->due_ms) break;
    t->phase = PHASE_SENDING;
    t->handed = t->total = 0;
    t->exchange_ms = t->deadline_ms;
    action.kind = GIM_ACTION_SEND;
    action.at_ms = t->deadline_ms;
    return action;
  case PHASE_SENDING:
    action.kind = GIM_ACTION_NONE;
    action.at_ms = earliest(t->exchange_ms, t->deadline_ms);
    return action;
  case PHASE_WAITING:
    if (now_ms < t->due_ms) break;
    t->phase = PHASE_FETCHING;
    t->polls++;
    action.kind = GIM_ACTION_FETCH;
    action.at_ms = t->deadline_ms;
    return action;
  case PHASE_FETCHING:
    action.kind = GIM_ACTION_NONE;
    action.at_ms = t->deadline_ms;
    return action;
  default: return next_save(t, now_ms);
  }
  action.at_ms = earliest(t->due_ms, t->deadline_ms);
  return action;
}

void gim_task_started(gim_task *t, int64_t now_ms) {
  if (t->phase == PHASE_SENDING)
    t->exchange_ms = now_ms + t->options->submit_ms;
}

void gim_task_handed(gim_task *t, size_t handed, size_t total) {
  if (t->phase != PHASE_SENDING) return;
  t->handed = handed;
  t->total = total;
  if (total > 0 && handed >= total) raise_billed(t, GIM_BILLED_MAYBE);
}

void gim_task_cancel(gim_task *t, gim_status status, const char *message) {
  gim_err err;
  if (t->phase == PHASE_DONE) return;
  (void)gim_fail(&err, status, "%s", message);
  if (t->phase == PHASE_SAVING)
    finish_saving(t, &err);
  else
    finish(t, status, &err);
}
