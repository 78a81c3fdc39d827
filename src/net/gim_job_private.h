/* SPDX-License-Identifier: MIT */
/*
** gim_job_private.h - what the files of gim_job share   [floor 10]
**
** gim_job_make.c makes jobs, gim_job.c moves them, gim_job_journal.c tells the
** journal.
*/
#ifndef gim_job_private_h
#define gim_job_private_h

#include "gim_job.h"

#pragma GCC visibility push(hidden)

/* For gim_want.start: a slot is free for the POST or the query of its job. */
void gim_job_start_exchange(gim_want *want, int64_t now_ms);

/* The exchange itself, whatever the journal says. */
void gim_job_exchange_now(gim_job *job, int64_t now_ms);

/* It cannot be started, and `err` says why. */
void gim_job_exchange_failed(gim_job *job, const gim_err *err, int64_t now_ms);

/*
** Writes the intent of the POST and keeps a slot for it: it goes out once the
** intent is on the disk.
*/
void gim_job_record(gim_job *job, int64_t now_ms);

/* Gives that up; without effect when nothing is under way. */
void gim_job_stop_recording(gim_job *job);

/* An answer was read: what the journal has to know of it. */
void gim_job_note_answer(gim_job *job);

/* For gim_exchange_spec: pictures go beside the journal as they come. */
void gim_job_keep_pictures(gim_job *job, gim_exchange_spec *spec);

/* For gim_filing.filed. */
void gim_job_note_filed(gim_filing *filing, int picture);

#pragma GCC visibility pop

#endif
