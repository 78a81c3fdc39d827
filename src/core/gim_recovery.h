/* SPDX-License-Identifier: MIT */
/*
** gim_recovery.h - what a journal's lines leave to do   [floor 4]
**
** Feeds on the lines in order and keeps, for each request that is not over,
** how far it came and where its lines lie. What is over is dropped as it is
** seen: memory goes by the requests that are open, not by the file. Lines of
** one request may come in any order behind its intent.
**
** Over is a request that failed and was not charged, one whose pictures are
** all saved, and one that was closed. Everything else is open:
**
**   INTENT    it may have been sent, and nobody knows what came of it
**   ACCEPTED  the service has it
**   DONE      paid; pictures are missing
**   FAILED    it may have been charged, and no picture will come
*/
#ifndef gim_recovery_h
#define gim_recovery_h

#include "gim_base.h"
#include "gim_record.h"

#pragma GCC visibility push(hidden)

typedef enum gim_open_state {
  GIM_OPEN_INTENT = 0,
  GIM_OPEN_ACCEPTED,
  GIM_OPEN_DONE,
  GIM_OPEN_FAILED
} gim_open_state;

/* A request that is open. */
typedef struct gim_open {
  char key[GIM_RECORD_KEY_SIZE];
  gim_open_state state;
  int images;    /* of a DONE */
  bool reported; /* see gim_recovery_report */
  /* private: */
  uint64_t saved[GIM_LIMIT_IMAGES / 64]; /* pictures that are saved */
  uint32_t next, first_line, last_line;
} gim_open;

typedef struct gim_recovery {
  size_t count;       /* requests that are open */
  size_t finished;    /* requests that are over */
  int64_t kept_bytes; /* of lines that are worth keeping */
  /* private: */
  gim_open *list; /* OWNED; slots, some of them free */
  size_t list_n, list_capacity;
  uint32_t free_open, *buckets; /* OWNED; bucket_count of them */
  size_t bucket_count;
  struct gim_kept *lines; /* OWNED; slots, some of them free */
  size_t lines_n, lines_capacity;
  uint32_t free_line;
} gim_recovery;

/* Empty. */
void gim_recovery_init(gim_recovery *r);

/* Releases everything. Idempotent; empty and usable again. */
void gim_recovery_free(gim_recovery *r);

/*
** The next line (p NULL: too long to be looked at) and where it lies. Lines
** that are none of ours are kept. GIM_E_NO_MEMORY.
*/
GIM_MUST_CHECK gim_status gim_recovery_line(gim_recovery *r, gim_str line,
                                            gim_range range);

/*
** Walks the open requests: the first one after `from` (NULL: of all), or NULL.
** BORROWED until the next change. They come in no particular order.
*/
const gim_open *gim_recovery_next(const gim_recovery *r, const gim_open *from);

/* The open request of that key, or NULL. BORROWED until the next change. */
const gim_open *gim_recovery_find(const gim_recovery *r, const char *key);

/* Marks it as told to the user. */
void gim_recovery_report(gim_recovery *r, const gim_open *open);

/* Forgets it: somebody works on it again. `open` is only to walk on from. */
void gim_recovery_forget(gim_recovery *r, const gim_open *open);

/* Is picture `index` (from 0) of it saved? */
bool gim_recovery_is_saved(const gim_open *open, int index);

/*
** Walks its lines in the order in which they came: `*at` is 0 at first. False
** at the end.
*/
bool gim_recovery_next_line(const gim_recovery *r, const gim_open *open,
                            uint32_t *at, gim_range *range);

/*
** All lines worth keeping, in rising order; `*ranges` is OWNED (free with
** free()), NULL where there is none. GIM_E_NO_MEMORY.
*/
GIM_MUST_CHECK gim_status gim_recovery_ranges(const gim_recovery *r,
                                              gim_range **ranges,
                                              size_t *count);

#pragma GCC visibility pop

#endif
