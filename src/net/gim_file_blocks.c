/* SPDX-License-Identifier: MIT */
/* What is gathered, on its way into a file. */
#include "gim_file.h"

#include "gim_file_limit.h"
#include "gim_file_private.h"

#include <errno.h>
#include <stdlib.h>
#include <unistd.h>

#define PAGE 4096u

/* -------- jobs: on the thread where the file is there -------- */

static void write_all(gim_file *f, gim_file_block *b) {
  if (b->n == f->gather_n) {
    gim_file_room_expect(&f->room, b->expected);
    gim_file_room_reserve(&f->room, f->fd, b->start, b->start + (int64_t)b->n);
  }
  while (b->written < b->n) {
    ssize_t wrote = pwrite(f->fd, b->p + b->written, b->n - b->written,
                           (off_t)(b->start + (int64_t)b->written));
    if (wrote < 0 && errno == EINTR) continue;
    if (wrote <= 0) {
      f->broken = wrote == 0 ? ENOSPC : errno;
      return;
    }
    b->written += (size_t)wrote;
  }
}

static void write_block(gim_writer_job *job) {
  gim_file_block *b = GIM_CONTAINER(job, gim_file_block, job);
  gim_file *f = b->file;
  gim_file_limit limit;
  if (f->broken != 0 || atomic_load(&f->dropped)) return;
  gim_file_limit_hold(&limit);
  write_all(f, b);
  gim_file_limit_release(&limit);
}

void gim_file_do(gim_file *f, gim_writer_job *job) {
  bool last = job->last;
  if (f->behind && gim_writer_start(f->writer)) {
    gim_writer_put(f->writer, job);
    return;
  }
  job->run(job);
  if (!last) atomic_store(&job->state, GIM_WRITER_DONE);
}

bool gim_file_has_done(gim_file *f, const gim_writer_job *job) {
  return f->behind ? gim_writer_has_done(f->writer, job)
                   : atomic_load(&job->state) == GIM_WRITER_DONE;
}

/* -------- the blocks -------- */

unsigned gim_file_block_count(const gim_file *f) {
  size_t n = GIM_FILE_BEHIND / f->gather_n;
  return n < GIM_FILE_BLOCKS ? (unsigned)n : GIM_FILE_BLOCKS;
}

gim_file_block *gim_file_block_at(gim_file *f, unsigned i) {
  return &f->blocks[(f->first + i) % gim_file_block_count(f)];
}

gim_file_block *gim_file_gathering(gim_file *f) {
  return f->in_flight < gim_file_block_count(f)
             ? gim_file_block_at(f, f->in_flight)
             : NULL;
}

void gim_file_reap(gim_file *f) {
  while (!f->failed && f->in_flight > 0) {
    gim_file_block *b = gim_file_block_at(f, 0);
    if (!gim_file_has_done(f, &b->job)) return;
    if (f->behind) gim_writer_retire(f->writer, &b->job);
    f->flushed = b->start + (int64_t)b->written;
    if (b->written < b->n) {
      f->error = f->broken;
      f->failed = true;
      return;
    }
    b->n = 0;
    f->first = (f->first + 1) % gim_file_block_count(f);
    f->in_flight--;
  }
}

void gim_file_wait(gim_file *f) {
  for (unsigned i = 0; f->behind && i < f->in_flight; i++)
    gim_writer_wait_for(f->writer, &gim_file_block_at(f, i)->job);
  if (f->trimming) gim_writer_wait_for(f->writer, &f->trim);
  f->trimming = false;
  gim_file_reap(f);
}

/* Memory of a block that has no use for it. */
static bool take_over(gim_file *f, gim_file_block *b) {
  for (unsigned i = f->in_flight + 1; i < gim_file_block_count(f); i++) {
    gim_file_block *idle = gim_file_block_at(f, i);
    if (idle->memory == NULL) continue;
    b->memory = idle->memory;
    b->p = idle->p;
    idle->memory = idle->p = NULL;
    return true;
  }
  return false;
}

static bool has_memory(gim_file *f, gim_file_block *b) {
  size_t address;
  if (b->memory != NULL || take_over(f, b)) return true;
  /* By hand, so that the allocation is one of those that tests can fail. */
  b->memory = malloc(f->gather_n + PAGE);
  if (b->memory == NULL) return false;
  address = (size_t)(uintptr_t)b->memory;
  b->p = (unsigned char *)b->memory + (PAGE - address % PAGE) % PAGE;
  return true;
}

gim_file_block *gim_file_gather_more(gim_file *f) {
  for (;;) {
    gim_file_block *b;
    gim_file_reap(f);
    if (f->failed) return NULL;
    b = gim_file_gathering(f);
    if (b != NULL && has_memory(f, b)) return b;
    if (f->in_flight == 0) return NULL;
    /* That of the first that was written will do. */
    gim_writer_wait_for(f->writer, &gim_file_block_at(f, 0)->job);
  }
}

void gim_file_flush(gim_file *f) {
  gim_file_block *b = gim_file_gathering(f);
  if (b == NULL || b->n == 0) return;
  /* What is smaller than a block is not worth a thread; and where there is
     none the next file asks again. */
  if (!f->behind && b->start == 0 && b->n == f->gather_n)
    f->behind = gim_writer_start(f->writer);
  b->file = f;
  b->expected = f->expected;
  b->written = 0;
  b->job.run = write_block;
  f->in_flight++;
  gim_file_do(f, &b->job);
  if (!f->behind) gim_file_reap(f);
}

const gim_file_block *gim_file_find(gim_file *f, int64_t offset) {
  for (unsigned i = 0;; i++) {
    const gim_file_block *b = gim_file_block_at(f, i);
    if (offset < b->start + (int64_t)b->n) return b;
  }
}

void gim_file_drop_blocks(gim_file *f) {
  for (unsigned i = 0; i < GIM_FILE_BLOCKS; i++) {
    free(f->blocks[i].memory);
    f->blocks[i].memory = f->blocks[i].p = NULL;
    f->blocks[i].n = 0;
  }
  f->first = f->in_flight = 0;
}
