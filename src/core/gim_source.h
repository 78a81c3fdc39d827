/* SPDX-License-Identifier: MIT */
/*
** gim_source.h - one picture that the caller gave, judged   [floor 3]
**
** A reference or a mask: a link, a file or bytes. Whoever may touch files
** looks at it (net/gim_reference) and writes down what was seen; here that is
** judged, and nothing is opened.
*/
#ifndef gim_source_h
#define gim_source_h

#include "gim_base.h"
#include "gim_image.h"
#include "gim_issue.h"
#include "gim_model.h"

#pragma GCC visibility push(hidden)

typedef enum gim_source_kind {
  GIM_SOURCE_LINK = 0, /* http:// or https:// */
  GIM_SOURCE_FILE,     /* a path */
  GIM_SOURCE_BYTES     /* in memory */
} gim_source_kind;

/* Why a file could not be looked at. */
typedef enum gim_source_trouble {
  GIM_SOURCE_FINE = 0,
  GIM_SOURCE_MISSING,    /* ENOENT, ENOTDIR */
  GIM_SOURCE_LOOP,       /* ELOOP */
  GIM_SOURCE_DENIED,     /* EACCES, EPERM */
  GIM_SOURCE_DIRECTORY,  /* a folder */
  GIM_SOURCE_SPECIAL,    /* FIFO, socket, device */
  GIM_SOURCE_UNREADABLE, /* anything else that open, fstat or read said */
  GIM_SOURCE_EXHAUSTED   /* EMFILE, ENFILE, ENOMEM: not the file's fault */
} gim_source_trouble;

/* What somebody who can decode a mask saw of its pixels. */
typedef enum gim_source_pixels {
  GIM_SOURCE_UNSEEN = 0,  /* nobody looked, or all is well */
  GIM_SOURCE_ALL_OPAQUE,  /* every alpha is 255 */
  GIM_SOURCE_NONE_OPAQUE, /* no alpha is 255 */
  GIM_SOURCE_DAMAGED      /* they cannot be decoded */
} gim_source_pixels;

typedef struct gim_source {
  gim_source_kind kind;
  gim_str text; /* link, path (NUL-terminated beyond its end) or bytes;
                   BORROWED */
  gim_str name; /* BYTES: the caller's file name; p NULL: none. BORROWED */
  const char *field; /* "images", "image_urls", "mask", "mask_url": static */
  int number;        /* from 1 in a list; 0: it stands alone */
  gim_source_pixels pixels; /* of a mask */
  /* What was seen. Of a LINK: of the file that it was downloaded to. */
  bool seen; /* somebody looked; what follows counts */
  gim_source_trouble trouble;
  bool whole;      /* the look went to the end of the file: what `image` does
                      not have by then is not in it */
  bool cut;        /* a PNG, JPEG or WebP in which no end was found */
  int64_t size;    /* bytes */
  uint64_t device; /* FILE: which one it is, by device, inode, size, time */
  uint64_t inode;
  int64_t modified_ns;
  int64_t changed_ns; /* ... and time of change: nobody can set that back */
  gim_image image;
} gim_source;

/*
** A link: begins with http:// or https://, in any case. Anything else is a
** path ("./https:" for the odd file).
*/
bool gim_source_is_link(gim_str text);

/* A path that can be opened: 1 to GIM_LIMIT_PATH - 1 bytes, none of them a
   control character. Any other must not be looked at. */
bool gim_source_is_path(gim_str text);

/* "images[2]", or "mask" for one that stands alone. */
#define GIM_SOURCE_TITLE 32
void gim_source_title(const gim_source *source, char to[GIM_SOURCE_TITLE]);

/*
** The file name that a service is told: the base name of path, link or `name`,
** made of [A-Za-z0-9._-], at most GIM_SOURCE_NAME - 1 bytes. Its ending is
** that of the type seen, whatever it was: gateways take the MIME type of a
** part from it. Without a name "image-2", or "mask".
*/
#define GIM_SOURCE_NAME 88
void gim_source_name(const gim_source *source, char to[GIM_SOURCE_NAME]);

/*
** The MIME type that goes with that name: by the bytes; of what is not known
** by the ending, and else image/png, as gateways take it. Never
** application/octet-stream. Static storage.
*/
const char *gim_source_mime(const gim_source *source);

/* Bytes of a picture, at most, where the model's page says nothing: the same
   as where one does (gim_model.c). */
#define GIM_SOURCE_USUAL_BYTES 52428800

/* By what a source is judged. */
typedef struct gim_source_rule {
  const gim_model *model; /* never NULL */
  bool links; /* the service opens links itself; else they are downloaded */
  bool allow_private;      /* links may be private, and plain http */
  bool mask;               /* it says where to paint */
  const gim_source *first; /* of a mask: the picture it is for, or NULL */
} gim_source_rule;

/*
** Reports every problem of `source`, as its title. Of a LINK what gim_link
** says (unless it was seen: then it is a file like others). Of a file
**   exhausted      nobody could look: kind io, and may pass    safety
**   missing, link_loop, unreadable, directory, not_a_file,
**   empty, path, control_character, bytes                      safety
**   scheme         no path, but a link that is not opened here: file:, data:,
**                  ftp: ...                                    safety
**   image_format   no PNG, JPEG or WebP; of a mask, no PNG
**   truncated      it ends within its header; a warning where its header is
**                  there and its end is not
**   too_big        over the model's limit, or 52,428,800 bytes where the
**                  model's page says none; a warning over 50,000,000, and
**                  over 4,000,000 for a mask that goes out as a file
**   edge_max, pixels_max   declares a side over 23,170 pixels, or more than
**                  178,956,970 of them
**   mask_alpha     a mask without transparency
**   mask_opaque, mask_transparent, mask_damaged   what `pixels` says
**   mask_size      a mask of other pixels than the first picture
**   extension      a warning: the ending names another type than it has
*/
void gim_source_judge(const gim_source *source, const gim_source_rule *rule,
                      gim_report *report);

#pragma GCC visibility pop

#endif
