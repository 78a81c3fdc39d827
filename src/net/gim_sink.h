/* SPDX-License-Identifier: MIT */
/*
** gim_sink.h - where the bytes of one picture go   [floor 7]
**
** A sink takes the picture as it arrives, into a file of the folder that was
** asked for, or into memory up to a limit that all sinks of a client share
** and into a nameless temporary file beyond (what memory holds by then stays
** there). It looks at the picture's header
** on the way. What was paid for is not thrown away: when the folder fails
** in mid-picture (disk full) the sink moves what it has, and what is still to
** come, to memory or a temporary file and remembers the trouble.
*/
#ifndef gim_sink_h
#define gim_sink_h

#include "gim_base.h"
#include "gim_file.h"
#include "gim_image.h"

#pragma GCC visibility push(hidden)

/* Memory that sinks share. The client owns it and outlives them. */
typedef struct gim_pool {
  size_t limit; /* bytes that may be held at once */
  size_t used;
  size_t gather;      /* bytes of one write; 0: GIM_FILE_GATHER, and no frame
                          budget counts */
  bool replaces;      /* files usually replace others: then blocks are reserved
                          even so, see gim_file_reserve_nothing */
  gim_writer *writer; /* BORROWED; files are written behind; NULL: they are
                          not */
} gim_pool;

typedef struct gim_sink gim_sink;

/*
** A new sink into `folder` (COPIED), or into memory when it is NULL. `pool`
** is BORROWED until gim_sink_free. Nothing is opened before the first byte.
** NULL: no memory.
*/
gim_sink *gim_sink_new(const char *folder, gim_pool *pool);

/*
** A sink to read what was filed at `path` before, `size` bytes; its picture's
** header is not looked at again. NULL: no memory, or that file is gone.
*/
gim_sink *gim_sink_reopen(const char *path, int64_t size, gim_pool *pool);

/*
** Somebody says that it will have `n` bytes in all. A hint that may be wrong:
** blocks are reserved as of gim_file_expect, memory for as much ahead.
*/
void gim_sink_expect(gim_sink *sink, int64_t n);

/*
** Would `n` bytes be taken at once, as of gim_file_takes? Else a write of them
** blocks until the thread that writes has come on: gim_sink_await tells of
** that.
*/
bool gim_sink_takes(gim_sink *sink, size_t n);

/* Is nothing of it on its way to a file? */
bool gim_sink_is_written(gim_sink *sink);

/* Has `wait` (BORROWED, see gim_writer_await) told when gim_sink_takes or
   gim_sink_commit is to be asked again. False: now. */
bool gim_sink_await(gim_sink *sink, gim_writer_wait *wait);

/*
** Appends. GIM_E_IO or GIM_E_NO_MEMORY only when neither the folder nor
** memory nor a temporary file takes the bytes; sticky then.
*/
GIM_MUST_CHECK gim_status gim_sink_write(gim_sink *sink, const void *p,
                                         size_t n, gim_err *err);

/* The picture is whole: releases what only writing needed, and memory and
   blocks that were reserved for more. */
void gim_sink_settle(gim_sink *sink);

/* Back to empty, also the header seen: a download that starts over. */
GIM_MUST_CHECK gim_status gim_sink_restart(gim_sink *sink, gim_err *err);

/* Bytes accepted so far. */
int64_t gim_sink_size(const gim_sink *sink);

/* What the bytes so far are. BORROWED from the sink. */
const gim_image *gim_sink_image(const gim_sink *sink);

/* Do the bytes so far begin as a picture and lack its end? Not known of what
   was opened again. */
bool gim_sink_is_cut(const gim_sink *sink);

/*
** GIM_OK, or what went wrong with the folder (`err` written): the bytes are
** elsewhere and can be read, not committed there.
*/
gim_status gim_sink_trouble(const gim_sink *sink, gim_err *err);

/* Reads what was written, wherever it is. `*got` is 0 at the end. */
GIM_MUST_CHECK gim_status gim_sink_read(gim_sink *sink, int64_t offset,
                                        void *p, size_t n, size_t *got,
                                        gim_err *err);

/*
** The first bytes as a text for a message, the key `secret` taken out.
*/
#define GIM_SINK_QUOTE 24
void gim_sink_quote(gim_sink *sink, gim_str secret, char to[GIM_SINK_QUOTE]);

/*
** Files the picture under `folder`/`name`: the sink's own folder (a rename)
** or any other (a copy of at most `slice` bytes per call, 0: all at once).
** GIM_OK: done, `path` says where. GIM_E_TIMEOUT: not all is copied yet, or
** written; to be called again with the same arguments, where gim_sink_await
** says that it waits for that, then. GIM_E_IO, GIM_E_NO_MEMORY: not filed; the
** bytes stay readable and it may be tried again. A sink can be filed more
** than once; after a rename it reads from the named file.
*/
GIM_MUST_CHECK gim_status gim_sink_commit(gim_sink *sink, const char *folder,
                                          const char *name,
                                          gim_overwrite overwrite,
                                          int64_t slice, char *path,
                                          size_t size, gim_err *err);

/* Releases; what was not filed is gone. NULL is allowed. */
void gim_sink_free(gim_sink *sink);

#pragma GCC visibility pop

#endif
