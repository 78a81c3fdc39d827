/* SPDX-License-Identifier: MIT */
/*
** gim_filing_private.h - what the files of gim_filing share   [floor 9]
**
** gim_filing_name.c knows names, gim_filing.c brings bytes to them.
*/
#ifndef gim_filing_private_h
#define gim_filing_private_h

#include "gim_buffer.h"
#include "gim_filing.h"

#pragma GCC visibility push(hidden)

/* Where the pictures of a filing go, and where they come from if not from the
   service. */
typedef struct gim_aim {
  char *folder, *pattern; /* OWNED; NULL: no output */
  bool literal;           /* `pattern` is a file name, not a template */
  gim_overwrite overwrite;
  uint64_t *claims; /* OWNED; claim_count of them, see gim_filing_claim */
  int claim_count;
  gim_list_item claim; /* in hub->claims */
  gim_filing *source;  /* BORROWED; whose picture is brought, or NULL */
  int source_picture;
} gim_aim;

/* The aim of `f`, which it gets with the first call; NULL: no memory. */
gim_aim *gim_filing_give_aim(gim_filing *f);

/* Has it an output? */
bool gim_filing_is_aimed(const gim_filing *f);

/*
** The file name of picture `picture`, which is whole, into `name`, which is
** empty and OWNED: gim_buffer_free whatever is returned. GIM_E_IO: it would
** be too long; GIM_E_NO_MEMORY.
*/
GIM_MUST_CHECK gim_status gim_filing_name(const gim_filing *f, int picture,
                                          gim_buffer *name, gim_err *err);

#pragma GCC visibility pop

#endif
