/* SPDX-License-Identifier: MIT */
#include "gim_size.h"

#include <stdio.h>

#define NEAREST_MAX 64
#define PRICED_MAX 1000000 /* pictures whose price is still worked out */

static const int all_tiers[GIM_TIER_COUNT] = {1, 2, 4};

gim_cell gim_size_cell(const gim_model *model, gim_size_procedure procedure,
                       gim_ratio ratio, int tier) {
  return gim_pixels_solve(
      model->pixels, model->procedure_option ? procedure : model->procedure,
      ratio, tier);
}

/* "1920x1088 or 16:9": legal for the row, near to `size`. */
static void nearest_size(const gim_model *model, const gim_size *size,
                         char to[NEAREST_MAX]) {
  const char *pixels = NULL, *ratio = NULL;
  gim_ratio shape;
  int width = 0, height = 0;
  to[0] = '\0';
  if (size->kind == GIM_SIZE_AUTO && model->size_auto)
    snprintf(to, NEAREST_MAX, "auto");
  if (size->kind != GIM_SIZE_RATIO && size->kind != GIM_SIZE_PIXELS) return;
  if (model->size_list != NULL) {
    gim_pixels_nearest_listed(model->size_list, size, &pixels, &ratio);
    snprintf(to, NEAREST_MAX, "%s%s%s",
             size->kind == GIM_SIZE_RATIO || pixels == NULL ? "" : pixels,
             size->kind == GIM_SIZE_RATIO || pixels == NULL ? "" : " or ",
             ratio == NULL ? "" : ratio);
    return;
  }
  if (model->pixels == NULL) return;
  shape = gim_pixels_nearest_ratio(model->pixels, size->width, size->height);
  if (size->kind == GIM_SIZE_RATIO) {
    snprintf(to, NEAREST_MAX, "%d:%d", shape.width, shape.height);
    return;
  }
  gim_pixels_nearest(model->pixels, size->width, size->height, &width,
                     &height);
  snprintf(to, NEAREST_MAX, "%dx%d or %d:%d", width, height, shape.width,
           shape.height);
}

/* Was "1024 X 1024", "16/9" or "Auto" meant? The legal size next to that. */
static void nearest_misspelt(const gim_model *model, gim_str text,
                             char to[NEAREST_MAX]) {
  char clean[32];
  size_t n = 0;
  gim_size size;
  to[0] = '\0';
  if (text.n >= sizeof(clean)) return;
  for (size_t i = 0; i < text.n; i++) {
    char c = text.p[i];
    if (c == ' ') continue;
    if (c >= 'A' && c <= 'Z') c = (char)(c - 'A' + 'a');
    if (c == '*') c = 'x';
    if (c == '/') c = ':';
    clean[n++] = c;
  }
  size = gim_pixels_parse((gim_str){clean, n});
  if (size.kind == GIM_SIZE_PIXELS && model->pixels != NULL &&
      gim_pixels_broken(model->pixels, size.width, size.height) == 0)
    gim_pixels_write(&size, to);
  else
    nearest_size(model, &size, to);
}

static void judge_listed(const gim_size_input *input, gim_sized *sized,
                         gim_report *report) {
  const gim_model *model = input->model;
  const gim_size *size = &sized->size;
  char text[GIM_SIZE_TEXT] = "", nearest[NEAREST_MAX];
  if (size->kind != GIM_SIZE_OTHER) gim_pixels_write(size, text);
  if (!gim_choice_has(model->size_list, gim_str_of(text))) {
    if (size->kind == GIM_SIZE_OTHER)
      nearest_misspelt(model, input->size, nearest);
    else
      nearest_size(model, size, nearest);
    gim_report_choice(report, input->severity, "size", input->size,
                      model->size_list, gim_model_title(model), nearest);
    return;
  }
  if (size->kind == GIM_SIZE_RATIO) {
    (void)gim_pixels_listed(model->size_list, size, &sized->width_px,
                            &sized->height_px);
    return;
  }
  sized->width_px = (int)size->width;
  sized->height_px = (int)size->height;
}

/* One problem for each limit that the pixels break. */
static void report_pixels(const gim_size_input *input, const gim_size *size,
                          unsigned broken, gim_report *report) {
  const gim_pixel_rule *rule = input->model->pixels;
  long long pixels = (long long)size->width * size->height;
  /* Of a number that counts as the largest nothing more is known. */
  bool wide = size->width == GIM_SIZE_NUMBER_MAX;
  bool high = size->height == GIM_SIZE_NUMBER_MAX;
  bool width = !wide && size->width % rule->step_px != 0;
  bool height = !high && size->height % rule->step_px != 0;
  char nearest[NEAREST_MAX];
  nearest_size(input->model, size, nearest);
  if (width || height)
    gim_report_add(report, input->severity, "size", "multiple_of_16",
                   input->size, nearest, "%s no multiple of %d",
                   width && height ? "width and height are"
                   : width         ? "the width is"
                                   : "the height is",
                   rule->step_px);
  if ((broken & GIM_PIXELS_EDGE_OVER) != 0)
    gim_report_add(report, input->severity, "size", "edge_max", input->size,
                   nearest, "an edge is at most %d pixels long",
                   rule->edge_max_px);
  if ((broken & GIM_PIXELS_UNDER) != 0)
    gim_report_add(report, input->severity, "size", "pixels_min", input->size,
                   nearest, "%lld pixels are fewer than %lld", pixels,
                   (long long)rule->pixels_min);
  if ((broken & GIM_PIXELS_OVER) != 0 && (wide || high))
    gim_report_add(report, input->severity, "size", "pixels_max", input->size,
                   nearest, "a picture has at most %lld pixels",
                   (long long)rule->pixels_max);
  else if ((broken & GIM_PIXELS_OVER) != 0)
    gim_report_add(report, input->severity, "size", "pixels_max", input->size,
                   nearest, "%lld pixels are more than %lld", pixels,
                   (long long)rule->pixels_max);
  if ((broken & GIM_PIXELS_RATIO_OVER) != 0)
    gim_report_add(
        report, input->severity, "size", "ratio_max", input->size, nearest,
        "the long edge is more than %d times the short one", rule->ratio_max);
}

static int tier_of_pixels(const gim_model *model, int64_t pixels) {
  if (model->tiers == NULL) return 0;
  for (int i = 0; i < GIM_TIER_COUNT - 1; i++)
    if (pixels <= model->tiers[i].pixels_max) return model->tiers[i].tier;
  return model->tiers[GIM_TIER_COUNT - 1].tier;
}

static void judge_pixels(const gim_size_input *input, gim_sized *sized,
                         gim_report *report) {
  const gim_size *size = &sized->size;
  unsigned broken =
      gim_pixels_broken(input->model->pixels, size->width, size->height);
  if (broken != 0) {
    report_pixels(input, size, broken, report);
    return;
  }
  sized->width_px = (int)size->width;
  sized->height_px = (int)size->height;
  sized->tier = tier_of_pixels(input->model, size->width * size->height);
}

/* A lower tier that gives as many pixels, or more, for less money or wait. */
static void warn_fewer_pixels(const gim_size_input *input, gim_ratio ratio,
                              int tier, const gim_cell *cell,
                              gim_report *report) {
  int64_t pixels = (int64_t)cell->width_px * cell->height_px;
  char size[GIM_SIZE_TEXT];
  for (int i = 0; i < GIM_TIER_COUNT && all_tiers[i] < tier; i++) {
    gim_cell other =
        gim_size_cell(input->model, input->procedure, ratio, all_tiers[i]);
    int64_t others = (int64_t)other.width_px * other.height_px;
    if (others < pixels) continue;
    snprintf(size, sizeof(size), "%dx%d", other.width_px, other.height_px);
    gim_report_add(report, GIM_WARNING, "resolution", "fewer_pixels",
                   input->resolution, gim_pixels_tier_name(all_tiers[i]),
                   "%d:%d has %s pixels at %s (%dx%d) than at %s (%s)",
                   ratio.width, ratio.height,
                   others == pixels ? "no more" : "fewer",
                   gim_pixels_tier_name(tier), cell->width_px, cell->height_px,
                   gim_pixels_tier_name(all_tiers[i]), size);
    return;
  }
}

/* `tier` is 1, 2, 4, or 0 where the resolution was a bad one. */
static void judge_ratio(const gim_size_input *input, int tier,
                        gim_sized *sized, gim_report *report) {
  const gim_model *model = input->model;
  const gim_size *size = &sized->size;
  gim_ratio ratio = {(int)size->width, (int)size->height};
  char nearest[NEAREST_MAX];
  gim_cell cell;
  if (!gim_pixels_has_ratio(model->pixels, size->width, size->height)) {
    nearest_size(model, size, nearest);
    gim_report_add(report, input->severity, "size", "ratio", input->size,
                   nearest, "%s has no such ratio", gim_model_title(model));
    return;
  }
  if (tier == 0) return;
  cell = gim_size_cell(model, input->procedure, ratio, tier);
  sized->width_px = cell.width_px;
  sized->height_px = cell.height_px;
  sized->scaled_down = cell.scaled_down;
  if (cell.scaled_down)
    gim_report_add(report, GIM_WARNING, "resolution", "scaled_down",
                   input->resolution, NULL,
                   "%d:%d at %s is scaled down to fit the service's limits: "
                   "%dx%d",
                   ratio.width, ratio.height, gim_pixels_tier_name(tier),
                   cell.width_px, cell.height_px);
  warn_fewer_pixels(input, ratio, tier, &cell, report);
  sized->tier = tier;
  if (!model->solves_ratios) return;
  sized->solved = sized->resolution_dropped = true;
  gim_report_add(report, GIM_WARNING, "size", "solved", input->size, NULL,
                 "this service takes pixels: %d:%d at %s is sent as %dx%d",
                 ratio.width, ratio.height, gim_pixels_tier_name(tier),
                 cell.width_px, cell.height_px);
}

/* The tier that was asked for; 0 where that is none. */
static int judge_resolution(const gim_size_input *input, gim_report *report) {
  static const char *const names[] = {"1K", "2K", "4K", NULL};
  int tier;
  if (input->resolution.p == NULL) return 1;
  tier = gim_pixels_tier(input->resolution, input->model->resolution_any_case);
  /* Not the row's severity: where a page has no such field, it is ours. */
  if (tier == 0)
    gim_report_choice(report, GIM_REFUSAL, "resolution", input->resolution,
                      names, gim_model_title(input->model), NULL);
  return tier;
}

static void ignore_resolution(const gim_size_input *input, gim_sized *sized,
                              gim_report *report) {
  bool pixels = sized->size.kind == GIM_SIZE_PIXELS;
  sized->resolution_dropped = true;
  gim_report_add(report, GIM_WARNING, "resolution", "ignored",
                 input->resolution, NULL,
                 "resolution counts only with a ratio; size is %s%s%s",
                 pixels                  ? "in pixels"
                 : input->size.p == NULL ? "auto when it is left out"
                                         : "auto",
                 input->model->tiers == NULL ? ""
                 : pixels ? ", and the tier follows from them"
                          : ", billed as 1K",
                 "; it is not sent");
}

static bool holds_cross(gim_str text) {
  const gim_str cross = GIM_STR("\xC3\x97"); /* U+00D7 */
  for (; text.n >= cross.n; text.p++, text.n--)
    if (gim_str_starts(text, cross)) return true;
  return false;
}

static void report_format(const gim_size_input *input, gim_severity severity,
                          gim_report *report) {
  char nearest[NEAREST_MAX];
  nearest_misspelt(input->model, input->size, nearest);
  gim_report_add(report, severity, "size", "size_format", input->size, nearest,
                 "a size is auto, a ratio like 16:9 or pixels like "
                 "1024x1536");
}

void gim_size_judge(const gim_size_input *input, gim_sized *sized,
                    gim_report *report) {
  const gim_model *model = input->model;
  bool has_resolution = (model->fields & GIM_HAS(GIM_FIELD_RESOLUTION)) != 0 ||
                        model->solves_ratios;
  int tier = 0;
  *sized = (gim_sized){.width_px = 0};
  if (input->size.p != NULL)
    sized->size = gim_pixels_parse(input->size);
  else if (model->size_auto)
    sized->size.kind = GIM_SIZE_AUTO;
  if (model->pixels != NULL && has_resolution)
    tier = judge_resolution(input, report);
  if (sized->size.kind == GIM_SIZE_OTHER && model->refuses_cross &&
      holds_cross(input->size)) {
    /* Between two numbers it is sent as x; elsewhere nothing can be done. */
    report_format(input, GIM_REFUSAL, report);
    return;
  }
  if (model->size_list != NULL) {
    if (input->size.p != NULL) judge_listed(input, sized, report);
    return;
  }
  if (model->pixels == NULL) {
    if (sized->size.kind != GIM_SIZE_PIXELS ||
        sized->size.width == GIM_SIZE_NUMBER_MAX ||
        sized->size.height == GIM_SIZE_NUMBER_MAX)
      return;
    sized->width_px = (int)sized->size.width;
    sized->height_px = (int)sized->size.height;
    return;
  }
  switch (sized->size.kind) {
  case GIM_SIZE_AUTO: sized->tier = model->tiers == NULL ? 0 : 1; break;
  case GIM_SIZE_PIXELS: judge_pixels(input, sized, report); break;
  case GIM_SIZE_RATIO: judge_ratio(input, tier, sized, report); return;
  case GIM_SIZE_OTHER: report_format(input, input->severity, report); return;
  }
  if (has_resolution && input->resolution.p != NULL && tier != 0)
    ignore_resolution(input, sized, report);
}

int64_t gim_size_price_micro(const gim_model *model, const gim_sized *sized,
                             gim_str quality, int64_t n) {
  const gim_tier_price *tier = gim_model_tier(model, sized->tier);
  const gim_quality *row;
  if (model->price_unit == NULL || n < 1 || n > PRICED_MAX) return -1;
  if (tier != NULL) return tier->factor_micro * n;
  if (quality.p == NULL) quality = gim_str_of(model->default_quality);
  row = gim_model_quality(model, quality);
  if (row == NULL || row->factor_micro < 0 ||
      sized->width_px != model->quality_unit_px ||
      sized->height_px != model->quality_unit_px)
    return -1;
  return row->factor_micro * n;
}
