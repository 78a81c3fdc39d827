/* SPDX-License-Identifier: MIT */
#include "gim_record.h"

#include <string.h>

static const char *const event_names[] = {NULL,      "intent", "accepted",
                                          "arrived", "done",   "saved",
                                          "failed",  "closed"};

#define EVENT_COUNT (sizeof(event_names) / sizeof(event_names[0]))

/* -------- writing -------- */

/* A line under way: the first failure stays, and later calls do nothing. */
typedef struct writer {
  gim_buffer *b;
  gim_status status;
  bool bytes; /* some text is not UTF-8: all of them are Latin-1 */
} writer;

static void put(writer *w, const char *text) {
  if (w->status == GIM_OK)
    w->status = gim_buffer_append_str(w->b, gim_str_of(text));
}

static void put_raw(writer *w, gim_str text) {
  if (w->status == GIM_OK) w->status = gim_buffer_append_str(w->b, text);
}

static void put_byte(writer *w, char c) {
  if (w->status == GIM_OK) w->status = gim_buffer_append_byte(w->b, c);
}

static void put_latin(writer *w, gim_str text) {
  put_byte(w, '"');
  for (size_t i = 0; i < text.n && w->status == GIM_OK; i++) {
    unsigned char c = (unsigned char)text.p[i];
    if (c < 0x20 || c >= 0x7F || c == '"' || c == '\\')
      w->status = gim_buffer_append_format(w->b, "\\u%04x", c);
    else
      put_byte(w, (char)c);
  }
  put_byte(w, '"');
}

static void put_text(writer *w, gim_str text) {
  if (w->status != GIM_OK) return;
  if (w->bytes)
    put_latin(w, text);
  else
    w->status = gim_json_write_string(w->b, text);
}

static void text_member(writer *w, const char *name, gim_str text) {
  if (text.p == NULL) return;
  put(w, ",\"");
  put(w, name);
  put(w, "\":");
  put_text(w, text);
}

static void number_member(writer *w, const char *name, int64_t value) {
  put(w, ",\"");
  put(w, name);
  put(w, "\":");
  if (w->status == GIM_OK) w->status = gim_json_write_int(w->b, value);
}

static void write_image(writer *w, const gim_record_image *image) {
  put_byte(w, '{');
  if (image->url.p != NULL) {
    put(w, "\"url\":");
    put_text(w, image->url);
    number_member(w, "expires_at", image->expires_at_unix);
  }
  else if (image->file.p != NULL) {
    put(w, "\"file\":");
    put_text(w, image->file);
    number_member(w, "size", image->size);
  }
  put_byte(w, '}');
}

static void write_images(writer *w, const gim_record *r) {
  put(w, ",\"images\":[");
  for (int i = 0; i < r->image_count; i++) {
    if (i > 0) put_byte(w, ',');
    write_image(w, &r->images[i]);
  }
  put_byte(w, ']');
}

static void write_members(writer *w, const gim_record *r) {
  switch (r->event) {
  case GIM_EVENT_INTENT:
    number_member(w, "v", GIM_RECORD_VERSION);
    text_member(w, "provider", r->provider);
    text_member(w, "base_url", r->base_url);
    text_member(w, "path", r->path);
    text_member(w, "output", r->output);
    text_member(w, "overwrite", gim_str_of(r->overwrite));
    put(w, ",\"request\":");
    put_raw(w, r->request.n == 0 ? GIM_STR("null") : r->request);
    break;
  case GIM_EVENT_ACCEPTED: text_member(w, "id", r->id); break;
  case GIM_EVENT_ARRIVED:
    text_member(w, "file", r->path);
    number_member(w, "size", r->size);
    break;
  case GIM_EVENT_DONE:
    text_member(w, "id", r->id);
    write_images(w, r);
    if (r->cut) put(w, ",\"cut\":true");
    break;
  case GIM_EVENT_SAVED:
    number_member(w, "index", r->index);
    text_member(w, "path", r->path);
    number_member(w, "size", r->size);
    break;
  case GIM_EVENT_FAILED:
    text_member(w, "id", r->id);
    text_member(w, "kind", gim_str_of(r->kind));
    text_member(w, "billed", gim_str_of(r->billed));
    break;
  default: break;
  }
}

static gim_status write_line(gim_buffer *line, const gim_record *record,
                             bool bytes) {
  size_t before = line->n;
  writer w = {line, GIM_OK, bytes};
  put(&w, "{\"event\":\"");
  put(&w, event_names[record->event]);
  put(&w, "\",\"key\":");
  put_text(&w, record->key);
  number_member(&w, "time", record->time_unix_s);
  write_members(&w, record);
  if (bytes) put(&w, ",\"bytes\":true");
  put_byte(&w, '}');
  if (w.status != GIM_OK) gim_buffer_cut(line, before);
  return w.status;
}

gim_status gim_record_write(gim_buffer *line, const gim_record *record) {
  gim_status status = write_line(line, record, false);
  return status == GIM_E_INVALID ? write_line(line, record, true) : status;
}

/* -------- reading -------- */

void gim_record_read(gim_str line, gim_recorded *r) {
  gim_json value;
  memset(r, 0, sizeof(*r));
  if (line.p == NULL ||
      gim_json_parse(line, GIM_LIMIT_JSON_DEPTH, &r->root, NULL) != GIM_OK ||
      r->root.type != GIM_JSON_OBJECT)
    return;
  if (!gim_json_member(&r->root, GIM_STR("key"), &value) ||
      value.text.n > GIM_RECORD_KEY_SIZE || /* quotes included: it fits */
      !gim_json_copy_string(&value, r->key, sizeof(r->key)) ||
      r->key[0] == '\0') {
    r->key[0] = '\0';
    return;
  }
  if (gim_json_member(&r->root, GIM_STR("event"), &value))
    for (size_t i = 1; i < EVENT_COUNT; i++)
      if (gim_json_string_is(&value, gim_str_of(event_names[i])))
        r->event = (gim_event)i;
  if (r->event == GIM_EVENT_UNKNOWN) r->key[0] = '\0';
  r->time_unix_s = gim_record_number(r, "time", 0);
}

/* Back from Latin-1: every code point is a byte, and none is above. */
static void narrow(gim_buffer *text) {
  size_t n = 0;
  for (size_t i = 0; i < text->n; i++) {
    unsigned char c = (unsigned char)text->p[i];
    if (c >= 0xC0 && i + 1 < text->n)
      c = (unsigned char)((c & 3) << 6 | (text->p[++i] & 0x3F));
    text->p[n++] = (char)c;
  }
  gim_buffer_cut(text, n);
}

static bool is_latin(const gim_buffer *text) {
  for (size_t i = 0; i < text->n; i++)
    if ((unsigned char)text->p[i] > 0xC3) return false;
  return true;
}

static bool get_text(const gim_recorded *r, const gim_json *value,
                     gim_buffer *to) {
  gim_buffer_clear(to);
  if (gim_json_get_string(value, to) != GIM_OK) return false;
  if (gim_record_flag(r, "bytes") && is_latin(to)) narrow(to);
  return true;
}

bool gim_record_text(const gim_recorded *r, const char *name, gim_buffer *to) {
  gim_json value;
  gim_buffer_clear(to);
  return gim_json_member(&r->root, gim_str_of(name), &value) &&
         get_text(r, &value, to);
}

int64_t gim_record_number(const gim_recorded *r, const char *name,
                          int64_t otherwise) {
  gim_json value;
  int64_t number = otherwise;
  if (gim_json_member(&r->root, gim_str_of(name), &value))
    (void)gim_json_get_int64(&value, &number);
  return number;
}

bool gim_record_flag(const gim_recorded *r, const char *name) {
  gim_json value;
  bool flag = false;
  return gim_json_member(&r->root, gim_str_of(name), &value) &&
         gim_json_get_bool(&value, &flag) && flag;
}

bool gim_record_is(const gim_recorded *r, const char *name, const char *text) {
  gim_json value;
  return gim_json_member(&r->root, gim_str_of(name), &value) &&
         gim_json_string_is(&value, gim_str_of(text));
}

bool gim_record_request_text(const gim_recorded *r, const char *name,
                             gim_buffer *to) {
  gim_json value;
  gim_buffer_clear(to);
  return gim_json_member(&r->root, GIM_STR("request"), &value) &&
         gim_json_member(&value, gim_str_of(name), &value) &&
         gim_json_get_string(&value, to) == GIM_OK;
}

static bool find_images(const gim_recorded *r, gim_json *images) {
  return gim_json_member(&r->root, GIM_STR("images"), images) &&
         images->type == GIM_JSON_ARRAY;
}

int gim_record_image_count(const gim_recorded *r) {
  gim_json images;
  size_t n = find_images(r, &images) ? gim_json_count(&images) : 0;
  return n > GIM_LIMIT_IMAGES ? GIM_LIMIT_IMAGES : (int)n;
}

bool gim_record_get_image(const gim_recorded *r, int index, gim_buffer *url,
                          gim_buffer *file, int64_t *size) {
  gim_json images, value;
  gim_json_cursor at;
  bool more;
  gim_buffer_clear(url);
  gim_buffer_clear(file);
  *size = 0;
  if (!find_images(r, &images)) return false;
  for (more = gim_json_first(&images, &at); more && index > 0; index--)
    more = gim_json_next(&at);
  if (!more) return false;
  if (gim_json_member(&at.value, GIM_STR("url"), &value))
    return get_text(r, &value, url);
  if (!gim_json_member(&at.value, GIM_STR("file"), &value)) return false;
  if (!get_text(r, &value, file)) return false;
  return gim_json_member(&at.value, GIM_STR("size"), &value) &&
         gim_json_get_int64(&value, size);
}
