/* SPDX-License-Identifier: MIT */
/*
** gim_writer.h - a thread for what may have to wait for the disk   [floor 2]
**
** A write into the system's memory takes some microseconds, and one in some
** ten thousand waits milliseconds for the file system's journal; on a slow
** disk, or one behind a network, any of them waits for longer than a frame.
** Such calls are jobs of a writer: its thread does them one after the other,
** in the order in which they were handed over, while its owner goes on.
**
** It is made when the first job is there. Where there can be none (no memory,
** no descriptors, no more threads, another process after fork, after
** gim_writer_stop) the owner does what he has to do himself.
**
** Who has to know that a job is done asks (gim_writer_has_done), blocks
** (gim_writer_wait_for), or is told in the step of his net (gim_writer_await).
** The thread rings only for those who asked to be told.
**
** But for what a job's `run` does, everything here is for the owner's thread.
*/
#ifndef gim_writer_h
#define gim_writer_h

#include "gim_base.h"
#include "gim_list.h"

#include <stdatomic.h>

#pragma GCC visibility push(hidden)

typedef struct gim_writer gim_writer;

/*
** Something to be done, inside what it is about. From gim_writer_put until it
** is done it is the thread's, and so is all that `run` touches.
*/
typedef struct gim_writer_job {
  void (*run)(struct gim_writer_job *job);
  bool last; /* `run` releases it: nobody asks of it again */
  /* private: */
  atomic_int state; /* of those below */
  struct gim_writer_job *next;
} gim_writer_job;

enum {
  GIM_WRITER_PUT = 0, /* it was handed over, or never was */
  GIM_WRITER_TOLD,    /* and somebody is to be told when it is done */
  GIM_WRITER_DONE
};

/* Somebody who waits for a job, inside what it is about. `ready` is called
   once, inside gim_net_step. */
typedef struct gim_writer_wait {
  void (*ready)(struct gim_writer_wait *wait);
  /* private: */
  gim_list_item link;
  const gim_writer_job *job; /* NULL: it was done, and is no more */
} gim_writer_wait;

/*
** What a writer needs of its owner. `listen` is called when somebody begins to
** wait for its descriptor, and when nobody does any more: true, `fd` (BORROWED
** until the latter) is watched, and gim_writer_tell called when it can be
** read. `trouble` is called once at most: there can be no thread for now, and
** `error`, an errno, says why.
*/
typedef struct gim_writer_calls {
  bool (*listen)(void *ud, int fd, bool on);
  void (*trouble)(void *ud, int error);
} gim_writer_calls;

/* A writer without a thread. `calls` and `ud` are BORROWED until it is freed.
   NULL: no memory. */
gim_writer *gim_writer_new(const gim_writer_calls *calls, void *ud);

/*
** Is there a thread? Starts it, where there is none yet; what it takes to find
** that it cannot be is to be spent once a file and not more often. NULL is
** allowed: no.
*/
bool gim_writer_start(gim_writer *writer);

/* Hands a job over: after gim_writer_start said that there is a thread. */
void gim_writer_put(gim_writer *writer, gim_writer_job *job);

/* Was a job, which was handed over, done? What `run` wrote can be read. */
bool gim_writer_has_done(gim_writer *writer, const gim_writer_job *job);

/* Blocks until that is so. */
void gim_writer_wait_for(gim_writer *writer, const gim_writer_job *job);

/*
** Has `wait` (BORROWED until it is called, or gim_writer_forget) told when
** that is so; one that waits already waits for this job now. False: it is so,
** and nobody is told. Where nobody can be told (`listen` said no) it blocks.
*/
bool gim_writer_await(gim_writer *writer, gim_writer_job *job,
                      gim_writer_wait *wait);

/* `wait` is not to be told any more; without effect when it does not wait. */
void gim_writer_forget(gim_writer_wait *wait);

/* A job that was done is to be another one, or its memory to be released: who
   waits for it is told all the same. */
void gim_writer_retire(gim_writer *writer, const gim_writer_job *job);

/* Is anybody to be told? NULL is allowed. */
bool gim_writer_is_awaited(const gim_writer *writer);

/* Its descriptor can be read: tells those whose jobs are done. */
void gim_writer_tell(gim_writer *writer);

/*
** Does what was handed over, and ends the thread: there is none from then on.
** Blocks for the disk. NULL is allowed. In a child after fork: does nothing.
*/
void gim_writer_stop(gim_writer *writer);

/* Stops and releases. NULL is allowed. */
void gim_writer_free(gim_writer *writer);

#pragma GCC visibility pop

#endif
