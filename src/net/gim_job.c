/* SPDX-License-Identifier: MIT */
#include "gim_job.h"

#include "gim_job_private.h"

#include <stdlib.h>
#include <string.h>

#define MAX_HEADERS 6

static const char *name_of(const gim_job *job) {
  return job->task.id != NULL ? job->task.id : job->key;
}

static gim_status no_memory(gim_err *err) {
  return gim_fail(err, GIM_E_NO_MEMORY, "No memory for a task.");
}

static void drop_body(gim_job *job) {
  gim_job_drop_references(job);
  gim_store_drop(&job->hub->bodies, job->body);
  gim_store_drop(&job->hub->bodies, job->path);
  job->body = job->path = NULL;
}

/* Lets go of everything that is under way. */
static void abandon(gim_job *job) {
  if (job->exchange != NULL) gim_exchange_cancel(job->exchange, NULL);
  job->exchange = NULL;
  gim_job_stop_recording(job);
  gim_list_remove(&job->want.link);
}

static void tell(gim_job *job, unsigned news) {
  job->news = (unsigned char)(job->news | news);
  gim_list_append(&job->hub->events, &job->event);
}

/* The job is over: nothing of it is left with the hub but its news. */
static void leave(gim_job *job) {
  if (!gim_list_is_in(&job->live)) return;
  abandon(job);
  gim_filing_stop(&job->filing);
  gim_heap_remove(&job->hub->heap, &job->due);
  gim_list_remove(&job->live);
  job->hub->live_count--;
  drop_body(job);
}

/* Are all of its pictures in files? */
static bool is_saved(const gim_job *job) {
  const gim_pictures *pictures = &job->task.pictures;
  for (int i = 0; i < pictures->count; i++)
    if (pictures->list[i].state != GIM_PICTURE_SAVED &&
        !(job->filing.slots != NULL && job->filing.slots[i].kept))
      return false;
  return pictures->count > 0;
}

static void note_billing(gim_job *job) {
  job->noted = job->task.evidence;
  if (job->entry != NULL)
    gim_billing_note(job->hub, job->entry, &job->task, is_saved(job));
}

/* A picture of another job was brought: where it went to a file, that job has
   one more that is saved. */
static void note_kept(gim_job *job) {
  int picture = 0;
  gim_filing *from = gim_filing_source(&job->filing, &picture);
  gim_job *source;
  if (from == NULL || !job->task.save || job->task.status != GIM_OK) return;
  source = GIM_CONTAINER(from, gim_job, filing);
  if (source->filing.slots == NULL) return;
  source->filing.slots[picture].kept = true;
  note_billing(source);
}

static void finish(gim_job *job) {
  const gim_task *t = &job->task;
  note_kept(job);
  gim_filing_give(&job->filing);
  gim_job_return_links(job);
  leave(job);
  if (job->scribe != NULL) gim_scribe_end(job->scribe, t);
  note_billing(job);
  gim_hub_log(job->hub, "state", name_of(job), 0, "%s, billed %s (%s)%s%s",
              gim_task_status_name(t), gim_billed_name(t->billed),
              gim_evidence_text(t->evidence), t->err == NULL ? "" : ": ",
              t->err == NULL ? "" : t->err->message);
  tell(job, GIM_NEWS_DONE);
}

/* Progress is news when somebody watches and something changed. */
static void look_for_progress(gim_job *job) {
  if (job->told_state == job->task.state &&
      job->told_progress == job->task.progress)
    return;
  job->told_state = job->task.state;
  job->told_progress = (signed char)job->task.progress;
  if (job->watched) tell(job, GIM_NEWS_PROGRESS);
}

/* Pictures are large, and a task may wait for long after they were sent. */
static void look_for_free_bytes(gim_job *job) {
  if (!job->borrowing || job->references != NULL) return;
  job->borrowing = false;
  tell(job, GIM_NEWS_FREE);
}

static void note_handed(gim_job *job) {
  if (job->exchange == NULL || !gim_task_needs_body(&job->task)) return;
  gim_task_handed(&job->task, gim_exchange_handed(job->exchange),
                  gim_exchange_total(job->exchange));
  note_billing(job);
}

/* The POST will go out again. */
static void log_repeat(gim_job *job, int http_status) {
  gim_hub_log(job->hub, "retry", name_of(job), http_status,
              "%s, the request will be sent again",
              job->task.billed == GIM_BILLED_NO
                  ? "nothing was accepted"
                  : "it may have been accepted, but has an Idempotency-Key");
}

static void queue_post(gim_job *job) {
  gim_err err;
  if (gim_job_fill_body(job, &err) == GIM_OK)
    gim_hub_queue(job->hub, GIM_CLASS_PAID, &job->want);
  else
    gim_task_cancel(&job->task, err.status, err.message);
}

/* `answered`: the task has just heard of the service. */
static void advance(gim_job *job, bool answered, int64_t now_ms) {
  uint32_t random = gim_net_random();
  note_handed(job);
  gim_filing_continue(&job->filing, now_ms);
  for (;;) {
    gim_action action = gim_task_next(&job->task, now_ms, random);
    /* Its time is over. Also when the next one is to start at once: then the
       task is exchanging still, or rather again. */
    if (action.kind != GIM_ACTION_NONE) {
      if (job->exchange != NULL && gim_task_needs_body(&job->task))
        log_repeat(job, 0);
      abandon(job);
    }
    switch (action.kind) {
    case GIM_ACTION_UPLOAD:
      gim_job_bring(job, action.picture, now_ms);
      continue;
    case GIM_ACTION_SEND: queue_post(job); continue;
    case GIM_ACTION_FETCH:
      gim_list_append(&job->hub->queues[GIM_CLASS_POLL], &job->want.link);
      continue;
    case GIM_ACTION_SAVE:
      gim_filing_start(&job->filing, action.picture, now_ms);
      continue;
    case GIM_ACTION_DONE: finish(job); return;
    case GIM_ACTION_NONE:
    case GIM_ACTION_WAIT: break;
    }
    /* Not now_ms: one slice a step, whatever else is due. */
    if (gim_filing_is_copying(&job->filing)) action.at_ms = now_ms + 1;
    gim_heap_set(&job->hub->heap, &job->due, action.at_ms);
    if (answered || job->noted != job->task.evidence) note_billing(job);
    look_for_progress(job);
    look_for_free_bytes(job);
    return;
  }
}

void gim_job_advance(gim_job *job, int64_t now_ms) {
  advance(job, false, now_ms);
}

static void keep_skeleton(gim_job *job, gim_str skeleton) {
  char *copy = gim_str_copy(skeleton);
  if (copy == NULL) return; /* result.raw is a convenience */
  free(job->skeleton);
  job->skeleton = copy;
  job->skeleton_n = skeleton.n;
}

/* What the answer says about the pace of all tasks. */
static void keep_pace(gim_job *job, const gim_exchanged *e, bool paid,
                      int64_t now_ms) {
  gim_hub *hub = job->hub;
  gim_pace *pace = &hub->paces[paid ? GIM_CLASS_PAID : GIM_CLASS_POLL];
  const gim_err *err;
  if (e->status != GIM_OK) return;
  err = &e->reply->err;
  if (e->reply->shape != GIM_REPLY_ERROR)
    gim_pace_eased(pace, &hub->options.retry, job->sent_ms);
  else if (err->status == GIM_E_RATE_LIMITED &&
           gim_pace_struck(pace, &hub->options.retry, err->retry_after_ms,
                           job->sent_ms, now_ms, gim_net_random()))
    gim_hub_log(hub, "retry", name_of(job), e->http_status,
                "too many requests: %s of all tasks wait for %lld ms, then "
                "come %lld ms apart",
                paid ? "requests" : "queries",
                (long long)(gim_pace_at_ms(pace, now_ms) - now_ms),
                (long long)pace->gap_ms);
}

/* The task failed and starts over: as another request, with its own key. */
static bool start_over(gim_job *job) {
  gim_hub *hub = job->hub;
  gim_entry *entry = NULL;
  gim_err err;
  if (job->resubmits == job->task.resubmits) return false;
  job->resubmits = (signed char)job->task.resubmits;
  if (job->scribe != NULL) gim_scribe_renew(job->scribe, &job->task);
  if (gim_hub_make_key(job->key, &err) != GIM_OK ||
      gim_billing_open(&entry, hub, job->key, job->entry->price_micro,
                       job->entry, &err) != GIM_OK)
    gim_task_cancel(&job->task, err.status, err.message);
  gim_billing_end(hub, job->entry);
  job->entry = entry;
  gim_hub_log(hub, "retry", job->key, 0,
              "the task failed: submitted again as a new paid request, %d of "
              "%d",
              job->resubmits, job->resubmit);
  return true;
}

static void on_exchanged(void *ud, const gim_exchanged *e) {
  gim_job *job = ud;
  int64_t now_us = gim_net_now_us(), now_ms = now_us / 1000;
  /* What is due a while from now is not to come the rest of a millisecond
     early. */
  int64_t answered_ms = (now_us + 999) / 1000;
  bool sent = gim_task_needs_body(&job->task), anew;
  bool renewing = gim_task_is_renewing(&job->task);
  gim_task_report report;
  gim_task_extend(&job->task, gim_exchange_take_held_ms(job->exchange));
  job->exchange = NULL;
  memset(&report, 0, sizeof(report));
  report.status = e->status;
  report.err = e->err;
  report.handed = e->handed;
  report.total = e->total;
  report.reply = e->reply;
  report.now_unix_s = gim_net_unix_s();
  report.salvaged = e->salvaged;
  gim_hub_log(job->hub, "response", name_of(job), e->http_status, "%s%s",
              e->status == GIM_OK ? "answered" : "broken: ",
              e->err == NULL ? "" : e->err->message);
  keep_pace(job, e, sent, now_ms);
  /* Paying again is for those who can: else the failure is the outcome. */
  if (job->resubmit > 0 && !gim_billing_allows_again(job->hub, job->entry))
    job->task.resubmit = job->resubmits;
  if (sent)
    gim_task_sent(&job->task, &report, answered_ms, gim_net_random());
  else
    gim_task_fetched(&job->task, &report, answered_ms, gim_net_random());
  anew = start_over(job);
  if (renewing) {
    if (e->status == GIM_OK && e->reply->shape != GIM_REPLY_ERROR)
      keep_skeleton(job, e->skeleton);
  }
  else if (job->task.pictures.count > 0) {
    job->salvaged = e->salvaged;
    keep_skeleton(job, e->skeleton);
    gim_filing_take(&job->filing, e->sinks, e->sink_count);
  }
  gim_job_note_answer(job);
  if (!gim_task_may_send(&job->task))
    drop_body(job);
  else if (sent && !anew)
    log_repeat(job, e->http_status);
  advance(job, true, now_ms);
}

/* Starts the POST or the query. */
static gim_status send(gim_job *job, gim_err *err) {
  gim_hub *hub = job->hub;
  const char *headers[MAX_HEADERS];
  char idempotency[sizeof("Idempotency-Key: ") + GIM_KEY_SIZE];
  gim_exchange_spec spec;
  int n = 0;
  memset(&spec, 0, sizeof(spec));
  headers[n++] = hub->authorization;
  headers[n++] = "Accept: application/json";
  spec.paid = gim_task_needs_body(&job->task);
  spec.pictures = job->asked;
  spec.brief = hub->provider->tasks;
  spec.pool = &hub->pool;
  spec.secret = gim_hub_secret(hub);
  if (spec.paid) {
    memcpy(idempotency, "Idempotency-Key: ", 17);
    memcpy(idempotency + 17, job->key, sizeof(job->key));
    headers[n++] = idempotency;
    spec.parts = gim_job_parts(job, &spec.parts_n);
    if (spec.parts == NULL) {
      headers[n++] = "Content-Type: application/json";
      spec.body = job->body;
      spec.body_n = job->body_n;
    }
    spec.url = gim_hub_url(hub, gim_str_of(job->path));
  }
  else {
    spec.url = gim_hub_task_url(hub, gim_str_of(job->task.id));
    spec.timeout_ms = hub->options.poll_ms;
  }
  headers[n] = NULL;
  if (spec.url == NULL) return no_memory(err);
  spec.headers = headers;
  spec.folder = gim_filing_folder(&job->filing);
  gim_job_keep_pictures(job, &spec);
  gim_hub_log(hub, "request", name_of(job), 0, "%s %s",
              spec.paid ? "POST" : "GET", spec.paid ? job->path : "the task");
  return gim_exchange_start(&job->exchange, hub->net, &spec, on_exchanged, job,
                            err);
}

void gim_job_exchange_failed(gim_job *job, const gim_err *err,
                             int64_t now_ms) {
  gim_task_report report;
  memset(&report, 0, sizeof(report));
  report.status = err->status;
  report.err = err;
  report.total = job->body_n;
  if (gim_task_needs_body(&job->task))
    gim_task_sent(&job->task, &report, now_ms, gim_net_random());
  else
    gim_task_fetched(&job->task, &report, now_ms, gim_net_random());
  gim_job_advance(job, now_ms);
}

void gim_job_exchange_now(gim_job *job, int64_t now_ms) {
  gim_err err;
  gim_task_started(&job->task, now_ms);
  job->sent_ms = now_ms;
  if (send(job, &err) == GIM_OK)
    gim_job_advance(job, now_ms);
  else
    gim_job_exchange_failed(job, &err, now_ms);
}

/* A slot is free. */
void gim_job_start_exchange(gim_want *want, int64_t now_ms) {
  gim_job *job = GIM_CONTAINER(want, gim_job, want);
  if (gim_task_needs_body(&job->task) && job->scribe != NULL &&
      gim_scribe_has_to(job->scribe))
    gim_job_record(job, now_ms);
  else
    gim_job_exchange_now(job, now_ms);
}

static const char *cancelled_text(const gim_task *task) {
  if (task->billed == GIM_BILLED_NO)
    return "Cancelled here, before the whole request had left.";
  if (task->billed == GIM_BILLED_YES)
    return "Cancelled here, before all pictures were saved. They are paid: "
           "image:save brings them.";
  return task->id == NULL
             ? "Cancelled here. The service may have accepted it: look at its "
               "log before you send it again."
             : "Cancelled here. What the service had accepted goes on there: "
               "attach to the id to get it.";
}

void gim_job_cancel(gim_job *job) {
  if (gim_task_is_done(&job->task)) return;
  /* An answer that came whole, and waits for our disk alone, counts. */
  if (job->exchange != NULL && gim_exchange_finish(job->exchange) &&
      gim_task_is_done(&job->task))
    return;
  note_handed(job);
  gim_task_cancel(&job->task, GIM_E_CANCELLED, cancelled_text(&job->task));
  finish(job);
}

gim_billed gim_job_billed(gim_job *job) {
  note_handed(job);
  return job->task.billed;
}

void gim_job_take_news(gim_job *job, unsigned news) {
  job->news = (unsigned char)(job->news & ~news);
  gim_list_remove(&job->event);
  if (job->news != 0) gim_list_append(&job->hub->events, &job->event);
}

void gim_job_free(gim_job *job) {
  if (job == NULL) return;
  if (!gim_task_is_done(&job->task)) {
    note_handed(job);
    gim_task_cancel(&job->task, GIM_E_CANCELLED, "Let go of.");
    note_billing(job);
    if (job->scribe != NULL) gim_scribe_end(job->scribe, &job->task);
  }
  leave(job);
  gim_list_remove(&job->event);
  gim_filing_free(&job->filing);
  if (job->entry != NULL) gim_ledger_leave(&job->hub->ledger, job->entry);
  gim_task_free(&job->task);
  drop_body(job);
  free(job->lent);
  free(job->other_model);
  free(job->output);
  free(job->skeleton);
  free(job->warnings);
  gim_hub_release(job->hub);
  free(job);
}
