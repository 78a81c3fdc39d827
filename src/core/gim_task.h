/* SPDX-License-Identifier: MIT */
/*
** gim_task.h - one job as a state machine without I/O   [floor 5]
**
** A task says what to do next (gim_task_next) and is told what came of it
** (gim_task_uploaded, _sent, _fetched, _saved). It never does anything itself:
** retries, polling, deadlines, cancelling, wrong replies and billing are
** decided here, from reports and a clock that the caller passes in.
**
** What was billed is worked out from evidence alone: gim_evidence.h has the
** table of all that can be seen. A later row of it counts before an earlier
** one; a repeated POST can only raise the verdict (with `idempotent`, where a
** first try ended as "maybe").
**
** A task that failed at the service can be submitted anew, as a new paid
** request (`resubmit`): the task then starts over, without its id.
**
** A link that has expired (a SAVE that failed with GIM_E_NOT_FOUND) is no loss
** yet: once nothing else is left to bring, the task is queried again, once,
** and pictures that have new links by then are brought by those. Queries that
** break or meet a passing trouble are repeated as `retry` says.
*/
#ifndef gim_task_h
#define gim_task_h

#include "gim_backoff.h"
#include "gim_base.h"
#include "gim_evidence.h"
#include "gim_pictures.h"
#include "gim_reply.h"

#pragma GCC visibility push(hidden)

/* What is to be done. */
typedef enum gim_action_kind {
  GIM_ACTION_NONE = 0, /* wait for what is under way, at most until at_ms */
  GIM_ACTION_WAIT,     /* nothing is under way; ask again at at_ms */
  GIM_ACTION_UPLOAD,   /* bring reference `picture` to where the POST needs
                          it: up to the file service, or down from its link;
                          report with gim_task_uploaded */
  GIM_ACTION_SEND,     /* send the paid POST; report with gim_task_sent */
  GIM_ACTION_FETCH,    /* query the task; report with gim_task_fetched */
  GIM_ACTION_SAVE,     /* bring `picture`; report with gim_task_saved */
  GIM_ACTION_DONE      /* over: see status, err, billed, pictures */
} gim_action_kind;

typedef struct gim_action {
  gim_action_kind kind;
  int64_t at_ms; /* ask again no later than this */
  int picture;   /* UPLOAD, SAVE: which, from 0 */
  int attempt;   /* UPLOAD, SEND, FETCH, SAVE: 0 for the first try of it */
} gim_action;

/* What is decided for all tasks of a client. */
typedef struct gim_task_rules {
  gim_retry retry;
  gim_poll poll;
  int64_t submit_ms; /* longest time of one paid POST */
  bool idempotent;   /* the user vouches for Idempotency-Key: a POST that may
                        have been accepted is repeated */
  const char *const *retry_codes; /* BORROWED; gim_reply_not_accepted */
} gim_task_rules;

/* What is decided for one. */
typedef struct gim_task_options {
  const gim_task_rules *rules; /* BORROWED until gim_task_free */
  int64_t task_ms;             /* longest time of everything */
  const char *model; /* BORROWED likewise; as the request named it, or NULL */
  int references;    /* pictures to be brought before the POST */
  int resubmit;      /* times that a failed task is submitted anew */
  bool save;         /* pictures are to be saved as they come */
  bool keep;         /* those that came with the answer even if not `save` */
} gim_task_options;

/* Thousands of them may wait: members are in an order that leaves no gaps. */
typedef struct gim_task {
  /* Public, read only: */
  gim_task_state state : 8; /* the last the service said */
  gim_billed billed : 8;
  gim_evidence evidence : 8; /* why `billed` is what it is */
  gim_status status : 8;     /* once done: GIM_OK, or the kind of failure */
  bool renewed;              /* it was queried for new links */
  signed char can_cancel;    /* 1, 0, -1: not said */
  int progress;              /* 0 to 100; 0 until said */
  int resubmits; /* times it was submitted anew: then a new key is due, and a
                    new SEND comes */
  /* Of the options, and to be changed by the caller: */
  int resubmit;
  bool save, keep;
  /* Read only again: */
  char *id;                       /* OWNED; NULL until the service gave one */
  int64_t estimated_ms;           /* -1: not said */
  int64_t created_unix_s;         /* 0: not said */
  int64_t linked_unix_s;          /* wall clock of the reply that first showed
                                    the links; 0: none did */
  int64_t credits_reserved_micro; /* -1: not said */
  int64_t credits_used_micro;     /* -1: not said */
  const char *asked_model;        /* of the options */
  char *model; /* OWNED; what the service says it used, where that is another;
                  else NULL */
  char *request_id; /* OWNED; of the latest reply that had one */
  gim_pictures pictures;
  gim_err *err; /* OWNED; once done and failed (NULL: no memory) */
  /* private: */
  unsigned char phase; /* one of gim_task_private.h */
  bool attached;
  bool doubtful; /* an earlier POST may have been accepted */
  int first;     /* picture of the service's task that is ours number 0 */
  int attempt, polls, missing;
  const gim_task_rules *rules;
  int64_t accepted_ms, deadline_ms, due_ms, exchange_ms;
  size_t handed, total;
  gim_pictures *references; /* OWNED; how far each was brought; NULL: all
                               are there, or there are none */
  gim_err *trouble; /* OWNED; why the last try brought nothing, or NULL */
} gim_task;

/*
** A new job in the caller's memory: a paid request; one that picks up the
** service's task `id` (COPIED); one that brings a single picture of another,
** which is `of`, and is `yes` from the start.
** Release with gim_task_free whatever is returned. GIM_E_NO_MEMORY; GIM_OK. A
** paid request without memory for its references is done at once, of that
** kind.
*/
void gim_task_init(gim_task *t, const gim_task_options *options,
                   int64_t now_ms);
GIM_MUST_CHECK gim_status gim_task_init_attach(gim_task *t,
                                               const gim_task_options *options,
                                               gim_str id, int64_t now_ms);
typedef struct gim_task_picture {
  gim_str url; /* COPIED; p NULL: none, then payload >= 0 */
  int payload;
  gim_str id; /* COPIED; the task that can be asked for a new link; p NULL:
                   none can */
  int number; /* which of its pictures, from 0 */
} gim_task_picture;
GIM_MUST_CHECK gim_status
gim_task_init_picture(gim_task *t, const gim_task_options *options,
                      const gim_task_picture *of, int64_t now_ms);

/*
** A job whose request was paid for in an earlier life: its pictures, `count`
** of them (> 0), have been known since `linked_unix_s`. They are empty yet:
** fill them in with gim_pictures_put. `id` (p NULL: none) is COPIED. Otherwise
** as above.
*/
GIM_MUST_CHECK gim_status gim_task_init_paid(gim_task *t,
                                             const gim_task_options *options,
                                             gim_str id, int count,
                                             int64_t linked_unix_s,
                                             int64_t now_ms);

/*
** What to do now. UPLOAD, SEND, FETCH and SAVE are said once and then count as
** under way until reported; a SEND or FETCH that is under way while something
** other than NONE comes back has to be abandoned (its time is over), and with
** DONE every UPLOAD and SAVE too. `random` is 32 random bits.
*/
gim_action gim_task_next(gim_task *t, int64_t now_ms, uint32_t random);

/*
** What came of UPLOAD number `picture`: `err` NULL, it is where the POST needs
** it. Else err->retryable says whether another try may help: it then comes by
** the rules of `retry`, within the deadline. One that fails for good ends the
** task, of which nothing was sent. When all are there SEND comes; they are
** not asked for again, whatever is sent again.
*/
void gim_task_uploaded(gim_task *t, int picture, const gim_err *err,
                       int64_t now_ms, uint32_t random);

/*
** The POST that SEND asked for goes out now: until then it waited for a free
** slot, and submit_ms did not run.
*/
void gim_task_started(gim_task *t, int64_t now_ms);

/* Its time limits end `ms` milliseconds later: so long it waited for what is
   not the service's. */
void gim_task_extend(gim_task *t, int64_t ms);

/*
** Body bytes of the POST under way that were handed over so far, of how many:
** to be told before gim_task_next, gim_task_cancel and reading `billed`.
*/
void gim_task_handed(gim_task *t, size_t handed, size_t total);

/* What came of an exchange. All BORROWED during the call. */
typedef struct gim_task_report {
  gim_status status;    /* GIM_OK: `reply` was read from a whole answer */
  const gim_err *err;   /* detail when status is not GIM_OK, or NULL */
  size_t handed, total; /* SEND: body bytes */
  gim_reply *reply;     /* strings may be MOVED out of it */
  int64_t now_unix_s;   /* wall clock */
  bool salvaged;        /* status is not GIM_OK, but `reply` could be read
                             and its pictures are whole */
} gim_task_report;

/* What came of a SEND; and of a FETCH. Without effect when none is under
   way. */
void gim_task_sent(gim_task *t, const gim_task_report *report, int64_t now_ms,
                   uint32_t random);
void gim_task_fetched(gim_task *t, const gim_task_report *report,
                      int64_t now_ms, uint32_t random);

/*
** What came of SAVE number `picture`: `err` NULL, it is saved; else why not,
** and err->retryable says whether another try may help.
*/
void gim_task_saved(gim_task *t, int picture, const gim_err *err,
                    int64_t now_ms, uint32_t random);

/*
** Ends the job with `status` (GIM_E_CANCELLED, GIM_E_IO, ...) and `message`.
** Without effect when it is done.
*/
void gim_task_cancel(gim_task *t, gim_status status, const char *message);

/*
** Is it over? Are references being brought? Is the POST due or under way, or
** will it be once they are there? Is a SEND or FETCH under way? Is that a
** FETCH for new links?
*/
bool gim_task_is_done(const gim_task *t);
bool gim_task_is_uploading(const gim_task *t);
bool gim_task_needs_body(const gim_task *t);
bool gim_task_is_exchanging(const gim_task *t);
bool gim_task_is_renewing(const gim_task *t);

/* May the paid body be needed again, now or when the task fails? */
bool gim_task_may_send(const gim_task *t);

/*
** For users: "uploading", "submitting", "pending", "processing", "saving",
** "completed", "failed", "cancelled". Of a task whose time was over while it
** went on at the service: "pending" or "processing", as that last said. Static
** storage.
*/
const char *gim_task_status_name(const gim_task *t);

/* Releases what the task OWNS. Idempotent. */
void gim_task_free(gim_task *t);

#pragma GCC visibility pop

#endif
