/* SPDX-License-Identifier: MIT */
/*
** gim_job.h - one task and what it has under way   [floor 10]
**
** Does what a gim_task says: queues its requests, starts them when the client
** has a free slot, tells the task what came of them, and keeps the pictures.
** A job is OWNED by whoever made it, also after its end; until then its hub
** lists it as live.
*/
#ifndef gim_job_h
#define gim_job_h

#include "gim_base.h"
#include "gim_billing.h"
#include "gim_exchange.h"
#include "gim_filing.h"
#include "gim_hub.h"
#include "gim_request.h"
#include "gim_scribe.h"
#include "gim_task.h"

#pragma GCC visibility push(hidden)

/* What news a job has for its owner; bits. */
enum {
  GIM_NEWS_PROGRESS = 1,
  GIM_NEWS_DONE = 2,
  GIM_NEWS_FREE = 4 /* the bytes that it borrowed are not needed any more */
};

/* Thousands of them may wait: members are in an order that leaves no gaps. */
typedef struct gim_job {
  /* Public, read only: */
  gim_task task;
  gim_filing filing;  /* its pictures: slots, within it */
  gim_scribe *scribe; /* writes its lines of the journal: its `open` and `lost`
                         are public as well. NULL: the client has no journal */
  char key[GIM_KEY_SIZE];
  char *skeleton; /* OWNED; the last answer that mattered, or NULL */
  size_t skeleton_n;
  gim_issue *warnings; /* OWNED; warning_count of them */
  int warning_count;
  int width_px, height_px; /* planned; 0: unknown */
  int asked;               /* pictures that were asked for; 0: unknown */
  bool salvaged;           /* the answer broke, or its end was not seen: these
                              are the pictures that had come whole */
  gim_image_type format : 8; /* that was asked for; UNKNOWN: none */
  unsigned char news;        /* taken by gim_job_take_news */
  /* The owner's: */
  unsigned char telling; /* news that the owner is passing on just now, and
                            takes afterwards */
  bool watched;          /* progress is news */
  /* private: */
  bool recording; /* its intent is on the way to the disk */
  bool borrowing; /* it has bytes of the caller's: GIM_NEWS_FREE is to come */
  gim_overwrite overwrite : 8;
  gim_task_state told_state : 8;
  gim_evidence noted : 8;          /* when the ledger was told last */
  signed char told_progress;       /* 0 to 100 */
  signed char resubmit, resubmits; /* wanted, 100 at most; done */
  int16_t postponed; /* times that a judgement of its deadlines was put off */
  gim_hub *hub;
  gim_due due;
  gim_want want;
  gim_list_item event, live;
  gim_exchange *exchange;
  gim_entry *entry; /* BORROWED from the ledger; NULL: nothing to bill */
  int64_t sent_ms;
  char *other_model; /* OWNED; the request's, where gim_model does not know it;
                        else NULL */
  char *output;      /* OWNED; for the journal; NULL: none */
  char *body, *path; /* in the hub's store of bodies, OWNED, while the
                          request may have to be sent */
  size_t body_n;
  struct gim_job_references *references; /* OWNED; the pictures it is made
                                            of, while they are needed; NULL:
                                            none */
  uint32_t *lent; /* OWNED; the numbers in gim_depot of the files whose links
                     the body has, and a 0; NULL: none */
} gim_job;

/* What a request may say beside its fields. Strings are COPIED. */
typedef struct gim_job_options {
  int64_t timeout_ms;  /* -1: the client's */
  gim_str model;       /* as the request named it; p NULL: not known */
  gim_str output;      /* template; p NULL: none */
  gim_str key;         /* of an earlier life; p NULL: a new one */
  int overwrite;       /* a gim_overwrite, or -1: the client's */
  int resubmit;        /* times that a failed task is paid for again; 100 at
                          most */
  int64_t price_micro; /* what the request costs, by the caller; -1: unknown */
} gim_job_options;

/*
** A job that pays: the request's body is MOVED on success, and its pictures
** in any case; bytes among these are BORROWED until GIM_NEWS_FREE or
** GIM_NEWS_DONE. The output folder is tried first. GIM_E_INVALID (output),
** GIM_E_IO (its folder), GIM_E_QUOTA (the budget, by price_micro),
** GIM_E_NO_MEMORY. `*job` is OWNED: gim_job_free.
*/
GIM_MUST_CHECK gim_status gim_job_submit(gim_job **job, gim_hub *hub,
                                         gim_request *request,
                                         const gim_job_options *options,
                                         gim_err *err);

/* A job that picks up a task by its id (COPIED), with results as above. With
   options->key it is one that the journal knows from an earlier life. */
GIM_MUST_CHECK gim_status gim_job_attach(gim_job **job, gim_hub *hub,
                                         gim_str id,
                                         const gim_job_options *options,
                                         gim_err *err);

/*
** A job that brings picture `picture` (from 0) of the finished job `source`
** within reach, or files it at `path` (p NULL: no file). `source` is BORROWED
** until the new job is done. GIM_E_INVALID: no such picture, or `path` is
** none; GIM_E_IO: it has neither link nor bytes, or the folder;
** GIM_E_NO_MEMORY.
*/
GIM_MUST_CHECK gim_status gim_job_fetch(gim_job **job, gim_job *source,
                                        int picture, gim_str path,
                                        gim_err *err);

/* A picture of a request that was paid for in an earlier life. BORROWED. */
typedef struct gim_past_picture {
  char *url;    /* NULL: none, or it has expired */
  char *path;   /* a file with its bytes; NULL: none */
  int64_t size; /* of that file */
  int payload;  /* the file is the copy beside the journal of this payload;
                       -1: the picture was filed there */
} gim_past_picture;

/* Such a request. BORROWED. */
typedef struct gim_past {
  gim_str id; /* p NULL: none */
  int64_t linked_unix_s;
  const gim_past_picture *pictures; /* count of them */
  int count;
  bool told; /* the journal knows its pictures */
  bool cut;  /* the answer's end was not seen: there may have been more */
} gim_past;

/*
** A job that brings to an end what an earlier life of the client paid for:
** options->key is its key. Pictures with neither link nor file are lost, and
** say so. GIM_E_INVALID, GIM_E_IO (the output and its folder),
** GIM_E_NO_MEMORY. `*job` is OWNED.
*/
GIM_MUST_CHECK gim_status gim_job_resume(gim_job **job, gim_hub *hub,
                                         const gim_past *past,
                                         const gim_job_options *options,
                                         gim_err *err);

/* Does what is due at `now_ms`, and says again when the next thing is. */
void gim_job_advance(gim_job *job, int64_t now_ms);

/* Ends it with GIM_E_CANCELLED; GIM_NEWS_DONE follows. */
void gim_job_cancel(gim_job *job);

/* What was billed, by what is known this moment. */
gim_billed gim_job_billed(gim_job *job);

/* Takes `news` away; what has come beside them stays, and is next. */
void gim_job_take_news(gim_job *job, unsigned news);

/* Releases it; one that is live is cancelled without news. */
void gim_job_free(gim_job *job);

#pragma GCC visibility pop

#endif
