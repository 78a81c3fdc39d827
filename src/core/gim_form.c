/* SPDX-License-Identifier: MIT */
#include "gim_form.h"

#include <stdlib.h>
#include <string.h>

void gim_form_init(gim_form *form, size_t limit) {
  memset(form, 0, sizeof(*form));
  gim_buffer_init(&form->texts, limit);
}

/* Appends `text` and a NUL; `*at` is where it stands. */
static gim_status keep(gim_form *form, gim_str text, size_t *at) {
  gim_status status = gim_buffer_reserve(&form->texts, text.n + 1);
  if (status != GIM_OK) return status;
  *at = form->texts.n;
  if (text.n > 0) memcpy(form->texts.p + form->texts.n, text.p, text.n);
  form->texts.n += text.n + 1;
  form->texts.p[form->texts.n - 1] = '\0';
  return GIM_OK;
}

static gim_status add(gim_form *form, gim_str field, gim_str text,
                      int source) {
  gim_form_part part = {0, 0, text.n, source};
  gim_form_part *parts;
  size_t before = form->texts.n;
  gim_status status = keep(form, field, &part.field);
  if (status == GIM_OK) status = keep(form, text, &part.text);
  if (status == GIM_OK) {
    parts = realloc(form->parts, ((size_t)form->count + 1) * sizeof(*parts));
    if (parts != NULL) {
      form->parts = parts;
      parts[form->count++] = part;
      return GIM_OK;
    }
    status = GIM_E_NO_MEMORY;
  }
  gim_buffer_cut(&form->texts, before);
  return status;
}

gim_status gim_form_add_text(gim_form *form, gim_str field, gim_str text) {
  return add(form, field, text, GIM_FORM_TEXT);
}

gim_status gim_form_add_source(gim_form *form, gim_str field, int source) {
  return add(form, field, GIM_STR(""), source);
}

const char *gim_form_field(const gim_form *form, int part) {
  return form->texts.p + form->parts[part].field;
}

gim_str gim_form_text(const gim_form *form, int part) {
  gim_str text;
  text.p = form->texts.p + form->parts[part].text;
  text.n = form->parts[part].text_n;
  return text;
}

void gim_form_free(gim_form *form) {
  gim_buffer_free(&form->texts);
  free(form->parts);
  memset(form, 0, sizeof(*form));
}
