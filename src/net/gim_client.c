/* SPDX-License-Identifier: MIT */
#include "gim_client.h"

#include <poll.h>

/* Reads in a row before deadlines are judged all the same. */
#define DRAIN_ROUNDS 256

/* A job whose answer may lie unread in a socket is judged so much later; but
   within so many rounds every socket had its turn, even if others flow on. */
#define POSTPONE_MS 5
#define POSTPONED_MAX 64

static bool is_readable(const gim_hub *hub) {
  struct pollfd watched;
  watched.fd = gim_net_fd(hub->net);
  watched.events = POLLIN;
  watched.revents = 0;
  return poll(&watched, 1, 0) > 0;
}

static void start_queued(gim_hub *hub) {
  int64_t now_ms = gim_net_now_ms();
  for (int i = 0; i < GIM_CLASS_COUNT; i++) {
    while (hub->queues[i].first != NULL &&
           gim_net_has_slot(hub->net, (gim_class)i)) {
      gim_want *want =
          GIM_CONTAINER(gim_list_shift(&hub->queues[i]), gim_want, link);
      want->start(want, now_ms);
    }
  }
}

static bool is_due(const gim_hub *hub, int64_t now_ms) {
  const gim_due *first = gim_heap_first(&hub->heap);
  return first != NULL && first->at_ms <= now_ms;
}

/* Reads what is ready; false: under a budget something may be left. */
static bool drain(gim_hub *hub, int64_t budget_us, gim_status *status,
                  gim_err *err) {
  int rounds = budget_us > 0 ? 1 : DRAIN_ROUNDS;
  if (gim_net_active(hub->net) == 0) return true;
  gim_net_alarm(hub->net, -1);
  while (is_readable(hub)) {
    if (rounds-- == 0) return false;
    *status = gim_net_step(hub->net, 0, budget_us, err);
    if (*status != GIM_OK) return false;
  }
  return true;
}

/*
** Moves the jobs whose time has come. A host that stalled finds their answers
** in the sockets: those are read first.
*/
static gim_status run_due(gim_hub *hub, int64_t budget_us, gim_err *err) {
  gim_status status = GIM_OK;
  size_t jobs = hub->heap.n;
  int64_t now_ms = gim_net_now_ms();
  int64_t until_ms = now_ms + budget_us / 1000;
  bool drained;
  if (!is_due(hub, now_ms)) return GIM_OK;
  drained = drain(hub, budget_us, &status, err);
  /* Each once: a job may be due again at once. */
  while (status == GIM_OK && jobs-- > 0 && is_due(hub, now_ms)) {
    gim_job *job = GIM_CONTAINER(gim_heap_first(&hub->heap), gim_job, due);
    if (!drained && job->exchange != NULL &&
        job->postponed++ < POSTPONED_MAX + gim_net_active(hub->net)) {
      gim_heap_set(&hub->heap, &job->due, now_ms + POSTPONE_MS);
      continue;
    }
    job->postponed = 0;
    gim_job_advance(job, now_ms);
    if (budget_us > 0 && gim_net_now_ms() > until_ms) break;
  }
  return status;
}

void gim_client_arm(gim_hub *hub) {
  const gim_due *first = gim_heap_first(&hub->heap);
  int64_t at_ms = first == NULL ? -1 : first->at_ms;
  if (hub->net == NULL) return;
  for (int i = 0; i < GIM_CLASS_COUNT; i++)
    if (hub->queues[i].first != NULL &&
        gim_net_has_slot(hub->net, (gim_class)i))
      at_ms = gim_net_now_ms();
  if (hub->events.first != NULL) at_ms = gim_net_now_ms();
  gim_net_alarm(hub->net, at_ms);
}

gim_status gim_client_step(gim_hub *hub, int64_t wait_ms, int64_t budget_us,
                           gim_err *err) {
  gim_status status;
  if (hub->net == NULL) return GIM_OK;
  status = run_due(hub, budget_us, err);
  if (status == GIM_OK) {
    start_queued(hub);
    if (hub->events.first != NULL || hub->live_count == 0) wait_ms = 0;
    gim_client_arm(hub); /* ends the wait when the next job is due */
    status = gim_net_step(hub->net, wait_ms, budget_us, err);
  }
  if (status == GIM_OK) status = run_due(hub, budget_us, err);
  if (status == GIM_OK) start_queued(hub);
  gim_client_arm(hub);
  return status;
}

int64_t gim_client_timeout_ms(const gim_hub *hub) {
  if (hub->events.first != NULL) return 0;
  if (hub->net == NULL || hub->live_count == 0) return -1;
  return gim_net_timeout_ms(hub->net);
}

gim_job *gim_client_next_news(const gim_hub *hub) {
  return hub->events.first == NULL
             ? NULL
             : GIM_CONTAINER(hub->events.first, gim_job, event);
}

bool gim_client_is_foreign(const gim_hub *hub) {
  return hub->net != NULL && gim_net_is_foreign(hub->net);
}

void gim_client_close(gim_hub *hub) {
  while (hub->live.first != NULL)
    gim_job_cancel(GIM_CONTAINER(hub->live.first, gim_job, live));
  gim_hub_close(hub);
}
