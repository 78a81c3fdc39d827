/* SPDX-License-Identifier: MIT */
/*
** gim_journal_private.h - what the files of gim_journal share   [floor 6]
**
** gim_journal.c is the caller's side: opening, appending, asking, closing.
** gim_journal_work.c is the thread that writes and fsyncs.
** gim_journal_text.c reads the file, and writes it anew with fewer lines.
**
** A path is NUL-terminated and BORROWED during the call. An int that is
** returned is 0, or an errno.
*/
#ifndef gim_journal_private_h
#define gim_journal_private_h

#include "gim_journal.h"
#include "gim_thread.h"

#include <sys/types.h>

#pragma GCC visibility push(hidden)

/*
** A line on its way. The caller's thread makes it and hands it over under the
** lock; from then on it is the journal's thread's alone.
*/
typedef struct gim_journal_line {
  struct gim_journal_line *next;
  char *file;  /* OWNED; to be fsynced before the line is written, or NULL */
  char *spare; /* OWNED; to be removed once it is on the disk, or NULL */
  gim_ticket ticket; /* 0: it had to wait for files, and nobody waits for it */
  size_t n;
  char text[]; /* n bytes, the line break included */
} gim_journal_line;

/* Lines, OWNED, in the order in which they are to be written. */
typedef struct gim_journal_queue {
  gim_journal_line *first, *last; /* NULL, NULL: empty */
} gim_journal_queue;

/* A folder as it was just before it was fsynced. */
typedef struct gim_journal_folder {
  dev_t device;
  ino_t number;
  struct timespec changed; /* tv_sec 0: this slot is empty */
} gim_journal_folder;

#define GIM_JOURNAL_FOLDERS 16 /* more than a path has, as a rule */

/*
** Two threads: the caller's appends, asks and closes; the journal's own (see
** gim_journal_work) writes and fsyncs, and holds the lock only to look at its
** queues and to say how it went. The caller never waits for the disk behind
** that lock. Three numbers name all lines with a ticket: up to `durable` they
** are on the disk; up to `tried` (never less) they were written or tried in
** vain, `failure` says why; up to `appended` they are in memory.
*/
struct gim_journal {
  pid_t owner;    /* a child after fork leaves everything alone */
  char *path;     /* OWNED; absolute */
  char *pictures; /* OWNED; `path` and ".d" */
  int fd;         /* the file: appending, locked */
  gim_bell bell;  /* there is news for the caller */
  pthread_t thread;
  bool running; /* the thread was started */
  pthread_mutex_t lock;
  pthread_cond_t wake; /* for the thread; by the monotonic clock */
  /* Under the lock: */
  gim_journal_queue ready, filed; /* may be written; wait for their files */
  size_t pending_bytes;           /* of all lines in memory */
  gim_ticket appended, tried, durable;
  bool unnamed; /* the file's name has yet to be fsynced: no line in it is
                   durable before, unless we may not read its folder */
  bool again;   /* there is reason to try what failed once more */
  bool stop;    /* the thread ends once it has tried everything */
  bool lost;    /* given up for good: the file is another's, or stays torn */
  gim_err failure;     /* of the last try; status GIM_OK while all is well */
  size_t dropped;      /* lines whose file the disk did not keep */
  gim_err why_dropped; /* the last of them; unset while there is none */
  /* The thread's: */
  gim_journal_folder folders[GIM_JOURNAL_FOLDERS]; /* that need no fsync while
                                                      they are as they were */
  unsigned next_folder;                            /* slot that is used next */
};

/* Writes "The journal `path` `what`: " and the system's reason for the errno
   `number` into `err` (may be NULL). Always GIM_E_IO. */
gim_status gim_journal_fail(gim_err *err, const char *what, const char *path,
                            int number);

/*
** Writes the `n` bytes at `p` (BORROWED during the call) at the file's end, in
** as many calls as it takes, whatever signals come. 0: all are handed to the
** system. Else errno (ENOSPC also when the system writes nothing and says
** nothing): some of the bytes may be in the file then.
*/
int gim_journal_write_all(int fd, const char *p, size_t n);

/* fdatasync, whatever signals come: what was written is on the disk. */
int gim_journal_sync(int fd);

/* fsyncs the folder `path`; one that is not there, or that lies on a file
   system without such a thing, is as good. */
int gim_journal_sync_folder(const char *path);

/*
** Makes the name `path` (absolute) safe: fsyncs the folder it stands in, and
** those above as far as the file system goes, unless they are as they were
** when this was done before. Folders above that may not be read are passed
** over. To be called by the journal's thread alone.
*/
int gim_journal_sync_name(gim_journal *journal, const char *path);

/*
** The thread's function; `ud` is the journal, BORROWED until it ends: when
** `stop` is set, everything tried, or at once when the journal is lost. Takes
** the lock itself, and gives NULL. What fails is the journal's `failure`.
*/
void *gim_journal_work(void *ud);

/* Releases all lines of a queue, which is empty then. Takes no lock. */
void gim_journal_drop(gim_journal_queue *queue);

#pragma GCC visibility pop

#endif
