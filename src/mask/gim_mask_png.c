/* SPDX-License-Identifier: MIT */
#include "gim_mask_png.h"

#include <errno.h>
#include <fcntl.h>
#include <png.h>
#include <setjmp.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#define SIGNATURE 8
#define PASSES 7

/* What libpng's callbacks know of whom they work for. */
typedef struct trouble {
  gim_status status; /* GIM_OK: libpng found it by itself */
  int error;         /* errno of a read that failed */
  gim_err *err;      /* BORROWED during a call */
  char message[96];
} trouble;

struct gim_png_reader {
  trouble trouble;
  int fd;        /* -1: the PNG is in memory */
  gim_str bytes; /* BORROWED; what of it is still to be read */
  png_structp png;
  png_infop info;
  uint8_t *row; /* OWNED; four bytes a pixel */
  uint32_t width, height;
  bool interlaced, ended;
  int pass;        /* of the interlaced picture */
  uint32_t rows;   /* left in this pass, or in the picture */
  uint32_t pixels; /* of a row of it */
};

struct gim_png_writer {
  trouble trouble;
  gim_file *file; /* BORROWED */
  png_structp png;
  png_infop info;
  uint32_t rows; /* to come */
};

/* -------- what libpng calls -------- */

static void on_error(png_structp png, png_const_charp message) {
  trouble *t = png_get_error_ptr(png);
  gim_copy_text(t->message, sizeof(t->message), gim_str_of(message));
  png_longjmp(png, 1);
}

/* What libpng can live with is no business of ours, and not printed. */
static void on_warning(png_structp png, png_const_charp message) {
  (void)png;
  (void)message;
}

static png_voidp take_memory(png_structp png, png_alloc_size_t n) {
  trouble *t = png_get_mem_ptr(png);
  void *p = malloc(n);
  if (p == NULL) t->status = GIM_E_NO_MEMORY;
  return p;
}

static void give_memory(png_structp png, png_voidp p) {
  (void)png;
  free(p);
}

static void read_bytes(png_structp png, png_bytep p, size_t n) {
  gim_png_reader *r = png_get_io_ptr(png);
  if (r->fd < 0) {
    if (n > r->bytes.n) png_error(png, "it ends too early");
    memcpy(p, r->bytes.p, n);
    r->bytes.p += n;
    r->bytes.n -= n;
    return;
  }
  while (n > 0) {
    ssize_t got = read(r->fd, p, n);
    if (got > 0) {
      p += got;
      n -= (size_t)got;
    }
    else if (got == 0)
      png_error(png, "the file ends too early");
    else if (errno != EINTR) {
      r->trouble.status = GIM_E_IO;
      r->trouble.error = errno;
      png_error(png, "read");
    }
  }
}

static void write_bytes(png_structp png, png_bytep p, size_t n) {
  gim_png_writer *w = png_get_io_ptr(png);
  gim_status status = gim_file_write(w->file, p, n, w->trouble.err);
  if (status == GIM_OK) return;
  w->trouble.status = status;
  png_error(png, "write");
}

/* gim_file gathers and writes when it is committed. */
static void flush_bytes(png_structp png) {
  (void)png;
}

/* -------- reading -------- */

static gim_status fail_memory(gim_err *err) {
  return gim_fail(err, GIM_E_NO_MEMORY, "not enough memory for a mask");
}

/* Libpng has jumped: what went wrong. */
static gim_status read_failure(const gim_png_reader *r, gim_err *err) {
  const trouble *t = &r->trouble;
  if (t->status == GIM_E_NO_MEMORY) return fail_memory(err);
  if (t->status == GIM_E_IO)
    return gim_fail(err, GIM_E_IO, "cannot read the PNG: %s",
                    strerror(t->error));
  return gim_fail(err, GIM_E_INVALID, "the PNG is damaged: %s", t->message);
}

#define HEAD 24 /* signature, and the first chunk as far as the height */

/* Opens the file and reads its first bytes, `n` of them. */
static gim_status open_file(gim_png_reader *r, const char *path,
                            uint8_t head[HEAD], size_t *n, gim_err *err) {
  struct stat st;
  ssize_t got;
  /* A pipe that nobody writes to must not hold us up. */
  r->fd = open(path, O_RDONLY | O_CLOEXEC | O_NONBLOCK);
  if (r->fd < 0 || fstat(r->fd, &st) != 0)
    return gim_fail(err, GIM_E_IO, "cannot open \"%.160s\": %s", path,
                    strerror(errno));
  if (!S_ISREG(st.st_mode))
    return gim_fail(err, GIM_E_IO, "\"%.160s\" is no file", path);
  do got = pread(r->fd, head, HEAD, 0);
  while (got < 0 && errno == EINTR);
  if (got < 0)
    return gim_fail(err, GIM_E_IO, "cannot read \"%.160s\": %s", path,
                    strerror(errno));
  *n = (size_t)got;
  return GIM_OK;
}

/* Is it a PNG? Width and height, from the first chunk, before libpng works
   with them. */
static gim_status check_declared(gim_png_reader *r, const uint8_t head[HEAD],
                                 size_t n, const char *name, gim_err *err) {
  if (n < SIGNATURE || png_sig_cmp(head, 0, SIGNATURE) != 0)
    return gim_fail(err, GIM_E_INVALID, "%.170s is no PNG", name);
  if (n != HEAD || memcmp(head + 12, "IHDR", 4) != 0)
    return gim_fail(err, GIM_E_INVALID, "the PNG is damaged: no header");
  r->width = png_get_uint_32(head + 16);
  r->height = png_get_uint_32(head + 20);
  if (r->width == 0 || r->height == 0)
    return gim_fail(err, GIM_E_INVALID, "the PNG is damaged: no pixels");
  if (r->width > GIM_MASK_EDGE_MAX || r->height > GIM_MASK_EDGE_MAX ||
      (int64_t)r->width * r->height > GIM_MASK_PIXELS_MAX)
    return gim_fail(err, GIM_E_TOO_BIG,
                    "the PNG declares %lu x %lu pixels; the services take %d "
                    "at an edge and %d in all",
                    (unsigned long)r->width, (unsigned long)r->height,
                    GIM_MASK_EDGE_MAX, GIM_MASK_PIXELS_MAX);
  return GIM_OK;
}

/* How many of `n` rows or columns a pass has: every `step`th from `first`. */
static uint32_t part_of(uint32_t n, uint8_t first, uint8_t step) {
  return n > first ? (n - first - 1) / step + 1 : 0;
}

/* The pass that comes next and has pixels; none is left when pass is 7. */
static void next_pass(gim_png_reader *r) {
  static const struct {
    uint8_t column, row, column_step, row_step;
  } adam7[PASSES] = {{0, 0, 8, 8}, {4, 0, 8, 8}, {0, 4, 4, 8}, {2, 0, 4, 4},
                     {0, 2, 2, 4}, {1, 0, 2, 2}, {0, 1, 1, 2}};
  for (r->pass++; r->pass < PASSES; r->pass++) {
    r->rows = part_of(r->height, adam7[r->pass].row, adam7[r->pass].row_step);
    r->pixels =
        part_of(r->width, adam7[r->pass].column, adam7[r->pass].column_step);
    if (r->rows > 0 && r->pixels > 0) return;
  }
  r->rows = 0;
}

static gim_status read_header(gim_png_reader *r, gim_err *err) {
  bool alpha;
  if (setjmp(png_jmpbuf(r->png)) != 0) return read_failure(r, err);
  png_set_read_fn(r->png, r, read_bytes);
  png_set_user_limits(r->png, GIM_MASK_EDGE_MAX, GIM_MASK_EDGE_MAX);
  png_set_chunk_malloc_max(r->png, GIM_MASK_CHUNK_MAX);
  png_read_info(r->png, r->info);
  alpha = (png_get_color_type(r->png, r->info) & PNG_COLOR_MASK_ALPHA) != 0 ||
          png_get_valid(r->png, r->info, PNG_INFO_tRNS) != 0;
  if (!alpha)
    return gim_fail(err, GIM_E_INVALID,
                    "the PNG has no alpha channel, so that nothing of it is "
                    "transparent");
  r->interlaced =
      png_get_interlace_type(r->png, r->info) != PNG_INTERLACE_NONE;
  png_set_expand(r->png);
  png_set_scale_16(r->png);
  png_set_gray_to_rgb(r->png);
  png_read_update_info(r->png, r->info);
  if (png_get_rowbytes(r->png, r->info) != (size_t)r->width * 4)
    return gim_fail(err, GIM_E_INVALID, "the PNG is of an unknown kind");
  return GIM_OK;
}

/* `path` NULL: it is in `bytes`. */
static gim_status open_png(gim_png_reader **reader, const char *path,
                           gim_str bytes, gim_err *err) {
  gim_png_reader *r = calloc(1, sizeof(*r));
  gim_status status = GIM_OK;
  uint8_t head[HEAD];
  size_t n = bytes.n < HEAD ? bytes.n : HEAD;
  char name[172] = "it";
  *reader = NULL;
  if (r == NULL) return fail_memory(err);
  r->fd = -1;
  r->bytes = bytes;
  if (path != NULL) {
    snprintf(name, sizeof(name), "\"%.160s\"", path);
    status = open_file(r, path, head, &n, err);
  }
  else if (n > 0)
    memcpy(head, bytes.p, n);
  if (status == GIM_OK) status = check_declared(r, head, n, name, err);
  if (status == GIM_OK) {
    r->png = png_create_read_struct_2(PNG_LIBPNG_VER_STRING, &r->trouble,
                                      on_error, on_warning, &r->trouble,
                                      take_memory, give_memory);
    if (r->png != NULL) r->info = png_create_info_struct(r->png);
    r->row = malloc((size_t)r->width * 4);
    if (r->info == NULL || r->row == NULL) status = fail_memory(err);
  }
  if (status == GIM_OK) status = read_header(r, err);
  if (status != GIM_OK) {
    gim_png_reader_free(r);
    return status;
  }
  r->pass = -1;
  r->rows = r->height;
  r->pixels = r->width;
  if (r->interlaced) next_pass(r);
  *reader = r;
  return GIM_OK;
}

gim_status gim_png_reader_open(gim_png_reader **reader, const char *path,
                               gim_err *err) {
  return open_png(reader, path, (gim_str){NULL, 0}, err);
}

gim_status gim_png_reader_open_bytes(gim_png_reader **reader, gim_str bytes,
                                     gim_err *err) {
  return open_png(reader, NULL, bytes, err);
}

uint32_t gim_png_reader_width(const gim_png_reader *r) {
  return r->width;
}

uint32_t gim_png_reader_height(const gim_png_reader *r) {
  return r->height;
}

bool gim_png_reader_interlaced(const gim_png_reader *r) {
  return r->interlaced;
}

gim_status gim_png_reader_row(gim_png_reader *r, const uint8_t **row,
                              uint32_t *n, gim_err *err) {
  *row = NULL;
  if (r->ended) return GIM_OK;
  if (setjmp(png_jmpbuf(r->png)) != 0) return read_failure(r, err);
  if (r->rows == 0) {
    png_read_end(r->png, NULL);
    r->ended = true;
    return GIM_OK;
  }
  png_read_row(r->png, r->row, NULL);
  *row = r->row;
  *n = r->pixels;
  r->rows--;
  if (r->rows == 0 && r->interlaced) next_pass(r);
  return GIM_OK;
}

void gim_png_reader_free(gim_png_reader *r) {
  if (r == NULL) return;
  if (r->png != NULL) png_destroy_read_struct(&r->png, &r->info, NULL);
  if (r->fd >= 0) close(r->fd);
  free(r->row);
  free(r);
}

/* -------- writing -------- */

static gim_status write_failure(gim_png_writer *w, gim_err *err) {
  if (w->trouble.status == GIM_E_NO_MEMORY) return fail_memory(err);
  if (w->trouble.status != GIM_OK) return w->trouble.status; /* err is set */
  return gim_fail(err, GIM_E_IO, "cannot write the mask: %s",
                  w->trouble.message);
}

static gim_status write_header(gim_png_writer *w, uint32_t width,
                               uint32_t height, gim_err *err) {
  if (setjmp(png_jmpbuf(w->png)) != 0) return write_failure(w, err);
  png_set_write_fn(w->png, w, write_bytes, flush_bytes);
  png_set_IHDR(w->png, w->info, width, height, 8, PNG_COLOR_TYPE_RGB_ALPHA,
               PNG_INTERLACE_NONE, PNG_COMPRESSION_TYPE_DEFAULT,
               PNG_FILTER_TYPE_DEFAULT);
  /* Long runs of the same: the row above says most, fast. */
  png_set_filter(w->png, PNG_FILTER_TYPE_BASE, PNG_FILTER_UP);
  png_set_compression_level(w->png, 4);
  png_write_info(w->png, w->info);
  return GIM_OK;
}

gim_status gim_png_writer_open(gim_png_writer **writer, gim_file *file,
                               uint32_t width_px, uint32_t height_px,
                               gim_err *err) {
  gim_png_writer *w = calloc(1, sizeof(*w));
  gim_status status = GIM_OK;
  *writer = NULL;
  if (w == NULL) return fail_memory(err);
  w->file = file;
  w->rows = height_px;
  w->trouble.err = err;
  w->png = png_create_write_struct_2(PNG_LIBPNG_VER_STRING, &w->trouble,
                                     on_error, on_warning, &w->trouble,
                                     take_memory, give_memory);
  if (w->png != NULL) w->info = png_create_info_struct(w->png);
  if (w->info == NULL) status = fail_memory(err);
  if (status == GIM_OK) status = write_header(w, width_px, height_px, err);
  if (status == GIM_OK)
    *writer = w;
  else
    gim_png_writer_free(w);
  return status;
}

gim_status gim_png_writer_row(gim_png_writer *w, const uint8_t *row,
                              gim_err *err) {
  w->trouble.err = err;
  if (setjmp(png_jmpbuf(w->png)) != 0) return write_failure(w, err);
  png_write_row(w->png, row);
  w->rows--;
  if (w->rows == 0) png_write_end(w->png, NULL);
  return GIM_OK;
}

void gim_png_writer_free(gim_png_writer *w) {
  if (w == NULL) return;
  if (w->png != NULL) png_destroy_write_struct(&w->png, &w->info);
  free(w);
}
