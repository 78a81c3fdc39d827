/* SPDX-License-Identifier: MIT */
#include "gim_source.h"

#include "gim_link.h"
#include "gim_source_private.h"

#include <inttypes.h>
#include <stdio.h>
#include <string.h>

/* Where a model's page says nothing (see gim_model.c for the two numbers). */
#define USUAL_WARN_BYTES 50000000

/* Of a mask that goes out as a file: OpenAI's page of the same endpoint. */
#define MASK_WARN_BYTES 4000000

/* What the newest page of gpt-image-2 names. */
#define EDGE_MAX_PX 23170
#define PIXELS_MAX 178956970

/* What the helpers share while one source is judged. */
typedef struct judging {
  const gim_source *source;
  const gim_source_rule *rule;
  gim_report *report;
  char title[GIM_SOURCE_TITLE];
} judging;

static void check_link(const judging *j) {
  static const char *const pictures[] = {"png", "jpg", "jpeg", "webp", NULL};
  static const char *const masks[] = {"png", NULL};
  gim_link_rule rule = {!j->rule->links, j->rule->allow_private, 0,
                        j->rule->mask ? masks : pictures};
  gim_link_check(j->source->text, &rule, j->title, j->report);
}

static gim_str shown(const gim_source *source) {
  return source->kind == GIM_SOURCE_FILE ? source->text : GIM_NOTHING;
}

static void refuse(const judging *j, const char *rule, const char *message) {
  gim_report_add(j->report, GIM_SAFETY, j->title, rule, shown(j->source), NULL,
                 "%s", message);
}

static bool begins_with(gim_str text, gim_str begin) {
  return text.n >= begin.n &&
         gim_str_equal_nocase((gim_str){text.p, begin.n}, begin);
}

/* "ftp://a.example/b.png"; which characters, RFC 3986, 3.1 says. */
static bool has_scheme(gim_str text) {
  static const char signs[] = "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRST"
                              "UVWXYZ0123456789+-.";
  size_t n = 0;
  while (n < text.n && memchr(signs, text.p[n], sizeof(signs) - 1) != NULL)
    n++;
  return n > 1 &&
         begins_with((gim_str){text.p + n, text.n - n}, GIM_STR("://"));
}

/* False: it is a link of a kind that nobody here opens. Where there is a file
   of that name, it is that. */
static bool check_scheme(const judging *j) {
  gim_str text = j->source->text;
  const char *message;
  bool data = begins_with(text, GIM_STR("data:"));
  if (j->source->kind != GIM_SOURCE_FILE ||
      (j->source->seen && j->source->trouble == GIM_SOURCE_FINE))
    return true;
  if (data)
    message = "data: links are not taken: decode it, and give the bytes as "
              "{ data = bytes }";
  else if (begins_with(text, GIM_STR("file:")))
    message = "a file is given by its path, without file:// and %-escapes";
  else if (has_scheme(text))
    message = "links are http:// or https://; anything else is a path";
  else
    return true;
  gim_report_add(j->report, GIM_SAFETY, j->title, "scheme",
                 data ? GIM_NOTHING : text, NULL, "%s", message);
  return false;
}

/* A picture itself where its path should be. */
static bool is_bytes(gim_str text) {
  gim_image image;
  if (memchr(text.p, '\0', text.n) != NULL) return true;
  gim_image_init(&image);
  gim_image_feed(&image, text.p, text.n);
  return image.type != GIM_IMAGE_UNKNOWN;
}

/* False: nobody can or may look at it. */
static bool check_path(const judging *j) {
  gim_str path = j->source->text;
  if (j->source->kind != GIM_SOURCE_FILE || gim_source_is_path(path))
    return true;
  if (path.n == 0)
    refuse(j, "empty", "the path is empty");
  else if (is_bytes(path))
    gim_report_add(j->report, GIM_SAFETY, j->title, "bytes", GIM_NOTHING, NULL,
                   "these are bytes, not a path: a picture in memory is given "
                   "as { data = bytes }");
  else if (path.n >= GIM_LIMIT_PATH)
    gim_report_add(j->report, GIM_SAFETY, j->title, "path", GIM_NOTHING, NULL,
                   "the path has %zu bytes, at most %d are possible", path.n,
                   GIM_LIMIT_PATH - 1);
  else
    refuse(j, "control_character", "the path holds a control character");
  return false;
}

/* False: there are no bytes to judge. */
static bool check_trouble(const judging *j) {
  static const struct {
    const char *rule, *message;
  } troubles[] = {
      [GIM_SOURCE_MISSING] = {"missing", "there is no such file"},
      [GIM_SOURCE_LOOP] = {"link_loop",
                           "the path goes round in symbolic links"},
      [GIM_SOURCE_DENIED] = {"unreadable",
                             "the file may not be read: its permissions"},
      [GIM_SOURCE_DIRECTORY] = {"directory", "it is a folder, not a file"},
      [GIM_SOURCE_SPECIAL] = {"not_a_file",
                              "it is a pipe, socket or device, not a file"},
      [GIM_SOURCE_UNREADABLE] = {"unreadable", "the file cannot be read"},
  };
  gim_source_trouble trouble = j->source->trouble;
  if (trouble == GIM_SOURCE_EXHAUSTED)
    gim_report_add(j->report, GIM_PASSING, j->title, "exhausted",
                   shown(j->source), NULL,
                   "the file could not be opened, for want of descriptors or "
                   "memory: close what is not needed, raise the limit "
                   "(ulimit -n), or try later");
  else if (trouble != GIM_SOURCE_FINE)
    refuse(j, troubles[trouble].rule, troubles[trouble].message);
  else if (j->source->size == 0)
    refuse(j, "empty", "it is empty");
  else
    return true;
  return false;
}

static void check_size(const judging *j) {
  const gim_model *model = j->rule->model;
  int64_t size = j->source->size, warn = model->reference_warn_bytes;
  int64_t most = model->reference_max_bytes;
  char got[32];
  if (most == 0) {
    most = GIM_SOURCE_USUAL_BYTES;
    warn = USUAL_WARN_BYTES;
  }
  snprintf(got, sizeof(got), "%" PRId64 " bytes", size);
  if (size > most)
    gim_report_add(j->report, GIM_REFUSAL, j->title, "too_big",
                   gim_str_of(got), NULL,
                   "a picture has at most 50 MB (%" PRId64 " bytes)", most);
  else if (size > warn)
    gim_report_add(
        j->report, GIM_WARNING, j->title, "too_big", gim_str_of(got), NULL,
        "50 MB may mean %" PRId64 " bytes: the service may refuse the picture",
        warn);
  else if (j->rule->mask && !j->rule->links && size > MASK_WARN_BYTES)
    gim_report_add(j->report, GIM_WARNING, j->title, "too_big",
                   gim_str_of(got), NULL,
                   "services behind this one take masks of up to 4 MB");
}

/* False: it is no picture whose header can be judged. */
static bool check_type(const judging *j) {
  const gim_image *image = &j->source->image;
  const char *type = gim_image_type_name(image->type);
  if (image->type == GIM_IMAGE_UNKNOWN) {
    gim_report_add(j->report, GIM_REFUSAL, j->title, "image_format",
                   shown(j->source), j->rule->mask ? "png" : "png, jpeg, webp",
                   "its bytes are no picture that is known here");
    return false;
  }
  if (j->rule->mask && image->type != GIM_IMAGE_PNG)
    gim_report_add(j->report, GIM_REFUSAL, j->title, "image_format",
                   gim_str_of(type), "png", "a mask is a PNG");
  else if (image->type == GIM_IMAGE_GIF)
    gim_report_add(j->report, GIM_REFUSAL, j->title, "image_format",
                   gim_str_of(type), "png, jpeg, webp",
                   "the service does not take .gif pictures");
  if (image->width_px > 0) return true;
  /* Where the look ended before the file did, nobody knows. */
  if (image->settled || j->source->whole)
    gim_report_add(j->report, GIM_REFUSAL, j->title, "truncated",
                   shown(j->source), NULL,
                   "the %s ends or breaks within its header: its size in "
                   "pixels is not there",
                   type);
  return false;
}

static void check_pixels(const judging *j) {
  const gim_image *image = &j->source->image;
  uint64_t pixels = (uint64_t)image->width_px * image->height_px;
  char got[32];
  snprintf(got, sizeof(got), "%" PRIu32 "x%" PRIu32, image->width_px,
           image->height_px);
  if (image->width_px > EDGE_MAX_PX || image->height_px > EDGE_MAX_PX)
    gim_report_add(
        j->report, GIM_REFUSAL, j->title, "edge_max", gim_str_of(got), NULL,
        "no side of a picture has more than %d pixels", EDGE_MAX_PX);
  else if (pixels > PIXELS_MAX)
    gim_report_add(j->report, GIM_REFUSAL, j->title, "pixels_max",
                   gim_str_of(got), NULL, "a picture has at most %d pixels",
                   PIXELS_MAX);
}

/* Services may refuse it, or take what there is of it. */
static void check_end(const judging *j) {
  if (j->source->cut && j->source->pixels != GIM_SOURCE_DAMAGED)
    gim_report_add(j->report, GIM_WARNING, j->title, "truncated",
                   shown(j->source), NULL,
                   "the %s has no end: it may have been cut",
                   gim_image_type_name(j->source->image.type));
}

/* A mask whose header is in order may still leave nothing to do. */
static void check_mask_pixels(const judging *j) {
  static const struct {
    const char *rule, *message;
  } problems[] = {
      [GIM_SOURCE_ALL_OPAQUE] = {"mask_opaque",
                                 "no pixel of the mask is transparent: "
                                 "nothing would be painted anew"},
      [GIM_SOURCE_NONE_OPAQUE] = {"mask_transparent",
                                  "no pixel of the mask is opaque: nothing "
                                  "would stay as it is"},
      [GIM_SOURCE_DAMAGED] = {"mask_damaged",
                              "the pixels of the mask cannot be decoded"},
  };
  gim_source_pixels pixels = j->source->pixels;
  if (pixels != GIM_SOURCE_UNSEEN)
    gim_report_add(j->report, GIM_REFUSAL, j->title, problems[pixels].rule,
                   shown(j->source), NULL, "%s", problems[pixels].message);
}

static void check_mask(const judging *j) {
  const gim_image *image = &j->source->image;
  const gim_source *first = j->rule->first;
  char got[32], nearest[32];
  if (image->type == GIM_IMAGE_PNG && !image->alpha &&
      (image->settled || j->source->whole))
    gim_report_add(j->report, GIM_REFUSAL, j->title, "mask_alpha",
                   shown(j->source), NULL,
                   "a mask has an alpha channel: where it is transparent the "
                   "picture is painted anew");
  else if (image->type == GIM_IMAGE_PNG)
    check_mask_pixels(j);
  if (first == NULL || !first->seen || first->image.width_px == 0 ||
      (first->image.width_px == image->width_px &&
       first->image.height_px == image->height_px))
    return;
  snprintf(got, sizeof(got), "%" PRIu32 "x%" PRIu32, image->width_px,
           image->height_px);
  snprintf(nearest, sizeof(nearest), "%" PRIu32 "x%" PRIu32,
           first->image.width_px, first->image.height_px);
  gim_report_add(j->report, GIM_REFUSAL, j->title, "mask_size",
                 gim_str_of(got), nearest,
                 "a mask has the pixels of the first picture");
}

static void check_ending(const judging *j) {
  gim_image_type said, seen = j->source->image.type;
  gim_str ending = gim_source_ending(j->source, &said);
  if (ending.n == 0 || said == seen) return;
  gim_report_add(j->report, GIM_WARNING, j->title, "extension", ending,
                 gim_image_type_name(seen),
                 "its bytes are %s, whatever its name says: it is sent as "
                 "that",
                 gim_image_mime(seen));
}

void gim_source_judge(const gim_source *source, const gim_source_rule *rule,
                      gim_report *report) {
  judging j;
  memset(&j, 0, sizeof(j));
  j.source = source;
  j.rule = rule;
  j.report = report;
  gim_source_title(source, j.title);
  if (source->kind == GIM_SOURCE_LINK && !source->seen) {
    check_link(&j);
    return;
  }
  if (!check_scheme(&j) || !check_path(&j) || !source->seen ||
      !check_trouble(&j))
    return;
  check_size(&j);
  if (source->image.type != GIM_IMAGE_UNKNOWN) check_ending(&j);
  if (!check_type(&j)) return;
  check_pixels(&j);
  check_end(&j);
  if (rule->mask) check_mask(&j);
}
