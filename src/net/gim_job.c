/* SPDX-License-Identifier: MIT */
#include "gim_job.h"

#include <stdlib.h>
#include <string.h>

#define MAX_HEADERS 6

static const char *name_of(const gim_job *job) {
  return job->task.id != NULL ? job->task.id : job->key;
}

static gim_status no_memory(gim_err *err) {
  return gim_fail(err, GIM_E_NO_MEMORY, "No memory for a task.");
}

static void start_exchange(gim_want *want, int64_t now_ms);

static void on_filing_changed(gim_filing *filing, int64_t now_ms) {
  gim_job_advance(GIM_CONTAINER(filing, gim_job, filing), now_ms);
}

/* An empty job, not yet live. */
static gim_job *new_job(gim_hub *hub, const gim_job_options *options) {
  gim_job *job = calloc(1, sizeof(*job));
  if (job == NULL) return NULL;
  job->hub = hub;
  gim_hub_retain(hub);
  gim_hub_make_key(job->key);
  job->want.start = start_exchange;
  job->options.retry = hub->options.retry;
  job->options.poll = hub->options.poll;
  job->options.submit_ms = hub->options.submit_ms;
  job->options.task_ms =
      options->timeout_ms < 0 ? hub->options.task_ms : options->timeout_ms;
  job->options.idempotent = hub->options.idempotent;
  job->options.retry_codes = hub->provider->retry_codes;
  job->options.save = options->output.p != NULL;
  if (options->model.p != NULL) {
    job->model = gim_str_copy(options->model);
    if (job->model == NULL) {
      gim_job_free(job);
      return NULL;
    }
  }
  gim_filing_init(&job->filing, hub, &job->task, job->key, job->model,
                  on_filing_changed);
  return job;
}

/* Makes the output ready; from here on the hub's step moves the job. */
static gim_status go_live(gim_job *job, const gim_job_options *options,
                          bool literal, gim_err *err) {
  gim_hub *hub = job->hub;
  gim_overwrite overwrite = options->overwrite < 0
                                ? hub->options.overwrite
                                : (gim_overwrite)options->overwrite;
  if (options->output.p != NULL) {
    gim_status status =
        gim_filing_aim(&job->filing, options->output, literal, overwrite, err);
    if (status != GIM_OK) return status;
  }
  if (gim_heap_reserve(&hub->heap, (size_t)hub->live_count + 1) != GIM_OK)
    return no_memory(err);
  gim_list_append(&hub->live, &job->live);
  hub->live_count++;
  gim_heap_set(&hub->heap, &job->due, gim_net_now_ms());
  return GIM_OK;
}

gim_status gim_job_submit(gim_job **result, gim_hub *hub, gim_request *request,
                          const gim_job_options *options, gim_err *err) {
  gim_job *job = new_job(hub, options);
  gim_status status;
  if (job == NULL) return no_memory(err);
  gim_task_init(&job->task, &job->options, gim_net_now_ms());
  job->path = gim_str_copy(gim_str_of(request->path));
  status =
      job->path == NULL ? no_memory(err) : go_live(job, options, false, err);
  if (status != GIM_OK) {
    gim_job_free(job);
    return status;
  }
  job->body = gim_buffer_take(&request->body, &job->body_n);
  job->width_px = request->width_px;
  job->height_px = request->height_px;
  job->warnings = request->warnings;
  job->warning_count = request->warning_count;
  request->warnings = NULL;
  request->warning_count = 0;
  *result = job;
  return GIM_OK;
}

/* A NUL would cut it: another task would be asked for. */
static bool is_id(gim_str id) {
  if (id.n == 0 || id.n > GIM_LIMIT_TASK_ID) return false;
  for (size_t i = 0; i < id.n; i++)
    if ((unsigned char)id.p[i] < 0x20 || id.p[i] == 0x7F) return false;
  return true;
}

gim_status gim_job_attach(gim_job **result, gim_hub *hub, gim_str id,
                          const gim_job_options *options, gim_err *err) {
  gim_job *job;
  gim_status status;
  if (!is_id(id)) {
    status = gim_fail(err, GIM_E_INVALID,
                      "id: a task's id has 1 to %d characters, and no control "
                      "characters.",
                      GIM_LIMIT_TASK_ID);
    if (err != NULL) memcpy(err->field, "id", sizeof("id"));
    return status;
  }
  job = new_job(hub, options);
  if (job == NULL) return no_memory(err);
  status =
      gim_task_init_attach(&job->task, &job->options, id, gim_net_now_ms());
  if (status == GIM_OK)
    status = go_live(job, options, false, err);
  else
    (void)no_memory(err);
  if (status != GIM_OK) {
    gim_job_free(job);
    return status;
  }
  *result = job;
  return GIM_OK;
}

gim_status gim_job_fetch(gim_job **result, gim_job *source, int picture,
                         gim_str path, gim_err *err) {
  gim_job_options options;
  const gim_hub_options *defaults = &source->hub->options;
  const gim_picture *of;
  gim_job *job;
  gim_status status;
  gim_str url = {NULL, 0};
  if (picture < 0 || picture >= source->task.pictures.count)
    return gim_fail(err, GIM_E_INVALID, "There is no picture %d.",
                    picture + 1);
  of = &source->task.pictures.list[picture];
  if (of->url != NULL) url = gim_str_of(of->url);
  if (url.p == NULL && gim_filing_bytes(&source->filing, picture) == NULL)
    return gim_fail(err, GIM_E_IO,
                    "The picture has no link, and its bytes are not where "
                    "they were kept.");
  memset(&options, 0, sizeof(options));
  options.timeout_ms =
      defaults->download_ms * ((int64_t)defaults->retry.max + 1);
  options.output = path;
  options.overwrite = GIM_OVERWRITE_REPLACE;
  job = new_job(source->hub, &options);
  if (job == NULL) return no_memory(err);
  status = gim_task_init_picture(&job->task, &job->options, url, of->payload,
                                 gim_net_now_ms());
  gim_filing_from(&job->filing, &source->filing, picture);
  if (status == GIM_OK)
    status = go_live(job, &options, true, err);
  else
    (void)no_memory(err);
  if (status != GIM_OK) {
    gim_job_free(job);
    return status;
  }
  *result = job;
  return GIM_OK;
}

static void drop_body(gim_job *job) {
  free(job->body);
  free(job->path);
  job->body = job->path = NULL;
}

/* Lets go of everything that is under way. */
static void abandon(gim_job *job) {
  if (job->exchange != NULL) gim_exchange_cancel(job->exchange, NULL);
  job->exchange = NULL;
  gim_list_remove(&job->want.link);
}

static void tell(gim_job *job, unsigned news) {
  job->news |= news;
  gim_list_append(&job->hub->events, &job->event);
}

/* The job is over: nothing of it is left with the hub but its news. */
static void leave(gim_job *job) {
  if (job->live.list == NULL) return;
  abandon(job);
  gim_filing_stop(&job->filing);
  gim_heap_remove(&job->hub->heap, &job->due);
  gim_list_remove(&job->live);
  job->hub->live_count--;
  drop_body(job);
}

static void finish(gim_job *job) {
  const gim_task *t = &job->task;
  gim_filing_give(&job->filing);
  leave(job);
  gim_hub_log(job->hub, "state", name_of(job), 0, "%s, billed %s%s%s",
              gim_task_status_name(t), gim_billed_name(t->billed),
              t->err == NULL ? "" : ": ",
              t->err == NULL ? "" : t->err->message);
  tell(job, GIM_NEWS_DONE);
}

/* Progress is news when somebody watches and something changed. */
static void look_for_progress(gim_job *job) {
  if (job->told_state == job->task.state &&
      job->told_progress == job->task.progress)
    return;
  job->told_state = job->task.state;
  job->told_progress = job->task.progress;
  if (job->watched) tell(job, GIM_NEWS_PROGRESS);
}

static void note_handed(gim_job *job) {
  if (job->exchange != NULL && job->body != NULL)
    gim_task_handed(&job->task, gim_exchange_handed(job->exchange),
                    job->body_n);
}

/* The POST will go out again. */
static void log_repeat(gim_job *job, int http_status) {
  gim_hub_log(job->hub, "retry", name_of(job), http_status,
              "%s, the request will be sent again",
              job->task.billed == GIM_BILLED_NO
                  ? "nothing was accepted"
                  : "it may have been accepted, but has an Idempotency-Key");
}

void gim_job_advance(gim_job *job, int64_t now_ms) {
  note_handed(job);
  gim_filing_continue(&job->filing, now_ms);
  for (;;) {
    gim_action action = gim_task_next(&job->task, now_ms, gim_net_random());
    /* Its time is over. Also when the next one is to start at once: then the
       task is exchanging still, or rather again. */
    if (action.kind != GIM_ACTION_NONE) {
      if (job->exchange != NULL && gim_task_needs_body(&job->task))
        log_repeat(job, 0);
      abandon(job);
    }
    switch (action.kind) {
    case GIM_ACTION_SEND:
      gim_list_append(&job->hub->queues[GIM_CLASS_PAID], &job->want.link);
      continue;
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
    look_for_progress(job);
    return;
  }
}

static void keep_skeleton(gim_job *job, gim_str skeleton) {
  char *copy = gim_str_copy(skeleton);
  if (copy == NULL) return; /* result.raw is a convenience */
  free(job->skeleton);
  job->skeleton = copy;
  job->skeleton_n = skeleton.n;
}

static void on_exchanged(void *ud, const gim_exchanged *e) {
  gim_job *job = ud;
  int64_t now_ms = gim_net_now_ms();
  bool sent = gim_task_needs_body(&job->task);
  gim_task_report report;
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
  if (sent)
    gim_task_sent(&job->task, &report, now_ms, gim_net_random());
  else
    gim_task_fetched(&job->task, &report, now_ms, gim_net_random());
  if (job->task.pictures.count > 0) {
    job->salvaged = e->salvaged;
    keep_skeleton(job, e->skeleton);
    gim_filing_take(&job->filing, e->sinks, e->sink_count);
  }
  if (!gim_task_needs_body(&job->task))
    drop_body(job);
  else
    log_repeat(job, e->http_status);
  gim_job_advance(job, now_ms);
}

/* Starts the POST or the query. */
static gim_status send(gim_job *job, gim_err *err) {
  gim_hub *hub = job->hub;
  const char *headers[MAX_HEADERS];
  char idempotency[sizeof("Idempotency-Key: ") + GIM_KEY_SIZE];
  gim_exchange_spec spec;
  gim_status status;
  char *url;
  int n = 0;
  memset(&spec, 0, sizeof(spec));
  headers[n++] = hub->authorization;
  headers[n++] = "Accept: application/json";
  spec.paid = gim_task_needs_body(&job->task);
  spec.pool = &hub->pool;
  if (spec.paid) {
    gim_buffer b;
    size_t length;
    memcpy(idempotency, "Idempotency-Key: ", 17);
    memcpy(idempotency + 17, job->key, sizeof(job->key));
    headers[n++] = "Content-Type: application/json";
    headers[n++] = idempotency;
    spec.body = job->body;
    spec.body_n = job->body_n;
    gim_buffer_init(&b, GIM_LIMIT_URL);
    url = NULL;
    if (gim_buffer_append_format(&b, "%s%s", hub->base_url, job->path) ==
        GIM_OK)
      url = gim_buffer_take(&b, &length);
    gim_buffer_free(&b);
  }
  else {
    url = gim_hub_task_url(hub, gim_str_of(job->task.id));
    spec.timeout_ms = hub->options.poll_ms;
  }
  headers[n] = NULL;
  if (url == NULL) return no_memory(err);
  spec.url = url;
  spec.headers = headers;
  spec.folder = gim_filing_folder(&job->filing);
  gim_hub_log(hub, "request", name_of(job), 0, "%s %s",
              spec.paid ? "POST" : "GET", spec.paid ? job->path : "the task");
  status = gim_exchange_start(&job->exchange, hub->net, &spec, on_exchanged,
                              job, err);
  free(url);
  return status;
}

/* A slot is free. */
static void start_exchange(gim_want *want, int64_t now_ms) {
  gim_job *job = GIM_CONTAINER(want, gim_job, want);
  gim_task_report report;
  gim_err err;
  gim_task_started(&job->task, now_ms);
  if (send(job, &err) == GIM_OK) {
    gim_job_advance(job, now_ms);
    return;
  }
  memset(&report, 0, sizeof(report));
  report.status = err.status;
  report.err = &err;
  report.total = job->body_n;
  if (gim_task_needs_body(&job->task))
    gim_task_sent(&job->task, &report, now_ms, gim_net_random());
  else
    gim_task_fetched(&job->task, &report, now_ms, gim_net_random());
  gim_job_advance(job, now_ms);
}

void gim_job_cancel(gim_job *job) {
  if (gim_task_is_done(&job->task)) return;
  note_handed(job);
  gim_task_cancel(&job->task, GIM_E_CANCELLED,
                  "Cancelled here. What the service had accepted goes on "
                  "there: attach to the id to get it.");
  finish(job);
}

gim_billed gim_job_billed(gim_job *job) {
  note_handed(job);
  return job->task.billed;
}

unsigned gim_job_take_news(gim_job *job) {
  unsigned news = job->news;
  job->news = 0;
  gim_list_remove(&job->event);
  return news;
}

void gim_job_free(gim_job *job) {
  if (job == NULL) return;
  leave(job);
  gim_list_remove(&job->event);
  gim_filing_free(&job->filing);
  gim_task_free(&job->task);
  drop_body(job);
  free(job->model);
  free(job->skeleton);
  free(job->warnings);
  gim_hub_release(job->hub);
  free(job);
}
