/* SPDX-License-Identifier: MIT */
#include "gim_lane.h"

#include "gim_clock.h"
#include "gim_sockets.h"

#include <curl/curl.h>
#include <errno.h>
#include <string.h>

#define SPARE_CONNECTIONS 4

static int on_socket(CURL *easy, curl_socket_t fd, int what, void *ud,
                     void *socket_ud) {
  gim_lane *lane = ud;
  unsigned want = 0;
  (void)easy, (void)socket_ud;
  if (what == CURL_POLL_IN || what == CURL_POLL_INOUT) want |= GIM_WAIT_IN;
  if (what == CURL_POLL_OUT || what == CURL_POLL_INOUT) want |= GIM_WAIT_OUT;
  /* An error told to libcurl would end every transfer of the multi, the paid
     ones too: the net's step tells instead. */
  if (!gim_wait_watch(lane->carrier->wait, fd, want, lane->tag))
    lane->watch_error = errno;
  return 0;
}

static int on_timer(CURLM *multi, long timeout_ms, void *ud) {
  gim_lane *lane = ud;
  (void)multi;
  /* 0, as for each request that is added, is long past. */
  lane->due_ms = timeout_ms > 0    ? gim_clock_ms() + timeout_ms
                 : timeout_ms == 0 ? 0
                                   : -1;
  return 0;
}

bool gim_lane_init(gim_lane *lane, const gim_carrier *carrier, int tag,
                   int slots) {
  CURLM *multi = curl_multi_init();
  memset(lane, 0, sizeof(*lane));
  lane->due_ms = -1;
  lane->multi = multi;
  lane->carrier = carrier;
  lane->tag = tag;
  if (slots > GIM_LANE_FULL) slots = GIM_LANE_FULL;
  lane->idle_max = slots;
  return multi != NULL &&
         curl_multi_setopt(multi, CURLMOPT_SOCKETFUNCTION, on_socket) ==
             CURLM_OK &&
         curl_multi_setopt(multi, CURLMOPT_SOCKETDATA, lane) == CURLM_OK &&
         curl_multi_setopt(multi, CURLMOPT_TIMERFUNCTION, on_timer) ==
             CURLM_OK &&
         curl_multi_setopt(multi, CURLMOPT_TIMERDATA, lane) == CURLM_OK &&
         curl_multi_setopt(multi, CURLMOPT_PIPELINING,
                           (long)CURLPIPE_MULTIPLEX) == CURLM_OK &&
         /* The default, four times the handles of the moment, closes kept
            connections between two bursts of polls. */
         curl_multi_setopt(multi, CURLMOPT_MAXCONNECTS,
                           (long)slots + SPARE_CONNECTIONS) == CURLM_OK;
}

gim_lane *gim_lane_for(gim_lane *lanes, int *count, bool download) {
  gim_lane *made = &lanes[*count];
  if (download) return &lanes[GIM_LANE_DOWNLOADS];
  for (int i = 0; i < *count; i++)
    if (i != GIM_LANE_DOWNLOADS && lanes[i].running < GIM_LANE_FULL)
      return &lanes[i];
  if (*count == GIM_LANES) return &lanes[0];
  if (!gim_lane_init(made, lanes[0].carrier, *count, lanes[0].idle_max)) {
    gim_lane_free(made);
    return &lanes[0];
  }
  ++*count;
  return made;
}

void gim_lane_free(gim_lane *lane) {
  while (lane->idle != NULL) {
    gim_transfer *t = lane->idle;
    lane->idle = t->next;
    gim_transfer_delete(t);
  }
  lane->idle_n = 0;
  if (lane->multi != NULL) curl_multi_cleanup(lane->multi);
  lane->multi = NULL;
}

gim_transfer *gim_lane_take(gim_lane *lane) {
  gim_transfer *t = lane->idle;
  if (t == NULL) return gim_transfer_new(lane->carrier, lane->tag);
  lane->idle = t->next;
  lane->idle_n--;
  t->next = NULL;
  return t;
}

void gim_lane_give(gim_lane *lane, gim_transfer *t, bool clean) {
  if (!clean || lane->idle_n >= lane->idle_max) {
    gim_transfer_delete(t);
    return;
  }
  gim_transfer_clear(t);
  t->next = lane->idle;
  lane->idle = t;
  lane->idle_n++;
}

bool gim_lane_add(gim_lane *lane, gim_transfer *t) {
  if (curl_multi_add_handle(lane->multi, t->easy) != CURLM_OK) return false;
  lane->running++;
  return true;
}

void gim_lane_remove(gim_lane *lane, gim_transfer *t) {
  gim_list_remove(&t->waiting);
  /* Takes its message out of the multi's queue, too, if it has one. */
  (void)curl_multi_remove_handle(lane->multi, t->easy);
  lane->running--;
}

/* libcurl reads and writes here, and nowhere else. */
static void act(gim_lane *lane, int fd, int what) {
  int running;
  (void)curl_multi_socket_action(lane->multi, fd, what, &running);
  gim_sockets_uncork(lane->carrier->sockets);
}

void gim_lane_socket(gim_lane *lane, const gim_ready *ready) {
  int what = 0;
  if (ready->what & GIM_WAIT_IN) what |= CURL_CSELECT_IN;
  if (ready->what & GIM_WAIT_OUT) what |= CURL_CSELECT_OUT;
  act(lane, ready->fd, what);
}

int gim_lane_resume(gim_lane *lane, gim_transfer *t) {
  lane->due_ms = 0; /* there may be more, and its socket does not tell */
  return gim_transfer_resume(t);
}

bool gim_lane_timer(gim_lane *lane, int64_t now_ms) {
  if (lane->due_ms < 0 || lane->due_ms > now_ms) return false;
  lane->due_ms = -1; /* libcurl sets it again if it wants to */
  act(lane, CURL_SOCKET_TIMEOUT, 0);
  return true;
}

gim_transfer *gim_lane_ended(gim_lane *lane, int *code) {
  CURLMsg *message;
  int left;
  while ((message = curl_multi_info_read(lane->multi, &left)) != NULL) {
    gim_transfer *t = NULL;
    if (message->msg != CURLMSG_DONE) continue;
    *code = (int)message->data.result;
    (void)curl_easy_getinfo(message->easy_handle, CURLINFO_PRIVATE, &t);
    return t;
  }
  return NULL;
}
