/* SPDX-License-Identifier: MIT */
/*
** gim_file.h - atomic files: gathered writes, temporary name, rename
** [floor 6]
**
** A file is written under a temporary name in its folder and appears under
** its final name only when whole. Nothing is fsynced: see gim_journal.
**
** One that was told of a writer is written behind: from its first whole block
** on what is gathered goes to the writer's thread, block by block, and so does
** all that comes after it (gim_file_settle, the name, the end of a file that
** has none). Everything is where it was said to be all the same: what is on
** its way can be read, and a write that failed there is told by the next call
** that would have, with nothing lost. A file that is smaller than a block
** never meets the thread.
*/
#ifndef gim_file_h
#define gim_file_h

#include "gim_base.h"
#include "gim_final.h"
#include "gim_writer.h"

#include <sys/types.h>

#pragma GCC visibility push(hidden)

#define GIM_FILE_GATHER (256 * 1024) /* bytes of one aligned write */
/* The same where a frame budget counts: a write may take half a millisecond
   for 256 KiB when the system has to find the memory first. */
#define GIM_FILE_GATHER_SMALL (64 * 1024)
/* Bytes of a file that are held at most, gathered and on their way. */
#define GIM_FILE_BEHIND (384 * 1024)

typedef struct gim_file gim_file;

/*
** Makes `folder` ("" and "." are the current one) and its parents where they
** are missing, and tries that a file can be made in it; leaves no file. Done
** before paying. GIM_E_IO with the system's reason and the folder's name.
*/
GIM_MUST_CHECK gim_status gim_file_try_folder(const char *folder,
                                              gim_err *err);

/* The folder in which a file could be made last; zeroed at first: none. */
typedef struct gim_trial {
  /* private: */
  dev_t device;
  ino_t inode;
  int64_t until_ms;
} gim_trial;

/* How long permission to write, which is looked at every time, says enough. */
#define GIM_TRIAL_MS 10000

/*
** The same where it may be asked very often: in the folder that `trial`
** remembers no file is made. ext4 gives the inode of a removed file to no
** other one for a minute or more, and whoever makes a file passes over all of
** these one by one: after a thousand trials it takes a millisecond.
*/
GIM_MUST_CHECK gim_status gim_file_try_folder_again(const char *folder,
                                                    gim_trial *trial,
                                                    gim_err *err);

/*
** Opens a temporary file in `folder`: hidden, named
** ".gptimage-<random>.part", removed by gim_file_free. When `folder` is NULL
** the file has no name at all ($TMPDIR, else /tmp, O_TMPFILE or unlinked) and
** cannot be committed. GIM_E_IO, GIM_E_NO_MEMORY. `*file` is OWNED: release
** it with gim_file_free.
*/
GIM_MUST_CHECK gim_status gim_file_open(gim_file **file, const char *folder,
                                        gim_err *err);

/* Gathers `n` bytes, at most GIM_FILE_BEHIND; before the first write. */
void gim_file_gather(gim_file *file, size_t n);

/* Writes behind, on `writer` (BORROWED until gim_file_free; NULL: not); before
   the first write. */
void gim_file_write_behind(gim_file *file, gim_writer *writer);

/*
** Reserves no blocks until gim_file_truncate. To reserve them may have to wait
** for the file system's journal or for the disk, some milliseconds; without,
** that is the writeback's to do, but for a file that replaces another: there
** the rename starts it, and takes twice as long.
*/
void gim_file_reserve_nothing(gim_file *file);

/*
** It is whole, and may wait for its name: what is gathered is written, and
** memory and blocks that it does not need are released; of one that is written
** behind, when the thread is there. What cannot be written stays gathered; the
** next write and the commit fail then.
*/
void gim_file_settle(gim_file *file);

/*
** Somebody says that it will have `n` bytes in all: blocks are reserved for
** them once there is something to write, no more than 32 MiB ahead of it. A
** hint that may be wrong; what was too much is given back when it is settled
** or committed. Where they cannot be reserved, or the disk is nearly full, it
** is written without.
*/
void gim_file_expect(gim_file *file, int64_t n);

/*
** Appends `n` bytes, gathered into writes of GIM_FILE_GATHER. GIM_E_IO,
** GIM_E_NO_MEMORY: nothing of these `n` bytes counts; what was written before
** can still be read. GIM_E_IO is final, until gim_file_truncate. Of a file
** that is written behind it may speak of earlier bytes; and it blocks where
** gim_file_takes says no.
*/
GIM_MUST_CHECK gim_status gim_file_write(gim_file *file, const void *p,
                                         size_t n, gim_err *err);

/* Would `n` bytes be taken without waiting for the thread, or fail at once?
   Also said of more than there are blocks for, when nothing is on its way. */
bool gim_file_takes(gim_file *file, size_t n);

/* Is nothing on its way, or has writing failed? What is gathered is not. */
bool gim_file_is_written(gim_file *file);

/* Did a write fail, so that gim_file_commit can but say that? Not while it
   would be the first to say so: the thread is at the name. */
bool gim_file_has_failed(gim_file *file);

/*
** Has `wait` (BORROWED, see gim_writer_await) told when the thread has come on
** with what gim_file_takes or gim_file_commit waits for. False: they do not.
*/
bool gim_file_await(gim_file *file, gim_writer_wait *wait);

/* Bytes written so far, gathered ones included. */
int64_t gim_file_size(const gim_file *file);

/* Reads up to `n` bytes at `offset`, wherever they are; `*got` 0 at the end.
   Not changed by a write that failed. */
GIM_MUST_CHECK gim_status gim_file_read(gim_file *file, int64_t offset,
                                        void *p, size_t n, size_t *got,
                                        gim_err *err);

/* Back to an empty file; GIM_E_IO also when it was committed. */
GIM_MUST_CHECK gim_status gim_file_truncate(gim_file *file, gim_err *err);

/*
** Gives the file its final name `name` (no folder part) in the folder it was
** opened in, by rename; with NUMBER and REFUSE never over another file, also
** when two do it at once. `path` of `size` bytes gets folder and name as they
** are now. After success nothing can be written any more, but read.
** GIM_E_IO: the file stays temporary and may be committed again, under another
** name or this one; REFUSE says that the name is taken, NUMBER that 10,000
** are. Also when the folder is no longer where it was, and when a write had
** failed. GIM_E_TIMEOUT, of one that is written behind: the thread is at it;
** to be called again with the same arguments (with others: once it has the
** first name, GIM_E_IO says so), and nothing can be written meanwhile.
*/
GIM_MUST_CHECK gim_status gim_file_commit(gim_file *file, const char *name,
                                          gim_overwrite overwrite, char *path,
                                          size_t size, gim_err *err);

/* True while the folder is where it was when the file was opened: it may be
   moved or removed, or the program's own folder changed, and then the name
   that a commit reports would lead elsewhere. */
bool gim_file_is_in_place(const gim_file *file);

/*
** Opens a file that was committed before, to read it again and nothing else.
** GIM_E_IO: it is not there any more, or not `size` bytes long: another one.
*/
GIM_MUST_CHECK gim_status gim_file_reopen(gim_file **file, const char *path,
                                          int64_t size, gim_err *err);

/* True after gim_file_commit said GIM_OK. */
bool gim_file_is_committed(const gim_file *file);

/*
** Closes; removes the file when it was not committed (not in a child after
** fork: it is the parent's). One that is written behind goes when the thread
** is there; should that be giving it its name just then, it keeps that; and
** who waits for it (gim_file_await) is told. NULL is allowed.
*/
void gim_file_free(gim_file *file);

#pragma GCC visibility pop

#endif
