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

/* A member of each thing that queues. Zeroed: in no list. To stay small (there
   are thousands) it does not know which list it is in. */
typedef struct gim_list_item {
  struct gim_list_item *before, *after; /* private */
} gim_list_item;

/* Zeroed: empty. Stays where it is while it holds anything. */
typedef struct gim_list {
  gim_list_item ends; /* private: what it holds is a ring through this */
} gim_list;

/* Queues `link`, BORROWED until it is taken out, at the end, unless it is in a
   list already: then nothing happens, whichever list that is. */
void gim_list_append(gim_list *list, gim_list_item *link);

/* The same, but before `place`, which is in `list` (NULL: at the end). */
void gim_list_insert(gim_list *list, gim_list_item *place,
                     gim_list_item *link);

/* Takes `link` out of the list that it is in; without effect when it is in
   none. What it lies in is the caller's to free, and only afterwards. */
void gim_list_remove(gim_list_item *link);

/* Takes out the first, which was queued the longest time ago, and returns it;
   NULL when there is none. */
gim_list_item *gim_list_shift(gim_list *list);

/* Is it in a list? Which one, only its owner knows. */
bool gim_list_is_in(const gim_list_item *link);

/* The first and the last of a list, or NULL when it is empty. BORROWED. */
gim_list_item *gim_list_first(const gim_list *list);
gim_list_item *gim_list_last(const gim_list *list);

/* The neighbours of `link`, or NULL behind the last and before the first.
   `link` must be in `list`, whose ends are known by it. BORROWED. To take
   things out while walking, ask for the neighbour before. */
gim_list_item *gim_list_after(const gim_list *list, const gim_list_item *link);
gim_list_item *gim_list_before(const gim_list *list,
                               const gim_list_item *link);

/* The struct of type `type` whose member `member` is `*pointer`. */
#define GIM_CONTAINER(pointer, type, member)                                  \
  ((type *)(void *)((char *)(pointer)-offsetof(type, member)))

#pragma GCC visibility pop

#endif
