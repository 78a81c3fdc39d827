/* SPDX-License-Identifier: MIT */
/*
** gim_enclosure.h - the pictures that a request carries   [floor 4]
**
** Which they are, in the order in which they go out, and where. A service
** that opens links gets a JSON body with a hole for each picture that has to
** be uploaded first; one that does not gets a multipart form, for which links
** have to be downloaded first. Pictures that have to be uploaded or downloaded
** before the request can go out are called those "to be brought".
*/
#ifndef gim_enclosure_h
#define gim_enclosure_h

#include "gim_base.h"
#include "gim_buffer.h"
#include "gim_form.h"
#include "gim_source.h"

#pragma GCC visibility push(hidden)

/* A place in a body where the link of a picture is missing. */
typedef struct gim_hole {
  size_t offset; /* in the body, bytes; they ascend */
  int source;
} gim_hole;

/* Zero bytes: no pictures. */
typedef struct gim_enclosure {
  gim_source *sources; /* OWNED; count of them: the pictures, then the mask.
                          Their texts are BORROWED from the fields: a job
                          needs them until the service has accepted */
  int count;
  bool has_mask;   /* the last of them */
  bool multipart;  /* `form` goes out, not the JSON body */
  gim_form form;   /* OWNED */
  gim_hole *holes; /* OWNED; hole_count of them. Not with `multipart` */
  int hole_count;
  /* for what is seen later */
  const gim_model *model;
  bool strict, allow_private;
} gim_enclosure;

/*
** Has picture `source` to be brought before the request can go out? Files and
** bytes up to the file service, links down for a form. The number of those.
*/
bool gim_enclosure_brings(const gim_enclosure *e, int source);
int gim_enclosure_bring_count(const gim_enclosure *e);

/* Are bytes among them, which nobody has but the caller? */
bool gim_enclosure_has_bytes(const gim_enclosure *e);

/* The number (from 0) in sources of the `nth` (from 0) to be brought: what
   gim_task calls a reference. -1: there is none. */
int gim_enclosure_nth(const gim_enclosure *e, int nth);

/*
** Appends `body` with the links of the pictures in its holes: links[i] is that
** of source i; those of sources without a hole are not looked at.
** GIM_E_INVALID: a link is missing, or no UTF-8; GIM_E_TOO_BIG;
** GIM_E_NO_MEMORY.
*/
GIM_MUST_CHECK gim_status gim_enclosure_fill(const gim_enclosure *e,
                                             gim_str body,
                                             const char *const *links,
                                             gim_buffer *to);

/*
** Judges picture `source`, whose file has been looked at by now, and the mask
** against the first picture as soon as both were. GIM_E_INVALID with the first
** problem in `err`; what strict = false lifts does not count.
*/
GIM_MUST_CHECK gim_status gim_enclosure_judge(const gim_enclosure *e,
                                              int source, gim_err *err);

/* Releases what it OWNS and leaves it zeroed. Idempotent. */
void gim_enclosure_free(gim_enclosure *e);

#pragma GCC visibility pop

#endif
