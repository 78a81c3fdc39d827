/* SPDX-License-Identifier: MIT */
/*
** gim_size.h - "16:9" + "2K" or "1024x1536" to pixels and tier   [floor 3]
**
** Both tables of the services' pages follow from one procedure:
**   (a) exact edges from the ratio. GIM_SIZES_ANCHOR gives one edge (1K: the
**       short one 1024; 2K, 4K: the long one 2048, 3840); GIM_SIZES_BUDGET
**       gives the number of pixels (1,048,576, 4,194,304, 8,294,400)
**   (b) both edges rounded to the nearest multiple of 16
**   (c) only where that breaks the longest edge or the most pixels, the exact
**       edges of (a) are scaled down until both hold, and
**   (d) rounded down to multiples of 16.
** Whole numbers decide (edges are kept as squares, as fractions); a float
** would round some cell to its neighbour.
*/
#ifndef gim_size_h
#define gim_size_h

#include "gim_base.h"
#include "gim_model.h"

/* Numbers in a size that are over this count as this. */
#define GIM_SIZE_NUMBER_MAX 999999

typedef enum gim_size_kind {
  GIM_SIZE_OTHER = 0, /* none of these */
  GIM_SIZE_AUTO,      /* "auto" */
  GIM_SIZE_RATIO,     /* "16:9": no zeros in front, not reduced */
  GIM_SIZE_PIXELS     /* "1024x1536", "1024×1536" */
} gim_size_kind;

typedef struct gim_size {
  gim_size_kind kind;
  int64_t width, height; /* of RATIO and PIXELS; each 1 or more */
  bool cross;            /* PIXELS written with U+00D7 */
} gim_size;

/* Reads a size; exact spelling, no blanks, only a small x. */
gim_size gim_size_parse(gim_str text);

/* Writes "16:9", "1024x1536" or "auto" (NUL-terminated, at most 24 bytes). */
#define GIM_SIZE_TEXT 24
void gim_size_write(const gim_size *size, char to[GIM_SIZE_TEXT]);

/* 1, 2 or 4 for "1K", "2K", "4K" (any_case: "2k" too); 0 for anything else. */
int gim_size_tier_named(gim_str resolution, bool any_case);

/* "1K", "2K", "4K"; "" for any other number. Static storage. */
const char *gim_size_tier_name(int tier);

/* Is it one of the rule's ratios, as written ("32:18" is not "16:9")? */
bool gim_size_has_ratio(const gim_pixel_rule *rule, int64_t width,
                        int64_t height);

typedef struct gim_cell {
  int width_px, height_px;
  bool scaled_down; /* step (c) was needed */
} gim_cell;

/* The pixels of one of the rule's ratios at tier 1, 2 or 4. */
gim_cell gim_size_solve(const gim_pixel_rule *rule,
                        gim_size_procedure procedure, gim_ratio ratio,
                        int tier);

/* What of the rule a size in pixels breaks; 0: nothing. */
#define GIM_SIZE_NO_MULTIPLE 1u
#define GIM_SIZE_EDGE_OVER 2u
#define GIM_SIZE_PIXELS_UNDER 4u
#define GIM_SIZE_PIXELS_OVER 8u
#define GIM_SIZE_RATIO_OVER 16u
unsigned gim_size_broken(const gim_pixel_rule *rule, int64_t width,
                         int64_t height);

/*
** The legal pixels that are nearest to `width` and `height` (1 or more): the
** smallest distance, as on paper; of two, the one with more pixels.
*/
void gim_size_nearest_pixels(const gim_pixel_rule *rule, int64_t width,
                             int64_t height, int *to_width, int *to_height);

/* The rule's ratio that is nearest in shape. */
gim_ratio gim_size_nearest_ratio(const gim_pixel_rule *rule, int64_t width,
                                 int64_t height);

/*
** The nearest entries of a list of sizes: `pixels` and `ratio` (BORROWED from
** the list, NULL where it has none of the kind). `like` is a ratio or pixels.
*/
void gim_size_nearest_listed(const char *const *list, const gim_size *like,
                             const char **pixels, const char **ratio);

/*
** The entry in pixels that has exactly the shape of a ratio, as the lists
** name "2:3" and "1024x1536" for one thing; false when there is none.
*/
bool gim_size_listed_pixels(const char *const *list, const gim_size *ratio,
                            int *width_px, int *height_px);

/* The tier of a size in pixels; 0 where the model has no such tiers. */
int gim_size_tier_of(const gim_model *model, int64_t width, int64_t height);

#endif
