/* SPDX-License-Identifier: MIT */
/*
** gim_image.h - what a file is, from its first bytes   [floor 1]
**
** A probe eats the file as it passes by and remembers its type and, as soon
** as they were seen, its width, height and whether it has alpha. It reads
** PNG (ISO/IEC 15948), JPEG (ITU-T T.81: every SOFn) and WebP (RFC 9649:
** lossy, lossless, extended), allocates nothing and never fails: what it
** cannot read it calls unknown.
*/
#ifndef gim_image_h
#define gim_image_h

#include "gim_base.h"

#pragma GCC visibility push(hidden)

typedef enum gim_image_type {
  GIM_IMAGE_UNKNOWN = 0, /* not one of these; or too few bytes so far */
  GIM_IMAGE_PNG,
  GIM_IMAGE_JPEG,
  GIM_IMAGE_WEBP,
  GIM_IMAGE_GIF /* recognised so that a refusal can name it */
} gim_image_type;

#define GIM_IMAGE_PROBE 12 /* bytes that decide the type */

typedef struct gim_image {
  gim_image_type type;
  uint32_t width_px;  /* 0: not seen yet */
  uint32_t height_px; /* 0: not seen yet */
  bool alpha;         /* colour type 4 or 6, tRNS before IDAT, VP8X/VP8L bit */
  bool settled;       /* nothing that comes later changes the fields above */
  /* private: */
  uint64_t fed;     /* bytes eaten */
  uint64_t skip;    /* bytes of a segment or chunk yet to be passed over */
  uint8_t held[40]; /* the header being gathered */
  uint8_t held_n;
  uint8_t state;
} gim_image;

/* Ready for the first byte of a file. */
void gim_image_init(gim_image *image);

/*
** Eats the next `n` bytes (BORROWED during the call). However the file is
** cut, the fields end up the same. Cheap once `settled`.
*/
void gim_image_feed(gim_image *image, const void *p, size_t n);

/*
** How many of the next `n` bytes, from the first one on, say nothing: they
** count as eaten and need not be read. What is fed next follows them.
*/
uint64_t gim_image_pass(gim_image *image, uint64_t n);

/* "png", "jpeg", "webp", "gif" or NULL: file name ending and result.format. */
const char *gim_image_type_name(gim_image_type type);

/* "image/png" ... or "application/octet-stream". */
const char *gim_image_mime(gim_image_type type);

#pragma GCC visibility pop

#endif
