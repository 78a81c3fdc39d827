/* SPDX-License-Identifier: MIT */
/*
** gim_request_private.h - what the files of gim_request share   [floor 5]
**
** gim_request.c judges the fields, gim_request_pictures.c the pictures among
** them, gim_request_write.c writes what goes out.
*/
#ifndef gim_request_private_h
#define gim_request_private_h

#include "gim_issue.h"
#include "gim_request.h"
#include "gim_size.h"

#pragma GCC visibility push(hidden)

/*
** All that is known while gim_request_make makes one request. What is made is
** the request's from the first byte on; issues and warnings are the report's
** until they are MOVED to the request, in any case.
*/
typedef struct gim_maker {
  const gim_fields *fields;         /* BORROWED; the caller's */
  const gim_rules *rules;           /* BORROWED */
  const gim_provider_row *provider; /* static */
  const gim_model *model; /* static; never NULL, see gim_model_unknown */
  gim_request *request;   /* BORROWED; being filled */
  unsigned given;         /* the fields that were given, as GIM_HAS; `images`
                             counts as image_urls, `mask` as mask_url */
  gim_report report;      /* the problems found so far */
  gim_severity rule;      /* of what the model's page forbids */
  gim_sized sized;        /* the size, once it was judged */
  int pictures;           /* of request->enclosed.sources, without the mask */
} gim_maker;

/*
** What the caller wrote: none of these judges it, changes anything or fails.
** A `field` must be one of the enum.
*/

/* A field that is a text, BORROWED from the caller; p NULL: it is none
   (image_urls, n), or was left out. */
gim_str gim_maker_text(const gim_maker *m, gim_field field);

/* Does the model have the field, be it on a newer page only? */
bool gim_maker_has(const gim_maker *m, gim_field field);

/* The field as the caller called it, for messages: "images" or "image_urls",
   "mask" or "mask_url", else its name. Static storage. */
const char *gim_maker_name(const gim_maker *m, gim_field field);

/* Is gim_link to look at mask_url? Otherwise (the service opens it, and the
   model's page has no such field) it is a text like others. */
bool gim_maker_judges_mask(const gim_maker *m);

/*
** Gathers the pictures into m->request->enclosed, whose sources borrow from
** the caller's fields, and judges them, one by one and together: how many, how
** large, the mask against the first. What is wrong goes into the report;
** where there was no memory its status is GIM_E_NO_MEMORY.
*/
void gim_maker_pictures(gim_maker *m);

/*
** Writes what goes out into the request, which OWNS it: the body with its
** holes (where links of uploads will stand), or the form. To be called when
** the report refuses nothing.
**   GIM_OK           all is written
**   GIM_E_TOO_BIG    the body would pass GIM_LIMIT_REQUEST_BODY
**   GIM_E_NO_MEMORY  no memory
** What was written by then stays the request's, for gim_request_free.
*/
GIM_MUST_CHECK gim_status gim_maker_write(gim_maker *m);

#pragma GCC visibility pop

#endif
