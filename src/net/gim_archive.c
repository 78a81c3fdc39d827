/* SPDX-License-Identifier: MIT */
#include "gim_archive.h"

#include "gim_file.h"
#include "gim_record.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

/* Compacting is worth a new file when so many bytes go, and half of all. */
#define COMPACT_BYTES (1024 * 1024)

/* -------- the past -------- */

typedef struct reading {
  gim_recovery *past;
  int64_t size; /* of the file, as far as it was read */
} reading;

static gim_status read_line(void *ud, gim_str line, gim_range range) {
  reading *r = ud;
  r->size = range.offset + range.n;
  return gim_recovery_line(r->past, line, range);
}

static gim_status read_past(gim_archive *a, int64_t *size, gim_err *err) {
  reading r = {&a->past, 0};
  gim_status status;
  gim_recovery_free(&a->past);
  status = gim_journal_read(a->journal, read_line, &r, err);
  *size = r.size;
  return status;
}

/* -------- left-overs -------- */

static bool ends_with(const char *name, const char *ending) {
  size_t n = strlen(name), m = strlen(ending);
  return n >= m && memcmp(name + n - m, ending, m) == 0;
}

/* A picture of a request that is not open. */
typedef struct leftover {
  struct leftover *next;
  bool over; /* the journal has lines of the request, so it was and is over */
  char key[GIM_RECORD_KEY_SIZE];
  char name[]; /* in the folder */
} leftover;

/* The key before the last dash; false: it is none. */
static bool copy_key(const char *name, char key[GIM_RECORD_KEY_SIZE]) {
  const char *dash = strrchr(name, '-');
  size_t n = dash == NULL ? 0 : (size_t)(dash - name);
  if (n == 0 || n >= GIM_RECORD_KEY_SIZE) return false;
  memcpy(key, name, n);
  key[n] = '\0';
  return true;
}

/* Adds the file to the list, unless it is none of ours or still needed. */
static void look_at(const gim_archive *a, const char *name, leftover **list) {
  char key[GIM_RECORD_KEY_SIZE];
  leftover *item;
  if (!ends_with(name, GIM_ARRIVED) || !copy_key(name, key) ||
      gim_recovery_find(&a->past, key) != NULL)
    return;
  item = malloc(sizeof(*item) + strlen(name) + 1);
  if (item == NULL) return; /* the next time will do */
  memcpy(item->key, key, sizeof(key));
  memcpy(item->name, name, strlen(name) + 1);
  item->over = false;
  item->next = *list;
  *list = item;
}

static gim_status read_key(void *ud, gim_str line, gim_range range) {
  gim_recorded recorded;
  (void)range;
  gim_record_read(line, &recorded);
  if (recorded.event == GIM_EVENT_UNKNOWN) return GIM_OK;
  for (leftover *item = ud; item != NULL; item = item->next)
    if (strcmp(item->key, recorded.key) == 0) item->over = true;
  return GIM_OK;
}

/*
** Removes pictures that were cut in mid-air, and those of requests that are
** over. A whole picture of which the journal says nothing stays: it was paid
** for, and a journal may have been removed, or damaged. The lock says that
** nobody else works there.
*/
static void sweep(const gim_archive *a) {
  DIR *folder = opendir(gim_journal_pictures(a->journal));
  struct dirent *entry;
  leftover *list = NULL;
  bool known;
  if (folder == NULL) return;
  while ((entry = readdir(folder)) != NULL) {
    const char *name = entry->d_name;
    if (strncmp(name, ".gptimage-", 10) == 0 && ends_with(name, ".part"))
      (void)unlinkat(dirfd(folder), name, 0);
    else
      look_at(a, name, &list);
  }
  known = list != NULL &&
          gim_journal_read(a->journal, read_key, list, NULL) == GIM_OK;
  while (list != NULL) {
    leftover *item = list;
    list = item->next;
    if (known && item->over) (void)unlinkat(dirfd(folder), item->name, 0);
    free(item);
  }
  closedir(folder);
}

/* -------- compacting -------- */

static gim_status compact(gim_archive *a, gim_err *err) {
  gim_range *ranges;
  size_t count;
  gim_status status = gim_recovery_ranges(&a->past, &ranges, &count);
  if (status != GIM_OK)
    return gim_fail(err, status, "No memory to compact the journal.");
  status = gim_journal_compact(a->journal, ranges, count, err);
  free(ranges);
  return status;
}

static gim_status load_past(gim_archive *a, gim_err *err) {
  int64_t size, gone;
  size_t finished;
  gim_status status = read_past(a, &size, err);
  if (status != GIM_OK) return status;
  sweep(a); /* while there are lines of what is over */
  gone = size - a->past.kept_bytes;
  if (gone < COMPACT_BYTES || gone < size / 2) return GIM_OK;
  /* That it cannot be made smaller is no reason to work without it. */
  if (compact(a, &a->compacting) != GIM_OK) return GIM_OK;
  a->compacting.status = GIM_OK;
  finished = a->past.finished;
  status = read_past(a, &size, err);
  a->past.finished += finished;
  return status;
}

/* -------- who waits -------- */

static size_t count_waiting(const gim_archive *a) {
  size_t n = 0;
  for (const gim_list_item *link = gim_list_first(&a->waiting); link != NULL;
       link = gim_list_after(&a->waiting, link))
    n++;
  return n;
}

/* Once for each time that writing begins to fail, and of files that are not
   kept, the last that is new. */
static void look_for_trouble(gim_archive *a) {
  gim_err err;
  bool troubled = gim_journal_failure(a->journal, &err) != GIM_OK;
  size_t dropped;
  if (troubled && !a->troubled && a->on_trouble != NULL)
    a->on_trouble(a->ud, &err);
  a->troubled = troubled;
  dropped = gim_journal_dropped(a->journal, &err);
  if (dropped > a->dropped && a->on_trouble != NULL)
    a->on_trouble(a->ud, &err);
  a->dropped = dropped;
}

static void on_journal(void *ud) {
  gim_archive *a = ud;
  gim_list_item *link;
  gim_err err;
  gim_journal_acknowledge(a->journal);
  look_for_trouble(a);
  /* Once round: those who still wait go to the end, and some may leave. */
  for (size_t n = count_waiting(a);
       n > 0 && (link = gim_list_shift(&a->waiting)) != NULL; n--) {
    gim_wait_line *wait = GIM_CONTAINER(link, gim_wait_line, link);
    gim_journal_state state = gim_journal_ask(a->journal, wait->ticket, &err);
    if (state == GIM_JOURNAL_PENDING)
      gim_list_append(&a->waiting, link);
    else
      wait->settled(wait, state == GIM_JOURNAL_FAILED ? &err : NULL);
  }
}

bool gim_archive_append(gim_archive *a, gim_str line, gim_wait_line *wait,
                        gim_err *err) {
  wait->ticket = gim_journal_append(a->journal, line);
  if (wait->ticket == 0) {
    if (gim_journal_failure(a->journal, err) == GIM_OK)
      (void)gim_fail(err, GIM_E_NO_MEMORY, "No memory for the journal.");
    return false;
  }
  gim_list_append(&a->waiting, &wait->link);
  return true;
}

void gim_archive_forget(gim_wait_line *wait) {
  gim_list_remove(&wait->link);
}

/* -------- opening and closing -------- */

gim_status gim_archive_open(gim_archive **archive, const char *path,
                            gim_net *net, gim_err *err) {
  gim_status status;
  gim_archive *a = calloc(1, sizeof(*a));
  if (a == NULL)
    return gim_fail(err, GIM_E_NO_MEMORY, "No memory for the journal.");
  a->net = net;
  gim_recovery_init(&a->past);
  status = gim_journal_open(&a->journal, path, err);
  if (status == GIM_OK) status = load_past(a, err);
  if (status == GIM_OK &&
      !gim_net_watch(net, gim_journal_fd(a->journal), on_journal, a))
    status = gim_fail(err, errno == ENOMEM ? GIM_E_NO_MEMORY : GIM_E_IO,
                      "The journal cannot be watched: %s.", strerror(errno));
  if (status != GIM_OK) {
    gim_archive_close(a);
    return status;
  }
  *archive = a;
  return GIM_OK;
}

gim_status gim_archive_try_folder(gim_archive *a, gim_err *err) {
  const char *folder = gim_journal_pictures(a->journal);
  gim_status status;
  if (a->folder_tried) return GIM_OK;
  /* As the journal itself: for its owner's eyes. */
  if (mkdir(folder, 0700) != 0 && errno != EEXIST)
    return gim_fail(err, GIM_E_IO,
                    "The folder for pictures \"%.160s\" cannot be made: %s.",
                    folder, strerror(errno));
  status = gim_file_try_folder(folder, err);
  a->folder_tried = status == GIM_OK;
  return status;
}

char *gim_archive_spare(const gim_archive *a, const char *key, int payload) {
  gim_buffer path;
  char *text = NULL;
  size_t n;
  gim_buffer_init(&path, 2 * GIM_LIMIT_PATH);
  if (gim_buffer_append_format(&path, "%s/%s-%d" GIM_ARRIVED,
                               gim_journal_pictures(a->journal), key,
                               payload) == GIM_OK)
    text = gim_buffer_take(&path, &n);
  gim_buffer_free(&path);
  return text;
}

/* What the user was told, and ended in order after that, is not told again. */
static void close_reported(gim_archive *a) {
  gim_buffer line;
  gim_record record;
  gim_buffer_init(&line, GIM_LIMIT_JOURNAL_LINE);
  memset(&record, 0, sizeof(record));
  record.event = GIM_EVENT_CLOSED;
  record.time_unix_s = gim_net_unix_s();
  for (const gim_open *open = gim_recovery_next(&a->past, NULL); open != NULL;
       open = gim_recovery_next(&a->past, open)) {
    if (!open->reported) continue;
    record.key = gim_str_of(open->key);
    gim_buffer_clear(&line);
    if (gim_record_write(&line, &record) == GIM_OK)
      (void)gim_journal_append(a->journal, gim_buffer_str(&line));
  }
  gim_buffer_free(&line);
}

void gim_archive_close(gim_archive *a) {
  gim_list_item *link;
  if (a == NULL) return;
  while ((link = gim_list_shift(&a->waiting)) != NULL) continue;
  if (a->journal != NULL) {
    char *folder = gim_str_copy(gim_str_of(gim_journal_pictures(a->journal)));
    close_reported(a);
    gim_journal_finish(a->journal);
    a->troubled = false; /* what is not written now never will be */
    look_for_trouble(a);
    gim_journal_close(a->journal);
    /* One that nothing is left in. */
    if (folder != NULL) (void)rmdir(folder);
    free(folder);
  }
  gim_recovery_free(&a->past);
  free(a);
}
