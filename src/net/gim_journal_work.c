/* SPDX-License-Identifier: MIT */
/* The journal's thread: everything here may wait for the disk. */
#include "gim_journal_private.h"

#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <time.h>
#include <unistd.h>

#define GATHER (1024u * 1024) /* lines of a batch written together */
#define RETRY_S 1             /* a disk that was full is tried again so soon */

int gim_journal_write_all(int fd, const char *p, size_t n) {
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

int gim_journal_sync(int fd) {
  int result;
  do result = fdatasync(fd);
  while (result != 0 && errno == EINTR);
  return result == 0 ? 0 : errno;
}

int gim_journal_sync_folder(const char *path) {
  const char *slash = strrchr(path, '/');
  char *folder = slash == NULL ? gim_str_copy(GIM_STR("."))
                 : slash == path
                     ? gim_str_copy(GIM_STR("/"))
                     : gim_str_copy((gim_str){path, (size_t)(slash - path)});
  int fd, error = 0;
  if (folder == NULL) return ENOMEM;
  fd = open(folder, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
  if (fd < 0) error = errno;
  free(folder);
  if (fd < 0) return error;
  /* EINVAL: this file system has nothing to sync there. */
  if (fsync(fd) != 0 && errno != EINVAL) error = errno;
  close(fd);
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
static int write_batch(const gim_journal *j, const gim_journal_line *first,
                       bool *lost) {
  off_t before = 0;
  int error = still_there(j, &before);
  *lost = error != 0;
  if (error != 0) return error;
  error = write_lines(j, first);
  if (error == 0) error = gim_journal_sync(j->fd);
  if (error != 0) *lost = ftruncate(j->fd, before) != 0;
  return error;
}

/* The file that a line speaks of. 0 also when somebody has taken it over. */
static int sync_file(const char *path) {
  int error = 0, fd = open(path, O_RDONLY | O_NONBLOCK | O_CLOEXEC);
  if (fd < 0) return errno == ENOENT || errno == ENOTDIR ? 0 : errno;
  if (fsync(fd) != 0 && errno != EINVAL) error = errno;
  close(fd);
  return error != 0 ? error : gim_journal_sync_folder(path);
}

static void announce(const gim_journal *j) {
  const uint64_t one = 1;
  /* A full counter is as readable as one can be. */
  while (write(j->event, &one, sizeof(one)) < 0 && errno == EINTR) {
  }
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
  bool lost;
  int error;
  j->ready.first = j->ready.last = NULL;
  pthread_mutex_unlock(&j->lock);
  for (const gim_journal_line *line = batch.first; line != NULL;
       line = line->next)
    bytes += line->n;
  error = write_batch(j, batch.first, &lost);
  if (error == 0) finish_batch(&batch);
  pthread_mutex_lock(&j->lock);
  j->tried = upto;
  if (error == 0) {
    j->durable = upto;
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
  announce(j);
}

/* Likewise: one file, so that lines which somebody waits for come between. */
static void settle_one(gim_journal *j) {
  gim_journal_line *line = j->filed.first;
  int error;
  j->filed.first = line->next;
  if (j->filed.first == NULL) j->filed.last = NULL;
  line->next = NULL;
  pthread_mutex_unlock(&j->lock);
  error = sync_file(line->file);
  pthread_mutex_lock(&j->lock);
  if (error != 0) {
    gim_journal_queue one = {line, line};
    j->pending_bytes -= line->n;
    gim_journal_drop(&one);
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
