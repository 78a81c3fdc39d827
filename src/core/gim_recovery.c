/* SPDX-License-Identifier: MIT */
#include "gim_recovery.h"

#include <stdlib.h>
#include <string.h>

/* Slots are named by their number + 1; 0 names none. */
#define NONE 0u
#define SLOTS_MAX ((size_t)UINT32_MAX / 2)

/* A line that is kept: an open request's, or one that is none of ours. */
struct gim_kept {
  gim_range range;
  uint32_t next; /* of the same request; or of the free slots */
  bool used;
};

void gim_recovery_init(gim_recovery *r) {
  memset(r, 0, sizeof(*r));
}

void gim_recovery_free(gim_recovery *r) {
  free(r->list);
  free(r->buckets);
  free(r->lines);
  gim_recovery_init(r);
}

/* FNV-1a. */
static size_t hash(const char *key) {
  uint64_t h = 14695981039346656037u;
  for (; *key != '\0'; key++) h = (h ^ (unsigned char)*key) * 1099511628211u;
  return (size_t)(h ^ h >> 32);
}

/* Room for one item more in a growing array of slots. */
static void *grow(void *items, size_t size, size_t n, size_t *capacity) {
  size_t more = *capacity == 0 ? 64 : *capacity * 2;
  void *bigger;
  if (n < *capacity) return items;
  if (more > SLOTS_MAX) return NULL;
  bigger = realloc(items, more * size);
  if (bigger != NULL) *capacity = more;
  return bigger;
}

/* -------- lines -------- */

static uint32_t new_line(gim_recovery *r, gim_range range) {
  struct gim_kept *lines;
  uint32_t number = r->free_line;
  if (number != NONE)
    r->free_line = r->lines[number - 1].next;
  else {
    lines = grow(r->lines, sizeof(*lines), r->lines_n, &r->lines_capacity);
    if (lines == NULL) return NONE;
    r->lines = lines;
    number = (uint32_t)++r->lines_n;
  }
  r->lines[number - 1] = (struct gim_kept){range, NONE, true};
  r->kept_bytes += range.n;
  return number;
}

static void drop_lines(gim_recovery *r, uint32_t number) {
  while (number != NONE) {
    struct gim_kept *line = &r->lines[number - 1];
    uint32_t next = line->next;
    r->kept_bytes -= line->range.n;
    line->used = false;
    line->next = r->free_line;
    r->free_line = number;
    number = next;
  }
}

/* -------- requests -------- */

static gim_open *find(const gim_recovery *r, const char *key) {
  uint32_t number;
  if (r->bucket_count == 0) return NULL;
  number = r->buckets[hash(key) & (r->bucket_count - 1)];
  while (number != NONE && strcmp(r->list[number - 1].key, key) != 0)
    number = r->list[number - 1].next;
  return number == NONE ? NULL : &r->list[number - 1];
}

static void link_open(gim_recovery *r, uint32_t number) {
  gim_open *open = &r->list[number - 1];
  uint32_t *bucket = &r->buckets[hash(open->key) & (r->bucket_count - 1)];
  open->next = *bucket;
  *bucket = number;
}

/* Twice the buckets once there are as many requests as buckets. */
static bool has_buckets(gim_recovery *r) {
  size_t count = r->bucket_count == 0 ? 64 : r->bucket_count * 2;
  uint32_t *buckets;
  if (r->count < r->bucket_count) return true;
  buckets = calloc(count, sizeof(*buckets));
  if (buckets == NULL) return r->bucket_count > 0;
  free(r->buckets);
  r->buckets = buckets;
  r->bucket_count = count;
  for (size_t i = 0; i < r->list_n; i++)
    if (r->list[i].key[0] != '\0') link_open(r, (uint32_t)i + 1);
  return true;
}

static gim_open *new_open(gim_recovery *r, const char *key) {
  gim_open *list;
  uint32_t number = r->free_open;
  if (!has_buckets(r)) return NULL;
  if (number != NONE)
    r->free_open = r->list[number - 1].next;
  else {
    list = grow(r->list, sizeof(*list), r->list_n, &r->list_capacity);
    if (list == NULL) return NULL;
    r->list = list;
    number = (uint32_t)++r->list_n;
  }
  memset(&r->list[number - 1], 0, sizeof(*r->list));
  memcpy(r->list[number - 1].key, key, strlen(key) + 1);
  link_open(r, number);
  r->count++;
  return &r->list[number - 1];
}

static void drop_open(gim_recovery *r, gim_open *open) {
  uint32_t number = (uint32_t)(open - r->list) + 1;
  uint32_t *at = &r->buckets[hash(open->key) & (r->bucket_count - 1)];
  while (*at != number) at = &r->list[*at - 1].next;
  *at = open->next;
  drop_lines(r, open->first_line);
  open->key[0] = '\0';
  open->next = r->free_open;
  r->free_open = number;
  r->count--;
  r->finished++;
}

/* -------- what lines say -------- */

static void note_saved(gim_open *open, int index) {
  if (index >= 0 && index < GIM_LIMIT_IMAGES)
    open->saved[index / 64] |= (uint64_t)1 << (index % 64);
}

bool gim_recovery_is_saved(const gim_open *open, int index) {
  return index >= 0 && index < GIM_LIMIT_IMAGES &&
         (open->saved[index / 64] >> (index % 64) & 1) != 0;
}

/* Takes the line in; true: the request is over. */
static bool learn(gim_open *open, const gim_recorded *recorded) {
  switch (recorded->event) {
  case GIM_EVENT_ACCEPTED:
    if (open->state == GIM_OPEN_INTENT) open->state = GIM_OPEN_ACCEPTED;
    break;
  case GIM_EVENT_DONE:
    open->state = GIM_OPEN_DONE;
    open->images = gim_record_image_count(recorded);
    break;
  case GIM_EVENT_SAVED: {
    int64_t index = gim_record_number(recorded, "index", 0);
    if (index >= 1 && index <= GIM_LIMIT_IMAGES)
      note_saved(open, (int)index - 1);
    break;
  }
  case GIM_EVENT_FAILED:
    if (gim_record_is(recorded, "billed", "no")) return true;
    if (open->state != GIM_OPEN_DONE) open->state = GIM_OPEN_FAILED;
    break;
  case GIM_EVENT_CLOSED: return true;
  default: break;
  }
  if (open->state != GIM_OPEN_DONE) return false;
  for (int i = 0; i < open->images; i++)
    if (!gim_recovery_is_saved(open, i)) return false;
  return true;
}

static gim_status keep_foreign(gim_recovery *r, gim_range range) {
  return new_line(r, range) == NONE ? GIM_E_NO_MEMORY : GIM_OK;
}

gim_status gim_recovery_line(gim_recovery *r, gim_str line, gim_range range) {
  gim_recorded recorded;
  gim_open *open;
  uint32_t number;
  gim_record_read(line, &recorded);
  if (recorded.event == GIM_EVENT_UNKNOWN) return keep_foreign(r, range);
  open = find(r, recorded.key);
  if (open == NULL) {
    /* What follows the end of a request tells nothing any more. */
    if (recorded.event != GIM_EVENT_INTENT) return GIM_OK;
    open = new_open(r, recorded.key);
    if (open == NULL) return GIM_E_NO_MEMORY;
  }
  number = new_line(r, range);
  if (number == NONE) return GIM_E_NO_MEMORY;
  if (open->last_line == NONE)
    open->first_line = number;
  else
    r->lines[open->last_line - 1].next = number;
  open->last_line = number;
  if (learn(open, &recorded)) drop_open(r, open);
  return GIM_OK;
}

void gim_recovery_report(gim_recovery *r, const gim_open *open) {
  r->list[open - r->list].reported = true;
}

void gim_recovery_forget(gim_recovery *r, const gim_open *open) {
  drop_open(r, &r->list[open - r->list]);
  r->finished--; /* it is not over */
}

const gim_open *gim_recovery_find(const gim_recovery *r, const char *key) {
  return find(r, key);
}

const gim_open *gim_recovery_next(const gim_recovery *r,
                                  const gim_open *from) {
  size_t i = from == NULL ? 0 : (size_t)(from - r->list) + 1;
  while (i < r->list_n && r->list[i].key[0] == '\0') i++;
  return i < r->list_n ? &r->list[i] : NULL;
}

bool gim_recovery_next_line(const gim_recovery *r, const gim_open *open,
                            uint32_t *at, gim_range *range) {
  *at = *at == 0 ? open->first_line : r->lines[*at - 1].next;
  if (*at == NONE) return false;
  *range = r->lines[*at - 1].range;
  return true;
}

static int by_offset(const void *a, const void *b) {
  const gim_range *x = a, *y = b;
  return x->offset < y->offset ? -1 : x->offset > y->offset;
}

gim_status gim_recovery_ranges(const gim_recovery *r, gim_range **ranges,
                               size_t *count) {
  size_t n = 0;
  *ranges = NULL;
  *count = 0;
  for (size_t i = 0; i < r->lines_n; i++)
    if (r->lines[i].used) n++;
  if (n == 0) return GIM_OK;
  *ranges = malloc(n * sizeof(**ranges));
  if (*ranges == NULL) return GIM_E_NO_MEMORY;
  for (size_t i = 0; i < r->lines_n; i++)
    if (r->lines[i].used) (*ranges)[(*count)++] = r->lines[i].range;
  qsort(*ranges, n, sizeof(**ranges), by_offset);
  return GIM_OK;
}
