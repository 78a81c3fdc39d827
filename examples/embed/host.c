/* SPDX-License-Identifier: MIT */
/*
** An application that hosts Lua and has a loop of its own: epoll, a timer, and
** the client's descriptor among what it watches. The module in C is linked
** into the program (libgptimage.a); its Lua half is found by package.path.
**
**   make embed && eval "$(make -s env)"
**   build/embed/host examples/embed/picture.lua
**
** The script returns a client; from then on C is in charge: it calls step when
** the descriptor is readable, and does its own work meanwhile.
*/
#include <lauxlib.h>
#include <lua.h>
#include <lualib.h>

#include <errno.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/timerfd.h>
#include <unistd.h>

#define TICK_MS 10
#define BUDGET_S 0.002 /* of I/O in one step: what a frame can spare */

int luaopen_gptimage_core(lua_State *L);

typedef struct host {
  lua_State *L; /* the client is at index 1 of its stack */
  int epoll, timer;
  int client; /* its descriptor; -1: the build has none, each tick is a step */
  long ticks, steps;
} host;

static int complain(lua_State *L) {
  fprintf(stderr, "host: %s\n", luaL_tolstring(L, -1, NULL));
  lua_pop(L, 2);
  return -1;
}

/* client:step(0, BUDGET_S): how many tasks are live; -1: it raised. */
static lua_Integer step(host *h) {
  lua_Integer live;
  lua_getfield(h->L, 1, "step");
  lua_pushvalue(h->L, 1);
  lua_pushinteger(h->L, 0);
  lua_pushnumber(h->L, BUDGET_S);
  if (lua_pcall(h->L, 3, 1, 0) != LUA_OK) return complain(h->L);
  live = lua_tointeger(h->L, -1);
  lua_pop(h->L, 1);
  h->steps++;
  return live;
}

/* client:fd(), -1 where it is nil. False: it raised. */
static bool find_descriptor(host *h) {
  lua_getfield(h->L, 1, "fd");
  lua_pushvalue(h->L, 1);
  if (lua_pcall(h->L, 1, 1, 0) != LUA_OK) return complain(h->L) == 0;
  h->client = lua_isinteger(h->L, -1) ? (int)lua_tointeger(h->L, -1) : -1;
  lua_pop(h->L, 1);
  return true;
}

static int watch(const host *h, int fd) {
  struct epoll_event event;
  memset(&event, 0, sizeof(event));
  event.events =
      EPOLLIN; /* level-triggered: what one step leaves is not lost */
  event.data.fd = fd;
  return epoll_ctl(h->epoll, EPOLL_CTL_ADD, fd, &event);
}

static int start_timer(void) {
  const struct itimerspec every = {{0, TICK_MS * 1000000L},
                                   {0, TICK_MS * 1000000L}};
  int fd = timerfd_create(CLOCK_MONOTONIC, TFD_CLOEXEC | TFD_NONBLOCK);
  if (fd >= 0) (void)timerfd_settime(fd, 0, &every, NULL);
  return fd;
}

static void on_timer(host *h) {
  uint64_t times;
  if (read(h->timer, &times, sizeof(times)) == sizeof(times))
    h->ticks += (long)times; /* the application's own work */
}

/* The application's loop: until no task is live. 0, or -1. */
static int run(host *h) {
  lua_Integer live = step(h);
  while (live > 0) {
    struct epoll_event events[8];
    int i, n = epoll_wait(h->epoll, events, 8, -1);
    if (n < 0 && errno != EINTR) return -1;
    for (i = 0; i < n; i++) {
      if (events[i].data.fd == h->timer)
        on_timer(h);
      else
        live = step(h);
    }
    if (h->client < 0) live = step(h);
  }
  return live < 0 ? -1 : 0;
}

static int serve(lua_State *L) {
  host h = {L, -1, -1, -1, 0, 0};
  int result = -1;
  h.epoll = epoll_create1(EPOLL_CLOEXEC);
  h.timer = start_timer();
  if (h.epoll < 0 || h.timer < 0 || watch(&h, h.timer) != 0)
    perror("host");
  else if (find_descriptor(&h) && (h.client < 0 || watch(&h, h.client) == 0))
    result = run(&h);
  printf("host: %ld ticks of its own, %ld steps\n", h.ticks, h.steps);
  if (h.timer >= 0) close(h.timer);
  if (h.epoll >= 0) close(h.epoll);
  return result;
}

int main(int argc, char **argv) {
  lua_State *L = argc == 2 ? luaL_newstate() : NULL;
  int result = -1;
  if (L == NULL) {
    fprintf(stderr, "usage: host SCRIPT.lua\n");
    return 2;
  }
  luaL_openlibs(L);
  luaL_getsubtable(L, LUA_REGISTRYINDEX, LUA_PRELOAD_TABLE);
  lua_pushcfunction(L, luaopen_gptimage_core);
  lua_setfield(L, -2, "gptimage.core");
  lua_settop(L, 0);
  if (luaL_loadfile(L, argv[1]) != LUA_OK || lua_pcall(L, 0, 1, 0) != LUA_OK)
    (void)complain(L);
  else if (!lua_isuserdata(L, 1))
    fprintf(stderr, "host: %s returns no client\n", argv[1]);
  else
    result = serve(L);
  lua_close(L); /* closes the client, too */
  return result == 0 ? 0 : 1;
}
