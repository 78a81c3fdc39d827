/* SPDX-License-Identifier: MIT */
/*
** gim_image_end.h - has a picture come to its end?   [floor 2]
**
** Watches a file pass by and says whether it was cut: a Content-Length that is
** too small, or a service that sends half a picture, cannot be told from what
** is whole otherwise. The end is the IEND chunk of a PNG (ISO/IEC 15948,
** 11.2.5), the EOI marker of a JPEG (ITU-T T.81, B.1.1.3), the length that a
** WebP's RIFF header names (RFC 9649, 2.4). What comes behind it does not
** matter: cameras and editors append things. Checksums and pixels are not
** looked at. Allocates nothing, never fails.
*/
#ifndef gim_image_end_h
#define gim_image_end_h

#include "gim_base.h"
#include "gim_image.h"

#pragma GCC visibility push(hidden)

typedef struct gim_image_end {
  gim_image_type type; /* UNKNOWN also for those whose end is not known */
  bool seen;
  /* private: */
  bool last;     /* the end is where `skip` ends */
  uint64_t skip; /* bytes yet to be passed over */
  uint8_t held[GIM_IMAGE_PROBE];
  uint8_t held_n;
  uint8_t state;
} gim_image_end;

/* Ready for the first byte of a file. */
void gim_image_end_init(gim_image_end *end);

/*
** Eats the next `n` bytes (BORROWED during the call). However the file is
** cut, the fields end up the same.
*/
void gim_image_end_feed(gim_image_end *end, const void *p, size_t n);

/*
** How many of the next `n` bytes, from the first one on, need not be read to
** find the end: they count as eaten. What is fed next follows them.
*/
uint64_t gim_image_end_pass(gim_image_end *end, uint64_t n);

/* Is what came a PNG, JPEG or WebP without its end? */
bool gim_image_end_is_missing(const gim_image_end *end);

/*
** Are there, anywhere in these bytes of a file, those that a picture of `type`
** ends with? A guess for who does not read all of it: a JPEG's thumbnail ends
** like a JPEG. GIM_IMAGE_END_MARK bytes are the most that they take. Of what
** has no such bytes (a WebP) false.
*/
#define GIM_IMAGE_END_MARK 8
bool gim_image_end_in(gim_image_type type, const void *p, size_t n);

#pragma GCC visibility pop

#endif
