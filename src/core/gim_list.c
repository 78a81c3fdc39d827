/* SPDX-License-Identifier: MIT */
#include "gim_list.h"

void gim_list_insert(gim_list *list, gim_list_item *place,
                     gim_list_item *link) {
  if (link->list != NULL) return;
  link->list = list;
  link->after = place;
  link->before = place == NULL ? list->last : place->before;
  if (link->before != NULL)
    link->before->after = link;
  else
    list->first = link;
  if (place != NULL)
    place->before = link;
  else
    list->last = link;
}

void gim_list_append(gim_list *list, gim_list_item *link) {
  gim_list_insert(list, NULL, link);
}

void gim_list_remove(gim_list_item *link) {
  gim_list *list = link->list;
  if (list == NULL) return;
  link->list = NULL;
  if (link->before != NULL)
    link->before->after = link->after;
  else
    list->first = link->after;
  if (link->after != NULL)
    link->after->before = link->before;
  else
    list->last = link->before;
  link->before = link->after = NULL;
}

gim_list_item *gim_list_shift(gim_list *list) {
  gim_list_item *link = list->first;
  if (link != NULL) gim_list_remove(link);
  return link;
}
