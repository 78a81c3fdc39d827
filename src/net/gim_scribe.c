/* SPDX-License-Identifier: MIT */
#include "gim_scribe.h"

#include "gim_record.h"

#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>

static const char *const overwrite_names[] = {"number", "replace", "refuse"};

int gim_scribe_overwrite(gim_str name) {
  for (int i = 0; i < 3; i++)
    if (gim_str_equal(name, gim_str_of(overwrite_names[i]))) return i;
  return -1;
}

void gim_scribe_init(gim_scribe *s, gim_hub *hub, const char *key) {
  memset(s, 0, sizeof(*s));
  s->hub = hub;
  s->key = key;
}

void gim_scribe_resume(gim_scribe *s, bool accepted, bool done) {
  s->open = true;
  s->accepted = accepted;
  s->done = done;
}

void gim_scribe_resume_spare(gim_scribe *s, int payload) {
  if (payload >= 0 && payload < GIM_LIMIT_IMAGES)
    s->spares[payload / 64] |= (uint64_t)1 << (payload % 64);
}

bool gim_scribe_has_to(const gim_scribe *s) {
  return s->hub->archive != NULL && !s->open;
}

static gim_record new_record(const gim_scribe *s, gim_event event) {
  gim_record record;
  memset(&record, 0, sizeof(record));
  record.event = event;
  record.key = gim_str_of(s->key);
  record.time_unix_s = gim_net_unix_s();
  return record;
}

static bool may_write(const gim_scribe *s) {
  return s->open && s->hub->archive != NULL;
}

/* Appends a line that nobody waits for. */
static void write(gim_scribe *s, const gim_record *record) {
  gim_buffer line;
  gim_buffer_init(&line, GIM_LIMIT_JOURNAL_LINE);
  if (gim_record_write(&line, record) != GIM_OK ||
      gim_journal_append(s->hub->archive->journal, gim_buffer_str(&line)) == 0)
    s->lost = true;
  gim_buffer_free(&line);
}

/* Likewise, behind its files: `file` is its own (NULL: those of earlier
   lines), `spare` (NULL: none) goes once it is written. */
static void write_filed(gim_scribe *s, const gim_record *record,
                        const char *file, const char *spare) {
  gim_buffer line;
  gim_buffer_init(&line, GIM_LIMIT_JOURNAL_LINE);
  if (gim_record_write(&line, record) != GIM_OK ||
      !gim_journal_append_filed(s->hub->archive->journal,
                                gim_buffer_str(&line), file, spare))
    s->lost = true;
  gim_buffer_free(&line);
}

bool gim_scribe_intend(gim_scribe *s, const gim_intent *intent, gim_err *err) {
  gim_record record = new_record(s, GIM_EVENT_INTENT);
  gim_buffer line;
  gim_status status;
  bool waits = false;
  record.provider = gim_str_of(s->hub->provider->name);
  record.base_url = gim_str_of(s->hub->base_url);
  record.path = intent->path;
  record.request = intent->body;
  record.output = intent->output;
  record.overwrite = overwrite_names[intent->overwrite];
  gim_buffer_init(&line, GIM_LIMIT_JOURNAL_LINE);
  status = gim_record_write(&line, &record);
  if (status != GIM_OK)
    (void)gim_fail(err, status, "The request cannot be put into the journal.");
  else
    waits = gim_archive_append(s->hub->archive, gim_buffer_str(&line),
                               &s->wait, err);
  gim_buffer_free(&line);
  s->open = waits;
  return waits;
}

void gim_scribe_accepted(gim_scribe *s, const char *id) {
  gim_record record;
  if (!may_write(s) || s->accepted) return;
  s->accepted = true;
  record = new_record(s, GIM_EVENT_ACCEPTED);
  record.id = gim_str_of(id);
  write(s, &record);
}

static bool has_spare(const gim_scribe *s, int payload) {
  return payload >= 0 && payload < GIM_LIMIT_IMAGES &&
         (s->spares[payload / 64] >> (payload % 64) & 1) != 0;
}

void gim_scribe_arrived(gim_scribe *s, int payload, const char *path,
                        int64_t size) {
  gim_record record;
  const char *name = strrchr(path, '/');
  if (!may_write(s) || payload < 0 || payload >= GIM_LIMIT_IMAGES) return;
  gim_scribe_resume_spare(s, payload);
  record = new_record(s, GIM_EVENT_ARRIVED);
  record.path = gim_str_of(name == NULL ? path : name + 1);
  record.size = size;
  write_filed(s, &record, path, NULL);
}

/* True: it names a file. */
static bool tell_image(const gim_scribe *s, gim_record_image *image,
                       const gim_picture *picture, int64_t now_unix_s,
                       char **path) {
  struct stat file;
  memset(image, 0, sizeof(*image));
  if (has_spare(s, picture->payload))
    *path = gim_archive_spare(s->hub->archive, s->key, picture->payload);
  if (*path != NULL && stat(*path, &file) == 0) {
    image->file = gim_str_of(strrchr(*path, '/') + 1);
    image->size = (int64_t)file.st_size;
    return true;
  }
  if (picture->url != NULL) {
    image->url = gim_str_of(picture->url);
    image->expires_at_unix = now_unix_s + GIM_SCRIBE_LINK_LIFE_S;
  }
  return false;
}

void gim_scribe_done(gim_scribe *s, const gim_task *task, bool cut) {
  int count = task->pictures.count;
  gim_record record;
  gim_record_image *images;
  char **paths;
  bool filed = false;
  if (!may_write(s) || s->done) return;
  s->done = true;
  images = calloc((size_t)count + 1, sizeof(*images));
  paths = calloc((size_t)count + 1, sizeof(*paths));
  if (images != NULL && paths != NULL) {
    record = new_record(s, GIM_EVENT_DONE);
    for (int i = 0; i < count; i++)
      filed |= tell_image(s, &images[i], &task->pictures.list[i],
                          record.time_unix_s, &paths[i]);
    record.id = gim_str_of(task->id);
    record.images = images;
    record.image_count = count;
    record.cut = cut;
    /* Not before the files that it names: see the header. */
    if (filed)
      write_filed(s, &record, NULL, NULL);
    else
      write(s, &record);
  }
  else {
    s->lost = true;
  }
  for (int i = 0; paths != NULL && i < count; i++) free(paths[i]);
  free(paths);
  free(images);
}

void gim_scribe_saved(gim_scribe *s, int picture, int payload,
                      const char *path, int64_t size) {
  gim_record record;
  char *spare = NULL;
  if (!may_write(s)) return;
  if (has_spare(s, payload))
    spare = gim_archive_spare(s->hub->archive, s->key, payload);
  record = new_record(s, GIM_EVENT_SAVED);
  record.index = picture + 1;
  record.path = gim_str_of(path);
  record.size = size;
  write_filed(s, &record, path, spare);
  free(spare);
}

static void write_failed(gim_scribe *s, const gim_task *task,
                         gim_status status, gim_billed billed) {
  gim_record record = new_record(s, GIM_EVENT_FAILED);
  record.id = gim_str_of(task->id);
  record.kind = gim_status_name(status);
  record.billed = gim_billed_name(billed);
  write(s, &record);
}

/* Would asking the service once more bring nothing else? */
static bool is_hopeless(const gim_task *task) {
  if (task->id == NULL || task->evidence == GIM_EVIDENCE_NO_PICTURE)
    return true;
  switch (task->status) {
  case GIM_E_NOT_FOUND:
  case GIM_E_INVALID:
  case GIM_E_REFUSED:
  case GIM_E_TOO_BIG: return true;
  default: return false;
  }
}

/* Has a picture no link that holds, nor the task a new one for it? */
static bool lacks_link(const gim_task *task) {
  for (int i = 0; i < task->pictures.count; i++)
    if (task->pictures.list[i].gone) return true;
  return false;
}

void gim_scribe_end(gim_scribe *s, const gim_task *task) {
  if (!may_write(s)) return;
  if (s->done && task->billed != GIM_BILLED_NO && lacks_link(task))
    write_failed(s, task, GIM_E_NOT_FOUND, task->billed);
  if (!s->done && (task->billed == GIM_BILLED_NO ||
                   (task->billed == GIM_BILLED_MAYBE && is_hopeless(task))))
    write_failed(s, task, task->status, task->billed);
  if (gim_journal_failure(s->hub->archive->journal, NULL) != GIM_OK)
    s->lost = true;
}

void gim_scribe_renew(gim_scribe *s, const gim_task *task) {
  if (may_write(s)) write_failed(s, task, GIM_E_SERVER, GIM_BILLED_NO);
  s->open = s->accepted = s->done = false;
  memset(s->spares, 0, sizeof(s->spares));
}
