/* SPDX-License-Identifier: MIT */
#include "gim_mask.h"

#include "gim_mask_png.h"
#include "gim_file.h"
#include "gim_image.h"

#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#define PROBE (64 * 1024)
#define PROBE_MAX (4 * 1024 * 1024) /* a JPEG's size comes behind its EXIF */

/* A mask on its way to a file. */
typedef struct canvas {
  gim_file *file;         /* OWNED */
  gim_png_writer *writer; /* OWNED */
  uint8_t *row;           /* OWNED; width_px * 4 bytes */
  gim_mask_count count;
  char name[256];
} canvas;

/* -------- the size of a picture -------- */

gim_status gim_mask_size(const char *path, uint32_t *width_px,
                         uint32_t *height_px, gim_err *err) {
  char *bytes;
  gim_image image;
  struct stat st;
  int fd = open(path, O_RDONLY | O_CLOEXEC | O_NONBLOCK);
  if (fd < 0 || fstat(fd, &st) != 0) {
    gim_status status = gim_fail(err, GIM_E_IO, "cannot open \"%.160s\": %s",
                                 path, strerror(errno));
    if (fd >= 0) close(fd);
    return status;
  }
  if (!S_ISREG(st.st_mode)) {
    close(fd);
    return gim_fail(err, GIM_E_IO, "\"%.160s\" is no file", path);
  }
  bytes = malloc(PROBE);
  if (bytes == NULL) {
    close(fd);
    return gim_fail(err, GIM_E_NO_MEMORY, "not enough memory for a mask");
  }
  gim_image_init(&image);
  for (int64_t at = 0; at < PROBE_MAX && image.height_px == 0;) {
    ssize_t got = read(fd, bytes, PROBE);
    if (got < 0 && errno == EINTR) continue;
    if (got <= 0) break;
    gim_image_feed(&image, bytes, (size_t)got);
    at += got;
  }
  free(bytes);
  close(fd);
  if (image.width_px == 0 || image.height_px == 0 ||
      image.type == GIM_IMAGE_GIF)
    return gim_fail(err, GIM_E_INVALID,
                    "\"%.160s\" is no PNG, JPEG or WebP whose size can be "
                    "read",
                    path);
  *width_px = image.width_px;
  *height_px = image.height_px;
  return GIM_OK;
}

/* -------- writing a mask -------- */

/* Folder and name; the folder's string is OWNED by the caller. */
static gim_status split_path(const char *path, char **folder, char *name,
                             size_t size, gim_err *err) {
  const char *slash = strrchr(path, '/');
  const char *last = slash == NULL ? path : slash + 1;
  size_t n = slash == NULL ? 0 : (size_t)(slash - path);
  *folder = NULL;
  if (last[0] == '\0' || strlen(last) >= size || strcmp(last, ".") == 0 ||
      strcmp(last, "..") == 0)
    return gim_fail(err, GIM_E_INVALID,
                    "\"%.160s\" is no name for a mask's file", path);
  if (slash == path) n = 1; /* the root */
  *folder = gim_str_copy((gim_str){path, n});
  if (*folder == NULL)
    return gim_fail(err, GIM_E_NO_MEMORY, "not enough memory for a mask");
  memcpy(name, last, strlen(last) + 1);
  return GIM_OK;
}

static gim_status canvas_open(canvas *c, uint32_t width, uint32_t height,
                              const char *output, gim_err *err) {
  char *folder;
  gim_status status;
  memset(c, 0, sizeof(*c));
  c->count.width_px = width;
  c->count.height_px = height;
  status = split_path(output, &folder, c->name, sizeof(c->name), err);
  if (status != GIM_OK) return status;
  status = gim_file_try_folder(folder, err);
  if (status == GIM_OK) status = gim_file_open(&c->file, folder, err);
  free(folder);
  if (status != GIM_OK) return status;
  c->row = malloc((size_t)width * 4);
  if (c->row == NULL)
    return gim_fail(err, GIM_E_NO_MEMORY, "not enough memory for a mask");
  /* White, so that a look at the mask shows it on a dark ground. */
  memset(c->row, 0xFF, (size_t)width * 4);
  return gim_png_writer_open(&c->writer, c->file, width, height, err);
}

static void count_alpha(gim_mask_count *count, const uint8_t *row,
                        uint32_t n) {
  for (uint32_t i = 0; i < n; i++) {
    uint8_t alpha = row[4 * (size_t)i + 3];
    if (alpha == 0)
      count->transparent++;
    else if (alpha == 255)
      count->opaque++;
    else
      count->partial++;
  }
}

static gim_status canvas_row(canvas *c, gim_err *err) {
  count_alpha(&c->count, c->row, c->count.width_px);
  return gim_png_writer_row(c->writer, c->row, err);
}

static gim_status check_count(const gim_mask_count *count, gim_err *err) {
  if (count->transparent == 0)
    return gim_fail(err, GIM_E_INVALID,
                    "no pixel of the mask is wholly transparent: nothing "
                    "would be painted anew");
  if (count->opaque == 0)
    return gim_fail(err, GIM_E_INVALID,
                    "no pixel of the mask is opaque: nothing would stay as "
                    "it is");
  return GIM_OK;
}

static gim_status canvas_commit(canvas *c, gim_err *err) {
  char path[GIM_LIMIT_PATH];
  gim_status status = check_count(&c->count, err);
  if (status != GIM_OK) return status;
  return gim_file_commit(c->file, c->name, GIM_OVERWRITE_REPLACE, path,
                         sizeof(path), err);
}

static void canvas_free(canvas *c) {
  gim_png_writer_free(c->writer);
  gim_file_free(c->file);
  free(c->row);
}

/* -------- shapes -------- */

/* Is the centre of this pixel inside? */
static bool is_inside(const gim_mask_shape *s, int64_t x, int64_t y) {
  double across, down;
  if (x < s->x_px || y < s->y_px || x >= s->x_px + s->width_px ||
      y >= s->y_px + s->height_px)
    return false;
  if (!s->ellipse) return true;
  across = (double)(2 * (x - s->x_px) + 1 - s->width_px) / (double)s->width_px;
  down = (double)(2 * (y - s->y_px) + 1 - s->height_px) / (double)s->height_px;
  return across * across + down * down <= 1.0;
}

/* Are its numbers such that their sums cannot overflow? */
static bool is_sane(const gim_mask_shape *s) {
  const int64_t most = INT32_MAX;
  return s->width_px > 0 && s->height_px > 0 && s->width_px <= most &&
         s->height_px <= most && s->x_px >= -most && s->x_px <= most &&
         s->y_px >= -most && s->y_px <= most;
}

gim_status gim_mask_draw(uint32_t width_px, uint32_t height_px,
                         const gim_mask_shape *shape, const char *output,
                         gim_err *err) {
  canvas c;
  gim_status status;
  if (width_px == 0 || height_px == 0)
    return gim_fail(err, GIM_E_INVALID, "a picture has at least one pixel");
  if (width_px > GIM_MASK_EDGE_MAX || height_px > GIM_MASK_EDGE_MAX ||
      (int64_t)width_px * height_px > GIM_MASK_PIXELS_MAX)
    return gim_fail(err, GIM_E_TOO_BIG,
                    "%lu x %lu pixels; the services take %d at an edge and "
                    "%d in all",
                    (unsigned long)width_px, (unsigned long)height_px,
                    GIM_MASK_EDGE_MAX, GIM_MASK_PIXELS_MAX);
  if (!is_sane(shape))
    return gim_fail(err, GIM_E_INVALID,
                    "width and height of the part must be above 0, and all "
                    "four numbers within 2147483647");
  status = canvas_open(&c, width_px, height_px, output, err);
  for (uint32_t y = 0; status == GIM_OK && y < height_px; y++) {
    for (uint32_t x = 0; x < width_px; x++)
      c.row[4 * (size_t)x + 3] = is_inside(shape, x, y) ? 0 : 0xFF;
    status = canvas_row(&c, err);
  }
  if (status == GIM_OK) status = canvas_commit(&c, err);
  canvas_free(&c);
  return status;
}

/* -------- from other PNGs -------- */

/* What becomes of an alpha: 0 to 255. `threshold` 0 inverts. */
static uint8_t changed(uint8_t alpha, int threshold) {
  if (threshold == 0) return (uint8_t)(255 - alpha);
  return alpha < threshold ? 0 : 255;
}

static gim_status convert(gim_png_reader *r, int threshold, canvas *c,
                          gim_err *err) {
  for (;;) {
    const uint8_t *row;
    uint32_t n = 0;
    gim_status status = gim_png_reader_row(r, &row, &n, err);
    if (status != GIM_OK || row == NULL) return status;
    for (uint32_t i = 0; i < n; i++)
      c->row[4 * (size_t)i + 3] = changed(row[4 * (size_t)i + 3], threshold);
    status = canvas_row(c, err);
    if (status != GIM_OK) return status;
  }
}

static gim_status make_from(const char *input, int threshold,
                            const char *output, gim_err *err) {
  gim_png_reader *r;
  canvas c;
  gim_status status = gim_png_reader_open(&r, input, err);
  if (status != GIM_OK) return status;
  if (gim_png_reader_interlaced(r)) {
    gim_png_reader_free(r);
    return gim_fail(err, GIM_E_INVALID,
                    "the PNG is interlaced: save it without that");
  }
  status = canvas_open(&c, gim_png_reader_width(r), gim_png_reader_height(r),
                       output, err);
  if (status == GIM_OK) status = convert(r, threshold, &c, err);
  if (status == GIM_OK) status = canvas_commit(&c, err);
  canvas_free(&c);
  gim_png_reader_free(r);
  return status;
}

gim_status gim_mask_from_alpha(const char *input, int threshold,
                               const char *output, gim_err *err) {
  if (threshold < 1 || threshold > 255)
    return gim_fail(err, GIM_E_INVALID, "the threshold is 1 to 255");
  return make_from(input, threshold, output, err);
}

gim_status gim_mask_invert(const char *input, const char *output,
                           gim_err *err) {
  return make_from(input, 0, output, err);
}

gim_status gim_mask_check(const char *input, gim_mask_count *count,
                          gim_err *err) {
  gim_png_reader *r;
  gim_status status;
  memset(count, 0, sizeof(*count));
  status = gim_png_reader_open(&r, input, err);
  if (status != GIM_OK) return status;
  count->width_px = gim_png_reader_width(r);
  count->height_px = gim_png_reader_height(r);
  for (;;) {
    const uint8_t *row;
    uint32_t n = 0;
    status = gim_png_reader_row(r, &row, &n, err);
    if (status != GIM_OK || row == NULL) break;
    count_alpha(count, row, n);
  }
  gim_png_reader_free(r);
  return status == GIM_OK ? check_count(count, err) : status;
}

/* -------- a look -------- */

static void see_alpha(gim_mask_seen *seen, const uint8_t *row, uint32_t n) {
  unsigned none = 0, all = 0, some = 0; /* no branches: millions of pixels */
  for (uint32_t i = 0; i < n; i++) {
    unsigned alpha = row[4 * (size_t)i + 3];
    none |= alpha == 0;
    all |= alpha == 255;
    some |= alpha - 1U < 254U;
  }
  seen->transparent |= none != 0;
  seen->opaque |= all != 0;
  seen->partial |= some != 0;
}

gim_status gim_mask_look(const char *path, gim_str bytes, gim_mask_seen *seen,
                         gim_err *err) {
  gim_png_reader *r;
  gim_status status;
  int64_t pixels = 0;
  memset(seen, 0, sizeof(*seen));
  if (path != NULL)
    status = gim_png_reader_open(&r, path, err);
  else
    status = gim_png_reader_open_bytes(&r, bytes, err);
  if (status != GIM_OK) return status;
  seen->width_px = gim_png_reader_width(r);
  seen->height_px = gim_png_reader_height(r);
  while ((!seen->transparent || !seen->opaque) &&
         pixels < GIM_MASK_LOOK_PIXELS) {
    const uint8_t *row;
    uint32_t n = 0;
    status = gim_png_reader_row(r, &row, &n, err);
    seen->whole = status == GIM_OK && row == NULL;
    if (status != GIM_OK || row == NULL) break;
    see_alpha(seen, row, n);
    pixels += n;
  }
  gim_png_reader_free(r);
  return status;
}
