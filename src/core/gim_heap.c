/* SPDX-License-Identifier: MIT */
#include "gim_heap.h"

#include <stdlib.h>

/* Of each entry: their times lie side by side, and whoever sinks moves half as
   many of those things about as with two. */
#define CHILDREN 4

gim_status gim_heap_reserve(gim_heap *heap, size_t n) {
  size_t capacity;
  gim_heap_item *items;
  if (n < heap->n + 1) n = heap->n + 1;
  if (n <= heap->capacity) return GIM_OK;
  capacity = heap->capacity == 0 ? 16 : heap->capacity * 2;
  if (capacity < n) capacity = n;
  items = realloc(heap->items, capacity * sizeof(*items));
  if (items == NULL) return GIM_E_NO_MEMORY;
  heap->items = items;
  heap->capacity = capacity;
  return GIM_OK;
}

static void put(gim_heap *heap, size_t i, gim_heap_item item) {
  heap->items[i] = item;
  item.due->place = i + 1;
}

static void sift_up(gim_heap *heap, size_t i) {
  gim_heap_item item = heap->items[i];
  while (i > 0) {
    size_t parent = (i - 1) / CHILDREN;
    if (heap->items[parent].at_ms <= item.at_ms) break;
    put(heap, i, heap->items[parent]);
    i = parent;
  }
  put(heap, i, item);
}

static void sift_down(gim_heap *heap, size_t i) {
  gim_heap_item item = heap->items[i];
  for (;;) {
    size_t first = CHILDREN * i + 1, end = first + CHILDREN, least = first;
    if (first >= heap->n) break;
    if (end > heap->n) end = heap->n;
    for (size_t child = first + 1; child < end; child++)
      if (heap->items[child].at_ms < heap->items[least].at_ms) least = child;
    if (heap->items[least].at_ms >= item.at_ms) break;
    put(heap, i, heap->items[least]);
    i = least;
  }
  put(heap, i, item);
}

void gim_heap_set(gim_heap *heap, gim_due *due, int64_t at_ms) {
  int64_t before = due->at_ms;
  due->at_ms = at_ms;
  if (due->place == 0) {
    put(heap, heap->n++, (gim_heap_item){at_ms, due});
    sift_up(heap, heap->n - 1);
    return;
  }
  heap->items[due->place - 1].at_ms = at_ms;
  if (at_ms < before)
    sift_up(heap, due->place - 1);
  else if (at_ms > before)
    sift_down(heap, due->place - 1);
}

void gim_heap_remove(gim_heap *heap, gim_due *due) {
  size_t i = due->place;
  gim_heap_item last;
  if (i == 0) return;
  i--;
  due->place = 0;
  last = heap->items[--heap->n];
  if (last.due == due) return;
  put(heap, i, last);
  sift_up(heap, i);
  sift_down(heap, last.due->place - 1);
}

gim_due *gim_heap_first(const gim_heap *heap) {
  return heap->n == 0 ? NULL : heap->items[0].due;
}

void gim_heap_free(gim_heap *heap) {
  free(heap->items);
  heap->items = NULL;
  heap->n = heap->capacity = 0;
}
