/* SPDX-License-Identifier: MIT */
/*
** gim_request.h - caller's fields, checked, to method, path and body
** [floor 5]
**
** The one place where a request is judged and written. Rules come from the
** row of gim_model, sizes from gim_size. A refusal lists every problem at
** once. What the service would refuse is refused here; with strict = false
** such a refusal becomes a warning, but never one of `safety`: wrong UTF-8,
** control characters, what would leave this library's own limits.
*/
/*
** Rules, as gim_issue.rule names them (stable):
**   required, empty        a field that must be there, with something in it
**   utf8, control_character
**   not_a_field            the model, or the provider, has no such field
**   one_of, range          not among its values; a number outside its range
**   too_long, too_few, too_many
**   size_format            no auto, ratio or pixels
**   ratio                  a ratio that the model does not list
**   multiple_of_16, edge_max, pixels_min, pixels_max, ratio_max   pixels
**   too_long, character, scheme, user_info, host, port,
**   https, internal, image_format                                 links
**   conflict               two fields that exclude each other
**   json, duplicate        extra
**   path                   the rule edit_path is no path
**   files_url_required     a file, and nobody knows where to upload it
**   missing, link_loop, unreadable, directory, not_a_file, empty,
**   image_format, truncated, too_big, edge_max, pixels_max, mask_alpha,
**   mask_opaque, mask_transparent, mask_damaged,
**   mask_size              pictures and masks: gim_source.h
** Warnings have these names (strict = false, or a page that states no
** limits), and:
**   unknown_model, newer_page, long_prompt
**   ignored                the service does not look at this field here
**   solved                 a ratio was turned into pixels for this service
**   fewer_pixels           a lower tier gives as many pixels, or more
**   scaled_down            the pixels were fitted into the service's limits
**   extension              a file's ending names another type than it has
** Of these are safety, and never lifted by strict = false: utf8,
** control_character, json, duplicate, path, files_url_required, links over
** GIM_LIMIT_URL, n over GIM_LIMIT_IMAGES, more than GIM_LIMIT_SOURCES
** pictures, an edit without pictures, a form with a mask alone, mask beside
** mask_url, and files that cannot be read.
*/
#ifndef gim_request_h
#define gim_request_h

#include "gim_base.h"
#include "gim_buffer.h"
#include "gim_enclosure.h"
#include "gim_issue.h"
#include "gim_model.h"

#pragma GCC visibility push(hidden)

/*
** What the caller gave, already of the right types. Everything is BORROWED
** during gim_request_make; a slice with p NULL is a field left out.
*/
typedef struct gim_fields {
  gim_str model;
  gim_str prompt;
  gim_str size;
  gim_str resolution;
  gim_str quality;
  gim_str response_format;
  gim_str background;
  gim_str output_format;
  gim_str mask_url;
  gim_str callback_url;
  const gim_source *images; /* looked at before, where they are files or
                               bytes; NULL: left out */
  size_t image_count;
  const gim_str *image_urls; /* go out behind `images`; NULL: left out */
  size_t image_url_count;
  const gim_source *mask;        /* likewise looked at; NULL: left out */
  gim_source_pixels mask_pixels; /* what a decoder saw of it */
  bool has_n;
  int64_t n;
  gim_str extra; /* a JSON object whose members are added unchecked (its
                    grammar and its keys are checked: none of ours) */
  bool edit;     /* asked for by `edit`: at least one image */
} gim_fields;

/* What the client, not the single request, decides. */
typedef struct gim_rules {
  gim_provider provider;
  gim_size_procedure sizes; /* how gpt-image-2 turns a ratio into pixels */
  bool strict;
  bool allow_private;    /* callback and reference links may be private */
  bool can_upload;       /* a file service is known: where the service opens
                            links, files go there first */
  const char *edit_path; /* BORROWED; NULL: the provider's */
} gim_rules;

typedef struct gim_request {
  const gim_model *model; /* row; the provider's row for unknown models when
                             the name is not in the table */
  bool known_model;
  bool edit;              /* goes to the edits endpoint or carries images */
  const char *method;     /* static storage */
  char path[256];         /* "/v1/images/generations" */
  gim_buffer body;        /* JSON, compact, no trailing newline. With holes
                         where enclosed.hole_count > 0: see
                         gim_enclosure_fill. Of a multipart request a
                         description, for journals and plans: it names
                         the pictures and is not sent */
  gim_enclosure enclosed; /* its pictures; may be MOVED */
  /* what it will be, 0 / -1 / "" where nobody can know */
  int width_px, height_px;
  int tier;                   /* 1, 2, 4; 0: unknown or none */
  int n;                      /* pictures asked for */
  gim_image_type format;      /* by output_format, of extra, too; UNKNOWN:
                                 by none that is known here */
  int64_t price_factor_micro; /* times the base, n included; -1: unknown */
  bool scaled_down;           /* the table's cell did not fit the budget */
  /* what the service assumes for fields left out; NULL: says nothing or was
     given. Static storage */
  const char *assumed_size, *assumed_resolution, *assumed_quality;
  int assumed_n;     /* 0: says nothing or was given */
  gim_issue *issues; /* OWNED; at most GIM_LIMIT_ISSUES */
  int issue_count;
  gim_issue *warnings; /* OWNED; at most GIM_LIMIT_ISSUES */
  int warning_count;
} gim_request;

/*
** Checks `fields` by `rules` and writes the request into `request` (memory of
** the caller, released with gim_request_free whatever is returned).
** Returns
**   GIM_OK           the request may be sent; warnings may be there
**   GIM_E_INVALID    issue_count > 0 says why; err->message names the first
**                    and counts the rest, err->field is the first's field.
**                    What could be worked out (pixels, tier) is filled in
**   GIM_E_TOO_BIG    the body would pass GIM_LIMIT_REQUEST_BODY
**   GIM_E_NO_MEMORY
*/
GIM_MUST_CHECK gim_status gim_request_make(gim_request *request,
                                           const gim_fields *fields,
                                           const gim_rules *rules,
                                           gim_err *err);

/* Releases what the request OWNS. Idempotent. Leaves it zeroed. */
void gim_request_free(gim_request *request);

#pragma GCC visibility pop

#endif
