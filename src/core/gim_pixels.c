/* SPDX-License-Identifier: MIT */
#include "gim_pixels.h"

#include <stdio.h>

/* Seeds: "Anchor-edge rules", and the pixels that beta's table aims at. */
static const struct {
  int tier;
  const char *name;
  const char *small_name;
  bool anchors_long; /* else the short edge */
  int anchor_px;
  int64_t budget_pixels;
} tiers[GIM_TIER_COUNT] = {{1, "1K", "1k", false, 1024, 1048576},
                           {2, "2K", "2k", true, 2048, 4194304},
                           {4, "4K", "4k", true, 3840, 8294400}};

/* A number from 1 without zeros in front; 0 when there is none at *p. */
static int64_t read_number(const char **p, const char *end) {
  int64_t value = 0;
  if (*p < end && **p == '0') return 0;
  for (; *p < end && **p >= '0' && **p <= '9'; (*p)++) {
    value = value * 10 + (**p - '0');
    if (value > GIM_SIZE_NUMBER_MAX) value = GIM_SIZE_NUMBER_MAX;
  }
  return value;
}

gim_size gim_pixels_parse(gim_str text) {
  static const gim_size other = {GIM_SIZE_OTHER, 0, 0, false};
  const gim_str cross = GIM_STR("\xC3\x97"); /* U+00D7 */
  const char *p = text.p, *end = p + text.n;
  gim_size size = other;
  gim_str rest;
  if (gim_str_equal(text, GIM_STR("auto"))) {
    size.kind = GIM_SIZE_AUTO;
    return size;
  }
  size.width = read_number(&p, end);
  if (size.width == 0 || p == end) return other;
  rest.p = p;
  rest.n = (size_t)(end - p);
  if (*p == ':' || *p == 'x') {
    size.kind = *p == ':' ? GIM_SIZE_RATIO : GIM_SIZE_PIXELS;
    p++;
  }
  else if (gim_str_starts(rest, cross)) {
    size.kind = GIM_SIZE_PIXELS;
    size.cross = true;
    p += cross.n;
  }
  else
    return other;
  size.height = read_number(&p, end);
  return size.height == 0 || p != end ? other : size;
}

void gim_pixels_write(const gim_size *size, char to[GIM_SIZE_TEXT]) {
  if (size->kind == GIM_SIZE_AUTO)
    snprintf(to, GIM_SIZE_TEXT, "auto");
  else
    snprintf(to, GIM_SIZE_TEXT, "%lld%c%lld", (long long)size->width,
             size->kind == GIM_SIZE_RATIO ? ':' : 'x',
             (long long)size->height);
}

int gim_pixels_tier(gim_str resolution, bool any_case) {
  for (int i = 0; i < GIM_TIER_COUNT; i++)
    if (gim_str_equal(resolution, gim_str_of(tiers[i].name)) ||
        (any_case &&
         gim_str_equal(resolution, gim_str_of(tiers[i].small_name))))
      return tiers[i].tier;
  return 0;
}

const char *gim_pixels_tier_name(int tier) {
  for (int i = 0; i < GIM_TIER_COUNT; i++)
    if (tiers[i].tier == tier) return tiers[i].name;
  return "";
}

bool gim_pixels_has_ratio(const gim_pixel_rule *rule, int64_t width,
                          int64_t height) {
  for (int i = 0; i < rule->ratio_count; i++)
    if (rule->ratios[i].width == width && rule->ratios[i].height == height)
      return true;
  return false;
}

/* The square of an exact edge, as a fraction. */
typedef struct square {
  int64_t over, under;
} square;

static square smaller(square a, square b) {
  return a.over * b.under <= b.over * a.under ? a : b;
}

/*
** The largest multiple of `step` whose square, after `back` was taken from
** it, is not over `edge`: with back 0 the edge rounded down, with half a step
** rounded to the nearest.
*/
static int round_edge(square edge, int step, int back) {
  int64_t low = 0, high = 1; /* multiples: low fits, high does not */
  for (;;) {
    int64_t next = high * step - back;
    if (next * next * edge.under > edge.over) break;
    low = high;
    high *= 2;
  }
  while (high - low > 1) {
    int64_t middle = (low + high) / 2;
    int64_t next = middle * step - back;
    if (next * next * edge.under > edge.over)
      high = middle;
    else
      low = middle;
  }
  return (int)(low * step);
}

/* The square of the short edge that belongs to a long one. */
static square short_edge(square long_edge, int64_t a, int64_t b) {
  square s;
  s.over = long_edge.over * b * b;
  s.under = long_edge.under * a * a;
  return s;
}

static square exact_long_edge(gim_size_procedure procedure, int index,
                              int64_t a, int64_t b) {
  int64_t anchor = tiers[index].anchor_px;
  square s;
  s.under = 1;
  if (procedure == GIM_SIZES_BUDGET) {
    s.over = tiers[index].budget_pixels * a;
    s.under = b;
  }
  else if (tiers[index].anchors_long)
    s.over = anchor * anchor;
  else {
    s.over = anchor * anchor * a * a;
    s.under = b * b;
  }
  return s;
}

gim_cell gim_pixels_solve(const gim_pixel_rule *rule,
                          gim_size_procedure procedure, gim_ratio ratio,
                          int tier) {
  bool portrait = ratio.width < ratio.height;
  int64_t a = portrait ? ratio.height : ratio.width; /* long */
  int64_t b = portrait ? ratio.width : ratio.height; /* short */
  int index = 0, step = rule->step_px, long_px, short_px;
  square edge, most;
  gim_cell cell = {0, 0, false};
  while (index < GIM_TIER_COUNT - 1 && tiers[index].tier != tier) index++;
  edge = exact_long_edge(procedure, index, a, b);
  long_px = round_edge(edge, step, step / 2);
  short_px = round_edge(short_edge(edge, a, b), step, step / 2);
  if (long_px > rule->edge_max_px ||
      (int64_t)long_px * short_px > rule->pixels_max) {
    cell.scaled_down = true;
    most.over = (int64_t)rule->edge_max_px * rule->edge_max_px;
    most.under = 1;
    edge = smaller(edge, most);
    most.over = rule->pixels_max * a;
    most.under = b;
    edge = smaller(edge, most);
    long_px = round_edge(edge, step, 0);
    short_px = round_edge(short_edge(edge, a, b), step, 0);
  }
  cell.width_px = portrait ? short_px : long_px;
  cell.height_px = portrait ? long_px : short_px;
  return cell;
}

unsigned gim_pixels_broken(const gim_pixel_rule *rule, int64_t width,
                           int64_t height) {
  int64_t long_px = width > height ? width : height;
  int64_t short_px = width > height ? height : width;
  int64_t pixels = width * height;
  return (width % rule->step_px != 0 || height % rule->step_px != 0
              ? GIM_PIXELS_NO_MULTIPLE
              : 0) |
         (long_px > rule->edge_max_px ? GIM_PIXELS_EDGE_OVER : 0) |
         (pixels < rule->pixels_min ? GIM_PIXELS_UNDER : 0) |
         (pixels > rule->pixels_max ? GIM_PIXELS_OVER : 0) |
         (long_px > short_px * rule->ratio_max ? GIM_PIXELS_RATIO_OVER : 0);
}

static int64_t at_least(int64_t a, int64_t b) {
  return a > b ? a : b;
}

static int64_t at_most(int64_t a, int64_t b) {
  return a < b ? a : b;
}

static int64_t divide_up(int64_t a, int64_t b) {
  return (a + b - 1) / b;
}

static int64_t distance(int64_t w, int64_t h, int64_t to_w, int64_t to_h) {
  return (w - to_w) * (w - to_w) + (h - to_h) * (h - to_h);
}

/* To the largest pixels of the same shape, or the longest one there may be,
   that no other limit is in the way of. */
static void scale_down(const gim_pixel_rule *rule, int64_t *width,
                       int64_t *height) {
  int64_t long_px = at_least(*width, *height), scaled_px, least;
  square most = {(int64_t)rule->edge_max_px * rule->edge_max_px, 1};
  square edge = {rule->pixels_max * long_px, at_most(*width, *height)};
  scaled_px = round_edge(smaller(edge, most), 1, 0);
  least = divide_up(scaled_px, rule->ratio_max);
  *width = at_least((*width * scaled_px + long_px / 2) / long_px, least);
  *height = at_least((*height * scaled_px + long_px / 2) / long_px, least);
}

void gim_pixels_nearest(const gim_pixel_rule *rule, int64_t width,
                        int64_t height, int *to_width, int *to_height) {
  int64_t step = rule->step_px, edge_max = rule->edge_max_px;
  int64_t best = -1;
  if (at_most(width, height) > edge_max) scale_down(rule, &width, &height);
  /* For each legal width, the legal heights are one run of multiples. */
  for (int64_t w = step; w <= edge_max; w += step) {
    int64_t low = at_least(divide_up(rule->pixels_min, w),
                           divide_up(w, rule->ratio_max));
    int64_t high =
        at_most(at_most(rule->pixels_max / w, w * rule->ratio_max), edge_max);
    int64_t h = (height + step / 2) / step * step;
    int64_t d;
    low = divide_up(low, step) * step;
    high = high / step * step;
    if (low > high) continue;
    h = at_least(low, at_most(high, h));
    d = distance(w, h, width, height);
    /* Widths grow, so of equal ones the later has more pixels, or as many. */
    if (best < 0 || d < best ||
        (d == best && w * h > (int64_t)*to_width * *to_height)) {
      best = d;
      *to_width = (int)w;
      *to_height = (int)h;
    }
  }
}

/*
** How far two shapes are apart: the larger of w/h over a/b and its inverse,
** as a fraction. Sizes have six digits and lists four, so products of two fit.
*/
static square shape_distance(int64_t w, int64_t h, int64_t a, int64_t b) {
  square d;
  d.over = at_least(w * b, h * a);
  d.under = at_most(w * b, h * a);
  return d;
}

static bool is_nearer(square a, square b) {
  return a.over * b.under < b.over * a.under;
}

gim_ratio gim_pixels_nearest_ratio(const gim_pixel_rule *rule, int64_t width,
                                   int64_t height) {
  gim_ratio best = rule->ratios[0];
  square nearest = shape_distance(width, height, best.width, best.height);
  for (int i = 1; i < rule->ratio_count; i++) {
    gim_ratio ratio = rule->ratios[i];
    square d = shape_distance(width, height, ratio.width, ratio.height);
    if (!is_nearer(d, nearest)) continue;
    nearest = d;
    best = ratio;
  }
  return best;
}

void gim_pixels_nearest_listed(const char *const *list, const gim_size *like,
                               const char **pixels, const char **ratio) {
  square pixels_shape = {0, 0}, ratio_shape = {0, 0};
  *pixels = *ratio = NULL;
  for (; *list != NULL; list++) {
    gim_size entry = gim_pixels_parse(gim_str_of(*list));
    bool is_ratio = entry.kind == GIM_SIZE_RATIO;
    const char **best = is_ratio ? ratio : pixels;
    square *best_shape = is_ratio ? &ratio_shape : &pixels_shape;
    square shape;
    if (!is_ratio && entry.kind != GIM_SIZE_PIXELS) continue;
    shape =
        shape_distance(entry.width, entry.height, like->width, like->height);
    if (*best != NULL && !is_nearer(shape, *best_shape)) continue;
    *best_shape = shape;
    *best = *list;
  }
}

bool gim_pixels_listed(const char *const *list, const gim_size *ratio,
                       int *width_px, int *height_px) {
  for (; *list != NULL; list++) {
    gim_size entry = gim_pixels_parse(gim_str_of(*list));
    if (entry.kind != GIM_SIZE_PIXELS ||
        entry.width * ratio->height != entry.height * ratio->width)
      continue;
    *width_px = (int)entry.width;
    *height_px = (int)entry.height;
    return true;
  }
  return false;
}
