/* SPDX-License-Identifier: MIT */
#include "gim_reference.h"

#include "gim_image_end.h"

#include <errno.h>
#include <fcntl.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#define PIECE (4 * 1024)
#define TAIL 32 /* bytes: an end, and what some cameras put behind it */

static gim_source_trouble trouble_of(int error) {
  switch (error) {
  case ENOENT:
  case ENOTDIR: return GIM_SOURCE_MISSING;
  case ELOOP: return GIM_SOURCE_LOOP;
  case EACCES:
  case EPERM: return GIM_SOURCE_DENIED;
  case EISDIR: return GIM_SOURCE_DIRECTORY;
  case ENXIO: return GIM_SOURCE_SPECIAL; /* a socket */
  case EMFILE:
  case ENFILE:
  case ENOMEM: return GIM_SOURCE_EXHAUSTED;
  default: return GIM_SOURCE_UNREADABLE;
  }
}

/* `n` bytes, at most PIECE and what there is, at `at` of the open file `fd`;
   -1: of the bytes. `*p` is where they are: in `piece`, or where they were. */
static ssize_t read_piece(int fd, const gim_source *source, int64_t at,
                          int64_t n, unsigned char piece[PIECE],
                          const void **p) {
  ssize_t got;
  if (n > PIECE) n = PIECE;
  if (n > source->size - at) n = source->size - at;
  *p = fd < 0 ? (const void *)(source->text.p + at) : piece;
  if (fd < 0) return (ssize_t)n;
  do {
    got = pread(fd, piece, (size_t)n, (off_t)at);
  } while (got < 0 && errno == EINTR);
  return got;
}

/* The header. What lies between its parts is not read. */
static gim_source_trouble read_header(int fd, gim_source *source) {
  gim_image *image = &source->image;
  unsigned char piece[PIECE];
  int64_t at = 0, looked = 0;
  while (at < source->size && looked < GIM_REFERENCE_LOOK && !image->settled) {
    const void *p;
    ssize_t got = read_piece(fd, source, at, PIECE, piece, &p);
    if (got < 0) return trouble_of(errno);
    if (got == 0) break;
    gim_image_feed(image, p, (size_t)got);
    at += got;
    looked += got;
    if (at < source->size)
      at += (int64_t)gim_image_pass(image, (uint64_t)(source->size - at));
  }
  source->whole = at >= source->size;
  return GIM_SOURCE_FINE;
}

/* Reads from the beginning, as far as GIM_REFERENCE_LOOK goes; `*missing`:
   there is no end. False: it did not come to know. */
static bool walk_to_end(int fd, const gim_source *source, bool *missing) {
  unsigned char piece[PIECE];
  gim_image_end end;
  int64_t at = 0, looked = 0;
  gim_image_end_init(&end);
  while (at < source->size && looked < GIM_REFERENCE_LOOK && !end.seen) {
    const void *p;
    ssize_t got = read_piece(fd, source, at, PIECE, piece, &p);
    if (got <= 0) return false;
    gim_image_end_feed(&end, p, (size_t)got);
    at += got;
    looked += got;
    at += (int64_t)gim_image_end_pass(&end, (uint64_t)(source->size - at));
    if (end.type == GIM_IMAGE_UNKNOWN) break; /* it has none that is known */
  }
  *missing = gim_image_end_is_missing(&end);
  return !*missing || at >= source->size;
}

/* Is an end among the last `n` bytes? */
static bool ends_within(int fd, const gim_source *source, int64_t n) {
  unsigned char piece[PIECE];
  int64_t at = source->size > n ? source->size - n : 0;
  for (;;) {
    const void *p;
    ssize_t got = read_piece(fd, source, at, PIECE, piece, &p);
    if (got < GIM_IMAGE_END_MARK) return true; /* it shrank under our eyes */
    if (gim_image_end_in(source->image.type, p, (size_t)got)) return true;
    at += got;
    if (at >= source->size) return false;
    at -= GIM_IMAGE_END_MARK - 1; /* the mark may lie across two pieces */
  }
}

/* Most pictures have their end where they end. Where something stands behind
   it, what is large is read at both ends alone. */
static void look_for_end(int fd, gim_source *source) {
  if (source->image.width_px == 0 || ends_within(fd, source, TAIL)) return;
  if (!walk_to_end(fd, source, &source->cut))
    source->cut = !ends_within(fd, source, GIM_REFERENCE_LOOK);
}

static gim_source_trouble look_at_open(int fd, gim_source *source) {
  gim_source_trouble trouble;
  struct stat st;
  if (fstat(fd, &st) != 0) return trouble_of(errno);
  if (S_ISDIR(st.st_mode)) return GIM_SOURCE_DIRECTORY;
  if (!S_ISREG(st.st_mode)) return GIM_SOURCE_SPECIAL;
  source->size = (int64_t)st.st_size;
  source->device = (uint64_t)st.st_dev;
  source->inode = (uint64_t)st.st_ino;
  source->modified_ns = gim_parts_modified_ns(&st);
  source->changed_ns =
      (int64_t)st.st_ctim.tv_sec * 1000000000 + (int64_t)st.st_ctim.tv_nsec;
  trouble = read_header(fd, source);
  if (trouble == GIM_SOURCE_FINE) look_for_end(fd, source);
  return trouble;
}

/* O_NONBLOCK: a pipe without a writer is not waited for. */
static gim_source_trouble look_at_file(gim_source *source) {
  gim_source_trouble trouble;
  char path[GIM_LIMIT_PATH];
  int fd;
  memcpy(path, source->text.p, source->text.n);
  path[source->text.n] = '\0';
  do {
    fd = open(path, O_RDONLY | O_NONBLOCK | O_CLOEXEC | O_NOCTTY);
  } while (fd < 0 && errno == EINTR);
  if (fd < 0) return trouble_of(errno);
  trouble = look_at_open(fd, source);
  close(fd);
  return trouble;
}

void gim_reference_look(gim_source *source) {
  if (source->kind == GIM_SOURCE_LINK) return;
  if (source->kind == GIM_SOURCE_FILE && !gim_source_is_path(source->text))
    return;
  gim_image_init(&source->image);
  source->trouble = GIM_SOURCE_FINE;
  source->whole = source->cut = false;
  source->size = 0;
  source->seen = true;
  if (source->kind == GIM_SOURCE_FILE) {
    source->trouble = look_at_file(source);
    return;
  }
  source->size = (int64_t)source->text.n;
  (void)read_header(-1, source);
  look_for_end(-1, source);
}

void gim_reference_seen(gim_source *source, int64_t size,
                        const gim_image *image) {
  source->seen = true;
  source->trouble = GIM_SOURCE_FINE;
  source->whole = true;
  source->size = size;
  source->image = *image;
}

void gim_reference_part(const gim_source *source,
                        char filename[GIM_SOURCE_NAME], gim_part *part) {
  memset(part, 0, sizeof(*part));
  gim_source_name(source, filename);
  part->filename = filename;
  part->mime = gim_source_mime(source);
  part->size = source->size;
  if (source->kind == GIM_SOURCE_BYTES) {
    part->bytes = source->text.p;
    return;
  }
  if (source->kind == GIM_SOURCE_LINK)
    return; /* where it lies its caller knows */
  part->path = source->text.p;
  part->seen = true;
  part->device = source->device;
  part->inode = source->inode;
  part->modified_ns = source->modified_ns;
}
