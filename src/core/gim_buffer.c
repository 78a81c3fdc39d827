/* SPDX-License-Identifier: MIT */
#include "gim_buffer.h"

#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define FIRST_CAPACITY 128

void gim_buffer_init(gim_buffer *b, size_t limit) {
  memset(b, 0, sizeof(*b));
  /* One byte of every allocation is the NUL. */
  b->limit = limit < SIZE_MAX / 2 ? limit : SIZE_MAX / 2;
}

void gim_buffer_free(gim_buffer *b) {
  free(b->p);
  b->p = NULL;
  b->n = b->capacity = 0;
}

void gim_buffer_clear(gim_buffer *b) {
  b->n = 0;
  if (b->p != NULL) b->p[0] = '\0';
}

void gim_buffer_cut(gim_buffer *b, size_t n) {
  if (n >= b->n) return;
  b->n = n;
  b->p[n] = '\0';
}

gim_status gim_buffer_reserve(gim_buffer *b, size_t more) {
  size_t want, capacity;
  char *p;
  if (more > b->limit || b->n > b->limit - more) return GIM_E_TOO_BIG;
  want = b->n + more;
  if (b->p != NULL && want <= b->capacity) return GIM_OK;
  capacity = b->capacity < FIRST_CAPACITY ? FIRST_CAPACITY : b->capacity * 2;
  if (capacity < want) capacity = want;
  if (capacity > b->limit) capacity = b->limit;
  p = realloc(b->p, capacity + 1);
  if (p == NULL) return GIM_E_NO_MEMORY;
  b->p = p;
  b->p[b->n] = '\0';
  b->capacity = capacity;
  return GIM_OK;
}

gim_status gim_buffer_append(gim_buffer *b, const void *p, size_t n) {
  gim_status status = gim_buffer_reserve(b, n);
  if (status != GIM_OK) return status;
  if (n > 0) memcpy(b->p + b->n, p, n);
  b->n += n;
  b->p[b->n] = '\0';
  return GIM_OK;
}

gim_status gim_buffer_append_str(gim_buffer *b, gim_str s) {
  return gim_buffer_append(b, s.p, s.n);
}

gim_status gim_buffer_append_byte(gim_buffer *b, char c) {
  return gim_buffer_append(b, &c, 1);
}

gim_status gim_buffer_append_format(gim_buffer *b, const char *format, ...) {
  va_list arguments;
  int n;
  gim_status status;
  va_start(arguments, format);
  n = vsnprintf(NULL, 0, format, arguments);
  va_end(arguments);
  if (n < 0) return GIM_E_NO_MEMORY;
  status = gim_buffer_reserve(b, (size_t)n);
  if (status != GIM_OK) return status;
  va_start(arguments, format);
  (void)vsnprintf(b->p + b->n, (size_t)n + 1, format, arguments);
  va_end(arguments);
  b->n += (size_t)n;
  return GIM_OK;
}

gim_str gim_buffer_str(const gim_buffer *b) {
  gim_str s;
  s.p = b->p;
  s.n = b->n;
  return s;
}

char *gim_buffer_take(gim_buffer *b, size_t *n) {
  char *p = b->n > 0 ? b->p : NULL;
  *n = b->n;
  if (p == NULL) free(b->p);
  b->p = NULL;
  b->n = b->capacity = 0;
  return p;
}
