/* SPDX-License-Identifier: MIT */
#include "gim_task.h"

#include "gim_task_private.h"

#include <stdlib.h>
#include <string.h>

static int64_t earliest(int64_t a, int64_t b) {
  return a < b ? a : b;
}

void gim_task_forget(gim_task *t) {
  free(t->id);
  t->id = NULL;
  t->state = GIM_TASK_PENDING;
  t->progress = 0;
  t->created_unix_s = 0;
  t->estimated_ms = -1;
  t->can_cancel = -1;
  t->credits_reserved_micro = -1;
  t->credits_used_micro = -1;
}

/* They are there, or nobody needs them any more. */
static void drop_references(gim_task *t) {
  if (t->references == NULL) return;
  gim_pictures_free(t->references);
  free(t->references);
  t->references = NULL;
}

static void set_up(gim_task *t, const gim_task_options *options,
                   int64_t now_ms) {
  memset(t, 0, sizeof(*t));
  t->rules = options->rules;
  t->asked_model = options->model;
  t->save = options->save;
  t->keep = options->keep;
  t->resubmit = options->resubmit;
  gim_task_forget(t);
  t->accepted_ms = t->due_ms = now_ms;
  t->deadline_ms = now_ms + options->task_ms;
}

void gim_task_init(gim_task *t, const gim_task_options *options,
                   int64_t now_ms) {
  set_up(t, options, now_ms);
  t->phase = PHASE_READY;
  if (options->references == 0) return;
  t->references = calloc(1, sizeof(*t->references));
  if (t->references == NULL ||
      gim_pictures_init(t->references, options->references) != GIM_OK) {
    gim_task_finish_as(t, GIM_ENDING_NO_ROOM);
    return;
  }
  for (int i = 0; i < options->references; i++)
    gim_pictures_put(t->references, i, NULL, NULL, -1, true);
  t->phase = PHASE_UPLOADING;
}

gim_status gim_task_init_attach(gim_task *t, const gim_task_options *options,
                                gim_str id, int64_t now_ms) {
  set_up(t, options, now_ms);
  t->phase = PHASE_WAITING;
  gim_task_prove(t, GIM_EVIDENCE_ATTACHED);
  t->attached = true;
  t->id = gim_str_copy(id);
  return t->id == NULL ? GIM_E_NO_MEMORY : GIM_OK;
}

static void set_up_paid(gim_task *t, const gim_task_options *options,
                        int64_t now_ms) {
  set_up(t, options, now_ms);
  t->phase = PHASE_SAVING;
  t->state = GIM_TASK_COMPLETED;
  gim_task_prove(t, GIM_EVIDENCE_PICTURES);
}

static gim_status set_id(gim_task *t, gim_str id) {
  if (id.p == NULL) return GIM_OK;
  t->id = gim_str_copy(id);
  return t->id == NULL ? GIM_E_NO_MEMORY : GIM_OK;
}

gim_status gim_task_init_picture(gim_task *t, const gim_task_options *options,
                                 const gim_task_picture *of, int64_t now_ms) {
  gim_status status;
  set_up_paid(t, options, now_ms);
  t->first = of->number;
  status = set_id(t, of->id);
  if (status != GIM_OK) return status;
  return gim_pictures_init_one(&t->pictures, of->url, of->payload);
}

gim_status gim_task_init_paid(gim_task *t, const gim_task_options *options,
                              gim_str id, int count, int64_t linked_unix_s,
                              int64_t now_ms) {
  gim_status status;
  set_up_paid(t, options, now_ms);
  t->progress = 100;
  t->linked_unix_s = linked_unix_s;
  status = set_id(t, id);
  if (status != GIM_OK) return status;
  return gim_pictures_init(&t->pictures, count);
}

void gim_task_free(gim_task *t) {
  drop_references(t);
  gim_pictures_free(&t->pictures);
  free(t->id);
  free(t->model);
  free(t->request_id);
  free(t->err);
  free(t->trouble);
  t->id = t->model = t->request_id = NULL;
  t->err = t->trouble = NULL;
  t->phase = PHASE_DONE;
}

bool gim_task_is_done(const gim_task *t) {
  return t->phase == PHASE_DONE;
}

bool gim_task_is_uploading(const gim_task *t) {
  return t->phase == PHASE_UPLOADING;
}

bool gim_task_needs_body(const gim_task *t) {
  return t->phase == PHASE_UPLOADING || t->phase == PHASE_READY ||
         t->phase == PHASE_SENDING;
}

bool gim_task_may_send(const gim_task *t) {
  if (t->phase == PHASE_WAITING || t->phase == PHASE_FETCHING)
    return !t->attached && t->resubmits < t->resubmit;
  return gim_task_needs_body(t);
}

bool gim_task_is_exchanging(const gim_task *t) {
  return t->phase == PHASE_SENDING || t->phase == PHASE_FETCHING ||
         t->phase == PHASE_RENEWING;
}

bool gim_task_is_renewing(const gim_task *t) {
  return t->phase == PHASE_RENEWING;
}

bool gim_task_has_pictures(const gim_task *t) {
  return t->phase == PHASE_SAVING || t->phase == PHASE_RENEWAL ||
         t->phase == PHASE_RENEWING;
}

const char *gim_task_status_name(const gim_task *t) {
  switch (t->phase) {
  case PHASE_UPLOADING: return "uploading";
  case PHASE_READY:
  case PHASE_SENDING: return "submitting";
  case PHASE_SAVING:
  case PHASE_RENEWAL:
  case PHASE_RENEWING: return "saving";
  case PHASE_DONE:
    if (t->status == GIM_OK) return "completed";
    /* Our time was over, not the task. */
    if (t->status == GIM_E_TIMEOUT && t->id != NULL &&
        (t->state == GIM_TASK_PENDING || t->state == GIM_TASK_PROCESSING ||
         t->state == GIM_TASK_UNKNOWN))
      break;
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

void gim_task_prove(gim_task *t, gim_evidence evidence) {
  t->evidence = evidence;
  t->billed = gim_evidence_billed(evidence);
}

void gim_task_finish(gim_task *t, gim_status status, const gim_err *err) {
  t->phase = PHASE_DONE;
  t->status = status;
  if (status == GIM_OK) return;
  t->err = keep(err);
  drop_references(t);
  if (t->evidence == GIM_EVIDENCE_PICTURES)
    gim_task_prove(t, GIM_EVIDENCE_UNSAVED);
}

void gim_task_finish_as(gim_task *t, gim_ending ending) {
  gim_err err;
  gim_status status = gim_ending_explain(ending, &err);
  if (status == GIM_E_TIMEOUT) gim_ending_blame(t->trouble, &err);
  gim_task_finish(t, status, &err);
}

void gim_task_blame(gim_task *t, const gim_err *err) {
  free(t->trouble);
  t->trouble = keep(err);
}

void gim_task_uploaded(gim_task *t, int picture, const gim_err *err,
                       int64_t now_ms, uint32_t random) {
  gim_pictures *all = t->references;
  gim_status status;
  if (t->phase != PHASE_UPLOADING) return;
  gim_pictures_report(all, picture, err, &t->rules->retry, now_ms,
                      t->deadline_ms, random);
  if (err != NULL) gim_task_blame(t, err);
  status = gim_pictures_failure(all, &err);
  if (status != GIM_OK) {
    gim_task_finish(t, status, err);
  }
  else if (gim_pictures_settled(all)) {
    drop_references(t);
    gim_task_blame(t, NULL);
    t->phase = PHASE_READY;
    t->due_ms = now_ms;
  }
}

void gim_task_saved(gim_task *t, int picture, const gim_err *err,
                    int64_t now_ms, uint32_t random) {
  if (t->phase != PHASE_SAVING) return;
  if (err != NULL && err->status == GIM_E_NOT_FOUND) {
    gim_task_expired(t, picture, err, now_ms, random);
    return;
  }
  gim_pictures_report(&t->pictures, picture, err, &t->rules->retry, now_ms,
                      t->deadline_ms, random);
}

/* All pictures are settled: one that is there makes the whole a success. */
static void finish_saving(gim_task *t) {
  const gim_err *err;
  gim_status status = gim_pictures_outcome(&t->pictures, &err);
  gim_task_finish(t, status, err);
}

/* The next picture of `all` to bring, as a `kind`, or when to look again. */
static gim_action next_picture(gim_task *t, gim_pictures *all,
                               gim_action_kind kind, int64_t now_ms) {
  gim_action action = {GIM_ACTION_WAIT, t->deadline_ms, 0, 0};
  bool under_way;
  int picture = gim_pictures_next(all, now_ms, &action.at_ms, &under_way);
  if (picture >= 0) {
    action.kind = kind;
    action.picture = picture;
    action.attempt = all->list[picture].attempt;
  }
  else if (under_way) {
    action.kind = GIM_ACTION_NONE;
  }
  return action;
}

/* The next picture to save, or when to look again, or the end. */
static gim_action next_save(gim_task *t, int64_t now_ms) {
  gim_action action = next_picture(t, &t->pictures, GIM_ACTION_SAVE, now_ms);
  if (action.kind == GIM_ACTION_WAIT && gim_pictures_settled(&t->pictures)) {
    finish_saving(t);
    action.kind = GIM_ACTION_DONE;
  }
  return action;
}

/* The time of everything is over: every phase has its own words for it. */
static void expire(gim_task *t) {
  gim_err err;
  if (gim_task_has_pictures(t)) {
    (void)gim_ending_explain(GIM_ENDING_UNSAVED, &err);
    gim_pictures_give_up(&t->pictures, &err);
    finish_saving(t);
    return;
  }
  if (!gim_task_needs_body(t))
    gim_task_finish_as(t, GIM_ENDING_UNFINISHED);
  else if (t->billed == GIM_BILLED_NO && t->handed == 0)
    gim_task_finish_as(t, GIM_ENDING_UNSENT);
  else
    gim_task_finish_as(t, GIM_ENDING_UNANSWERED);
}

static gim_action act(const gim_task *t, gim_action_kind kind, int64_t at_ms) {
  return (gim_action){kind, earliest(at_ms, t->deadline_ms), 0, t->attempt};
}

gim_action gim_task_next(gim_task *t, int64_t now_ms, uint32_t random) {
  gim_err err;
  if (t->phase != PHASE_DONE && now_ms >= t->deadline_ms) expire(t);
  if (t->phase == PHASE_SENDING && now_ms >= t->exchange_ms) {
    gim_status status = gim_ending_explain(GIM_ENDING_NO_ANSWER, &err);
    gim_task_send_failed(t, status, &err, now_ms, random);
    /* Also where the next one is due at once: this one has to be let go of
       before SEND is said again. */
    if (t->phase == PHASE_READY) return act(t, GIM_ACTION_WAIT, t->due_ms);
  }
  if (t->phase == PHASE_SAVING && gim_pictures_want_links(&t->pictures))
    gim_task_renew(t, now_ms);
  switch (t->phase) {
  case PHASE_UPLOADING:
    return next_picture(t, t->references, GIM_ACTION_UPLOAD, now_ms);
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
  case PHASE_RENEWAL:
    if (now_ms < t->due_ms) break;
    t->phase = PHASE_RENEWING;
    return act(t, GIM_ACTION_FETCH, t->deadline_ms);
  case PHASE_RENEWING: return act(t, GIM_ACTION_NONE, t->deadline_ms);
  default: return act(t, GIM_ACTION_DONE, t->deadline_ms);
  }
  return act(t, GIM_ACTION_WAIT, t->due_ms);
}

void gim_task_started(gim_task *t, int64_t now_ms) {
  if (t->phase == PHASE_SENDING) t->exchange_ms = now_ms + t->rules->submit_ms;
}

void gim_task_extend(gim_task *t, int64_t ms) {
  t->deadline_ms += ms;
  if (t->phase == PHASE_SENDING) t->exchange_ms += ms;
}

bool gim_task_is_whole(const gim_task *t) {
  return t->total > 0 && t->handed >= t->total;
}

void gim_task_handed(gim_task *t, size_t handed, size_t total) {
  if (t->phase != PHASE_SENDING) return;
  t->handed = handed;
  t->total = total;
  if (gim_task_is_whole(t))
    gim_task_prove(t, GIM_EVIDENCE_UNANSWERED);
  else if (t->doubtful)
    gim_task_prove(t, GIM_EVIDENCE_DOUBTFUL);
  else
    gim_task_prove(t,
                   handed == 0 ? GIM_EVIDENCE_UNSENT : GIM_EVIDENCE_PARTIAL);
}

void gim_task_cancel(gim_task *t, gim_status status, const char *message) {
  gim_err err;
  if (t->phase == PHASE_DONE) return;
  (void)gim_fail(&err, status, "%s", message);
  if (gim_task_has_pictures(t)) gim_pictures_give_up(&t->pictures, &err);
  gim_task_finish(t, status, &err);
}
