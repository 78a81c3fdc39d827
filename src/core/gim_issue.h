/* SPDX-License-Identifier: MIT */
/*
** gim_issue.h - problems and warnings of a request   [floor 1]
*/
#ifndef gim_issue_h
#define gim_issue_h

#include "gim_base.h"

#pragma GCC visibility push(hidden)

/* One problem or one warning. Strings as in gim_err. */
typedef struct gim_issue {
  char field[48];    /* "size", "image_urls[3]" */
  char rule[32];     /* stable name: "multiple_of_16", "required", ... */
  char message[224]; /* one sentence */
  char got[64];      /* what was given, shortened; "" where it says nothing */
  char nearest[96];  /* nearest legal value or values; "" when there is none */
} gim_issue;

/* What a problem is; how bad it is depends on `strict`, too. */
typedef enum gim_severity {
  GIM_WARNING = 0, /* told, never in the way */
  GIM_REFUSAL,     /* the service would refuse it: an issue when strict, else
                      a warning */
  GIM_SAFETY,      /* an issue always: UTF-8, control characters, our limits */
  GIM_PASSING      /* likewise; nobody is to blame, and it may be gone later */
} gim_severity;

/*
** Issues and warnings of one request, at most GIM_LIMIT_ISSUES of each; what
** comes after is only counted. Begins as zero bytes but for `strict`.
*/
typedef struct gim_report {
  bool strict;
  gim_status status; /* GIM_OK, or GIM_E_NO_MEMORY once an issue was lost */
  gim_issue *issues; /* OWNED, by malloc */
  int issue_count;
  gim_issue *warnings; /* OWNED, by malloc */
  int warning_count;
  int dropped; /* issues that found no room */
  int passing; /* issues that may be gone later */
} gim_report;

/*
** Adds one, with a message by printf rules. All text is COPIED; `got` may be
** {NULL, 0}, `nearest` NULL. Without memory `status` says so from then on.
*/
void gim_report_add(gim_report *report, gim_severity severity,
                    const char *field, const char *rule, gim_str got,
                    const char *nearest, const char *format, ...)
    GIM_PRINTF(7, 8);

/* Nothing given: for `got`. */
#define GIM_NOTHING ((gim_str){NULL, 0})

/* True when `value` is in the NULL-terminated `list` (NULL: it is not). */
bool gim_choice_has(const char *const *list, gim_str value);

/*
** Reports one_of unless `value` is in `list`. `owner` is whose field it is,
** for the message. `nearest` NULL: the entry that differs in case only, or
** that `value` begins.
*/
void gim_report_choice(gim_report *report, gim_severity severity,
                       const char *field, gim_str value,
                       const char *const *list, const char *owner,
                       const char *nearest);

/*
** What came of a report: GIM_OK where there is no issue; GIM_E_INVALID with
** the first in err->message and err->field, and the others counted; GIM_E_IO,
** retryable, where all of them may be gone later; or, where an issue was lost,
** GIM_E_NO_MEMORY.
*/
GIM_MUST_CHECK gim_status gim_report_fail(const gim_report *report,
                                          gim_err *err);

/* Releases what the report OWNS and leaves it zeroed. Idempotent. */
void gim_report_free(gim_report *report);

#pragma GCC visibility pop

#endif
