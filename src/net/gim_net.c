/* SPDX-License-Identifier: MIT */
#include "gim_net.h"

#include "gim_lane.h"
#include "gim_wait.h"

#include <curl/curl.h>
#include <pthread.h>
#include <stdlib.h>
#include <string.h>
#include <sys/random.h>
#include <time.h>
#include <unistd.h>

#define LANES 2
#define BATCH 64 /* descriptors looked at together */
/* Rounds of one step without a budget: enough to empty full sockets, and an
   end where a server is faster than we are. */
#define ROUNDS 16

struct gim_net {
  pid_t owner;
  int max_requests;
  gim_wait *wait;
  gim_carrier carrier;
  char *proxy, *user_agent;
  gim_lane lanes[LANES];
  gim_transfer *transfers; /* all that are in a multi */
  int active[GIM_CLASS_COUNT];
  int parked;
  int64_t alarm_ms;
  bool parks;  /* cancelling may block: see gim_net_cancel */
  bool undone; /* the last step left work */
  bool stepping;
};

/* -------- clocks and chance -------- */

static int64_t now_us(void) {
  struct timespec now;
  clock_gettime(CLOCK_MONOTONIC, &now);
  return (int64_t)now.tv_sec * 1000000 + now.tv_nsec / 1000;
}

int64_t gim_net_now_ms(void) {
  return now_us() / 1000;
}

int64_t gim_net_unix_s(void) {
  struct timespec now;
  clock_gettime(CLOCK_REALTIME, &now);
  return (int64_t)now.tv_sec;
}

void gim_net_random_bytes(void *p, size_t n) {
  unsigned char *to = p;
  while (n > 0) {
    ssize_t got = getrandom(to, n < 256 ? n : 256, 0);
    if (got <= 0) continue; /* EINTR; nothing else can be */
    to += got;
    n -= (size_t)got;
  }
}

uint32_t gim_net_random(void) {
  uint32_t value;
  gim_net_random_bytes(&value, sizeof(value));
  return value;
}

/* -------- making and freeing -------- */

static pthread_once_t global_once = PTHREAD_ONCE_INIT;
static CURLcode global_result = CURLE_FAILED_INIT;

/* Never undone: other users of libcurl in the process would suffer. */
static void global_init(void) {
  global_result = curl_global_init(CURL_GLOBAL_ALL);
}

static gim_status check_libcurl(gim_err *err) {
  const curl_version_info_data *v;
  pthread_once(&global_once, global_init);
  if (global_result != CURLE_OK)
    return gim_fail(err, GIM_E_NO_MEMORY, "libcurl cannot start: %s",
                    curl_easy_strerror(global_result));
  v = curl_version_info(CURLVERSION_NOW);
  if (!(v->features & CURL_VERSION_SSL))
    return gim_fail(err, GIM_E_INVALID,
                    "this libcurl (%s) has no TLS: install another build",
                    v->version);
  if (!(v->features & CURL_VERSION_ASYNCHDNS))
    return gim_fail(err, GIM_E_INVALID,
                    "this libcurl (%s) resolves names without threads and "
                    "would block: install another build",
                    v->version);
  return GIM_OK;
}

static bool copy_text(char **to, const char *text) {
  size_t n;
  *to = NULL;
  if (text == NULL) return true;
  n = strlen(text) + 1;
  *to = malloc(n);
  if (*to == NULL) return false;
  memcpy(*to, text, n);
  return true;
}

static bool share_init(gim_net *net) {
  CURLSH *share = curl_share_init();
  net->carrier.share = share;
  return share != NULL &&
         curl_share_setopt(share, CURLSHOPT_SHARE, CURL_LOCK_DATA_DNS) ==
             CURLSHE_OK &&
         curl_share_setopt(share, CURLSHOPT_SHARE,
                           CURL_LOCK_DATA_SSL_SESSION) == CURLSHE_OK;
}

/* What was made so far is in `net`, for net_delete. */
static gim_status net_init(gim_net *net, const gim_net_options *options,
                           gim_err *err) {
  gim_status status;
  int i;
  net->owner = getpid();
  net->max_requests = options->max_requests < 1 ? 1 : options->max_requests;
  net->alarm_ms = -1;
  net->parks = curl_version_info(CURLVERSION_NOW)->version_num < 0x075700;
  net->wait = gim_wait_new(err);
  if (net->wait == NULL) return err->status;
  status = gim_trust_init(&net->carrier.trust, options->ca_file, err);
  if (status != GIM_OK) return status;
  if (!copy_text(&net->proxy, options->proxy) ||
      !copy_text(&net->user_agent, options->user_agent) || !share_init(net))
    return gim_fail(err, GIM_E_NO_MEMORY, "not enough memory for a client");
  net->carrier.wait = net->wait;
  net->carrier.proxy = net->proxy;
  net->carrier.user_agent = net->user_agent;
  net->carrier.connect_timeout_ms = options->connect_timeout_ms;
  for (i = 0; i < LANES; i++)
    if (!gim_lane_init(&net->lanes[i], &net->carrier, i, net->max_requests))
      return gim_fail(err, GIM_E_NO_MEMORY, "not enough memory for a client");
  return GIM_OK;
}

static void net_delete(gim_net *net) {
  int i;
  while (net->transfers != NULL) {
    gim_transfer *t = net->transfers;
    net->transfers = t->next;
    gim_lane_remove(&net->lanes[t->lane], t);
    gim_transfer_delete(t);
  }
  for (i = 0; i < LANES; i++) gim_lane_free(&net->lanes[i]);
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
  if (check_libcurl(err) != GIM_OK) return NULL;
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
  return net->owner != getpid();
}

static gim_status fail_foreign(gim_err *err) {
  return gim_fail(err, GIM_E_INVALID,
                  "this client belongs to the parent process: make another "
                  "one after fork");
}

int gim_net_fd(const gim_net *net) {
  return gim_wait_fd(net->wait);
}

/* -------- the timer -------- */

static int64_t earlier(int64_t a, int64_t b) {
  return a < 0 || (b >= 0 && b < a) ? b : a;
}

/* 0: at once; -1: nothing is waited for. */
static int64_t due_ms(const gim_net *net) {
  int64_t due = net->alarm_ms;
  int i;
  if (net->undone) return 0;
  for (i = 0; i < LANES; i++) due = earlier(due, net->lanes[i].due_ms);
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
  int i, n = 0;
  for (i = 0; i < GIM_CLASS_COUNT; i++) n += net->active[i];
  return n;
}

bool gim_net_has_slot(const gim_net *net, gim_class transfer_class) {
  int i, kept = 0, left = net->max_requests - gim_net_active(net);
  if (net->max_requests >= GIM_CLASS_COUNT)
    for (i = 0; i < GIM_CLASS_COUNT; i++)
      if (i != (int)transfer_class && net->active[i] == 0) kept++;
  return left > kept;
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
  gim_lane *lane = &net->lanes[spec->transfer_class == GIM_CLASS_DOWNLOAD];
  gim_transfer *t;
  gim_status status;
  *transfer = NULL;
  if (gim_net_is_foreign(net)) return fail_foreign(err);
  if (!gim_net_has_slot(net, spec->transfer_class))
    return gim_fail(err, GIM_E_TOO_BIG, "all %d slots for requests are taken",
                    net->max_requests);
  t = gim_lane_take(lane);
  if (t == NULL)
    return gim_fail(err, GIM_E_NO_MEMORY, "not enough memory for a request");
  status = gim_transfer_prepare(t, spec, calls, ud, err);
  if (status == GIM_OK && !gim_lane_add(lane, t))
    status = gim_fail(err, GIM_E_NO_MEMORY, "libcurl takes no more requests");
  if (status != GIM_OK) {
    gim_lane_give(lane, t, false);
    return status;
  }
  link_transfer(net, t);
  net->active[t->transfer_class]++;
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

typedef struct stint {
  int64_t until_us; /* -1: no budget */
  bool worked;
} stint;

static bool is_over(const stint *s) {
  return s->until_us >= 0 && now_us() >= s->until_us;
}

static void run_timers(gim_net *net, stint *s) {
  int64_t now = gim_net_now_ms();
  int i;
  for (i = 0; i < LANES; i++)
    if (gim_lane_timer(&net->lanes[i], now)) s->worked = true;
}

static void run_ended(gim_net *net, stint *s) {
  gim_transfer *t;
  int i, code;
  for (i = 0; i < LANES; i++)
    while ((t = gim_lane_ended(&net->lanes[i], &code)) != NULL) {
      complete(net, t, code);
      s->worked = true;
      if (is_over(s)) return;
    }
}

static gim_status run(gim_net *net, int64_t wait_ms, int64_t budget_us,
                      gim_err *err) {
  gim_ready ready[BATCH];
  stint s = {-1, false};
  int i, n, round;
  for (round = 0; round < ROUNDS || budget_us > 0; round++) {
    /* One at a time under a budget: those that were not reached would be
       queued behind those that were, and might never be. */
    n = gim_wait_collect(net->wait, round == 0 ? wait_ms : 0, ready,
                         budget_us > 0 ? 1 : BATCH, err);
    if (n < 0) return err->status;
    if (round == 0 && budget_us > 0) s.until_us = now_us() + budget_us;
    s.worked = n > 0;
    for (i = 0; i < n; i++)
      gim_lane_socket(&net->lanes[ready[i].tag], &ready[i]);
    run_timers(net, &s);
    run_ended(net, &s);
    if (!s.worked) return GIM_OK;
    if (is_over(&s)) break;
  }
  net->undone = true;
  return GIM_OK;
}

gim_status gim_net_step(gim_net *net, int64_t wait_ms, int64_t budget_us,
                        gim_err *err) {
  gim_err own;
  gim_status status;
  int i;
  if (err == NULL) err = &own;
  if (gim_net_is_foreign(net)) return fail_foreign(err);
  if (net->stepping)
    return gim_fail(err, GIM_E_INVALID, "gim_net_step within on_done");
  if (net->undone) wait_ms = 0;
  net->undone = false;
  net->stepping = true;
  status = run(net, wait_ms, budget_us, err);
  net->stepping = false;
  arm(net);
  for (i = 0; i < LANES; i++) {
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
