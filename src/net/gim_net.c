/* SPDX-License-Identifier: MIT */
#include "gim_net.h"

#include "gim_clock.h"
#include "gim_library.h"
#include "gim_net_private.h"
#include "gim_prepare.h"
#include "gim_process.h"

#include <curl/curl.h>
#include <errno.h>
#include <stdlib.h>

#define SPARES_MAX 64 /* of some KiB each */

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
  gim_sockets_init(&net->sockets, net->wait);
  status = gim_trust_init(&net->carrier.trust, options->ca_file, err);
  if (status != GIM_OK) return status;
  net->carrier.share = gim_library_share();
  if (net->carrier.share == NULL || !keep(&net->proxy, options->proxy) ||
      !gim_easy_agent(options->user_agent, &net->user_agent))
    return gim_fail(err, GIM_E_NO_MEMORY, "not enough memory for a client");
  net->carrier.wait = net->wait;
  net->carrier.sockets = &net->sockets;
  net->carrier.brake = &net->brake;
  net->carrier.proxy = net->proxy;
  net->carrier.user_agent = net->user_agent;
  net->carrier.query_headers = &net->query_headers;
  net->carrier.connect_timeout_ms = options->connect_timeout_ms;
  for (int i = 0; i < 2; i++, net->lane_n++)
    if (!gim_lane_init(&net->lanes[i], &net->carrier, i, net->max_requests))
      return gim_fail(err, GIM_E_NO_MEMORY, "not enough memory for a client");
  return GIM_OK;
}

static void net_delete(gim_net *net) {
  gim_list_item *spare;
  while (net->transfers != NULL) {
    gim_transfer *t = net->transfers;
    net->transfers = t->next;
    gim_lane_remove(&net->lanes[t->lane], t);
    gim_transfer_delete(t);
  }
  while ((spare = gim_net_take_spare(net)) != NULL) net->release_spare(spare);
  for (int i = 0; i < GIM_LANES; i++) gim_lane_free(&net->lanes[i]);
  if (net->carrier.share != NULL) curl_share_cleanup(net->carrier.share);
  gim_trust_free(&net->carrier.trust);
  gim_sockets_free(&net->sockets);
  gim_wait_free(net->wait);
  gim_headers_free(&net->query_headers);
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

gim_status gim_net_fail_foreign(gim_err *err) {
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

int64_t gim_net_earlier(int64_t a, int64_t b) {
  return a < 0 || (b >= 0 && b < a) ? b : a;
}

int64_t gim_net_limit_ms(const gim_net *net) {
  return gim_clock_ms() - net->idled_ms;
}

/* 0: at once; -1: nothing is waited for. */
static int64_t due_ms(const gim_net *net) {
  int64_t due = net->alarm_ms;
  /* Nothing is read and no time limit runs until a watcher is called, or what
     is stuck is let go on or taken away. */
  if (net->brake.stuck) return due;
  if (net->undone) return 0;
  if (net->deadline_ms >= 0)
    due = gim_net_earlier(due, net->deadline_ms + net->idled_ms);
  for (int i = 0; i < net->lane_n; i++)
    due = gim_net_earlier(due, net->lanes[i].due_ms);
  return due;
}

void gim_net_arm(gim_net *net) {
  if (!net->stepping) gim_wait_arm(net->wait, due_ms(net));
}

void gim_net_alarm(gim_net *net, int64_t at_ms) {
  if (gim_net_is_foreign(net)) return;
  net->alarm_ms = at_ms < 0 ? -1 : at_ms;
  gim_net_arm(net);
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
  for (int i = 0; i < GIM_NET_WATCHED; i++) {
    if (net->watched[i].watcher != NULL) continue;
    if (!gim_wait_watch(net->wait, fd, GIM_WAIT_IN, GIM_NET_TAG + i))
      return false;
    net->watched[i] = (gim_net_watched){watcher, ud, fd};
    return true;
  }
  errno = EMFILE;
  return false;
}

void gim_net_unwatch(gim_net *net, int fd) {
  for (int i = 0; i < GIM_NET_WATCHED; i++) {
    if (net->watched[i].watcher == NULL || net->watched[i].fd != fd) continue;
    (void)!gim_wait_watch(net->wait, fd, 0, 0);
    net->watched[i].watcher = NULL;
  }
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

/* The transfer has left its lane, and what it held up goes on without it. */
static void take_out(gim_net *net, gim_transfer *t) {
  if (t->held_ms != 0) gim_brake_loosen(&net->brake);
  gim_lane_remove(&net->lanes[t->lane], t);
  unlink_transfer(net, t);
}

gim_status gim_net_start(gim_net *net, const gim_transfer_spec *spec,
                         const gim_transfer_callbacks *calls, void *ud,
                         gim_transfer **transfer, gim_err *err) {
  gim_lane *lane;
  gim_transfer *t;
  gim_status status;
  *transfer = NULL;
  if (gim_net_is_foreign(net)) return gim_net_fail_foreign(err);
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
    t->deadline_ms = gim_net_limit_ms(net) + t->timeout_ms;
    net->deadline_ms = gim_net_earlier(net->deadline_ms, t->deadline_ms);
  }
  *transfer = t;
  gim_net_arm(net);
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
    take_out(net, t);
    gim_lane_give(lane, t, false);
  }
  gim_net_arm(net);
}

bool gim_net_put_spare(gim_net *net, gim_list_item *item,
                       void (*release)(gim_list_item *item)) {
  if (net->spare_n == SPARES_MAX) return false;
  net->spare_n++;
  net->release_spare = release;
  gim_list_append(&net->spares, item);
  return true;
}

gim_list_item *gim_net_take_spare(gim_net *net) {
  gim_list_item *last = gim_list_last(&net->spares);
  if (last == NULL) return NULL;
  gim_list_remove(last);
  net->spare_n--;
  return last;
}

void gim_net_resume(gim_net *net, gim_transfer *t) {
  if (t->held_ms == 0) return;
  if (t->held && t->deadline_ms > 0) {
    t->deadline_ms += gim_clock_ms() - t->held_ms;
    net->deadline_ms = gim_net_earlier(net->deadline_ms, t->deadline_ms);
  }
  t->held = false;
  gim_transfer_stand(t, false);
  gim_brake_loosen(&net->brake);
  gim_list_append(&net->brake.waiting, &t->waiting);
  if (net->stepping) return;
  if (!net->undone) net->left_ms = gim_clock_ms();
  net->undone = true;
  gim_net_arm(net);
}

bool gim_net_is_held(const gim_transfer *transfer) {
  return transfer->held_ms != 0;
}

int64_t gim_net_held_ms(const gim_transfer *transfer) {
  return gim_transfer_stood_ms(transfer);
}

bool gim_net_is_stuck(const gim_net *net) {
  return net->brake.stuck;
}

size_t gim_net_handed(const gim_transfer *transfer) {
  return transfer->handed;
}

size_t gim_net_total(const gim_transfer *transfer) {
  return transfer->body_n;
}

void gim_net_complete(gim_net *net, gim_transfer *t, int code) {
  gim_lane *lane = &net->lanes[t->lane];
  gim_outcome outcome;
  gim_err err;
  bool clean = false;
  take_out(net, t);
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
