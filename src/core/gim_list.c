/* SPDX-License-Identifier: MIT */
#include "gim_list.h"

void gim_list_insert(gim_list *list, gim_list_item *place,
                     gim_list_item *link) {
  gim_list_item *ends = &list->ends;
  if (link->after != NULL) return;
  if (ends->after == NULL) ends->before = ends->after = ends;
  if (place == NULL) place = ends;
  link->after = place;
  link->before = place->before;
  place->before->after = link;
  place->before = link;
}

void gim_list_append(gim_list *list, gim_list_item *link) {
  gim_list_insert(list, NULL, link);
}

void gim_list_remove(gim_list_item *link) {
  if (link->after == NULL) return;
  link->before->after = link->after;
  link->after->before = link->before;
  link->before = link->after = NULL;
}

gim_list_item *gim_list_shift(gim_list *list) {
  gim_list_item *link = gim_list_first(list);
  if (link != NULL) gim_list_remove(link);
  return link;
}

bool gim_list_is_in(const gim_list_item *link) {
  return link->after != NULL;
}

gim_list_item *gim_list_after(const gim_list *list,
                              const gim_list_item *link) {
  return link->after == &list->ends ? NULL : link->after;
}

gim_list_item *gim_list_before(const gim_list *list,
                               const gim_list_item *link) {
  return link->before == &list->ends ? NULL : link->before;
}

gim_list_item *gim_list_first(const gim_list *list) {
  return gim_list_after(list, &list->ends);
}

gim_list_item *gim_list_last(const gim_list *list) {
  return gim_list_before(list, &list->ends);
}
