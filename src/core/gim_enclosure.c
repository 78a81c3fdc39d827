/* SPDX-License-Identifier: MIT */
#include "gim_enclosure.h"

#include "gim_json.h"

#include <stdlib.h>
#include <string.h>

bool gim_enclosure_brings(const gim_enclosure *e, int source) {
  return (e->sources[source].kind == GIM_SOURCE_LINK) == e->multipart;
}

int gim_enclosure_bring_count(const gim_enclosure *e) {
  int count = 0;
  for (int i = 0; i < e->count; i++) count += gim_enclosure_brings(e, i);
  return count;
}

bool gim_enclosure_has_bytes(const gim_enclosure *e) {
  for (int i = 0; i < e->count; i++)
    if (e->sources[i].kind == GIM_SOURCE_BYTES) return true;
  return false;
}

int gim_enclosure_nth(const gim_enclosure *e, int nth) {
  for (int i = 0; i < e->count; i++)
    if (gim_enclosure_brings(e, i) && nth-- == 0) return i;
  return -1;
}

gim_status gim_enclosure_fill(const gim_enclosure *e, gim_str body,
                              const char *const *links, gim_buffer *to) {
  size_t from = 0, before = to->n;
  gim_status status = GIM_OK;
  for (int i = 0; i < e->hole_count && status == GIM_OK; i++) {
    const gim_hole *hole = &e->holes[i];
    gim_str link = gim_str_of(links[hole->source]);
    if (link.n == 0)
      status = GIM_E_INVALID;
    else
      status = gim_buffer_append(to, body.p + from, hole->offset - from);
    if (status == GIM_OK) status = gim_json_write_string(to, link);
    from = hole->offset;
  }
  if (status == GIM_OK)
    status = gim_buffer_append(to, body.p + from, body.n - from);
  if (status != GIM_OK) gim_buffer_cut(to, before);
  return status;
}

static void judge(const gim_enclosure *e, int source, gim_report *report) {
  gim_source_rule rule;
  memset(&rule, 0, sizeof(rule));
  rule.model = e->model;
  rule.links = !e->multipart;
  rule.allow_private = e->allow_private;
  rule.mask = e->has_mask && source == e->count - 1;
  rule.first = rule.mask && source > 0 ? &e->sources[0] : NULL;
  gim_source_judge(&e->sources[source], &rule, report);
}

gim_status gim_enclosure_judge(const gim_enclosure *e, int source,
                               gim_err *err) {
  gim_report report;
  gim_status status;
  int mask = e->has_mask ? e->count - 1 : -1;
  memset(&report, 0, sizeof(report));
  report.strict = e->strict;
  judge(e, source, &report);
  if (source == 0 && mask > 0 && e->sources[mask].seen)
    judge(e, mask, &report);
  status = gim_report_fail(&report, err);
  gim_report_free(&report);
  return status;
}

void gim_enclosure_free(gim_enclosure *e) {
  free(e->sources);
  free(e->holes);
  gim_form_free(&e->form);
  memset(e, 0, sizeof(*e));
}
