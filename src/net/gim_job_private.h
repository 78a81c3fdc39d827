/* SPDX-License-Identifier: MIT */
/*
** gim_job_private.h - what the files of gim_job share   [floor 10]
**
** gim_job_make.c makes jobs, gim_job.c moves them, gim_job_journal.c tells the
** journal, gim_job_references.c brings the pictures that they are made of.
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

/* The job that `scribe` writes for. */
gim_job *gim_job_of_scribe(gim_scribe *scribe);

/* An answer was read: what the journal has to know of it. */
void gim_job_note_answer(gim_job *job);

/* For gim_exchange_spec: pictures go beside the journal as they come. */
void gim_job_keep_pictures(gim_job *job, gim_exchange_spec *spec);

/*
** Takes over the pictures of its request, MOVED where anything of them is to
** be brought or to be sent as a file. GIM_E_NO_MEMORY.
*/
GIM_MUST_CHECK gim_status gim_job_take_references(gim_job *job,
                                                  gim_enclosure *enclosed,
                                                  gim_err *err);

/* The task said UPLOAD: up to the file service, or down from its link. */
void gim_job_bring(gim_job *job, int number, int64_t now_ms);

/*
** Puts the links of what was uploaded into the body, before it is first sent.
** GIM_E_TOO_BIG, GIM_E_NO_MEMORY, GIM_E_PROTOCOL.
*/
GIM_MUST_CHECK gim_status gim_job_fill_body(gim_job *job, gim_err *err);

/*
** The parts of a request that is a form, read from their beginning; `*n` of
** them, BORROWED until gim_job_drop_references. NULL: it is its body.
*/
const gim_part *gim_job_parts(gim_job *job, int *n);

/* Ends what is under way for them, and releases them. */
void gim_job_drop_references(gim_job *job);

/*
** The task has ended. Where the service says that it could not use the
** pictures, the links that it had from the file service are forgotten: the
** next request uploads them anew.
*/
void gim_job_return_links(gim_job *job);

/* For gim_filing.filed. */
void gim_job_note_filed(gim_filing *filing, int picture);

#pragma GCC visibility pop

#endif
