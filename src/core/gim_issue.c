/* SPDX-License-Identifier: MIT */
#include "gim_issue.h"

#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

gim_status gim_issue_add(gim_issue_list *list, gim_issue **added,
                         const char *field, const char *rule,
                         const char *format, ...) {
  gim_issue *items, *issue;
  char text[2 * sizeof(issue->message)];
  va_list arguments;
  if (added != NULL) *added = NULL;
  if (list->count == GIM_LIMIT_ISSUES) {
    list->dropped++;
    return GIM_OK;
  }
  /* At most 32 of them: growing one by one costs nothing that matters. */
  items = realloc(list->items, ((size_t)list->count + 1) * sizeof(*items));
  if (items == NULL) return GIM_E_NO_MEMORY;
  list->items = items;
  issue = &items[list->count++];
  memset(issue, 0, sizeof(*issue));
  gim_copy_text(issue->field, sizeof(issue->field), gim_str_of(field));
  gim_copy_text(issue->rule, sizeof(issue->rule), gim_str_of(rule));
  va_start(arguments, format);
  if (vsnprintf(text, sizeof(text), format, arguments) < 0) text[0] = '\0';
  va_end(arguments);
  gim_copy_text(issue->message, sizeof(issue->message), gim_str_of(text));
  if (added != NULL) *added = issue;
  return GIM_OK;
}

void gim_issue_list_free(gim_issue_list *list) {
  free(list->items);
  memset(list, 0, sizeof(*list));
}
