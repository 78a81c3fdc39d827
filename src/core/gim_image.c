/* SPDX-License-Identifier: MIT */
#include "gim_image.h"

#include <string.h>

/* What the bytes being gathered are. */
enum {
  BEGINNING,
  PNG_CHUNK, /* length and type */
  PNG_IHDR,
  JPEG_MARK, /* 0xFF, which begins a marker */
  JPEG_CODE, /* the byte behind it */
  JPEG_LENGTH,
  JPEG_FRAME, /* SOFn: length, precision, height, width */
  WEBP_CHUNK, /* type and length */
  WEBP_LOSSY,
  WEBP_LOSSLESS,
  WEBP_EXTENDED
};

/* How many bytes each of them is; none is more than `held` takes. */
static const uint8_t wanted[] = {
    GIM_IMAGE_PROBE, 8, 13, 1, 1, 2, 7, 8, 10, 5, 10};

static uint32_t big16(const uint8_t *p) {
  return (uint32_t)p[0] << 8 | p[1];
}

static uint32_t big32(const uint8_t *p) {
  return big16(p) << 16 | big16(p + 2);
}

static uint32_t little16(const uint8_t *p) {
  return (uint32_t)p[1] << 8 | p[0];
}

static uint32_t little24(const uint8_t *p) {
  return (uint32_t)p[2] << 16 | little16(p);
}

static uint32_t little32(const uint8_t *p) {
  return little16(p + 2) << 16 | little16(p);
}

void gim_image_init(gim_image *image) {
  memset(image, 0, sizeof(*image));
}

/* A width without a height is no size. */
static void set_size(gim_image *image, uint32_t width, uint32_t height) {
  if (width == 0 || height == 0) return;
  image->width_px = width;
  image->height_px = height;
}

static void eat(gim_image *image, const uint8_t *p, size_t n);

/* The first 12 bytes name the type; what is behind its mark is read again. */
static void step_beginning(gim_image *image) {
  uint8_t first[GIM_IMAGE_PROBE];
  size_t mark = 0;
  memcpy(first, image->held, sizeof(first));
  if (memcmp(first, "\x89PNG\r\n\x1a\n", 8) == 0) {
    image->type = GIM_IMAGE_PNG;
    image->state = PNG_CHUNK;
    mark = 8;
  }
  else if (memcmp(first, "\xFF\xD8\xFF", 3) == 0) {
    image->type = GIM_IMAGE_JPEG;
    image->state = JPEG_MARK;
    mark = 2;
  }
  else if (memcmp(first, "RIFF", 4) == 0 &&
           memcmp(first + 8, "WEBP", 4) == 0) {
    image->type = GIM_IMAGE_WEBP;
    image->state = WEBP_CHUNK;
    mark = sizeof(first);
  }
  else {
    if (memcmp(first, "GIF87a", 6) == 0 || memcmp(first, "GIF89a", 6) == 0) {
      image->type = GIM_IMAGE_GIF;
      set_size(image, little16(first + 6), little16(first + 8));
    }
    image->settled = true;
    return;
  }
  eat(image, first + mark, sizeof(first) - mark);
}

static void step_png_chunk(gim_image *image) {
  uint64_t length = big32(image->held);
  const uint8_t *type = image->held + 4;
  if (memcmp(type, "IHDR", 4) == 0 && image->width_px == 0) {
    image->state = PNG_IHDR;
    /* Longer than it may be is passed over, shorter is no PNG. */
    if (length < wanted[PNG_IHDR])
      image->settled = true;
    else
      image->skip = length - wanted[PNG_IHDR] + 4;
    return;
  }
  if (memcmp(type, "tRNS", 4) == 0) image->alpha = true;
  if (image->alpha || memcmp(type, "IDAT", 4) == 0 ||
      memcmp(type, "IEND", 4) == 0)
    image->settled = true;
  image->skip = length + 4; /* and its checksum */
}

static void step_png_header(gim_image *image) {
  const uint8_t *h = image->held;
  uint32_t width = big32(h), height = big32(h + 4);
  if (width <= INT32_MAX && height <= INT32_MAX)
    set_size(image, width, height);
  image->alpha = h[9] == 4 || h[9] == 6;
  image->settled = image->alpha || image->width_px == 0;
  image->state = PNG_CHUNK;
}

static void step_jpeg_code(gim_image *image) {
  uint8_t code = image->held[0];
  bool frame = code >= 0xC0 && code <= 0xCF && code != 0xC4 && code != 0xC8 &&
               code != 0xCC;
  if (code == 0xFF) return; /* fill byte: the code is still to come */
  if (frame)
    image->state = JPEG_FRAME;
  else if (code == 0xD9 || code == 0xDA) /* end, or data without a frame */
    image->settled = true;
  else if (code <= 0x01 || (code >= 0xD0 && code <= 0xD8))
    image->state = JPEG_MARK; /* these have no length */
  else
    image->state = JPEG_LENGTH;
}

static void step_jpeg_length(gim_image *image) {
  uint32_t length = big16(image->held);
  image->state = JPEG_MARK;
  if (length < 2)
    image->settled = true;
  else
    image->skip = length - 2;
}

static void step_webp_chunk(gim_image *image) {
  const uint8_t *type = image->held;
  uint64_t length = little32(image->held + 4);
  if (memcmp(type, "VP8 ", 4) == 0)
    image->state = WEBP_LOSSY;
  else if (memcmp(type, "VP8L", 4) == 0)
    image->state = WEBP_LOSSLESS;
  else if (memcmp(type, "VP8X", 4) == 0)
    image->state = WEBP_EXTENDED;
  else {
    image->skip = length + (length & 1);
    return;
  }
  if (length < wanted[image->state]) image->settled = true;
}

static void step_webp_header(gim_image *image) {
  const uint8_t *h = image->held;
  uint32_t bits;
  image->settled = true;
  switch (image->state) {
  case WEBP_LOSSY: /* a key frame, and its start code */
    if ((h[0] & 1) != 0 || memcmp(h + 3, "\x9D\x01\x2A", 3) != 0) return;
    set_size(image, little16(h + 6) & 0x3FFF, little16(h + 8) & 0x3FFF);
    return;
  case WEBP_LOSSLESS:
    if (h[0] != 0x2F) return;
    bits = little32(h + 1);
    set_size(image, (bits & 0x3FFF) + 1, (bits >> 14 & 0x3FFF) + 1);
    image->alpha = (bits >> 28 & 1) != 0;
    return;
  default:
    set_size(image, little24(h + 4) + 1, little24(h + 7) + 1);
    image->alpha = (h[0] & 0x10) != 0;
  }
}

/* `held` is what `state` wanted: reads it and says what comes next. */
static void step(gim_image *image) {
  const uint8_t *h = image->held;
  image->held_n = 0;
  switch (image->state) {
  case BEGINNING: step_beginning(image); break;
  case PNG_CHUNK: step_png_chunk(image); break;
  case PNG_IHDR: step_png_header(image); break;
  case JPEG_MARK: /* anything else between segments is passed over */
    if (h[0] == 0xFF) image->state = JPEG_CODE;
    break;
  case JPEG_CODE: step_jpeg_code(image); break;
  case JPEG_LENGTH: step_jpeg_length(image); break;
  case JPEG_FRAME:
    set_size(image, big16(h + 5), big16(h + 3));
    image->settled = true;
    break;
  case WEBP_CHUNK: step_webp_chunk(image); break;
  default: step_webp_header(image); break;
  }
}

static void eat(gim_image *image, const uint8_t *p, size_t n) {
  while (n > 0 && !image->settled) {
    size_t take;
    /* PNG_IHDR is gathered first; what is over in it is skipped after. */
    if (image->skip > 0 && image->state != PNG_IHDR) {
      take = image->skip < n ? (size_t)image->skip : n;
      image->skip -= take;
    }
    else {
      take = (size_t)(wanted[image->state] - image->held_n);
      if (take > n) take = n;
      memcpy(image->held + image->held_n, p, take);
      image->held_n = (uint8_t)(image->held_n + take);
      if (image->held_n == wanted[image->state]) step(image);
    }
    p += take;
    n -= take;
  }
}

void gim_image_feed(gim_image *image, const void *p, size_t n) {
  image->fed += n;
  eat(image, p, n);
}

uint64_t gim_image_pass(gim_image *image, uint64_t n) {
  /* PNG_IHDR: see eat. */
  if (image->settled || image->state == PNG_IHDR) return 0;
  if (n > image->skip) n = image->skip;
  image->skip -= n;
  image->fed += n;
  return n;
}

static const struct {
  const char *name;
  const char *mime;
} types[] = {{NULL, "application/octet-stream"},
             {"png", "image/png"},
             {"jpeg", "image/jpeg"},
             {"webp", "image/webp"},
             {"gif", "image/gif"}};

static size_t index_of(gim_image_type type) {
  size_t i = (size_t)type;
  return i < sizeof(types) / sizeof(types[0]) ? i : 0;
}

const char *gim_image_type_name(gim_image_type type) {
  return types[index_of(type)].name;
}

const char *gim_image_mime(gim_image_type type) {
  return types[index_of(type)].mime;
}
