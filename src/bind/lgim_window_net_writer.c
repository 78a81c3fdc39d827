/* SPDX-License-Identifier: MIT */
#include "lgim_window_net.h"

#include "gim_thread.h"
#include "gim_writer.h"
#include "lgim_window.h"

#include <lauxlib.h>
#include <poll.h>
#include <stdlib.h>
#include <string.h>

#define JOBS 256 /* of one writer */

/* A job that may be held: a disk that does not answer. */
typedef struct job {
  gim_writer_job job;
  gim_writer_wait wait;
  struct window_writer *of;
  int told;
  bool held; /* under the lock */
} job;

typedef struct window_writer {
  gim_writer *writer;
  int fd;    /* that it listens to; -1: none */
  bool deaf; /* it refuses to */
  int troubles;
  int error; /* of the last */
  job *jobs[JOBS];
  int count;
  pthread_mutex_t lock;
  pthread_cond_t let;
  int order[JOBS]; /* numbers of the jobs that were done */
  int done;
} window_writer;

static window_writer *check_writer(lua_State *L) {
  window_writer *w = luaL_checkudata(L, 1, LGIM_WINDOW_WRITER);
  luaL_argcheck(L, w->writer != NULL, 1, "the writer was freed");
  return w;
}

static job *check_job(lua_State *L, window_writer *w) {
  lua_Integer number = luaL_checkinteger(L, 2);
  luaL_argcheck(L, number >= 1 && number <= w->count, 2, "no such job");
  return w->jobs[number - 1];
}

gim_writer *lgim_window_opt_writer(lua_State *L, int index) {
  return lua_isnoneornil(L, index)
             ? NULL
             : ((window_writer *)luaL_checkudata(L, index, LGIM_WINDOW_WRITER))
                   ->writer;
}

static bool listen_to(void *ud, int fd, bool on) {
  window_writer *w = ud;
  if (w->deaf && on) return false;
  w->fd = on ? fd : -1;
  return true;
}

static void note_trouble(void *ud, int error) {
  window_writer *w = ud;
  w->troubles++;
  w->error = error;
}

/* window.writer() -> writer */
static int window_writer_new(lua_State *L) {
  static const gim_writer_calls calls = {listen_to, note_trouble};
  window_writer *w = lua_newuserdatauv(L, sizeof(*w), 0);
  memset(w, 0, sizeof(*w));
  w->fd = -1;
  (void)pthread_mutex_init(&w->lock, NULL);
  (void)pthread_cond_init(&w->let, NULL);
  luaL_setmetatable(L, LGIM_WINDOW_WRITER);
  w->writer = gim_writer_new(&calls, w);
  if (w->writer == NULL) lua_pushnil(L);
  return 1;
}

static void let_go(window_writer *w, job *one) {
  (void)pthread_mutex_lock(&w->lock);
  for (int i = 0; i < w->count; i++)
    if (one == NULL || w->jobs[i] == one) w->jobs[i]->held = false;
  (void)pthread_cond_broadcast(&w->let);
  (void)pthread_mutex_unlock(&w->lock);
}

static int writer_free(lua_State *L) {
  window_writer *w = luaL_checkudata(L, 1, LGIM_WINDOW_WRITER);
  if (w->writer == NULL) return 0;
  let_go(w, NULL);
  gim_writer_free(w->writer);
  w->writer = NULL;
  while (w->count > 0) free(w->jobs[--w->count]);
  return 0;
}

static int writer_stop(lua_State *L) {
  gim_writer_stop(check_writer(L)->writer);
  return 0;
}

static int writer_start(lua_State *L) {
  lua_pushboolean(L, gim_writer_start(check_writer(L)->writer));
  return 1;
}

static void run_job(gim_writer_job *of) {
  job *one = GIM_CONTAINER(of, job, job);
  window_writer *w = one->of;
  (void)pthread_mutex_lock(&w->lock);
  while (one->held) (void)pthread_cond_wait(&w->let, &w->lock);
  for (int i = 0; i < w->count; i++)
    if (w->jobs[i] == one) w->order[w->done++] = i + 1;
  (void)pthread_mutex_unlock(&w->lock);
}

static void on_ready(gim_writer_wait *wait) {
  GIM_CONTAINER(wait, job, wait)->told++;
}

/* writer:put([held]) -> number of the job */
static int writer_put(lua_State *L) {
  window_writer *w = check_writer(L);
  job *one;
  luaL_argcheck(L, w->count < JOBS, 1, "too many jobs");
  one = calloc(1, sizeof(*one));
  if (one == NULL) return luaL_error(L, "no memory");
  one->of = w;
  one->held = lua_toboolean(L, 2);
  one->job.run = run_job;
  one->wait.ready = on_ready;
  (void)pthread_mutex_lock(&w->lock);
  w->jobs[w->count++] = one;
  (void)pthread_mutex_unlock(&w->lock);
  gim_writer_put(w->writer, &one->job);
  lua_pushinteger(L, w->count);
  return 1;
}

/* writer:let(job) */
static int writer_let(lua_State *L) {
  window_writer *w = check_writer(L);
  let_go(w, check_job(L, w));
  return 0;
}

static int writer_has_done(lua_State *L) {
  window_writer *w = check_writer(L);
  lua_pushboolean(L, gim_writer_has_done(w->writer, &check_job(L, w)->job));
  return 1;
}

static int writer_wait_for(lua_State *L) {
  window_writer *w = check_writer(L);
  gim_writer_wait_for(w->writer, &check_job(L, w)->job);
  return 0;
}

/* writer:await(job) -> whether it will be told */
static int writer_await(lua_State *L) {
  window_writer *w = check_writer(L);
  job *one = check_job(L, w);
  lua_pushboolean(L, gim_writer_await(w->writer, &one->job, &one->wait));
  return 1;
}

static int writer_forget(lua_State *L) {
  window_writer *w = check_writer(L);
  gim_writer_forget(&check_job(L, w)->wait);
  return 0;
}

/* writer:retire(job) */
static int writer_retire(lua_State *L) {
  window_writer *w = check_writer(L);
  gim_writer_retire(w->writer, &check_job(L, w)->job);
  return 0;
}

/* writer:told(job) -> how often */
static int writer_told(lua_State *L) {
  window_writer *w = check_writer(L);
  lua_pushinteger(L, check_job(L, w)->told);
  return 1;
}

static int writer_is_awaited(lua_State *L) {
  lua_pushboolean(L, gim_writer_is_awaited(check_writer(L)->writer));
  return 1;
}

/* writer:troubles() -> how many it told of, the last one's errno */
static int writer_troubles(lua_State *L) {
  lua_pushinteger(L, check_writer(L)->troubles);
  lua_pushinteger(L, check_writer(L)->error);
  return 2;
}

/* writer:deafen(): nobody listens */
static int writer_deafen(lua_State *L) {
  check_writer(L)->deaf = true;
  return 0;
}

/* writer:rings([wait_ms]) -> can what is listened to be read? nil: nobody
   listens */
static int writer_rings(lua_State *L) {
  struct pollfd fd = {.fd = check_writer(L)->fd, .events = POLLIN};
  if (fd.fd < 0) return 0;
  lua_pushboolean(L, poll(&fd, 1, (int)luaL_optinteger(L, 2, 0)) > 0);
  return 1;
}

static int writer_tell(lua_State *L) {
  gim_writer_tell(check_writer(L)->writer);
  return 0;
}

/* writer:order() -> numbers of the jobs that were done, in order */
static int writer_order(lua_State *L) {
  window_writer *w = check_writer(L);
  int done;
  (void)pthread_mutex_lock(&w->lock);
  done = w->done;
  (void)pthread_mutex_unlock(&w->lock);
  lua_createtable(L, done, 0);
  for (int i = 0; i < done; i++) {
    lua_pushinteger(L, w->order[i]);
    lua_rawseti(L, -2, i + 1);
  }
  return 1;
}

void lgim_window_net_writer(lua_State *L) {
  static const luaL_Reg methods[] = {{"start", writer_start},
                                     {"put", writer_put},
                                     {"let", writer_let},
                                     {"has_done", writer_has_done},
                                     {"wait_for", writer_wait_for},
                                     {"await", writer_await},
                                     {"forget", writer_forget},
                                     {"retire", writer_retire},
                                     {"told", writer_told},
                                     {"is_awaited", writer_is_awaited},
                                     {"troubles", writer_troubles},
                                     {"deafen", writer_deafen},
                                     {"rings", writer_rings},
                                     {"tell", writer_tell},
                                     {"order", writer_order},
                                     {"stop", writer_stop},
                                     {"free", writer_free},
                                     {"__gc", writer_free},
                                     {NULL, NULL}};
  static const luaL_Reg functions[] = {{"writer", window_writer_new},
                                       {NULL, NULL}};
  lgim_window_class(L, LGIM_WINDOW_WRITER, methods);
  luaL_setfuncs(L, functions, 0);
}
