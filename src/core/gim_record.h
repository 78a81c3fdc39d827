/* SPDX-License-Identifier: MIT */
/*
** gim_record.h - one line of the journal, written and read   [floor 3]
**
** A line is a JSON object with `event` and `key`, the request's own, which is
** its Idempotency-Key too. Times are unix seconds of the wall clock and say
** when the line was written; they serve to judge the age of links alone.
**
**   event     members beside event, key, time          means
**   intent    v, provider, base_url, path, request,    the POST is about to
**             output, overwrite                        leave
**   accepted  id                                       the service has it
**   arrived   file, size                               a picture came whole
**   done      id, images: [{url, expires_at} |         paid; these are the
**             {file, size} | {}], cut                  pictures
**   saved     index, path, size                        picture `index` (from
**                                                      1) is at `path`
**   failed    id, kind, billed                         no picture will come
**   closed                                             told to the user; it
**                                                      is nobody's any more
**
** `cut` is true, or absent: the answer's end was not seen, and there may have
** been more pictures. `request` is the JSON body as it is sent (null: it is
** none), `output` is absent where pictures are not to be filed, `file` is a
** name in the folder beside the journal. No line holds a key of a service.
** What else a line has is left alone.
*/
#ifndef gim_record_h
#define gim_record_h

#include "gim_base.h"
#include "gim_buffer.h"
#include "gim_json.h"

#pragma GCC visibility push(hidden)

typedef enum gim_event {
  GIM_EVENT_UNKNOWN = 0, /* no JSON, or none of ours */
  GIM_EVENT_INTENT,
  GIM_EVENT_ACCEPTED,
  GIM_EVENT_ARRIVED,
  GIM_EVENT_DONE,
  GIM_EVENT_SAVED,
  GIM_EVENT_FAILED,
  GIM_EVENT_CLOSED
} gim_event;

/* Of the lines that this version writes. */
#define GIM_RECORD_VERSION 1

/* Bytes of a key with its NUL; a line with a longer one is none of ours. */
#define GIM_RECORD_KEY_SIZE 64

/* One picture of a `done`. All empty: nothing can be brought. */
typedef struct gim_record_image {
  gim_str url;             /* p NULL: none. BORROWED */
  gim_str file;            /* p NULL: none. BORROWED */
  int64_t size;            /* of the file */
  int64_t expires_at_unix; /* of the url */
} gim_record_image;

/* What a line says; only what its event has is looked at. BORROWED. */
typedef struct gim_record {
  gim_event event;
  gim_str key;
  int64_t time_unix_s;
  gim_str provider, base_url, path, output; /* output.p NULL: none */
  const char *overwrite;                    /* "number", "replace", "refuse" */
  gim_str request;                          /* JSON text */
  gim_str id;                               /* p NULL: there is none */
  const gim_record_image *images;           /* image_count of them */
  int image_count;
  bool cut;
  int index; /* from 1 */
  int64_t size;
  const char *kind, *billed;
} gim_record;

/*
** Appends the line, without a line break. Text that is not valid UTF-8 (names
** of files may be) is written byte by byte as if it were Latin-1, with a
** member "bytes": true that says so. GIM_E_TOO_BIG, GIM_E_NO_MEMORY; `line`
** is unchanged then.
*/
GIM_MUST_CHECK gim_status gim_record_write(gim_buffer *line,
                                           const gim_record *record);

/* A line that was read. */
typedef struct gim_recorded {
  gim_event event;
  char key[GIM_RECORD_KEY_SIZE]; /* "" where the event is UNKNOWN */
  int64_t time_unix_s;           /* 0: not said */
  /* private: */
  gim_json root;
} gim_recorded;

/*
** Reads a line (BORROWED as long as `recorded` is used). What is none of ours
** is GIM_EVENT_UNKNOWN: another version's event, garbage, half a line.
*/
void gim_record_read(gim_str line, gim_recorded *recorded);

/*
** The text of member `name` into `to`, which is emptied first. False when it
** is absent, no string, or memory or the buffer's limit is out.
*/
bool gim_record_text(const gim_recorded *recorded, const char *name,
                     gim_buffer *to);

/* Member `name` as a number; `otherwise` where it is none. */
int64_t gim_record_number(const gim_recorded *recorded, const char *name,
                          int64_t otherwise);

/* Is member `name` true? */
bool gim_record_flag(const gim_recorded *recorded, const char *name);

/* Is member `name` the string `text`? */
bool gim_record_is(const gim_recorded *recorded, const char *name,
                   const char *text);

/* A string member of an intent's request into `to`, likewise. */
bool gim_record_request_text(const gim_recorded *recorded, const char *name,
                             gim_buffer *to);

/* Pictures of a `done`, at most GIM_LIMIT_IMAGES. */
int gim_record_image_count(const gim_recorded *recorded);

/*
** Picture number `index` (from 0) of a `done`: its link into `url` or its file
** name into `file`, both emptied first, and `*size`. False when there is
** nothing to bring, or memory is out.
*/
bool gim_record_get_image(const gim_recorded *recorded, int index,
                          gim_buffer *url, gim_buffer *file, int64_t *size);

#pragma GCC visibility pop

#endif
