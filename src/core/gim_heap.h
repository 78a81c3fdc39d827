/* SPDX-License-Identifier: MIT */
/*
** gim_heap.h - what is due next   [floor 1]
**
** A heap of times. Each entry lies inside the thing that waits and
** knows its place, so that it can be moved and removed in O(log n). The heap
** has the times itself: to compare two it need not look at the things, which
** are all over memory.
*/
#ifndef gim_heap_h
#define gim_heap_h

#include "gim_base.h"

#pragma GCC visibility push(hidden)

/* One waiting thing. Zeroed: in no heap. */
typedef struct gim_due {
  int64_t at_ms;
  /* private: */
  size_t place; /* index + 1 in the heap; 0: in none */
} gim_due;

typedef struct gim_heap_item {
  int64_t at_ms; /* as in `due` */
  gim_due *due;
} gim_heap_item;

/* Zeroed: empty. */
typedef struct gim_heap {
  gim_heap_item *items; /* OWNED; the entries are BORROWED */
  size_t n;
  /* private: */
  size_t capacity;
} gim_heap;

/*
** Makes room for one entry more than there are (or `n`, if that is more), so
** that the next gim_heap_set cannot fail. GIM_E_NO_MEMORY.
*/
GIM_MUST_CHECK gim_status gim_heap_reserve(gim_heap *heap, size_t n);

/*
** Puts `due` into the heap at `at_ms`, or moves it there. BORROWED until it
** is removed. A new entry takes room that gim_heap_reserve made.
*/
void gim_heap_set(gim_heap *heap, gim_due *due, int64_t at_ms);

/* Takes `due` out; without effect when it is in no heap. */
void gim_heap_remove(gim_heap *heap, gim_due *due);

/* The earliest entry, or NULL. */
gim_due *gim_heap_first(const gim_heap *heap);

/* Releases the heap's own memory. The entries are left as they are. */
void gim_heap_free(gim_heap *heap);

#pragma GCC visibility pop

#endif
