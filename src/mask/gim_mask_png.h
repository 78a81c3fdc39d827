/* SPDX-License-Identifier: MIT */
/*
** gim_mask_png.h - rows of RGBA out of PNGs and into them   [floor 7]
**
** libpng reports errors by longjmp. It stays in this file: each function
** below sets its own jump, holds what it changes in memory that is not its
** frame, and returns a status.
*/
#ifndef gim_mask_png_h
#define gim_mask_png_h

#include "gim_base.h"
#include "gim_file.h"

#pragma GCC visibility push(hidden)

/* What the services take; a PNG that declares more is refused unread. */
#define GIM_MASK_EDGE_MAX 23170       /* pixels */
#define GIM_MASK_PIXELS_MAX 178956970 /* width times height */
#define GIM_MASK_CHUNK_MAX 1000000    /* bytes of a chunk that is no pixels */

typedef struct gim_png_reader gim_png_reader;
typedef struct gim_png_writer gim_png_writer;

/*
** Opens the PNG at `path` and reads its header. Refuses by declared size
** (GIM_E_TOO_BIG) before memory for it is taken. `*reader` is OWNED: release
** with gim_png_reader_free. GIM_E_IO, GIM_E_INVALID (no PNG, damaged, without
** alpha), GIM_E_NO_MEMORY.
*/
GIM_MUST_CHECK gim_status gim_png_reader_open(gim_png_reader **reader,
                                              const char *path, gim_err *err);

/* As gim_png_reader_open, of a PNG in memory: `bytes` is BORROWED until
   gim_png_reader_free. */
GIM_MUST_CHECK gim_status gim_png_reader_open_bytes(gim_png_reader **reader,
                                                    gim_str bytes,
                                                    gim_err *err);

/* What the header says. */
uint32_t gim_png_reader_width(const gim_png_reader *r);
uint32_t gim_png_reader_height(const gim_png_reader *r);
bool gim_png_reader_interlaced(const gim_png_reader *r);

/*
** The next row: `*n` pixels of four bytes, red, green, blue, alpha, BORROWED
** until the next call. Of an interlaced PNG the rows of its seven pictures
** come one behind the other. NULL behind the last row, when the file's end
** was found in order. GIM_E_INVALID (damaged), GIM_E_IO, GIM_E_NO_MEMORY.
*/
GIM_MUST_CHECK gim_status gim_png_reader_row(gim_png_reader *r,
                                             const uint8_t **row, uint32_t *n,
                                             gim_err *err);

/* NULL is allowed. */
void gim_png_reader_free(gim_png_reader *r);

/*
** Starts an RGBA PNG of these dimensions in `file` (BORROWED until
** gim_png_writer_free). `*writer` is OWNED. GIM_E_IO, GIM_E_NO_MEMORY.
*/
GIM_MUST_CHECK gim_status gim_png_writer_open(gim_png_writer **writer,
                                              gim_file *file,
                                              uint32_t width_px,
                                              uint32_t height_px,
                                              gim_err *err);

/* Appends a row of width_px * 4 bytes (BORROWED); the last one ends the PNG.
   GIM_E_IO, GIM_E_NO_MEMORY. */
GIM_MUST_CHECK gim_status gim_png_writer_row(gim_png_writer *w,
                                             const uint8_t *row, gim_err *err);

/* NULL is allowed. The file stays as it is. */
void gim_png_writer_free(gim_png_writer *w);

#pragma GCC visibility pop

#endif
