/* SPDX-License-Identifier: MIT */
/*
** gim_json_index.h - where the values of a JSON text stand, written down as
** they come   [floor 0]
**
** gim_json_check says what begins and ends where, gim_json walks by it. Places
** are offsets in the text, which is below 4 GiB. An index only saves time:
** where there is no memory for it there is none, and each call does nothing.
*/
#ifndef gim_json_index_h
#define gim_json_index_h

#include <stddef.h>
#include <stdint.h>

#pragma GCC visibility push(hidden)

/* A value: [begin, end) of the text. */
typedef struct gim_json_node {
  uint32_t key, key_end; /* of a member: its key, quotes included; else 0 */
  uint32_t begin, end;
  uint32_t size; /* how many nodes it is, with those of all values in it: they
                    follow in the order of the text */
} gim_json_node;

/* All zero: no index. */
typedef struct gim_json_index {
  gim_json_node *nodes; /* OWNED; NULL: no index. The first is the value of
                           the text */
  uint32_t n, max;
  uint32_t open;         /* the innermost array or object that has begun */
  uint32_t key, key_end; /* of the member that comes */
} gim_json_index;

/* Makes room for more nodes, the first ones too. */
void gim_json_index_grow(gim_json_index *index);

/* Ready for another text; the memory is kept. */
static inline void gim_json_index_clear(gim_json_index *index) {
  index->n = index->open = index->key = index->key_end = 0;
}

/* Releases what the index OWNS: there is none then. Idempotent. */
void gim_json_index_free(gim_json_index *index);

/* A value begins. */
static inline void gim_json_index_begin(gim_json_index *index, uint32_t at) {
  gim_json_node *node;
  if (index->n == index->max && index->nodes != NULL)
    gim_json_index_grow(index);
  if (index->nodes == NULL) return;
  node = &index->nodes[index->n++];
  node->key = index->key;
  node->key_end = index->key_end;
  node->begin = at;
  node->size = 1;
  index->key = index->key_end = 0;
}

/* The newest value, which has no others in it, ends in front of `at`. */
static inline void gim_json_index_end(gim_json_index *index, uint32_t at) {
  if (index->nodes != NULL) index->nodes[index->n - 1].end = at;
}

/* The newest value is an array or object. Until that ends, its `size` says in
   which one it stands. */
static inline void gim_json_index_open(gim_json_index *index) {
  if (index->nodes == NULL) return;
  index->nodes[index->n - 1].size = index->open;
  index->open = index->n - 1;
}

/* The innermost array or object ends in front of `at`. */
static inline void gim_json_index_close(gim_json_index *index, uint32_t at) {
  uint32_t number = index->open;
  gim_json_node *node;
  if (index->nodes == NULL) return;
  node = &index->nodes[number];
  index->open = node->size;
  node->end = at;
  node->size = index->n - number;
}

#pragma GCC visibility pop

#endif
