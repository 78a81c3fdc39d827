/* SPDX-License-Identifier: MIT */
#include "gim_value.h"

#include "gim_json.h"
#include "gim_utf8.h"

#include <stdio.h>

#define CHOICES_MAX 16
#define KEY_MAX 64
#define LENGTH_MAX 48

static bool check_utf8(const gim_utf8_facts *facts, const char *field,
                       gim_report *report) {
  if (!facts->valid)
    gim_report_add(report, GIM_SAFETY, field, "utf8", GIM_NOTHING, NULL,
                   "%s is not valid UTF-8 (byte %zu)", field,
                   facts->bad_offset + 1);
  return facts->valid;
}

bool gim_value_text(gim_str value, const char *field, gim_report *report) {
  gim_utf8_facts facts = gim_utf8_read(value);
  if (!check_utf8(&facts, field, report)) return false;
  if (facts.control)
    gim_report_add(report, GIM_SAFETY, field, "control_character", value, NULL,
                   "%s holds a control character", field);
  return !facts.control;
}

/* How long a text is, in words. Only where somebody has to read it. */
static gim_str length_of(const gim_utf8_facts *facts, char to[LENGTH_MAX]) {
  snprintf(to, LENGTH_MAX, "%lld characters", (long long)facts->code_points);
  return gim_str_of(to);
}

void gim_value_prompt(const gim_model *model, gim_str prompt,
                      gim_report *report) {
  gim_utf8_facts facts;
  char got[LENGTH_MAX];
  if (prompt.p == NULL) {
    gim_report_add(report, GIM_REFUSAL, "prompt", "required", GIM_NOTHING,
                   NULL, "a prompt is required");
    return;
  }
  if (prompt.n == 0) {
    gim_report_add(report, GIM_REFUSAL, "prompt", "empty", GIM_NOTHING, NULL,
                   "the prompt is empty");
    return;
  }
  facts = gim_utf8_read(prompt);
  if (!check_utf8(&facts, "prompt", report)) return;
  if (model->prompt_max_code_points > 0 &&
      facts.code_points > model->prompt_max_code_points) {
    gim_report_add(report, model->advisory ? GIM_WARNING : GIM_REFUSAL,
                   "prompt", "too_long", length_of(&facts, got), NULL,
                   "a prompt of %s has at most %lld characters",
                   gim_model_title(model),
                   (long long)model->prompt_max_code_points);
    return;
  }
  if (model->prompt_warn_tokens > 0 &&
      (facts.code_points > model->prompt_warn_code_points ||
       facts.tokens > model->prompt_warn_tokens))
    gim_report_add(
        report, GIM_WARNING, "prompt", "long_prompt", length_of(&facts, got),
        NULL,
        "%s takes %lld tokens; this prompt has %lld characters, some %lld "
        "tokens, and may be refused or cut",
        gim_model_title(model), (long long)model->prompt_warn_tokens,
        (long long)facts.code_points, (long long)facts.tokens);
}

void gim_value_quality(const gim_model *model, gim_severity severity,
                       gim_str quality, gim_report *report) {
  const char *names[CHOICES_MAX] = {NULL};
  if (model->qualities == NULL) return;
  for (int i = 0; i < CHOICES_MAX - 1 && model->qualities[i].name != NULL; i++)
    names[i] = model->qualities[i].name;
  gim_report_choice(report, severity, "quality", quality, names,
                    gim_model_title(model), NULL);
}

void gim_value_n(const gim_model *model, int64_t n, gim_report *report) {
  char got[24], nearest[24];
  snprintf(got, sizeof(got), "%lld", (long long)n);
  if (n > GIM_LIMIT_IMAGES) {
    /* More would be paid for and not be kept. */
    snprintf(nearest, sizeof(nearest), "%d",
             model->n_max > 0 ? model->n_max : GIM_LIMIT_IMAGES);
    gim_report_add(report, GIM_SAFETY, "n", "range", gim_str_of(got), nearest,
                   "n is at most %s", nearest);
    return;
  }
  if (model->n_max == 0) {
    if (n < 1)
      gim_report_add(report, GIM_WARNING, "n", "range", gim_str_of(got), "1",
                     "no model is known that takes an n below 1");
    return;
  }
  if (n < model->n_min || n > model->n_max) {
    snprintf(nearest, sizeof(nearest), "%d",
             n > model->n_max ? model->n_max
                              : (model->n_min < 1 ? 1 : model->n_min));
    if (model->n_min == model->n_max)
      gim_report_add(report, GIM_REFUSAL, "n", "range", gim_str_of(got),
                     nearest, "%s makes one picture at a time",
                     gim_model_title(model));
    else
      gim_report_add(report, GIM_REFUSAL, "n", "range", gim_str_of(got),
                     nearest, "n of %s is from %d to %d",
                     gim_model_title(model), model->n_min, model->n_max);
    return;
  }
  if (n == 0)
    gim_report_add(report, GIM_WARNING, "n", "range", gim_str_of(got), "1",
                   "the service reads an n of 0 as 1");
  if (model->n_usual_max > 0 && n > model->n_usual_max) {
    snprintf(nearest, sizeof(nearest), "%d", model->n_usual_max);
    gim_report_add(report, GIM_WARNING, "n", "range", gim_str_of(got), nearest,
                   "%s makes at most %d pictures at a time elsewhere",
                   gim_model_title(model), model->n_usual_max);
  }
}

/* Is the key one of the fields that the model has? */
static bool is_own_field(const gim_model *model, const gim_json *key) {
  unsigned own = model->fields | model->newer_fields;
  for (int i = 0; i < GIM_FIELD_COUNT; i++)
    if ((own & GIM_HAS(i)) != 0 &&
        gim_json_string_is(key, gim_str_of(gim_field_name((gim_field)i))))
      return true;
  return false;
}

void gim_value_extra(const gim_model *model, gim_str extra,
                     gim_report *report) {
  gim_json object;
  gim_json_cursor at;
  gim_err err;
  char key[KEY_MAX];
  if (!gim_utf8_valid(extra)) {
    gim_report_add(report, GIM_SAFETY, "extra", "utf8", GIM_NOTHING, NULL,
                   "extra holds text that is not valid UTF-8");
    return;
  }
  if (gim_json_parse(extra, GIM_LIMIT_JSON_DEPTH, &object, &err) != GIM_OK ||
      object.type != GIM_JSON_OBJECT) {
    gim_report_add(report, GIM_SAFETY, "extra", "json", GIM_NOTHING, NULL,
                   "extra is not a JSON object");
    return;
  }
  for (bool more = gim_json_first(&object, &at); more;
       more = gim_json_next(&at)) {
    gim_json_copy_string(&at.key, key, sizeof(key));
    if (is_own_field(model, &at.key))
      gim_report_add(report, GIM_SAFETY, "extra", "duplicate", gim_str_of(key),
                     NULL, "%s is a field of its own, and cannot be in extra",
                     key);
  }
}
