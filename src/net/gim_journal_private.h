/* SPDX-License-Identifier: MIT */
/*
** gim_journal_private.h - what the files of gim_journal share   [floor 6]
*/
#ifndef gim_journal_private_h
#define gim_journal_private_h

#include "gim_journal.h"

#include <pthread.h>
#include <sys/types.h>

#pragma GCC visibility push(hidden)

/* A line on its way. */
typedef struct gim_journal_line {
  struct gim_journal_line *next;
  char *file;  /* OWNED; to be fsynced before the line is written, or NULL */
  char *spare; /* OWNED; to be removed once it is on the disk, or NULL */
  gim_ticket ticket; /* 0: it had to wait for its file, and nobody for it */
  size_t n;
  char text[]; /* n bytes, the line break included */
} gim_journal_line;

typedef struct gim_journal_queue {
  gim_journal_line *first, *last;
} gim_journal_queue;

struct gim_journal {
  pid_t owner;
  char *path;     /* OWNED; absolute */
  char *pictures; /* OWNED */
  int fd;         /* the file: appending, locked */
  int event;
  pthread_t thread;
  bool running; /* the thread was started */
  pthread_mutex_t lock;
  pthread_cond_t wake;
  /* Under the lock: */
  gim_journal_queue ready, filed; /* may be written; wait for their files */
  size_t pending_bytes;
  gim_ticket appended, tried, durable;
  bool again;      /* there is reason to try what failed once more */
  bool stop, lost; /* lost: given up for good */
  gim_err failure; /* status GIM_OK while all is well */
};

/* Writes `what` with the system's reason `number` into `err`; GIM_E_IO. */
gim_status gim_journal_fail(gim_err *err, const char *what, const char *path,
                            int number);

/* All `n` bytes; fsyncs the data; opens the folder of `path` and fsyncs it.
   0, or errno. */
int gim_journal_write_all(int fd, const char *p, size_t n);
int gim_journal_sync(int fd);
int gim_journal_sync_folder(const char *path);

/* The thread's function; `ud` is the journal. */
void *gim_journal_work(void *ud);

/* Releases all lines of a queue. */
void gim_journal_drop(gim_journal_queue *queue);

#pragma GCC visibility pop

#endif
