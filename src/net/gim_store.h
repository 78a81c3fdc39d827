/* SPDX-License-Identifier: MIT */
/*
** gim_store.h - texts that many tasks hold for a while   [floor 1]
**
** The bodies of requests: thousands come within a moment and go within
** another, first come, first gone. Between what stays they would leave holes
** that no later thing fits into; so they lie in pages of their own, which go
** back to the system as soon as all that was in them has gone.
*/
#ifndef gim_store_h
#define gim_store_h

#include "gim_base.h"

#pragma GCC visibility push(hidden)

/* Zeroed: empty. */
typedef struct gim_store {
  struct gim_store_chunk *current; /* private */
} gim_store;

/* A copy of `s`, NUL-terminated, OWNED: gim_store_drop. NULL: no memory. */
char *gim_store_put(gim_store *store, gim_str s);

/* Gives one back. NULL is allowed. */
void gim_store_drop(gim_store *store, char *p);

/* Releases the store; all that was put into it must have been dropped. */
void gim_store_free(gim_store *store);

#pragma GCC visibility pop

#endif
