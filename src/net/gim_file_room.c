/* SPDX-License-Identifier: MIT */
#include "gim_file_room.h"

#include "gim_system.h"

#include <errno.h>
#include <fcntl.h>
#include <string.h>
#if GIM_LINUX
#include <linux/magic.h>
#include <sys/vfs.h>
#endif
#include <unistd.h>

#define PAGE 4096
#define AHEAD_LEAST ((int64_t)2 * 1024 * 1024)
#define AHEAD_MOST ((int64_t)16 * 1024 * 1024)
#define AHEAD_EXPECTED ((int64_t)32 * 1024 * 1024)

void gim_file_room_expect(gim_file_room *room, int64_t n) {
  room->expected = n > 0 && n <= GIM_LIMIT_DOWNLOAD ? n : 0;
}

void gim_file_room_refuse(gim_file_room *room) {
  room->refused = true;
}

void gim_file_room_clear(gim_file_room *room) {
  memset(room, 0, sizeof(*room));
}

/* One that is begun is used. */
void gim_file_room_trim(gim_file_room *room, int fd, int64_t written,
                        int64_t size) {
  if ((room->reserved - 1) / PAGE > (size - 1) / PAGE)
    (void)!ftruncate(fd, (off_t)written);
  room->reserved = 0;
}

#if GIM_LINUX

/* Does reserving cost what writing would? Memory's blocks are zeroed then. */
static bool is_memory(int fd) {
  struct statfs st;
  return fstatfs(fd, &st) == 0 &&
         (st.f_type == TMPFS_MAGIC || st.f_type == RAMFS_MAGIC);
}

#endif

static void reserve(gim_file_room *room, int fd, int64_t written, int64_t n) {
#if GIM_LINUX
  if (room->reserved == 0 && is_memory(fd)) {
    room->refused = true;
    return;
  }
  if (fallocate(fd, FALLOC_FL_KEEP_SIZE, 0, (off_t)n) == 0) {
    room->reserved = n;
    return;
  }
  if (errno == EINTR) return;
  /* A full disk gave what was left: others need it. */
  (void)!ftruncate(fd, (off_t)written);
  room->reserved = 0;
#else
  (void)fd;
  (void)written;
  (void)n;
#endif
  room->refused = true;
}

void gim_file_room_reserve(gim_file_room *room, int fd, int64_t written,
                           int64_t end) {
  int64_t ahead = end < AHEAD_LEAST  ? AHEAD_LEAST
                  : end > AHEAD_MOST ? AHEAD_MOST
                                     : end;
  if (room->refused || end <= room->reserved) return;
  if (room->expected >= end) {
    ahead = room->expected - end;
    if (ahead > AHEAD_EXPECTED) ahead = AHEAD_EXPECTED;
  }
  reserve(room, fd, written, end + ahead);
}
