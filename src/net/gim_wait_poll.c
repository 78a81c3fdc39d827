/* SPDX-License-Identifier: MIT */
/* The waiting room where there is no epoll: curl_multi_poll. */
#include "gim_wait.h"

#include "gim_clock.h"
#include "gim_system.h"

#if !GIM_LINUX

#include <curl/curl.h>
#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <stdlib.h>
#include <string.h>

/* What is known of a descriptor, at its number. */
typedef struct spot {
  unsigned place; /* in `watched`, + 1; 0: is not watched */
  uint8_t tag;
  uint64_t turn; /* when it was adopted or last reported */
} spot;

/*
** What is watched stands without gaps, as curl_multi_poll wants it, in any
** order. There is room for as many as there are spots: no memory is needed
** once a descriptor was adopted.
*/
struct gim_wait {
  CURLM *multi; /* without transfers */
  struct curl_waitfd *watched;
  unsigned watched_n;
  spot *spots;
  size_t spots_n;
  uint64_t turn;
  int held;         /* tags below this one are */
  int64_t armed_ms; /* -1: off */
};

gim_wait *gim_wait_new(gim_err *err) {
  gim_wait *w = calloc(1, sizeof(*w));
  if (w != NULL) w->multi = curl_multi_init();
  if (w == NULL || w->multi == NULL) {
    gim_fail(err, GIM_E_NO_MEMORY, "not enough memory for a client");
    gim_wait_free(w);
    return NULL;
  }
  w->armed_ms = -1;
  return w;
}

void gim_wait_free(gim_wait *w) {
  if (w == NULL) return;
  if (w->multi != NULL) curl_multi_cleanup(w->multi);
  free(w->watched);
  free(w->spots);
  free(w);
}

int gim_wait_fd(gim_wait *w) {
  (void)w;
  return -1;
}

static bool make_spot(gim_wait *w, int fd) {
  size_t n = ((size_t)fd + 1) * 2 + 62;
  struct curl_waitfd *watched;
  spot *spots;
  if ((size_t)fd < w->spots_n) return true;
  watched = realloc(w->watched, n * sizeof(*watched));
  if (watched == NULL) return false;
  w->watched = watched;
  spots = realloc(w->spots, n * sizeof(*spots));
  if (spots == NULL) return false;
  memset(spots + w->spots_n, 0, (n - w->spots_n) * sizeof(*spots));
  w->spots = spots;
  w->spots_n = n;
  return true;
}

/* Nothing is put off here, but for the memory; and it queues behind those
   that are there. */
bool gim_wait_adopt(gim_wait *w, int fd) {
  if (fd < 0 || !make_spot(w, fd)) return false;
  w->spots[fd].turn = ++w->turn;
  return true;
}

static void forget(gim_wait *w, int fd) {
  unsigned place;
  if (fd < 0 || (size_t)fd >= w->spots_n || w->spots[fd].place == 0) return;
  place = w->spots[fd].place;
  w->spots[fd].place = 0;
  w->watched[place - 1] = w->watched[--w->watched_n];
  if (place <= w->watched_n) w->spots[w->watched[place - 1].fd].place = place;
}

void gim_wait_release(gim_wait *w, int fd) {
  forget(w, fd);
}

static bool is_open(int fd) {
  return fcntl(fd, F_GETFD) >= 0;
}

bool gim_wait_watch(gim_wait *w, int fd, unsigned what, int tag) {
  struct curl_waitfd *entry;
  what &= GIM_WAIT_IN | GIM_WAIT_OUT;
  if (what == 0) {
    forget(w, fd);
    if (fd < 0) errno = EBADF;
    return fd >= 0;
  }
  if (!is_open(fd)) return false; /* errno is set */
  if (!make_spot(w, fd)) {
    errno = ENOMEM;
    return false;
  }
  if (w->spots[fd].place == 0) w->spots[fd].place = ++w->watched_n;
  entry = &w->watched[w->spots[fd].place - 1];
  entry->fd = fd;
  entry->events = (short)((what & GIM_WAIT_IN ? CURL_WAIT_POLLIN : 0) |
                          (what & GIM_WAIT_OUT ? CURL_WAIT_POLLOUT : 0));
  entry->revents = 0;
  w->spots[fd].tag = (uint8_t)tag;
  return true;
}

void gim_wait_arm(gim_wait *w, int64_t due_ms) {
  w->armed_ms = due_ms < 0 ? -1 : due_ms;
}

void gim_wait_hold(gim_wait *w, int tags) {
  w->held = tags;
}

static void swap(const gim_wait *w, unsigned a, unsigned b) {
  struct curl_waitfd entry = w->watched[a];
  w->watched[a] = w->watched[b];
  w->watched[b] = entry;
  w->spots[w->watched[a].fd].place = a + 1;
  w->spots[w->watched[b].fd].place = b + 1;
}

/* Puts those that are not held before those that are: so many. */
static unsigned count_free(const gim_wait *w) {
  unsigned n = 0;
  if (w->held == 0) return w->watched_n;
  for (unsigned place = 0; place < w->watched_n; place++)
    if (w->spots[w->watched[place].fd].tag >= w->held) swap(w, place, n++);
  return n;
}

/* curl_multi_poll leaves what was reported to the next call. */
bool gim_wait_is_idle(const gim_wait *w) {
  unsigned n = count_free(w);
  int reported = 0;
  if (w->armed_ms >= 0 && w->armed_ms <= gim_clock_ms()) return false;
  if (n == 0) return true;
  return curl_multi_poll(w->multi, w->watched, n, 0, &reported) == CURLM_OK &&
         reported == 0;
}

/* How long to wait, at most `wait_ms`. */
static int timeout_of(const gim_wait *w, int64_t wait_ms) {
  int64_t left;
  if (wait_ms < 0 || wait_ms > INT_MAX) wait_ms = INT_MAX; /* 24 days */
  if (wait_ms == 0 || w->armed_ms < 0) return (int)wait_ms;
  left = w->armed_ms - gim_clock_ms();
  if (left < 0) left = 0;
  return (int)(left < wait_ms ? left : wait_ms);
}

/* What is there, of what was waited for. */
static unsigned what_of(const struct curl_waitfd *entry) {
  unsigned wanted = 0, what = 0;
  if (entry->events & CURL_WAIT_POLLIN) wanted |= GIM_WAIT_IN;
  if (entry->events & CURL_WAIT_POLLOUT) wanted |= GIM_WAIT_OUT;
  if (entry->revents & CURL_WAIT_POLLIN) what |= GIM_WAIT_IN;
  if (entry->revents & CURL_WAIT_POLLOUT) what |= GIM_WAIT_OUT;
  /* libcurl tells of a hang-up as of something to read. */
  return what == 0 ? 0 : (what & wanted) != 0 ? what & wanted : wanted;
}

/* Of the first `n`, those that waited longest for their turn, in this order,
   `max` at most. */
static int take(gim_wait *w, unsigned n, gim_ready *ready, int max) {
  int got = 0, i;
  for (unsigned place = 0; place < n; place++) {
    const struct curl_waitfd *entry = &w->watched[place];
    const spot *s = &w->spots[entry->fd];
    unsigned what = what_of(entry);
    if (what == 0) continue;
    if (got == max && w->spots[ready[max - 1].fd].turn < s->turn) continue;
    if (got < max) got++;
    for (i = got - 1; i > 0 && w->spots[ready[i - 1].fd].turn > s->turn; i--)
      ready[i] = ready[i - 1];
    ready[i].fd = entry->fd;
    ready[i].tag = s->tag;
    ready[i].what = what;
  }
  for (i = 0; i < got; i++) w->spots[ready[i].fd].turn = ++w->turn;
  return got;
}

/* libcurl's resolver closes its descriptors without a word. Watched, they
   would end every wait at once, and libcurl does not say which it was. */
static void forget_closed(gim_wait *w) {
  unsigned i = 0;
  while (i < w->watched_n) {
    if (is_open(w->watched[i].fd))
      i++;
    else
      forget(w, w->watched[i].fd); /* another has its place now */
  }
}

int gim_wait_collect(gim_wait *w, int64_t wait_ms, gim_ready *ready, int max,
                     gim_err *err) {
  unsigned n = count_free(w);
  int got, reported = 0;
  CURLMcode code = curl_multi_poll(w->multi, w->watched, n,
                                   timeout_of(w, wait_ms), &reported);
  if (code != CURLM_OK) {
    gim_fail(err, GIM_E_IO, "waiting for sockets failed: %s",
             curl_multi_strerror(code));
    return -1;
  }
  if (reported == 0) return 0;
  got = take(w, n, ready, max);
  if (got == 0) forget_closed(w);
  return got;
}

#endif
