/* SPDX-License-Identifier: MIT */
#include "gim_writer.h"

#include "gim_process.h"
#include "gim_system.h"
#include "gim_thread.h"

#include <errno.h>
#include <stdlib.h>
#if GIM_LINUX
#include <sys/resource.h>
#endif

#define NICE 19 /* the last in the queue */

/*
** No lock is taken but to sleep and to wake somebody: a thread that stands
** back is put off at any place, also where it has one, and its owner would
** wait for it in the middle of a step. Instead each side first says what it
** does and then looks at what the other does, in one order for both
** (sequentially consistent): of two that do so at once, one sees the other.
*/
struct gim_writer {
  pid_t owner; /* a child after fork has no such thread, and maybe a lock that
                  nobody opens */
  const gim_writer_calls *calls;
  void *ud;
  gim_list waiting; /* of gim_writer_wait */
  bool listening;
  bool running, stopped;
  bool troubled; /* and told so */
  pthread_t thread;
  gim_bell bell;
  _Atomic(gim_writer_job *) put; /* what is to be done, the latest first */
  atomic_bool asleep;            /* the thread has to be woken */
  atomic_bool blocked;           /* and so has its owner */
  pthread_mutex_t lock;
  pthread_cond_t wake; /* for the thread */
  pthread_cond_t done; /* for its owner */
  bool stop;           /* under the lock */
};

gim_writer *gim_writer_new(const gim_writer_calls *calls, void *ud) {
  gim_writer *w = calloc(1, sizeof(*w));
  if (w == NULL) return NULL;
  w->owner = gim_process_self();
  w->calls = calls;
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

/* Wakes who waits for `condition` with the lock held, or is about to. */
static void wake_up(gim_writer *w, pthread_cond_t *condition) {
  pthread_mutex_lock(&w->lock);
  pthread_mutex_unlock(&w->lock);
  pthread_cond_signal(condition);
}

static void do_job(gim_writer *w, gim_writer_job *job) {
  bool last = job->last;
  job->run(job);
  if (last) return;
  /* Once that is said it may be gone. */
  if (atomic_exchange(&job->state, GIM_WRITER_DONE) == GIM_WRITER_TOLD)
    gim_bell_ring(w->bell);
  if (atomic_load(&w->blocked)) wake_up(w, &w->done);
}

/* All that was put, the first one first. */
static gim_writer_job *take_all(gim_writer *w) {
  gim_writer_job *job = atomic_exchange(&w->put, NULL), *first = NULL;
  while (job != NULL) {
    gim_writer_job *before = job->next;
    job->next = first;
    first = job;
    job = before;
  }
  return first;
}

/* False: nothing is to be done any more. */
static bool wait_for_work(gim_writer *w) {
  bool more;
  pthread_mutex_lock(&w->lock);
  atomic_store(&w->asleep, true);
  while (atomic_load(&w->put) == NULL && !w->stop)
    pthread_cond_wait(&w->wake, &w->lock);
  atomic_store(&w->asleep, false);
  more = atomic_load(&w->put) != NULL;
  pthread_mutex_unlock(&w->lock);
  return more;
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
  do {
    gim_writer_job *job = take_all(w);
    while (job != NULL) {
      gim_writer_job *next = job->next;
      do_job(w, job);
      job = next;
    }
  } while (atomic_load(&w->put) != NULL || wait_for_work(w));
  return NULL;
}

/* -------- its owner -------- */

static bool is_foreign(const gim_writer *w) {
  return w->owner != gim_process_self();
}

bool gim_writer_start(gim_writer *w) {
  int error;
  if (w == NULL || w->stopped || is_foreign(w)) return false;
  if (w->running) return true;
  error =
      gim_bell_open(w->bell) ? gim_thread_start(&w->thread, work, w) : errno;
  w->running = error == 0;
  if (w->running) return true;
  gim_bell_close(w->bell);
  if (!w->troubled) w->calls->trouble(w->ud, error);
  w->troubled = true;
  return false;
}

void gim_writer_put(gim_writer *w, gim_writer_job *job) {
  atomic_store(&job->state, GIM_WRITER_PUT);
  job->next = atomic_load(&w->put);
  while (!atomic_compare_exchange_weak(&w->put, &job->next, job)) continue;
  if (atomic_load(&w->asleep)) wake_up(w, &w->wake);
}

bool gim_writer_has_done(gim_writer *w, const gim_writer_job *job) {
  return !is_foreign(w) && atomic_load(&job->state) == GIM_WRITER_DONE;
}

void gim_writer_wait_for(gim_writer *w, const gim_writer_job *job) {
  if (is_foreign(w)) return;
  pthread_mutex_lock(&w->lock);
  atomic_store(&w->blocked, true);
  while (atomic_load(&job->state) != GIM_WRITER_DONE)
    pthread_cond_wait(&w->done, &w->lock);
  atomic_store(&w->blocked, false);
  pthread_mutex_unlock(&w->lock);
}

/* -------- telling -------- */

/* True when nobody has to listen, or somebody does. */
static bool hark(gim_writer *w) {
  bool wanted = gim_list_first(&w->waiting) != NULL;
  if (wanted != w->listening && w->calls->listen(w->ud, w->bell[0], wanted))
    w->listening = wanted;
  return w->listening || !wanted;
}

bool gim_writer_await(gim_writer *w, gim_writer_job *job,
                      gim_writer_wait *wait) {
  int state = GIM_WRITER_PUT;
  gim_list_remove(&wait->link);
  if (is_foreign(w)) return false;
  if (!atomic_compare_exchange_strong(&job->state, &state, GIM_WRITER_TOLD) &&
      state == GIM_WRITER_DONE)
    return false;
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
