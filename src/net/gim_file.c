/* SPDX-License-Identifier: MIT */
#include "gim_file.h"

#include "gim_file_private.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

/* -------- letting go -------- */

static void release(gim_file *f) {
  if (f->fd >= 0) {
    if (!f->committed && !f->named && f->folder_fd >= 0 &&
        f->owner == getpid())
      (void)unlinkat(f->folder_fd, f->part, 0);
    close(f->fd);
  }
  if (f->folder_fd >= 0) close(f->folder_fd);
  gim_file_drop_blocks(f);
  free(f->naming);
  free(f->folder);
  free(f);
}

static void run_release(gim_writer_job *job) {
  release(GIM_CONTAINER(job, gim_file, release));
}

/* Who waits for one of its jobs is told all the same, when they are gone. */
static void retire_jobs(gim_file *f) {
  for (unsigned i = 0; i < GIM_FILE_BLOCKS; i++)
    gim_writer_retire(f->writer, &f->blocks[i].job);
  gim_writer_retire(f->writer, &f->trim);
  if (f->naming != NULL) gim_writer_retire(f->writer, &f->naming->job);
}

void gim_file_free(gim_file *f) {
  if (f == NULL) return;
  gim_writer_forget(&f->settling);
  /* What was filed has nothing on its way. Else it takes the system some time
     to let go of what was written so far. */
  if (!f->behind || f->committed || f->owner != getpid()) {
    release(f);
    return;
  }
  retire_jobs(f);
  atomic_store(&f->dropped, true);
  f->release.run = run_release;
  f->release.last = true;
  gim_file_do(f, &f->release);
}

/* -------- writing and reading -------- */

void gim_file_gather(gim_file *f, size_t n) {
  if (f->size == 0) f->gather_n = n;
}

void gim_file_write_behind(gim_file *f, gim_writer *writer) {
  f->writer = writer;
}

void gim_file_reserve_nothing(gim_file *f) {
  gim_file_room_refuse(&f->room);
}

void gim_file_expect(gim_file *f, int64_t n) {
  f->expected = n;
}

static gim_status fail_write(const gim_file *f, int error, gim_err *err) {
  return gim_file_fail("cannot write in", f->folder, error, err);
}

/* It has so many bytes, for the jobs that come. */
static void note_whole(gim_file *f) {
  if (f->whole == f->size) return;
  if (f->trimming) gim_writer_wait_for(f->writer, &f->trim);
  f->whole = f->size;
}

/* The blocks behind the end go back. */
static void run_trim(gim_writer_job *job) {
  gim_file *f = GIM_CONTAINER(job, gim_file, trim);
  if (f->broken == 0 && !atomic_load(&f->dropped))
    gim_file_room_trim(&f->room, f->fd, f->whole, f->whole);
}

/* Releases the memory, once nothing is on its way. */
static void end_settling(gim_file *f) {
  gim_file_reap(f);
  f->trimming = false;
  if (!f->failed && f->in_flight == 0 && gim_file_gathering(f)->n == 0)
    gim_file_drop_blocks(f);
}

static void on_settled(gim_writer_wait *wait) {
  end_settling(GIM_CONTAINER(wait, gim_file, settling));
}

void gim_file_settle(gim_file *f) {
  gim_file_reap(f);
  if (f->committed || f->failed) return;
  gim_file_flush(f);
  if (f->failed) return;
  if (f->trimming) {
    gim_writer_wait_for(f->writer, &f->trim);
    gim_writer_retire(f->writer, &f->trim);
  }
  note_whole(f);
  f->trim.run = run_trim;
  gim_file_do(f, &f->trim);
  f->trimming = f->behind;
  f->settling.ready = on_settled;
  if (!f->behind || !gim_writer_await(f->writer, &f->trim, &f->settling))
    end_settling(f);
}

bool gim_file_takes(gim_file *f, size_t n) {
  size_t idle;
  if (!f->behind) return true;
  gim_file_reap(f);
  if (f->failed || f->in_flight == 0) return true;
  idle = gim_file_block_count(f) - f->in_flight;
  return idle > 0 && n <= idle * f->gather_n - gim_file_gathering(f)->n;
}

bool gim_file_await(gim_file *f, gim_writer_wait *wait) {
  gim_writer_job *job = NULL;
  if (!f->behind) return false;
  if (f->naming != NULL)
    job = &f->naming->job;
  else if (f->in_flight > 0)
    /* Half of them: who is told of each has to be woken for each. */
    job = &gim_file_block_at(f, f->in_flight / 2)->job;
  return job != NULL && gim_writer_await(f->writer, job, wait);
}

bool gim_file_has_failed(gim_file *f) {
  gim_file_reap(f);
  return f->failed && f->naming == NULL;
}

bool gim_file_is_written(gim_file *f) {
  gim_file_reap(f);
  return f->failed || f->in_flight == 0;
}

gim_status gim_file_write(gim_file *f, const void *p, size_t n, gim_err *err) {
  const unsigned char *from = p;
  int64_t before = f->size;
  if (f->committed || f->naming != NULL)
    return gim_fail(err, GIM_E_IO, "the file was filed and is closed");
  while (n > 0 && !f->failed) {
    gim_file_block *b = gim_file_gather_more(f);
    size_t room, k;
    if (b == NULL && !f->failed) return gim_file_fail_memory(err);
    if (b == NULL) break;
    if (b->n == 0) b->start = f->size;
    room = f->gather_n - b->n;
    k = n < room ? n : room;
    memcpy(b->p + b->n, from, k);
    b->n += k;
    f->size += (int64_t)k;
    from += k;
    n -= k;
    if (k == room) gim_file_flush(f);
  }
  if (!f->failed) return GIM_OK;
  /* What got into the file beyond `before` is as good as not there. */
  f->size = before;
  if (f->flushed > before) f->flushed = before;
  return fail_write(f, f->error, err);
}

int64_t gim_file_size(const gim_file *f) {
  return f->size;
}

/* Of what is not in the file yet. */
static size_t read_block(gim_file *f, int64_t offset, void *p, size_t n) {
  const gim_file_block *b = gim_file_find(f, offset);
  size_t at = (size_t)(offset - b->start);
  if (n > b->n - at) n = b->n - at;
  memcpy(p, b->p + at, n);
  return n;
}

gim_status gim_file_read(gim_file *f, int64_t offset, void *p, size_t n,
                         size_t *got, gim_err *err) {
  *got = 0;
  if (offset < 0 || offset >= f->size) return GIM_OK;
  if ((int64_t)n > f->size - offset) n = (size_t)(f->size - offset);
  if (offset >= f->flushed) {
    *got = read_block(f, offset, p, n);
    return GIM_OK;
  }
  if ((int64_t)n > f->flushed - offset) n = (size_t)(f->flushed - offset);
  while (*got < n) {
    ssize_t k = pread(f->fd, (unsigned char *)p + *got, n - *got,
                      (off_t)(offset + (int64_t)*got));
    if (k < 0 && errno == EINTR) continue;
    if (k < 0) return gim_file_fail("cannot read in", f->folder, errno, err);
    if (k == 0)
      return gim_fail(err, GIM_E_IO,
                      "a file in folder \"%.160s\" was cut short by others",
                      gim_file_shown(f->folder));
    *got += (size_t)k;
  }
  return GIM_OK;
}

gim_status gim_file_truncate(gim_file *f, gim_err *err) {
  if (f->committed || f->naming != NULL)
    return gim_fail(err, GIM_E_IO, "the file was filed and is closed");
  gim_file_wait(f);
  if (ftruncate(f->fd, 0) != 0) {
    f->error = errno;
    return fail_write(f, f->error, err);
  }
  gim_file_drop_blocks(f);
  f->size = f->flushed = f->expected = 0;
  f->failed = false;
  f->broken = 0;
  gim_file_room_clear(&f->room);
  return GIM_OK;
}

/* -------- the final name -------- */

bool gim_file_is_in_place(const gim_file *f) {
  struct stat ours, named;
  return f->folder_fd >= 0 && stat(gim_file_shown(f->folder), &named) == 0 &&
         fstat(f->folder_fd, &ours) == 0 && ours.st_dev == named.st_dev &&
         ours.st_ino == named.st_ino;
}

bool gim_file_is_committed(const gim_file *f) {
  return f->committed;
}

/* All that was written is in it, `size` bytes. */
static gim_status take_name(gim_file *f, int64_t size, const char *name,
                            gim_overwrite overwrite, char *path,
                            size_t path_size, gim_err *err) {
  if (!gim_file_is_in_place(f))
    return gim_fail(err, GIM_E_IO,
                    "folder \"%.160s\" is not where it was: it was moved or "
                    "removed, or the current folder is another",
                    gim_file_shown(f->folder));
  gim_file_room_trim(&f->room, f->fd, size, size);
  return gim_final_take(f->folder_fd, f->part, f->folder, name, overwrite,
                        path, path_size, err);
}

/* It may replace a file, and letting go of that one's pages takes the system
   more than a millisecond. */
static void run_naming(gim_writer_job *job) {
  gim_file_naming *n = GIM_CONTAINER(job, gim_file_naming, job);
  gim_file *f = n->file;
  if (f->broken != 0 || atomic_load(&f->dropped)) {
    n->status = fail_write(f, f->broken, &n->err);
    return;
  }
  n->status =
      take_name(f, f->whole, n->name, n->overwrite, n->path, n->size, &n->err);
  f->named = n->status == GIM_OK;
}

static bool start_naming(gim_file *f, const char *name,
                         gim_overwrite overwrite, size_t size) {
  size_t name_n = strlen(name) + 1;
  gim_file_naming *n = calloc(1, sizeof(*n) + name_n + size);
  if (n == NULL) return false;
  n->job.run = run_naming;
  n->file = f;
  n->overwrite = overwrite;
  memcpy(n->name, name, name_n);
  n->path = n->name + name_n;
  n->size = size;
  f->naming = n;
  note_whole(f);
  gim_file_do(f, &n->job);
  return true;
}

static gim_status end_naming(gim_file *f, const char *name, char *path,
                             size_t size, gim_err *err) {
  gim_file_naming *n = f->naming;
  gim_status status = n->status;
  bool same = strcmp(name, n->name) == 0 && size == n->size;
  gim_file_reap(f);
  f->naming = NULL;
  f->committed = status == GIM_OK;
  if (f->committed && same)
    memcpy(path, n->path, size);
  else if (f->committed)
    status = gim_fail(err, GIM_E_IO, "the file has another name already");
  else if (err != NULL)
    *err = n->err;
  gim_writer_retire(f->writer, &n->job);
  free(n);
  return status;
}

gim_status gim_file_commit(gim_file *f, const char *name,
                           gim_overwrite overwrite, char *path, size_t size,
                           gim_err *err) {
  gim_status status;
  if (f->folder_fd < 0 || f->committed)
    return gim_fail(err, GIM_E_IO, "the file cannot be named (again)");
  if (name[0] == '\0' || strcmp(name, ".") == 0 || strcmp(name, "..") == 0 ||
      strchr(name, '/') != NULL)
    return gim_fail(err, GIM_E_IO, "\"%.160s\" is no file name", name);
  if (f->naming == NULL) {
    gim_file_reap(f);
    if (!f->failed) gim_file_flush(f);
    if (f->failed) return fail_write(f, f->error, err);
    if (f->behind && !start_naming(f, name, overwrite, size))
      return gim_file_fail_memory(err);
  }
  if (!f->behind)
    status = take_name(f, f->size, name, overwrite, path, size, err);
  else if (!gim_file_has_done(f, &f->naming->job))
    return gim_fail(err, GIM_E_TIMEOUT, "the file is still being written");
  else
    status = end_naming(f, name, path, size, err);
  if (status != GIM_OK) return status;
  f->committed = true;
  gim_file_drop_blocks(f);
  return GIM_OK;
}
