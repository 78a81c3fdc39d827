/* SPDX-License-Identifier: MIT */
/*
** A task service that is not what is measured: one thread, epoll, HTTP/1.1
** plain and over TLS, HTTP/2 over TLS (chosen by ALPN). A task is done when it
** has been asked for as often as /_reset?polls=N said (5); it counts, and
** never sleeps. POSTs below /held/ wait for /_release. /_ledger is what came:
** see tasks_api.c. These three are asked for over HTTP/1.1, and not counted.
**
** usage: tasks READY CERTIFICATE
** Writes "plain tls http2 congestion" (three ports) to the pipe READY and its
** certificate to the file CERTIFICATE, and ends with its own input.
*/
#include "tasks.h"

#include <arpa/inet.h>
#include <errno.h>
#include <fcntl.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <openssl/ssl.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <time.h>
#include <unistd.h>

#define PORTS 3
#define BATCH 256
#define BLOCK 65536
#define HEAD_MAX 65536

/* Bytes that wait: those from `at` to `n`. */
typedef struct queue {
  char *p;
  size_t at, n, size;
} queue;

struct connection {
  int fd;
  SSL *ssl;
  http2 *h2;
  queue in, out;
  bool shaken, wants_out, dead;
  request r;    /* HTTP/1.1: the one that was read last */
  size_t body;  /* bytes of its body that are still to come */
  bool reading; /* its head was read */
  connection *next_dead;
};

typedef struct port {
  int fd, number;
  SSL_CTX *context;
} port;

typedef struct held {
  connection *c;
  int32_t stream;
} held;

static int set;
static port ports[PORTS];
static connection *dead;
static held *holding;
static size_t holding_n, holding_size;

int64_t clock_us(void) {
  struct timespec t;
  clock_gettime(CLOCK_MONOTONIC, &t);
  return (int64_t)t.tv_sec * 1000000 + t.tv_nsec / 1000;
}

/* -------- bytes -------- */

static bool queue_add(queue *q, const void *p, size_t n) {
  if (q->at > 0 && q->at == q->n) q->at = q->n = 0;
  if (q->n + n > q->size) {
    size_t size = (q->n + n) * 2;
    char *grown = realloc(q->p, size);
    if (grown == NULL) return false;
    q->p = grown;
    q->size = size;
  }
  memcpy(q->p + q->n, p, n);
  q->n += n;
  return true;
}

bool connection_send(connection *c, const void *p, size_t n) {
  return queue_add(&c->out, p, n);
}

bool connection_hold(connection *c, int32_t stream) {
  if (holding_n == holding_size) {
    size_t size = holding_size * 2 + 64;
    held *grown = realloc(holding, size * sizeof(*grown));
    if (grown == NULL) return false;
    holding = grown;
    holding_size = size;
  }
  holding[holding_n++] = (held){c, stream};
  return true;
}

/* Is freed when all that is ready now was looked at. */
static void drop(connection *c) {
  if (c->dead) return;
  c->dead = true;
  c->next_dead = dead;
  dead = c;
  for (size_t i = 0; i < holding_n; i++)
    if (holding[i].c == c) holding[i].c = NULL;
}

static void bury(void) {
  while (dead != NULL) {
    connection *c = dead;
    dead = c->next_dead;
    http2_free(c->h2);
    SSL_free(c->ssl);
    close(c->fd);
    free(c->in.p);
    free(c->out.p);
    free(c);
  }
}

/* > 0: bytes; 0: not now; < 0: over. */
static ssize_t receive(connection *c, void *p, size_t n) {
  ssize_t k;
  if (c->ssl == NULL) {
    k = read(c->fd, p, n);
    return k > 0 ? k : k < 0 && errno == EAGAIN ? 0 : -1;
  }
  k = SSL_read(c->ssl, p, (int)n);
  if (k > 0) return k;
  return SSL_get_error(c->ssl, (int)k) == SSL_ERROR_WANT_READ ? 0 : -1;
}

static ssize_t give(connection *c, const void *p, size_t n) {
  ssize_t k;
  if (c->ssl == NULL) {
    k = send(c->fd, p, n, MSG_NOSIGNAL);
    return k > 0 ? k : k < 0 && errno == EAGAIN ? 0 : -1;
  }
  k = SSL_write(c->ssl, p, (int)(n < BLOCK ? n : BLOCK));
  if (k > 0) return k;
  return SSL_get_error(c->ssl, (int)k) == SSL_ERROR_WANT_WRITE ? 0 : -1;
}

static bool flush(connection *c) {
  bool waits;
  while (c->out.at < c->out.n) {
    ssize_t k = give(c, c->out.p + c->out.at, c->out.n - c->out.at);
    if (k < 0) return false;
    if (k == 0) break;
    c->out.at += (size_t)k;
  }
  waits = c->out.at < c->out.n;
  if (waits != c->wants_out) {
    struct epoll_event event = {.events = EPOLLIN | (waits ? EPOLLOUT : 0u),
                                .data.ptr = c};
    c->wants_out = waits;
    return epoll_ctl(set, EPOLL_CTL_MOD, c->fd, &event) == 0;
  }
  return true;
}

/* -------- HTTP/1.1 -------- */

static bool reply(connection *c, const char *body, int status) {
  char head[160];
  size_t n = strlen(body);
  int head_n = snprintf(head, sizeof(head),
                        "HTTP/1.1 %d %s\r\nContent-Type: application/json\r\n"
                        "Content-Length: %zu\r\n\r\n",
                        status, status == 200 ? "OK" : "No", n);
  api_answered(body, clock_us());
  return connection_send(c, head, (size_t)head_n) &&
         connection_send(c, body, n);
}

static bool answer(connection *c) {
  char body[REPLY_MAX];
  int status;
  if (api_ask(&c->r, false, body, &status) == HOLD)
    return connection_hold(c, 0);
  return reply(c, body, status);
}

/* The value of a header of the head at `p`, cut to `size`; "" without. */
static void header(const char *p, const char *name, char *to, size_t size) {
  const char *field = strcasestr(p, name);
  size_t n;
  to[0] = '\0';
  if (field == NULL) return;
  field += strlen(name);
  field += strspn(field, " ");
  n = strcspn(field, "\r\n");
  if (n >= size) n = size - 1;
  memcpy(to, field, n);
  to[n] = '\0';
}

/* 1: a head was read; 0: more has to come; -1: it is none. */
static int read_head(connection *c) {
  queue *q = &c->in;
  char method[8], length[16], *end;
  end = memmem(q->p + q->at, q->n - q->at, "\r\n\r\n", 4);
  if (end == NULL) return q->n - q->at > HEAD_MAX ? -1 : 0;
  *end = '\0';
  if (sscanf(q->p + q->at, "%7s %255s", method, c->r.path) != 2) return -1;
  c->r.post = strcmp(method, "POST") == 0;
  header(q->p + q->at, "\r\nIdempotency-Key:", c->r.key, sizeof(c->r.key));
  header(q->p + q->at, "\r\nContent-Length:", length, sizeof(length));
  c->body = strtoul(length, NULL, 10);
  q->at = (size_t)(end + 4 - q->p);
  c->r.came_us = clock_us();
  return 1;
}

static bool take(connection *c) {
  for (;;) {
    size_t here;
    if (!c->reading) {
      int got = c->in.at < c->in.n ? read_head(c) : 0;
      if (got <= 0) return got == 0;
      c->reading = true;
    }
    here = c->in.n - c->in.at;
    if (here > c->body) here = c->body;
    c->in.at += here;
    c->body -= here;
    if (c->body > 0) return true;
    c->reading = false;
    if (!answer(c)) return false;
  }
}

/* -------- connections -------- */

static bool shake(connection *c) {
  const unsigned char *protocol;
  unsigned n = 0;
  int k;
  if (c->ssl != NULL) {
    k = SSL_accept(c->ssl);
    if (k != 1) return SSL_get_error(c->ssl, k) == SSL_ERROR_WANT_READ;
    SSL_get0_alpn_selected(c->ssl, &protocol, &n);
    if (n == 2) c->h2 = http2_new(c);
    if (n == 2 && c->h2 == NULL) return false;
  }
  c->shaken = true;
  return true;
}

static bool read_all(connection *c) {
  static char block[BLOCK];
  for (;;) {
    ssize_t k = receive(c, block, sizeof(block));
    if (k < 0) return false;
    if (k == 0) return true;
    if (c->h2 != NULL) {
      if (!http2_take(c->h2, block, (size_t)k)) return false;
    }
    else if (!queue_add(&c->in, block, (size_t)k) || !take(c)) {
      return false;
    }
    if (c->ssl == NULL && (size_t)k < sizeof(block)) return true;
  }
}

static void serve(connection *c) {
  bool good = !c->dead && (c->shaken || shake(c));
  if (good && c->shaken) good = read_all(c);
  if (!good || !flush(c)) drop(c);
}

static void release(void) {
  size_t n = holding_n;
  char body[REPLY_MAX];
  holding_n = 0;
  for (size_t i = 0; i < n; i++) {
    connection *c = holding[i].c;
    if (c == NULL || c->dead) continue;
    if (c->h2 == NULL) {
      api_release(body);
      if (!reply(c, body, 200)) drop(c);
    }
    else if (!http2_release(c->h2, holding[i].stream)) {
      drop(c);
    }
    if (!c->dead && !flush(c)) drop(c);
  }
}

static void welcome(const port *p) {
  int one = 1;
  for (;;) {
    struct epoll_event event = {.events = EPOLLIN};
    connection *c;
    int fd = accept4(p->fd, NULL, NULL, SOCK_CLOEXEC | SOCK_NONBLOCK);
    if (fd < 0) return;
    c = calloc(1, sizeof(*c));
    if (c == NULL) exit(1);
    c->fd = fd;
    event.data.ptr = c;
    setsockopt(fd, IPPROTO_TCP, TCP_NODELAY, &one, sizeof(one));
    if (p->context != NULL) {
      c->ssl = SSL_new(p->context);
      if (c->ssl == NULL || SSL_set_fd(c->ssl, fd) != 1) exit(1);
    }
    if (epoll_ctl(set, EPOLL_CTL_ADD, fd, &event) != 0) exit(1);
    api_connected();
  }
}

/* -------- the program -------- */

static bool open_port(port *p, char congestion[32]) {
  struct sockaddr_in address = {.sin_family = AF_INET};
  socklen_t size = sizeof(address), name_size = 32;
  struct epoll_event event = {.events = EPOLLIN, .data.ptr = p};
  p->fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
  /* As in server.c: a default that paces would be what is measured. */
  (void)setsockopt(p->fd, IPPROTO_TCP, TCP_CONGESTION, "cubic", 5);
  (void)getsockopt(p->fd, IPPROTO_TCP, TCP_CONGESTION, congestion, &name_size);
  address.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
  if (bind(p->fd, (struct sockaddr *)&address, sizeof(address)) != 0 ||
      listen(p->fd, 16384) != 0 ||
      getsockname(p->fd, (struct sockaddr *)&address, &size) != 0 ||
      epoll_ctl(set, EPOLL_CTL_ADD, p->fd, &event) != 0)
    return false;
  p->number = ntohs(address.sin_port);
  return true;
}

static bool tell(const char *path, const char *congestion) {
  FILE *ready = fopen(path, "w");
  if (ready == NULL) return false;
  fprintf(ready, "%d %d %d %.31s\n", ports[0].number, ports[1].number,
          ports[2].number, congestion);
  return fclose(ready) == 0;
}

int main(int argc, char **argv) {
  struct epoll_event input = {.events = EPOLLIN, .data.ptr = NULL};
  struct rlimit files;
  char congestion[32] = "unknown";
  if (argc != 3) {
    fprintf(stderr, "usage: tasks READY CERTIFICATE\n");
    return 2;
  }
  signal(SIGPIPE, SIG_IGN);
  if (getrlimit(RLIMIT_NOFILE, &files) == 0) {
    files.rlim_cur = files.rlim_max;
    (void)setrlimit(RLIMIT_NOFILE, &files);
  }
  set = epoll_create1(EPOLL_CLOEXEC);
  for (int i = 0; i < PORTS; i++) {
    if (i > 0) ports[i].context = tls_context(i == 2);
    if ((i > 0 && ports[i].context == NULL) ||
        !open_port(&ports[i], congestion)) {
      fprintf(stderr, "tasks: port %d cannot be served\n", i);
      return 1;
    }
  }
  if (!tls_write_certificate(argv[2]) || !tell(argv[1], congestion) ||
      epoll_ctl(set, EPOLL_CTL_ADD, 0, &input) != 0) {
    perror("tasks");
    return 1;
  }
  for (;;) {
    struct epoll_event events[BATCH];
    char byte;
    int n = epoll_wait(set, events, BATCH, -1);
    for (int i = 0; i < n; i++) {
      void *what = events[i].data.ptr;
      if (what == NULL) {
        if (read(0, &byte, 1) <= 0) return 0;
      }
      else if ((port *)what >= ports && (port *)what < ports + PORTS) {
        welcome(what);
      }
      else {
        serve(what);
      }
    }
    if (api_releases()) release();
    bury();
  }
}
