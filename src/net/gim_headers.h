/* SPDX-License-Identifier: MIT */
/*
** gim_headers.h - the header lines of a request, as libcurl wants them
** [floor 2]
**
** curl_slist_append makes two pieces of memory for each line, and what is
** freed there keeps the key that was in it. Here all lines lie in one piece,
** which the next request uses again and which is wiped in between; or which
** many requests at once use, where they have the same lines.
*/
#ifndef gim_headers_h
#define gim_headers_h

#include "gim_base.h"

#pragma GCC visibility push(hidden)

/* Zeroed it has no lines. */
typedef struct gim_headers {
  /* private: */
  void *block; /* OWNED: the items of the list, then what they point to */
  size_t size, used;
} gim_headers;

/*
** Makes `*list` (a curl_slist *, BORROWED until the next call with `headers`;
** NULL: no lines) of `lines`, then `more`: "Name: value" each, COPIED, both
** NULL-terminated. `lines` may be NULL. What was there before is wiped.
** GIM_E_INVALID: a line has a line end, and would be two, or no name;
** GIM_E_NO_MEMORY.
*/
GIM_MUST_CHECK gim_status gim_headers_set(gim_headers *headers,
                                          const char *const *lines,
                                          const char *const *more, void **list,
                                          gim_err *err);

/* The list of `headers` (BORROWED as above) where it is of these lines; NULL:
   it is of others, or of none. */
void *gim_headers_find(const gim_headers *headers, const char *const *lines,
                       const char *const *more);

/* Has it no lines? */
bool gim_headers_is_empty(const gim_headers *headers);

/* Wipes all lines; the memory is kept for others. */
void gim_headers_clear(gim_headers *headers);

/* Wipes all lines and releases the memory; `headers` has none. */
void gim_headers_free(gim_headers *headers);

#pragma GCC visibility pop

#endif
