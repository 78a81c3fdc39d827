/* SPDX-License-Identifier: MIT */
/* The work of a net that is due. */
#include "gim_net.h"

#include "gim_clock.h"
#include "gim_net_private.h"

#include <curl/curl.h>
#include <string.h>

#define BATCH 64 /* descriptors looked at together */
/* Rounds of one step without a budget: enough to empty full sockets, and an
   end where a server is faster than we are. */
#define ROUNDS 16
#define POSTPONED_MAX 64

/* What waits goes first: true when all of it could. */
static bool run_waiting(gim_net *net) {
  gim_list_item *item;
  while ((item = gim_brake_resume(&net->brake)) != NULL) {
    gim_transfer *t = GIM_CONTAINER(item, gim_transfer, waiting);
    int code = gim_lane_resume(&net->lanes[t->lane], t);
    if (code != CURLE_OK) gim_net_complete(net, t, code);
  }
  return gim_list_first(&net->brake.waiting) == NULL;
}

static bool run_timers(gim_net *net) {
  int64_t now = gim_clock_ms();
  bool worked = false;
  for (int i = 0; i < net->lane_n; i++)
    if (gim_lane_timer(&net->lanes[i], now)) worked = true;
  return worked;
}

static bool run_ended(gim_net *net) {
  gim_transfer *t;
  bool worked = false;
  int code;
  for (int i = 0; i < net->lane_n; i++)
    while ((t = gim_lane_ended(&net->lanes[i], &code)) != NULL) {
      gim_net_complete(net, t, code);
      worked = true;
      if (gim_brake_is_over(&net->brake)) return worked;
    }
  return worked;
}

/* One that was ready with others may be watched no longer. */
static void call_watcher(const gim_net_watched *watched) {
  if (watched->watcher != NULL) watched->watcher(watched->ud);
}

/* The sockets are held: only who is watched is heard, who may let the stream
   that is stuck go on. */
static gim_status hear(gim_net *net, int64_t wait_ms, gim_err *err) {
  gim_ready ready[GIM_NET_WATCHED];
  int n = gim_wait_collect(net->wait, wait_ms, ready, GIM_NET_WATCHED, err);
  for (int i = 0; i < n; i++)
    call_watcher(&net->watched[ready[i].tag - GIM_NET_TAG]);
  return n < 0 ? err->status : GIM_OK;
}

/* Reads and writes; true when nothing is left that is ready. */
static bool run(gim_net *net, int64_t wait_ms, gim_status *status,
                gim_err *err) {
  gim_ready ready[BATCH];
  bool budgeted = net->budget_us > 0;
  int i, n, round;
  for (round = 0; round < ROUNDS || budgeted; round++) {
    bool worked;
    /* One at a time under a budget: those that were not reached would be
       queued behind those that were, and might never be. */
    n = gim_wait_collect(net->wait, round == 0 ? wait_ms : 0, ready,
                         budgeted ? 1 : BATCH, err);
    if (n < 0) {
      *status = err->status;
      return false;
    }
    /* What was waited for is not work. */
    if (round == 0 && wait_ms != 0)
      gim_brake_release(&net->brake, net->budget_us);
    for (i = 0; i < n; i++) {
      if (ready[i].tag >= GIM_NET_TAG)
        call_watcher(&net->watched[ready[i].tag - GIM_NET_TAG]);
      else
        gim_lane_socket(&net->lanes[ready[i].tag], &ready[i]);
    }
    worked = n > 0;
    if (run_timers(net)) worked = true;
    if (run_ended(net)) worked = true;
    /* Also those whom a watcher let go on. */
    if (!run_waiting(net)) return false;
    if (!worked) return true;
    if (gim_brake_is_over(&net->brake)) return false;
  }
  return false;
}

/*
** Ends the transfers whose time is over. While a budget leaves sockets unread
** their replies may lie there: after so many steps each had its turn.
*/
static void run_deadlines(gim_net *net, bool drained) {
  int64_t now = gim_net_limit_ms(net);
  gim_transfer *t, *next;
  if (net->deadline_ms < 0 || net->deadline_ms > now) return;
  net->deadline_ms = -1;
  for (t = net->transfers; t != NULL; t = next) {
    next = t->next;
    if (t->deadline_ms == 0 || t->state != GIM_TRANSFER_RUNNING || t->held)
      continue;
    if (t->deadline_ms > now ||
        (!drained && t->postponed++ < POSTPONED_MAX + gim_net_active(net))) {
      net->deadline_ms = gim_net_earlier(net->deadline_ms, t->deadline_ms);
      continue;
    }
    gim_net_complete(net, t, CURLE_OPERATION_TIMEDOUT);
    /* on_done may have taken others away, or started some. */
    next = net->transfers;
    net->deadline_ms = -1;
  }
}

static gim_status step(gim_net *net, int64_t wait_ms, gim_err *err) {
  gim_status status = GIM_OK;
  bool drained = false;
  if (net->brake.stuck) {
    status = hear(net, wait_ms, err);
    if (status != GIM_OK) return status;
  }
  gim_brake_release(&net->brake, net->budget_us);
  if (net->undone) {
    wait_ms = 0;
    net->idled_ms += gim_clock_ms() - net->left_ms;
  }
  if (run_waiting(net)) {
    gim_wait_hold(net->wait, 0);
    drained = run(net, wait_ms, &status, err);
  }
  net->undone = !drained;
  if (status == GIM_OK) run_deadlines(net, drained);
  if (gim_brake_settle(&net->brake)) net->undone = true;
  if (net->undone) net->left_ms = gim_clock_ms();
  gim_wait_hold(net->wait, net->brake.stuck ? GIM_NET_TAG : 0);
  return status;
}

gim_status gim_net_step(gim_net *net, int64_t wait_ms, int64_t budget_us,
                        gim_err *err) {
  gim_err own;
  gim_status status;
  if (err == NULL) err = &own;
  if (gim_net_is_foreign(net)) return gim_net_fail_foreign(err);
  if (net->stepping)
    return gim_fail(err, GIM_E_INVALID, "gim_net_step within on_done");
  net->budget_us = budget_us;
  net->stepping = true;
  status = step(net, wait_ms, err);
  net->stepping = false;
  gim_net_arm(net);
  for (int i = 0; i < net->lane_n; i++) {
    int error = net->lanes[i].watch_error;
    net->lanes[i].watch_error = 0;
    if (status == GIM_OK && error != 0)
      status = gim_fail(err, GIM_E_IO, "a socket cannot be watched: %s",
                        strerror(error));
  }
  return status;
}

bool gim_net_is_drained(const gim_net *net) {
  return !net->undone;
}
