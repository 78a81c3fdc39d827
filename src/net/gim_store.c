/* SPDX-License-Identifier: MIT */
#include "gim_store.h"

#include <string.h>
#include <sys/mman.h>

#define CHUNK ((size_t)256 * 1024)
#define ALIGN ((size_t)16)

typedef struct gim_store_chunk {
  size_t size, used; /* bytes, this head included */
  size_t count;      /* texts in it */
  size_t unused;     /* what follows is aligned */
} chunk;

/* In front of each text. */
typedef struct head {
  chunk *in;
  size_t unused;
} head;

_Static_assert(sizeof(chunk) % ALIGN == 0 && sizeof(head) % ALIGN == 0,
               "what follows them is aligned");

static chunk *new_chunk(size_t size) {
  chunk *c = mmap(NULL, size, PROT_READ | PROT_WRITE,
                  MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
  if (c == MAP_FAILED) return NULL;
  c->size = size;
  c->used = sizeof(*c);
  return c;
}

static void delete_chunk(chunk *c) {
  (void)munmap(c, c->size);
}

/* A chunk with room for `need` bytes. What is full is forgotten here: its last
   text leads to it. */
static chunk *room(gim_store *store, size_t need) {
  chunk *c = store->current;
  if (c != NULL && c->size - c->used >= need) return c;
  if (need > CHUNK / 4) return new_chunk(sizeof(*c) + need);
  c = new_chunk(CHUNK);
  if (c == NULL) return NULL;
  if (store->current != NULL && store->current->count == 0)
    delete_chunk(store->current);
  store->current = c;
  return c;
}

char *gim_store_put(gim_store *store, gim_str s) {
  size_t need;
  chunk *c;
  head *h;
  char *p;
  if (s.n > SIZE_MAX / 2) return NULL;
  need = (sizeof(*h) + s.n + 1 + ALIGN - 1) / ALIGN * ALIGN;
  c = room(store, need);
  if (c == NULL) return NULL;
  h = (head *)(void *)((char *)c + c->used);
  c->used += need;
  c->count++;
  h->in = c;
  p = (char *)(h + 1);
  if (s.n > 0) memcpy(p, s.p, s.n);
  p[s.n] = '\0';
  return p;
}

void gim_store_drop(gim_store *store, char *p) {
  chunk *c;
  if (p == NULL) return;
  c = ((head *)(void *)p - 1)->in;
  if (--c->count > 0) return;
  if (c == store->current)
    c->used = sizeof(*c);
  else
    delete_chunk(c);
}

void gim_store_free(gim_store *store) {
  if (store->current != NULL) delete_chunk(store->current);
  store->current = NULL;
}
