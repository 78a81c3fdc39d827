/* SPDX-License-Identifier: MIT */
/*
** gim_brake.h - the frame budget of a step, and who waits for the next one
** [floor 2]
**
** One call of libcurl may bring megabytes, so a step can keep its budget only
** from inside that call: in the write callback, which gets pieces of at most
** 16 KiB. Once the budget is used up no further piece passes, and its transfer
** waits for the next step. Nothing new is read while any transfer waits: on a
** shared HTTP/2 connection libcurl would gather the bytes of those that wait,
** up to 64 MiB for each.
*/
#ifndef gim_brake_h
#define gim_brake_h

#include "gim_base.h"
#include "gim_list.h"

#pragma GCC visibility push(hidden)

typedef struct gim_brake {
  /* Public, read only: */
  bool budgeted;    /* some step had a budget */
  int64_t pieces;   /* that passed since gim_brake_release */
  gim_list waiting; /* those that were held up, in the order of their turn */
  bool stuck;       /* gim_brake_pull was called since gim_brake_release, and
                       gim_brake_loosen was not */
  /* private: */
  int64_t until_us; /* -1: no budget */
  bool pulled;
  gim_list_item *last_served; /* whose piece met the end of the budget */
  int64_t stuck_us;           /* since when it is */
  int64_t stood_us;           /* how long it was before that */
} gim_brake;

/*
** A step begins, with `budget_us` microseconds for what it does (0: no limit).
** Part of it is kept for what cannot be stopped half-way.
*/
void gim_brake_release(gim_brake *brake, int64_t budget_us);

/* True once the budget is used up. The first piece passes all the same. */
bool gim_brake_is_over(gim_brake *brake);

/*
** May a piece pass? When it may not, `waiter` is queued until
** gim_brake_resume, or until it is taken out with gim_list_remove.
*/
bool gim_brake_lets(gim_brake *brake, gim_list_item *waiter);

/*
** No piece passes any more in this step, as when the budget is used up:
** `waiter` cannot go on, and is queued like those.
*/
void gim_brake_pull(gim_brake *brake, gim_list_item *waiter);

/* Who was stuck can go on, or is gone: the next step finds out. */
void gim_brake_loosen(gim_brake *brake);

/* How long it has been stuck in all, in milliseconds. */
int64_t gim_brake_stood_ms(const gim_brake *brake);

/*
** The next that waits and has its turn in this step: it is out of the queue,
** and what was held up is to be offered again. NULL: nobody waits, or the
** budget is used up.
*/
gim_list_item *gim_brake_resume(gim_brake *brake);

/*
** The step ends: who had most of it queues behind those that had less. True
** when somebody waits.
*/
bool gim_brake_settle(gim_brake *brake);

#pragma GCC visibility pop

#endif
