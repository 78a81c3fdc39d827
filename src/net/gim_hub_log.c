/* SPDX-License-Identifier: MIT */
/* What a client has to tell of what it does. */
#include "gim_hub.h"

#include "gim_redact.h"

#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <time.h>

void gim_hub_log(gim_hub *hub, const char *event, const char *task,
                 int http_status, const char *format, ...) {
  gim_log *log;
  char text[2 * sizeof(log->text)];
  struct timespec now;
  va_list arguments;
  if (!hub->options.log) return;
  log = calloc(1, sizeof(*log));
  if (log == NULL) return;
  log->event = event;
  log->http_status = http_status;
  (void)clock_gettime(CLOCK_REALTIME, &now);
  log->time_unix_ms =
      (int64_t)now.tv_sec * 1000 + (int64_t)now.tv_nsec / 1000000;
  gim_copy_text(log->task, sizeof(log->task), gim_str_of(task));
  va_start(arguments, format);
  if (vsnprintf(text, sizeof(text), format, arguments) < 0) text[0] = '\0';
  va_end(arguments);
  gim_redact_secret(text, gim_hub_secret(hub));
  gim_copy_text(log->text, sizeof(log->text), gim_str_of(text));
  if (hub->log_last != NULL)
    hub->log_last->next = log;
  else
    hub->log_first = log;
  hub->log_last = log;
  if (++hub->log_count > GIM_LIMIT_LOG && !hub->telling)
    free(gim_hub_take_log(hub));
}

gim_log *gim_hub_take_log(gim_hub *hub) {
  gim_log *log = hub->log_first;
  if (log == NULL) return NULL;
  hub->log_first = log->next;
  if (hub->log_first == NULL) hub->log_last = NULL;
  hub->log_count--;
  log->next = NULL;
  return log;
}
