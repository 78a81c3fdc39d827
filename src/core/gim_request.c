/* SPDX-License-Identifier: MIT */
#include "gim_request.h"

#include "gim_json.h"
#include "gim_link.h"
#include "gim_request_private.h"
#include "gim_value.h"

#include <limits.h>
#include <string.h>

gim_str gim_maker_text(const gim_maker *m, gim_field field) {
  const gim_fields *fields = m->fields;
  switch (field) {
  case GIM_FIELD_MODEL: return fields->model;
  case GIM_FIELD_PROMPT: return fields->prompt;
  case GIM_FIELD_SIZE: return fields->size;
  case GIM_FIELD_RESOLUTION: return fields->resolution;
  case GIM_FIELD_QUALITY: return fields->quality;
  case GIM_FIELD_MASK_URL: return fields->mask_url;
  case GIM_FIELD_BACKGROUND: return fields->background;
  case GIM_FIELD_OUTPUT_FORMAT: return fields->output_format;
  case GIM_FIELD_RESPONSE_FORMAT: return fields->response_format;
  case GIM_FIELD_CALLBACK_URL: return fields->callback_url;
  case GIM_FIELD_IMAGE_URLS:
  case GIM_FIELD_N: break;
  }
  return GIM_NOTHING;
}

static unsigned given(const gim_maker *m) {
  const gim_fields *fields = m->fields;
  unsigned bits = 0;
  for (int i = 0; i < GIM_FIELD_COUNT; i++)
    if (gim_maker_text(m, (gim_field)i).p != NULL) bits |= GIM_HAS(i);
  if (fields->images != NULL || fields->image_urls != NULL)
    bits |= GIM_HAS(GIM_FIELD_IMAGE_URLS);
  if (fields->mask != NULL) bits |= GIM_HAS(GIM_FIELD_MASK_URL);
  if (fields->has_n) bits |= GIM_HAS(GIM_FIELD_N);
  return bits;
}

bool gim_maker_has(const gim_maker *m, gim_field field) {
  return ((m->model->fields | m->model->newer_fields) & GIM_HAS(field)) != 0;
}

const char *gim_maker_name(const gim_maker *m, gim_field field) {
  if (field == GIM_FIELD_IMAGE_URLS && m->fields->images != NULL)
    return "images";
  if (field == GIM_FIELD_MASK_URL && m->fields->mask != NULL) return "mask";
  return gim_field_name(field);
}

/* Given, and the model has it: then its value is worth judging. */
static bool is_due(const gim_maker *m, gim_field field) {
  return (m->given & GIM_HAS(field)) != 0 && gim_maker_has(m, field);
}

static void find_model(gim_maker *m) {
  gim_str name = m->fields->model;
  m->model = gim_model_find(m->rules->provider, name);
  m->request->known_model = m->model != NULL;
  if (m->model == NULL) m->model = gim_model_unknown(m->rules->provider);
  m->request->model = m->model;
  m->rule = m->model->advisory ? GIM_WARNING : GIM_REFUSAL;
  if (name.n == 0)
    gim_report_add(&m->report, GIM_REFUSAL, "model", "required", GIM_NOTHING,
                   NULL, "a model is required");
  else if (gim_value_text(name, "model", &m->report) &&
           !m->request->known_model)
    gim_report_add(&m->report, GIM_WARNING, "model", "unknown_model", name,
                   NULL,
                   "%s is not known for this model name; what every page "
                   "agrees on is checked, and no more",
                   m->provider->name);
}

/*
** Fields that the model does not have. n = 1 is what it makes anyway. A
** resolution is used up where ratios are solved here, and pictures have parts
** of their own where the service opens no links.
*/
static void check_field_names(gim_maker *m) {
  for (int i = 0; i < GIM_FIELD_COUNT; i++) {
    gim_field field = (gim_field)i;
    bool picture =
        field == GIM_FIELD_IMAGE_URLS || field == GIM_FIELD_MASK_URL;
    const char *name;
    if ((m->given & GIM_HAS(field)) == 0) continue;
    name = gim_maker_name(m, field);
    if ((m->model->newer_fields & GIM_HAS(field)) != 0)
      gim_report_add(&m->report, GIM_WARNING, name, "newer_page", GIM_NOTHING,
                     NULL,
                     "only newer pages of %s have %s; the service may refuse "
                     "or ignore it",
                     gim_model_title(m->model), name);
    if (gim_maker_has(m, field)) continue;
    if (field == GIM_FIELD_N && m->model->n_max > 0) continue;
    if (picture && !m->provider->links) continue;
    if (field == GIM_FIELD_RESOLUTION && m->model->solves_ratios) continue;
    gim_report_add(&m->report, GIM_REFUSAL, name, "not_a_field", GIM_NOTHING,
                   NULL, "%s of %s has no %s%s", gim_model_title(m->model),
                   m->provider->name, name,
                   m->provider->links
                       ? ""
                       : "; to send it all the same, put it into extra");
  }
}

/*
** Text that no service can read, and what would break out of a line: in every
** field, also in those that the model does not have. Links are judged as such.
*/
static void check_texts(gim_maker *m) {
  for (int i = GIM_FIELD_SIZE; i < GIM_FIELD_COUNT; i++) {
    gim_field field = (gim_field)i;
    gim_str text;
    if ((m->given & GIM_HAS(field)) == 0) continue;
    text = gim_maker_text(m, field);
    if (text.p == NULL) continue;
    if (field == GIM_FIELD_CALLBACK_URL && is_due(m, field)) continue;
    if (field == GIM_FIELD_MASK_URL && gim_maker_judges_mask(m)) continue;
    (void)gim_value_text(text, gim_field_name(field), &m->report);
  }
}

static void check_size(gim_maker *m) {
  gim_size_input input;
  gim_request *request = m->request;
  if (!gim_maker_has(m, GIM_FIELD_SIZE)) return;
  input.model = m->model;
  input.procedure = m->rules->sizes;
  input.severity = m->rule;
  input.size = m->fields->size;
  input.resolution = m->fields->resolution;
  gim_size_judge(&input, &m->sized, &m->report);
  request->width_px = m->sized.width_px;
  request->height_px = m->sized.height_px;
  request->tier = m->sized.tier;
  request->scaled_down = m->sized.scaled_down;
}

static void check_callback(gim_maker *m) {
  gim_link_rule rule = {true, m->rules->allow_private, GIM_LIMIT_CALLBACK_URL,
                        NULL};
  if (is_due(m, GIM_FIELD_CALLBACK_URL))
    gim_link_check(m->fields->callback_url, &rule, "callback_url", &m->report);
}

/* Quality, n, and the fields whose values are lists. */
static void check_choices(gim_maker *m) {
  const gim_fields *fields = m->fields;
  const gim_model *model = m->model;
  const struct {
    gim_field field;
    const char *const *list;
  } lists[] = {{GIM_FIELD_BACKGROUND, model->backgrounds},
               {GIM_FIELD_OUTPUT_FORMAT, model->output_formats},
               {GIM_FIELD_RESPONSE_FORMAT, model->response_formats}};
  if (is_due(m, GIM_FIELD_QUALITY))
    gim_value_quality(model, m->rule, fields->quality, &m->report);
  if (fields->has_n) gim_value_n(model, fields->n, &m->report);
  for (size_t i = 0; i < sizeof(lists) / sizeof(lists[0]); i++)
    if (is_due(m, lists[i].field) && lists[i].list != NULL)
      gim_report_choice(&m->report, GIM_REFUSAL,
                        gim_field_name(lists[i].field),
                        gim_maker_text(m, lists[i].field), lists[i].list,
                        gim_model_title(model), NULL);
  if (model->backgrounds != NULL &&
      gim_str_equal(fields->background, GIM_STR("transparent")) &&
      gim_str_equal(fields->output_format, GIM_STR("jpeg")))
    gim_report_add(&m->report, GIM_REFUSAL, "background", "conflict",
                   fields->background, "png or webp",
                   "a transparent background needs another output_format "
                   "than jpeg");
}

/* Where a service names no output_format, extra may have it. */
static gim_image_type format_of(const gim_fields *fields) {
  static const gim_image_type types[] = {GIM_IMAGE_PNG, GIM_IMAGE_JPEG,
                                         GIM_IMAGE_WEBP};
  gim_str name = fields->output_format;
  gim_json extra;
  char room[8];
  if (name.p == NULL && fields->extra.p != NULL &&
      gim_json_parse(fields->extra, GIM_LIMIT_JSON_DEPTH, &extra, NULL) ==
          GIM_OK &&
      gim_json_member(&extra, GIM_STR("output_format"), &extra))
    name = gim_json_text(&extra, room, sizeof(room));
  for (size_t i = 0; i < sizeof(types) / sizeof(types[0]); i++)
    if (gim_str_equal(name, gim_str_of(gim_image_type_name(types[i]))))
      return types[i];
  return GIM_IMAGE_UNKNOWN;
}

/* What the service will take for what was left out, and the price. */
static void fill_in(gim_maker *m) {
  const gim_fields *fields = m->fields;
  const gim_model *model = m->model;
  gim_request *request = m->request;
  int64_t n = fields->has_n ? fields->n : model->default_n;
  request->format = format_of(fields);
  request->n = n < 1 ? 1 : n > INT_MAX ? INT_MAX : (int)n;
  if (fields->size.p == NULL) request->assumed_size = model->default_size;
  if (fields->resolution.p == NULL && m->sized.size.kind == GIM_SIZE_RATIO)
    request->assumed_resolution = model->default_resolution;
  if (fields->quality.p == NULL)
    request->assumed_quality = model->default_quality;
  if (!fields->has_n) request->assumed_n = model->default_n;
  request->price_factor_micro =
      gim_size_price_micro(model, &m->sized, fields->quality, request->n);
}

gim_status gim_request_make(gim_request *request, const gim_fields *fields,
                            const gim_rules *rules, gim_err *err) {
  gim_maker m;
  gim_status status = GIM_OK;
  memset(request, 0, sizeof(*request));
  gim_buffer_init(&request->body, GIM_LIMIT_REQUEST_BODY);
  request->method = "POST";
  request->price_factor_micro = -1;
  memset(&m, 0, sizeof(m));
  m.fields = fields;
  m.rules = rules;
  m.request = request;
  m.provider = gim_provider_get(rules->provider);
  m.given = given(&m);
  m.report.strict = rules->strict;
  find_model(&m);
  gim_value_prompt(m.model, fields->prompt, &m.report);
  check_texts(&m);
  check_field_names(&m);
  check_size(&m);
  check_choices(&m);
  gim_maker_pictures(&m);
  check_callback(&m);
  if (fields->extra.p != NULL)
    gim_value_extra(m.model, fields->extra, &m.report);
  fill_in(&m);
  request->issues = m.report.issues; /* MOVED to the request */
  request->issue_count = m.report.issue_count;
  request->warnings = m.report.warnings;
  request->warning_count = m.report.warning_count;
  status = gim_report_fail(&m.report, err);
  if (status != GIM_OK) return status;
  status = gim_maker_write(&m);
  if (status == GIM_OK) return GIM_OK;
  gim_buffer_free(&request->body);
  if (status == GIM_E_TOO_BIG)
    return gim_fail(err, status, "the request is over %d bytes",
                    GIM_LIMIT_REQUEST_BODY);
  return gim_fail(err, status, "not enough memory");
}

void gim_request_free(gim_request *request) {
  gim_report report;
  memset(&report, 0, sizeof(report));
  report.issues = request->issues;
  report.warnings = request->warnings;
  gim_report_free(&report);
  gim_buffer_free(&request->body);
  gim_enclosure_free(&request->enclosed);
  memset(request, 0, sizeof(*request));
}
