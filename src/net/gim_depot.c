/* SPDX-License-Identifier: MIT */
#include "gim_depot.h"

#include "gim_reference.h"
#include "gim_upload.h"

#include <stdlib.h>
#include <string.h>

/* A file that is at the service: one block of memory, in hub->deposits, the
   one that was asked for last at the end. */
typedef struct deposit {
  gim_list_item link; /* first: the hub frees what it is in */
  gim_source file;    /* its identity; texts are not kept */
  int64_t expires_unix_s;
  uint32_t number; /* from 1 */
  char url[];
} deposit;

_Static_assert(offsetof(deposit, link) == 0, "gim_hub.h says so");

/* An upload that waits for its slot, or is under way. */
typedef struct gim_delivery gim_delivery;
struct gim_delivery {
  gim_list_item link; /* in hub->deliveries */
  gim_hub *hub;
  gim_want want;
  gim_list claims;
  gim_upload *upload; /* NULL: not under way */
  gim_source source;  /* its text is `path`, or the claimer's bytes */
  char *path;         /* OWNED; NULL: bytes */
  char task[GIM_KEY_SIZE];
  bool settling; /* its claims are being told */
};

static bool is_file(const gim_source *source) {
  return source->kind == GIM_SOURCE_FILE;
}

static bool is_same(const gim_source *a, const gim_source *b) {
  return a->device == b->device && a->inode == b->inode &&
         a->size == b->size && a->modified_ns == b->modified_ns &&
         a->changed_ns == b->changed_ns;
}

/* -------- what is there -------- */

static void drop(gim_hub *hub, deposit *d) {
  gim_list_remove(&d->link);
  hub->deposit_count--;
  free(d);
}

static deposit *find(gim_hub *hub, const gim_source *source) {
  gim_list_item *item = gim_list_first(&hub->deposits);
  if (!is_file(source)) return NULL;
  for (; item != NULL; item = gim_list_after(&hub->deposits, item)) {
    deposit *d = GIM_CONTAINER(item, deposit, link);
    if (is_same(&d->file, source)) return d;
  }
  return NULL;
}

const char *gim_depot_find(gim_hub *hub, const gim_source *source) {
  deposit *d = find(hub, source);
  if (d == NULL) return NULL;
  if (d->expires_unix_s - GIM_DEPOT_MARGIN_S <= gim_net_unix_s()) {
    drop(hub, d);
    return NULL;
  }
  gim_list_remove(&d->link);
  gim_list_append(&hub->deposits, &d->link);
  return d->url;
}

uint32_t gim_depot_number(const gim_hub *hub, const char *url) {
  gim_list_item *item = gim_list_first(&hub->deposits);
  for (; item != NULL; item = gim_list_after(&hub->deposits, item)) {
    const deposit *d = GIM_CONTAINER(item, deposit, link);
    if (strcmp(d->url, url) == 0) return d->number;
  }
  return 0;
}

void gim_depot_forget(gim_hub *hub, uint32_t number) {
  gim_list_item *item = gim_list_first(&hub->deposits);
  for (; item != NULL; item = gim_list_after(&hub->deposits, item)) {
    deposit *d = GIM_CONTAINER(item, deposit, link);
    if (d->number != number) continue;
    drop(hub, d);
    return;
  }
}

/* Without memory it is uploaded again the next time. */
static void remember(gim_hub *hub, const gim_source *source,
                     const gim_receipt *receipt) {
  size_t n = strlen(receipt->url) + 1;
  deposit *d;
  if (!is_file(source)) return;
  d = find(hub, source);
  if (d != NULL) drop(hub, d);
  d = malloc(sizeof(*d) + n);
  if (d == NULL) return;
  memset(d, 0, sizeof(*d));
  d->file = *source;
  memset(&d->file.text, 0, sizeof(d->file.text));
  d->expires_unix_s = receipt->expires_unix_s;
  d->number = ++hub->last_deposit;
  memcpy(d->url, receipt->url, n);
  gim_list_append(&hub->deposits, &d->link);
  if (++hub->deposit_count > GIM_DEPOT_FILES)
    drop(hub, GIM_CONTAINER(gim_list_first(&hub->deposits), deposit, link));
}

/* -------- bringing it there -------- */

static void release(gim_delivery *d) {
  gim_list_remove(&d->link);
  gim_list_remove(&d->want.link);
  free(d->path);
  free(d);
}

/* Tells everybody who waits, and is gone. */
static void settle(gim_delivery *d, const char *url, const gim_err *err) {
  gim_list_item *item;
  gim_list_remove(&d->link); /* who asks from now on asks for another one */
  d->settling = true;
  while ((item = gim_list_shift(&d->claims)) != NULL) {
    gim_claim *claim = GIM_CONTAINER(item, gim_claim, link);
    claim->delivery = NULL;
    claim->settled(claim, url, err);
  }
  release(d);
}

static void on_uploaded(void *ud, const gim_uploaded *uploaded) {
  gim_delivery *d = ud;
  const gim_err *err = uploaded->err;
  d->upload = NULL;
  gim_hub_log(d->hub, "response", d->task, uploaded->http_status, "%s%s",
              err == NULL ? "uploaded" : "not uploaded: ",
              err == NULL ? "" : err->message);
  if (err == NULL) remember(d->hub, &d->source, uploaded->receipt);
  settle(d, err == NULL ? uploaded->receipt->url : NULL, err);
}

static void start_upload(gim_want *want, int64_t now_ms) {
  gim_delivery *d = GIM_CONTAINER(want, gim_delivery, want);
  gim_hub *hub = d->hub;
  char filename[GIM_SOURCE_NAME];
  gim_upload_spec spec;
  gim_uploaded failed;
  gim_err err;
  (void)now_ms;
  memset(&spec, 0, sizeof(spec));
  gim_reference_part(&d->source, filename, &spec.part);
  spec.files_url = hub->files_url;
  spec.authorization = hub->authorization;
  spec.timeout_ms = hub->options.upload_ms;
  spec.secret = gim_hub_secret(hub);
  gim_hub_log(hub, "request", d->task, 0, "POST \"%s\", %lld bytes", filename,
              (long long)d->source.size);
  if (gim_upload_start(&d->upload, hub->net, &spec, on_uploaded, d, &err) ==
      GIM_OK)
    return;
  memset(&failed, 0, sizeof(failed));
  failed.err = &err;
  on_uploaded(d, &failed);
}

static gim_status no_memory(gim_err *err) {
  return gim_fail(err, GIM_E_NO_MEMORY, "No memory for an upload.");
}

static gim_delivery *new_delivery(gim_hub *hub, const gim_source *source,
                                  const char *task) {
  gim_delivery *d = calloc(1, sizeof(*d));
  if (d == NULL) return NULL;
  d->hub = hub;
  d->want.start = start_upload;
  d->want.order = GIM_ORDER_REFERENCE;
  d->source = *source;
  gim_copy_text(d->task, sizeof(d->task), gim_str_of(task));
  if (is_file(source)) {
    d->path = gim_str_copy(source->text);
    if (d->path == NULL) {
      free(d);
      return NULL;
    }
    d->source.text = gim_str_of(d->path);
  }
  return d;
}

static gim_delivery *find_delivery(const gim_hub *hub,
                                   const gim_source *source) {
  gim_list_item *item = gim_list_first(&hub->deliveries);
  if (!is_file(source)) return NULL;
  for (; item != NULL; item = gim_list_after(&hub->deliveries, item)) {
    gim_delivery *d = GIM_CONTAINER(item, gim_delivery, link);
    if (is_file(&d->source) && is_same(&d->source, source)) return d;
  }
  return NULL;
}

gim_status gim_depot_bring(gim_hub *hub, const gim_source *source,
                           gim_claim *claim, const char *task, gim_err *err) {
  gim_delivery *d = find_delivery(hub, source);
  if (d == NULL) {
    d = new_delivery(hub, source, task);
    if (d == NULL) return no_memory(err);
    gim_list_append(&hub->deliveries, &d->link);
    gim_hub_queue(hub, GIM_CLASS_DOWNLOAD, &d->want);
  }
  claim->delivery = d;
  gim_list_append(&d->claims, &claim->link);
  return GIM_OK;
}

void gim_depot_leave(gim_claim *claim) {
  gim_delivery *d = claim->delivery;
  if (d == NULL) return;
  claim->delivery = NULL;
  gim_list_remove(&claim->link);
  if (gim_list_first(&d->claims) != NULL || d->settling) return;
  if (d->upload != NULL) gim_upload_cancel(d->upload);
  release(d);
}
