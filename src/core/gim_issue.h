/* SPDX-License-Identifier: MIT */
/*
** gim_issue.h - one problem or warning, and lists of them   [floor 1]
*/
#ifndef gim_issue_h
#define gim_issue_h

#include "gim_base.h"

/* One problem or one warning. Strings as in gim_err. */
typedef struct gim_issue {
  char field[48];    /* "size", "image_urls[3]" */
  char rule[32];     /* stable name: "multiple_of_16", "required", ... */
  char message[224]; /* one sentence */
  char got[64];      /* what was given, shortened; "" where it says nothing */
  char nearest[96];  /* nearest legal value or values; "" when there is none */
} gim_issue;

/* A list of at most GIM_LIMIT_ISSUES; what comes after is only counted. */
typedef struct gim_issue_list {
  gim_issue *items; /* OWNED; free() releases it; NULL while empty */
  int count;
  int dropped; /* issues that found no room */
} gim_issue_list;

/*
** Appends an issue: field and rule (COPIED, NUL-terminated), and a message by
** printf rules. `*added` (may be NULL) is the new one, for its `got` and
** `nearest`, BORROWED until the next change; NULL when the list is full.
** GIM_E_NO_MEMORY leaves the list as it was.
*/
GIM_MUST_CHECK gim_status gim_issue_add(gim_issue_list *list,
                                        gim_issue **added, const char *field,
                                        const char *rule, const char *format,
                                        ...) GIM_PRINTF(5, 6);

/* Releases the items. Idempotent. */
void gim_issue_list_free(gim_issue_list *list);

#endif
