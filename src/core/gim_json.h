/* SPDX-License-Identifier: MIT */
/*
** gim_json.h - writer, and a bounded reader for small replies   [floor 2]
**
** The reader checks a whole text once (RFC 8259) and then answers questions
** about slices of it: no tree, no allocation. Numbers stay text until they
** are asked for, so that money, ids and times lose no digit.
**
**   gim_json root, data;
**   gim_json_cursor at;
**   if (gim_json_parse(text, GIM_LIMIT_JSON_DEPTH, &root, &err) != GIM_OK)
**     return err.status;
**   if (gim_json_member(&root, GIM_STR("data"), &data))
**     for (bool more = gim_json_first(&data, &at); more;
**          more = gim_json_next(&at))
**       look_at(&at.value);
*/
#ifndef gim_json_h
#define gim_json_h

#include "gim_base.h"
#include "gim_buffer.h"
#include "gim_json_check.h"

#pragma GCC visibility push(hidden)

/*
** Writer. Each call appends one value to `b`; commas, colons and brackets are
** the caller's (gim_buffer_append_byte). Results as of gim_buffer_append, and
** `b` is unchanged when one fails.
*/

/*
** `s` with its quotes. Escapes `"`, `\` and control characters, nothing else:
** `/`, DEL and U+2028 go out as they are. GIM_E_INVALID: not valid UTF-8.
*/
GIM_MUST_CHECK gim_status gim_json_write_string(gim_buffer *b, gim_str s);

/* A whole number, every digit of it. */
GIM_MUST_CHECK gim_status gim_json_write_int(gim_buffer *b, int64_t value);

/* Micro-units as an exact decimal without trailing zeros: 2500000 is 2.5. */
GIM_MUST_CHECK gim_status gim_json_write_micro(gim_buffer *b, int64_t micro);

/* Reader. */

typedef enum gim_json_type {
  GIM_JSON_NONE = 0, /* no value: what a member that is absent gives */
  GIM_JSON_NULL,
  GIM_JSON_BOOL,
  GIM_JSON_NUMBER,
  GIM_JSON_STRING,
  GIM_JSON_ARRAY,
  GIM_JSON_OBJECT
} gim_json_type;

/* One value of a checked text. All functions below accept GIM_JSON_NONE. */
typedef struct gim_json {
  gim_json_type type;
  gim_str text; /* the value as it stands there, quotes and brackets
                   included; BORROWED as long as the text lives */
  const gim_json_node *node; /* BORROWED from the check; NULL: it has none */
} gim_json;

/*
** Checks all of `text` (BORROWED as long as `root` and what is taken from it
** are used), at most GIM_JSON_DEPTH_MAX deep: see gim_json_check.h, which also
** has the results. What escapes say of half a surrogate pair is read as
** U+FFFD. `root` is the value, and GIM_JSON_NONE unless GIM_OK.
*/
GIM_MUST_CHECK gim_status gim_json_parse(gim_str text, int max_depth,
                                         gim_json *root, gim_err *err);

/* The same with a limit for the values, too (> 0). */
GIM_MUST_CHECK gim_status gim_json_parse_few(gim_str text, int max_depth,
                                             size_t max_values, gim_json *root,
                                             gim_err *err);

/*
** The same where `check` was fed with all of `text` before, as it came. Its
** index, where it has one, is BORROWED likewise: then none of the walks below
** looks at what it passes over.
*/
GIM_MUST_CHECK gim_status gim_json_root(gim_json_check *check, gim_str text,
                                        gim_json *root, gim_err *err);

/*
** The member `key` (compared unescaped) of an object into `value`; the last
** one where it is repeated. False, and `value` GIM_JSON_NONE, when it is
** absent or `object` is no object. Linear in the object. `value` may be
** `object`.
*/
bool gim_json_member(const gim_json *object, gim_str key, gim_json *value);

/*
** The same for `count` keys at once, in one walk: values[i] is the member
** keys[i], GIM_JSON_NONE where it is absent. `object` is not among `values`.
** Keys that are asked for have no backslash, and GIM_JSON_KEY_MAX bytes at
** most; it takes least time in the order in which they come.
*/
#define GIM_JSON_KEY_MAX 64
void gim_json_members(const gim_json *object, const gim_str *keys,
                      gim_json *values, size_t count);

/* Walks the members of an object or the elements of an array. */
typedef struct gim_json_cursor {
  gim_json key; /* of a member; GIM_JSON_NONE in an array */
  gim_json value;
  /* private: */
  const char *p; /* with an index: the text's first byte */
  const char *end;
  const gim_json_node *node, *last;
  bool members;
} gim_json_cursor;

/*
** The first element or member, then each next one. False at the end, and at
** once where `container` holds nothing or is no container.
*/
bool gim_json_first(const gim_json *container, gim_json_cursor *at);
bool gim_json_next(gim_json_cursor *at);

/* Elements of an array or members of an object; else 0. Linear. */
size_t gim_json_count(const gim_json *container);

/*
** Numbers of more than GIM_LIMIT_JSON_NUMBER characters are none below.
**
** A number as int64_t, exactly: 1.0 and 1e3 count, 1.5 and 1e19 do not.
** False, and `*to` untouched, where `value` is no such number.
*/
bool gim_json_get_int64(const gim_json *value, int64_t *to);

/*
** A number as micro-units, from its decimal text: 2.5 is 2500000. Digits
** beyond the sixth are rounded, halves away from zero. False, and `*to`
** untouched, where `value` is no number or out of range.
*/
bool gim_json_get_micro(const gim_json *value, int64_t *to);

/* true or false. Returns false, and `*to` untouched, where it is neither. */
bool gim_json_get_bool(const gim_json *value, bool *to);

/*
** Appends the unescaped bytes of a string. GIM_E_INVALID: no string; else
** as gim_buffer_append. `b` is unchanged unless GIM_OK.
*/
GIM_MUST_CHECK gim_status gim_json_get_string(const gim_json *value,
                                              gim_buffer *b);

/*
** The unescaped bytes of a string, BORROWED: from the text where there are no
** escapes in it, else from `room`. {NULL, 0} where it is no string, or longer
** than the `size` bytes of `room`.
*/
gim_str gim_json_text(const gim_json *value, char *room, size_t size);

/*
** Copies a string into `to` of `size` bytes (> 0) by the rules of
** gim_copy_text. False, and `to` "", where it is no string.
*/
bool gim_json_copy_string(const gim_json *value, char *to, size_t size);

/* Is it a string whose unescaped bytes are `s`? */
bool gim_json_string_is(const gim_json *value, gim_str s);

/* Is it `null`? An absent value is not. */
bool gim_json_is_null(const gim_json *value);

#pragma GCC visibility pop

#endif
