/* SPDX-License-Identifier: MIT */
#include "gim_request.h"

#include "gim_json.h"
#include "gim_request_private.h"

#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

/* Given, but for what is dropped on purpose. */
static bool is_sent(const gim_maker *m, gim_field field) {
  if ((m->given & GIM_HAS(field)) == 0) return false;
  switch (field) {
  case GIM_FIELD_RESOLUTION: return !m->sized.resolution_dropped;
  case GIM_FIELD_N: return gim_maker_has(m, field) || m->fields->n != 1;
  case GIM_FIELD_IMAGE_URLS:
  case GIM_FIELD_MASK_URL:
    return m->provider->links || m->request->enclosed.multipart;
  default: return true;
  }
}

/* The size as it goes out: solved, or with x for the multiplication sign. */
static gim_str sent_size(const gim_maker *m, char to[64]) {
  const gim_str cross = GIM_STR("\xC3\x97");
  gim_str size = m->fields->size;
  size_t n = 0;
  if (m->sized.solved) {
    snprintf(to, 64, "%dx%d", m->sized.width_px, m->sized.height_px);
    return gim_str_of(to);
  }
  if (!m->sized.size.cross || size.n >= 64) return size;
  for (size_t i = 0; i < size.n; i++) {
    gim_str rest = {size.p + i, size.n - i};
    bool here = gim_str_starts(rest, cross);
    to[n++] = here ? 'x' : size.p[i];
    if (here) i += cross.n - 1;
  }
  to[n] = '\0';
  return gim_str_of(to);
}

/* A field that is no picture, as text. */
static gim_str sent_text(const gim_maker *m, gim_field field, char to[64]) {
  if (field == GIM_FIELD_SIZE) return sent_size(m, to);
  if (field != GIM_FIELD_N) return gim_maker_text(m, field);
  snprintf(to, 64, "%" PRId64, m->fields->n);
  return gim_str_of(to);
}

/* Bytes that a body usually has beside its prompt. */
#define BESIDE_PROMPT 256

/* The comma before every member or element but the first. */
static gim_status write_comma(gim_buffer *b, size_t first) {
  return b->n == first ? GIM_OK : gim_buffer_append_byte(b, ',');
}

/*
** A picture in the JSON: its link; where that is not known yet, a hole; in the
** description of a form, its name.
*/
static gim_status write_source(gim_maker *m, int source) {
  gim_enclosure *e = &m->request->enclosed;
  gim_buffer *b = &m->request->body;
  const gim_source *of = &e->sources[source];
  char name[GIM_SOURCE_NAME];
  if (of->kind == GIM_SOURCE_LINK) return gim_json_write_string(b, of->text);
  if (!e->multipart) {
    e->holes[e->hole_count++] = (gim_hole){b->n, source};
    return GIM_OK;
  }
  gim_source_name(of, name);
  return gim_json_write_string(b, gim_str_of(name));
}

static gim_status write_pictures(gim_maker *m) {
  gim_buffer *b = &m->request->body;
  gim_status status = gim_buffer_append_byte(b, '[');
  for (int i = 0; i < m->pictures && status == GIM_OK; i++) {
    if (i > 0) status = gim_buffer_append_byte(b, ',');
    if (status == GIM_OK) status = write_source(m, i);
  }
  return status != GIM_OK ? status : gim_buffer_append_byte(b, ']');
}

static gim_status write_value(gim_maker *m, gim_field field) {
  gim_buffer *b = &m->request->body;
  char text[64];
  if (field == GIM_FIELD_N) return gim_json_write_int(b, m->fields->n);
  if (field == GIM_FIELD_IMAGE_URLS) return write_pictures(m);
  if (field == GIM_FIELD_MASK_URL) return write_source(m, m->pictures);
  return gim_json_write_string(b, sent_text(m, field, text));
}

static const char *key_of(const gim_maker *m, gim_field field) {
  if (m->request->enclosed.multipart) {
    if (field == GIM_FIELD_IMAGE_URLS) return "images";
    if (field == GIM_FIELD_MASK_URL) return "mask";
  }
  return gim_field_name(field);
}

/* `"model":`, behind a comma where it is not the first. Our own names need no
   escapes. */
static gim_status write_key(gim_buffer *b, gim_str name) {
  gim_status status = write_comma(b, 1);
  if (status == GIM_OK) status = gim_buffer_append_byte(b, '"');
  if (status == GIM_OK) status = gim_buffer_append_str(b, name);
  return status != GIM_OK ? status : gim_buffer_append_str(b, GIM_STR("\":"));
}

static gim_status write_extra(gim_str extra, gim_buffer *b) {
  gim_json object;
  gim_json_cursor at;
  gim_status status =
      gim_json_parse(extra, GIM_LIMIT_JSON_DEPTH, &object, NULL);
  if (status != GIM_OK) return status;
  for (bool more = gim_json_first(&object, &at); more && status == GIM_OK;
       more = gim_json_next(&at)) {
    status = write_comma(b, 1);
    if (status == GIM_OK) status = gim_buffer_append_str(b, at.key.text);
    if (status == GIM_OK) status = gim_buffer_append_byte(b, ':');
    if (status == GIM_OK) status = gim_buffer_append_str(b, at.value.text);
  }
  return status;
}

static gim_status write_body(gim_maker *m) {
  gim_buffer *b = &m->request->body;
  size_t room = m->fields->prompt.n + BESIDE_PROMPT;
  gim_status status = gim_buffer_reserve(b, room < b->limit ? room : b->limit);
  if (status == GIM_OK) status = gim_buffer_append_byte(b, '{');
  for (int i = 0; i < GIM_FIELD_COUNT && status == GIM_OK; i++) {
    gim_field field = (gim_field)i;
    if (!is_sent(m, field)) continue;
    status = write_key(b, gim_str_of(key_of(m, field)));
    if (status == GIM_OK) status = write_value(m, field);
  }
  if (status == GIM_OK && m->fields->extra.p != NULL)
    status = write_extra(m->fields->extra, b);
  return status != GIM_OK ? status : gim_buffer_append_byte(b, '}');
}

/* Members of extra as text parts: strings bare, all else as JSON has it. */
static gim_status add_extra(gim_str extra, gim_form *form) {
  gim_json object;
  gim_json_cursor at;
  gim_buffer key, value;
  gim_status status =
      gim_json_parse(extra, GIM_LIMIT_JSON_DEPTH, &object, NULL);
  gim_buffer_init(&key, GIM_LIMIT_REQUEST_BODY);
  gim_buffer_init(&value, GIM_LIMIT_REQUEST_BODY);
  if (status != GIM_OK) return status;
  for (bool more = gim_json_first(&object, &at); more && status == GIM_OK;
       more = gim_json_next(&at)) {
    gim_str text = at.value.text;
    gim_buffer_clear(&key);
    gim_buffer_clear(&value);
    status = gim_json_get_string(&at.key, &key);
    if (status == GIM_OK && at.value.type == GIM_JSON_STRING) {
      status = gim_json_get_string(&at.value, &value);
      text = gim_buffer_str(&value);
    }
    if (status == GIM_OK)
      status = gim_form_add_text(form, gim_buffer_str(&key), text);
  }
  gim_buffer_free(&key);
  gim_buffer_free(&value);
  return status;
}

/* Text first: gateways choose the channel by the model before the pictures
   have come. */
static gim_status write_form(gim_maker *m) {
  gim_enclosure *e = &m->request->enclosed;
  gim_status status = GIM_OK;
  char text[64];
  gim_form_init(&e->form, GIM_LIMIT_REQUEST_BODY);
  for (int i = 0; i < GIM_FIELD_COUNT && status == GIM_OK; i++) {
    gim_field field = (gim_field)i;
    if (is_sent(m, field) && field != GIM_FIELD_IMAGE_URLS &&
        field != GIM_FIELD_MASK_URL)
      status = gim_form_add_text(&e->form, gim_str_of(gim_field_name(field)),
                                 sent_text(m, field, text));
  }
  if (status == GIM_OK && m->fields->extra.p != NULL)
    status = add_extra(m->fields->extra, &e->form);
  for (int i = 0; i < m->pictures && status == GIM_OK; i++)
    status = gim_form_add_source(
        &e->form, gim_str_of(m->pictures > 1 ? "image[]" : "image"), i);
  if (status == GIM_OK && e->has_mask)
    status = gim_form_add_source(&e->form, GIM_STR("mask"), m->pictures);
  return status;
}

gim_status gim_maker_write(gim_maker *m) {
  gim_enclosure *e = &m->request->enclosed;
  size_t holes = e->multipart ? 0 : (size_t)gim_enclosure_bring_count(e);
  gim_status status;
  if (holes > 0) {
    e->holes = calloc(holes, sizeof(*e->holes));
    if (e->holes == NULL) return GIM_E_NO_MEMORY;
  }
  /* The links that come into the holes have their room. */
  gim_buffer_init(&m->request->body,
                  GIM_LIMIT_REQUEST_BODY - holes * (GIM_LIMIT_URL + 2));
  status = write_body(m);
  if (status == GIM_OK && e->multipart) status = write_form(m);
  return status;
}
