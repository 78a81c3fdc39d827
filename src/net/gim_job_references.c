/* SPDX-License-Identifier: MIT */
/*
** The pictures that a request is made of, on their way to where the POST needs
** them. A service that opens links gets files and bytes by way of its file
** service: their links are put into the body. One that takes a form gets it
** read from the disk while it is sent; links are brought here before.
*/
#include "gim_job.h"

#include "gim_depot.h"
#include "gim_download.h"
#include "gim_issue.h"
#include "gim_job_private.h"
#include "gim_reference.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

/* What was brought lies in files without a name until the service has
   accepted. Each is a descriptor, and a batch must not take them all. */
#define SPOOLED_MAX 128

typedef struct reference {
  struct gim_job_references *all;
  gim_source *source; /* in all->enclosed */
  char *text, *name;  /* OWNED: what the source borrows, but for bytes */
  char filename[GIM_SOURCE_NAME];
  gim_claim claim; /* up: its upload */
  char *url;       /* up: OWNED; where it is at the file service */
  gim_want want;   /* down: its download */
  gim_download *download;
  gim_sink *sink; /* down: OWNED */
  gim_resume resume;
  int64_t sent; /* down: bytes of the sink */
  bool wanted;  /* down: asked for by the task */
} reference;

struct gim_job_references {
  gim_job *job;
  gim_enclosure enclosed; /* OWNED */
  gim_part *parts;        /* OWNED; of the form */
  gim_list_item waiting;  /* in hub->unspooled */
  int spooled;            /* files that it may have; 0: not yet */
  reference list[];       /* enclosed.count of them */
};

static gim_status no_memory(gim_err *err) {
  return gim_fail(err, GIM_E_NO_MEMORY, "No memory for a reference picture.");
}

/* -------- taking them over -------- */

/* Paths, links and names become ours: bytes alone stay the caller's. */
static bool take_texts(reference *r) {
  gim_source *source = r->source;
  if (source->name.p != NULL) {
    r->name = gim_str_copy(source->name);
    if (r->name == NULL) return false;
    source->name.p = r->name;
  }
  if (source->kind == GIM_SOURCE_BYTES) return true;
  r->text = gim_str_copy(source->text);
  if (r->text == NULL) return false;
  source->text.p = r->text;
  return true;
}

static void start_download(gim_want *want, int64_t now_ms);

gim_status gim_job_take_references(gim_job *job, gim_enclosure *enclosed,
                                   gim_err *err) {
  struct gim_job_references *all;
  int count = enclosed->count;
  /* Links for a service that opens them stand in the body already. */
  if (!enclosed->multipart && enclosed->hole_count == 0) return GIM_OK;
  all = calloc(1, sizeof(*all) + (size_t)count * sizeof(all->list[0]));
  if (all == NULL) return no_memory(err);
  job->references = all;
  all->job = job;
  all->enclosed = *enclosed;
  memset(enclosed, 0, sizeof(*enclosed));
  job->borrowing = gim_enclosure_has_bytes(&all->enclosed);
  for (int i = 0; i < count; i++) {
    reference *r = &all->list[i];
    r->all = all;
    r->source = &all->enclosed.sources[i];
    r->want.start = start_download;
    r->want.order = GIM_ORDER_REFERENCE;
    if (!take_texts(r)) return no_memory(err);
  }
  if (!all->enclosed.multipart) return GIM_OK;
  all->parts = calloc((size_t)all->enclosed.form.count, sizeof(*all->parts));
  return all->parts == NULL ? no_memory(err) : GIM_OK;
}

/* -------- telling the task -------- */

/* What the task calls it. */
static int number_of(const reference *r) {
  const gim_enclosure *e = &r->all->enclosed;
  int number = 0;
  for (int i = 0; i < r - r->all->list; i++)
    number += gim_enclosure_brings(e, i);
  return number;
}

static void report(reference *r, const gim_err *err, int64_t now_ms) {
  gim_job *job = r->all->job;
  gim_task_uploaded(&job->task, number_of(r), err, now_ms, gim_net_random());
  if (err != NULL)
    gim_hub_log(job->hub, gim_task_is_done(&job->task) ? "warning" : "retry",
                job->key, err->http_status, "%s", err->message);
}

/* The same with words that say which one it is, and what failed. */
static void report_trouble(reference *r, const char *what, const gim_err *err,
                           int64_t now_ms) {
  char text[sizeof(err->message) + 64], title[GIM_SOURCE_TITLE];
  gim_err named = *err;
  gim_source_title(r->source, title);
  (void)snprintf(text, sizeof(text), "%s could not be %s: %s", title, what,
                 err->message);
  gim_copy_text(named.message, sizeof(named.message), gim_str_of(text));
  gim_copy_text(named.field, sizeof(named.field), gim_str_of(title));
  report(r, &named, now_ms);
}

/* -------- up -------- */

static bool keep_url(reference *r, const char *url) {
  free(r->url);
  r->url = gim_str_copy(gim_str_of(url));
  return r->url != NULL;
}

static void on_settled(gim_claim *claim, const char *url, const gim_err *err) {
  reference *r = GIM_CONTAINER(claim, reference, claim);
  gim_job *job = r->all->job;
  int64_t now_ms = gim_net_now_ms();
  gim_err own;
  if (err == NULL && !keep_url(r, url)) {
    (void)no_memory(&own);
    err = &own;
  }
  if (err == NULL)
    report(r, NULL, now_ms);
  else
    report_trouble(r, "uploaded", err, now_ms);
  gim_job_advance(job, now_ms);
}

static void upload(reference *r, int64_t now_ms) {
  gim_job *job = r->all->job;
  const char *url = gim_depot_find(job->hub, r->source);
  gim_status status = GIM_OK;
  gim_err err;
  if (url != NULL) {
    if (!keep_url(r, url)) status = no_memory(&err);
    report(r, status == GIM_OK ? NULL : &err, now_ms);
    return;
  }
  r->claim.settled = on_settled;
  if (gim_depot_bring(job->hub, r->source, &r->claim, job->key, &err) !=
      GIM_OK)
    report(r, &err, now_ms);
}

/* -------- down -------- */

static bool fits(const gim_hub *hub, int files) {
  return hub->spooled == 0 || hub->spooled + files <= SPOOLED_MAX;
}

/* Takes room for all of them together: two jobs that have half of theirs each
   would wait for each other for ever. */
static bool take_room(struct gim_job_references *all) {
  gim_hub *hub = all->job->hub;
  int files = gim_enclosure_bring_count(&all->enclosed);
  if (all->spooled > 0) return true;
  if (!fits(hub, files) || (gim_list_first(&hub->unspooled) != NULL &&
                            gim_list_first(&hub->unspooled) != &all->waiting))
    return false;
  gim_list_remove(&all->waiting);
  hub->spooled += files;
  all->spooled = files;
  return true;
}

static void queue_downloads(struct gim_job_references *all) {
  gim_hub *hub = all->job->hub;
  if (!take_room(all)) {
    gim_list_append(&hub->unspooled, &all->waiting);
    return;
  }
  for (int i = 0; i < all->enclosed.count; i++) {
    reference *r = &all->list[i];
    if (!r->wanted || r->download != NULL) continue;
    r->wanted = false;
    gim_hub_queue(hub, GIM_CLASS_DOWNLOAD, &r->want);
  }
}

static void leave_room(struct gim_job_references *all) {
  gim_hub *hub = all->job->hub;
  gim_list_item *next;
  gim_list_remove(&all->waiting);
  hub->spooled -= all->spooled;
  all->spooled = 0;
  while ((next = gim_list_first(&hub->unspooled)) != NULL) {
    struct gim_job_references *other =
        GIM_CONTAINER(next, struct gim_job_references, waiting);
    queue_downloads(other);
    if (gim_list_first(&hub->unspooled) == next)
      break; /* no room for it yet */
  }
}

static void on_downloaded(void *ud, const gim_err *err) {
  reference *r = ud;
  struct gim_job_references *all = r->all;
  gim_job *job = all->job;
  int64_t now_ms = gim_net_now_ms();
  gim_err refusal;
  r->download = NULL;
  if (err != NULL) {
    report_trouble(r, "downloaded", err, now_ms);
  }
  else {
    gim_sink_settle(r->sink);
    gim_reference_seen(r->source, gim_sink_size(r->sink),
                       gim_sink_image(r->sink));
    if (gim_enclosure_judge(&all->enclosed, (int)(r - all->list), &refusal) ==
        GIM_OK)
      report(r, NULL, now_ms);
    else
      report(r, &refusal, now_ms);
  }
  gim_job_advance(job, now_ms);
}

/* The model's limit is judged when the picture is there; what is far over it
   is not waited for. */
static int64_t bytes_max(const gim_enclosure *e) {
  if (!e->strict) return GIM_LIMIT_DOWNLOAD;
  return e->model->reference_max_bytes > 0 ? e->model->reference_max_bytes
                                           : GIM_SOURCE_USUAL_BYTES;
}

static void start_download(gim_want *want, int64_t now_ms) {
  reference *r = GIM_CONTAINER(want, reference, want);
  gim_job *job = r->all->job;
  gim_hub *hub = job->hub;
  gim_download_spec spec;
  gim_err err;
  gim_status status;
  memset(&spec, 0, sizeof(spec));
  if (r->sink == NULL) r->sink = gim_sink_new(NULL, &hub->spool);
  spec.url = r->text;
  spec.reference = true;
  spec.max_bytes = bytes_max(&r->all->enclosed);
  spec.private_host = gim_str_of(hub->private_host);
  spec.allow_private = hub->options.allow_private;
  spec.timeout_ms = hub->options.download_ms;
  spec.secret = gim_hub_secret(hub);
  spec.sink = r->sink;
  spec.resume = &r->resume;
  status = r->sink == NULL ? no_memory(&err)
                           : gim_download_start(&r->download, hub->net, &spec,
                                                on_downloaded, r, &err);
  if (status == GIM_OK) return;
  report_trouble(r, "downloaded", &err, now_ms);
  gim_job_advance(job, now_ms);
}

void gim_job_bring(gim_job *job, int number, int64_t now_ms) {
  struct gim_job_references *all = job->references;
  reference *r = &all->list[gim_enclosure_nth(&all->enclosed, number)];
  if (!all->enclosed.multipart) {
    upload(r, now_ms);
    return;
  }
  r->wanted = true;
  queue_downloads(all);
}

/* -------- into the request -------- */

/* Which links of the depot go out. Without memory for that they are kept as
   they are. */
static void note_lent(gim_job *job, const char *const *links, int count) {
  int n = 0;
  job->lent = calloc((size_t)count + 1, sizeof(*job->lent));
  if (job->lent == NULL) return;
  for (int i = 0; i < count; i++) {
    uint32_t number =
        links[i] == NULL ? 0 : gim_depot_number(job->hub, links[i]);
    if (number != 0) job->lent[n++] = number;
  }
  if (n > 0) return;
  free(job->lent);
  job->lent = NULL;
}

/* Does this failure speak of pictures that the service could not get? */
static bool blames_pictures(const gim_err *err) {
  static const char *const codes[] = {"image_processing_error",
                                      "invalid_media_url", NULL};
  static const char *const params[] = {"image_urls", "mask_url", NULL};
  return gim_choice_has(codes, gim_str_of(err->code)) ||
         gim_choice_has(params, gim_str_of(err->param));
}

void gim_job_return_links(gim_job *job) {
  const gim_err *err = job->task.err;
  if (job->lent == NULL) return;
  if (err != NULL && blames_pictures(err))
    for (const uint32_t *number = job->lent; *number != 0; number++)
      gim_depot_forget(job->hub, *number);
  free(job->lent);
  job->lent = NULL;
}

gim_status gim_job_fill_body(gim_job *job, gim_err *err) {
  struct gim_job_references *all = job->references;
  const char *links[GIM_LIMIT_SOURCES + 1]; /* and the mask */
  gim_buffer body;
  gim_status status;
  if (all == NULL || all->enclosed.multipart) return GIM_OK;
  for (int i = 0; i < all->enclosed.count; i++) links[i] = all->list[i].url;
  gim_buffer_init(&body, GIM_LIMIT_REQUEST_BODY);
  status = gim_enclosure_fill(&all->enclosed,
                              (gim_str){job->body, job->body_n}, links, &body);
  if (status == GIM_OK) {
    char *filled = gim_store_put(&job->hub->bodies, gim_buffer_str(&body));
    if (filled != NULL) {
      gim_store_drop(&job->hub->bodies, job->body);
      job->body = filled;
      job->body_n = body.n;
      note_lent(job, links, all->enclosed.count);
      gim_job_drop_references(job);
    }
    else
      status = GIM_E_NO_MEMORY;
  }
  gim_buffer_free(&body);
  if (status == GIM_OK) return GIM_OK;
  if (status == GIM_E_TOO_BIG)
    return gim_fail(err, status,
                    "With the links of its pictures the request is over %d "
                    "bytes.",
                    GIM_LIMIT_REQUEST_BODY);
  return status == GIM_E_NO_MEMORY
             ? no_memory(err)
             : gim_fail(err, GIM_E_PROTOCOL,
                        "A link of the file service cannot be sent on.");
}

static int64_t read_sink(void *ud, char *to, size_t n) {
  reference *r = ud;
  size_t got;
  if (gim_sink_read(r->sink, r->sent, to, n, &got, NULL) != GIM_OK) return -1;
  r->sent += (int64_t)got;
  return (int64_t)got;
}

const gim_part *gim_job_parts(gim_job *job, int *n) {
  struct gim_job_references *all = job->references;
  const gim_form *form;
  *n = 0;
  if (all == NULL || !all->enclosed.multipart) return NULL;
  form = &all->enclosed.form;
  for (int i = 0; i < form->count; i++) {
    gim_part *part = &all->parts[i];
    int source = form->parts[i].source;
    if (source == GIM_FORM_TEXT) {
      gim_str text = gim_form_text(form, i);
      memset(part, 0, sizeof(*part));
      part->bytes = text.p;
      part->size = (int64_t)text.n;
    }
    else {
      reference *r = &all->list[source];
      gim_reference_part(r->source, r->filename, part);
      if (r->source->kind == GIM_SOURCE_LINK) {
        part->read = read_sink;
        part->ud = r;
        r->sent = 0;
      }
    }
    part->field = gim_form_field(form, i);
  }
  *n = form->count;
  return all->parts;
}

void gim_job_drop_references(gim_job *job) {
  struct gim_job_references *all = job->references;
  if (all == NULL) return;
  job->references = NULL;
  for (int i = 0; i < all->enclosed.count; i++) {
    reference *r = &all->list[i];
    gim_depot_leave(&r->claim);
    gim_list_remove(&r->want.link);
    if (r->download != NULL) gim_download_cancel(r->download);
    gim_sink_free(r->sink);
    free(r->text);
    free(r->name);
    free(r->url);
  }
  leave_room(all);
  free(all->parts);
  gim_enclosure_free(&all->enclosed);
  free(all);
}
