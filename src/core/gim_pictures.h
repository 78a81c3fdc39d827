/* SPDX-License-Identifier: MIT */
/*
** gim_pictures.h - the pictures of one task, and how far each was brought
** [floor 4]
**
** Links and payloads as the reply named them, each with its own tries and
** delays: one that fails does not hold up or spoil the others. References are
** brought likewise, where SAVED means that they are where they are needed.
*/
#ifndef gim_pictures_h
#define gim_pictures_h

#include "gim_backoff.h"
#include "gim_base.h"

#pragma GCC visibility push(hidden)

/* How a picture stands. */
typedef enum gim_picture_state {
  GIM_PICTURE_IDLE = 0, /* not asked for: a link, or bytes held elsewhere */
  GIM_PICTURE_NEEDED,
  GIM_PICTURE_WAITING, /* a try failed, the next is due later */
  GIM_PICTURE_RUNNING,
  GIM_PICTURE_SAVED,
  GIM_PICTURE_FAILED, /* `err` says why */
  GIM_PICTURE_STALE   /* its link has expired, as `err` says: a new one may
                         come */
} gim_picture_state;

typedef struct gim_picture {
  char *url;            /* OWNED; NULL: none */
  char *revised_prompt; /* OWNED; NULL: none */
  int payload;          /* number in the reply that carried it, or -1 */
  gim_picture_state state;
  bool gone;   /* FAILED: its link has expired, and there is no new one */
  int attempt; /* 0 for the first try */
  int64_t due_ms;
  gim_err *err; /* OWNED; FAILED, STALE: why (NULL: out of memory) */
} gim_picture;

typedef struct gim_pictures {
  gim_picture *list; /* OWNED */
  int count;
  int left_out; /* more that the reply named, beyond what is kept of one */
} gim_pictures;

/* `count` empty pictures (> 0) into an empty list. GIM_E_NO_MEMORY. */
GIM_MUST_CHECK gim_status gim_pictures_init(gim_pictures *p, int count);

/*
** One picture that is NEEDED, with its link (COPIED; p NULL: none) or payload,
** into an empty list. GIM_E_NO_MEMORY.
*/
GIM_MUST_CHECK gim_status gim_pictures_init_one(gim_pictures *p, gim_str url,
                                                int payload);

/*
** What a reply says about picture number `picture`, which is IDLE yet: both
** strings are MOVED (NULL: none). `needed`: it is to be brought.
*/
void gim_pictures_put(gim_pictures *p, int picture, char *url,
                      char *revised_prompt, int payload, bool needed);

/* Releases everything. Idempotent. */
void gim_pictures_free(gim_pictures *p);

/*
** The next picture to bring now, which then counts as RUNNING, or -1: then
** `*under_way` says whether one is, and `*at_ms` is lowered to the time when
** a WAITING one becomes due.
*/
int gim_pictures_next(gim_pictures *p, int64_t now_ms, int64_t *at_ms,
                      bool *under_way);

/* True when no picture is NEEDED, WAITING, RUNNING or STALE. */
bool gim_pictures_settled(const gim_pictures *p);

/* True when all that is left to do is to find new links for STALE ones. */
bool gim_pictures_want_links(const gim_pictures *p);

/*
** What came of a RUNNING picture: `err` NULL, it is saved. Else it is tried
** again by the rules of `retry` where err->retryable and the delay ends
** before `deadline_ms`, or else has FAILED with a COPY of `err`.
*/
void gim_pictures_report(gim_pictures *p, int picture, const gim_err *err,
                         const gim_retry *retry, int64_t now_ms,
                         int64_t deadline_ms, uint32_t random);

/* A RUNNING picture's link has expired: STALE, with a COPY of `err`. */
void gim_pictures_expire(gim_pictures *p, int picture, const gim_err *err);

/*
** A new link (MOVED) for picture number `picture`; one that was STALE is
** NEEDED again, as if for the first time.
*/
void gim_pictures_relink(gim_pictures *p, int picture, char *url);

/* STALE ones have FAILED, for the reason they had. `gone`: there is no new
   link, and will be none; else nobody could say. */
void gim_pictures_forsake(gim_pictures *p, bool gone);

/* Its bytes are lost, whatever its state: FAILED with a COPY of `err`. */
void gim_pictures_lose(gim_pictures *p, int picture, const gim_err *err);

/* Every picture that is not settled has FAILED with a COPY of `err`; a STALE
   one for the reason it had. */
void gim_pictures_give_up(gim_pictures *p, const gim_err *err);

/*
** Why the first that FAILED did, with `*err` BORROWED from it (NULL: no
** memory); GIM_OK where none has.
*/
gim_status gim_pictures_failure(const gim_pictures *p, const gim_err **err);

/*
** How the whole went, when all are settled: GIM_OK where one picture is there
** (SAVED or IDLE), for the others tell by themselves; else why the first
** FAILED, with `*err` BORROWED from it (NULL: no memory).
*/
gim_status gim_pictures_outcome(const gim_pictures *p, const gim_err **err);

#pragma GCC visibility pop

#endif
