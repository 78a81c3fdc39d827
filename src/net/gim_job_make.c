/* SPDX-License-Identifier: MIT */
#include "gim_job.h"

#include "gim_job_private.h"

#include <stdlib.h>
#include <string.h>

static gim_status no_memory(gim_err *err) {
  return gim_fail(err, GIM_E_NO_MEMORY, "No memory for a task.");
}

static void on_filing_changed(gim_filing *filing, int64_t now_ms) {
  gim_job_advance(GIM_CONTAINER(filing, gim_job, filing), now_ms);
}

static const gim_filing_calls filing_calls = {on_filing_changed,
                                              gim_job_note_filed};

/* A job of a client with a journal. Those of others are the smaller for it. */
typedef struct recorded_job {
  gim_job job; /* first: it is what is freed */
  gim_scribe scribe;
} recorded_job;

gim_job *gim_job_of_scribe(gim_scribe *scribe) {
  return &GIM_CONTAINER(scribe, recorded_job, scribe)->job;
}

static gim_job *allocate(gim_hub *hub) {
  recorded_job *both;
  if (hub->archive == NULL) return calloc(1, sizeof(gim_job));
  both = calloc(1, sizeof(*both));
  if (both == NULL) return NULL;
  gim_scribe_init(&both->scribe, hub, both->job.key);
  both->job.scribe = &both->scribe;
  return &both->job;
}

/* The name in static storage, where it is a known one; else the job's copy of
   it. False: no memory. */
static bool keep_model(gim_job *job, gim_str name, const char **kept) {
  const gim_model *known;
  *kept = NULL;
  if (name.p == NULL) return true;
  known = gim_model_find(job->hub->options.provider, name);
  if (known == NULL) job->other_model = gim_str_copy(name);
  *kept = known == NULL ? job->other_model : known->name;
  return *kept != NULL;
}

static gim_task_options task_options(const gim_job *job,
                                     const gim_job_options *options,
                                     int references) {
  const gim_hub *hub = job->hub;
  gim_task_options of;
  of.rules = &hub->rules;
  of.model = job->filing.model;
  of.task_ms =
      options->timeout_ms < 0 ? hub->options.task_ms : options->timeout_ms;
  of.references = references;
  of.resubmit = options->resubmit;
  of.save = options->output.p != NULL;
  of.keep = false;
  return of;
}

/* An empty job, not yet live; OWNED, with gim_job_free. */
static gim_status new_job(gim_job **result, gim_hub *hub,
                          const gim_job_options *options, gim_err *err) {
  gim_job *job = allocate(hub);
  gim_status status = GIM_OK;
  const char *model;
  if (job == NULL) return no_memory(err);
  job->hub = hub;
  gim_hub_retain(hub);
  if (options->key.p != NULL && options->key.n < GIM_KEY_SIZE)
    memcpy(job->key, options->key.p, options->key.n);
  else
    status = gim_hub_make_key(job->key, err);
  job->want.start = gim_job_start_exchange;
  job->resubmit = (signed char)options->resubmit;
  if (status == GIM_OK && !keep_model(job, options->model, &model))
    status = no_memory(err);
  if (status != GIM_OK) {
    gim_job_free(job);
    return status;
  }
  gim_filing_init(&job->filing, hub, &job->task, job->key, model,
                  &filing_calls);
  *result = job;
  return GIM_OK;
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
  job->overwrite = overwrite;
  if (gim_heap_reserve(&hub->heap, (size_t)hub->live_count + 1) != GIM_OK)
    return no_memory(err);
  gim_list_append(&hub->live, &job->live);
  hub->live_count++;
  gim_heap_set(&hub->heap, &job->due, gim_net_now_ms());
  return GIM_OK;
}

/*
** With a journal, pictures that come with the answer lie beside it until they
** are filed; where there is no output they stay there.
*/
static gim_status prepare_journal(gim_job *job, const gim_job_options *options,
                                  gim_err *err) {
  gim_archive *archive = job->hub->archive;
  gim_status status;
  if (archive == NULL) return GIM_OK;
  status = gim_archive_try_folder(archive, err);
  if (status != GIM_OK) return status;
  if (options->output.p == NULL) {
    job->task.keep = true;
    return gim_filing_keep(&job->filing,
                           gim_journal_pictures(archive->journal), err);
  }
  job->output = gim_str_copy(options->output);
  return job->output == NULL ? no_memory(err) : GIM_OK;
}

gim_status gim_job_submit(gim_job **result, gim_hub *hub, gim_request *request,
                          const gim_job_options *options, gim_err *err) {
  gim_task_options of;
  gim_job *job;
  gim_status status = new_job(&job, hub, options, err);
  if (status != GIM_OK) return status;
  of = task_options(job, options,
                    gim_enclosure_bring_count(&request->enclosed));
  gim_task_init(&job->task, &of, gim_net_now_ms());
  job->path = gim_store_put(&hub->bodies, gim_str_of(request->path));
  job->body = gim_store_put(&hub->bodies, gim_buffer_str(&request->body));
  job->body_n = request->body.n;
  /* A task without memory for its references is over at once. */
  status =
      job->path == NULL || job->body == NULL || gim_task_is_done(&job->task)
          ? no_memory(err)
          : gim_billing_open(&job->entry, hub, job->key, options->price_micro,
                             NULL, err);
  if (status == GIM_OK) status = prepare_journal(job, options, err);
  if (status == GIM_OK)
    status = gim_job_take_references(job, &request->enclosed, err);
  if (status == GIM_OK) status = go_live(job, options, false, err);
  if (status == GIM_OK)
    status = gim_filing_try_names(&job->filing, request->n, err);
  if (status == GIM_OK)
    status = gim_filing_claim(&job->filing, request->n, err);
  if (status != GIM_OK) {
    gim_job_free(job);
    return status;
  }
  job->want.order = ++hub->submissions;
  gim_buffer_free(&request->body);
  job->width_px = request->width_px;
  job->height_px = request->height_px;
  job->asked = request->n;
  job->format = request->format;
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
  gim_task_options of;
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
  status = new_job(&job, hub, options, err);
  if (status != GIM_OK) return status;
  of = task_options(job, options, 0);
  status = gim_task_init_attach(&job->task, &of, id, gim_net_now_ms());
  if (status == GIM_OK) {
    job->entry = gim_ledger_attach(&hub->ledger, job->task.id);
    if (job->entry == NULL) status = GIM_E_NO_MEMORY;
  }
  if (status != GIM_OK) (void)no_memory(err);
  if (status == GIM_OK && options->key.p != NULL) {
    if (job->scribe != NULL) gim_scribe_resume(job->scribe, true, false);
    status = prepare_journal(job, options, err);
  }
  if (status == GIM_OK) status = go_live(job, options, false, err);
  if (status == GIM_OK) status = gim_filing_claim(&job->filing, 1, err);
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
  gim_task_options task;
  const gim_hub_options *defaults = &source->hub->options;
  const gim_picture *of;
  gim_task_picture which;
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
  options.price_micro = -1;
  status = new_job(&job, source->hub, &options, err);
  if (status != GIM_OK) return status;
  which.url = url;
  which.payload = of->payload;
  which.id = gim_str_of(source->task.id);
  which.number = source->task.first + picture;
  task = task_options(job, &options, 0);
  status = gim_task_init_picture(&job->task, &task, &which, gim_net_now_ms());
  if (status == GIM_OK)
    status = gim_filing_from(&job->filing, &source->filing, picture);
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

/* One picture as it is after the earlier life: saved, here, linked or lost. */
static gim_status put_past(gim_job *job, int i, const gim_past_picture *from,
                           bool told) {
  char *url = NULL;
  gim_err gone;
  bool saved = from->path != NULL && from->payload < 0;
  if (from->url != NULL) {
    url = gim_str_copy(gim_str_of(from->url));
    if (url == NULL) return GIM_E_NO_MEMORY;
  }
  gim_pictures_put(&job->task.pictures, i, url, NULL, from->payload,
                   !saved && (from->payload >= 0 || job->task.save));
  if (from->path != NULL) {
    /* A file that nobody has fsynced may be there all the same: the process
       was killed. Its line says that it was. */
    if (from->payload >= 0 && told && job->scribe != NULL)
      gim_scribe_resume_spare(job->scribe, from->payload);
    else if (from->payload >= 0 && job->scribe != NULL)
      gim_scribe_arrived(job->scribe, from->payload, from->path, from->size);
    /* Who moved what was filed took it over: it is saved all the same. */
    if (gim_filing_resume(&job->filing, i, from->path, from->size, saved) ==
            GIM_OK ||
        saved)
      return GIM_OK;
    return GIM_E_NO_MEMORY;
  }
  if (url != NULL) return GIM_OK;
  (void)gim_fail(&gone, GIM_E_IO,
                 "The picture was paid for, and is lost: its link has "
                 "expired, or its file is gone.");
  gim_pictures_lose(&job->task.pictures, i, &gone);
  return GIM_OK;
}

gim_status gim_job_resume(gim_job **result, gim_hub *hub, const gim_past *past,
                          const gim_job_options *options, gim_err *err) {
  gim_task_options of;
  gim_job *job;
  gim_status status = new_job(&job, hub, options, err);
  if (status != GIM_OK) return status;
  of = task_options(job, options, 0);
  status = gim_task_init_paid(&job->task, &of, past->id, past->count,
                              past->linked_unix_s, gim_net_now_ms());
  if (status == GIM_OK && job->task.id != NULL) {
    job->entry = gim_ledger_attach(&hub->ledger, job->task.id);
    if (job->entry == NULL) status = GIM_E_NO_MEMORY;
  }
  if (job->scribe != NULL) gim_scribe_resume(job->scribe, true, past->told);
  job->salvaged = past->cut;
  for (int i = 0; i < past->count && status == GIM_OK; i++)
    status = put_past(job, i, &past->pictures[i], past->told);
  if (status != GIM_OK) (void)no_memory(err);
  if (status == GIM_OK) status = prepare_journal(job, options, err);
  if (status == GIM_OK) status = go_live(job, options, false, err);
  if (status == GIM_OK)
    status = gim_filing_claim(&job->filing, past->count, err);
  if (status != GIM_OK) {
    gim_job_free(job);
    return status;
  }
  if (job->scribe != NULL)
    gim_scribe_done(job->scribe, &job->task, job->salvaged);
  *result = job;
  return GIM_OK;
}
