/* SPDX-License-Identifier: MIT */
#include "gim_writer.h"

#include "gim_process.h"
#include "gim_system.h"
#include "gim_thread.h"

#include <stdlib.h>
#if GIM_LINUX
#include <sys/resource.h>
#endif

#define NICE 19 /* the last in the queue */

struct gim_writer {
  pid_t owner; /* a child after fork has no such thread, and maybe a lock that
                  nobody opens */
  gim_writer_listen listen;
  void *ud;
  gim_list waiting; /* of gim_writer_wait */
  bool listening;
  bool running, stopped;
  pthread_t thread;
  gim_bell bell;
  pthread_mutex_t lock;
  pthread_cond_t wake; /* for the thread */
  pthread_cond_t done; /* for the owner, who blocks */
  /* Under the lock: */
  gim_writer_job *first, *end; /* jobs that are still to be done */
  bool asleep;                 /* the thread has to be woken */
  bool blocked;                /* and so has the owner */
  bool stop;
};

gim_writer *gim_writer_new(gim_writer_listen listen, void *ud) {
  gim_writer *w = calloc(1, sizeof(*w));
  if (w == NULL) return NULL;
  w->owner = gim_process_self();
  w->listen = listen;
  w->ud = ud;
  w->bell[0] = w->bell[1] = -1;
  if (pthread_mutex_init(&w->lock, NULL) == 0) {
    if (pthread_cond_init(&w->wake, NULL) == 0) {
      if (pthread_cond_init(&w->done, NULL) == 0) return w;
      pthread_cond_destroy(&w->wake);
    }
    pthread_mutex_destroy(&w->lock);
  }
  free(w);
  return NULL;
}

/* -------- the thread -------- */

/* With the lock held at both ends. */
static void do_next(gim_writer *w) {
  gim_writer_job *job = w->first;
  bool last = job->last;
  w->first = job->next;
  pthread_mutex_unlock(&w->lock);
  job->run(job);
  pthread_mutex_lock(&w->lock);
  if (last) return;
  job->done = true;
  if (job->told) gim_bell_ring(w->bell);
  if (w->blocked) pthread_cond_signal(&w->done);
}

/*
** The host's threads come first, where they share a processor: one that was
** taken from them in the middle of a step comes back some milliseconds later.
** Should they take all of it, the files wait, then the transfers, then they
** have nothing to do. On Linux this is the thread's own; elsewhere the
** process's.
*/
static void step_back(void) {
#if GIM_LINUX
  (void)setpriority(PRIO_PROCESS, 0, NICE);
#endif
}

static void *work(void *ud) {
  gim_writer *w = ud;
  step_back();
  pthread_mutex_lock(&w->lock);
  for (;;) {
    if (w->first != NULL) {
      do_next(w);
    }
    else if (w->stop) {
      break;
    }
    else {
      w->asleep = true;
      pthread_cond_wait(&w->wake, &w->lock);
      w->asleep = false;
    }
  }
  pthread_mutex_unlock(&w->lock);
  return NULL;
}

/* -------- its owner -------- */

static bool is_foreign(const gim_writer *w) {
  return w->owner != gim_process_self();
}

bool gim_writer_start(gim_writer *w) {
  if (w == NULL || w->stopped || is_foreign(w)) return false;
  if (w->running) return true;
  if (gim_bell_open(w->bell) && gim_thread_start(&w->thread, work, w) == 0) {
    w->running = true;
    return true;
  }
  gim_bell_close(w->bell);
  w->stopped = true; /* it would not be otherwise the next time */
  return false;
}

void gim_writer_put(gim_writer *w, gim_writer_job *job) {
  bool asleep;
  job->next = NULL;
  job->done = job->told = false;
  pthread_mutex_lock(&w->lock);
  if (w->first == NULL)
    w->first = job;
  else
    w->end->next = job;
  w->end = job;
  asleep = w->asleep;
  pthread_mutex_unlock(&w->lock);
  /* Outside: it would run into the lock at once. */
  if (asleep) pthread_cond_signal(&w->wake);
}

bool gim_writer_has_done(gim_writer *w, const gim_writer_job *job) {
  bool done;
  if (is_foreign(w)) return false;
  pthread_mutex_lock(&w->lock);
  done = job->done;
  pthread_mutex_unlock(&w->lock);
  return done;
}

void gim_writer_wait_for(gim_writer *w, const gim_writer_job *job) {
  if (is_foreign(w)) return;
  pthread_mutex_lock(&w->lock);
  w->blocked = true;
  while (!job->done) pthread_cond_wait(&w->done, &w->lock);
  w->blocked = false;
  pthread_mutex_unlock(&w->lock);
}

/* -------- telling -------- */

/* True when nobody has to listen, or somebody does. */
static bool hark(gim_writer *w) {
  bool wanted = gim_list_first(&w->waiting) != NULL;
  if (wanted != w->listening && w->listen(w->ud, w->bell[0], wanted))
    w->listening = wanted;
  return w->listening || !wanted;
}

bool gim_writer_await(gim_writer *w, gim_writer_job *job,
                      gim_writer_wait *wait) {
  bool done;
  gim_list_remove(&wait->link);
  if (is_foreign(w)) return false;
  pthread_mutex_lock(&w->lock);
  done = job->done;
  if (!done) job->told = true;
  pthread_mutex_unlock(&w->lock);
  if (done) return false;
  wait->job = job;
  gim_list_append(&w->waiting, &wait->link);
  if (hark(w)) return true;
  gim_list_remove(&wait->link);
  gim_writer_wait_for(w, job);
  return false;
}

void gim_writer_forget(gim_writer_wait *wait) {
  gim_list_remove(&wait->link);
}

bool gim_writer_is_awaited(const gim_writer *w) {
  return w != NULL && gim_list_first(&w->waiting) != NULL;
}

void gim_writer_retire(gim_writer *w, const gim_writer_job *job) {
  for (gim_list_item *link = gim_list_first(&w->waiting); link != NULL;
       link = gim_list_after(&w->waiting, link)) {
    gim_writer_wait *wait = GIM_CONTAINER(link, gim_writer_wait, link);
    if (wait->job == job) wait->job = NULL;
  }
}

static size_t count_waiting(const gim_writer *w) {
  size_t n = 0;
  for (const gim_list_item *link = gim_list_first(&w->waiting); link != NULL;
       link = gim_list_after(&w->waiting, link))
    n++;
  return n;
}

void gim_writer_tell(gim_writer *w) {
  gim_list_item *link;
  gim_bell_quiet(w->bell);
  /* Once round: those who still wait go to the end, and some may leave. */
  for (size_t n = count_waiting(w);
       n > 0 && (link = gim_list_shift(&w->waiting)) != NULL; n--) {
    gim_writer_wait *wait = GIM_CONTAINER(link, gim_writer_wait, link);
    if (wait->job == NULL || gim_writer_has_done(w, wait->job))
      wait->ready(wait);
    else
      gim_list_append(&w->waiting, link);
  }
  (void)hark(w);
}

/* -------- the end -------- */

void gim_writer_stop(gim_writer *w) {
  if (w == NULL || is_foreign(w)) return;
  while (gim_list_shift(&w->waiting) != NULL) continue;
  (void)hark(w);
  w->stopped = true;
  if (!w->running) return;
  pthread_mutex_lock(&w->lock);
  w->stop = true;
  pthread_cond_signal(&w->wake);
  pthread_mutex_unlock(&w->lock);
  pthread_join(w->thread, NULL);
  w->running = false;
  gim_bell_close(w->bell);
}

void gim_writer_free(gim_writer *w) {
  if (w == NULL || is_foreign(w)) return;
  gim_writer_stop(w);
  pthread_cond_destroy(&w->done);
  pthread_cond_destroy(&w->wake);
  pthread_mutex_destroy(&w->lock);
  free(w);
}
