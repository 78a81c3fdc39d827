/* SPDX-License-Identifier: MIT */
/*
** gim_file_room.h - blocks of the disk, ahead of what is written   [floor 5]
**
** A file whose blocks are found only when the system writes them back is
** written back in one go, some milliseconds, when it replaces another; and
** writing is faster where they are there. Who promises more than comes gets no
** more of the disk than that. Nothing here fails: where no blocks can be
** reserved, or the disk is nearly full, a file is written without.
**
** `fd` is the file's, open for writing. Sizes are in bytes.
*/
#ifndef gim_file_room_h
#define gim_file_room_h

#include "gim_base.h"

#pragma GCC visibility push(hidden)

/* Zero bytes are a room of a new file. It OWNS nothing. */
typedef struct gim_file_room {
  /* private: */
  int64_t expected; /* the file's size, as somebody says; 0: not known */
  int64_t reserved; /* blocks are, up to here */
  bool refused;     /* it was tried and failed, or would not pay */
} gim_file_room;

/* The file will have `n` bytes in all: a hint that may be wrong. Without
   effect where that is 0 or less, or more than a picture may have. */
void gim_file_room_expect(gim_file_room *room, int64_t n);

/* Reserves nothing, until it is cleared. */
void gim_file_room_refuse(gim_file_room *room);

/* To be told before the file grows to `end`, of which `written` bytes are in
   it: sees to blocks for that and for some of what comes behind. */
void gim_file_room_reserve(gim_file_room *room, int fd, int64_t written,
                           int64_t end);

/* Gives back the blocks behind the end, where nothing more is to come: the
   file has `written` bytes, `size` with those that are still gathered. */
void gim_file_room_trim(gim_file_room *room, int fd, int64_t written,
                        int64_t size);

/* The file is empty again, and its blocks are gone. */
void gim_file_room_clear(gim_file_room *room);

#pragma GCC visibility pop

#endif
