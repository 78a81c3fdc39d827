/* SPDX-License-Identifier: MIT */
#include "gim_task.h"

#include "gim_task_private.h"

#include <string.h>

/* Adds a sentence to why a picture did not come. */
static void add(gim_err *err, const char *sentence) {
  size_t n = strlen(err->message);
  if (n + 2 >= sizeof(err->message)) return;
  err->message[n++] = ' ';
  gim_copy_text(err->message + n, sizeof(err->message) - n,
                gim_str_of(sentence));
}

void gim_task_expired(gim_task *t, int picture, const gim_err *err,
                      int64_t now_ms, uint32_t random) {
  gim_err last = *err;
  if (t->id != NULL && !t->renewed) {
    gim_pictures_expire(&t->pictures, picture, err);
    return;
  }
  add(&last, t->renewed
                 ? "So does the new one that the task gave."
                 : "There is no task that could be asked for a new one.");
  gim_pictures_report(&t->pictures, picture, &last, &t->rules->retry, now_ms,
                      t->deadline_ms, random);
  if (picture >= 0 && picture < t->pictures.count)
    t->pictures.list[picture].gone =
        t->pictures.list[picture].state == GIM_PICTURE_FAILED;
}

void gim_task_renew(gim_task *t, int64_t now_ms) {
  t->renewed = true;
  t->attempt = 0;
  t->phase = PHASE_RENEWAL;
  t->due_ms = now_ms;
}

/* Takes over the links of the reply; what had none that holds needs it. */
static void relink(gim_task *t, gim_reply *reply, int64_t now_unix_s) {
  for (int i = 0; i < t->pictures.count; i++) {
    gim_reply_image *image;
    if (i + t->first >= reply->image_count) return;
    image = &reply->images[i + t->first];
    if (image->url == NULL) continue;
    gim_pictures_relink(&t->pictures, i, image->url);
    image->url = NULL;
    t->linked_unix_s = now_unix_s;
  }
}

/* Is that a passing trouble, and is there time for another query? */
static bool ask_again(gim_task *t, const gim_err *why, gim_status status,
                      int64_t now_ms, uint32_t random) {
  const gim_retry *retry = &t->rules->retry;
  int64_t delay;
  switch (status) {
  case GIM_E_NETWORK:
  case GIM_E_TIMEOUT:
  case GIM_E_PROTOCOL:
  case GIM_E_SERVER:
  case GIM_E_RATE_LIMITED: break;
  default: return false;
  }
  if (t->attempt >= retry->max) return false;
  delay = gim_backoff_retry_ms(retry, t->attempt + 1,
                               why == NULL ? -1 : why->retry_after_ms, random);
  if (delay >= t->deadline_ms - now_ms) return false;
  t->attempt++;
  t->phase = PHASE_RENEWAL;
  t->due_ms = now_ms + delay;
  return true;
}

/*
** Has the service said that there is no such task? A key that it refuses, a
** host that is not trusted, or no memory may be another matter the next time.
*/
static bool is_denied(const gim_task_report *report) {
  if (report->status != GIM_OK) return false;
  switch (report->reply->err.status) {
  case GIM_E_NOT_FOUND:
  case GIM_E_INVALID:
  case GIM_E_REFUSED: return true;
  default: return false;
  }
}

/* Pictures without a new link stay where they are. */
static void forsake(gim_task *t, const gim_err *why, bool gone) {
  for (int i = 0; i < t->pictures.count; i++) {
    const gim_picture *m = &t->pictures.list[i];
    if (m->state != GIM_PICTURE_STALE || m->err == NULL) continue;
    add(m->err, why == NULL ? "The task was asked for a new one and gave none."
                            : "The task was asked for a new one:");
    if (why == NULL) continue;
    add(m->err, why->message);
    m->err->retryable = why->retryable; /* it was not asked, or may be again */
  }
  gim_pictures_forsake(&t->pictures, gone);
}

void gim_task_renewed(gim_task *t, const gim_task_report *report,
                      int64_t now_ms, uint32_t random) {
  gim_reply *reply = report->reply;
  const gim_err *why = report->err;
  gim_status status = report->status;
  bool read = status == GIM_OK && reply->shape != GIM_REPLY_ERROR;
  t->phase = PHASE_SAVING;
  if (read) {
    relink(t, reply, report->now_unix_s);
    forsake(t, NULL, true);
    return;
  }
  if (status == GIM_OK) {
    why = &reply->err;
    status = why->status;
  }
  if (!ask_again(t, why, status, now_ms, random))
    forsake(t, why, is_denied(report));
}
