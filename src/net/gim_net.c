/* SPDX-License-Identifier: MIT */
#include "gim_net.h"

#include "gim_brake.h"
#include "gim_clock.h"
#include "gim_lane.h"
#include "gim_library.h"
#include "gim_prepare.h"
#include "gim_process.h"
#include "gim_wait.h"

#include <curl/curl.h>
#include <stdlib.h>
#include <string.h>

#define TAG_WATCHED GIM_LANES /* of the descriptor that is not libcurl's */
#define BATCH 64              /* descriptors looked at together */
/* Rounds of one step without a budget: enough to empty full sockets, and an
   end where a server is faster than we are. */
#define ROUNDS 16
#define POSTPONED_MAX 64

struct gim_net {
  pid_t owner;
  int max_requests;
  gim_wait *wait;
  gim_brake brake;
  gim_carrier carrier;
  char *proxy, *user_agent;
  gim_lane lanes[GIM_LANES];
  int lane_n;              /* made so far */
  gim_transfer *transfers; /* all that are in a multi */
  int active[GIM_CLASS_COUNT];
  int reserved; /* slots of class PAID */
  int parked;
  gim_net_watcher watcher;
  void *watcher_ud;
  int64_t alarm_ms;
  int64_t budget_us;   /* of the step that is running; 0: none */
  int64_t deadline_ms; /* the earliest of a transfer, by clock_ms; -1: none */
  int64_t left_ms;     /* when the last step left work undone */
  int64_t idled_ms;    /* how long the host then let it lie, in all */
  bool parks;          /* cancelling may block: see gim_net_cancel */
  bool undone;         /* the last step left work */
  bool stepping;
};

/* -------- making and freeing -------- */

/* NULL stays NULL. */
static bool keep(char **to, const char *text) {
  *to = text == NULL ? NULL : gim_str_copy(gim_str_of(text));
  return text == NULL || *to != NULL;
}

/* What was made so far is in `net`, for net_delete. */
static gim_status net_init(gim_net *net, const gim_net_options *options,
                           gim_err *err) {
  gim_status status;
  net->owner = gim_process_self();
  net->max_requests = options->max_requests < 1 ? 1 : options->max_requests;
  net->alarm_ms = net->deadline_ms = -1;
  net->parks = gim_library_blocks();
  net->wait = gim_wait_new(err);
  if (net->wait == NULL) return err->status;
  status = gim_trust_init(&net->carrier.trust, options->ca_file, err);
  if (status != GIM_OK) return status;
  net->carrier.share = gim_library_share();
  if (net->carrier.share == NULL || !keep(&net->proxy, options->proxy) ||
      !gim_easy_agent(options->user_agent, &net->user_agent))
    return gim_fail(err, GIM_E_NO_MEMORY, "not enough memory for a client");
  net->carrier.wait = net->wait;
  net->carrier.brake = &net->brake;
  net->carrier.proxy = net->proxy;
  net->carrier.user_agent = net->user_agent;
  net->carrier.connect_timeout_ms = options->connect_timeout_ms;
  for (int i = 0; i < 2; i++, net->lane_n++)
    if (!gim_lane_init(&net->lanes[i], &net->carrier, i, net->max_requests))
      return gim_fail(err, GIM_E_NO_MEMORY, "not enough memory for a client");
  return GIM_OK;
}

static void net_delete(gim_net *net) {
  while (net->transfers != NULL) {
    gim_transfer *t = net->transfers;
    net->transfers = t->next;
    gim_lane_remove(&net->lanes[t->lane], t);
    gim_transfer_delete(t);
  }
  for (int i = 0; i < GIM_LANES; i++) gim_lane_free(&net->lanes[i]);
  if (net->carrier.share != NULL) curl_share_cleanup(net->carrier.share);
  gim_trust_free(&net->carrier.trust);
  gim_wait_free(net->wait);
  free(net->proxy);
  free(net->user_agent);
  free(net);
}

gim_net *gim_net_new(const gim_net_options *options, gim_err *err) {
  gim_err own;
  gim_net *net;
  if (err == NULL) err = &own;
  if (gim_library_start(err) != GIM_OK) return NULL;
  net = calloc(1, sizeof(*net));
  if (net == NULL) {
    gim_fail(err, GIM_E_NO_MEMORY, "not enough memory for a client");
    return NULL;
  }
  if (net_init(net, options, err) == GIM_OK) return net;
  net_delete(net);
  return NULL;
}

void gim_net_free(gim_net *net) {
  if (net == NULL || gim_net_is_foreign(net)) return;
  net_delete(net);
}

bool gim_net_is_foreign(const gim_net *net) {
  return net->owner != gim_process_self();
}

static gim_status fail_foreign(gim_err *err) {
  return gim_fail(err, GIM_E_INVALID,
                  "this client belongs to the parent process: make another "
                  "one after fork");
}

int gim_net_fd(gim_net *net) {
  return gim_wait_fd(net->wait);
}

bool gim_net_is_idle(const gim_net *net) {
  return !net->undone && gim_wait_is_idle(net->wait);
}

/* -------- the timer -------- */

static int64_t earlier(int64_t a, int64_t b) {
  return a < 0 || (b >= 0 && b < a) ? b : a;
}

/*
** The clock of time limits. It stands still while work is left undone because
** a budget was used up: how long that lies is the host's affair.
*/
static int64_t clock_ms(const gim_net *net) {
  return gim_clock_ms() - net->idled_ms;
}

/* 0: at once; -1: nothing is waited for. */
static int64_t due_ms(const gim_net *net) {
  int64_t due = net->alarm_ms;
  if (net->undone) return 0;
  if (net->deadline_ms >= 0)
    due = earlier(due, net->deadline_ms + net->idled_ms);
  for (int i = 0; i < net->lane_n; i++)
    due = earlier(due, net->lanes[i].due_ms);
  return due;
}

/* To be called at the end of everything that may change due_ms. */
static void arm(gim_net *net) {
  if (!net->stepping) gim_wait_arm(net->wait, due_ms(net));
}

void gim_net_alarm(gim_net *net, int64_t at_ms) {
  if (gim_net_is_foreign(net)) return;
  net->alarm_ms = at_ms < 0 ? -1 : at_ms;
  arm(net);
}

int64_t gim_net_timeout_ms(const gim_net *net) {
  int64_t now, due = due_ms(net);
  if (due <= 0) return due;
  now = gim_net_now_ms();
  return due > now ? due - now : 0;
}

/* -------- transfers -------- */

int gim_net_active(const gim_net *net) {
  int n = 0;
  for (int i = 0; i < GIM_CLASS_COUNT; i++) n += net->active[i];
  return n;
}

/* Slots that `of` leaves to others. Of three, one kept for each would leave
   paid requests one: fewer than of two. */
static int kept_from(const gim_net *net, gim_class of) {
  int paid = net->active[GIM_CLASS_PAID] + net->reserved;
  int polls = net->active[GIM_CLASS_POLL];
  int downloads = net->active[GIM_CLASS_DOWNLOAD];
  if (net->max_requests < 3) return 0;
  if (net->max_requests == 3)
    return of == GIM_CLASS_PAID ? polls + downloads == 0 : paid == 0;
  return (of != GIM_CLASS_PAID && paid == 0) +
         (of != GIM_CLASS_POLL && polls == 0) +
         (of != GIM_CLASS_DOWNLOAD && downloads == 0);
}

bool gim_net_has_slot(const gim_net *net, gim_class transfer_class) {
  return net->max_requests - gim_net_active(net) - net->reserved >
         kept_from(net, transfer_class);
}

void gim_net_reserve(gim_net *net, bool reserved) {
  net->reserved += reserved ? 1 : -1;
}

bool gim_net_watch(gim_net *net, int fd, gim_net_watcher watcher, void *ud) {
  net->watcher = watcher;
  net->watcher_ud = ud;
  return gim_wait_watch(net->wait, fd, GIM_WAIT_IN, TAG_WATCHED);
}

static void link_transfer(gim_net *net, gim_transfer *t) {
  t->previous = NULL;
  t->next = net->transfers;
  if (t->next != NULL) t->next->previous = t;
  net->transfers = t;
}

static void unlink_transfer(gim_net *net, gim_transfer *t) {
  if (t->previous != NULL)
    t->previous->next = t->next;
  else
    net->transfers = t->next;
  if (t->next != NULL) t->next->previous = t->previous;
  t->next = t->previous = NULL;
}

gim_status gim_net_start(gim_net *net, const gim_transfer_spec *spec,
                         const gim_transfer_callbacks *calls, void *ud,
                         gim_transfer **transfer, gim_err *err) {
  gim_lane *lane;
  gim_transfer *t;
  gim_status status;
  *transfer = NULL;
  if (gim_net_is_foreign(net)) return fail_foreign(err);
  if (!spec->connect_only && !gim_net_has_slot(net, spec->transfer_class))
    return gim_fail(err, GIM_E_TOO_BIG, "all %d slots for requests are taken",
                    net->max_requests);
  lane = gim_lane_for(net->lanes, &net->lane_n,
                      spec->transfer_class == GIM_CLASS_DOWNLOAD);
  t = gim_lane_take(lane);
  if (t == NULL)
    return gim_fail(err, GIM_E_NO_MEMORY, "not enough memory for a request");
  status = gim_prepare(t, spec, calls, ud, err);
  if (status == GIM_OK && !gim_lane_add(lane, t))
    status = gim_fail(err, GIM_E_NO_MEMORY, "libcurl takes no more requests");
  if (status != GIM_OK) {
    gim_lane_give(lane, t, false);
    return status;
  }
  link_transfer(net, t);
  net->active[t->transfer_class]++;
  if (t->timeout_ms > 0) {
    t->deadline_ms = clock_ms(net) + t->timeout_ms;
    net->deadline_ms = earlier(net->deadline_ms, t->deadline_ms);
  }
  *transfer = t;
  arm(net);
  return GIM_OK;
}

void gim_net_cancel(gim_net *net, gim_transfer *t, size_t *handed) {
  gim_lane *lane = &net->lanes[t->lane];
  if (handed != NULL) *handed = t->handed;
  if (gim_net_is_foreign(net) || t->state != GIM_TRANSFER_RUNNING) return;
  net->active[t->transfer_class]--;
  if (net->parks && gim_transfer_is_resolving(t) &&
      net->parked < net->max_requests) {
    /* Removing it would wait for the resolver's thread, before 7.87: it stays
       until the name is found, and is refused a socket then. */
    t->state = GIM_TRANSFER_PARKED;
    t->body = NULL;
    if (t->parts != NULL) gim_parts_close(t->parts);
    net->parked++;
  }
  else {
    gim_lane_remove(lane, t);
    unlink_transfer(net, t);
    gim_lane_give(lane, t, false);
  }
  arm(net);
}

size_t gim_net_handed(const gim_transfer *transfer) {
  return transfer->handed;
}

size_t gim_net_total(const gim_transfer *transfer) {
  return transfer->body_n;
}

static void complete(gim_net *net, gim_transfer *t, int code) {
  gim_lane *lane = &net->lanes[t->lane];
  gim_outcome outcome;
  gim_err err;
  bool clean = false;
  gim_lane_remove(lane, t);
  unlink_transfer(net, t);
  if (t->state == GIM_TRANSFER_PARKED)
    net->parked--;
  else {
    net->active[t->transfer_class]--;
    t->state = GIM_TRANSFER_DONE;
    gim_transfer_conclude(t, code, &outcome, &err);
    clean = outcome.status == GIM_OK && code == 0;
    t->calls.on_done(t->ud, &outcome);
  }
  gim_lane_give(lane, t, clean);
}

/* -------- stepping -------- */

/* What waits goes first: true when all of it could. */
static bool run_waiting(gim_net *net) {
  gim_list_item *item;
  while ((item = gim_brake_resume(&net->brake)) != NULL) {
    gim_transfer *t = GIM_CONTAINER(item, gim_transfer, waiting);
    int code = gim_lane_resume(&net->lanes[t->lane], t);
    if (code != CURLE_OK) complete(net, t, code);
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
      complete(net, t, code);
      worked = true;
      if (gim_brake_is_over(&net->brake)) return worked;
    }
  return worked;
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
      if (ready[i].tag == TAG_WATCHED)
        net->watcher(net->watcher_ud);
      else
        gim_lane_socket(&net->lanes[ready[i].tag], &ready[i]);
    }
    worked = n > 0;
    if (run_timers(net)) worked = true;
    if (run_ended(net)) worked = true;
    if (gim_list_first(&net->brake.waiting) != NULL) return false;
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
  int64_t now = clock_ms(net);
  gim_transfer *t, *next;
  if (net->deadline_ms < 0 || net->deadline_ms > now) return;
  net->deadline_ms = -1;
  for (t = net->transfers; t != NULL; t = next) {
    next = t->next;
    if (t->deadline_ms == 0 || t->state != GIM_TRANSFER_RUNNING) continue;
    if (t->deadline_ms > now ||
        (!drained && t->postponed++ < POSTPONED_MAX + gim_net_active(net))) {
      net->deadline_ms = earlier(net->deadline_ms, t->deadline_ms);
      continue;
    }
    complete(net, t, CURLE_OPERATION_TIMEDOUT);
    /* on_done may have taken others away, or started some. */
    next = net->transfers;
    net->deadline_ms = -1;
  }
}

static gim_status step(gim_net *net, int64_t wait_ms, gim_err *err) {
  gim_status status = GIM_OK;
  bool drained = false;
  gim_brake_release(&net->brake, net->budget_us);
  if (net->undone) {
    wait_ms = 0;
    net->idled_ms += gim_clock_ms() - net->left_ms;
  }
  if (run_waiting(net)) drained = run(net, wait_ms, &status, err);
  net->undone = !drained;
  if (status == GIM_OK) run_deadlines(net, drained);
  if (gim_brake_settle(&net->brake)) net->undone = true;
  if (net->undone) net->left_ms = gim_clock_ms();
  return status;
}

gim_status gim_net_step(gim_net *net, int64_t wait_ms, int64_t budget_us,
                        gim_err *err) {
  gim_err own;
  gim_status status;
  if (err == NULL) err = &own;
  if (gim_net_is_foreign(net)) return fail_foreign(err);
  if (net->stepping)
    return gim_fail(err, GIM_E_INVALID, "gim_net_step within on_done");
  net->budget_us = budget_us;
  net->stepping = true;
  status = step(net, wait_ms, err);
  net->stepping = false;
  arm(net);
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
