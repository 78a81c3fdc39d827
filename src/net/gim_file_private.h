/* SPDX-License-Identifier: MIT */
/*
** gim_file_private.h - what the files of gim_file share   [floor 6]
**
** gim_file_make.c makes and opens them, gim_file.c writes, reads and names
** them, gim_file_blocks.c brings what is written to the disk: at once, or
** behind on a writer's thread.
*/
#ifndef gim_file_private_h
#define gim_file_private_h

#include "gim_file.h"
#include "gim_file_room.h"

#include <stdatomic.h>

#pragma GCC visibility push(hidden)

#define GIM_FILE_BLOCKS (GIM_FILE_BEHIND / GIM_FILE_GATHER_SMALL)

/* Bytes of a file that are gathered, or on their way into it. */
typedef struct gim_file_block {
  gim_writer_job job;
  gim_file *file;
  int64_t start;    /* where they belong */
  size_t n;         /* of them */
  int64_t expected; /* the file's size, as it was known then; 0: not */
  void *memory;     /* OWNED; NULL: none yet */
  unsigned char *p; /* page-aligned, within `memory` */
  size_t written;   /* the thread's, until the job is done */
} gim_file_block;

/* A name that is being taken. */
typedef struct gim_file_naming {
  gim_writer_job job;
  gim_file *file;
  gim_overwrite overwrite;
  gim_status
      status; /* the thread's, until the job is done; so is what comes */
  gim_err err;
  char *path; /* what it is, of `size` bytes */
  size_t size;
  char name[]; /* what it was to be; `path` lies behind that */
} gim_file_naming;

/*
** The bytes of a file, by their place: up to `flushed` they are in it; those
** of the `in_flight` blocks from `first` on are on their way; the block behind
** these, if there is one, gathers up to `size`. Blocks go round; all but the
** last before a pause (gim_file_settle) are full.
*/
struct gim_file {
  int fd;
  int folder_fd; /* -1: the file has no name */
  char *folder;  /* as it was given */
  char part[40]; /* temporary name */
  pid_t owner;
  bool failed, committed, settled;
  int error;       /* errno of the write that failed */
  int64_t size;    /* bytes accepted */
  int64_t flushed; /* of them in the file */
  int64_t expected;
  size_t gather_n;    /* bytes of one write */
  gim_writer *writer; /* BORROWED; NULL: there is none for it */
  bool behind;        /* what is done with it is a job of the writer's */
  gim_file_block blocks[GIM_FILE_BLOCKS];
  unsigned first, in_flight;
  gim_file_naming *naming; /* OWNED; NULL: none is under way */
  gim_writer_job trim;
  bool trimming; /* it was handed over, and its end was not seen yet */
  int64_t whole; /* the size that it was settled with */
  gim_writer_wait settling;
  gim_writer_job release;
  atomic_bool dropped; /* nothing of it is wanted any more */
  /* The thread's, while there is a job: */
  gim_file_room room;
  int broken; /* errno of a write: nothing behind it is written; 0 */
  bool named; /* it is no temporary file any more */
};

/* A folder as messages and the system know it: "" is the current one. */
const char *gim_file_shown(const char *folder);

/* "`what` folder `folder`: " and the reason for `error`, an errno, in `err`
   (may be NULL). Always GIM_E_IO. */
gim_status gim_file_fail(const char *what, const char *folder, int error,
                         gim_err *err);

/* Says so in `err` (may be NULL). Always GIM_E_NO_MEMORY. */
gim_status gim_file_fail_memory(gim_err *err);

/* How many blocks it has: GIM_FILE_BEHIND bytes of them, by the size that was
   asked for, and never more than GIM_FILE_BLOCKS. */
unsigned gim_file_block_count(const gim_file *f);

/* The `i`th, from 0, of those that are on their way, the oldest first; behind
   these the one that gathers, then those that are idle. BORROWED. */
gim_file_block *gim_file_block_at(gim_file *f, unsigned i);

/* The block that gathers, with or without memory. BORROWED; NULL: all are on
   their way. */
gim_file_block *gim_file_gathering(gim_file *f);

/*
** The same with memory, and with one that gathers: blocks where all are on
** their way. NULL: writing has failed, or there is no memory.
*/
gim_file_block *gim_file_gather_more(gim_file *f);

/* Sends off what is gathered, if there is any. The first whole block starts
   the thread, and from then on the file is written behind; where there is none
   it is written now, and f->failed says whether that went wrong. */
void gim_file_flush(gim_file *f);

/* Does `job`, which is the file's until it is done, on the thread where the
   file is written behind, else at once. */
void gim_file_do(gim_file *f, gim_writer_job *job);

/* Was it done? What it wrote can be read then. Never in a child after fork,
   where the file was written behind. */
bool gim_file_has_done(gim_file *f, const gim_writer_job *job);

/* Takes note of blocks that were written: they are idle again. Of one that
   could not be (f->failed, f->error), and those behind it, the bytes stay. */
void gim_file_reap(gim_file *f);

/* Blocks until nothing that was handed over is still to be done. */
void gim_file_wait(gim_file *f);

/* The block that has the byte at `offset`, which is not in the file yet. */
const gim_file_block *gim_file_find(gim_file *f, int64_t offset);

/* Forgets what is in all blocks, and releases their memory: none is on its
   way. */
void gim_file_drop_blocks(gim_file *f);

#pragma GCC visibility pop

#endif
