/* SPDX-License-Identifier: MIT */
#include "gim_sink.h"

#include "gim_image_end.h"
#include "gim_redact.h"

#include <stdlib.h>
#include <string.h>

#define FIRST_CAPACITY ((size_t)64 * 1024)
#define COPY_BYTES ((size_t)64 * 1024)
#define AHEAD_EXPECTED ((size_t)32 * 1024 * 1024)

/* Where the bytes are. */
typedef enum place {
  PLACE_NONE = 0, /* nowhere yet */
  PLACE_FOLDER,
  PLACE_MEMORY,
  PLACE_TEMPORARY /* a nameless file; `memory` holds what came before it */
} place;

#define BIT(p) (1u << (p))

struct gim_sink {
  char *folder; /* OWNED; NULL: memory */
  gim_pool *pool;
  place at;
  gim_file *file; /* FOLDER, TEMPORARY */
  unsigned char *memory;
  size_t memory_n, capacity; /* capacity is what the pool counts */
  int64_t expected;
  gim_image image;
  gim_image_end end;
  gim_err trouble; /* status GIM_OK: none */
  gim_err dead;    /* sticky */
  gim_file *copy;  /* a commit under way into another folder */
  char *copy_folder;
  int64_t copied;
};

gim_sink *gim_sink_new(const char *folder, gim_pool *pool) {
  gim_sink *sink = calloc(1, sizeof(*sink));
  if (sink == NULL) return NULL;
  sink->pool = pool;
  gim_image_init(&sink->image);
  gim_image_end_init(&sink->end);
  if (folder == NULL) return sink;
  sink->folder = gim_str_copy(gim_str_of(folder));
  if (sink->folder != NULL) return sink;
  free(sink);
  return NULL;
}

static void free_memory(gim_sink *sink) {
  free(sink->memory);
  sink->pool->used -= sink->capacity;
  sink->memory = NULL;
  sink->memory_n = sink->capacity = 0;
}

static void drop_copy(gim_sink *sink) {
  gim_file_free(sink->copy);
  free(sink->copy_folder);
  sink->copy = NULL;
  sink->copy_folder = NULL;
  sink->copied = 0;
}

void gim_sink_free(gim_sink *sink) {
  if (sink == NULL) return;
  drop_copy(sink);
  gim_file_free(sink->file);
  free_memory(sink);
  free(sink->folder);
  free(sink);
}

gim_sink *gim_sink_reopen(const char *path, int64_t size, gim_pool *pool) {
  gim_sink *sink = gim_sink_new(NULL, pool);
  if (sink == NULL) return NULL;
  if (gim_file_reopen(&sink->file, path, size, NULL) == GIM_OK) {
    sink->at = PLACE_TEMPORARY;
    return sink;
  }
  gim_sink_free(sink);
  return NULL;
}

int64_t gim_sink_size(const gim_sink *sink) {
  switch (sink->at) {
  case PLACE_FOLDER: return gim_file_size(sink->file);
  case PLACE_TEMPORARY:
    return (int64_t)sink->memory_n + gim_file_size(sink->file);
  case PLACE_MEMORY: return (int64_t)sink->memory_n;
  case PLACE_NONE: break;
  }
  return 0;
}

const gim_image *gim_sink_image(const gim_sink *sink) {
  return &sink->image;
}

bool gim_sink_is_cut(const gim_sink *sink) {
  return gim_image_end_is_missing(&sink->end);
}

gim_status gim_sink_trouble(const gim_sink *sink, gim_err *err) {
  if (sink->trouble.status != GIM_OK && err != NULL) *err = sink->trouble;
  return sink->trouble.status;
}

/* -------- memory -------- */

/* Room for `more` bytes, as far as the pool and the system have it. */
static gim_status grow(gim_sink *sink, size_t more, gim_err *err) {
  size_t spare = sink->pool->limit > sink->pool->used
                     ? sink->pool->limit - sink->pool->used
                     : 0;
  size_t want, capacity = sink->capacity;
  unsigned char *p;
  if (more <= capacity - sink->memory_n) return GIM_OK;
  want = sink->memory_n + more;
  if (more > spare + (capacity - sink->memory_n))
    return gim_fail(err, GIM_E_NO_MEMORY,
                    "the memory limit of %zu bytes is reached",
                    sink->pool->limit);
  capacity = capacity < FIRST_CAPACITY / 2 ? FIRST_CAPACITY : capacity * 2;
  if (sink->expected > (int64_t)capacity) {
    capacity = sink->memory_n + AHEAD_EXPECTED;
    if (sink->expected < (int64_t)capacity) capacity = (size_t)sink->expected;
  }
  if (capacity - sink->capacity > spare) capacity = sink->capacity + spare;
  if (capacity < want) capacity = want;
  p = realloc(sink->memory, capacity);
  if (p == NULL)
    return gim_fail(err, GIM_E_NO_MEMORY, "not enough memory for a picture");
  sink->pool->used += capacity - sink->capacity;
  sink->memory = p;
  sink->capacity = capacity;
  return GIM_OK;
}

/* -------- places -------- */

static gim_status append(gim_sink *sink, const void *p, size_t n,
                         gim_err *err) {
  gim_status status;
  if (sink->at != PLACE_MEMORY) return gim_file_write(sink->file, p, n, err);
  status = grow(sink, n, err);
  if (status != GIM_OK) return status;
  memcpy(sink->memory + sink->memory_n, p, n);
  sink->memory_n += n;
  return GIM_OK;
}

static gim_status file_to_file(gim_file *from, gim_file *to, gim_err *err) {
  unsigned char *block = malloc(COPY_BYTES);
  gim_status status = GIM_OK;
  size_t got = 0;
  if (block == NULL)
    return gim_fail(err, GIM_E_NO_MEMORY, "not enough memory to copy a file");
  do {
    status =
        gim_file_read(from, gim_file_size(to), block, COPY_BYTES, &got, err);
    if (status == GIM_OK && got > 0)
      status = gim_file_write(to, block, got, err);
  } while (status == GIM_OK && got > 0);
  free(block);
  return status;
}

static gim_status open_file(const gim_sink *sink, const char *folder,
                            gim_file **file, gim_err *err) {
  gim_status status = gim_file_open(file, folder, err);
  if (status != GIM_OK) return status;
  gim_file_write_behind(*file, sink->pool->writer);
  if (sink->pool->gather == 0) return GIM_OK;
  gim_file_gather(*file, sink->pool->gather);
  if (!sink->pool->replaces) gim_file_reserve_nothing(*file);
  return GIM_OK;
}

static gim_status move_to_file(gim_sink *sink, place to, gim_err *err) {
  gim_file *file;
  gim_status status =
      open_file(sink, to == PLACE_FOLDER ? sink->folder : NULL, &file, err);
  if (status != GIM_OK) return status;
  gim_file_expect(file, sink->expected - (int64_t)sink->memory_n);
  /* What memory holds stays there: to copy it would take some milliseconds in
     one go. */
  if (sink->file != NULL) status = file_to_file(sink->file, file, err);
  if (status != GIM_OK) {
    gim_file_free(file);
    return status;
  }
  gim_file_free(sink->file);
  sink->file = file;
  sink->at = to;
  return GIM_OK;
}

static gim_status move_to_memory(gim_sink *sink, gim_err *err) {
  size_t before = sink->memory_n, size = (size_t)gim_sink_size(sink);
  gim_status status = GIM_OK;
  size_t got = 1;
  if (size > before) status = grow(sink, size - before, err);
  while (status == GIM_OK && sink->memory_n < size && got > 0) {
    status = gim_file_read(sink->file, (int64_t)(sink->memory_n - before),
                           sink->memory + sink->memory_n,
                           size - sink->memory_n, &got, err);
    sink->memory_n += got;
  }
  if (status != GIM_OK) {
    sink->memory_n = before;
    if (before == 0) free_memory(sink);
    return status;
  }
  gim_file_free(sink->file);
  sink->file = NULL;
  sink->at = PLACE_MEMORY;
  return GIM_OK;
}

/* Takes what there is to another place; it stays where it is on failure. */
static gim_status move_to(gim_sink *sink, place to, gim_err *err) {
  return to == PLACE_MEMORY ? move_to_memory(sink, err)
                            : move_to_file(sink, to, err);
}

/*
** The places in the order of preference: a place that was full may have room
** again, but within one write none is tried twice.
*/
static place next_place(const gim_sink *sink, unsigned tried) {
  if (sink->at == PLACE_NONE && sink->folder != NULL &&
      !(tried & BIT(PLACE_FOLDER)))
    return PLACE_FOLDER;
  if (!(tried & BIT(PLACE_MEMORY))) return PLACE_MEMORY;
  if (!(tried & BIT(PLACE_TEMPORARY))) return PLACE_TEMPORARY;
  return PLACE_NONE;
}

static gim_status put(gim_sink *sink, const void *p, size_t n) {
  unsigned tried = 0;
  gim_err err;
  gim_status status;
  if (sink->at != PLACE_NONE) {
    tried = BIT(sink->at);
    status = append(sink, p, n, &err);
    if (status == GIM_OK) return GIM_OK;
    if (sink->at == PLACE_FOLDER) sink->trouble = err;
  }
  for (;;) {
    place to = next_place(sink, tried);
    if (to == PLACE_NONE) break;
    tried |= BIT(to);
    status = move_to(sink, to, &err);
    if (status == GIM_OK) status = append(sink, p, n, &err);
    if (status == GIM_OK) return GIM_OK;
    if (to == PLACE_FOLDER) sink->trouble = err;
  }
  /* The folder's trouble says most to a reader, where there was any. */
  sink->dead = sink->trouble.status != GIM_OK ? sink->trouble : err;
  return sink->dead.status;
}

bool gim_sink_takes(gim_sink *sink, size_t n) {
  return sink->file == NULL || gim_file_takes(sink->file, n);
}

bool gim_sink_is_written(gim_sink *sink) {
  return sink->file == NULL || gim_file_is_written(sink->file);
}

bool gim_sink_await(gim_sink *sink, gim_writer_wait *wait) {
  gim_file *file = sink->copy != NULL ? sink->copy : sink->file;
  return file != NULL && gim_file_await(file, wait);
}

gim_status gim_sink_write(gim_sink *sink, const void *p, size_t n,
                          gim_err *err) {
  if (sink->dead.status == GIM_OK) {
    if (n == 0) return GIM_OK;
    if (put(sink, p, n) == GIM_OK) {
      gim_image_feed(&sink->image, p, n);
      gim_image_end_feed(&sink->end, p, n);
      return GIM_OK;
    }
  }
  if (err != NULL) *err = sink->dead;
  return sink->dead.status;
}

/* What is reserved and not used is others' again. */
static void trim_memory(gim_sink *sink) {
  unsigned char *p;
  if (sink->memory_n == 0 || sink->memory_n == sink->capacity) return;
  p = realloc(sink->memory, sink->memory_n);
  if (p == NULL) return;
  sink->pool->used -= sink->capacity - sink->memory_n;
  sink->memory = p;
  sink->capacity = sink->memory_n;
}

void gim_sink_settle(gim_sink *sink) {
  if (sink->file != NULL) gim_file_settle(sink->file);
  trim_memory(sink);
}

void gim_sink_expect(gim_sink *sink, int64_t n) {
  if (n <= 0 || n > GIM_LIMIT_DOWNLOAD) return;
  sink->expected = n;
  if (sink->file != NULL) gim_file_expect(sink->file, n);
}

gim_status gim_sink_restart(gim_sink *sink, gim_err *err) {
  (void)err; /* everything is let go of, and that cannot fail */
  drop_copy(sink);
  gim_file_free(sink->file);
  sink->file = NULL;
  free_memory(sink);
  sink->at = PLACE_NONE;
  sink->expected = 0;
  memset(&sink->trouble, 0, sizeof(sink->trouble));
  memset(&sink->dead, 0, sizeof(sink->dead));
  gim_image_init(&sink->image);
  gim_image_end_init(&sink->end);
  return GIM_OK;
}

gim_status gim_sink_read(gim_sink *sink, int64_t offset, void *p, size_t n,
                         size_t *got, gim_err *err) {
  int64_t size = gim_sink_size(sink);
  *got = 0;
  if (offset < 0 || offset >= size) return GIM_OK;
  if (offset >= (int64_t)sink->memory_n)
    return gim_file_read(sink->file, offset - (int64_t)sink->memory_n, p, n,
                         got, err);
  if ((int64_t)n > (int64_t)sink->memory_n - offset)
    n = (size_t)((int64_t)sink->memory_n - offset);
  memcpy(p, sink->memory + offset, n);
  *got = n;
  return GIM_OK;
}

/* -------- filing -------- */

static gim_status start_copy(gim_sink *sink, const char *folder,
                             gim_err *err) {
  gim_status status;
  drop_copy(sink);
  sink->copy_folder = gim_str_copy(gim_str_of(folder));
  if (sink->copy_folder == NULL)
    return gim_fail(err, GIM_E_NO_MEMORY, "not enough memory to copy a file");
  status = open_file(sink, folder, &sink->copy, err);
  if (status != GIM_OK) {
    drop_copy(sink);
    return status;
  }
  gim_file_expect(sink->copy, gim_sink_size(sink));
  return GIM_OK;
}

/* Copies at most `slice` bytes; GIM_E_TIMEOUT when that was not all. */
static gim_status copy_slice(gim_sink *sink, int64_t slice, gim_err *err) {
  int64_t left = gim_sink_size(sink) - sink->copied;
  gim_status status = GIM_OK;
  unsigned char *block = malloc(COPY_BYTES);
  if (block == NULL)
    return gim_fail(err, GIM_E_NO_MEMORY, "not enough memory to copy a file");
  if (slice <= 0 || slice > left) slice = left;
  while (status == GIM_OK && slice > 0) {
    size_t got, n = slice < (int64_t)COPY_BYTES ? (size_t)slice : COPY_BYTES;
    if (!gim_file_takes(sink->copy, n)) break;
    status = gim_sink_read(sink, sink->copied, block, n, &got, err);
    if (status == GIM_OK) status = gim_file_write(sink->copy, block, got, err);
    if (status != GIM_OK) break;
    sink->copied += (int64_t)got;
    slice -= (int64_t)got;
  }
  free(block);
  if (status == GIM_OK && sink->copied < gim_sink_size(sink))
    return gim_fail(err, GIM_E_TIMEOUT, "the picture is still being copied");
  return status;
}

void gim_sink_quote(gim_sink *sink, gim_str secret, char to[GIM_SINK_QUOTE]) {
  char first[GIM_SINK_QUOTE];
  size_t got = 0;
  if (gim_sink_read(sink, 0, first, sizeof(first), &got, NULL) != GIM_OK)
    got = 0;
  gim_copy_text(to, GIM_SINK_QUOTE, (gim_str){first, got});
  gim_redact_secret(to, secret);
}

gim_status gim_sink_commit(gim_sink *sink, const char *folder,
                           const char *name, gim_overwrite overwrite,
                           int64_t slice, char *path, size_t size,
                           gim_err *err) {
  gim_status status = GIM_OK;
  if (sink->dead.status != GIM_OK) {
    if (err != NULL) *err = sink->dead;
    return sink->dead.status;
  }
  /* One in which a write failed gets no name; but there may be room again for
     another, in the same folder too. */
  if (sink->at == PLACE_FOLDER && !gim_file_is_committed(sink->file) &&
      !gim_file_has_failed(sink->file) && strcmp(folder, sink->folder) == 0 &&
      gim_file_is_in_place(sink->file)) {
    status = gim_file_commit(sink->file, name, overwrite, path, size, err);
    /* Another name may have been asked for before, and taken meanwhile. */
    if (status == GIM_OK || !gim_file_is_committed(sink->file)) return status;
  }
  if (sink->copy == NULL || strcmp(folder, sink->copy_folder) != 0)
    status = start_copy(sink, folder, err);
  if (status == GIM_OK) status = copy_slice(sink, slice, err);
  if (status == GIM_E_TIMEOUT) return status;
  if (status == GIM_OK)
    status = gim_file_commit(sink->copy, name, overwrite, path, size, err);
  if (status != GIM_E_TIMEOUT) drop_copy(sink);
  return status;
}
