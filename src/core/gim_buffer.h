/* SPDX-License-Identifier: MIT */
/*
** gim_buffer.h - growing buffer with a mandatory limit   [floor 1]
*/
#ifndef gim_buffer_h
#define gim_buffer_h

#include "gim_base.h"

#pragma GCC visibility push(hidden)

typedef struct gim_buffer {
  char *p;  /* OWNED; NULL while nothing was appended. One byte past n is
               always a NUL that n does not count */
  size_t n; /* bytes held */
  /* private: */
  size_t capacity;
  size_t limit;
} gim_buffer;

/* An empty buffer that will never hold more than `limit` bytes. */
void gim_buffer_init(gim_buffer *b, size_t limit);

/* Releases the bytes. Idempotent; the buffer is empty and usable again. */
void gim_buffer_free(gim_buffer *b);

/* Forgets the bytes, keeps the memory. */
void gim_buffer_clear(gim_buffer *b);

/* Forgets all but the first `n` bytes: takes back what was appended. */
void gim_buffer_cut(gim_buffer *b, size_t n);

/*
** Makes room for `more` further bytes; for those who write at p + n and then
** raise n themselves. Here and below:
** GIM_E_TOO_BIG: over the limit; GIM_E_NO_MEMORY. The buffer is unchanged
** when one of these comes back.
*/
GIM_MUST_CHECK gim_status gim_buffer_reserve(gim_buffer *b, size_t more);

/* Appends (COPIES) `n` bytes, a slice, one byte, text by printf rules. */
GIM_MUST_CHECK gim_status gim_buffer_append(gim_buffer *b, const void *p,
                                            size_t n);
GIM_MUST_CHECK gim_status gim_buffer_append_str(gim_buffer *b, gim_str s);
GIM_MUST_CHECK gim_status gim_buffer_append_byte(gim_buffer *b, char c);
GIM_MUST_CHECK gim_status gim_buffer_append_format(gim_buffer *b,
                                                   const char *format, ...)
    GIM_PRINTF(2, 3);

/* The bytes as a slice, BORROWED until the next change. */
gim_str gim_buffer_str(const gim_buffer *b);

/*
** MOVES the bytes to the caller (free with free()); `*n` is their count. NULL
** when the buffer is empty. The buffer is empty and usable again.
*/
char *gim_buffer_take(gim_buffer *b, size_t *n);

#pragma GCC visibility pop

#endif
