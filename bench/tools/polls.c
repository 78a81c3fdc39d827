/* SPDX-License-Identifier: MIT */
/*
** The floor of bench/scale.lua: what libcurl alone takes for the same
** requests, COUNT tasks of the service of tasks.c, each one POST and POLLS
** queries a second apart. One multi, socket_action, epoll that is told lazily,
** as many pooled handles as the others have connections; no look at the
** environment for a proxy, a small buffer, and a URL of which each request
** changes the path alone. No rules, no errors but the end of the program, and
** a body that libcurl may send twice: nobody would want to use this.
**
** usage: polls COUNT POLLS BASE_URL
** Prints the seconds of processor time and of wall time, and the MiB that
** memory grew by.
*/
#include <curl/curl.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/resource.h>
#include <time.h>
#include <unistd.h>

#define SLOTS 32
#define FILES 4096 /* descriptors, by number */
#define APART_MS 1000
#define ANSWER_MAX 2048
#define ID_MAX 64
#define BATCH 64
#define BUFFER_BYTES 4096L /* libcurl makes one for each request */

/* Tasks that wait: all wait equally long, so they are due in their order. */
typedef struct task {
  struct task *next;
  int64_t due_ms;
  int polls; /* that were answered; -1: it is to be posted */
  char id[ID_MAX];
} task;

typedef struct slot {
  struct slot *next;
  CURL *easy;
  CURLU *url;
  task *of;
  size_t n;
  char answer[ANSWER_MAX];
} slot;

static CURLM *multi;
static int set;
static int64_t timer_ms = -1;
static uint8_t watched[FILES]; /* what epoll watches */
static uint8_t wanted[FILES];  /* what libcurl wants */
static slot *idle;
static task *first, **last = &first;
static struct curl_slist *get_headers, *post_headers;
static const char *base_url;
static char body[1024];

static void fail(const char *what) {
  fprintf(stderr, "polls: %s\n", what);
  exit(1);
}

static int64_t clock_ms(void) {
  struct timespec t;
  clock_gettime(CLOCK_MONOTONIC, &t);
  return (int64_t)t.tv_sec * 1000 + t.tv_nsec / 1000000;
}

static double seconds(clockid_t which) {
  struct timespec t;
  clock_gettime(which, &t);
  return (double)t.tv_sec + (double)t.tv_nsec / 1e9;
}

/* -------- what libcurl calls -------- */

static int on_timer(CURLM *m, long ms, void *ud) {
  (void)m, (void)ud;
  timer_ms = ms < 0 ? -1 : clock_ms() + ms;
  return 0;
}

static int on_socket(CURL *easy, curl_socket_t fd, int what, void *ud,
                     void *of) {
  struct epoll_event event = {.data.fd = fd};
  (void)easy, (void)ud, (void)of;
  if (fd >= FILES) fail("too many descriptors");
  if (what == CURL_POLL_IN || what == CURL_POLL_INOUT) event.events |= EPOLLIN;
  if (what == CURL_POLL_OUT || what == CURL_POLL_INOUT)
    event.events |= EPOLLOUT;
  wanted[fd] = (uint8_t)event.events;
  if (event.events == 0 || wanted[fd] == watched[fd]) return 0;
  if (epoll_ctl(set, watched[fd] != 0 ? EPOLL_CTL_MOD : EPOLL_CTL_ADD, fd,
                &event) != 0)
    fail("a socket cannot be watched");
  watched[fd] = wanted[fd];
  return 0;
}

/* Its number comes back. */
static int on_close(void *ud, curl_socket_t fd) {
  (void)ud;
  watched[fd] = wanted[fd] = 0;
  return close(fd);
}

static size_t on_data(char *p, size_t size, size_t n, void *ud) {
  slot *s = ud;
  n *= size;
  if (n > sizeof(s->answer) - 1 - s->n) return 0;
  memcpy(s->answer + s->n, p, n);
  s->n += n;
  return n;
}

/* -------- requests -------- */

static void start(slot *s, task *t) {
  char url[256];
  CURL *easy = s->easy;
  bool post = t->polls < 0;
  const char *path = post ? "/v1/images/generations" : "/v1/tasks/";
  snprintf(url, sizeof(url), "%s%s%s", base_url, path, post ? "" : t->id);
  s->of = t;
  s->n = 0;
  curl_url_set(s->url, CURLUPART_PATH, url + strlen(base_url), 0);
  curl_easy_setopt(easy, CURLOPT_URL, url); /* else libcurl writes it */
  curl_easy_setopt(easy, CURLOPT_HTTPHEADER,
                   post ? post_headers : get_headers);
  if (post)
    curl_easy_setopt(easy, CURLOPT_POSTFIELDS, body);
  else
    curl_easy_setopt(easy, CURLOPT_HTTPGET, 1L);
  if (curl_multi_add_handle(multi, easy) != CURLM_OK)
    fail("libcurl takes no more requests");
}

static void start_due(void) {
  int64_t now_ms = clock_ms();
  while (idle != NULL && first != NULL && first->due_ms <= now_ms) {
    slot *s = idle;
    task *t = first;
    idle = s->next;
    first = t->next;
    if (first == NULL) last = &first;
    start(s, t);
  }
}

static void queue(task *t, int64_t due_ms) {
  t->next = NULL;
  t->due_ms = due_ms;
  *last = t;
  last = &t->next;
}

/* True: the task is over. */
static bool take(slot *s, int polls) {
  task *t = s->of;
  const char *id;
  long status = 0;
  s->answer[s->n] = '\0';
  curl_easy_getinfo(s->easy, CURLINFO_RESPONSE_CODE, &status);
  id = strstr(s->answer, "\"id\":\"");
  if (status != 200 || id == NULL) fail("another answer was expected");
  if (t->polls++ < 0 && sscanf(id + 6, "%63[^\"]", t->id) != 1)
    fail("the task has no id");
  s->next = idle;
  idle = s;
  if (t->polls == polls) {
    if (strstr(s->answer, "\"completed\"") == NULL) fail("it is not done");
    return true;
  }
  queue(t, clock_ms() + 1 + APART_MS); /* rounded up: not too early */
  return false;
}

static int take_ended(int polls) {
  CURLMsg *message;
  int left, over = 0;
  while ((message = curl_multi_info_read(multi, &left)) != NULL) {
    CURL *easy = message->easy_handle;
    slot *s = NULL;
    if (message->data.result != CURLE_OK) fail("a request failed");
    curl_easy_getinfo(easy, CURLINFO_PRIVATE, &s);
    curl_multi_remove_handle(multi, easy);
    over += take(s, polls);
  }
  return over;
}

/* -------- the loop -------- */

static int wait_ms(void) {
  int64_t due = timer_ms, left;
  if (idle != NULL && first != NULL && (due < 0 || first->due_ms < due))
    due = first->due_ms;
  if (due < 0) return -1;
  left = due - clock_ms();
  return left < 0 ? 0 : (int)left;
}

static void run(int count, int polls) {
  struct epoll_event events[BATCH];
  int running;
  for (int over = 0; over < count; over += take_ended(polls)) {
    int n;
    start_due();
    n = epoll_wait(set, events, BATCH, wait_ms());
    for (int i = 0; i < n; i++) {
      int fd = events[i].data.fd, what = 0;
      if (events[i].events & ~(unsigned)EPOLLOUT) what |= CURL_CSELECT_IN;
      if (events[i].events & EPOLLOUT) what |= CURL_CSELECT_OUT;
      if (wanted[fd] == 0) {
        watched[fd] = 0;
        (void)epoll_ctl(set, EPOLL_CTL_DEL, fd, NULL);
        continue;
      }
      curl_multi_socket_action(multi, fd, what, &running);
    }
    if (timer_ms >= 0 && timer_ms <= clock_ms()) {
      timer_ms = -1;
      curl_multi_socket_action(multi, CURL_SOCKET_TIMEOUT, 0, &running);
    }
  }
}

static slot *slot_new(void) {
  slot *s = calloc(1, sizeof(*s));
  CURL *easy = curl_easy_init();
  CURLU *url = curl_url();
  if (s == NULL || easy == NULL || url == NULL) fail("no memory");
  if (curl_url_set(url, CURLUPART_URL, base_url, 0) != CURLUE_OK)
    fail("BASE_URL is no URL");
  curl_easy_setopt(easy, CURLOPT_WRITEFUNCTION, on_data);
  curl_easy_setopt(easy, CURLOPT_WRITEDATA, s);
  curl_easy_setopt(easy, CURLOPT_PRIVATE, s);
  curl_easy_setopt(easy, CURLOPT_NOSIGNAL, 1L);
  curl_easy_setopt(easy, CURLOPT_PROXY, "");
  curl_easy_setopt(easy, CURLOPT_NOPROXY, "");
  curl_easy_setopt(easy, CURLOPT_BUFFERSIZE, BUFFER_BYTES);
  curl_easy_setopt(easy, CURLOPT_CURLU, url);
  curl_easy_setopt(easy, CURLOPT_CLOSESOCKETFUNCTION, on_close);
  s->easy = easy;
  s->url = url;
  return s;
}

/* -------- the program -------- */

static void add(struct curl_slist **list, const char *line) {
  struct curl_slist *more = curl_slist_append(*list, line);
  if (more == NULL) fail("no memory");
  *list = more;
}

static void write_request(void) {
  char prompt[501] = "";
  while (strlen(prompt) + 13 < sizeof(prompt)) strcat(prompt, "a lighthouse ");
  (void)snprintf(body, sizeof(body),
                 "{\"model\":\"gpt-image-2-beta\",\"prompt\":\"%s\","
                 "\"size\":\"16:9\",\"resolution\":\"2K\"}",
                 prompt);
  add(&get_headers, "Authorization: Bearer bench");
  add(&get_headers, "Accept: application/json");
  add(&post_headers, "Authorization: Bearer bench");
  add(&post_headers, "Accept: application/json");
  add(&post_headers, "Content-Type: application/json");
  add(&post_headers, "Expect:");
}

static double most_mib(void) {
  struct rusage usage;
  (void)getrusage(RUSAGE_SELF, &usage);
  return (double)usage.ru_maxrss / 1024;
}

int main(int argc, char **argv) {
  int count = argc == 4 ? atoi(argv[1]) : 0;
  int polls = argc == 4 ? atoi(argv[2]) : 0;
  double cpu, wall, memory;
  if (count < 1 || polls < 1) fail("usage: polls COUNT POLLS BASE_URL");
  base_url = argv[3];
  curl_global_init(CURL_GLOBAL_DEFAULT);
  write_request();
  set = epoll_create1(EPOLL_CLOEXEC);
  multi = curl_multi_init();
  curl_multi_setopt(multi, CURLMOPT_SOCKETFUNCTION, on_socket);
  curl_multi_setopt(multi, CURLMOPT_TIMERFUNCTION, on_timer);
  curl_multi_setopt(multi, CURLMOPT_MAXCONNECTS, (long)SLOTS);
  cpu = seconds(CLOCK_PROCESS_CPUTIME_ID);
  wall = seconds(CLOCK_MONOTONIC);
  memory = most_mib();
  for (int i = 0; i < SLOTS; i++) {
    slot *s = slot_new();
    s->next = idle;
    idle = s;
  }
  for (int i = 0; i < count; i++) {
    task *t = calloc(1, sizeof(*t));
    if (t == NULL) fail("no memory");
    t->polls = -1;
    queue(t, 0);
  }
  run(count, polls);
  printf("%.6f %.6f %.6f\n", seconds(CLOCK_PROCESS_CPUTIME_ID) - cpu,
         seconds(CLOCK_MONOTONIC) - wall, most_mib() - memory);
  return 0;
}
