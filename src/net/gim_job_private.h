/* SPDX-License-Identifier: MIT */
/*
** gim_job_private.h - what the files of gim_job share   [floor 10]
**
** gim_job_make.c makes jobs, gim_job.c moves them.
*/
#ifndef gim_job_private_h
#define gim_job_private_h

#include "gim_job.h"

#pragma GCC visibility push(hidden)

/* For gim_want.start: a slot is free for the POST or the query of its job. */
void gim_job_start_exchange(gim_want *want, int64_t now_ms);

#pragma GCC visibility pop

#endif
