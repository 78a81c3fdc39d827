/* SPDX-License-Identifier: MIT */
/*
** gim_list.h - first in, first out, with leaving in the middle   [floor 1]
**
** A doubly linked list whose links lie inside the things that queue.
*/
#ifndef gim_list_h
#define gim_list_h

#include "gim_base.h"

#pragma GCC visibility push(hidden)

/* Inside a thing that queues. Zeroed: in no list. */
typedef struct gim_list_item {
  struct gim_list *list;                /* the list it is in; NULL: none */
  struct gim_list_item *before, *after; /* its neighbours, or NULL */
} gim_list_item;

/* Zeroed: empty. */
typedef struct gim_list {
  gim_list_item *first, *last; /* BORROWED */
} gim_list;

/* Queues `link` at the end, unless it is in a list already. */
void gim_list_append(gim_list *list, gim_list_item *link);

/* The same, but before `place`, which is in the list (NULL: at the end). */
void gim_list_insert(gim_list *list, gim_list_item *place,
                     gim_list_item *link);

/* Takes `link` out; without effect when it is in no list. */
void gim_list_remove(gim_list_item *link);

/* Takes out the first, or NULL. */
gim_list_item *gim_list_shift(gim_list *list);

/* The struct of type `type` whose member `member` is `*pointer`. */
#define GIM_CONTAINER(pointer, type, member)                                  \
  ((type *)(void *)((char *)(pointer)-offsetof(type, member)))

#pragma GCC visibility pop

#endif
