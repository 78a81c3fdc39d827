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

/* All that is known while one request is made. */
typedef struct gim_maker {
  const gim_fields *fields;
  const gim_rules *rules;
  const gim_provider_row *provider;
  const gim_model *model;
  gim_request *request;
  gim_report report;
  gim_severity rule; /* of what the model's page forbids */
  gim_sized sized;
  int pictures; /* of request->enclosed.sources, without the mask */
} gim_maker;

/* Did the caller give it? `images` counts as image_urls, `mask` as mask_url. */
bool gim_maker_is_given(const gim_maker *m, gim_field field);

/* A field that is a text; p NULL: it is none, or was left out. */
gim_str gim_maker_text(const gim_maker *m, gim_field field);

/* Does the model have the field, on whatever page? */
bool gim_maker_has(const gim_maker *m, gim_field field);

/* The field as the caller called it: "images" or "image_urls", ... */
const char *gim_maker_name(const gim_maker *m, gim_field field);

/* Is gim_link to look at mask_url? Otherwise it is a text like others. */
bool gim_maker_judges_mask(const gim_maker *m);

/* Gathers the pictures into the request, and judges them, one by one and
   together. Without memory the report says so. */
void gim_maker_pictures(gim_maker *m);

/* Writes body, holes and form. GIM_E_TOO_BIG, GIM_E_NO_MEMORY. */
GIM_MUST_CHECK gim_status gim_maker_write(gim_maker *m);

#pragma GCC visibility pop

#endif
