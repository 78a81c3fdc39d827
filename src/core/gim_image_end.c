/* SPDX-License-Identifier: MIT */
#include "gim_image_end.h"

#include <string.h>

enum {
  BEGINNING,
  PNG_CHUNK,   /* length and type */
  JPEG_MARK,   /* anything up to 0xFF: also the data of a scan, where 0xFF is
                  followed by a code without a length */
  JPEG_CODE,   /* the byte behind it */
  JPEG_LENGTH, /* of a segment */
  OVER         /* nothing more is looked at */
};

/* How many bytes each of them is gathered from. */
static const uint8_t wanted[] = {GIM_IMAGE_PROBE, 8, 1, 1, 2, 1};

void gim_image_end_init(gim_image_end *end) {
  memset(end, 0, sizeof(*end));
}

static void step_beginning(gim_image_end *end) {
  uint8_t first[GIM_IMAGE_PROBE];
  gim_image image;
  size_t mark = sizeof(first);
  memcpy(first, end->held, sizeof(first));
  gim_image_init(&image);
  gim_image_feed(&image, first, sizeof(first));
  end->state = OVER;
  switch (image.type) {
  case GIM_IMAGE_PNG:
    end->state = PNG_CHUNK;
    mark = 8;
    break;
  case GIM_IMAGE_JPEG:
    end->state = JPEG_MARK;
    mark = 2;
    break;
  case GIM_IMAGE_WEBP: {
    uint64_t rest = (uint64_t)first[4] | (uint64_t)first[5] << 8 |
                    (uint64_t)first[6] << 16 | (uint64_t)first[7] << 24;
    /* Who wrote it as a stream may have left the length out. */
    if (rest <= 4) return;
    end->skip = rest - 4;
    end->last = true;
    break;
  }
  default: return;
  }
  end->type = image.type;
  gim_image_end_feed(end, first + mark, sizeof(first) - mark);
}

static void step_png_chunk(gim_image_end *end) {
  const uint8_t *h = end->held;
  /* And its checksum. */
  end->skip = ((uint64_t)h[0] << 24 | (uint64_t)h[1] << 16 |
               (uint64_t)h[2] << 8 | h[3]) +
              4;
  end->last = memcmp(h + 4, "IEND", 4) == 0;
}

static void step_jpeg_code(gim_image_end *end) {
  uint8_t code = end->held[0];
  if (code == 0xFF) return; /* fill byte: the code is still to come */
  if (code == 0xD9)
    end->seen = true;
  else if (code <= 0x01 || (code >= 0xD0 && code <= 0xD8))
    end->state = JPEG_MARK; /* these have no length */
  else
    end->state = JPEG_LENGTH;
}

static void step_jpeg_length(gim_image_end *end) {
  uint32_t length = (uint32_t)end->held[0] << 8 | end->held[1];
  end->state = JPEG_MARK;
  if (length > 2) end->skip = length - 2;
}

/* `held` is what `state` wanted: reads it and says what comes next. */
static void step(gim_image_end *end) {
  end->held_n = 0;
  switch (end->state) {
  case BEGINNING: step_beginning(end); break;
  case PNG_CHUNK: step_png_chunk(end); break;
  case JPEG_CODE: step_jpeg_code(end); break;
  default: step_jpeg_length(end); break;
  }
}

/* Eats some of it, and returns how much. */
static size_t eat(gim_image_end *end, const uint8_t *p, size_t n) {
  const uint8_t *mark;
  size_t take;
  if (end->skip > 0) return (size_t)gim_image_end_pass(end, n);
  if (end->state == JPEG_MARK) {
    mark = memchr(p, 0xFF, n);
    if (mark == NULL) return n;
    end->state = JPEG_CODE;
    return (size_t)(mark - p) + 1;
  }
  take = (size_t)(wanted[end->state] - end->held_n);
  if (take > n) take = n;
  memcpy(end->held + end->held_n, p, take);
  end->held_n = (uint8_t)(end->held_n + take);
  if (end->held_n == wanted[end->state]) step(end);
  return take;
}

void gim_image_end_feed(gim_image_end *end, const void *p, size_t n) {
  const uint8_t *from = p;
  while (n > 0 && !end->seen && (end->state != OVER || end->skip > 0)) {
    size_t eaten = eat(end, from, n);
    from += eaten;
    n -= eaten;
  }
}

uint64_t gim_image_end_pass(gim_image_end *end, uint64_t n) {
  if (n > end->skip) n = end->skip;
  if (n == 0) return 0;
  end->skip -= n;
  end->seen = end->last && end->skip == 0;
  return n;
}

bool gim_image_end_in(gim_image_type type, const void *p, size_t n) {
  /* The type of the last chunk and its checksum; EOI. */
  static const gim_str png = {"IEND\xAE\x42\x60\x82", GIM_IMAGE_END_MARK};
  static const gim_str jpeg = {"\xFF\xD9", 2};
  gim_str mark = type == GIM_IMAGE_PNG ? png : jpeg;
  const char *at = p;
  if (type != GIM_IMAGE_PNG && type != GIM_IMAGE_JPEG) return false;
  while (n >= mark.n) {
    const char *first = memchr(at, mark.p[0], n - mark.n + 1);
    if (first == NULL) return false;
    if (memcmp(first, mark.p, mark.n) == 0) return true;
    n -= (size_t)(first + 1 - at);
    at = first + 1;
  }
  return false;
}

bool gim_image_end_is_missing(const gim_image_end *end) {
  return end->type != GIM_IMAGE_UNKNOWN && !end->seen;
}
