/* SPDX-License-Identifier: MIT */
/*
** gim_pixels.h - ratios, tiers and pixels: pure arithmetic   [floor 1]
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
#ifndef gim_pixels_h
#define gim_pixels_h

#include "gim_base.h"

#pragma GCC visibility push(hidden)

#define GIM_TIER_COUNT 3 /* 1K, 2K, 4K */

/* How a ratio and a tier become pixels, see above. */
typedef enum gim_size_procedure {
  GIM_SIZES_ANCHOR = 0, /* an edge is given, the other follows */
  GIM_SIZES_BUDGET      /* a number of pixels is given */
} gim_size_procedure;

typedef struct gim_ratio {
  int width, height; /* 16, 9 */
} gim_ratio;

/* Limits of a size in pixels, and the ratios beside it. */
typedef struct gim_pixel_rule {
  const gim_ratio *ratios; /* `ratio_count` of them, static storage */
  int ratio_count;
  int step_px;        /* both edges are multiples of it */
  int edge_max_px;    /* longest edge */
  int64_t pixels_min; /* width times height */
  int64_t pixels_max;
  int ratio_max; /* long edge over short edge, at most */
} gim_pixel_rule;

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
gim_size gim_pixels_parse(gim_str text);

/* Writes "16:9", "1024x1536" or "auto" (NUL-terminated, at most 24 bytes). */
#define GIM_SIZE_TEXT 24
void gim_pixels_write(const gim_size *size, char to[GIM_SIZE_TEXT]);

/* 1, 2 or 4 for "1K", "2K", "4K" (any_case: "2k" too); 0 for anything else. */
int gim_pixels_tier(gim_str resolution, bool any_case);

/* "1K", "2K", "4K"; "" for any other number. Static storage. */
const char *gim_pixels_tier_name(int tier);

/* Is it one of the rule's ratios, as written ("32:18" is not "16:9")? */
bool gim_pixels_has_ratio(const gim_pixel_rule *rule, int64_t width,
                          int64_t height);

typedef struct gim_cell {
  int width_px, height_px;
  bool scaled_down; /* step (c) was needed */
} gim_cell;

/* The pixels of one of the rule's ratios at tier 1, 2 or 4. */
gim_cell gim_pixels_solve(const gim_pixel_rule *rule,
                          gim_size_procedure procedure, gim_ratio ratio,
                          int tier);

/* What of the rule a size in pixels breaks; 0: nothing. */
#define GIM_PIXELS_NO_MULTIPLE 1u
#define GIM_PIXELS_EDGE_OVER 2u
#define GIM_PIXELS_UNDER 4u
#define GIM_PIXELS_OVER 8u
#define GIM_PIXELS_RATIO_OVER 16u
unsigned gim_pixels_broken(const gim_pixel_rule *rule, int64_t width,
                           int64_t height);

/*
** The legal pixels that are nearest to `width` and `height` (1 to
** GIM_SIZE_NUMBER_MAX): the smallest distance, as on paper; of two, the one
** with more pixels. Where both edges are longer than any may be, the distance
** from the same shape scaled down until it fits: on paper a square that is
** large enough is nearer to long pictures than to square ones.
*/
void gim_pixels_nearest(const gim_pixel_rule *rule, int64_t width,
                        int64_t height, int *to_width, int *to_height);

/* The rule's ratio that is nearest in shape. */
gim_ratio gim_pixels_nearest_ratio(const gim_pixel_rule *rule, int64_t width,
                                   int64_t height);

/*
** The entries of a list of sizes that are nearest in shape: `pixels` and
** `ratio` (BORROWED from the list, NULL where it has none of the kind). `like`
** is a ratio or pixels.
*/
void gim_pixels_nearest_listed(const char *const *list, const gim_size *like,
                               const char **pixels, const char **ratio);

/*
** The entry in pixels that has exactly the shape of a ratio, as the lists
** name "2:3" and "1024x1536" for one thing; false when there is none.
*/
bool gim_pixels_listed(const char *const *list, const gim_size *ratio,
                       int *width_px, int *height_px);

#pragma GCC visibility pop

#endif
