/* SPDX-License-Identifier: MIT */
#include "gim_request.h"

#include "gim_json.h"
#include "gim_link.h"
#include "gim_size.h"
#include "gim_value.h"

#include <limits.h>
#include <stdio.h>
#include <string.h>

/* All that is known while one request is made. */
typedef struct maker {
  const gim_fields *fields;
  const gim_rules *rules;
  const gim_provider_row *provider;
  const gim_model *model;
  gim_request *request;
  gim_report report;
  gim_severity rule; /* of what the model's page forbids */
  gim_sized sized;
} maker;

static gim_str text_field(const gim_fields *fields, gim_field field) {
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

static bool is_given(const gim_fields *fields, gim_field field) {
  if (field == GIM_FIELD_IMAGE_URLS) return fields->image_urls != NULL;
  if (field == GIM_FIELD_N) return fields->has_n;
  return text_field(fields, field).p != NULL;
}

static bool has_field(const gim_model *model, gim_field field) {
  return ((model->fields | model->newer_fields) & GIM_HAS(field)) != 0;
}

/* Given, and the model has it: then its value is worth judging. */
static bool is_due(const maker *m, gim_field field) {
  return is_given(m->fields, field) && has_field(m->model, field);
}

static void find_model(maker *m) {
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
** resolution is used up where ratios are solved here, and a service without
** links gets its answer in check_edit.
*/
static void check_field_names(maker *m) {
  for (int i = 0; i < GIM_FIELD_COUNT; i++) {
    gim_field field = (gim_field)i;
    const char *name = gim_field_name(field);
    if (!is_given(m->fields, field)) continue;
    if ((m->model->newer_fields & GIM_HAS(field)) != 0)
      gim_report_add(&m->report, GIM_WARNING, name, "newer_page", GIM_NOTHING,
                     NULL,
                     "only newer pages of %s have %s; the service may refuse "
                     "or ignore it",
                     gim_model_title(m->model), name);
    if (has_field(m->model, field)) continue;
    if (field == GIM_FIELD_N && m->model->n_max > 0) continue;
    if (field == GIM_FIELD_IMAGE_URLS && !m->provider->links) continue;
    if (field == GIM_FIELD_RESOLUTION && m->model->solves_ratios) continue;
    gim_report_add(&m->report, GIM_REFUSAL, name, "not_a_field", GIM_NOTHING,
                   NULL, "%s of %s has no %s%s", gim_model_title(m->model),
                   m->provider->name, name,
                   m->provider->links
                       ? ""
                       : "; to send it all the same, put it into extra");
  }
}

/* Does gim_link_check look at it? */
static bool is_judged_link(const maker *m, gim_field field) {
  if (!is_due(m, field)) return false;
  return field == GIM_FIELD_CALLBACK_URL ||
         (field == GIM_FIELD_MASK_URL && m->request->known_model);
}

/*
** Text that no service can read, and what would break out of a line: in every
** field, also in those that the model does not have.
*/
static void check_texts(maker *m) {
  for (int i = GIM_FIELD_SIZE; i < GIM_FIELD_COUNT; i++) {
    gim_field field = (gim_field)i;
    gim_str text = text_field(m->fields, field);
    if (text.p != NULL && !is_judged_link(m, field))
      (void)gim_value_text(text, gim_field_name(field), &m->report);
  }
}

static void check_size(maker *m) {
  gim_size_input input;
  gim_request *request = m->request;
  if (!has_field(m->model, GIM_FIELD_SIZE)) return;
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

static void check_image_urls(maker *m) {
  static const char *const formats[] = {"png", "jpg", "jpeg", "webp", NULL};
  const gim_fields *fields = m->fields;
  gim_link_rule rule = {false, m->rules->allow_private, 0, formats};
  char field[48], got[24], nearest[24];
  size_t least = (size_t)m->model->image_urls_min;
  size_t most = (size_t)m->model->image_urls_max;
  size_t count = fields->image_url_count;
  if (!is_due(m, GIM_FIELD_IMAGE_URLS)) return;
  if (count < least || count > most) {
    snprintf(got, sizeof(got), "%zu", count);
    snprintf(nearest, sizeof(nearest), "%zu", count < least ? least : most);
    gim_report_add(&m->report, GIM_REFUSAL, "image_urls",
                   count < least ? "too_few" : "too_many", gim_str_of(got),
                   nearest, "image_urls of %s holds %zu to %zu links",
                   gim_model_title(m->model), least, most);
  }
  for (size_t i = 0; i < count; i++) {
    snprintf(field, sizeof(field), "image_urls[%zu]", i + 1);
    gim_link_check(fields->image_urls[i], &rule, field, &m->report);
  }
}

static void check_mask(maker *m) {
  static const char *const formats[] = {"png", NULL};
  gim_link_rule rule = {false, m->rules->allow_private, 0, formats};
  if (!is_judged_link(m, GIM_FIELD_MASK_URL)) return;
  gim_link_check(m->fields->mask_url, &rule, "mask_url", &m->report);
  if (m->fields->image_url_count == 0)
    gim_report_add(&m->report, GIM_WARNING, "mask_url", "ignored", GIM_NOTHING,
                   NULL, "the service ignores a mask without image_urls");
}

static void check_callback(maker *m) {
  gim_link_rule rule = {true, m->rules->allow_private, GIM_LIMIT_CALLBACK_URL,
                        NULL};
  if (is_due(m, GIM_FIELD_CALLBACK_URL))
    gim_link_check(m->fields->callback_url, &rule, "callback_url", &m->report);
}

/* Quality, n, and the fields whose values are lists. */
static void check_choices(maker *m) {
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
                        text_field(fields, lists[i].field), lists[i].list,
                        gim_model_title(model), NULL);
  if (model->backgrounds != NULL &&
      gim_str_equal(fields->background, GIM_STR("transparent")) &&
      gim_str_equal(fields->output_format, GIM_STR("jpeg")))
    gim_report_add(&m->report, GIM_REFUSAL, "background", "conflict",
                   fields->background, "png or webp",
                   "a transparent background needs another output_format "
                   "than jpeg");
}

/*
** Where a request with pictures goes. The one place that knows that a
** service without links cannot be given any: what makes multipart edits
** replaces the refusal here.
*/
static void check_edit(maker *m) {
  const gim_rules *rules = m->rules;
  gim_request *request = m->request;
  gim_str path;
  request->edit = m->fields->edit || m->fields->image_url_count > 0;
  path = gim_str_of(!request->edit             ? m->provider->generate_path
                    : rules->edit_path != NULL ? rules->edit_path
                                               : m->provider->edit_path);
  if (m->fields->edit && m->fields->image_url_count == 0)
    gim_report_add(&m->report, GIM_SAFETY, "image_urls", "required",
                   GIM_NOTHING, NULL, "an edit needs at least one picture");
  else if (m->fields->image_urls != NULL && !m->provider->links)
    gim_report_add(&m->report, GIM_SAFETY, "image_urls", "edit_needs_files",
                   GIM_NOTHING, NULL,
                   "%s takes pictures as uploaded files; links to pictures "
                   "cannot be sent to it yet",
                   m->provider->name);
  if (path.n == 0 || path.p[0] != '/' || path.n >= sizeof(request->path) ||
      memchr(path.p, ' ', path.n) != NULL)
    gim_report_add(&m->report, GIM_SAFETY, "edit_path", "path", path, NULL,
                   "edit_path begins with a slash, holds no space and has "
                   "less than %zu bytes",
                   sizeof(request->path));
  else if (gim_value_text(path, "edit_path", &m->report))
    memcpy(request->path, path.p, path.n + 1);
}

/* What the service will take for what was left out, and the price. */
static void fill_in(maker *m) {
  const gim_fields *fields = m->fields;
  const gim_model *model = m->model;
  gim_request *request = m->request;
  int64_t n = fields->has_n ? fields->n : model->default_n;
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

/* Given, but for what is dropped on purpose. */
static bool is_sent(const maker *m, gim_field field) {
  if (!is_given(m->fields, field)) return false;
  if (field == GIM_FIELD_RESOLUTION) return !m->sized.resolution_dropped;
  if (field == GIM_FIELD_N)
    return has_field(m->model, field) || m->fields->n != 1;
  return true;
}

/* The size as it goes out: solved, or with x for the multiplication sign. */
static gim_str sent_size(const maker *m, char to[64]) {
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

static gim_status write_links(const gim_fields *fields, gim_buffer *b) {
  gim_status status = gim_buffer_append_byte(b, '[');
  for (size_t i = 0; i < fields->image_url_count && status == GIM_OK; i++) {
    if (i > 0) status = gim_buffer_append_byte(b, ',');
    if (status == GIM_OK)
      status = gim_json_write_string(b, fields->image_urls[i]);
  }
  return status != GIM_OK ? status : gim_buffer_append_byte(b, ']');
}

static gim_status write_value(const maker *m, gim_field field, gim_buffer *b) {
  char text[64];
  if (field == GIM_FIELD_N) return gim_json_write_int(b, m->fields->n);
  if (field == GIM_FIELD_IMAGE_URLS) return write_links(m->fields, b);
  if (field == GIM_FIELD_SIZE)
    return gim_json_write_string(b, sent_size(m, text));
  return gim_json_write_string(b, text_field(m->fields, field));
}

/* The comma before every member but the first. */
static gim_status write_comma(gim_buffer *b) {
  return b->n == 1 ? GIM_OK : gim_buffer_append_byte(b, ',');
}

static gim_status write_extra(gim_str extra, gim_buffer *b) {
  gim_json object;
  gim_json_cursor at;
  gim_status status =
      gim_json_parse(extra, GIM_LIMIT_JSON_DEPTH, &object, NULL);
  if (status != GIM_OK) return status;
  for (bool more = gim_json_first(&object, &at); more && status == GIM_OK;
       more = gim_json_next(&at)) {
    status = write_comma(b);
    if (status == GIM_OK) status = gim_buffer_append_str(b, at.key.text);
    if (status == GIM_OK) status = gim_buffer_append_byte(b, ':');
    if (status == GIM_OK) status = gim_buffer_append_str(b, at.value.text);
  }
  return status;
}

static gim_status write_body(const maker *m) {
  gim_buffer *b = &m->request->body;
  gim_status status = gim_buffer_append_byte(b, '{');
  for (int i = 0; i < GIM_FIELD_COUNT && status == GIM_OK; i++) {
    gim_field field = (gim_field)i;
    if (!is_sent(m, field)) continue;
    status = write_comma(b);
    if (status == GIM_OK)
      status = gim_json_write_string(b, gim_str_of(gim_field_name(field)));
    if (status == GIM_OK) status = gim_buffer_append_byte(b, ':');
    if (status == GIM_OK) status = write_value(m, field, b);
  }
  if (status == GIM_OK && m->fields->extra.p != NULL)
    status = write_extra(m->fields->extra, b);
  return status != GIM_OK ? status : gim_buffer_append_byte(b, '}');
}

static gim_status fail_invalid(const gim_report *report, gim_err *err) {
  const gim_issue *first = &report->issues[0];
  int more = report->issue_count + report->dropped - 1;
  bool got = first->got[0] != '\0', near = first->nearest[0] != '\0';
  char rest[48] = "";
  if (more > 0)
    snprintf(rest, sizeof(rest), " (and %d more problem%s)", more,
             more == 1 ? "" : "s");
  (void)gim_fail(err, GIM_E_INVALID, "%s%s%s%s%s%s", first->message,
                 got ? "; got " : "", first->got,
                 !near ? ""
                 : got ? ", nearest "
                       : "; nearest ",
                 first->nearest, rest);
  if (err != NULL)
    gim_copy_text(err->field, sizeof(err->field), gim_str_of(first->field));
  return GIM_E_INVALID;
}

gim_status gim_request_make(gim_request *request, const gim_fields *fields,
                            const gim_rules *rules, gim_err *err) {
  maker m;
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
  m.report.strict = rules->strict;
  find_model(&m);
  gim_value_prompt(m.model, fields->prompt, &m.report);
  check_texts(&m);
  check_field_names(&m);
  check_size(&m);
  check_choices(&m);
  check_edit(&m);
  check_image_urls(&m);
  check_mask(&m);
  check_callback(&m);
  if (fields->extra.p != NULL)
    gim_value_extra(m.model, fields->extra, &m.report);
  fill_in(&m);
  request->issues = m.report.issues; /* MOVED to the request */
  request->issue_count = m.report.issue_count;
  request->warnings = m.report.warnings;
  request->warning_count = m.report.warning_count;
  if (m.report.status == GIM_OK && request->issue_count > 0)
    return fail_invalid(&m.report, err);
  status = m.report.status;
  if (status == GIM_OK) status = write_body(&m);
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
  memset(request, 0, sizeof(*request));
}
