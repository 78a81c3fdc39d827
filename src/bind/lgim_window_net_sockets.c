/* SPDX-License-Identifier: MIT */
#include "lgim_window_net.h"

#include "gim_sockets.h"
#include "gim_wait.h"

#include "lgim_window.h"

#include <arpa/inet.h>
#include <errno.h>
#include <lauxlib.h>
#include <linux/tcp.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#define SOCKETS "gptimage.window.sockets"

typedef struct room {
  gim_wait *wait;
  gim_sockets sockets;
} room;

static room *check_room(lua_State *L) {
  return luaL_checkudata(L, 1, SOCKETS);
}

static int sockets_free(lua_State *L) {
  room *r = check_room(L);
  gim_sockets_free(&r->sockets);
  gim_wait_free(r->wait);
  r->wait = NULL;
  return 0;
}

/* window.sockets() -> sockets | nil, err */
static int window_sockets(lua_State *L) {
  gim_err err;
  room *r = lua_newuserdatauv(L, sizeof(*r), 0);
  memset(r, 0, sizeof(*r));
  luaL_setmetatable(L, SOCKETS);
  r->wait = gim_wait_new(&err);
  if (r->wait == NULL) return lgim_window_fail(L, &err);
  gim_sockets_init(&r->sockets, r->wait);
  return 1;
}

static int push_errno(lua_State *L) {
  int error = errno;
  lua_pushnil(L);
  lua_pushinteger(L, error);
  return 2;
}

/* sockets:open([family]) -> descriptor, of TCP, not connected | nil, errno */
static int sockets_open(lua_State *L) {
  int family = (int)luaL_optinteger(L, 2, AF_INET);
  int fd = gim_sockets_open(&check_room(L)->sockets, family, SOCK_STREAM, 0);
  if (fd < 0) return push_errno(L);
  lua_pushinteger(L, fd);
  return 1;
}

/* sockets:connect(descriptor, port) -> its own port | nil, errno */
static int sockets_connect(lua_State *L) {
  int fd = (int)luaL_checkinteger(L, 2);
  struct sockaddr_in address = {.sin_family = AF_INET};
  socklen_t n = sizeof(address);
  address.sin_port = htons((uint16_t)luaL_checkinteger(L, 3));
  address.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
  if (connect(fd, (struct sockaddr *)&address, n) != 0 ||
      getsockname(fd, (struct sockaddr *)&address, &n) != 0)
    return push_errno(L);
  lua_pushinteger(L, ntohs(address.sin_port));
  return 1;
}

/* sockets:close(descriptor) -> what close(2) returns */
static int sockets_close(lua_State *L) {
  lua_pushinteger(L, gim_sockets_close(&check_room(L)->sockets,
                                       (int)luaL_checkinteger(L, 2)));
  return 1;
}

static int sockets_cork(lua_State *L) {
  gim_sockets_cork(&check_room(L)->sockets, (int)luaL_checkinteger(L, 2));
  return 0;
}

static int sockets_uncork(lua_State *L) {
  gim_sockets_uncork(&check_room(L)->sockets);
  return 0;
}

/* window.write(descriptor, bytes) -> how many went | nil, errno */
static int window_write(lua_State *L) {
  size_t n;
  const char *bytes = luaL_checklstring(L, 2, &n);
  ssize_t sent = write((int)luaL_checkinteger(L, 1), bytes, n);
  if (sent < 0) return push_errno(L);
  lua_pushinteger(L, sent);
  return 1;
}

/* window.segments(descriptor) -> packets with data that came, of TCP */
static int window_segments(lua_State *L) {
  struct tcp_info info;
  socklen_t n = sizeof(info);
  memset(&info, 0, sizeof(info));
  if (getsockopt((int)luaL_checkinteger(L, 1), IPPROTO_TCP, TCP_INFO, &info,
                 &n) != 0)
    return push_errno(L);
  lua_pushinteger(L, (lua_Integer)info.tcpi_data_segs_in);
  return 1;
}

void lgim_window_net_sockets(lua_State *L) {
  static const luaL_Reg methods[] = {{"open", sockets_open},
                                     {"connect", sockets_connect},
                                     {"close", sockets_close},
                                     {"cork", sockets_cork},
                                     {"uncork", sockets_uncork},
                                     {"__gc", sockets_free},
                                     {NULL, NULL}};
  static const luaL_Reg functions[] = {{"sockets", window_sockets},
                                       {"write", window_write},
                                       {"segments", window_segments},
                                       {NULL, NULL}};
  lgim_window_class(L, SOCKETS, methods);
  luaL_setfuncs(L, functions, 0);
}
