/* SPDX-License-Identifier: MIT */
/*
** gim_archive.h - one client's journal: what earlier runs left in it, and
** whoever waits for a line to be on the disk   [floor 7]
**
** Opening it reads the file, keeps the requests that are not over for
** gim_recover, and compacts the file where most of it is about others.
*/
#ifndef gim_archive_h
#define gim_archive_h

#include "gim_base.h"
#include "gim_journal.h"
#include "gim_list.h"
#include "gim_net.h"
#include "gim_recovery.h"

#pragma GCC visibility push(hidden)

/* Pictures that came whole lie in the folder beside the journal under the
   request's key, a dash, their number in the answer (from 0) and this. */
#define GIM_ARRIVED ".arrived"

/*
** A wait for one line; a member of the struct that waits. `settled` is called
** once, inside gim_net_step: with `err` NULL the line is on the disk, else
** `err` says why it is not. BORROWED during the call.
*/
typedef struct gim_wait_line {
  gim_list_item link;
  gim_ticket ticket;
  void (*settled)(struct gim_wait_line *wait, const gim_err *err);
} gim_wait_line;

typedef struct gim_archive {
  gim_journal *journal; /* OWNED */
  gim_recovery past;    /* what was open when it was opened */
  gim_err compacting;   /* status GIM_OK, or why the file stays as it is */
  /* private: */
  gim_list waiting; /* of gim_wait_line */
  gim_net *net;     /* BORROWED */
  bool folder_tried, troubled;
  size_t dropped; /* by gim_journal_dropped, when the owner was last told */
  /* Set by the owner (NULL: nobody is told): writing has begun to fail, or the
     disk does not keep a file. gim_archive_close may call it, too. */
  void (*on_trouble)(void *ud, const gim_err *err);
  void *ud;
} gim_archive;

/*
** Opens the journal at `path` (COPIED) and has `net` (BORROWED until
** gim_archive_close) wake for it. Blocks for the disk. Left-overs of a crash
** in the folder beside the journal are removed: halves, and pictures of
** requests of which the journal says that they are over. What it says nothing
** of stays. As gim_journal_open, and GIM_E_IO when it cannot be read.
** `*archive` is OWNED.
*/
GIM_MUST_CHECK gim_status gim_archive_open(gim_archive **archive,
                                           const char *path, gim_net *net,
                                           gim_err *err);

/* Makes the folder for pictures and tries to write there, until that has
   succeeded once. Results are those of gim_file_try_folder. */
GIM_MUST_CHECK gim_status gim_archive_try_folder(gim_archive *archive,
                                                 gim_err *err);

/* The path of payload `payload` of request `key`. OWNED; NULL: no memory. */
char *gim_archive_spare(const gim_archive *archive, const char *key,
                        int payload);

/*
** Appends `line` (COPIED), and has `wait` told once it is on the disk or was
** tried in vain. `wait` is BORROWED until then, or until gim_archive_forget.
** False: it cannot be appended, `err` says why, and nobody is told.
*/
bool gim_archive_append(gim_archive *archive, gim_str line,
                        gim_wait_line *wait, gim_err *err);

/* `wait` is not to be told any more; without effect when it does not wait. */
void gim_archive_forget(gim_wait_line *wait);

/*
** As gim_journal_close; waits are forgotten, and what was reported to the user
** counts as closed from here on. NULL is allowed.
*/
void gim_archive_close(gim_archive *archive);

#pragma GCC visibility pop

#endif
