/* SPDX-License-Identifier: MIT */
#include "gim_issue.h"

#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

/* A new, empty item at the end of `*items`, or NULL without memory. */
static gim_issue *append(gim_issue **items, int *count) {
  /* At most 32 of them: growing one by one costs nothing that matters. */
  gim_issue *more = realloc(*items, ((size_t)*count + 1) * sizeof(*more));
  if (more == NULL) return NULL;
  *items = more;
  more += (*count)++;
  memset(more, 0, sizeof(*more));
  return more;
}

void gim_report_add(gim_report *report, gim_severity severity,
                    const char *field, const char *rule, gim_str got,
                    const char *nearest, const char *format, ...) {
  bool refuses =
      severity >= GIM_SAFETY || (severity == GIM_REFUSAL && report->strict);
  gim_issue *issue;
  char text[2 * sizeof(issue->message)];
  va_list arguments;
  if (severity == GIM_PASSING) report->passing++;
  if ((refuses ? report->issue_count : report->warning_count) ==
      GIM_LIMIT_ISSUES) {
    if (refuses) report->dropped++;
    return;
  }
  issue = refuses ? append(&report->issues, &report->issue_count)
                  : append(&report->warnings, &report->warning_count);
  if (issue == NULL) {
    report->status = GIM_E_NO_MEMORY;
    return;
  }
  gim_copy_text(issue->field, sizeof(issue->field), gim_str_of(field));
  gim_copy_text(issue->rule, sizeof(issue->rule), gim_str_of(rule));
  gim_copy_text(issue->got, sizeof(issue->got), got);
  gim_copy_text(issue->nearest, sizeof(issue->nearest), gim_str_of(nearest));
  va_start(arguments, format);
  if (vsnprintf(text, sizeof(text), format, arguments) < 0) text[0] = '\0';
  va_end(arguments);
  gim_copy_text(issue->message, sizeof(issue->message), gim_str_of(text));
}

bool gim_choice_has(const char *const *list, gim_str value) {
  if (list == NULL) return false;
  for (; *list != NULL; list++)
    if (gim_str_equal(value, gim_str_of(*list))) return true;
  return false;
}

/* The entry that differs in case only, or that `value` begins. */
static const char *nearest_choice(gim_str value, const char *const *list) {
  if (value.n == 0) return NULL;
  for (; *list != NULL; list++) {
    gim_str entry = gim_str_of(*list);
    if (entry.n >= value.n) entry.n = value.n;
    if (gim_str_equal_nocase(value, entry)) return *list;
  }
  return NULL;
}

/* "low, medium, high" */
static void join(char *to, size_t size, const char *const *list) {
  size_t n = 0;
  to[0] = '\0';
  for (int i = 0; list[i] != NULL && n < size; i++) {
    int more = snprintf(to + n, size - n, "%s%s", i == 0 ? "" : ", ", list[i]);
    if (more < 0) return;
    n += (size_t)more;
  }
}

void gim_report_choice(gim_report *report, gim_severity severity,
                       const char *field, gim_str value,
                       const char *const *list, const char *owner,
                       const char *nearest) {
  char choices[128];
  if (gim_choice_has(list, value)) return;
  join(choices, sizeof(choices), list);
  gim_report_add(report, severity, field, "one_of", value,
                 nearest == NULL ? nearest_choice(value, list) : nearest,
                 "%s of %s is one of %s", field, owner, choices);
}

gim_status gim_report_fail(const gim_report *report, gim_err *err) {
  const gim_issue *first = report->issues;
  int more = report->issue_count + report->dropped - 1;
  bool got, near, passes = report->passing == more + 1;
  char rest[48] = "";
  if (report->status != GIM_OK)
    return gim_fail(err, report->status, "not enough memory");
  if (report->issue_count == 0) return GIM_OK;
  got = first->got[0] != '\0';
  near = first->nearest[0] != '\0';
  if (more > 0)
    snprintf(rest, sizeof(rest), " (and %d more problem%s)", more,
             more == 1 ? "" : "s");
  (void)gim_fail(err, passes ? GIM_E_IO : GIM_E_INVALID, "%s%s%s%s%s%s",
                 first->message, got ? "; got " : "", first->got,
                 !near ? ""
                 : got ? ", nearest "
                       : "; nearest ",
                 first->nearest, rest);
  if (err != NULL) {
    gim_copy_text(err->field, sizeof(err->field), gim_str_of(first->field));
    err->retryable = passes;
  }
  return passes ? GIM_E_IO : GIM_E_INVALID;
}

void gim_report_free(gim_report *report) {
  free(report->issues);
  free(report->warnings);
  memset(report, 0, sizeof(*report));
}
