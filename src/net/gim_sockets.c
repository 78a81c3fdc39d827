/* SPDX-License-Identifier: MIT */
#include "gim_sockets.h"

#include "gim_system.h"
#include "gim_wait.h"

#include <errno.h>
#include <fcntl.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#define FIRST_CAPACITY 16

void gim_sockets_init(gim_sockets *s, struct gim_wait *wait) {
  memset(s, 0, sizeof(*s));
  s->wait = wait;
}

void gim_sockets_free(gim_sockets *s) {
  free(s->open);
  memset(s, 0, sizeof(*s));
}

/* -------- opening and closing -------- */

static int open_socket(int family, int type, int protocol) {
#if GIM_LINUX
  return socket(family, type | SOCK_CLOEXEC, protocol);
#else
  int fd = socket(family, type, protocol);
  if (fd >= 0) (void)fcntl(fd, F_SETFD, FD_CLOEXEC);
  return fd;
#endif
}

static bool remember(gim_sockets *s, int fd) {
  if (s->open_n == s->capacity) {
    size_t n = s->capacity == 0 ? FIRST_CAPACITY : s->capacity * 2;
    gim_socket *open = realloc(s->open, n * sizeof(*open));
    if (open == NULL) return false;
    s->open = open;
    s->capacity = n;
  }
  if (!gim_wait_adopt(s->wait, fd)) return false;
  s->open[s->open_n++] = (gim_socket){.fd = fd};
  return true;
}

int gim_sockets_open(gim_sockets *s, int family, int type, int protocol) {
  int fd = open_socket(family, type, protocol);
  if (fd < 0 || remember(s, fd)) return fd;
  (void)close(fd);
  errno = ENOMEM;
  return -1;
}

int gim_sockets_close(gim_sockets *s, int fd) {
  for (size_t i = 0; i < s->open_n; i++) {
    if (s->open[i].fd != fd) continue;
    if (s->open[i].corked) s->corked_n--;
    s->open[i] = s->open[--s->open_n];
    break;
  }
  gim_wait_release(s->wait, fd);
  return close(fd);
}

/* -------- corks -------- */

#if defined(TCP_CORK)

static bool set_cork(int fd, int corked) {
  return setsockopt(fd, IPPROTO_TCP, TCP_CORK, &corked, sizeof(corked)) == 0;
}

/* 0: it has none, or not yet. */
static int port_of(int fd) {
  union {
    struct sockaddr any;
    struct sockaddr_in v4;
    struct sockaddr_in6 v6;
  } address;
  socklen_t n = sizeof(address);
  if (getsockname(fd, &address.any, &n) != 0) return 0;
  switch (address.any.sa_family) {
  case AF_INET: return ntohs(address.v4.sin_port);
  case AF_INET6: return ntohs(address.v6.sin6_port);
  default: return 0;
  }
}

/* Two that go to different places may share a port. Corking the wrong one
   does no harm, and the other's head goes ahead of its body. */
static gim_socket *find(gim_sockets *s, int port) {
  for (size_t i = 0; i < s->open_n; i++) {
    gim_socket *one = &s->open[i];
    if (one->port == 0) one->port = port_of(one->fd);
    if (one->port == port) return one;
  }
  return NULL;
}

void gim_sockets_cork(gim_sockets *s, int port) {
  gim_socket *one = port > 0 ? find(s, port) : NULL;
  if (one == NULL || one->corked || !set_cork(one->fd, 1)) return;
  one->corked = true;
  s->corked_n++;
}

void gim_sockets_uncork(gim_sockets *s) {
  for (size_t i = 0; s->corked_n > 0 && i < s->open_n; i++) {
    if (!s->open[i].corked) continue;
    s->open[i].corked = false;
    s->corked_n--;
    (void)set_cork(s->open[i].fd, 0);
  }
}

#else

void gim_sockets_cork(gim_sockets *s, int port) {
  (void)s, (void)port;
}

void gim_sockets_uncork(gim_sockets *s) {
  (void)s;
}

#endif
