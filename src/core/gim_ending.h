/* SPDX-License-Identifier: MIT */
/*
** gim_ending.h - how a task ends by our own judgement   [floor 1]
**
** What the service says about an end comes with its reply; these are the ends
** that it does not speak of: our deadlines, and replies that lack what a task
** needs. One table of kinds and sentences, so that they read alike.
*/
#ifndef gim_ending_h
#define gim_ending_h

#include "gim_base.h"

#pragma GCC visibility push(hidden)

typedef enum gim_ending {
  GIM_ENDING_NO_ROOM,    /* no memory to bring the references */
  GIM_ENDING_NO_ANSWER,  /* submit_ms is over */
  GIM_ENDING_UNSENT,     /* task_ms is over, no POST got out */
  GIM_ENDING_UNANSWERED, /* task_ms is over, the POST was not answered */
  GIM_ENDING_UNFINISHED, /* task_ms is over, the service works on */
  GIM_ENDING_UNSAVED,    /* task_ms is over, pictures were being saved */
  GIM_ENDING_NO_PICTURE, /* completed without a picture */
  GIM_ENDING_NO_ID,      /* accepted without an id */
  GIM_ENDING_NO_LINKS,   /* no memory for what the pictures are */
  GIM_ENDING_FAILED,     /* failed, and no word about it */
  GIM_ENDING_CANCELLED   /* cancelled there, and no word about it */
} gim_ending;

/* Fills `err` (kind, sentence, retryable) and returns its kind, which is never
   GIM_OK. */
gim_status gim_ending_explain(gim_ending ending, gim_err *err);

/*
** Adds to an ending why the last try brought nothing (NULL: nothing is
** known): its message, and the fields that `err` has empty.
*/
void gim_ending_blame(const gim_err *trouble, gim_err *err);

#pragma GCC visibility pop

#endif
