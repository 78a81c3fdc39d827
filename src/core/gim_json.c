/* SPDX-License-Identifier: MIT */
#include "gim_json.h"

#include "gim_decimal.h"
#include "gim_escape.h"
#include "gim_json_scan.h"

static gim_str slice(const char *p, const char *end) {
  gim_str s;
  s.p = p;
  s.n = (size_t)(end - p);
  return s;
}

/* What the value is that begins with `first` (RFC 8259, 3), in a text that was
   found to be JSON: whatever begins with nothing else is a number. */
static gim_json_type type_of(char first) {
  switch (first) {
  case '{': return GIM_JSON_OBJECT;
  case '[': return GIM_JSON_ARRAY;
  case '"': return GIM_JSON_STRING;
  case 't':
  case 'f': return GIM_JSON_BOOL;
  case 'n': return GIM_JSON_NULL;
  default: return GIM_JSON_NUMBER;
  }
}

static const gim_json none = {GIM_JSON_NONE, {NULL, 0}, NULL};

gim_status gim_json_root(gim_json_check *check, gim_str text, gim_json *root,
                         gim_err *err) {
  gim_status status = gim_json_check_finish(check, err);
  *root = none;
  if (status != GIM_OK) return status;
  root->text.p = text.p + check->before;
  root->text.n = text.n - check->before - check->after;
  root->type = type_of(*root->text.p);
  root->node = check->index.nodes;
  return GIM_OK;
}

gim_status gim_json_parse(gim_str text, int max_depth, gim_json *root,
                          gim_err *err) {
  return gim_json_parse_few(text, max_depth, SIZE_MAX, root, err);
}

gim_status gim_json_parse_few(gim_str text, int max_depth, size_t max_values,
                              gim_json *root, gim_err *err) {
  gim_json_check check;
  gim_json_check_init(&check, max_depth, max_values);
  gim_json_check_feed(&check, text.p, text.n);
  return gim_json_root(&check, text, root, err);
}

/* ---- walking checked text: nothing below judges the grammar again ---- */

#define BLOCK 64
#define ESCAPE_MAX 6 /* bytes of one */

/* A bit for each byte of the block at `p` that is `c`. */
#if GIM_JSON_SSE2
static inline uint64_t bits_of_16(const char *p, char c) {
  return (unsigned)_mm_movemask_epi8(gim_json_equal(gim_json_load(p), c));
}

static inline uint64_t bits_of(const char *p, char c) {
  return bits_of_16(p, c) | bits_of_16(p + 16, c) << 16 |
         bits_of_16(p + 32, c) << 32 | bits_of_16(p + 48, c) << 48;
}
#else
static inline uint64_t bits_of(const char *p, char c) {
  uint64_t bits = 0;
  for (unsigned i = 0; i < BLOCK; i++) bits |= (uint64_t)(p[i] == c) << i;
  return bits;
}
#endif

/*
** Of the bytes of a block those behind an odd number of backslashes: they are
** of an escape. `*open` is whether the first byte is one, and then that of the
** next block. After simdjson (Langdale and Lemire, "Parsing Gigabytes of JSON
** per Second", 2019): a row of backslashes is added to its own first bit, and
** the carry comes out behind the row.
*/
static uint64_t escaped_bits(uint64_t backslashes, bool *open) {
  const uint64_t even = 0x5555555555555555u;
  uint64_t behind, odd_starts, sum;
  backslashes &= ~(uint64_t)*open;
  behind = backslashes << 1 | *open;
  odd_starts = backslashes & ~even & ~behind;
  sum = odd_starts + backslashes;
  *open = sum < backslashes;
  return (even ^ sum << 1) & behind;
}

/* The same by blocks: for strings with a backslash before a quote. */
static const char *escaped_string_end(const char *p, const char *end) {
  bool open = false;
  for (;; p += BLOCK) {
    char rest[BLOCK] = {0};
    size_t left = (size_t)(end - p);
    const char *block = p;
    uint64_t escaped, quotes;
    if (left < BLOCK) block = memcpy(rest, p, left);
    escaped = escaped_bits(bits_of(block, '\\'), &open);
    quotes = bits_of(block, '"') & ~escaped;
    if (quotes != 0) return p + __builtin_ctzll(quotes) + 1;
  }
}

static const char *far_string_end(const char *p, const char *end) {
  const char *quote;
  p = gim_json_skip_plain(p, end);
  quote = memchr(p, '"', (size_t)(end - p));
  return quote == p || quote[-1] != '\\' ? quote + 1
                                         : escaped_string_end(p, end);
}

/* Most strings are short and plain: one look finds their end. */
static inline const char *string_end(const char *p, const char *end) {
  p = gim_json_skip_short(p + 1, end);
  return *p == '"' ? p + 1 : far_string_end(p, end);
}

static const char *container_end(const char *p, const char *end) {
  size_t depth = 0;
  while (true) {
    p = gim_json_skip_filler(p, end);
    if (*p == '"') {
      p = string_end(p, end);
      continue;
    }
    if (*p == '{' || *p == '[')
      depth++;
    else
      depth--;
    p++;
    if (depth == 0) return p;
  }
}

/* Takes the value that begins at `p`; returns the place behind it. */
static inline const char *take_value(const char *p, const char *end,
                                     gim_json *value) {
  const char *begin = p;
  value->type = type_of(*p);
  if (value->type == GIM_JSON_STRING)
    p = string_end(p, end);
  else if (value->type == GIM_JSON_OBJECT || value->type == GIM_JSON_ARRAY)
    p = container_end(p, end);
  else
    p = gim_json_skip_scalar(p, end);
  value->text = slice(begin, p);
  value->node = NULL;
  return p;
}

/* Over white space and the one mark that may stand between two values. */
static inline const char *skip_mark(const char *p, const char *end,
                                    char mark) {
  p = gim_json_skip_space(p, end);
  if (p < end && *p == mark) p = gim_json_skip_space(p + 1, end);
  return p;
}

/* The value of a node; `text` as of gim_json_cursor. */
static inline void take_node(const gim_json_node *node, const char *text,
                             gim_json *value) {
  value->type = type_of(text[node->begin]);
  value->text = slice(text + node->begin, text + node->end);
  value->node = node;
}

/* gim_json_next with an index. */
static inline bool next_node(gim_json_cursor *at) {
  const gim_json_node *node = at->node;
  const char *text = at->p;
  if (node == at->last) {
    at->key = at->value = none;
    return false;
  }
  if (at->members) {
    at->key.type = GIM_JSON_STRING;
    at->key.text = slice(text + node->key, text + node->key_end);
  }
  take_node(node, text, &at->value);
  at->node += node->size;
  return true;
}

bool gim_json_first(const gim_json *container, gim_json_cursor *at) {
  const gim_json_node *node = container->node;
  at->key = at->value = none;
  at->p = at->end = NULL;
  at->node = at->last = NULL;
  at->members = container->type == GIM_JSON_OBJECT;
  if (!at->members && container->type != GIM_JSON_ARRAY) return false;
  if (node != NULL) {
    at->p = container->text.p - node->begin;
    at->node = node + 1;
    at->last = node + node->size;
    return next_node(at);
  }
  at->p = container->text.p + 1;
  at->end = container->text.p + container->text.n - 1;
  return gim_json_next(at);
}

bool gim_json_next(gim_json_cursor *at) {
  const char *p = at->p, *end = at->end;
  if (at->node != NULL) return next_node(at);
  if (p != end) p = skip_mark(p, end, ',');
  if (p == end) {
    at->key = at->value = none;
    at->p = end;
    return false;
  }
  if (at->members) p = skip_mark(take_value(p, end, &at->key), end, ':');
  at->p = take_value(p, end, &at->value);
  return true;
}

size_t gim_json_count(const gim_json *container) {
  gim_json_cursor at;
  size_t n = 0;
  for (bool more = gim_json_first(container, &at); more;
       more = gim_json_next(&at))
    n++;
  return n;
}

static inline bool is_key(gim_str a, gim_str b) {
  return a.n == b.n && memcmp(a.p, b.p, a.n) == 0;
}

/* Which of the keys it is, or `count`. Number `next` is looked at first. */
static inline size_t find_key(gim_str key, const gim_str *keys, size_t count,
                              size_t next) {
  if (next < count && is_key(keys[next], key)) return next;
  for (size_t i = 0; i < count; i++)
    if (is_key(keys[i], key)) return i;
  return count;
}

/* The same of a key with escapes: they are undone no further than to what is
   longer than all keys. */
static size_t find_escaped(gim_str key, const gim_str *keys, size_t count,
                           size_t next) {
  const char *p = key.p, *end = key.p + key.n;
  char room[GIM_JSON_KEY_MAX];
  size_t longest = 0;
  for (size_t i = 0; i < count; i++)
    if (keys[i].n > longest) longest = keys[i].n;
  if (longest > sizeof(room)) longest = sizeof(room);
  if (key.n > ESCAPE_MAX * longest) return count;
  key.p = room;
  key.n = gim_escape_undo(&p, end, room, longest);
  return p == end ? find_key(key, keys, count, next) : count;
}

/* The same of a key as it stands in the text, between its quotes. */
static inline size_t find_member(gim_str key, const gim_str *keys,
                                 size_t count, size_t next) {
  size_t i = find_key(key, keys, count, next);
  if (i < count || memchr(key.p, '\\', key.n) == NULL) return i;
  return find_escaped(key, keys, count, next);
}

/* With an index: what is not asked for is passed over at once. */
static void find_nodes(const gim_json *object, const gim_str *keys,
                       gim_json *values, size_t count) {
  const gim_json_node *node = object->node, *last = node + node->size;
  const char *text = object->text.p - node->begin;
  size_t next = 0;
  for (node++; node != last; node += node->size) {
    gim_str key = {text + node->key + 1, node->key_end - node->key - 2};
    size_t i = find_member(key, keys, count, next);
    if (i == count) continue;
    take_node(node, text, &values[i]);
    next = i + 1;
  }
}

void gim_json_members(const gim_json *object, const gim_str *keys,
                      gim_json *values, size_t count) {
  gim_json_cursor at;
  size_t next = 0;
  for (size_t i = 0; i < count; i++) values[i] = none;
  if (object->type != GIM_JSON_OBJECT) return;
  if (object->node != NULL) {
    find_nodes(object, keys, values, count);
    return;
  }
  for (bool more = gim_json_first(object, &at); more;
       more = gim_json_next(&at)) {
    gim_str key = {at.key.text.p + 1, at.key.text.n - 2};
    size_t i = find_member(key, keys, count, next);
    if (i == count) continue;
    values[i] = at.value;
    next = i + 1;
  }
}

bool gim_json_member(const gim_json *object, gim_str key, gim_json *value) {
  gim_json found;
  gim_json_members(object, &key, &found, 1);
  *value = found;
  return found.type != GIM_JSON_NONE;
}

static bool is_readable(const gim_json *number) {
  return number->type == GIM_JSON_NUMBER &&
         number->text.n <= GIM_LIMIT_JSON_NUMBER;
}

bool gim_json_get_int64(const gim_json *value, int64_t *to) {
  int64_t read;
  bool exact;
  if (!is_readable(value)) return false;
  if (!gim_decimal_read(value->text, 0, &read, &exact) || !exact) return false;
  *to = read;
  return true;
}

bool gim_json_get_micro(const gim_json *value, int64_t *to) {
  bool exact;
  return is_readable(value) && gim_decimal_read(value->text, 6, to, &exact);
}

bool gim_json_get_bool(const gim_json *value, bool *to) {
  if (value->type != GIM_JSON_BOOL) return false;
  *to = value->text.p[0] == 't';
  return true;
}

bool gim_json_is_null(const gim_json *value) {
  return value->type == GIM_JSON_NULL;
}

/* ---- strings ---- */

gim_status gim_json_get_string(const gim_json *value, gim_buffer *b) {
  size_t before = b->n;
  const char *p, *end;
  char out[4];
  gim_status status;
  if (value->type != GIM_JSON_STRING) return GIM_E_INVALID;
  p = value->text.p + 1;
  end = value->text.p + value->text.n - 1;
  if (p == end) return GIM_OK;
  /* Escapes are never shorter than what they stand for. */
  status = gim_buffer_reserve(b, (size_t)(end - p));
  if (status == GIM_OK) {
    b->n += gim_escape_undo(&p, end, b->p + b->n, (size_t)(end - p));
    b->p[b->n] = '\0';
    return GIM_OK;
  }
  /* It may still be within the limit without its escapes. */
  while (p < end && status != GIM_E_NO_MEMORY) {
    status = gim_buffer_append_str(b, gim_escape_take(&p, end, out));
    if (status != GIM_OK) break;
  }
  if (status != GIM_OK) gim_buffer_cut(b, before);
  return status;
}

gim_str gim_json_text(const gim_json *value, char *room, size_t size) {
  static const gim_str nothing = {NULL, 0};
  gim_str text;
  const char *p, *end;
  if (value->type != GIM_JSON_STRING) return nothing;
  p = value->text.p + 1;
  end = value->text.p + value->text.n - 1;
  text = slice(p, end);
  if (memchr(p, '\\', text.n) == NULL) return text.n <= size ? text : nothing;
  text.p = room;
  text.n = gim_escape_undo(&p, end, room, size);
  return p == end ? text : nothing;
}

bool gim_json_copy_string(const gim_json *value, char *to, size_t size) {
  const char *p, *end;
  char out[4];
  size_t used = 0;
  to[0] = '\0';
  if (value->type != GIM_JSON_STRING) return false;
  p = value->text.p + 1;
  end = value->text.p + value->text.n - 1;
  while (p < end) {
    gim_str run = gim_escape_take(&p, end, out);
    size_t n;
    gim_copy_text(to + used, size - used, run);
    n = strlen(to + used);
    used += n;
    if (n < run.n) break; /* one byte for one, so: it was cut */
  }
  return true;
}

bool gim_json_string_is(const gim_json *value, gim_str s) {
  const char *p, *end;
  char out[4];
  if (value->type != GIM_JSON_STRING) return false;
  p = value->text.p + 1;
  end = value->text.p + value->text.n - 1;
  /* Nearly always no escape is in it, and an escape only makes it longer. */
  if ((size_t)(end - p) < s.n) return false;
  if ((size_t)(end - p) == s.n)
    return memcmp(p, s.p, s.n) == 0 && memchr(p, '\\', s.n) == NULL;
  if (memchr(p, '\\', (size_t)(end - p)) == NULL) return false;
  while (p < end) {
    gim_str run = gim_escape_take(&p, end, out);
    if (!gim_str_starts(s, run)) return false;
    s.p += run.n;
    s.n -= run.n;
  }
  return s.n == 0;
}
