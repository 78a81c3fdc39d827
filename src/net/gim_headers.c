/* SPDX-License-Identifier: MIT */
#include "gim_headers.h"

#include <curl/curl.h>
#include <stdlib.h>
#include <string.h>

/* Enough for a query and for a POST, with the keys that services give. */
#define BLOCK_BYTES 512

/* A line end in a value would be a header, or a request, of somebody else. */
static bool is_header(const char *line, size_t n) {
  return memchr(line, ':', n) != NULL && memchr(line, '\r', n) == NULL &&
         memchr(line, '\n', n) == NULL;
}

/* Adds what `lines` take to `*bytes`; false: one of them is no header. */
static bool measure(const char *const *lines, size_t *bytes) {
  for (; lines != NULL && *lines != NULL; lines++) {
    size_t n = strlen(*lines);
    if (!is_header(*lines, n)) return false;
    *bytes += sizeof(struct curl_slist) + n + 1;
  }
  return true;
}

static size_t count(const char *const *lines) {
  size_t n = 0;
  while (lines != NULL && lines[n] != NULL) n++;
  return n;
}

static bool make_room(gim_headers *h, size_t bytes) {
  size_t size = bytes < BLOCK_BYTES ? BLOCK_BYTES : bytes;
  void *block;
  if (bytes <= h->size) return true;
  block = calloc(1, size);
  if (block == NULL) return false;
  free(h->block); /* nothing is in it */
  h->block = block;
  h->size = size;
  return true;
}

/* Copies `lines` to `text` and links them behind `item`; the next of each. */
static char *add(const char *const *lines, struct curl_slist **item,
                 char *text) {
  for (; lines != NULL && *lines != NULL; lines++) {
    size_t n = strlen(*lines) + 1;
    memcpy(text, *lines, n);
    (*item)->data = text;
    (*item)->next = *item + 1;
    ++*item;
    text += n;
  }
  return text;
}

gim_status gim_headers_set(gim_headers *headers, const char *const *lines,
                           const char *const *more, void **list,
                           gim_err *err) {
  size_t n = count(lines) + count(more), bytes = 0;
  struct curl_slist *item;
  char *text;
  gim_headers_clear(headers);
  *list = NULL;
  if (!measure(lines, &bytes) || !measure(more, &bytes))
    return gim_fail(err, GIM_E_INVALID, "a header has a line end or no name");
  if (n == 0) return GIM_OK;
  if (!make_room(headers, bytes))
    return gim_fail(err, GIM_E_NO_MEMORY, "not enough memory for a request");
  headers->used = bytes;
  item = headers->block;
  text = add(lines, &item, (char *)(item + n));
  (void)add(more, &item, text);
  item[-1].next = NULL;
  *list = headers->block;
  return GIM_OK;
}

/* Are the lines from `*item` on these? It moves behind them. */
static bool match(const struct curl_slist **item, const char *const *lines) {
  for (; lines != NULL && *lines != NULL; lines++, *item = (*item)->next)
    if (*item == NULL || strcmp((*item)->data, *lines) != 0) return false;
  return true;
}

void *gim_headers_find(const gim_headers *headers, const char *const *lines,
                       const char *const *more) {
  const struct curl_slist *item = headers->block;
  if (gim_headers_is_empty(headers) || !match(&item, lines) ||
      !match(&item, more) || item != NULL)
    return NULL;
  return headers->block;
}

bool gim_headers_is_empty(const gim_headers *headers) {
  return headers->used == 0;
}

void gim_headers_clear(gim_headers *headers) {
  gim_wipe(headers->block, headers->used);
  headers->used = 0;
}

void gim_headers_free(gim_headers *headers) {
  gim_headers_clear(headers);
  free(headers->block);
  headers->block = NULL;
  headers->size = 0;
}
