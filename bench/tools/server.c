/* SPDX-License-Identifier: MIT */
/*
** A server of files that is not what is measured: one thread a connection,
** sendfile, keep-alive, bodies of requests read to their end. The first part
** of a path names the file, the rest is ignored: a POST to
** /one.json/v1/images/generations is answered with one.json.
**
** usage: server FOLDER READY [CERTIFICATE KEY]
** Writes "port congestion" to the pipe READY, and ends with its own input.
*/
#include <arpa/inet.h>
#include <errno.h>
#include <fcntl.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <openssl/ssl.h>
#include <pthread.h>
#include <signal.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/sendfile.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <unistd.h>

#define HEAD_MAX 16384
#define BLOCK 65536

static const char *folder;
static SSL_CTX *context; /* NULL: plain */

typedef struct connection {
  int fd;
  SSL *ssl;
  char head[HEAD_MAX + 1];
  size_t held;
} connection;

static ssize_t receive(connection *c, void *p, size_t n) {
  if (c->ssl != NULL) return SSL_read(c->ssl, p, (int)n);
  return read(c->fd, p, n);
}

static bool give(connection *c, const void *p, size_t n, int flags) {
  const char *q = p;
  while (n > 0) {
    ssize_t k = c->ssl != NULL
                    ? SSL_write(c->ssl, q, (int)(n < BLOCK ? n : BLOCK))
                    : send(c->fd, q, n, flags | MSG_NOSIGNAL);
    if (k <= 0) return false;
    q += k;
    n -= (size_t)k;
  }
  return true;
}

static bool give_file(connection *c, int file, off_t size) {
  static __thread char block[BLOCK];
  off_t at = 0;
  while (at < size) {
    ssize_t k;
    if (c->ssl == NULL) {
      k = sendfile(c->fd, file, &at, (size_t)(size - at));
      if (k <= 0) return false;
      continue;
    }
    k = pread(file, block, sizeof(block), at);
    if (k <= 0 || !give(c, block, (size_t)k, 0)) return false;
    at += k;
  }
  return true;
}

/* The next head, NUL-terminated; what came behind it stays held. */
static char *next_head(connection *c, size_t *length) {
  for (;;) {
    char *end;
    ssize_t k;
    c->head[c->held] = '\0';
    end = strstr(c->head, "\r\n\r\n");
    if (end != NULL) {
      *length = (size_t)(end - c->head) + 4;
      return c->head;
    }
    if (c->held == HEAD_MAX) return NULL;
    k = receive(c, c->head + c->held, HEAD_MAX - c->held);
    if (k <= 0) return NULL;
    c->held += (size_t)k;
  }
}

static bool drain(connection *c, size_t n) {
  char block[4096];
  size_t here = n < c->held ? n : c->held;
  memmove(c->head, c->head + here, c->held - here);
  c->held -= here;
  n -= here;
  while (n > 0) {
    ssize_t k = receive(c, block, n < sizeof(block) ? n : sizeof(block));
    if (k <= 0) return false;
    n -= (size_t)k;
  }
  return true;
}

static const char *type_of(const char *name) {
  return strstr(name, ".png") != NULL ? "image/png" : "application/json";
}

static bool answer(connection *c) {
  char name[256], path[1024], head[256];
  size_t length, body = 0;
  struct stat st;
  bool good;
  int file, n;
  char *request = next_head(c, &length), *field;
  if (request == NULL) return false;
  if (sscanf(request, "%*s /%255[^/ ]", name) != 1) return false;
  request[length - 1] = '\0';
  field = strcasestr(request, "\r\nContent-Length:");
  if (field != NULL) body = strtoul(field + 17, NULL, 10);
  field = strcasestr(request, "\r\nExpect:");
  if (field != NULL && !give(c, "HTTP/1.1 100 Continue\r\n\r\n", 25, 0))
    return false;
  if (!drain(c, length + body)) return false;
  snprintf(path, sizeof(path), "%s/%s", folder, name);
  file = open(path, O_RDONLY | O_CLOEXEC);
  if (file < 0 || fstat(file, &st) != 0) return false;
  n = snprintf(head, sizeof(head),
               "HTTP/1.1 200 OK\r\nContent-Type: %s\r\n"
               "Content-Length: %lld\r\n\r\n",
               type_of(name), (long long)st.st_size);
  good = give(c, head, (size_t)n, MSG_MORE) && give_file(c, file, st.st_size);
  close(file);
  return good;
}

static void *serve(void *ud) {
  connection *c = ud;
  int one = 1;
  setsockopt(c->fd, IPPROTO_TCP, TCP_NODELAY, &one, sizeof(one));
  if (context != NULL) {
    c->ssl = SSL_new(context);
    if (c->ssl == NULL || SSL_set_fd(c->ssl, c->fd) != 1 ||
        SSL_accept(c->ssl) != 1)
      goto done;
  }
  while (answer(c)) continue;
done:
  SSL_free(c->ssl);
  close(c->fd);
  free(c);
  return NULL;
}

static void *accept_all(void *ud) {
  int listener = *(int *)ud;
  for (;;) {
    pthread_t thread;
    connection *c = calloc(1, sizeof(*c));
    if (c == NULL) exit(1);
    c->fd = accept4(listener, NULL, NULL, SOCK_CLOEXEC);
    if (c->fd < 0 || pthread_create(&thread, NULL, serve, c) != 0) {
      free(c);
      continue;
    }
    pthread_detach(thread);
  }
  return NULL;
}

static bool use_certificate(char **argv) {
  context = SSL_CTX_new(TLS_server_method());
  return context != NULL &&
         SSL_CTX_use_certificate_chain_file(context, argv[3]) == 1 &&
         SSL_CTX_use_PrivateKey_file(context, argv[4], SSL_FILETYPE_PEM) == 1;
}

int main(int argc, char **argv) {
  struct sockaddr_in address = {.sin_family = AF_INET};
  socklen_t size = sizeof(address), name_size = 32;
  char congestion[32] = "unknown", byte;
  int listener = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
  pthread_t thread;
  FILE *ready;
  if (argc != 3 && argc != 5) {
    fprintf(stderr, "usage: server FOLDER READY [CERTIFICATE KEY]\n");
    return 2;
  }
  signal(SIGPIPE, SIG_IGN);
  folder = argv[1];
  if (argc == 5 && !use_certificate(argv)) {
    fprintf(stderr, "server: certificate or key cannot be used\n");
    return 1;
  }
  /* A system's default may be one that paces, BBR say: on a loopback that
     measures its timers. Accepted connections inherit this one. */
  (void)setsockopt(listener, IPPROTO_TCP, TCP_CONGESTION, "cubic", 5);
  (void)getsockopt(listener, IPPROTO_TCP, TCP_CONGESTION, congestion,
                   &name_size);
  address.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
  if (bind(listener, (struct sockaddr *)&address, sizeof(address)) != 0 ||
      listen(listener, 128) != 0 ||
      getsockname(listener, (struct sockaddr *)&address, &size) != 0) {
    perror("server");
    return 1;
  }
  ready = fopen(argv[2], "w");
  if (ready == NULL) {
    perror(argv[2]);
    return 1;
  }
  fprintf(ready, "%d %.31s\n", ntohs(address.sin_port), congestion);
  fclose(ready);
  if (pthread_create(&thread, NULL, accept_all, &listener) != 0) return 1;
  while (read(0, &byte, 1) > 0) continue;
  return 0;
}
