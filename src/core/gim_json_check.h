/* SPDX-License-Identifier: MIT */
/*
** gim_json_check.h - is a text JSON? Asked while it arrives   [floor 1]
**
** Checks the grammar (RFC 8259) of a text that comes in pieces of any size:
** one value, white space around it, a byte order mark before it. Strict, but
** that the escape of half a surrogate pair is accepted. Keeps nothing of the
** text, but can write down where its values stand: then each byte is looked at
** once, when it comes, and nobody has to look for anything in a text that
** passed, which gim_json reads.
*/
#ifndef gim_json_check_h
#define gim_json_check_h

#include "gim_base.h"
#include "gim_json_index.h"

#pragma GCC visibility push(hidden)

/* Deepest nesting that can be asked for. */
#define GIM_JSON_DEPTH_MAX 1024

typedef struct gim_json_check {
  size_t offset; /* bytes eaten; after a failure: those before the bad one */
  size_t before; /* those of them in front of the value */
  size_t after;  /* and behind it: white space */
  gim_json_index index; /* OWNED; where it was asked for */
  /* private: */
  uintptr_t begin; /* where the text would begin, seen from the piece that is
                      being eaten */
  size_t values;   /* that may still come */
  const char *problem; /* static text; NULL while the text is well */
  const char *word;    /* what is still to come of a true, false or null */
  int depth, max_depth;
  uint8_t state;
  uint8_t held_n;
  char held[4]; /* a character that was cut, or a byte order mark */
  bool in_key;  /* the string is one */
  bool ended;   /* no more bytes come */
  bool too_big; /* the problem is a limit of the caller's */
  uint64_t objects[GIM_JSON_DEPTH_MAX / 64]; /* a bit for each that is open;
                                                the others are arrays */
} gim_json_check;

/*
** Ready for the first byte. At most `max_depth` arrays and objects may be in
** one another (GIM_JSON_DEPTH_MAX, where that is less), and at most
** `max_values` values (> 0) in all, those in one another counted each: a text
** that is short may take long to be read all the same.
*/
void gim_json_check_init(gim_json_check *c, int max_depth, size_t max_values);

/* Before the first byte: the values are to be written down in `index`. */
void gim_json_check_index(gim_json_check *c);

/* Releases what the check OWNS. Idempotent. */
void gim_json_check_free(gim_json_check *c);

/*
** Eats `n` bytes at `p` (BORROWED during the call). Splitting the text
** differently never changes the result, its place or its words. A text that
** failed stays failed; what comes then is not looked at.
*/
void gim_json_check_feed(gim_json_check *c, const char *p, size_t n);

/*
** Says that no more bytes come; may be asked again.
** Returns
**   GIM_OK          one whole value: of the bytes eaten all but the `before`
**                   first and the `after` last ones
**   GIM_E_PROTOCOL  no JSON, or no UTF-8; err->offset is the bad byte's
**   GIM_E_TOO_BIG   more than `max_depth` or `max_values`; err->offset is
**                   where the first that is too many begins
*/
GIM_MUST_CHECK gim_status gim_json_check_finish(gim_json_check *c,
                                                gim_err *err);

#pragma GCC visibility pop

#endif
