/* SPDX-License-Identifier: MIT */
#include "gim_pictures.h"

#include <stdlib.h>
#include <string.h>

gim_status gim_pictures_init(gim_pictures *p, int count) {
  p->count = 0;
  p->list = calloc((size_t)count, sizeof(*p->list));
  if (p->list == NULL) return GIM_E_NO_MEMORY;
  p->count = count;
  return GIM_OK;
}

gim_status gim_pictures_init_one(gim_pictures *p, gim_str url, int payload) {
  char *copy = NULL;
  gim_status status = gim_pictures_init(p, 1);
  if (status != GIM_OK) return status;
  if (url.p != NULL) {
    copy = gim_str_copy(url);
    if (copy == NULL) return GIM_E_NO_MEMORY;
  }
  gim_pictures_put(p, 0, copy, NULL, payload, true);
  return GIM_OK;
}

void gim_pictures_put(gim_pictures *p, int picture, char *url,
                      char *revised_prompt, int payload, bool needed) {
  gim_picture *m = &p->list[picture];
  m->url = url;
  m->revised_prompt = revised_prompt;
  m->payload = payload;
  m->state = needed ? GIM_PICTURE_NEEDED : GIM_PICTURE_IDLE;
}

void gim_pictures_free(gim_pictures *p) {
  for (int i = 0; i < p->count; i++) {
    free(p->list[i].url);
    free(p->list[i].revised_prompt);
    free(p->list[i].err);
  }
  free(p->list);
  p->list = NULL;
  p->count = 0;
}

static bool is_settled(const gim_picture *m) {
  return m->state == GIM_PICTURE_IDLE || m->state == GIM_PICTURE_SAVED ||
         m->state == GIM_PICTURE_FAILED;
}

int gim_pictures_next(gim_pictures *p, int64_t now_ms, int64_t *at_ms,
                      bool *under_way) {
  *under_way = false;
  for (int i = 0; i < p->count; i++) {
    gim_picture *m = &p->list[i];
    if (m->state == GIM_PICTURE_NEEDED ||
        (m->state == GIM_PICTURE_WAITING && m->due_ms <= now_ms)) {
      m->state = GIM_PICTURE_RUNNING;
      return i;
    }
    if (m->state == GIM_PICTURE_WAITING && m->due_ms < *at_ms)
      *at_ms = m->due_ms;
    if (m->state == GIM_PICTURE_RUNNING) *under_way = true;
  }
  return -1;
}

bool gim_pictures_want_links(const gim_pictures *p) {
  bool stale = false;
  for (int i = 0; i < p->count; i++) {
    if (p->list[i].state == GIM_PICTURE_STALE)
      stale = true;
    else if (!is_settled(&p->list[i]))
      return false;
  }
  return stale;
}

bool gim_pictures_settled(const gim_pictures *p) {
  for (int i = 0; i < p->count; i++)
    if (!is_settled(&p->list[i])) return false;
  return true;
}

static void end(gim_picture *m, gim_picture_state state, const gim_err *err) {
  m->state = state;
  free(m->err);
  m->err = malloc(sizeof(*m->err));
  if (m->err != NULL) *m->err = *err;
}

static void fail(gim_picture *m, const gim_err *err) {
  end(m, GIM_PICTURE_FAILED, err);
}

void gim_pictures_report(gim_pictures *p, int picture, const gim_err *err,
                         const gim_retry *retry, int64_t now_ms,
                         int64_t deadline_ms, uint32_t random) {
  gim_picture *m;
  int64_t delay;
  if (picture < 0 || picture >= p->count) return;
  m = &p->list[picture];
  if (m->state != GIM_PICTURE_RUNNING) return;
  if (err == NULL) {
    m->state = GIM_PICTURE_SAVED;
    return;
  }
  if (err->retryable && m->attempt < retry->max) {
    delay = gim_backoff_retry_ms(retry, m->attempt + 1, err->retry_after_ms,
                                 random);
    if (delay < deadline_ms - now_ms) {
      m->attempt++;
      m->state = GIM_PICTURE_WAITING;
      m->due_ms = now_ms + delay;
      return;
    }
  }
  fail(m, err);
}

void gim_pictures_expire(gim_pictures *p, int picture, const gim_err *err) {
  if (picture >= 0 && picture < p->count &&
      p->list[picture].state == GIM_PICTURE_RUNNING)
    end(&p->list[picture], GIM_PICTURE_STALE, err);
}

void gim_pictures_relink(gim_pictures *p, int picture, char *url) {
  gim_picture *m = &p->list[picture];
  free(m->url);
  m->url = url;
  if (m->state != GIM_PICTURE_STALE) return;
  m->state = GIM_PICTURE_NEEDED;
  m->attempt = 0;
  free(m->err);
  m->err = NULL;
}

void gim_pictures_forsake(gim_pictures *p, bool gone) {
  for (int i = 0; i < p->count; i++) {
    if (p->list[i].state != GIM_PICTURE_STALE) continue;
    p->list[i].state = GIM_PICTURE_FAILED;
    p->list[i].gone = gone;
  }
}

void gim_pictures_lose(gim_pictures *p, int picture, const gim_err *err) {
  if (picture >= 0 && picture < p->count &&
      p->list[picture].state != GIM_PICTURE_FAILED)
    fail(&p->list[picture], err);
}

void gim_pictures_give_up(gim_pictures *p, const gim_err *err) {
  gim_pictures_forsake(p, false);
  for (int i = 0; i < p->count; i++)
    if (!is_settled(&p->list[i])) fail(&p->list[i], err);
}

gim_status gim_pictures_failure(const gim_pictures *p, const gim_err **err) {
  const gim_picture *failed = NULL;
  for (int i = 0; i < p->count && failed == NULL; i++)
    if (p->list[i].state == GIM_PICTURE_FAILED) failed = &p->list[i];
  *err = failed == NULL ? NULL : failed->err;
  if (failed == NULL) return GIM_OK;
  return failed->err == NULL ? GIM_E_NO_MEMORY : failed->err->status;
}

gim_status gim_pictures_outcome(const gim_pictures *p, const gim_err **err) {
  *err = NULL;
  for (int i = 0; i < p->count; i++)
    if (p->list[i].state != GIM_PICTURE_FAILED) return GIM_OK;
  return p->count == 0 ? GIM_E_NO_MEMORY : gim_pictures_failure(p, err);
}
