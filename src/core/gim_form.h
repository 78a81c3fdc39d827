/* SPDX-License-Identifier: MIT */
/*
** gim_form.h - the parts of a multipart request, in their order   [floor 2]
**
** Text parts are held here; of a picture only which one it is: its bytes are
** read by whoever sends them.
*/
#ifndef gim_form_h
#define gim_form_h

#include "gim_base.h"
#include "gim_buffer.h"

#pragma GCC visibility push(hidden)

#define GIM_FORM_TEXT (-1)

typedef struct gim_form_part {
  size_t field, text; /* offsets in the form's texts; private */
  size_t text_n;
  int source; /* number of the picture, from 0; GIM_FORM_TEXT: a text part */
} gim_form_part;

typedef struct gim_form {
  gim_form_part *parts; /* OWNED; count of them */
  int count;
  gim_buffer texts; /* OWNED */
} gim_form;

/* Empty; its texts may have `limit` bytes together. */
void gim_form_init(gim_form *form, size_t limit);

/* Another part behind the others. All text is COPIED. GIM_E_NO_MEMORY,
   GIM_E_TOO_BIG; the form is as it was then. */
GIM_MUST_CHECK gim_status gim_form_add_text(gim_form *form, gim_str field,
                                            gim_str text);
GIM_MUST_CHECK gim_status gim_form_add_source(gim_form *form, gim_str field,
                                              int source);

/* Its field ("image[]"), NUL-terminated, and a text part's text (which is
   NUL-terminated beyond its end). BORROWED until the form changes. */
const char *gim_form_field(const gim_form *form, int part);
gim_str gim_form_text(const gim_form *form, int part);

/* Releases what it OWNS and leaves it zeroed. Idempotent. */
void gim_form_free(gim_form *form);

#pragma GCC visibility pop

#endif
