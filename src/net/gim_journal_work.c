/* SPDX-License-Identifier: MIT */
/* The journal's thread: everything here may wait for the disk. */
#include "gim_journal_private.h"

#include "gim_file_limit.h"
#include "gim_system.h"

#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <time.h>
#include <unistd.h>

#define GATHER (1024u * 1024) /* lines of a batch written together */
#define RETRY_S 1             /* a disk that was full is tried again so soon */
#define SETTLED_S 2 /* longer than any clock of files takes to tick */

static int write_pieces(int fd, const char *p, size_t n) {
  while (n > 0) {
    ssize_t done = write(fd, p, n);
    if (done < 0 && errno == EINTR) continue;
    if (done < 0) return errno;
    if (done == 0) return ENOSPC;
    p += done;
    n -= (size_t)done;
  }
  return 0;
}

/* Not by the journal's thread alone: whoever opens it writes, too. */
int gim_journal_write_all(int fd, const char *p, size_t n) {
  gim_file_limit limit;
  int error;
  gim_file_limit_hold(&limit);
  error = write_pieces(fd, p, n);
  gim_file_limit_release(&limit);
  return error;
}

int gim_journal_sync(int fd) {
  int result;
  do result = fdatasync(fd);
  while (result != 0 && errno == EINTR);
  return result == 0 ? 0 : errno;
}

/* Of an open folder. EINVAL: this file system has nothing to sync there. */
static int sync_open_folder(int fd) {
  return fsync(fd) == 0 || errno == EINVAL ? 0 : errno;
}

int gim_journal_sync_folder(const char *path) {
  int error, fd = open(path, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
  if (fd < 0) return errno == ENOENT ? 0 : errno;
  error = sync_open_folder(fd);
  close(fd);
  return error;
}

/* Was this very folder fsynced, and nothing in it changed since? */
static bool is_synced(const gim_journal *j, const struct stat *folder) {
  for (size_t i = 0; i < GIM_JOURNAL_FOLDERS; i++) {
    const gim_journal_folder *known = &j->folders[i];
    if (known->changed.tv_sec != 0 && known->device == folder->st_dev &&
        known->number == folder->st_ino &&
        known->changed.tv_sec == folder->st_ctim.tv_sec &&
        known->changed.tv_nsec == folder->st_ctim.tv_nsec)
      return true;
  }
  return false;
}

/* One that changed just now may change again without another time. */
static void note_synced(gim_journal *j, const struct stat *folder) {
  if (folder->st_ctim.tv_sec + SETTLED_S > time(NULL)) return;
  j->folders[j->next_folder++ % GIM_JOURNAL_FOLDERS] =
      (gim_journal_folder){folder->st_dev, folder->st_ino, folder->st_ctim};
}

/* `at` is open to be searched alone; `first`: a name was put in it. */
static int sync_one_folder(gim_journal *j, int at, const struct stat *folder,
                           bool first) {
  int fd, error;
  if (!first && is_synced(j, folder)) return 0;
  fd = openat(at, ".", O_RDONLY | O_DIRECTORY | O_CLOEXEC);
  if (fd < 0) return !first && errno == EACCES ? 0 : errno;
  error = sync_open_folder(fd);
  close(fd);
  if (error == 0) note_synced(j, folder);
  return error;
}

int gim_journal_sync_name(gim_journal *j, const char *path) {
  struct stat folder, below;
  const char *slash = strrchr(path, '/');
  char *name = gim_str_copy((gim_str){path, (size_t)(slash - path) + 1});
  int error = 0, at, up;
  if (name == NULL) return ENOMEM;
  at = open(name, GIM_O_SEARCH | O_DIRECTORY | O_CLOEXEC);
  if (at < 0) error = errno;
  free(name);
  for (int depth = 0; at >= 0; depth++, at = up) {
    up = -1;
    if (fstat(at, &folder) != 0) error = errno;
    /* What something is mounted on is older than that; "/.." is "/". */
    else if (depth == 0 || (folder.st_dev == below.st_dev &&
                            folder.st_ino != below.st_ino)) {
      error = sync_one_folder(j, at, &folder, depth == 0);
      if (error == 0)
        up = openat(at, "..", GIM_O_SEARCH | O_DIRECTORY | O_CLOEXEC);
    }
    below = folder;
    close(at);
  }
  return error;
}

/* A journal that was moved or removed would be written in vain. */
static int still_there(const gim_journal *j, off_t *size) {
  struct stat named, open;
  if (fstat(j->fd, &open) != 0) return errno;
  if (stat(j->path, &named) != 0) return errno;
  if (named.st_ino != open.st_ino || named.st_dev != open.st_dev)
    return ESTALE;
  *size = open.st_size;
  return 0;
}

/* Writes the lines, a megabyte at a time. */
static int write_lines(const gim_journal *j, const gim_journal_line *line) {
  int error = 0;
  size_t n = 0;
  char *gather = malloc(GATHER);
  if (gather == NULL) return ENOMEM;
  for (; error == 0 && line != NULL; line = line->next) {
    if (line->n > GATHER - n) {
      error = gim_journal_write_all(j->fd, gather, n);
      n = 0;
    }
    if (error == 0 && line->n > GATHER) {
      error = gim_journal_write_all(j->fd, line->text, line->n);
      continue;
    }
    memcpy(gather + n, line->text, line->n);
    n += line->n;
  }
  if (error == 0) error = gim_journal_write_all(j->fd, gather, n);
  free(gather);
  return error;
}

/*
** All lines on the disk, or none of them in the file. An fsync that failed is
** not asked again, which would prove nothing: the lines are cut off and
** written anew. `*lost`: the file is not ours any more, or stays torn.
*/
static int write_batch(gim_journal *j, const gim_journal_line *first,
                       bool unnamed, bool *lost) {
  off_t before = 0;
  int error = still_there(j, &before);
  *lost = error != 0;
  if (error != 0) return error;
  if (unnamed) error = gim_journal_sync_name(j, j->path);
  /* Who may not read the folder cannot fsync it: that is how it was set up. */
  if (error != 0 && error != EACCES) return error;
  error = write_lines(j, first);
  if (error == 0) error = gim_journal_sync(j->fd);
  if (error != 0) *lost = ftruncate(j->fd, before) != 0;
  return error;
}

/* The file that a line speaks of. 0 also when somebody has taken it over. */
static int sync_file(gim_journal *j, const char *path) {
  int error = 0, fd = open(path, O_RDONLY | O_NONBLOCK | O_CLOEXEC);
  if (fd < 0) return errno == ENOENT || errno == ENOTDIR ? 0 : errno;
  if (fsync(fd) != 0 && errno != EINVAL) error = errno;
  close(fd);
  return error != 0 ? error : gim_journal_sync_name(j, path);
}

/* The lines are on the disk: what they make needless goes. */
static void finish_batch(gim_journal_queue *batch) {
  for (const gim_journal_line *line = batch->first; line != NULL;
       line = line->next)
    if (line->spare != NULL) (void)unlink(line->spare);
  gim_journal_drop(batch);
}

/* With the lock held at both ends: writes what is ready. */
static void write_ready(gim_journal *j) {
  gim_journal_queue batch = j->ready;
  gim_ticket upto = j->appended;
  size_t bytes = 0;
  bool lost, unnamed = j->unnamed;
  int error;
  j->ready.first = j->ready.last = NULL;
  pthread_mutex_unlock(&j->lock);
  for (const gim_journal_line *line = batch.first; line != NULL;
       line = line->next)
    bytes += line->n;
  error = write_batch(j, batch.first, unnamed, &lost);
  if (error == 0) finish_batch(&batch);
  pthread_mutex_lock(&j->lock);
  j->tried = upto;
  if (error == 0) {
    j->durable = upto;
    j->unnamed = false;
    j->pending_bytes -= bytes;
    j->failure.status = GIM_OK;
  }
  else {
    /* In front of what came meanwhile. */
    batch.last->next = j->ready.first;
    if (j->ready.last == NULL) j->ready.last = batch.last;
    j->ready.first = batch.first;
    j->again = j->ready.last != batch.last;
    j->lost = lost;
    (void)gim_journal_fail(&j->failure,
                           error == ESTALE || error == ENOENT
                               ? "is not where it was"
                               : "cannot be written",
                           j->path, error);
  }
  gim_bell_ring(j->bell);
}

/* Likewise: one file, so that lines which somebody waits for come between. */
static void settle_one(gim_journal *j) {
  gim_journal_line *line = j->filed.first;
  int error = 0;
  j->filed.first = line->next;
  if (j->filed.first == NULL) j->filed.last = NULL;
  line->next = NULL;
  pthread_mutex_unlock(&j->lock);
  if (line->file != NULL) error = sync_file(j, line->file);
  pthread_mutex_lock(&j->lock);
  if (error != 0) {
    gim_journal_queue one = {line, line};
    j->dropped++;
    (void)gim_fail(&j->why_dropped, GIM_E_IO,
                   "The disk does not keep \"%.160s\", of which the journal "
                   "now says nothing: %s (%zu such so far).",
                   line->file, strerror(error), j->dropped);
    j->pending_bytes -= line->n;
    gim_journal_drop(&one);
    gim_bell_ring(j->bell);
    return;
  }
  if (j->ready.last == NULL)
    j->ready.first = line;
  else
    j->ready.last->next = line;
  j->ready.last = line;
  j->again = true;
}

static bool may_write(const gim_journal *j) {
  return j->ready.first != NULL && j->again;
}

static void wait_for_work(gim_journal *j) {
  struct timespec until;
  if (j->ready.first == NULL) {
    pthread_cond_wait(&j->wake, &j->lock);
    return;
  }
  (void)clock_gettime(CLOCK_MONOTONIC, &until);
  until.tv_sec += RETRY_S;
  if (pthread_cond_timedwait(&j->wake, &j->lock, &until) == ETIMEDOUT)
    j->again = true;
}

void *gim_journal_work(void *ud) {
  gim_journal *j = ud;
  pthread_mutex_lock(&j->lock);
  while (!j->lost) {
    if (may_write(j)) {
      j->again = false;
      write_ready(j);
    }
    else if (j->filed.first != NULL)
      settle_one(j);
    else if (j->stop)
      break;
    else
      wait_for_work(j);
  }
  j->tried = j->appended;
  pthread_mutex_unlock(&j->lock);
  return NULL;
}
