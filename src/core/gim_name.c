/* SPDX-License-Identifier: MIT */
#include "gim_name.h"

#include <inttypes.h>
#include <string.h>

#define HASH_TAIL 17 /* "-" and 16 hexadecimal digits */

static bool is_safe(char c) {
  return (c >= 'A' && c <= 'Z') || (c >= 'a' && c <= 'z') ||
         (c >= '0' && c <= '9') || c == '.' || c == '_' || c == '-';
}

/* FNV-1a: two texts that were made safe alike still differ. */
static uint64_t hash_of(gim_str s) {
  uint64_t h = 14695981039346656037u;
  for (size_t i = 0; i < s.n; i++) {
    h ^= (unsigned char)s.p[i];
    h *= 1099511628211u;
  }
  return h;
}

/* A file that begins with a dot hides; one with a dash is taken for an option
   by whoever writes `rm *`. */
static bool may_stand(char c, size_t at) {
  return is_safe(c) && !(at == 0 && (c == '.' || c == '-'));
}

/* Ends as a text that was changed does: it could be taken for that one. */
static bool ends_in_hash(gim_str text) {
  if (text.n <= HASH_TAIL || text.p[text.n - HASH_TAIL] != '-') return false;
  for (size_t i = text.n - HASH_TAIL + 1; i < text.n; i++) {
    char c = text.p[i];
    if (!((c >= '0' && c <= '9') || (c >= 'a' && c <= 'f'))) return false;
  }
  return true;
}

gim_status gim_name_safe(gim_str text, gim_buffer *out) {
  bool changed =
      text.n == 0 || text.n > GIM_NAME_PART_MAX || ends_in_hash(text);
  size_t room = GIM_NAME_PART_MAX;
  gim_status status = GIM_OK;
  for (size_t i = 0; i < text.n && !changed; i++)
    changed = !may_stand(text.p[i], i);
  if (changed) room -= HASH_TAIL;
  if (text.n < room) room = text.n;
  if (text.n == 0) status = gim_buffer_append_byte(out, '_');
  for (size_t i = 0; i < room && status == GIM_OK; i++)
    status =
        gim_buffer_append_byte(out, may_stand(text.p[i], i) ? text.p[i] : '_');
  if (status != GIM_OK || !changed) return status;
  return gim_buffer_append_format(out, "-%016" PRIx64, hash_of(text));
}

static gim_str slice(gim_str s, size_t from, size_t to) {
  gim_str r;
  r.p = s.p + from;
  r.n = to - from;
  return r;
}

/* Where the name begins: behind the last slash. */
static size_t name_start(gim_str pattern) {
  size_t i = pattern.n;
  while (i > 0 && pattern.p[i - 1] != '/') i--;
  return i;
}

/* The name behind the folder, or the one that stands for none. */
static gim_str name_of(gim_str pattern) {
  gim_str name = slice(pattern, name_start(pattern), pattern.n);
  return name.n > 0 ? name : GIM_STR("{id}-{index}.{format}");
}

typedef enum placeholder {
  NOT_ONE,
  THE_ID,
  THE_INDEX,
  THE_FORMAT,
  THE_KEY,
  THE_MODEL
} placeholder;

/* The placeholder at `i`, where a '{' stands; `*end` is behind its '}'. */
static placeholder read_placeholder(gim_str pattern, size_t i, size_t *end) {
  static const struct {
    const char *name;
    placeholder which;
  } known[] = {{"id", THE_ID},
               {"index", THE_INDEX},
               {"format", THE_FORMAT},
               {"key", THE_KEY},
               {"model", THE_MODEL}};
  const char *close = memchr(pattern.p + i, '}', pattern.n - i);
  gim_str name;
  if (close == NULL) return NOT_ONE;
  *end = (size_t)(close - pattern.p) + 1;
  name = slice(pattern, i + 1, *end - 1);
  for (size_t k = 0; k < sizeof(known) / sizeof(known[0]); k++)
    if (gim_str_equal(name, gim_str_of(known[k].name))) return known[k].which;
  return NOT_ONE;
}

static gim_status refuse(gim_err *err, const char *message) {
  gim_status status = gim_fail(err, GIM_E_INVALID, "output: %s", message);
  if (err != NULL) memcpy(err->field, "output", sizeof("output"));
  return status;
}

gim_status gim_name_check(gim_str pattern, gim_err *err) {
  size_t start = name_start(pattern), i = 0;
  gim_str name;
  if (pattern.n == 0) return refuse(err, "a file name is missing.");
  name = name_of(pattern);
  if (pattern.n >= GIM_LIMIT_PATH) return refuse(err, "it is too long.");
  if (gim_str_equal(name, GIM_STR(".")) || gim_str_equal(name, GIM_STR("..")))
    return refuse(err, "it names a folder, not a file.");
  while (i < pattern.n) {
    unsigned char c = (unsigned char)pattern.p[i];
    placeholder which;
    if (c < 0x20 || c == 0x7F)
      return refuse(err, "control characters are not allowed in it.");
    if (c == '}') return refuse(err, "a closing brace has no opening one.");
    if (c != '{') {
      i++;
      continue;
    }
    which = read_placeholder(pattern, i, &i);
    if (which == NOT_ONE)
      return refuse(err, "unknown placeholder; there are {id}, {index}, "
                         "{format}, {key} and {model}.");
    if (i <= start && which != THE_KEY && which != THE_MODEL)
      return refuse(err, "its folder is needed before paying and may hold "
                         "{key} and {model} alone.");
  }
  return GIM_OK;
}

static gim_status expand(gim_str pattern, const gim_name_values *values,
                         gim_buffer *out) {
  size_t i = 0;
  while (i < pattern.n) {
    gim_status status = GIM_OK;
    placeholder which = NOT_ONE;
    size_t end = i + 1;
    if (pattern.p[i] == '{') which = read_placeholder(pattern, i, &end);
    switch (which) {
    case THE_ID:
      status =
          gim_name_safe(values->id.p == NULL ? values->key : values->id, out);
      break;
    case THE_INDEX:
      status = gim_buffer_append_format(out, "%d", values->index);
      break;
    case THE_FORMAT: status = gim_name_safe(values->format, out); break;
    case THE_KEY: status = gim_name_safe(values->key, out); break;
    case THE_MODEL: status = gim_name_safe(values->model, out); break;
    case NOT_ONE:
      status = gim_buffer_append_byte(out, pattern.p[i]);
      end = i + 1;
      break;
    }
    if (status != GIM_OK) return status;
    i = end;
  }
  return GIM_OK;
}

gim_status gim_name_folder(gim_str pattern, const gim_name_values *values,
                           gim_buffer *folder) {
  size_t start = name_start(pattern);
  if (start == 0) return GIM_OK;
  if (start == 1) return gim_buffer_append_byte(folder, '/');
  return expand(slice(pattern, 0, start - 1), values, folder);
}

static bool has(gim_str name, placeholder which) {
  for (size_t i = 0; i < name.n;) {
    size_t end = i + 1;
    if (name.p[i] == '{' && read_placeholder(name, i, &end) == which)
      return true;
    i = end;
  }
  return false;
}

bool gim_name_is_known(gim_str pattern) {
  gim_str name = name_of(pattern);
  return !has(name, THE_ID) && !has(name, THE_FORMAT);
}

gim_status gim_name_file(gim_str pattern, const gim_name_values *values,
                         gim_buffer *name) {
  gim_str file = name_of(pattern);
  size_t before = name->n, dot = file.n;
  gim_status status;
  if (values->index > 1 && !has(file, THE_INDEX)) {
    while (dot > 0 && file.p[dot - 1] != '.') dot--;
    dot = dot > 1 ? dot - 1 : file.n; /* ".png" alone is no ending */
    status = expand(slice(file, 0, dot), values, name);
    if (status == GIM_OK)
      status = gim_buffer_append_format(name, "-%d", values->index);
    if (status == GIM_OK)
      status = expand(slice(file, dot, file.n), values, name);
  }
  else {
    status = expand(file, values, name);
  }
  if (status != GIM_OK) return status;
  return name->n - before > GIM_NAME_MAX ? GIM_E_TOO_BIG : GIM_OK;
}
