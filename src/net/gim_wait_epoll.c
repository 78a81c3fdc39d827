/* SPDX-License-Identifier: MIT */
/* The waiting room of Linux: an epoll set with a timerfd inside it. */
#include "gim_wait.h"

#include "gim_clock.h"
#include "gim_system.h"

#if GIM_LINUX

#include <errno.h>
#include <limits.h>
#include <poll.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/timerfd.h>
#include <time.h>
#include <unistd.h>

#define BATCH 64
#define TIMER_KEY UINT64_MAX

/*
** Two bytes per descriptor, at its number: what is wanted now, and its tag; of
** adopted ones what epoll watches, and that they are ours; and of those that
** are held that they were ready, and that epoll was told to say so no more.
*/
#define REGISTERED(mark) ((unsigned)(mark)&3u)
#define WANTED(mark) (((unsigned)(mark) >> 2) & 3u)
#define OURS 16u
#define MUTED 32u
#define TAG(mark) ((int)((unsigned)(mark) >> 8))

struct gim_wait {
  int epoll_fd;
  int timer_fd;
  int64_t armed_ms; /* when a wait ends; -1: never */
  bool shown;       /* somebody outside watches: the timer has to be set */
  uint16_t *marks;
  size_t marks_n;
  size_t wanted_n; /* marks with something wanted */
  int held;        /* tags below this one are */
  bool muted;      /* some mark may be */
};

gim_wait *gim_wait_new(gim_err *err) {
  struct epoll_event event;
  gim_wait *w = calloc(1, sizeof(*w));
  if (w == NULL) {
    gim_fail(err, GIM_E_NO_MEMORY, "not enough memory for a client");
    return NULL;
  }
  w->armed_ms = -1;
  w->timer_fd = -1;
  w->epoll_fd = epoll_create1(EPOLL_CLOEXEC);
  if (w->epoll_fd >= 0)
    w->timer_fd = timerfd_create(CLOCK_MONOTONIC, TFD_NONBLOCK | TFD_CLOEXEC);
  memset(&event, 0, sizeof(event));
  event.events = EPOLLIN;
  event.data.u64 = TIMER_KEY;
  if (w->timer_fd < 0 ||
      epoll_ctl(w->epoll_fd, EPOLL_CTL_ADD, w->timer_fd, &event) != 0) {
    gim_fail(err, GIM_E_IO, "cannot make an epoll descriptor: %s",
             strerror(errno));
    gim_wait_free(w);
    return NULL;
  }
  return w;
}

void gim_wait_free(gim_wait *w) {
  if (w == NULL) return;
  if (w->timer_fd >= 0) close(w->timer_fd);
  if (w->epoll_fd >= 0) close(w->epoll_fd);
  free(w->marks);
  free(w);
}

static void set_timer(const gim_wait *w) {
  struct itimerspec when;
  memset(&when, 0, sizeof(when));
  if (w->armed_ms == 0)
    when.it_value.tv_nsec = 1; /* long past: at once */
  else if (w->armed_ms > 0) {
    when.it_value.tv_sec = (time_t)(w->armed_ms / 1000);
    when.it_value.tv_nsec = (long)(w->armed_ms % 1000) * 1000000L;
  }
  /* Setting also takes back that it has run out: it is never read. No times
     but such as these are refused. */
  (void)timerfd_settime(w->timer_fd, TFD_TIMER_ABSTIME, &when, NULL);
}

int gim_wait_fd(gim_wait *w) {
  if (!w->shown) {
    w->shown = true;
    set_timer(w);
  }
  return w->epoll_fd;
}

static bool is_ours(const gim_wait *w, int fd) {
  return fd >= 0 && (size_t)fd < w->marks_n && (w->marks[fd] & OURS) != 0;
}

static bool make_mark(gim_wait *w, int fd) {
  size_t n = ((size_t)fd + 1) * 2 + 62;
  uint16_t *marks;
  if ((size_t)fd < w->marks_n) return true;
  marks = realloc(w->marks, n * sizeof(*marks));
  if (marks == NULL) return false;
  memset(marks + w->marks_n, 0, (n - w->marks_n) * sizeof(*marks));
  w->marks = marks;
  w->marks_n = n;
  return true;
}

static void set_wanted(gim_wait *w, int fd, unsigned what) {
  if ((size_t)fd >= w->marks_n) return; /* nothing ever was */
  if (WANTED(w->marks[fd]) != 0) w->wanted_n--;
  if (what != 0) w->wanted_n++;
  w->marks[fd] = (uint16_t)((w->marks[fd] & ~12u) | what << 2);
}

bool gim_wait_adopt(gim_wait *w, int fd) {
  if (fd < 0 || !make_mark(w, fd)) return false;
  /* Of another that had the number and was closed without a word, too. */
  set_wanted(w, fd, 0);
  w->marks[fd] = OURS;
  return true;
}

/* `more` than `what` tells. */
static bool control_events(gim_wait *w, int operation, int fd, unsigned what,
                           int tag, uint32_t more) {
  struct epoll_event event;
  memset(&event, 0, sizeof(event));
  event.events = more;
  if (what & GIM_WAIT_IN) event.events |= EPOLLIN;
  if (what & GIM_WAIT_OUT) event.events |= EPOLLOUT;
  event.data.u64 = ((uint64_t)(unsigned)tag << 34) | ((uint64_t)what << 32) |
                   (uint64_t)(unsigned)fd;
  return epoll_ctl(w->epoll_fd, operation, fd, &event) == 0;
}

static bool control(gim_wait *w, int operation, int fd, unsigned what,
                    int tag) {
  return control_events(w, operation, fd, what, tag, 0);
}

void gim_wait_release(gim_wait *w, int fd) {
  if (!is_ours(w, fd)) return;
  /*
  ** Closing alone would do, were it not for a child that forked: while its
  ** copy of the descriptor is open, epoll goes on to report ours.
  */
  if (REGISTERED(w->marks[fd]) != 0) (void)control(w, EPOLL_CTL_DEL, fd, 0, 0);
  set_wanted(w, fd, 0);
  w->marks[fd] = 0;
}

/* As it was just registered with epoll: it is not muted. */
static void set_tag(gim_wait *w, int fd, int tag) {
  w->marks[fd] = (uint16_t)((w->marks[fd] & 0xFFu & ~MUTED) |
                            ((unsigned)tag & 0xFFu) << 8);
}

/*
** Not ours: what epoll watches is not remembered, because the number may come
** back for another descriptor without our hearing of it. That something is
** wanted is; should its descriptor be gone, it counts for too long, and
** gim_wait_is_idle asks the system in vain.
*/
static bool watch_at_once(gim_wait *w, int fd, unsigned what, int tag) {
  if (what == 0) {
    (void)control(w, EPOLL_CTL_DEL, fd, 0, 0);
    set_wanted(w, fd, 0);
    return true;
  }
  if (!control(w, EPOLL_CTL_ADD, fd, what, tag) &&
      !(errno == EEXIST && control(w, EPOLL_CTL_MOD, fd, what, tag)))
    return false;
  if (!make_mark(w, fd)) {
    (void)control(w, EPOLL_CTL_DEL, fd, 0, 0);
    errno = ENOMEM;
    return false;
  }
  set_wanted(w, fd, what);
  set_tag(w, fd, tag);
  return true;
}

static bool set_registered(gim_wait *w, int fd, unsigned what, int tag) {
  unsigned now = REGISTERED(w->marks[fd]);
  if (now == what) return true;
  if (!control(w, now == 0 ? EPOLL_CTL_ADD : EPOLL_CTL_MOD, fd, what, tag))
    return false;
  w->marks[fd] = (uint16_t)((w->marks[fd] & ~3u) | what);
  set_tag(w, fd, tag);
  return true;
}

bool gim_wait_watch(gim_wait *w, int fd, unsigned what, int tag) {
  what &= 3u;
  if (fd < 0) {
    errno = EBADF;
    return false;
  }
  if (!is_ours(w, fd)) return watch_at_once(w, fd, what, tag);
  set_wanted(w, fd, what);
  /* Interest that goes away is forgotten lazily, when `fd` fires. */
  return what == 0 || set_registered(w, fd, what, tag);
}

/*
** A ready one is not looked at: epoll is to say nothing of it. Of an error or
** a hang-up it would all the same, but not again after it did once.
*/
static void mute(gim_wait *w, int fd, int tag) {
  if ((w->marks[fd] & MUTED) != 0) return;
  if (!control_events(w, EPOLL_CTL_MOD, fd, 0, tag, EPOLLONESHOT)) return;
  w->marks[fd] |= MUTED;
  w->muted = true;
}

void gim_wait_hold(gim_wait *w, int tags) {
  if (tags == w->held) return;
  w->held = tags;
  if (!w->muted) return;
  w->muted = false;
  for (size_t fd = 0; fd < w->marks_n; fd++) {
    unsigned mark = w->marks[fd];
    if ((mark & MUTED) == 0) continue;
    w->marks[fd] = (uint16_t)(mark & ~MUTED);
    /* One that was closed without a word is not there any more, nor is what
       has its number now. */
    (void)control(w, EPOLL_CTL_MOD, (int)fd,
                  (mark & OURS) != 0 ? REGISTERED(mark) : WANTED(mark),
                  TAG(mark));
  }
}

void gim_wait_arm(gim_wait *w, int64_t due_ms) {
  if (due_ms < 0) due_ms = -1;
  if (due_ms == w->armed_ms) return;
  w->armed_ms = due_ms;
  if (w->shown) set_timer(w);
}

/* The time until the wait is to end, in the whole milliseconds that epoll
   knows, and not a part of one too early. */
static int timeout_of(const gim_wait *w, int64_t wait_ms) {
  int64_t left;
  if (wait_ms == 0) return 0;
  if (w->armed_ms >= 0) {
    left = w->armed_ms - gim_clock_ms();
    if (left < 0) left = 0;
    if (wait_ms < 0 || left < wait_ms) wait_ms = left;
  }
  return wait_ms < 0 ? -1 : wait_ms > INT_MAX ? INT_MAX : (int)wait_ms;
}

bool gim_wait_is_idle(const gim_wait *w) {
  struct pollfd set = {.fd = w->epoll_fd, .events = POLLIN};
  if (w->armed_ms >= 0 && w->armed_ms <= gim_clock_ms()) return false;
  if (w->wanted_n == 0 && !w->shown) return true;
  return poll(&set, 1, 0) == 0;
}

/* True: `event`, a descriptor's, is for the caller. */
static bool take(gim_wait *w, const struct epoll_event *event,
                 gim_ready *ready) {
  uint64_t key = event->data.u64;
  int fd = (int)(uint32_t)key;
  unsigned wanted = (unsigned)(key >> 32) & 3u;
  unsigned what = 0;
  int tag = (int)(key >> 34);
  if (is_ours(w, fd)) {
    wanted = WANTED(w->marks[fd]);
    if (wanted == 0) {
      if (control(w, EPOLL_CTL_DEL, fd, 0, 0))
        w->marks[fd] = (uint16_t)(w->marks[fd] & ~3u);
      return false;
    }
  }
  if (tag < w->held) {
    mute(w, fd, tag);
    return false;
  }
  if (event->events & (EPOLLERR | EPOLLHUP)) what = wanted;
  if (event->events & EPOLLIN) what |= GIM_WAIT_IN;
  if (event->events & EPOLLOUT) what |= GIM_WAIT_OUT;
  ready->fd = fd;
  ready->tag = tag;
  ready->what = what & wanted;
  return ready->what != 0;
}

int gim_wait_collect(gim_wait *w, int64_t wait_ms, gim_ready *ready, int max,
                     gim_err *err) {
  struct epoll_event events[BATCH];
  int i, n, got = 0, timer = 0;
  int timeout = timeout_of(w, wait_ms);
  if (max > BATCH) max = BATCH;
  if (max < 1) max = 1;
  do {
    n = epoll_wait(w->epoll_fd, events, max, timeout);
    if (n < 0) {
      if (errno == EINTR) return 0;
      gim_fail(err, GIM_E_IO, "waiting for sockets failed: %s",
               strerror(errno));
      return -1;
    }
    for (i = 0; i < n; i++) {
      if (events[i].data.u64 == TIMER_KEY)
        timer++;
      else if (take(w, &events[i], &ready[got]))
        got++;
    }
    timeout = 0;
    /*
    ** A batch of nothing but the timer and what nobody wants any more must
    ** not hide what is ready behind it. Seeing the timer twice is going
    ** round in a circle.
    */
  } while (got == 0 && n == max && timer < 2);
  return got;
}

#endif
