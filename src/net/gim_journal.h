/* SPDX-License-Identifier: MIT */
/*
** gim_journal.h - the append-only log and its fsync thread   [floor 6]
**
** A file of lines that grows at its end and has one writer. A line that was
** appended is in memory; a thread of the journal's own writes what has
** gathered, fsyncs it and says so through a descriptor, so that nobody who
** must wait for the disk blocks anybody who must not. Lines that come while
** an fsync runs share the next one.
**
** When the disk takes no more, what was written of a batch is cut off again,
** so that no half line stays, and the lines wait in memory: they are tried
** again with the next line, every second, and at the end. Only a file that was
** moved, removed or cannot even be cut is given up for good.
**
** Knows nothing of what the lines say: see gim_record.
*/
#ifndef gim_journal_h
#define gim_journal_h

#include "gim_base.h"
#include "gim_buffer.h"

#pragma GCC visibility push(hidden)

typedef struct gim_journal gim_journal;

/* Names a line: 1 for the first that was appended here, then rising. */
typedef uint64_t gim_ticket;

/*
** Opens the file at `path` (COPIED), made where it is missing (mode 0600: it
** holds prompts), locks it, ends a torn last line with a line break so that
** what follows stays whole, fsyncs it, and starts the thread. Its writer may
** have been killed between write and fsync: what is read here, and acted upon,
** is not to be lost afterwards. The lock is the open file's: a child that
** forked off and neither ended nor called exec holds it too. Blocks for the
** disk. GIM_E_IO (also: another process or client has it; no folder;
** read-only), GIM_E_NO_MEMORY. `*journal` is OWNED.
*/
GIM_MUST_CHECK gim_status gim_journal_open(gim_journal **journal,
                                           const char *path, gim_err *err);

/* Its absolute name; "<name>.d", the folder for pictures beside it, which is
   the caller's to make. BORROWED from the journal. */
const char *gim_journal_path(const gim_journal *journal);
const char *gim_journal_pictures(const gim_journal *journal);

/* -------- what is there: before anything was appended -------- */

/*
** One line without its break, BORROWED during the call; p is NULL for one that
** is longer than GIM_LIMIT_JOURNAL_LINE. `range` is where it lies, break
** included. Any result but GIM_OK ends the reading.
*/
typedef gim_status (*gim_journal_reader)(void *ud, gim_str line,
                                         gim_range range);

/* Hands every line that is not empty to `reader`, in order. GIM_E_IO,
   GIM_E_NO_MEMORY, or what `reader` returned; `err` is for the first two. */
GIM_MUST_CHECK gim_status gim_journal_read(gim_journal *journal,
                                           gim_journal_reader reader, void *ud,
                                           gim_err *err);

/* The bytes of one range into `to`, which is emptied first. GIM_E_IO,
   GIM_E_NO_MEMORY, GIM_E_TOO_BIG (the buffer's limit). Also later. */
GIM_MUST_CHECK gim_status gim_journal_fetch(gim_journal *journal,
                                            gim_range range, gim_buffer *to,
                                            gim_err *err);

/*
** Keeps these ranges (`count` of them, in rising order) and nothing else,
** atomically: a new file, fsynced, renamed over the old one, locked as well.
** Before that the folder for pictures is fsynced: what was removed there stays
** removed when no line names it any more. Blocks. GIM_E_IO, GIM_E_NO_MEMORY:
** the old file stays in use.
*/
GIM_MUST_CHECK gim_status gim_journal_compact(gim_journal *journal,
                                              const gim_range *ranges,
                                              size_t count, gim_err *err);

/* -------- what comes -------- */

/*
** Appends one line (COPIED; without its line break, which must not be in it)
** and returns its ticket; 0 when memory is out, GIM_LIMIT_JOURNAL_PENDING is
** reached or the journal was given up. Never waits.
*/
gim_ticket gim_journal_append(gim_journal *journal, gim_str line);

/*
** Appends a line that speaks of the file at `file` (COPIED; NULL: of files of
** earlier such lines). Before it is written the file and its name are fsynced:
** the name by its folder, and the folders above that on the same file system.
** Where that fails the line is dropped. Where the file is gone somebody has
** taken it over, and the line is written. Lines that are appended by this
** function are written in their order, each once the files of all before it
** were fsynced or given up. `spare` (COPIED; NULL: none) is the path of a file
** that is removed once the line is on the disk. False where gim_journal_append
** would return 0: then nothing is written or removed.
*/
bool gim_journal_append_filed(gim_journal *journal, gim_str line,
                              const char *file, const char *spare);

typedef enum gim_journal_state {
  GIM_JOURNAL_PENDING, /* the thread has not tried it yet */
  GIM_JOURNAL_DURABLE, /* it is on the disk */
  GIM_JOURNAL_FAILED   /* tried in vain; it may still be written later */
} gim_journal_state;

/* How the line of `ticket` stands; `err` (may be NULL) is written when
   FAILED. */
gim_journal_state gim_journal_ask(gim_journal *journal, gim_ticket ticket,
                                  gim_err *err);

/* GIM_OK, or why the last try to write failed; `err` says it (may be NULL). */
gim_status gim_journal_failure(gim_journal *journal, gim_err *err);

/* How many lines were dropped so far since the disk did not keep the file that
   they speak of; `err` (may be NULL) is written when there are any, and says
   it of the last one. */
size_t gim_journal_dropped(gim_journal *journal, gim_err *err);

/* Readable when an answer of the three functions above may have changed.
   BORROWED. */
int gim_journal_fd(const gim_journal *journal);

/* Takes note that the descriptor was readable. */
void gim_journal_acknowledge(gim_journal *journal);

/*
** Writes and fsyncs what is left and ends the thread: gim_journal_failure and
** gim_journal_dropped now say for good how it went. Blocks for the disk; only
** asking and closing may follow. In a child after fork: does nothing.
*/
void gim_journal_finish(gim_journal *journal);

/*
** Finishes it where that was not done, unlocks, releases. NULL is allowed. In
** a child after fork: does nothing.
*/
void gim_journal_close(gim_journal *journal);

#pragma GCC visibility pop

#endif
