/* SPDX-License-Identifier: MIT */
#include "gim_json_index.h"

#include <stdlib.h>

#define FIRST 32 /* nodes: more than a task has */

void gim_json_index_grow(gim_json_index *index) {
  uint32_t max = index->max == 0 ? FIRST : 2 * index->max;
  gim_json_node *nodes = realloc(index->nodes, max * sizeof(*nodes));
  if (nodes == NULL) {
    gim_json_index_free(index);
    return;
  }
  index->nodes = nodes;
  index->max = max;
}

void gim_json_index_free(gim_json_index *index) {
  free(index->nodes);
  index->nodes = NULL;
  index->n = index->max = 0;
}
