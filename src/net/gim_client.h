/* SPDX-License-Identifier: MIT */
/*
** gim_client.h - many tasks on one net   [floor 11]
**
** The loop: due times, queues, slots. A client is a gim_hub with these
** functions around it; jobs are made by gim_job_submit, _attach and _fetch
** and move only inside gim_client_step.
**
** After a pause of the host everything that has come due meanwhile is done as
** soon as may be, and none of it is put off again: a picture that is ready is
** what the user waits for, and a host that steps seldom would never get there.
** The service is spared the crowd by the slots: never more than max_requests
** at once, what was due first goes first, and the jitter of what follows
** spreads it again. Neither a jump of the wall clock nor the sleep of a laptop
** is a pause: the clock here is monotonic, and stands still in a sleep.
*/
#ifndef gim_client_h
#define gim_client_h

#include "gim_base.h"
#include "gim_hub.h"
#include "gim_job.h"

#pragma GCC visibility push(hidden)

/*
** Does the work that is due: starts what has a slot, reads ready sockets,
** then judges deadlines (in that order: what lies in a socket was in time).
** Waits at most `wait_ms` (-1: for ever) for the first thing to do, not at
** all when there is news or no live job, and stops after about `budget_us`
** microseconds of work (0: no limit). GIM_E_IO: as gim_net_step.
*/
GIM_MUST_CHECK gim_status gim_client_step(gim_hub *hub, int64_t wait_ms,
                                          int64_t budget_us, gim_err *err);

/*
** Would a step that does not wait find nothing to do, and is there neither
** news nor a log record to take? The same whether ten tasks wait or ten
** thousand.
*/
bool gim_client_is_idle(const gim_hub *hub);

/* To be called after a job was made or cancelled outside a step: the
   descriptor becomes readable when there is work. */
void gim_client_arm(gim_hub *hub);

/*
** Milliseconds until a step is due by the clock; 0: now, -1: no live job and
** no news. Where there is no descriptor that tells of the network, at most
** GIM_GLANCE_MS while it may have something.
*/
#define GIM_GLANCE_MS 10
int64_t gim_client_timeout_ms(const gim_hub *hub);

/*
** Brings hub->ledger up to date with requests that are under way: whether the
** body of each has left whole by now.
*/
void gim_client_take_stock(gim_hub *hub);

/* The next job with news, or NULL; gim_job_take_news takes it. */
gim_job *gim_client_next_news(const gim_hub *hub);

/*
** Ends every live job with GIM_E_CANCELLED (their news can be taken) and
** closes the net. Idempotent. In a process that forked off it only forgets.
*/
void gim_client_close(gim_hub *hub);

/* True in a child after fork: nothing but gim_client_close may be called. */
bool gim_client_is_foreign(const gim_hub *hub);

#pragma GCC visibility pop

#endif
