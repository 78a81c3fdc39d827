/* SPDX-License-Identifier: MIT */
/*
** gim_sockets.h - the sockets of a net: opened, corked and closed   [floor 3]
**
** libcurl sends the head of a POST by itself, and asks for the body when that
** is on its way: two packets where one would do, and twice the work for us
** and for whoever answers. It is kept that way, because a body that libcurl
** has beforehand is a body that it can send twice (gim_transfer.h). Instead
** the socket is corked (tcp(7), TCP_CORK) just before the head: the system
** gathers what is written, and sends it when the cork is drawn, after libcurl
** has written the body. A cork that were forgotten would hold up the last
** packet for 200 ms, and nothing longer.
**
** Which socket it will be, libcurl says by its local port alone.
*/
#ifndef gim_sockets_h
#define gim_sockets_h

#include "gim_base.h"

#pragma GCC visibility push(hidden)

struct gim_wait;

typedef struct gim_socket {
  int fd;
  int port; /* its own, of TCP; 0: not known yet */
  bool corked;
} gim_socket;

typedef struct gim_sockets {
  /* private: */
  struct gim_wait *wait; /* BORROWED */
  gim_socket *open;      /* OWNED */
  size_t open_n, capacity, corked_n;
} gim_sockets;

/* None yet. What is opened is told to `wait`, which is to outlive it. */
void gim_sockets_init(gim_sockets *s, struct gim_wait *wait);

/* Closes none. Idempotent, also on a zeroed one. */
void gim_sockets_free(gim_sockets *s);

/*
** A new socket, as socket(2), close-on-exec: to be closed by
** gim_sockets_close. -1: errno says why; ENOMEM also where there is no memory
** to remember it.
*/
GIM_MUST_CHECK int gim_sockets_open(gim_sockets *s, int family, int type,
                                    int protocol);

/* Returns what close(2) does. */
int gim_sockets_close(gim_sockets *s, int fd);

/*
** From now on what is written to the connected socket of this local TCP
** `port` is gathered, until gim_sockets_uncork. Nothing happens where there
** is none, or the system cannot: it is an improvement, not a need.
*/
void gim_sockets_cork(gim_sockets *s, int port);

/* Sends what was gathered on all of them; none corked costs nothing. */
void gim_sockets_uncork(gim_sockets *s);

#pragma GCC visibility pop

#endif
