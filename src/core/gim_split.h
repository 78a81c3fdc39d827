/* SPDX-License-Identifier: MIT */
/*
** gim_split.h - response bytes in; image bytes out to a sink; the small rest
** of the JSON kept   [floor 2]
**
** Feeds on a response body in pieces of any size. Every non-empty string that
** is the value of a "b64_json" member, at any depth, is a payload: its base64
** text (string escapes, line breaks, even raw ones, and a data-URI prefix
** allowed) is decoded
** and handed to the sink as it arrives. Everything else is kept as it came:
** the skeleton, in which payload number N stands as the string "<image N>".
** A literal "<image 0>" cannot come from a service unnoticed: `<` is not
** base64. The skeleton's grammar is checked as it grows, so that nobody has to
** read all of it once more at the end. Does no I/O, knows no clock, calls
** nobody but the sink.
*/
#ifndef gim_split_h
#define gim_split_h

#include "gim_base.h"
#include "gim_base64.h"
#include "gim_buffer.h"
#include "gim_json_check.h"

#pragma GCC visibility push(hidden)

typedef enum gim_split_event {
  GIM_SPLIT_BEGIN, /* payload `image` begins; p is NULL, n is 0 */
  GIM_SPLIT_DATA,  /* its next decoded bytes */
  GIM_SPLIT_END    /* it is whole; p is NULL, n is 0 */
} gim_split_event;

/*
** Receives decoded payload bytes. `p` is BORROWED during the call. `image`
** counts payloads from 0, in order of appearance; no two overlap. Any result
** but GIM_OK stops the scan and becomes the result of the feed. Must not call
** back into the same gim_split.
*/
typedef gim_status (*gim_split_sink)(void *ud, gim_split_event event,
                                     int image, const unsigned char *p,
                                     size_t n);

typedef struct gim_split {
  int images; /* payloads begun so far */
  int64_t
      offset; /* bytes fed so far; after a failure: those before its place */
  gim_simd simd;        /* the best there is, as in gim_base64; may be set anew
                    before the first byte */
  gim_json_check check; /* was fed with the skeleton so far */
  /* private: */
  gim_split_sink sink;
  void *ud;
  gim_buffer skeleton;
  size_t skeleton_max;
  size_t checked; /* bytes of the skeleton */
  gim_base64 base64;
  uint8_t state;
  uint8_t stage;    /* of a payload: before, in or behind a data-URI prefix */
  uint8_t escape_n; /* bytes of a cut escape in a payload, in `escape` */
  uint8_t held_n;
  char escape[6];
  char held[64];     /* a string that may be a key; a data-URI prefix */
  gim_status failed; /* GIM_OK while the scan is well */
  char problem[128]; /* else why it is not */
} gim_split;

/*
** Ready for the first byte. At most `skeleton_max` bytes of rest are kept and
** GIM_LIMIT_IMAGES payloads accepted; `check` has the limits
** GIM_LIMIT_JSON_DEPTH and GIM_LIMIT_JSON_VALUES. `ud` is handed to `sink`,
** BORROWED until gim_split_free.
*/
void gim_split_init(gim_split *s, size_t skeleton_max, gim_split_sink sink,
                    void *ud);

/*
** Ready for the first byte of another response, as after gim_split_init.
** Keeps the memory that it has, unless that is more than most need.
*/
void gim_split_reset(gim_split *s);

/*
** Eats `n` bytes at `p` (BORROWED during the call; n == 0 is allowed).
** Splitting the input differently never changes what the sink receives in
** sum, nor the skeleton, nor the place and text of an error.
** Returns
**   GIM_OK           all `n` bytes were eaten
**   GIM_E_PROTOCOL   a payload is not base64; err->offset is the bad byte's
**                    (of an escape: its backslash). A skeleton that is not
**                    JSON is no failure: it is kept, up to the limit, so
**                    that gim_reply can quote it.
**   GIM_E_TOO_BIG    skeleton_max or GIM_LIMIT_IMAGES was reached
**   GIM_E_NO_MEMORY  the skeleton could not grow
**   else             what the sink returned
** A failed scan is stuck: it returns the same status and `err` from then on.
*/
GIM_MUST_CHECK gim_status gim_split_feed(gim_split *s, const char *p, size_t n,
                                         gim_err *err);

/*
** Says that no more bytes come. GIM_E_PROTOCOL when the body ends inside a
** payload (it was cut); otherwise like feed.
*/
GIM_MUST_CHECK gim_status gim_split_finish(gim_split *s, gim_err *err);

/* The skeleton so far, BORROWED until the next feed or free. */
gim_str gim_split_skeleton(const gim_split *s);

/*
** The payload number that the skeleton's string `text` (without its quotes)
** stands for, or -1 when it is no placeholder of this scan.
*/
int gim_split_placeholder(gim_str text);

/* Releases what the scan OWNS. Idempotent. */
void gim_split_free(gim_split *s);

#pragma GCC visibility pop

#endif
