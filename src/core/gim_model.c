/* SPDX-License-Identifier: MIT */
#include "gim_model.h"

/*
** Sources, by the names used below:
**   beta   StarMagic's page "GPT Image 2 Image Generation Beta"
**   1.5    StarMagic's page "GPT Image 1.5 Image Generation"
**   2      EvoLink's page of gpt-image-2, generation "Anchor-edge"
**   2 new  later generations of that page: mask_url, background, output_format
**   magick Magick API's page "GPT Image 2"
** Where two pages differ, the older one of each pair decides.
*/

#define MICRO 1000000

static const char *const field_names[GIM_FIELD_COUNT] = {
    "model",           "prompt",      "size", "resolution", "quality",
    "image_urls",      "mask_url",    "n",    "background", "output_format",
    "response_format", "callback_url"};

const char *gim_field_name(gim_field field) {
  return (unsigned)field < GIM_FIELD_COUNT ? field_names[field] : "?";
}

/* beta and 2: the same fifteen, in the order of beta's page. */
static const gim_ratio fifteen_ratios[] = {
    {1, 1},  {3, 2},  {2, 3},  {4, 3}, {3, 4}, {5, 4}, {4, 5}, {16, 9},
    {9, 16}, {21, 9}, {9, 21}, {2, 1}, {1, 2}, {3, 1}, {1, 3}};

/* beta "Hard pixel limits"; 2 "Explicit pixel format". */
static const gim_pixel_rule pixel_rule = {
    .ratios = fifteen_ratios,
    .ratio_count = sizeof(fifteen_ratios) / sizeof(fifteen_ratios[0]),
    .step_px = 16,
    .edge_max_px = 3840,
    .pixels_min = 655360,
    .pixels_max = 8294400,
    .ratio_max = 3};

/* beta "Billing" and "Pricing multiplier". The last tier has no upper end
   but pixels_max. */
static const gim_tier_price beta_tiers[GIM_TIER_COUNT] = {
    {1, 1 * MICRO, 1700000}, {2, 1700000, 4400000}, {4, 2600000, 8294400}};

/* 1.5 "sizeenum". */
static const char *const sizes_15[] = {
    "1:1", "2:3", "3:2", "1024x1024", "1024x1536", "1536x1024", NULL};

/* 1.5 "qualityenum": no prices there. */
static const gim_quality qualities_15[] = {
    {"low", -1}, {"medium", -1}, {"high", -1}, {NULL, -1}};

/* 2, table "Relative cost (1024^2)". */
static const gim_quality qualities_2[] = {
    {"low", 110000}, {"medium", 1 * MICRO}, {"high", 4 * MICRO}, {NULL, -1}};

/* 2 new. */
static const char *const backgrounds_2[] = {"opaque", "transparent", NULL};
static const char *const formats_2[] = {"png", "jpeg", "webp", NULL};

/* magick, last lines of the examples. */
static const char *const response_formats[] = {"url", "b64_json", NULL};

#define BASIC (GIM_HAS(GIM_FIELD_MODEL) | GIM_HAS(GIM_FIELD_PROMPT))
#define TASK_BASIC                                                            \
  (BASIC | GIM_HAS(GIM_FIELD_SIZE) | GIM_HAS(GIM_FIELD_IMAGE_URLS) |          \
   GIM_HAS(GIM_FIELD_CALLBACK_URL))
#define FIELDS_BETA (TASK_BASIC | GIM_HAS(GIM_FIELD_RESOLUTION))
#define FIELDS_15                                                             \
  (TASK_BASIC | GIM_HAS(GIM_FIELD_QUALITY) | GIM_HAS(GIM_FIELD_N))
#define FIELDS_2                                                              \
  (TASK_BASIC | GIM_HAS(GIM_FIELD_RESOLUTION) | GIM_HAS(GIM_FIELD_QUALITY) |  \
   GIM_HAS(GIM_FIELD_N))
#define FIELDS_2_NEW                                                          \
  (GIM_HAS(GIM_FIELD_MASK_URL) | GIM_HAS(GIM_FIELD_BACKGROUND) |              \
   GIM_HAS(GIM_FIELD_OUTPUT_FORMAT))
#define FIELDS_MAGICK                                                         \
  (BASIC | GIM_HAS(GIM_FIELD_N) | GIM_HAS(GIM_FIELD_SIZE) |                   \
   GIM_HAS(GIM_FIELD_QUALITY) | GIM_HAS(GIM_FIELD_RESPONSE_FORMAT))
#define EVERY_FIELD (GIM_HAS(GIM_FIELD_COUNT) - 1u)

/* 1.5 and 2: "Maximum size per image: 50MB". Which megabyte, nobody says:
   refused above the larger one, warned above the smaller. */
#define FIFTY_MIB 52428800
#define FIFTY_MB 50000000

static const gim_model beta = {
    .name = "gpt-image-2-beta",
    .fields = FIELDS_BETA,
    .pixels = &pixel_rule,
    .size_auto = true,
    .procedure = GIM_SIZES_BUDGET,
    .tiers = beta_tiers,
    .price_unit = "1K tier",
    .n_min = 1, /* "n is fixed at 1"; it is no field */
    .n_max = 1,
    .prompt_warn_code_points = 2000, /* "Limited to 2000 tokens" */
    .prompt_warn_tokens = 2000,
    .image_urls_max = GIM_LIMIT_REFERENCES, /* "Up to 16" */
    .default_size = "auto",
    .default_resolution = "1K",
    .default_n = 1};

static const gim_model one_and_a_half = {
    .name = "gpt-image-1.5",
    .fields = FIELDS_15,
    .size_list = sizes_15,
    .qualities = qualities_15,
    .n_min = 1, /* "currently only supports 1" */
    .n_max = 1,
    .prompt_warn_code_points = 2000, /* "Limited to 2000 tokens" */
    .prompt_warn_tokens = 2000,
    .image_urls_min = 1, /* "Supports 1~16 images per request" */
    .image_urls_max = GIM_LIMIT_REFERENCES,
    .reference_max_bytes = FIFTY_MIB,
    .reference_warn_bytes = FIFTY_MB,
    .default_quality = "high",
    .default_n = 1};

static const gim_model two = {
    .name = "gpt-image-2",
    .fields = FIELDS_2,
    .newer_fields = FIELDS_2_NEW,
    .pixels = &pixel_rule,
    .size_auto = true,
    .procedure = GIM_SIZES_ANCHOR,
    .procedure_option = true,    /* 2 new has beta's table */
    .resolution_any_case = true, /* "Values are case-insensitive" */
    .qualities = qualities_2,
    .quality_unit_px = 1024,
    .price_unit = "medium 1024x1024",
    .backgrounds = backgrounds_2,
    .output_formats = formats_2,
    .n_min = 1,
    .n_max = 10,
    .prompt_max_code_points = 32000, /* "counted by Unicode code points" */
    .image_urls_min = 1,
    .image_urls_max = GIM_LIMIT_REFERENCES,
    .reference_max_bytes = FIFTY_MIB,
    .reference_warn_bytes = FIFTY_MB,
    .default_size = "auto",
    .default_resolution = "1K",
    .default_quality = "medium",
    .default_n = 1};

/* magick names six fields and no limits: what gpt-image-2 is elsewhere is told
   as a warning. Hard are the two names of response_format, and what the
   gateway behind it (new-api) checks for every model: n from 0 (read as 1) to
   128, no multiplication sign in a size. No prices. */
static const gim_model magick_two = {.name = "gpt-image-2",
                                     .fields = FIELDS_MAGICK,
                                     .advisory = true,
                                     .solves_ratios = true,
                                     .refuses_cross = true,
                                     .pixels = &pixel_rule,
                                     .size_auto = true,
                                     .procedure = GIM_SIZES_ANCHOR,
                                     .procedure_option = true,
                                     .resolution_any_case = true,
                                     .qualities = qualities_2,
                                     .response_formats = response_formats,
                                     .n_min = 0,
                                     .n_max = 128,
                                     .n_usual_max = 10,
                                     .prompt_max_code_points = 32000,
                                     .image_urls_min = 1,
                                     .image_urls_max = GIM_LIMIT_REFERENCES};

/* Names that are on none of the pages: only what all pages agree on. */
static const gim_model task_unknown = {
    .name = "", .fields = EVERY_FIELD, .image_urls_max = GIM_LIMIT_REFERENCES};

static const gim_model magick_unknown = {.name = "",
                                         .fields = FIELDS_MAGICK,
                                         .advisory = true,
                                         .refuses_cross = true,
                                         .response_formats = response_formats,
                                         .n_min = 0,
                                         .n_max = 128,
                                         .image_urls_max =
                                             GIM_LIMIT_REFERENCES};

/* Who serves what. StarMagic and EvoLink have the same pages. */
static const struct {
  gim_provider provider;
  const gim_model *model;
} served[] = {{GIM_STARMAGIC, &beta},         {GIM_STARMAGIC, &one_and_a_half},
              {GIM_STARMAGIC, &two},          {GIM_EVOLINK, &beta},
              {GIM_EVOLINK, &one_and_a_half}, {GIM_EVOLINK, &two},
              {GIM_MAGICK, &magick_two}};

#define SERVED_COUNT (sizeof(served) / sizeof(served[0]))

/* The vendor's command line knows these as "no channel was found for the
   model", said before a task exists. Not in the public documentation. */
static const char *const task_retry_codes[] = {
    "no_available_channel", "channel_selection_failed", NULL};

/* new-api's only JSON 503 is model_not_found, which is final. */
static const char *const no_codes[] = {NULL};

static const gim_provider_row providers[GIM_PROVIDER_COUNT] = {
    {.id = GIM_STARMAGIC,
     .name = "starmagic",
     .base_url = "https://api.starmagic.ai",
     .files_url = NULL, /* no page names it */
     .key_variable = "STARMAGIC_API_KEY",
     .generate_path = "/v1/images/generations",
     .edit_path = "/v1/images/generations", /* the same, with image_urls */
     .task_path = "/v1/tasks/",
     .tasks = true,
     .links = true,
     .submit_timeout_ms = 30 * 1000,
     .retry_codes = task_retry_codes},
    {.id = GIM_EVOLINK,
     .name = "evolink",
     .base_url = "https://api.evolink.ai",
     .files_url = "https://files-api.evolink.ai",
     .key_variable = "EVOLINK_API_KEY",
     .generate_path = "/v1/images/generations",
     .edit_path = "/v1/images/generations",
     .task_path = "/v1/tasks/",
     .tasks = true,
     .links = true,
     .submit_timeout_ms = 30 * 1000,
     .retry_codes = task_retry_codes},
    {.id = GIM_MAGICK,
     .name = "magick",
     .base_url = "https://api.magickapi.com",
     .files_url = NULL,
     .key_variable = "MAGICK_API_KEY",
     .generate_path = "/v1/images/generations",
     .edit_path = "/v1/images/edits",
     .task_path = "/v1/tasks/", /* should it ever answer with a task */
     .tasks = false,
     .links = false,
     .submit_timeout_ms = 600 * 1000,
     .retry_codes = no_codes},
};

const gim_provider_row *gim_provider_get(gim_provider provider) {
  return &providers[provider];
}

bool gim_provider_find(gim_str name, gim_provider *provider) {
  for (int i = 0; i < GIM_PROVIDER_COUNT; i++)
    if (gim_str_equal(name, gim_str_of(providers[i].name))) {
      *provider = providers[i].id;
      return true;
    }
  return false;
}

const gim_model *gim_model_find(gim_provider provider, gim_str name) {
  for (size_t i = 0; i < SERVED_COUNT; i++)
    if (served[i].provider == provider &&
        gim_str_equal(name, gim_str_of(served[i].model->name)))
      return served[i].model;
  return NULL;
}

const gim_model *gim_model_unknown(gim_provider provider) {
  return gim_provider_get(provider)->tasks ? &task_unknown : &magick_unknown;
}

const gim_model *gim_model_at(gim_provider provider, int index) {
  for (size_t i = 0; i < SERVED_COUNT; i++)
    if (served[i].provider == provider && index-- == 0) return served[i].model;
  return NULL;
}

const gim_quality *gim_model_quality(const gim_model *model, gim_str name) {
  if (model->qualities == NULL) return NULL;
  for (const gim_quality *q = model->qualities; q->name != NULL; q++)
    if (gim_str_equal(name, gim_str_of(q->name))) return q;
  return NULL;
}

const gim_tier_price *gim_model_tier(const gim_model *model, int tier) {
  if (model->tiers == NULL) return NULL;
  for (int i = 0; i < GIM_TIER_COUNT; i++)
    if (model->tiers[i].tier == tier) return &model->tiers[i];
  return NULL;
}

const char *gim_model_title(const gim_model *model) {
  return model->name[0] == '\0' ? "this model" : model->name;
}
