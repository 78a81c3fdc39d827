/* SPDX-License-Identifier: MIT */
#include "gim_filing.h"

#include "gim_filing_private.h"
#include "gim_name.h"

#include <stdlib.h>
#include <string.h>

/* Bytes copied per step where a rename does not do: a fraction of a
   millisecond of memory, one of a file. */
#define COPY_SLICE (1024 * 1024)

/* A picture's size is within its first so many bytes, or is not told. */
#define LOOK_BYTES (256 * 1024)

void gim_filing_init(gim_filing *f, gim_hub *hub, gim_task *task,
                     const char *key, const char *model,
                     const gim_filing_calls *calls) {
  memset(f, 0, sizeof(*f));
  f->hub = hub;
  f->task = task;
  f->key = key;
  f->model = model;
  f->calls = calls;
}

gim_aim *gim_filing_give_aim(gim_filing *f) {
  if (f->aim == NULL) f->aim = calloc(1, sizeof(*f->aim));
  return f->aim;
}

bool gim_filing_is_aimed(const gim_filing *f) {
  return f->aim != NULL && f->aim->pattern != NULL;
}

gim_filing *gim_filing_source(const gim_filing *f, int *picture) {
  if (f->aim == NULL || f->aim->source == NULL) return NULL;
  if (picture != NULL) *picture = f->aim->source_picture;
  return f->aim->source;
}

static gim_status no_memory(gim_err *err) {
  return gim_fail(err, GIM_E_NO_MEMORY, "No memory to file a picture.");
}

gim_status gim_filing_from(gim_filing *f, gim_filing *source, int picture) {
  if (gim_filing_give_aim(f) == NULL) return GIM_E_NO_MEMORY;
  f->aim->source = source;
  f->aim->source_picture = picture;
  return GIM_OK;
}

const char *gim_filing_folder(const gim_filing *f) {
  return f->aim == NULL ? NULL : f->aim->folder;
}

static void start_download(gim_want *want, int64_t now_ms);
static void on_written(gim_writer_wait *wait);

static bool make_slots(gim_filing *f) {
  int count = f->task->pictures.count;
  if (f->slots != NULL) return true;
  f->slots = calloc((size_t)count, sizeof(*f->slots));
  for (int i = 0; f->slots != NULL && i < count; i++) {
    f->slots[i].filing = f;
    f->slots[i].want.start = start_download;
    f->slots[i].writing.ready = on_written;
  }
  return f->slots != NULL;
}

static void mark_whole(gim_slot *slot) {
  slot->whole = true;
  slot->size = gim_sink_size(slot->sink);
  slot->image = *gim_sink_image(slot->sink);
}

static void refuse_bytes(gim_filing *f, int picture) {
  char shown[GIM_SINK_QUOTE];
  gim_err err;
  gim_sink_quote(f->slots[picture].sink, gim_hub_secret(f->hub), shown);
  if (gim_sink_is_cut(f->slots[picture].sink))
    (void)gim_fail(&err, GIM_E_PROTOCOL,
                   "What came is paid, and a picture without its end: the "
                   "service cut it.");
  else
    (void)gim_fail(&err, GIM_E_PROTOCOL,
                   "What came is paid, and no picture: it begins with \"%s\".",
                   shown);
  gim_pictures_lose(&f->task->pictures, picture, &err);
}

void gim_filing_take(gim_filing *f, gim_sink **sinks, int sink_count) {
  gim_pictures *pictures = &f->task->pictures;
  gim_err err;
  bool room = make_slots(f);
  for (int i = 0; i < pictures->count; i++) {
    int payload = pictures->list[i].payload;
    bool linked = pictures->list[i].url != NULL; /* it came both ways */
    gim_sink *sink =
        room && payload >= 0 && payload < sink_count ? sinks[payload] : NULL;
    bool good = sink != NULL && gim_sink_image(sink)->type != 0 &&
                !gim_sink_is_cut(sink);
    if (payload < 0) continue;
    if (good || (sink != NULL && !linked)) {
      f->slots[i].sink = sink;
      sinks[payload] = NULL;
      mark_whole(&f->slots[i]);
      if (!good) refuse_bytes(f, i);
      continue;
    }
    pictures->list[i].payload = -1;
    if (linked) continue;
    (void)gim_fail(&err, room ? GIM_E_IO : GIM_E_NO_MEMORY,
                   "The picture came and is paid, but neither the folder, "
                   "memory nor a temporary file had room for it.");
    gim_pictures_lose(pictures, i, &err);
  }
}

/* Of a file that was written before: what it is, from its first bytes. */
static void look_at(gim_slot *slot) {
  unsigned char head[4096];
  int64_t offset = 0;
  size_t got = 1;
  gim_image_init(&slot->image);
  while (got > 0 && slot->image.width_px == 0 && offset < LOOK_BYTES &&
         gim_sink_read(slot->sink, offset, head, sizeof(head), &got, NULL) ==
             GIM_OK) {
    gim_image_feed(&slot->image, head, got);
    offset += (int64_t)got;
  }
}

gim_status gim_filing_resume(gim_filing *f, int picture, const char *path,
                             int64_t size, bool filed) {
  gim_slot *slot;
  if (!make_slots(f)) return GIM_E_NO_MEMORY;
  slot = &f->slots[picture];
  slot->sink = gim_sink_reopen(path, size, &f->hub->pool);
  if (slot->sink == NULL) return GIM_E_NO_MEMORY;
  look_at(slot);
  slot->size = size;
  slot->whole = true;
  if (!filed) return GIM_OK;
  slot->path = gim_str_copy(gim_str_of(path));
  if (slot->path == NULL) return GIM_E_NO_MEMORY;
  gim_filing_unload(f, picture);
  return GIM_OK;
}

static int number_of(const gim_slot *slot) {
  return (int)(slot - slot->filing->slots);
}

/*
** The bytes to file, and whose slot they lie in. NULL: another filing copies
** from there just now, and one copy of a sink is under way at a time.
*/
static gim_sink *bytes_for(gim_filing *f, gim_slot *slot, gim_slot **from) {
  int picture = 0;
  gim_filing *source = gim_filing_source(f, &picture);
  *from = slot;
  if (slot->whole || source == NULL)
    return gim_filing_bytes(f, number_of(slot));
  *from = &source->slots[picture];
  if ((*from)->copier != NULL && (*from)->copier != f) return NULL;
  return gim_filing_bytes(source, picture);
}

/* When the thread that writes has come on with the sink; or in the next step,
   where it is not waited for. */
static void go_on_later(gim_slot *slot, gim_sink *sink) {
  slot->copying = !gim_sink_await(sink, &slot->writing);
  slot->awaited_ms = slot->copying ? 0 : gim_net_now_ms();
}

/* Names the picture and puts it there. GIM_E_TIMEOUT: it goes on in the next
   step, or when the thread that writes has come on. */
static gim_status file_away(gim_filing *f, gim_slot *slot, gim_err *err) {
  char path[GIM_LIMIT_PATH + GIM_NAME_MAX];
  gim_buffer name;
  gim_slot *from;
  gim_sink *sink = bytes_for(f, slot, &from);
  gim_status status;
  if (sink == NULL && from->copier != NULL) {
    go_on_later(slot, from->sink); /* when that one is there */
    return gim_fail(err, GIM_E_TIMEOUT, "The picture is being copied.");
  }
  if (sink == NULL)
    return gim_fail(err, GIM_E_IO, "The picture's bytes are gone.");
  status = gim_filing_name(f, number_of(slot), &name, err);
  if (status == GIM_OK)
    status = gim_sink_commit(sink, f->aim->folder, name.p, f->aim->overwrite,
                             COPY_SLICE, path, sizeof(path), err);
  gim_buffer_free(&name);
  from->copier = status == GIM_E_TIMEOUT ? f : NULL;
  if (status == GIM_E_TIMEOUT) go_on_later(slot, sink);
  if (status != GIM_OK) return status;
  free(slot->path);
  slot->path = gim_str_copy(gim_str_of(path));
  if (slot->path == NULL) return no_memory(err);
  slot->size = from->size;
  slot->image = from->image;
  slot->whole = true;
  gim_filing_unload(f, number_of(slot));
  if (from != slot) gim_filing_unload(f->aim->source, f->aim->source_picture);
  f->calls->filed(f, number_of(slot));
  return GIM_OK;
}

static void report(gim_filing *f, int picture, const gim_err *err,
                   int64_t now_ms) {
  gim_picture_state state;
  bool again;
  gim_task_saved(f->task, picture, err, now_ms, gim_net_random());
  state = f->task->pictures.list[picture].state;
  again = state == GIM_PICTURE_WAITING || state == GIM_PICTURE_STALE;
  gim_hub_log(f->hub, again ? "retry" : "warning",
              f->task->id == NULL ? f->key : f->task->id, err->http_status,
              "picture %d: %s", picture + 1, err->message);
}

/* The bytes are whole: files them if they are to be, and reports. */
static void conclude(gim_filing *f, gim_slot *slot, int64_t now_ms) {
  gim_err err;
  gim_status status = GIM_OK;
  slot->copying = false;
  if (gim_filing_is_aimed(f)) status = file_away(f, slot, &err);
  if (status == GIM_E_TIMEOUT) return;
  if (status != GIM_OK)
    report(f, number_of(slot), &err, now_ms);
  else
    gim_task_saved(f->task, number_of(slot), NULL, now_ms, gim_net_random());
}

static void on_written(gim_writer_wait *wait) {
  gim_slot *slot = GIM_CONTAINER(wait, gim_slot, writing);
  gim_filing *f = slot->filing;
  int64_t now_ms = gim_net_now_ms();
  slot->held_ms += now_ms - slot->awaited_ms;
  slot->awaited_ms = 0;
  gim_task_extend(f->task, gim_filing_take_held_ms(f));
  conclude(f, slot, now_ms);
  f->calls->changed(f, now_ms);
}

void gim_filing_start(gim_filing *f, int picture, int64_t now_ms) {
  gim_err err;
  gim_slot *slot;
  int number = 0;
  gim_filing *source = gim_filing_source(f, &number);
  if (!make_slots(f)) {
    (void)no_memory(&err);
    report(f, picture, &err, now_ms);
    return;
  }
  slot = &f->slots[picture];
  if (slot->whole ||
      (source != NULL && gim_filing_bytes(source, number) != NULL))
    conclude(f, slot, now_ms);
  else
    gim_hub_queue(f->hub, GIM_CLASS_DOWNLOAD, &slot->want);
}

static void on_downloaded(void *ud, const gim_err *err) {
  gim_slot *slot = ud;
  gim_filing *f = slot->filing;
  int64_t now_ms = gim_net_now_ms();
  slot->held_ms += gim_download_held_ms(slot->download);
  slot->download = NULL;
  gim_task_extend(f->task, gim_filing_take_held_ms(f));
  if (err != NULL) {
    report(f, number_of(slot), err, now_ms);
  }
  else {
    mark_whole(slot);
    conclude(f, slot, now_ms);
  }
  f->calls->changed(f, now_ms);
}

static void start_download(gim_want *want, int64_t now_ms) {
  gim_slot *slot = GIM_CONTAINER(want, gim_slot, want);
  gim_filing *f = slot->filing;
  gim_download_spec spec;
  gim_err err;
  gim_status status;
  memset(&spec, 0, sizeof(spec));
  if (slot->sink == NULL)
    slot->sink = gim_sink_new(gim_filing_folder(f), &f->hub->pool);
  spec.url = f->task->pictures.list[number_of(slot)].url;
  spec.private_host = gim_str_of(f->hub->private_host);
  spec.allow_private = f->hub->options.allow_private;
  spec.timeout_ms = f->hub->options.download_ms;
  spec.secret = gim_hub_secret(f->hub);
  spec.sink = slot->sink;
  spec.resume = &slot->resume;
  status = slot->sink == NULL || spec.url == NULL
               ? no_memory(&err)
               : gim_download_start(&slot->download, f->hub->net, &spec,
                                    on_downloaded, slot, &err);
  if (status == GIM_OK) return;
  report(f, number_of(slot), &err, now_ms);
  f->calls->changed(f, now_ms);
}

bool gim_filing_is_copying(const gim_filing *f) {
  for (int i = 0; f->slots != NULL && i < f->task->pictures.count; i++)
    if (f->slots[i].copying) return true;
  return false;
}

void gim_filing_continue(gim_filing *f, int64_t now_ms) {
  for (int i = 0; f->slots != NULL && i < f->task->pictures.count; i++)
    if (f->slots[i].copying) conclude(f, &f->slots[i], now_ms);
}

bool gim_filing_is_held(const gim_filing *f) {
  for (int i = 0; f->slots != NULL && i < f->task->pictures.count; i++) {
    const gim_slot *slot = &f->slots[i];
    if (slot->awaited_ms != 0 ||
        (slot->download != NULL && (gim_net_is_stuck(f->hub->net) ||
                                    gim_download_is_held(slot->download))))
      return true;
  }
  return false;
}

int64_t gim_filing_take_held_ms(gim_filing *f) {
  int64_t before_ms = f->held_ms;
  for (int i = 0; f->slots != NULL && i < f->task->pictures.count; i++) {
    const gim_slot *slot = &f->slots[i];
    int64_t held_ms = slot->held_ms;
    if (slot->awaited_ms != 0) held_ms += gim_net_now_ms() - slot->awaited_ms;
    if (slot->download != NULL)
      held_ms += gim_download_held_ms(slot->download);
    if (held_ms > f->held_ms) f->held_ms = held_ms;
  }
  return f->held_ms - before_ms;
}

/* Its names are free, and its source is not needed any more. */
static void let_go_of_others(gim_filing *f) {
  int picture = 0;
  gim_filing *source = gim_filing_source(f, &picture);
  if (f->aim == NULL) return;
  gim_list_remove(&f->aim->claim);
  if (source != NULL && source->slots != NULL &&
      source->slots[picture].copier == f)
    source->slots[picture].copier = NULL;
  f->aim->source = NULL;
}

void gim_filing_stop(gim_filing *f) {
  let_go_of_others(f);
  for (int i = 0; f->slots != NULL && i < f->task->pictures.count; i++) {
    gim_slot *slot = &f->slots[i];
    if (slot->download != NULL) gim_download_cancel(slot->download);
    slot->download = NULL;
    slot->copying = false;
    gim_writer_forget(&slot->writing);
    slot->awaited_ms = 0;
    if (slot->copier == f) slot->copier = NULL;
    gim_list_remove(&slot->want.link);
    if (slot->whole || slot->sink == NULL) continue;
    gim_sink_free(slot->sink); /* half a picture is none */
    slot->sink = NULL;
  }
}

gim_sink *gim_filing_bytes(gim_filing *f, int picture) {
  gim_slot *slot;
  if (f->slots == NULL || picture < 0 || picture >= f->task->pictures.count ||
      !f->slots[picture].whole)
    return NULL;
  slot = &f->slots[picture];
  if (slot->sink == NULL) {
    slot->sink = gim_sink_reopen(slot->path, slot->size, &f->hub->pool);
    slot->whole = slot->sink != NULL; /* else it can be fetched again */
  }
  return slot->sink;
}

void gim_filing_unload(gim_filing *f, int picture) {
  gim_slot *slot = &f->slots[picture];
  if (slot->path == NULL || !slot->whole || slot->copier != NULL) return;
  gim_sink_free(slot->sink);
  slot->sink = NULL;
}

void gim_filing_give(gim_filing *f) {
  gim_slot *from, *to;
  int picture = 0;
  gim_filing *source = gim_filing_source(f, &picture);
  if (source == NULL || f->slots == NULL || !f->slots[0].whole) return;
  if (!make_slots(source)) return;
  from = &f->slots[0];
  to = &source->slots[picture];
  if (to->whole) return;
  gim_sink_free(to->sink);
  to->sink = from->sink;
  to->size = from->size;
  to->image = from->image;
  to->whole = true;
  from->sink = NULL;
  if (from->path != NULL) {
    /* Its sink is that file: both know where, or the source knows nothing. */
    free(to->path);
    to->path = gim_str_copy(gim_str_of(from->path));
    to->whole = to->sink != NULL || to->path != NULL;
  }
  else {
    from->whole = false;
  }
}

void gim_filing_free(gim_filing *f) {
  if (f->task == NULL) return;
  gim_filing_stop(f);
  for (int i = 0; f->slots != NULL && i < f->task->pictures.count; i++) {
    gim_sink_free(f->slots[i].sink);
    free(f->slots[i].path);
  }
  free(f->slots);
  f->slots = NULL;
  if (f->aim == NULL) return;
  free(f->aim->folder);
  free(f->aim->pattern);
  free(f->aim->claims);
  free(f->aim);
  f->aim = NULL;
}
