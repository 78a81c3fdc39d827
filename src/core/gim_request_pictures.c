/* SPDX-License-Identifier: MIT */
#include "gim_request.h"

#include "gim_json.h"
#include "gim_request_private.h"
#include "gim_value.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static void add(gim_enclosure *e, const gim_source *source, const char *field,
                size_t number) {
  gim_source *to = &e->sources[e->count++];
  *to = *source;
  to->field = field;
  to->number = (int)number;
}

static void add_link(gim_enclosure *e, gim_str link, const char *field,
                     size_t number) {
  gim_source source;
  memset(&source, 0, sizeof(source));
  source.kind = GIM_SOURCE_LINK;
  source.text = link;
  add(e, &source, field, number);
}

/* All pictures in the order in which they go out, and the mask behind them. */
static void gather(gim_maker *m) {
  const gim_fields *f = m->fields;
  gim_enclosure *e = &m->request->enclosed;
  size_t pictures = f->image_count + f->image_url_count;
  char got[24];
  e->model = m->model;
  e->strict = m->rules->strict;
  e->allow_private = m->rules->allow_private;
  if (pictures > GIM_LIMIT_SOURCES) {
    snprintf(got, sizeof(got), "%zu", pictures);
    gim_report_add(&m->report, GIM_SAFETY,
                   gim_maker_name(m, GIM_FIELD_IMAGE_URLS), "too_many",
                   gim_str_of(got), NULL,
                   "a request carries at most %d pictures", GIM_LIMIT_SOURCES);
    return;
  }
  if (pictures == 0 && f->mask == NULL && f->mask_url.p == NULL) return;
  e->sources = calloc(pictures + 1, sizeof(*e->sources));
  if (e->sources == NULL) {
    m->report.status = GIM_E_NO_MEMORY;
    return;
  }
  for (size_t i = 0; i < f->image_count; i++)
    add(e, &f->images[i], "images", i + 1);
  for (size_t i = 0; i < f->image_url_count; i++)
    add_link(e, f->image_urls[i], "image_urls", i + 1);
  m->pictures = (int)pictures;
  e->multipart = pictures > 0 && !m->provider->links;
  e->has_mask = f->mask != NULL || f->mask_url.p != NULL;
  if (f->mask != NULL) {
    add(e, f->mask, "mask", 0);
    e->sources[e->count - 1].pixels = f->mask_pixels;
  }
  else if (f->mask_url.p != NULL)
    add_link(e, f->mask_url, "mask_url", 0);
}

/* Where a request with pictures goes. */
static void check_path(gim_maker *m) {
  const gim_rules *rules = m->rules;
  gim_request *request = m->request;
  gim_str path;
  request->edit = m->fields->edit || m->pictures > 0;
  path = gim_str_of(!request->edit             ? m->provider->generate_path
                    : rules->edit_path != NULL ? rules->edit_path
                                               : m->provider->edit_path);
  if (path.n == 0 || path.p[0] != '/' || path.n >= sizeof(request->path) ||
      memchr(path.p, ' ', path.n) != NULL)
    gim_report_add(&m->report, GIM_SAFETY, "edit_path", "path", path, NULL,
                   "edit_path begins with a slash, holds no space and has "
                   "less than %zu bytes",
                   sizeof(request->path));
  else if (gim_value_text(path, "edit_path", &m->report))
    memcpy(request->path, path.p, path.n + 1);
}

static void check_count(gim_maker *m) {
  const char *name = gim_maker_name(m, GIM_FIELD_IMAGE_URLS);
  int least = m->model->image_urls_min, most = m->model->image_urls_max;
  int count = m->pictures;
  char got[24], nearest[24];
  if ((m->given & GIM_HAS(GIM_FIELD_IMAGE_URLS)) == 0 ||
      (count >= least && count <= most))
    return;
  snprintf(got, sizeof(got), "%d", count);
  snprintf(nearest, sizeof(nearest), "%d", count < least ? least : most);
  gim_report_add(&m->report, GIM_REFUSAL, name,
                 count < least ? "too_few" : "too_many", gim_str_of(got),
                 nearest, "%s of %s holds %d to %d %s", name,
                 gim_model_title(m->model), least, most,
                 m->fields->images == NULL ? "links" : "pictures");
}

bool gim_maker_judges_mask(const gim_maker *m) {
  return !m->provider->links ||
         (m->request->known_model && gim_maker_has(m, GIM_FIELD_MASK_URL));
}

static void judge(gim_maker *m) {
  const gim_enclosure *e = &m->request->enclosed;
  gim_source_rule rule;
  memset(&rule, 0, sizeof(rule));
  rule.model = m->model;
  rule.links = m->provider->links;
  rule.allow_private = m->rules->allow_private;
  for (int i = 0; i < e->count; i++) {
    rule.mask = i == m->pictures;
    rule.first = rule.mask && i > 0 ? &e->sources[0] : NULL;
    if (!rule.mask || e->sources[i].kind != GIM_SOURCE_LINK ||
        gim_maker_judges_mask(m))
      gim_source_judge(&e->sources[i], &rule, &m->report);
    else if (m->fields->mask != NULL) /* mask_url is a text like others */
      (void)gim_value_text(e->sources[i].text, "mask", &m->report);
  }
}

static void check_mask(gim_maker *m) {
  const char *name = gim_maker_name(m, GIM_FIELD_MASK_URL);
  if (m->fields->mask != NULL && m->fields->mask_url.p != NULL)
    gim_report_add(&m->report, GIM_SAFETY, "mask", "conflict", GIM_NOTHING,
                   NULL, "there is a mask and a mask_url: give one of them");
  if (!m->request->enclosed.has_mask || m->pictures > 0) return;
  if (!m->provider->links)
    gim_report_add(&m->report, GIM_SAFETY, name, "conflict", GIM_NOTHING, NULL,
                   "a mask needs the picture that it is for");
  else if (gim_maker_judges_mask(m))
    gim_report_add(&m->report, GIM_WARNING, name, "ignored", GIM_NOTHING, NULL,
                   "the service ignores a mask without image_urls");
}

/* What has to go to a file service needs one. */
static void check_uploads(gim_maker *m) {
  const gim_enclosure *e = &m->request->enclosed;
  char title[GIM_SOURCE_TITLE];
  int first;
  if (!m->provider->links || m->rules->can_upload) return;
  first = gim_enclosure_nth(e, 0);
  if (first < 0) return;
  gim_source_title(&e->sources[first], title);
  gim_report_add(&m->report, GIM_SAFETY, title, "files_url_required",
                 GIM_NOTHING, NULL,
                 "%s takes links: files are uploaded first, and where to is "
                 "not known. Name the file service with the option files_url, "
                 "or give links",
                 m->provider->name);
}

/* Parts of a form are named: extra must not bring names of its own. */
static void check_extra(gim_maker *m) {
  static const char *const ours[] = {"image", "image[]", "mask", NULL};
  gim_json object;
  gim_json_cursor at;
  char key[64];
  if (!m->request->enclosed.multipart || m->fields->extra.p == NULL ||
      gim_json_parse(m->fields->extra, GIM_LIMIT_JSON_DEPTH, &object, NULL) !=
          GIM_OK)
    return;
  for (bool more = gim_json_first(&object, &at); more;
       more = gim_json_next(&at)) {
    gim_json_copy_string(&at.key, key, sizeof(key));
    for (int i = 0; ours[i] != NULL; i++)
      if (gim_json_string_is(&at.key, gim_str_of(ours[i])))
        gim_report_add(&m->report, GIM_SAFETY, "extra", "duplicate",
                       gim_str_of(key), NULL,
                       "%s is where this library puts the pictures", key);
    if (!gim_json_string_is(&at.key, gim_str_of(key)))
      gim_report_add(&m->report, GIM_SAFETY, "extra", "control_character",
                     gim_str_of(key), NULL,
                     "the name of a part has at most 63 bytes, and no control "
                     "character");
  }
}

void gim_maker_pictures(gim_maker *m) {
  gather(m);
  check_path(m);
  if (m->fields->edit &&
      m->fields->image_count + m->fields->image_url_count == 0)
    gim_report_add(&m->report, GIM_SAFETY,
                   m->fields->image_urls == NULL
                       ? "images"
                       : gim_maker_name(m, GIM_FIELD_IMAGE_URLS),
                   "required", GIM_NOTHING, NULL,
                   "an edit needs at least one picture");
  else
    check_count(m);
  judge(m);
  check_mask(m);
  check_uploads(m);
  check_extra(m);
}
