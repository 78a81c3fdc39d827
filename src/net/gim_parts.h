/* SPDX-License-Identifier: MIT */
/*
** gim_parts.h - a multipart body, read while it is sent   [floor 3]
**
** Files are opened when the request starts and read in pieces as libcurl
** takes them: a body needs no memory of its own, whatever its size. Every
** size is known beforehand, so that Content-Length is, too.
**
** As for any paid body nothing can be read twice: libcurl's own sources for
** files and bytes rewind, and a request that was sent again would be paid
** again.
*/
#ifndef gim_parts_h
#define gim_parts_h

#include "gim_base.h"

#pragma GCC visibility push(hidden)

/*
** Writes the next at most `n` bytes of a part to `to`; their number. 0: there
** are no more, -1: it failed; both end the transfer with GIM_E_IO before the
** announced size was reached. Called under libcurl: must not call gim_net.
*/
typedef int64_t (*gim_part_read)(void *ud, char *to, size_t n);

/* One part. Exactly one of `bytes`, `path` and `read` is set. */
typedef struct gim_part {
  const char *field;    /* COPIED */
  const char *filename; /* COPIED; NULL: none */
  const char *mime;     /* COPIED; NULL: none is said */
  const char *bytes;    /* BORROWED until on_done or cancel */
  const char *path;     /* read from during the transfer */
  gim_part_read read;
  void *ud;     /* of `read`; BORROWED until on_done or cancel */
  int64_t size; /* in bytes. Of a file: what it was when it was looked
                           at, and must still be; -1: whatever it is */
  bool seen;    /* a file that was looked at: it must still be that one */
  uint64_t device, inode; /* by stat(2) then */
  int64_t modified_ns;    /* nanoseconds since 1970 then */
} gim_part;

/* st_mtim in nanoseconds since 1970, for `modified_ns`. */
struct stat;
int64_t gim_parts_modified_ns(const struct stat *file);

typedef struct gim_parts gim_parts;

/*
** Opens the files of `n` parts and makes of them a body for `easy` (a CURL *),
** which has it as soon as gim_parts_apply was called. `*handed` is BORROWED
** until gim_parts_free: it grows with every byte of the parts (not of the
** lines between them) that libcurl takes. `*parts` is OWNED.
** GIM_E_IO: a file cannot be opened, is none, or has changed since it was
** looked at;
** GIM_E_INVALID: a control character in a name; GIM_E_NO_MEMORY.
*/
GIM_MUST_CHECK gim_status gim_parts_open(gim_parts **parts, void *easy,
                                         const gim_part *list, int n,
                                         size_t *handed, gim_err *err);

/* Makes it the body of its easy handle. False: no memory. */
GIM_MUST_CHECK bool gim_parts_apply(gim_parts *parts);

/* Bytes of all parts together. */
size_t gim_parts_total(const gim_parts *parts);

/* NULL, or why a source ended the transfer: GIM_E_IO. BORROWED. */
const gim_err *gim_parts_fault(const gim_parts *parts);

/* Nothing is read any more, least of all what is borrowed. Closes files. */
void gim_parts_close(gim_parts *parts);

/* The easy handle must not be in a multi, or be gone. NULL is allowed. */
void gim_parts_free(gim_parts *parts);

#pragma GCC visibility pop

#endif
