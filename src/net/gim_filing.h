/* SPDX-License-Identifier: MIT */
/*
** gim_filing.h - the pictures of one task on their way to files [floor 9]
**
** Does what gim_task says with SAVE: downloads a link, or takes the bytes
** that the answer brought, and files them under the name that the request's
** output makes. What has no output is kept within reach of gim_filing_bytes.
*/
#ifndef gim_filing_h
#define gim_filing_h

#include "gim_base.h"
#include "gim_download.h"
#include "gim_hub.h"
#include "gim_image.h"
#include "gim_sink.h"
#include "gim_task.h"

#pragma GCC visibility push(hidden)

/* A picture's way. */
typedef struct gim_slot {
  gim_sink *sink;  /* OWNED; NULL while no byte came, and once it was filed:
                      a batch of pictures must not hold descriptors */
  char *path;      /* OWNED; the file it was filed as, or NULL */
  int64_t size;    /* bytes, once whole; else 0 */
  gim_image image; /* likewise: type, width, height */
  bool whole;      /* all its bytes are in the sink, or in the file */
  bool kept;       /* a job of its own has filed it */
  /* private: */
  struct gim_filing *filing;
  gim_want want;
  gim_download *download;
  gim_resume resume;
  bool copying;              /* filing goes on with the next step */
  gim_writer_wait writing;   /* filing goes on when it is told */
  int64_t awaited_ms;        /* it waits for that since then; 0: it does not */
  int64_t held_ms;           /* how long a disk of ours held it up before */
  struct gim_filing *copier; /* who copies from the sink; BORROWED */
} gim_slot;

/* What a filing tells its owner. */
typedef struct gim_filing_calls {
  /* A download has ended, or a picture was filed that took its time, and the
     task wants to know. */
  void (*changed)(struct gim_filing *filing, int64_t now_ms);
  /* Picture `picture` was filed. */
  void (*filed)(struct gim_filing *filing, int picture);
} gim_filing_calls;

typedef struct gim_filing {
  gim_slot *slots; /* OWNED; as many as the task has pictures, or NULL */
  /* private: */
  gim_hub *hub;        /* BORROWED */
  gim_task *task;      /* BORROWED */
  const char *key;     /* BORROWED */
  const char *model;   /* BORROWED; NULL: not known */
  struct gim_aim *aim; /* OWNED; see gim_filing_private.h. NULL, as of most of
                         the thousands that may wait: neither is there an
                         output, nor is another's picture brought */
  int64_t held_ms;     /* that were told of: see gim_filing_take_held_ms */
  const gim_filing_calls *calls; /* BORROWED */
} gim_filing;

/* Sets up an empty filing. All pointers are BORROWED until gim_filing_free. */
void gim_filing_init(gim_filing *f, gim_hub *hub, gim_task *task,
                     const char *key, const char *model,
                     const gim_filing_calls *calls);

/*
** Pictures are to be filed by the template `output` (COPIED), or, if
** `literal`, at that very path. A template that names a folder which is there
** is as good as with a slash behind it. Its folder is made and tried now, and
** a literal name as well. GIM_E_INVALID (the template; err->field "output"),
** GIM_E_IO, GIM_E_NO_MEMORY.
*/
GIM_MUST_CHECK gim_status gim_filing_aim(gim_filing *f, gim_str output,
                                         bool literal, gim_overwrite overwrite,
                                         gim_err *err);

/*
** Would the names that `count` pictures are to get be refused, as far as that
** can be known before paying? GIM_E_INVALID: too long, whatever the service
** says. GIM_E_IO: taken, and by what the policy leaves alone; or claimed by
** another filing, under GIM_OVERWRITE_REFUSE. GIM_E_NO_MEMORY. Without a
** template: GIM_OK.
*/
GIM_MUST_CHECK gim_status gim_filing_try_names(const gim_filing *f, int count,
                                               gim_err *err);

/*
** Claims the names of `count` pictures, as far as they are known, until
** gim_filing_stop: nobody of this client, where it refuses to write over
** files, is to pay for a picture that would find them taken. Names with {key}
** in them are nobody else's anyway. Never refused: this one may be paid
** already. GIM_E_NO_MEMORY.
*/
GIM_MUST_CHECK gim_status gim_filing_claim(gim_filing *f, int count,
                                           gim_err *err);

/*
** Pictures that are filed at all go to `folder` (COPIED), named after the
** request's key. For those that came with the answer, where there is no
** output. GIM_E_NO_MEMORY.
*/
GIM_MUST_CHECK gim_status gim_filing_keep(gim_filing *f, const char *folder,
                                          gim_err *err);

/*
** Picture `picture` lies in the file at `path` (COPIED), `size` bytes, since
** an earlier life; `filed`: that is where it was to go. GIM_E_NO_MEMORY, also
** when that file is gone.
*/
GIM_MUST_CHECK gim_status gim_filing_resume(gim_filing *f, int picture,
                                            const char *path, int64_t size,
                                            bool filed);

/* The task's one picture is number `picture` of `source`, which is BORROWED
   until gim_filing_stop. GIM_E_NO_MEMORY. */
GIM_MUST_CHECK gim_status gim_filing_from(gim_filing *f, gim_filing *source,
                                          int picture);

/* That source, BORROWED, and in `*picture` (may be NULL) the number; NULL:
   there is none. */
gim_filing *gim_filing_source(const gim_filing *f, int *picture);

/* The bytes that were brought become `source`'s own, unless it has some. */
void gim_filing_give(gim_filing *f);

/* The folder for the answer's sinks; NULL: memory. BORROWED. */
const char *gim_filing_folder(const gim_filing *f);

/*
** Takes over the sinks of an answer (each MOVED, by putting NULL in its
** place) for the task's pictures, which have just become known. A picture
** whose bytes could not be kept is reported to the task as lost. One whose
** bytes are no picture, or one without its end (the service sent no more of
** it), has failed and is not filed, but they are paid: they stay within reach
** of gim_filing_bytes. Where it came with a link too, that is tried instead.
*/
void gim_filing_take(gim_filing *f, gim_sink **sinks, int sink_count);

/* The task said SAVE: files the bytes, or queues a download. */
void gim_filing_start(gim_filing *f, int picture, int64_t now_ms);

/* Goes on with filings that take more than one step. */
void gim_filing_continue(gim_filing *f, int64_t now_ms);
bool gim_filing_is_copying(const gim_filing *f);

/*
** Does one of its pictures wait for a disk of ours? Then no time limit of the
** service's is to end it. And by how many milliseconds more than when this was
** last asked did that hold up the picture which it held up longest? The task's
** limits are to end so much later: those that are told to it here do.
*/
bool gim_filing_is_held(const gim_filing *f);
int64_t gim_filing_take_held_ms(gim_filing *f);

/* Ends downloads and filings under way; bytes that are whole stay. */
void gim_filing_stop(gim_filing *f);

/*
** The sink of a picture that is within reach, BORROWED until the next step or
** gim_filing_unload; else NULL. What was filed is opened again for it, unless
** somebody changed or removed the file.
*/
gim_sink *gim_filing_bytes(gim_filing *f, int picture);

/* Closes what gim_filing_bytes opened. */
void gim_filing_unload(gim_filing *f, int picture);

/* Releases everything. Idempotent. */
void gim_filing_free(gim_filing *f);

#pragma GCC visibility pop

#endif
