/* SPDX-License-Identifier: MIT */
/*
** gim_list.h - first in, first out, with leaving in the middle   [floor 1]
**
** A doubly linked list whose links lie inside the things that queue.
*/
#ifndef gim_list_h
#define gim_list_h

#include "gim_base.h"

/* Inside a thing that queues. Zeroed: in no list. */
typedef struct gim_link {
  struct gim_list *list;           /* the list it is in; NULL: none */
  struct gim_link *before, *after; /* private */
} gim_link;

/* Zeroed: empty. */
typedef struct gim_list {
  gim_link *first, *last; /* BORROWED; private */
} gim_list;

/* Queues `link` at the end, unless it is in a list already. */
void gim_list_append(gim_list *list, gim_link *link);

/* Takes `link` out; without effect when it is in no list. */
void gim_list_remove(gim_link *link);

/* Takes out the first, or NULL. */
gim_link *gim_list_shift(gim_list *list);

/* The struct of type `type` whose member `member` is `*pointer`. */
#define GIM_CONTAINER(pointer, type, member)                                  \
  ((type *)(void *)((char *)(pointer)-offsetof(type, member)))

#endif
