/* SPDX-License-Identifier: MIT */
#include "gim_journal_private.h"

#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <sys/file.h>
#include <sys/stat.h>
#include <unistd.h>

/* A file that is replaced each time we have opened it: somebody plays. */
#define OPEN_TRIES 16

gim_status gim_journal_fail(gim_err *err, const char *what, const char *path,
                            int number) {
  return gim_fail(err, GIM_E_IO, "The journal \"%.160s\" %s: %s.", path, what,
                  strerror(number));
}

/* Locks for this open file, so for one client in one process. */
static gim_status lock_file(int fd, const char *path, gim_err *err) {
  if (flock(fd, LOCK_EX | LOCK_NB) == 0) return GIM_OK;
  if (errno == EWOULDBLOCK)
    return gim_fail(err, GIM_E_IO,
                    "The journal \"%.160s\" is in use by another client or "
                    "process: each needs one of its own.",
                    path);
  return gim_journal_fail(err, "cannot be locked", path, errno);
}

/* Did somebody compact it between our opening and our locking? */
static bool is_named(int fd, const char *path) {
  struct stat named, open;
  return fstat(fd, &open) == 0 && stat(path, &named) == 0 &&
         named.st_ino == open.st_ino && named.st_dev == open.st_dev;
}

static gim_status open_file(gim_journal *j, const char *path, gim_err *err) {
  struct stat file;
  for (int i = 0; i < OPEN_TRIES; i++) {
    gim_status status;
    /* A pipe that took its name must not hang us. */
    j->fd = open(
        path, O_RDWR | O_APPEND | O_CREAT | O_CLOEXEC | O_NOCTTY | O_NONBLOCK,
        0600);
    if (j->fd < 0)
      return gim_journal_fail(err, "cannot be opened", path, errno);
    if (fstat(j->fd, &file) != 0 || !S_ISREG(file.st_mode))
      return gim_fail(err, GIM_E_IO, "The journal \"%.160s\" is no file.",
                      path);
    status = lock_file(j->fd, path, err);
    if (status != GIM_OK) return status;
    if (is_named(j->fd, path)) return GIM_OK;
    close(j->fd);
    j->fd = -1;
  }
  return gim_journal_fail(err, "cannot be opened", path, ESTALE);
}

/* The program may change its folder; links may come to lead elsewhere. */
static gim_status take_path(gim_journal *j, const char *path, gim_err *err) {
  char *real = realpath(path, NULL);
  size_t n;
  if (real == NULL)
    return errno == ENOMEM
               ? gim_fail(err, GIM_E_NO_MEMORY, "No memory for the journal.")
               : gim_journal_fail(err, "cannot be found", path, errno);
  j->path = gim_str_copy(gim_str_of(real));
  free(real);
  if (j->path == NULL)
    return gim_fail(err, GIM_E_NO_MEMORY, "No memory for the journal.");
  n = strlen(j->path);
  j->pictures = malloc(n + sizeof(".d"));
  if (j->pictures == NULL)
    return gim_fail(err, GIM_E_NO_MEMORY, "No memory for the journal.");
  memcpy(j->pictures, j->path, n);
  memcpy(j->pictures + n, ".d", sizeof(".d"));
  return GIM_OK;
}

/* What a crash cut in mid-line must not swallow the next line; and what is
   read is to stay. */
static gim_status settle_past(const gim_journal *j, gim_err *err) {
  struct stat file;
  char last = '\n';
  int error;
  if (fstat(j->fd, &file) != 0)
    return gim_journal_fail(err, "cannot be read", j->path, errno);
  if (file.st_size > 0 && pread(j->fd, &last, 1, file.st_size - 1) != 1)
    return gim_journal_fail(err, "cannot be read", j->path, errno);
  error = last == '\n' ? 0 : gim_journal_write_all(j->fd, "\n", 1);
  if (error == 0) error = gim_journal_sync(j->fd);
  if (error == 0) return GIM_OK;
  return gim_journal_fail(err, "cannot be written", j->path, error);
}

static gim_status start_thread(gim_journal *j, gim_err *err) {
  int error = gim_thread_start(&j->thread, gim_journal_work, j);
  j->running = error == 0;
  if (error == 0) return GIM_OK;
  return gim_fail(err, GIM_E_NO_MEMORY, "The journal has no thread: %s.",
                  strerror(error));
}

static gim_status init_lock(gim_journal *j, gim_err *err) {
  pthread_condattr_t monotonic;
  int error = pthread_condattr_init(&monotonic);
  if (error == 0) {
    error = pthread_condattr_setclock(&monotonic, CLOCK_MONOTONIC);
    if (error == 0) error = pthread_cond_init(&j->wake, &monotonic);
    pthread_condattr_destroy(&monotonic);
  }
  if (error == 0) {
    error = pthread_mutex_init(&j->lock, NULL);
    if (error != 0) pthread_cond_destroy(&j->wake);
  }
  if (error == 0) return GIM_OK;
  return gim_fail(err, GIM_E_NO_MEMORY, "The journal has no lock: %s.",
                  strerror(error));
}

gim_status gim_journal_open(gim_journal **journal, const char *path,
                            gim_err *err) {
  gim_status status;
  gim_journal *j = calloc(1, sizeof(*j));
  if (j == NULL)
    return gim_fail(err, GIM_E_NO_MEMORY, "No memory for the journal.");
  status = init_lock(j, err);
  if (status != GIM_OK) {
    free(j);
    return status;
  }
  j->owner = getpid();
  j->fd = j->bell[0] = j->bell[1] = -1;
  j->unnamed = true;
  status = open_file(j, path, err);
  if (status == GIM_OK) status = take_path(j, path, err);
  if (status == GIM_OK) status = settle_past(j, err);
  if (status == GIM_OK) {
    if (!gim_bell_open(j->bell))
      status = gim_journal_fail(err, "has no descriptor", path, errno);
  }
  if (status == GIM_OK) status = start_thread(j, err);
  if (status != GIM_OK) {
    gim_journal_close(j);
    return status;
  }
  *journal = j;
  return GIM_OK;
}

const char *gim_journal_path(const gim_journal *journal) {
  return journal->path;
}

const char *gim_journal_pictures(const gim_journal *journal) {
  return journal->pictures;
}

int gim_journal_fd(const gim_journal *journal) {
  return journal->bell[0];
}

void gim_journal_acknowledge(gim_journal *journal) {
  gim_bell_quiet(journal->bell);
}

/* -------- appending -------- */

static void free_line(gim_journal_line *line) {
  free(line->file);
  free(line->spare);
  free(line);
}

void gim_journal_drop(gim_journal_queue *queue) {
  while (queue->first != NULL) {
    gim_journal_line *line = queue->first;
    queue->first = line->next;
    free_line(line);
  }
  queue->last = NULL;
}

static gim_journal_line *new_line(gim_str text) {
  gim_journal_line *line = malloc(sizeof(*line) + text.n + 1);
  if (line == NULL) return NULL;
  memset(line, 0, sizeof(*line));
  memcpy(line->text, text.p, text.n);
  line->text[text.n] = '\n';
  line->n = text.n + 1;
  return line;
}

/* The thread opens it later, when the program's folder may be another. */
static char *absolute(const char *path) {
  char *here, *whole;
  size_t n, m = strlen(path);
  if (path[0] == '/') return gim_str_copy((gim_str){path, m});
  here = getcwd(NULL, 0);
  if (here == NULL) return NULL;
  n = strlen(here);
  whole = malloc(n + m + 2);
  if (whole != NULL) {
    memcpy(whole, here, n);
    whole[n] = '/';
    memcpy(whole + n + 1, path, m + 1);
  }
  free(here);
  return whole;
}

/* MOVES the line to one of the two queues. */
static bool enqueue(gim_journal *j, gim_journal_queue *queue,
                    gim_journal_line *line) {
  bool taken;
  pthread_mutex_lock(&j->lock);
  taken = !j->lost && line->n <= GIM_LIMIT_JOURNAL_PENDING - j->pending_bytes;
  if (taken) {
    if (queue == &j->ready) line->ticket = ++j->appended;
    if (queue->last == NULL)
      queue->first = line;
    else
      queue->last->next = line;
    queue->last = line;
    j->pending_bytes += line->n;
    j->again = true;
    pthread_cond_signal(&j->wake);
  }
  pthread_mutex_unlock(&j->lock);
  if (!taken) free_line(line);
  return taken;
}

gim_ticket gim_journal_append(gim_journal *journal, gim_str text) {
  gim_journal_line *line = new_line(text);
  if (line == NULL || !enqueue(journal, &journal->ready, line)) return 0;
  return journal->appended; /* only this thread raises it */
}

bool gim_journal_append_filed(gim_journal *journal, gim_str text,
                              const char *file, const char *spare) {
  gim_journal_line *line = new_line(text);
  if (line == NULL) return false;
  if (file != NULL) line->file = absolute(file);
  if (spare != NULL) line->spare = absolute(spare);
  if ((file != NULL && line->file == NULL) ||
      (spare != NULL && line->spare == NULL)) {
    free_line(line);
    return false;
  }
  return enqueue(journal, &journal->filed, line);
}

gim_journal_state gim_journal_ask(gim_journal *j, gim_ticket ticket,
                                  gim_err *err) {
  gim_journal_state state = GIM_JOURNAL_PENDING;
  pthread_mutex_lock(&j->lock);
  if (ticket <= j->durable)
    state = GIM_JOURNAL_DURABLE;
  else if (j->failure.status != GIM_OK && ticket <= j->tried)
    state = GIM_JOURNAL_FAILED;
  if (state == GIM_JOURNAL_FAILED && err != NULL) *err = j->failure;
  pthread_mutex_unlock(&j->lock);
  return state;
}

gim_status gim_journal_failure(gim_journal *j, gim_err *err) {
  gim_status status;
  pthread_mutex_lock(&j->lock);
  status = j->failure.status;
  if (status != GIM_OK && err != NULL) *err = j->failure;
  pthread_mutex_unlock(&j->lock);
  return status;
}

size_t gim_journal_dropped(gim_journal *j, gim_err *err) {
  size_t dropped;
  pthread_mutex_lock(&j->lock);
  dropped = j->dropped;
  if (dropped > 0 && err != NULL) *err = j->why_dropped;
  pthread_mutex_unlock(&j->lock);
  return dropped;
}

void gim_journal_finish(gim_journal *j) {
  if (j->owner != getpid() || !j->running) return;
  pthread_mutex_lock(&j->lock);
  j->stop = j->again = true;
  pthread_cond_signal(&j->wake);
  pthread_mutex_unlock(&j->lock);
  pthread_join(j->thread, NULL);
  j->running = false;
}

void gim_journal_close(gim_journal *j) {
  /* The thread is the parent's, and so is what it was about to write. */
  if (j == NULL || j->owner != getpid()) return;
  gim_journal_finish(j);
  gim_journal_drop(&j->ready);
  gim_journal_drop(&j->filed);
  if (j->fd >= 0) close(j->fd);
  gim_bell_close(j->bell);
  pthread_cond_destroy(&j->wake);
  pthread_mutex_destroy(&j->lock);
  free(j->path);
  free(j->pictures);
  free(j);
}
