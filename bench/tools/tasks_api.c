/* SPDX-License-Identifier: MIT */
#include "tasks.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define TASKS_MAX 100000
#define GAPS_MAX 1000000

typedef struct task {
  int polls;
  int64_t answered_us; /* when its last answer left */
} task;

/* All since the last /_reset. */
static struct {
  task tasks[TASKS_MAX];
  uint64_t keys[TASKS_MAX]; /* hashes of Idempotency-Keys, one a POST */
  uint32_t gaps_us[GAPS_MAX];
  int posts, gaps, polls_wanted;
  int polls, completed, held, strange, after_end, http1, http2, connections;
  int64_t first_us, last_us;
} record = {.polls_wanted = 5};

static bool releases;

void api_connected(void) {
  record.connections++;
}

bool api_releases(void) {
  bool now = releases;
  releases = false;
  return now;
}

static uint64_t hash(const char *s) {
  uint64_t h = 1469598103934665603u;
  while (*s != '\0') h = (h ^ (unsigned char)*s++) * 1099511628211u;
  return h;
}

static int by_size(const void *a, const void *b) {
  uint32_t x = *(const uint32_t *)a, y = *(const uint32_t *)b;
  return (x > y) - (x < y);
}

static int by_hash(const void *a, const void *b) {
  uint64_t x = *(const uint64_t *)a, y = *(const uint64_t *)b;
  return (x > y) - (x < y);
}

/* Microseconds between an answer and the next request for the same task. */
static double gap_ms(double part) {
  int i = (int)((double)(record.gaps - 1) * part);
  return record.gaps == 0 ? 0 : (double)record.gaps_us[i] / 1000;
}

static void write_ledger(char body[REPLY_MAX]) {
  int keys = 0;
  qsort(record.keys, (size_t)record.posts, sizeof(uint64_t), by_hash);
  for (int i = 0; i < record.posts; i++)
    if (i == 0 || record.keys[i] != record.keys[i - 1]) keys++;
  qsort(record.gaps_us, (size_t)record.gaps, sizeof(uint32_t), by_size);
  (void)snprintf(
      body, REPLY_MAX,
      "{\"posts\":%d,\"keys\":%d,\"polls\":%d,\"completed\":%d,\"held\":%d,"
      "\"strange\":%d,\"after_end\":%d,\"http1\":%d,\"http2\":%d,"
      "\"connections\":%d,\"wall_ms\":%.3f,\"gaps\":%d,"
      "\"gap_ms\":{\"min\":%.3f,\"median\":%.3f,\"p99\":%.3f,\"max\":%.3f}}",
      record.posts, keys, record.polls, record.completed, record.held,
      record.strange, record.after_end, record.http1, record.http2,
      record.connections, (double)(record.last_us - record.first_us) / 1000,
      record.gaps, gap_ms(0), gap_ms(0.5), gap_ms(0.99), gap_ms(1));
}

static verdict control(const request *r, char body[REPLY_MAX]) {
  const char *polls = strstr(r->path, "polls=");
  int wanted = polls == NULL ? record.polls_wanted : atoi(polls + 6);
  strcpy(body, "{}");
  if (strncmp(r->path, "/_ledger", 8) == 0)
    write_ledger(body);
  else if (strncmp(r->path, "/_release", 9) == 0)
    releases = true;
  else if (strncmp(r->path, "/_reset", 7) == 0) {
    memset(&record, 0, sizeof(record));
    record.polls_wanted = wanted;
  }
  return CONTROL;
}

/* A task as the services describe one. */
static void write_task(char body[REPLY_MAX], int number) {
  static const char *const format =
      "{\"created\":1764000000,\"id\":\"task-unified-1764000000-%08d\","
      "\"model\":\"gpt-image-2-beta\",\"object\":\"image.generation.task\","
      "\"progress\":%d,\"status\":\"%s\",\"task_info\":{\"can_cancel\":true,"
      "\"estimated_time\":10},\"type\":\"image\",\"usage\":{\"billing_rule\":"
      "\"per_call\",\"credits_reserved\":2.5,\"user_group\":\"default\"}%s}";
  const task *t = &record.tasks[number];
  bool done = t->polls >= record.polls_wanted;
  int progress = done ? 100 : t->polls * 100 / record.polls_wanted;
  (void)snprintf(body, REPLY_MAX, format, number, progress,
                 done            ? "completed"
                 : t->polls == 0 ? "pending"
                                 : "processing",
                 done ? ",\"results\":[\"https://example.com/picture.png\"]"
                      : "");
}

static task *task_of(const char *path, int *number) {
  const char *dash = strrchr(path, '-');
  if (dash == NULL || strstr(path, "/tasks/") == NULL) return NULL;
  *number = atoi(dash + 1);
  if (*number < 0 || *number >= record.posts) return NULL;
  return &record.tasks[*number];
}

static verdict refuse(char body[REPLY_MAX], int *status, int code) {
  record.strange++;
  *status = code;
  strcpy(body, "{\"error\":{\"code\":\"not_found\",\"message\":\"What?\","
               "\"type\":\"invalid_request_error\"}}");
  return ANSWER;
}

verdict api_ask(const request *r, bool second, char body[REPLY_MAX],
                int *status) {
  int number;
  task *t;
  *status = 200;
  if (strncmp(r->path, "/_", 2) == 0) return control(r, body);
  if (second)
    record.http2++;
  else
    record.http1++;
  if (record.first_us == 0) record.first_us = r->came_us;
  if (r->post) {
    if (record.posts == TASKS_MAX || strstr(r->path, "/generations") == NULL)
      return refuse(body, status, 404);
    record.keys[record.posts] = hash(r->key);
    number = record.posts++;
    if (strncmp(r->path, "/held/", 6) == 0) {
      record.held++;
      return HOLD;
    }
    write_task(body, number);
    return ANSWER;
  }
  t = task_of(r->path, &number);
  if (t == NULL) return refuse(body, status, 404);
  record.polls++;
  if (t->polls == record.polls_wanted) record.after_end++;
  if (t->answered_us != 0 && record.gaps < GAPS_MAX)
    record.gaps_us[record.gaps++] = (uint32_t)(r->came_us - t->answered_us);
  if (++t->polls == record.polls_wanted) record.completed++;
  write_task(body, number);
  return ANSWER;
}

void api_release(char body[REPLY_MAX]) {
  record.held--;
  strcpy(body, "{\"created\":1764000000,\"data\":[{\"url\":"
               "\"https://example.com/picture.png\"}]}");
}

void api_answered(const char *body, int64_t now_us) {
  const char *id = strstr(body, "\"id\":\"");
  int number;
  record.last_us = now_us;
  if (id == NULL || sscanf(id, "\"id\":\"task-unified-%*d-%d", &number) != 1)
    return;
  record.tasks[number].answered_us = now_us;
}
