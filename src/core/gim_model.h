/* SPDX-License-Identifier: MIT */
/*
** gim_model.h - what each provider and model accepts and bills   [floor 2]
**
** Data: one row per provider, and one per provider and model. A new model is
** a new row in gim_model.c, with its source in a comment; no other file asks
** for a model by name. Everything here is in static storage and constant: no
** pointer that is returned is ever freed or becomes stale, and nothing fails.
** A `provider` or `field` that is passed must be one of its enum.
*/
#ifndef gim_model_h
#define gim_model_h

#include "gim_base.h"
#include "gim_pixels.h"

#pragma GCC visibility push(hidden)

typedef enum gim_provider {
  GIM_STARMAGIC = 0,
  GIM_EVOLINK,
  GIM_MAGICK
} gim_provider;

#define GIM_PROVIDER_COUNT (GIM_MAGICK + 1)

/*
** The fields of a request, in the order in which they are written. A set of
** them is a sum of GIM_HAS(field).
*/
typedef enum gim_field {
  GIM_FIELD_MODEL = 0,
  GIM_FIELD_PROMPT,
  GIM_FIELD_SIZE,
  GIM_FIELD_RESOLUTION,
  GIM_FIELD_QUALITY,
  GIM_FIELD_IMAGE_URLS,
  GIM_FIELD_MASK_URL,
  GIM_FIELD_N,
  GIM_FIELD_BACKGROUND,
  GIM_FIELD_OUTPUT_FORMAT,
  GIM_FIELD_RESPONSE_FORMAT,
  GIM_FIELD_CALLBACK_URL
} gim_field;

#define GIM_FIELD_COUNT (GIM_FIELD_CALLBACK_URL + 1)
#define GIM_HAS(field) (1u << (field))

/* The field's name on the wire and in Lua: "model", ... Never NULL. */
const char *gim_field_name(gim_field field);

/* One billed tier: 1K, 2K, 4K. */
typedef struct gim_tier_price {
  int tier;             /* 1, 2, 4 */
  int64_t factor_micro; /* times the base */
  int64_t pixels_max;   /* a size in pixels up to here is of this tier */
} gim_tier_price;

/* One quality. */
typedef struct gim_quality {
  const char *name;
  int64_t factor_micro; /* times the base, at the row's quality_unit_px
                           square; -1: unknown */
} gim_quality;

typedef struct gim_provider_row {
  gim_provider id;
  const char *name;          /* "starmagic" */
  const char *base_url;      /* no slash at the end */
  const char *files_url;     /* of the file upload; NULL: not known */
  const char *key_variable;  /* environment variable that holds the key */
  const char *generate_path; /* "/v1/images/generations" */
  const char *edit_path;     /* where a request with images goes */
  const char *task_path; /* "/v1/tasks/"; the id follows, percent-encoded */
  bool tasks;            /* a POST is answered by a task, else by the
                                pictures (replies decide; DESIGN 4) */
  bool links;            /* takes image_urls in the JSON of a generation */
  int64_t submit_timeout_ms; /* default for the paid POST */
  /* codes (NULL-terminated) with which a JSON 503 proves that nothing was
     accepted; for gim_reply_not_accepted */
  const char *const *retry_codes;
} gim_provider_row;

typedef struct gim_model {
  const char *name;      /* "gpt-image-2-beta"; "" in the row that stands for
                          names that are not in the table */
  unsigned fields;       /* fields of the seed's page */
  unsigned newer_fields; /* fields of newer pages only: sent, with a warning */
  bool advisory;         /* the page states no limits: what breaks one is a
                          warning, never a refusal */
  bool solves_ratios;    /* a ratio is no size there: it is solved to pixels */
  bool refuses_cross;    /* a U+00D7 in a size is an error there */
  /* size: either a list (NULL-terminated), or `pixels`, or neither: unknown */
  const char *const *size_list;
  const gim_pixel_rule *pixels;
  bool size_auto;               /* "auto" is a size */
  gim_size_procedure procedure; /* the seed's */
  bool procedure_option;        /* the caller may choose the other one */
  bool resolution_any_case;
  const gim_tier_price *tiers;  /* GIM_TIER_COUNT of them, or NULL */
  const gim_quality *qualities; /* ended by a NULL name, or NULL: unknown */
  int quality_unit_px;          /* edge of the square that the factors of
                                     `qualities` are for */
  const char *price_unit;       /* what a factor of 1 is; NULL: no price */
  const char *const *response_formats; /* NULL-terminated, or NULL */
  const char *const *backgrounds;
  const char *const *output_formats;
  int n_min, n_max;                /* refused outside; n_max 0: unknown */
  int n_usual_max;                 /* above it a warning; 0: none */
  int64_t prompt_max_code_points;  /* 0: no hard limit */
  int64_t prompt_warn_code_points; /* 0: none. Above it only a warning: */
  int64_t prompt_warn_tokens;      /* tokens cannot be counted from here */
  int image_urls_min, image_urls_max;
  int64_t reference_max_bytes; /* over it a picture is refused; 0: no rule */
  int64_t reference_warn_bytes;
  /* what the service takes for a field left out; NULL / 0: nobody says */
  const char *default_size;
  const char *default_resolution;
  const char *default_quality;
  int default_n;
} gim_model;

/* The provider's row. Never NULL. */
const gim_provider_row *gim_provider_get(gim_provider provider);

/*
** Writes the provider of that name (exact; BORROWED during the call). False
** when there is none such: `*provider` is left alone then.
*/
bool gim_provider_find(gim_str name, gim_provider *provider);

/*
** The row of the provider's model of that name (exact; BORROWED during the
** call). NULL when the table does not have it, also for a name that another
** provider has: gim_model_unknown says what is checked then.
*/
const gim_model *gim_model_find(gim_provider provider, gim_str name);

/*
** The provider's row for names that are not in its table: what all its pages
** agree on. Its name is "". Never NULL.
*/
const gim_model *gim_model_unknown(gim_provider provider);

/* Known model number `index` of a provider, from 0, in the order of the table;
   NULL beyond the last, which is how to count them, and below 0. */
const gim_model *gim_model_at(gim_provider provider, int index);

/* The model's quality of that name (exact; BORROWED during the call); NULL
   when it has none such, or none are known. */
const gim_quality *gim_model_quality(const gim_model *model, gim_str name);

/* The model's row of tier 1, 2 or 4; NULL for other numbers, and where it is
   not billed by tiers. */
const gim_tier_price *gim_model_tier(const gim_model *model, int tier);

/* What is said of a model in messages: its name, or "this model". */
const char *gim_model_title(const gim_model *model);

#pragma GCC visibility pop

#endif
