/* SPDX-License-Identifier: MIT */
/* What a job tells its client's journal, and when it waits for it. */
#include "gim_job.h"

#include "gim_job_private.h"

#include <string.h>

/* Its scribe is there: only with a journal is anything recorded. */
static void on_recorded(gim_wait_line *wait, const gim_err *err) {
  gim_job *job = gim_job_of_scribe(GIM_CONTAINER(wait, gim_scribe, wait));
  int64_t now_ms = gim_net_now_ms();
  gim_job_stop_recording(job);
  if (err == NULL)
    gim_job_exchange_now(job, now_ms);
  else
    gim_job_exchange_failed(job, err, now_ms);
}

void gim_job_record(gim_job *job, int64_t now_ms) {
  gim_intent intent;
  gim_err err;
  intent.path = gim_str_of(job->path);
  intent.body = (gim_str){job->body, job->body_n};
  intent.output = gim_str_of(job->output);
  intent.overwrite = (gim_overwrite)job->overwrite;
  job->scribe->wait.settled = on_recorded;
  if (gim_scribe_intend(job->scribe, &intent, &err)) {
    gim_net_reserve(job->hub->net, true);
    job->recording = true;
  }
  else {
    gim_job_exchange_failed(job, &err, now_ms);
  }
}

void gim_job_stop_recording(gim_job *job) {
  if (!job->recording) return;
  gim_archive_forget(&job->scribe->wait);
  gim_net_reserve(job->hub->net, false);
  job->recording = false;
}

void gim_job_note_answer(gim_job *job) {
  const gim_task *t = &job->task;
  if (job->scribe == NULL) return;
  if (t->pictures.count > 0)
    gim_scribe_done(job->scribe, t, job->salvaged);
  else if (t->id != NULL && !gim_task_is_done(t) && !gim_task_needs_body(t))
    gim_scribe_accepted(job->scribe, t->id);
}

static void on_kept(void *ud, int number, const char *path, int64_t size) {
  gim_scribe_arrived(((gim_job *)ud)->scribe, number, path, size);
}

void gim_job_keep_pictures(gim_job *job, gim_exchange_spec *spec) {
  if (job->hub->archive == NULL || job->scribe == NULL || !job->scribe->open)
    return;
  spec->folder = gim_journal_pictures(job->hub->archive->journal);
  spec->keep = job->key;
  spec->ending = GIM_ARRIVED;
  spec->on_kept = on_kept;
}

void gim_job_note_filed(gim_filing *filing, int picture) {
  gim_job *job = GIM_CONTAINER(filing, gim_job, filing);
  const gim_slot *slot = &filing->slots[picture];
  gim_filing *source = gim_filing_source(filing, &picture);
  /* It brings a picture of another job: that one's journal entry counts. */
  if (source != NULL) job = GIM_CONTAINER(source, gim_job, filing);
  if (job->scribe == NULL) return;
  gim_scribe_saved(job->scribe, picture,
                   job->task.pictures.list[picture].payload, slot->path,
                   slot->size);
}
