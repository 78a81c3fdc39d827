/* SPDX-License-Identifier: MIT */
/*
** gim_reference.h - looks at a picture that a caller gave   [floor 4]
**
** Finds out what a file or a string of bytes is before anything is sent, for
** gim_source to judge. Only so much is read as the header needs.
*/
#ifndef gim_reference_h
#define gim_reference_h

#include "gim_base.h"
#include "gim_parts.h"
#include "gim_source.h"

#pragma GCC visibility push(hidden)

/* The most bytes that are read to find a picture's size; what lies between the
   parts of its header is passed over and does not count. Where more would have
   to be read it counts as a picture without a size. Where something follows a
   picture, as much again is read from each end of the file to find its end. */
#define GIM_REFERENCE_LOOK (1024 * 1024)

/*
** Fills in what is seen of `source`: a file is opened (a pipe or a device is
** not waited for, and not read), bytes are looked at where they are, a link
** is left alone. Never fails: what is wrong is source->trouble.
*/
void gim_reference_look(gim_source *source);

/*
** The same from what somebody else brought: `size` bytes, of which `image`
** was seen.
*/
void gim_reference_seen(gim_source *source, int64_t size,
                        const gim_image *image);

/*
** The part of a body that a file or bytes become, but for its field; of a link
** name, type and size alone: where its bytes are is for the caller to set.
** `source` was looked at; its text and `filename`, which gets the name to be
** sent, are BORROWED as long as the part is used. A path is NUL-terminated.
*/
void gim_reference_part(const gim_source *source,
                        char filename[GIM_SOURCE_NAME], gim_part *part);

#pragma GCC visibility pop

#endif
