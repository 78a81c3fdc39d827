/* SPDX-License-Identifier: MIT */
/*
** gim_mask.h - masks: which part of a picture is painted anew   [floor 8]
**
** A mask is a PNG with alpha, as large as the picture: what is transparent is
** painted anew, what is opaque stays. Made and read row by row: memory grows
** with the width alone. A module of its own, since it needs libpng.
**
** Files are written under a temporary name and renamed when they are whole; a
** file of that name is replaced. No mask is written that has not at least one
** wholly transparent and one wholly opaque pixel.
*/
#ifndef gim_mask_h
#define gim_mask_h

#include "gim_base.h"

#pragma GCC visibility push(hidden)

typedef struct gim_mask_shape {
  bool ellipse;                /* the one that fits into the rectangle */
  int64_t x_px, y_px;          /* left upper corner; may be outside */
  int64_t width_px, height_px; /* above 0 */
} gim_mask_shape;

/* What a mask's pixels are. */
typedef struct gim_mask_count {
  uint32_t width_px, height_px;
  int64_t transparent; /* pixels of alpha 0 */
  int64_t opaque;      /* pixels of alpha 255 */
  int64_t partial;     /* all others */
} gim_mask_count;

/* Which kinds of pixels a mask was seen to have. */
typedef struct gim_mask_seen {
  uint32_t width_px, height_px;
  bool transparent; /* one of alpha 0 */
  bool opaque;      /* one of alpha 255 */
  bool partial;     /* one of another alpha */
  bool whole; /* it was read to its end: what was not seen is not there */
} gim_mask_seen;

/*
** The dimensions of the PNG, JPEG or WebP at `path`. GIM_E_IO (it cannot be
** read), GIM_E_INVALID (it is none of these, or has no size).
*/
GIM_MUST_CHECK gim_status gim_mask_size(const char *path, uint32_t *width_px,
                                        uint32_t *height_px, gim_err *err);

/*
** Writes a mask for a picture of these dimensions to `output`, transparent
** inside the shape. The folder of `output` is made where it is missing.
** GIM_E_INVALID (dimensions, or the shape covers all or nothing of it),
** GIM_E_TOO_BIG, GIM_E_IO, GIM_E_NO_MEMORY. All strings are BORROWED during
** the call, here and below.
*/
GIM_MUST_CHECK gim_status gim_mask_draw(uint32_t width_px, uint32_t height_px,
                                        const gim_mask_shape *shape,
                                        const char *output, gim_err *err);

/*
** Writes a mask that is transparent where the PNG at `input` has an alpha
** below `threshold` (1 to 255), opaque elsewhere. `output` may be `input`.
** GIM_E_IO, GIM_E_NO_MEMORY, GIM_E_TOO_BIG (declared size), GIM_E_INVALID: no
** PNG, a damaged one, one without alpha, an interlaced one (its rows come in
** no order), or the mask would be of one kind.
*/
GIM_MUST_CHECK gim_status gim_mask_from_alpha(const char *input, int threshold,
                                              const char *output,
                                              gim_err *err);

/* Writes the mask whose alpha is 255 minus that of the PNG at `input`; else
   as gim_mask_from_alpha. */
GIM_MUST_CHECK gim_status gim_mask_invert(const char *input,
                                          const char *output, gim_err *err);

/*
** Reads the whole PNG at `input`, interlaced or not, and counts its pixels.
** As gim_mask_from_alpha; GIM_E_INVALID also when no pixel is transparent or
** none is opaque. `count` is written in that case too.
*/
GIM_MUST_CHECK gim_status gim_mask_check(const char *input,
                                         gim_mask_count *count, gim_err *err);

/* Pixels that a look goes through at most, in rows: all of 3840 x 2160, the
   largest picture that the services make. Without that one that declares the
   most would hold its caller for a second. */
#define GIM_MASK_LOOK_PIXELS (8 * 1024 * 1024)

/*
** Reads the PNG at `path` (NULL: the one in `bytes`) until it has seen both a
** transparent and an opaque pixel, or GIM_MASK_LOOK_PIXELS, or all of it: a
** look that most masks pass by their first rows. Whatever was seen is no
** failure. As gim_mask_check.
*/
GIM_MUST_CHECK gim_status gim_mask_look(const char *path, gim_str bytes,
                                        gim_mask_seen *seen, gim_err *err);

#pragma GCC visibility pop

#endif
