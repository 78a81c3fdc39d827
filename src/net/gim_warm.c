/* SPDX-License-Identifier: MIT */
#include "gim_warm.h"

#include <string.h>

#define KINDS 2

typedef struct warming {
  gim_transfer *transfers[KINDS]; /* NULL once it has ended */
  gim_err err;                    /* of the first that failed */
} warming;

typedef struct attempt {
  warming *all;
  int i;
} attempt;

static void on_done(void *ud, const gim_outcome *outcome) {
  const attempt *one = ud;
  one->all->transfers[one->i] = NULL;
  if (outcome->status != GIM_OK && one->all->err.status == GIM_OK)
    one->all->err = *outcome->err;
}

static bool is_over(const warming *w) {
  int i;
  for (i = 0; i < KINDS; i++)
    if (w->transfers[i] != NULL) return false;
  return true;
}

gim_status gim_warm_up(gim_net *net, const char *url, gim_err *err) {
  static const gim_class classes[KINDS] = {GIM_CLASS_POLL, GIM_CLASS_DOWNLOAD};
  static const gim_transfer_callbacks calls = {NULL, NULL, NULL, on_done};
  attempt attempts[KINDS];
  gim_transfer_spec spec;
  gim_status status = GIM_OK;
  warming w;
  int i;
  memset(&w, 0, sizeof(w));
  memset(&spec, 0, sizeof(spec));
  spec.url = url;
  spec.connect_only = true;
  for (i = 0; i < KINDS && status == GIM_OK; i++) {
    attempts[i].all = &w;
    attempts[i].i = i;
    spec.transfer_class = classes[i];
    status =
        gim_net_start(net, &spec, &calls, &attempts[i], &w.transfers[i], err);
  }
  /* It may be over, and stay so: there would be no waiting. */
  gim_net_alarm(net, -1);
  while (status == GIM_OK && !is_over(&w))
    status = gim_net_step(net, -1, 0, err);
  for (i = 0; i < KINDS; i++)
    if (w.transfers[i] != NULL) gim_net_cancel(net, w.transfers[i], NULL);
  if (status != GIM_OK || w.err.status == GIM_OK) return status;
  if (err != NULL) *err = w.err;
  return w.err.status;
}
