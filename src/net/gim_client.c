/* SPDX-License-Identifier: MIT */
#include "gim_client.h"

#include "gim_system.h"

/* Reads in a row before deadlines are judged all the same. */
#define DRAIN_ROUNDS 256

/* A job whose answer may lie unread in a socket is judged so much later; but
   within so many rounds every socket had its turn, even if others flow on. */
#define POSTPONE_MS 5
#define POSTPONED_MAX 64
/* One whose answer waits for the disk, which tells when it goes on. */
#define HELD_MS 1000

/* Microseconds until then, at least one: 0 would be no limit. */
static int64_t left_us(int64_t until_us) {
  int64_t left = until_us - gim_net_now_us();
  if (until_us < 0) return 0;
  return left < 1 ? 1 : left;
}

static bool is_over(int64_t until_us) {
  return until_us >= 0 && gim_net_now_us() >= until_us;
}

/* When the first of queue `i` may start; -1: none waits, or has a slot. */
static int64_t start_at_ms(const gim_hub *hub, int i, int64_t now_ms) {
  if (gim_list_first(&hub->queues[i]) == NULL ||
      !gim_net_has_slot(hub->net, (gim_class)i))
    return -1;
  return gim_pace_at_ms(&hub->paces[i], now_ms);
}

/* One at least, however late it is. */
static void start_queued(gim_hub *hub, int64_t until_us) {
  int64_t now_ms = gim_net_now_ms();
  for (int i = 0; i < GIM_CLASS_COUNT; i++) {
    while (start_at_ms(hub, i, now_ms) == now_ms) {
      gim_want *want =
          GIM_CONTAINER(gim_list_shift(&hub->queues[i]), gim_want, link);
      gim_pace_started(&hub->paces[i], now_ms);
      want->start(want, now_ms);
      if (is_over(until_us)) return;
    }
  }
}

static bool is_due(const gim_hub *hub, int64_t now_ms) {
  const gim_due *first = gim_heap_first(&hub->heap);
  return first != NULL && first->at_ms <= now_ms;
}

/* Reads what is ready; under a budget something may be left. */
static gim_status drain(gim_hub *hub, int64_t budget_us, gim_err *err) {
  int rounds = budget_us > 0 ? 1 : DRAIN_ROUNDS;
  gim_status status = GIM_OK;
  if (gim_net_active(hub->net) == 0) return GIM_OK;
  do {
    status = gim_net_step(hub->net, 0, budget_us, err);
  } while (status == GIM_OK && !gim_net_is_drained(hub->net) &&
           !gim_net_is_stuck(hub->net) && --rounds > 0);
  return status;
}

/* Itself, or another, for which nothing is read. */
static bool waits_for_disk(const gim_hub *hub, gim_job *job) {
  gim_task_extend(&job->task, gim_filing_take_held_ms(&job->filing));
  if (gim_filing_is_held(&job->filing)) return true;
  if (job->exchange == NULL) return false;
  gim_task_extend(&job->task, gim_exchange_take_held_ms(job->exchange));
  return gim_net_is_stuck(hub->net) || gim_exchange_is_held(job->exchange);
}

/* Moves the jobs whose time has come, one at least. */
static void advance_due(gim_hub *hub, int64_t until_us) {
  size_t jobs = hub->heap.n;
  int64_t now_ms = gim_net_now_ms();
  bool drained = gim_net_active(hub->net) == 0 || gim_net_is_drained(hub->net);
  /* Each once: a job may be due again at once. */
  while (jobs-- > 0 && is_due(hub, now_ms)) {
    gim_job *job = GIM_CONTAINER(gim_heap_first(&hub->heap), gim_job, due);
    if (!drained && job->exchange != NULL && !gim_net_is_stuck(hub->net) &&
        job->postponed++ < POSTPONED_MAX + gim_net_active(hub->net)) {
      gim_heap_set(&hub->heap, &job->due, now_ms + POSTPONE_MS);
      continue;
    }
    if (waits_for_disk(hub, job)) {
      gim_heap_set(&hub->heap, &job->due, now_ms + HELD_MS);
      continue;
    }
    job->postponed = 0;
    gim_job_advance(job, now_ms);
    if (is_over(until_us)) break;
  }
}

void gim_client_arm(gim_hub *hub) {
  const gim_due *first = gim_heap_first(&hub->heap);
  int64_t at_ms = first == NULL ? -1 : first->at_ms;
  int64_t now_ms = gim_net_now_ms();
  if (hub->net == NULL) return;
  for (int i = 0; i < GIM_CLASS_COUNT; i++) {
    int64_t start_ms = start_at_ms(hub, i, now_ms);
    if (start_ms >= 0 && (at_ms < 0 || start_ms < at_ms)) at_ms = start_ms;
  }
  if (gim_list_first(&hub->events) != NULL) at_ms = now_ms;
  gim_net_alarm(hub->net, at_ms);
}

/* What jobs and queues wait for is in the net's alarm: gim_client_arm. */
bool gim_client_is_idle(const gim_hub *hub) {
  return hub->net != NULL && gim_list_first(&hub->events) == NULL &&
         hub->log_first == NULL && !gim_net_is_foreign(hub->net) &&
         gim_net_is_idle(hub->net);
}

/*
** A host that stalled finds the answers of jobs whose time is over in the
** sockets: those are read before it is judged. Reading for that reason takes
** no more than half of the budget, and judging another quarter.
*/
gim_status gim_client_step(gim_hub *hub, int64_t wait_ms, int64_t budget_us,
                           gim_err *err) {
  gim_status status = GIM_OK;
  int64_t until_us = -1, judged_us = -1;
  if (hub->net == NULL) return GIM_OK;
  if (wait_ms == 0 && gim_client_is_idle(hub)) return GIM_OK;
  if (budget_us > 0) {
    until_us = gim_net_now_us() + budget_us;
    judged_us = until_us - budget_us / 4;
    gim_hub_keep_frames(hub);
  }
  if (is_due(hub, gim_net_now_ms())) {
    status = drain(hub, (budget_us + 1) / 2, err);
    if (status == GIM_OK) advance_due(hub, judged_us);
  }
  if (status == GIM_OK) {
    start_queued(hub, until_us);
    if (gim_list_first(&hub->events) != NULL || hub->live_count == 0)
      wait_ms = 0;
    gim_client_arm(hub); /* ends the wait when the next job is due */
    status = gim_net_step(hub->net, wait_ms, left_us(until_us), err);
  }
  if (status == GIM_OK) {
    advance_due(hub, until_us);
    start_queued(hub, until_us);
  }
  gim_client_arm(hub);
  return status;
}

/* Something may come that no descriptor tells the host of. */
static bool is_unseen(const gim_hub *hub) {
  return !GIM_LINUX &&
         (gim_net_active(hub->net) > 0 || gim_writer_is_awaited(hub->writer) ||
          (hub->archive != NULL &&
           gim_list_first(&hub->archive->waiting) != NULL));
}

int64_t gim_client_timeout_ms(const gim_hub *hub) {
  int64_t ms;
  if (gim_list_first(&hub->events) != NULL) return 0;
  if (hub->net == NULL || hub->live_count == 0) return -1;
  ms = gim_net_timeout_ms(hub->net);
  return ms > GIM_GLANCE_MS && is_unseen(hub) ? GIM_GLANCE_MS : ms;
}

void gim_client_take_stock(gim_hub *hub) {
  for (gim_list_item *i = gim_list_first(&hub->live); i != NULL;
       i = gim_list_after(&hub->live, i))
    (void)gim_job_billed(GIM_CONTAINER(i, gim_job, live));
}

gim_job *gim_client_next_news(const gim_hub *hub) {
  return gim_list_first(&hub->events) == NULL
             ? NULL
             : GIM_CONTAINER(gim_list_first(&hub->events), gim_job, event);
}

bool gim_client_is_foreign(const gim_hub *hub) {
  return hub->net != NULL && gim_net_is_foreign(hub->net);
}

void gim_client_close(gim_hub *hub) {
  while (gim_list_first(&hub->live) != NULL)
    gim_job_cancel(GIM_CONTAINER(gim_list_first(&hub->live), gim_job, live));
  gim_hub_close(hub);
}
