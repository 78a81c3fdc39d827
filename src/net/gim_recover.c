/* SPDX-License-Identifier: MIT */
#include "gim_recover.h"

#include "gim_image_end.h"
#include "gim_record.h"

#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

/* So many numbers in a row without a file, and there are no more. */
#define GAP_MAX 16

#define FILE_MAX (2 * (size_t)GIM_LIMIT_PATH) /* bytes of a path in a line */

/* What is gathered while the lines of one request are read. */
typedef struct gathering {
  gim_hub *hub;
  const gim_open *open;
  int64_t now_unix_s;
  gim_remnant *remnant;
  gim_buffer line, url, file;
  /* Sizes of payloads that the journal calls whole; -1: not named. */
  int64_t arrived[GIM_LIMIT_IMAGES];
} gathering;

static void init_remnant(gim_remnant *r, const gim_open *open) {
  memset(r, 0, sizeof(*r));
  memcpy(r->key, open->key, sizeof(r->key));
  gim_buffer_init(&r->id, GIM_LIMIT_TASK_ID);
  gim_buffer_init(&r->model, GIM_LIMIT_URL);
  gim_buffer_init(&r->prompt, GIM_LIMIT_REQUEST_BODY);
  gim_buffer_init(&r->provider, GIM_LIMIT_URL);
  gim_buffer_init(&r->base_url, GIM_LIMIT_URL);
  gim_buffer_init(&r->output, GIM_LIMIT_PATH);
  gim_buffer_init(&r->failure, GIM_LIMIT_URL);
  r->overwrite = -1;
}

static void free_pictures(gim_remnant *r) {
  for (int i = 0; r->pictures != NULL && i < r->count; i++) {
    free(r->pictures[i].url);
    free(r->pictures[i].path);
  }
  free(r->pictures);
  r->pictures = NULL;
  r->count = 0;
}

void gim_remnant_free(gim_remnant *r) {
  free_pictures(r);
  gim_buffer_free(&r->id);
  gim_buffer_free(&r->model);
  gim_buffer_free(&r->prompt);
  gim_buffer_free(&r->provider);
  gim_buffer_free(&r->base_url);
  gim_buffer_free(&r->output);
  gim_buffer_free(&r->failure);
}

/* -------- lines -------- */

static gim_status reserve(const gathering *g, gim_buffer *to, size_t limit) {
  size_t n = g->line.n < limit ? g->line.n : limit;
  return to->n < n ? gim_buffer_reserve(to, n - to->n) : GIM_OK;
}

/*
** Room for whatever text the line has: what cannot be read then is not there.
** A request that memory is short for must not pass for another service's, nor
** its pictures for lost.
*/
static gim_status make_room(gathering *g, gim_event event) {
  gim_remnant *r = g->remnant;
  gim_status status = reserve(g, &g->file, FILE_MAX);
  if (status == GIM_OK) status = reserve(g, &g->url, GIM_LIMIT_URL);
  if (status == GIM_OK) status = reserve(g, &r->id, GIM_LIMIT_TASK_ID);
  if (status == GIM_OK) status = reserve(g, &r->failure, GIM_LIMIT_URL);
  if (event != GIM_EVENT_INTENT) return status;
  if (status == GIM_OK) status = reserve(g, &r->provider, GIM_LIMIT_URL);
  if (status == GIM_OK) status = reserve(g, &r->base_url, GIM_LIMIT_URL);
  if (status == GIM_OK) status = reserve(g, &r->output, GIM_LIMIT_PATH);
  if (status == GIM_OK) status = reserve(g, &r->model, GIM_LIMIT_URL);
  if (status == GIM_OK)
    status = reserve(g, &r->prompt, GIM_LIMIT_REQUEST_BODY);
  return status;
}

static void read_intent(gathering *g, const gim_recorded *recorded) {
  gim_remnant *r = g->remnant;
  r->time_unix_s = recorded->time_unix_s;
  (void)gim_record_text(recorded, "provider", &r->provider);
  (void)gim_record_text(recorded, "base_url", &r->base_url);
  (void)gim_record_text(recorded, "output", &r->output);
  (void)gim_record_request_text(recorded, "model", &r->model);
  (void)gim_record_request_text(recorded, "prompt", &r->prompt);
  if (gim_record_text(recorded, "overwrite", &g->file))
    r->overwrite = gim_scribe_overwrite(gim_buffer_str(&g->file));
}

/* The number in "<key>-<number>.arrived"; -1: it is none of ours. */
static int payload_of(const gathering *g, const char *name) {
  size_t n = strlen(g->open->key);
  char *end;
  long number;
  if (strncmp(name, g->open->key, n) != 0 || name[n] != '-') return -1;
  number = strtol(name + n + 1, &end, 10);
  if (end == name + n + 1 || strcmp(end, GIM_ARRIVED) != 0) return -1;
  return number >= 0 && number < GIM_LIMIT_IMAGES ? (int)number : -1;
}

static void read_arrived(gathering *g, const gim_recorded *recorded) {
  int payload;
  if (!gim_record_text(recorded, "file", &g->file) || g->file.n == 0) return;
  payload = payload_of(g, g->file.p);
  if (payload >= 0)
    g->arrived[payload] = gim_record_number(recorded, "size", -1);
}

static gim_status make_pictures(gim_remnant *r, int count) {
  free_pictures(r);
  r->pictures = calloc((size_t)count + 1, sizeof(*r->pictures));
  if (r->pictures == NULL) return GIM_E_NO_MEMORY;
  r->count = count;
  for (int i = 0; i < count; i++) r->pictures[i].payload = -1;
  return GIM_OK;
}

/* Where the copy of payload number `payload` is. OWNED; NULL: no memory. */
static char *spare_path(const gathering *g, int payload) {
  return gim_archive_spare(g->hub->archive, g->open->key, payload);
}

static int64_t size_of(const char *path) {
  struct stat file;
  if (stat(path, &file) != 0 || !S_ISREG(file.st_mode)) return -1;
  return (int64_t)file.st_size;
}

/* The copy of a payload becomes picture `i`, if it is there whole. */
static gim_status take_spare(gathering *g, int i, int payload, int64_t size) {
  gim_past_picture *picture = &g->remnant->pictures[i];
  char *path = spare_path(g, payload);
  if (path == NULL) return GIM_E_NO_MEMORY;
  if (size <= 0 || size_of(path) != size) {
    free(path);
    return GIM_OK;
  }
  picture->path = path;
  picture->size = size;
  picture->payload = payload;
  return GIM_OK;
}

/*
** A file has its name since it was whole; but when the power failed, and the
** journal does not say that it was synced, it may have lost its bytes since.
*/
static bool looks_whole(const char *path) {
  unsigned char some[16 * 1024];
  gim_image_end end;
  ssize_t got;
  int fd = open(path, O_RDONLY | O_NONBLOCK | O_CLOEXEC);
  if (fd < 0) return false;
  gim_image_end_init(&end);
  while (!end.seen && (got = read(fd, some, sizeof(some))) > 0)
    gim_image_end_feed(&end, some, (size_t)got);
  close(fd);
  return end.seen;
}

/*
** One that `done` names. That it was synced `arrived` says, which comes first:
** where the disk refused, that line is missing, and the size proves nothing.
*/
static gim_status take_told(gathering *g, int i, int payload, int64_t size) {
  char *path;
  bool there = size == g->arrived[payload];
  if (!there) {
    path = spare_path(g, payload);
    if (path == NULL) return GIM_E_NO_MEMORY;
    there = size_of(path) == size && looks_whole(path);
    free(path);
  }
  return there ? take_spare(g, i, payload, size) : GIM_OK;
}

static gim_status read_done(gathering *g, const gim_recorded *recorded) {
  gim_remnant *r = g->remnant;
  int64_t size, age = g->now_unix_s - recorded->time_unix_s;
  gim_status status = make_pictures(r, gim_record_image_count(recorded));
  r->told = true;
  r->cut = gim_record_flag(recorded, "cut");
  r->linked_unix_s = recorded->time_unix_s;
  (void)gim_record_text(recorded, "id", &r->id);
  for (int i = 0; i < r->count && status == GIM_OK; i++) {
    if (gim_recovery_is_saved(g->open, i) ||
        !gim_record_get_image(recorded, i, &g->url, &g->file, &size))
      continue;
    if (g->url.n > 0) {
      /* A clock that went backwards makes no link old. For what has a place
         to go to the task is asked for a new one (gim_task_links). */
      r->stale = age >= GIM_SCRIBE_LINK_LIFE_S;
      if (r->stale && (r->id.n == 0 || r->output.n == 0)) continue;
      r->pictures[i].url = gim_str_copy(gim_buffer_str(&g->url));
      if (r->pictures[i].url == NULL) status = GIM_E_NO_MEMORY;
    }
    else if (g->file.n > 0) {
      int payload = payload_of(g, g->file.p);
      if (payload >= 0) status = take_told(g, i, payload, size);
    }
  }
  return status;
}

/* A picture that was filed in the earlier life, so that the result has it. */
static gim_status read_saved(gathering *g, const gim_recorded *recorded) {
  int64_t index = gim_record_number(recorded, "index", 0);
  gim_past_picture *picture;
  if (index < 1 || index > g->remnant->count ||
      !gim_record_text(recorded, "path", &g->file) || g->file.n == 0)
    return GIM_OK;
  picture = &g->remnant->pictures[index - 1];
  free(picture->path);
  picture->path = gim_str_copy(gim_buffer_str(&g->file));
  picture->size = gim_record_number(recorded, "size", 0);
  picture->payload = -1;
  return picture->path == NULL ? GIM_E_NO_MEMORY : GIM_OK;
}

/* `late`: the second time, when the pictures are known. */
static gim_status read_line(gathering *g, const gim_recorded *recorded,
                            bool late) {
  if (late)
    return recorded->event == GIM_EVENT_SAVED ? read_saved(g, recorded)
                                              : GIM_OK;
  switch (recorded->event) {
  case GIM_EVENT_INTENT: read_intent(g, recorded); break;
  case GIM_EVENT_ACCEPTED:
    (void)gim_record_text(recorded, "id", &g->remnant->id);
    break;
  case GIM_EVENT_ARRIVED: read_arrived(g, recorded); break;
  case GIM_EVENT_DONE: return read_done(g, recorded);
  case GIM_EVENT_FAILED:
    (void)gim_record_text(recorded, "kind", &g->remnant->failure);
    (void)gim_record_text(recorded, "id", &g->remnant->id);
    break;
  default: break;
  }
  return GIM_OK;
}

static gim_status read_lines(gathering *g, bool late, gim_err *err) {
  gim_archive *archive = g->hub->archive;
  gim_status status = GIM_OK;
  gim_recorded recorded;
  gim_range range;
  uint32_t at = 0;
  while (status == GIM_OK &&
         gim_recovery_next_line(&archive->past, g->open, &at, &range)) {
    range.n--; /* without its break */
    status = gim_journal_fetch(archive->journal, range, &g->line, err);
    if (status != GIM_OK) return status;
    gim_record_read(gim_buffer_str(&g->line), &recorded);
    if (strcmp(recorded.key, g->open->key) != 0)
      return gim_fail(err, GIM_E_IO,
                      "The journal was changed by others while it was in "
                      "use.");
    status = make_room(g, recorded.event);
    if (status == GIM_OK) status = read_line(g, &recorded, late);
  }
  if (status != GIM_OK)
    (void)gim_fail(err, status, "No memory to recover a request.");
  return status;
}

/* -------- pictures without an answer -------- */

/* The answer was never read to its end, but some pictures of it came. */
static gim_status find_arrived(gathering *g) {
  gim_remnant *r = g->remnant;
  gim_status status = make_pictures(r, GIM_LIMIT_IMAGES);
  int count = 0, gap = 0;
  for (int i = 0; status == GIM_OK && i < GIM_LIMIT_IMAGES && gap < GAP_MAX;
       i++) {
    char *path = spare_path(g, i);
    int64_t size;
    if (path == NULL) return GIM_E_NO_MEMORY;
    size = size_of(path);
    gap = size < 0 ? gap + 1 : 0;
    if (size > 0 && (size == g->arrived[i] || looks_whole(path)))
      status = take_spare(g, count++, i, size);
    free(path);
  }
  r->count = count;
  r->linked_unix_s = g->now_unix_s;
  return status;
}

/* -------- the verdict -------- */

static gim_remnant_kind judge_pictures(const gathering *g) {
  const gim_remnant *r = g->remnant;
  bool linked = false;
  for (int i = 0; i < r->count; i++) {
    if (r->pictures[i].payload >= 0) return GIM_REMNANT_FILED;
    if (r->pictures[i].url != NULL) linked = true;
  }
  if (!linked || (r->stale && r->failure.n > 0)) return GIM_REMNANT_LOST;
  return r->output.n > 0 ? GIM_REMNANT_DOWNLOADING : GIM_REMNANT_LINKED;
}

static gim_remnant_kind judge(const gathering *g) {
  const gim_remnant *r = g->remnant;
  gim_remnant_kind kind = GIM_REMNANT_MAYBE;
  if (strlen(r->key) >= GIM_KEY_SIZE) return GIM_REMNANT_ELSEWHERE;
  if (g->open->state == GIM_OPEN_DONE)
    kind = judge_pictures(g);
  else if (g->open->state == GIM_OPEN_ACCEPTED && r->id.n > 0)
    kind = GIM_REMNANT_ATTACHED;
  else if (r->count > 0)
    kind = GIM_REMNANT_FILED;
  /* The key of one service is not for another, nor is its network. */
  if (kind <= GIM_REMNANT_LINKED &&
      !gim_str_equal(gim_buffer_str(&r->base_url),
                     gim_str_of(g->hub->base_url)))
    kind = GIM_REMNANT_ELSEWHERE;
  return kind;
}

gim_status gim_recover_read(gim_hub *hub, const gim_open *open,
                            int64_t now_unix_s, gim_remnant *remnant,
                            gim_err *err) {
  gathering g;
  gim_status status;
  g.hub = hub;
  g.open = open;
  g.now_unix_s = now_unix_s;
  g.remnant = remnant;
  gim_buffer_init(&g.line, GIM_LIMIT_JOURNAL_LINE);
  gim_buffer_init(&g.url, GIM_LIMIT_URL);
  gim_buffer_init(&g.file, FILE_MAX);
  for (int i = 0; i < GIM_LIMIT_IMAGES; i++) g.arrived[i] = -1;
  init_remnant(remnant, open);
  status = read_lines(&g, false, err);
  if (status == GIM_OK && open->state == GIM_OPEN_DONE)
    status = read_lines(&g, true, err);
  if (status == GIM_OK &&
      (open->state == GIM_OPEN_INTENT || open->state == GIM_OPEN_FAILED)) {
    status = find_arrived(&g);
    if (status != GIM_OK)
      (void)gim_fail(err, status, "No memory to recover a request.");
  }
  if (status == GIM_OK) remnant->kind = judge(&g);
  gim_buffer_free(&g.line);
  gim_buffer_free(&g.url);
  gim_buffer_free(&g.file);
  return status;
}

gim_status gim_recover_start(gim_hub *hub, const gim_remnant *r, gim_job **job,
                             gim_err *err) {
  gim_job_options options;
  gim_past past;
  memset(&options, 0, sizeof(options));
  options.timeout_ms = -1;
  options.price_micro = -1;
  options.overwrite = r->overwrite;
  options.key = gim_str_of(r->key);
  if (r->model.n > 0) options.model = gim_buffer_str(&r->model);
  if (r->output.n > 0) options.output = gim_buffer_str(&r->output);
  if (r->kind == GIM_REMNANT_ATTACHED)
    return gim_job_attach(job, hub, gim_buffer_str(&r->id), &options, err);
  memset(&past, 0, sizeof(past));
  if (r->id.n > 0) past.id = gim_buffer_str(&r->id);
  past.linked_unix_s = r->linked_unix_s;
  past.pictures = r->pictures;
  past.count = r->count;
  past.told = r->told;
  past.cut = r->cut || !r->told;
  return gim_job_resume(job, hub, &past, &options, err);
}
