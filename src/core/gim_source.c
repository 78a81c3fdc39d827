/* SPDX-License-Identifier: MIT */
#include "gim_source.h"

#include "gim_source_private.h"

#include <stdio.h>
#include <string.h>

/* Types that are told from endings: the first of a type is the one that is
   written. */
static const struct {
  const char *ending;
  gim_image_type type;
  const char *mime; /* NULL: that of the type */
} endings[] = {
    {"png", GIM_IMAGE_PNG, NULL},
    {"jpeg", GIM_IMAGE_JPEG, NULL},
    {"jpg", GIM_IMAGE_JPEG, NULL},
    {"webp", GIM_IMAGE_WEBP, NULL},
    {"gif", GIM_IMAGE_GIF, NULL},
    {"avif", GIM_IMAGE_UNKNOWN, "image/avif"},
    {"heic", GIM_IMAGE_UNKNOWN, "image/heic"},
    {"heif", GIM_IMAGE_UNKNOWN, "image/heif"},
    {"bmp", GIM_IMAGE_UNKNOWN, "image/bmp"},
    {"tif", GIM_IMAGE_UNKNOWN, "image/tiff"},
    {"tiff", GIM_IMAGE_UNKNOWN, "image/tiff"},
    {"jxl", GIM_IMAGE_UNKNOWN, "image/jxl"},
};

#define ENDINGS ((int)(sizeof(endings) / sizeof(endings[0])))

bool gim_source_is_link(gim_str text) {
  static const gim_str schemes[] = {{"https://", 8}, {"http://", 7}};
  for (size_t i = 0; i < sizeof(schemes) / sizeof(schemes[0]); i++) {
    gim_str begin = {text.p, schemes[i].n};
    if (text.n >= begin.n && gim_str_equal_nocase(begin, schemes[i]))
      return true;
  }
  return false;
}

static bool has_control(gim_str text) {
  for (size_t i = 0; i < text.n; i++)
    if ((unsigned char)text.p[i] < 0x20 || text.p[i] == 0x7F) return true;
  return false;
}

bool gim_source_is_path(gim_str text) {
  return text.n > 0 && text.n < GIM_LIMIT_PATH && !has_control(text);
}

void gim_source_title(const gim_source *source, char to[GIM_SOURCE_TITLE]) {
  if (source->number > 0)
    snprintf(to, GIM_SOURCE_TITLE, "%.16s[%d]", source->field, source->number);
  else
    snprintf(to, GIM_SOURCE_TITLE, "%.16s", source->field);
}

/* ---- names ---- */

/* What stands behind the last slash; of a link before its query. */
static gim_str base_of(const gim_source *source) {
  gim_str s = source->kind == GIM_SOURCE_BYTES ? source->name : source->text;
  size_t end = 0, start;
  if (source->kind == GIM_SOURCE_LINK) {
    while (end < s.n && s.p[end] != '?' && s.p[end] != '#') end++;
    s.n = end;
    while (s.n > 0 && s.p[0] != '/') s.p++, s.n--; /* the scheme */
    while (s.n > 0 && s.p[0] == '/') s.p++, s.n--;
    if (s.n == 0 || memchr(s.p, '/', s.n) == NULL) return GIM_NOTHING;
  }
  /* Names of bytes may come from another system. */
  for (start = s.n; start > 0; start--)
    if (s.p[start - 1] == '/' ||
        (s.p[start - 1] == '\\' && source->kind == GIM_SOURCE_BYTES))
      break;
  return (gim_str){s.p + start, s.n - start};
}

/* The ending of a name, without its dot; empty where there is none. */
static gim_str ending_of(gim_str name) {
  for (size_t i = name.n; i > 1; i--)
    if (name.p[i - 1] == '.') return (gim_str){name.p + i, name.n - i};
  return GIM_NOTHING;
}

/* Its row, or -1. */
static int find_ending(gim_str ending) {
  for (int i = 0; i < ENDINGS; i++)
    if (gim_str_equal_nocase(ending, gim_str_of(endings[i].ending))) return i;
  return -1;
}

static bool is_safe(char c) {
  return (c >= 'A' && c <= 'Z') || (c >= 'a' && c <= 'z') ||
         (c >= '0' && c <= '9') || c == '.' || c == '_' || c == '-';
}

void gim_source_name(const gim_source *source, char to[GIM_SOURCE_NAME]) {
  const char *type = gim_image_type_name(source->image.type);
  gim_str base = base_of(source), ending = ending_of(base);
  int row = find_ending(ending);
  size_t n = 0, room = GIM_SOURCE_NAME - sizeof(".jpeg");
  bool said = row >= 0 && endings[row].type == source->image.type;
  if (type == NULL && row < 0) type = "png"; /* see gim_source_mime */
  if (row >= 0) base.n -= ending.n + 1;
  for (size_t i = 0; i < base.n && n < room; i++) {
    bool safe = is_safe(base.p[i]);
    /* A name that begins with a dot hides, one with a dash is an option; of
       what cannot stay one sign is enough. */
    if (n == 0 && (base.p[i] == '.' || base.p[i] == '-')) continue;
    if (!safe && n > 0 && to[n - 1] == '_') continue;
    to[n++] = safe ? base.p[i] : '_';
  }
  to[n] = '\0';
  if (n == 0 || strcmp(to, "_") == 0)
    n = (size_t)(source->number > 0
                     ? snprintf(to, room, "image-%d", source->number)
                     : snprintf(to, room, "mask"));
  if (said || type == NULL)
    snprintf(to + n, GIM_SOURCE_NAME - n, ".%.*s", (int)ending.n, ending.p);
  else
    snprintf(to + n, GIM_SOURCE_NAME - n, ".%s", type);
}

const char *gim_source_mime(const gim_source *source) {
  int row = find_ending(ending_of(base_of(source)));
  if (source->image.type != GIM_IMAGE_UNKNOWN)
    return gim_image_mime(source->image.type);
  if (row < 0) return gim_image_mime(GIM_IMAGE_PNG);
  return endings[row].mime != NULL ? endings[row].mime
                                   : gim_image_mime(endings[row].type);
}

gim_str gim_source_ending(const gim_source *source, gim_image_type *type) {
  gim_str ending = ending_of(base_of(source));
  int row = find_ending(ending);
  *type = row < 0 ? GIM_IMAGE_UNKNOWN : endings[row].type;
  return row < 0 ? GIM_NOTHING : ending;
}
