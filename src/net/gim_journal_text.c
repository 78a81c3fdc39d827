/* SPDX-License-Identifier: MIT */
/* What stands in the file: reading and compacting. */
#include "gim_journal_private.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/file.h>
#include <sys/stat.h>
#include <unistd.h>

#define BLOCK ((size_t)256 * 1024)

/* Up to `n` bytes; `*got` is less only at the end of the file. 0 or errno. */
static int read_at(int fd, char *p, size_t n, int64_t offset, size_t *got) {
  *got = 0;
  while (*got < n) {
    ssize_t k = pread(fd, p + *got, n - *got, (off_t)(offset + (int64_t)*got));
    if (k < 0 && errno == EINTR) continue;
    if (k < 0) return errno;
    if (k == 0) break;
    *got += (size_t)k;
  }
  return 0;
}

typedef struct scan {
  gim_journal_reader reader;
  void *ud;
  gim_buffer held; /* the beginning of a line whose end was not read yet */
  int64_t start;   /* where that line lies */
  bool too_long;   /* so much so that its bytes are not held */
} scan;

/* One line is whole: what is held, and `rest`. */
static gim_status give(scan *s, gim_str rest, int64_t end) {
  gim_range range = {s->start, end - s->start};
  gim_str line = rest;
  gim_status status = GIM_OK;
  if (s->held.n > 0 && !s->too_long) {
    status = gim_buffer_append_str(&s->held, rest);
    if (status == GIM_E_TOO_BIG) s->too_long = true;
    line = gim_buffer_str(&s->held);
  }
  if (s->too_long || line.n > GIM_LIMIT_JOURNAL_LINE) {
    line = (gim_str){NULL, 0};
    status = GIM_OK;
  }
  if (status == GIM_OK && (line.p == NULL || line.n > 0))
    status = s->reader(s->ud, line, range);
  gim_buffer_clear(&s->held);
  s->too_long = false;
  s->start = end;
  return status;
}

/* The end of the block is no line's end. */
static gim_status hold(scan *s, gim_str rest) {
  gim_status status = GIM_OK;
  if (rest.n > 0 && !s->too_long)
    status = gim_buffer_append_str(&s->held, rest);
  if (status != GIM_E_TOO_BIG) return status;
  s->too_long = true;
  return GIM_OK;
}

static gim_status scan_block(scan *s, const char *p, size_t n,
                             int64_t offset) {
  const char *at = p, *end = p + n;
  while (at < end) {
    const char *line_end = memchr(at, '\n', (size_t)(end - at));
    gim_status status;
    if (line_end == NULL) return hold(s, (gim_str){at, (size_t)(end - at)});
    status = give(s, (gim_str){at, (size_t)(line_end - at)},
                  offset + (line_end + 1 - p));
    if (status != GIM_OK) return status;
    at = line_end + 1;
  }
  return GIM_OK;
}

gim_status gim_journal_read(gim_journal *j, gim_journal_reader reader,
                            void *ud, gim_err *err) {
  gim_status status = GIM_OK;
  scan s;
  int64_t offset = 0;
  size_t got = 1;
  char *block = malloc(BLOCK);
  memset(&s, 0, sizeof(s));
  s.reader = reader;
  s.ud = ud;
  gim_buffer_init(&s.held, GIM_LIMIT_JOURNAL_LINE);
  if (block == NULL)
    return gim_fail(err, GIM_E_NO_MEMORY, "No memory to read the journal.");
  while (status == GIM_OK && got > 0) {
    int error = read_at(j->fd, block, BLOCK, offset, &got);
    if (error != 0)
      status = gim_journal_fail(err, "cannot be read", j->path, error);
    else
      status = scan_block(&s, block, got, offset);
    offset += (int64_t)got;
  }
  if (status == GIM_E_NO_MEMORY)
    (void)gim_fail(err, status, "No memory to read the journal.");
  gim_buffer_free(&s.held);
  free(block);
  return status;
}

gim_status gim_journal_fetch(gim_journal *j, gim_range range, gim_buffer *to,
                             gim_err *err) {
  size_t got = 0;
  int error;
  gim_status status;
  gim_buffer_clear(to);
  status = gim_buffer_reserve(to, (size_t)range.n);
  if (status != GIM_OK)
    return gim_fail(err, status, "A line of the journal is too long.");
  error = read_at(j->fd, to->p, (size_t)range.n, range.offset, &got);
  if (error == 0 && got < (size_t)range.n) error = ESTALE;
  if (error != 0)
    return gim_journal_fail(err, "cannot be read", j->path, error);
  to->n = got;
  to->p[got] = '\0';
  return GIM_OK;
}

static int copy_range(int from, int to, gim_range range, char *block) {
  while (range.n > 0) {
    size_t got, n = range.n < (int64_t)BLOCK ? (size_t)range.n : BLOCK;
    int error = read_at(from, block, n, range.offset, &got);
    if (error == 0 && got < n) error = ESTALE;
    if (error == 0) error = gim_journal_write_all(to, block, n);
    if (error != 0) return error;
    range.offset += (int64_t)n;
    range.n -= (int64_t)n;
  }
  return 0;
}

/* Neighbours are copied as one. */
static int copy_ranges(int from, int to, const gim_range *ranges, size_t count,
                       char *block) {
  int error = 0;
  for (size_t i = 0; i < count && error == 0;) {
    gim_range run = ranges[i++];
    while (i < count && ranges[i].offset == run.offset + run.n)
      run.n += ranges[i++].n;
    error = copy_range(from, to, run, block);
  }
  return error;
}

gim_status gim_journal_compact(gim_journal *j, const gim_range *ranges,
                               size_t count, gim_err *err) {
  char *block = malloc(BLOCK);
  struct stat old;
  gim_buffer name;
  gim_status status;
  int fd = -1, error = 0;
  gim_buffer_init(&name, strlen(j->path) + 8);
  status = gim_buffer_append_format(&name, "%s.new", j->path);
  if (status != GIM_OK || block == NULL) {
    gim_buffer_free(&name);
    free(block);
    return gim_fail(err, GIM_E_NO_MEMORY, "No memory to compact the journal.");
  }
  /* One that a crash left behind is ours: the old file's lock says so. */
  (void)unlink(name.p);
  fd = open(name.p, O_RDWR | O_APPEND | O_CREAT | O_EXCL | O_CLOEXEC, 0600);
  if (fd < 0) error = errno;
  if (error == 0 && fstat(j->fd, &old) != 0) error = errno;
  if (error == 0 && fchmod(fd, old.st_mode & 0777) != 0) error = errno;
  /* Its user's, also when somebody else compacts it once. */
  if (error == 0 && (old.st_uid != geteuid() || old.st_gid != getegid()) &&
      fchown(fd, old.st_uid, old.st_gid) != 0)
    error = errno;
  if (error == 0 && flock(fd, LOCK_EX | LOCK_NB) != 0) error = errno;
  if (error == 0) error = gim_journal_sync_folder(j->pictures);
  if (error == 0) error = copy_ranges(j->fd, fd, ranges, count, block);
  if (error == 0 && fsync(fd) != 0) error = errno;
  if (error == 0 && rename(name.p, j->path) != 0) error = errno;
  free(block);
  if (error == 0) {
    /* The thread looks at the file only when there are lines to write; until
       then the old one, which says the same and more, may come back. */
    pthread_mutex_lock(&j->lock);
    close(j->fd);
    j->fd = fd;
    j->unnamed = true;
    pthread_mutex_unlock(&j->lock);
  }
  else {
    status = gim_journal_fail(err, "cannot be compacted", j->path, error);
    if (fd >= 0) {
      (void)unlink(name.p);
      close(fd);
    }
  }
  gim_buffer_free(&name);
  return status;
}
