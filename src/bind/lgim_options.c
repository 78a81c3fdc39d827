/* SPDX-License-Identifier: MIT */
#include "lgim_options.h"

#include <lauxlib.h>
#include <math.h>
#include <stdarg.h>
#include <string.h>

#define SECONDS_MAX 1e9
#define WORD_MAX 32 /* longest key that a spelling is guessed for */

static const char *const type_names[] = {"string",
                                         "integer",
                                         "number",
                                         "number of seconds",
                                         "number of seconds",
                                         "boolean",
                                         "function",
                                         "table",
                                         "value"};

int lgim_options_raise(lua_State *L, const lgim_argument *argument,
                       const char *key, const char *format, ...) {
  va_list arguments;
  va_start(arguments, format);
  lua_pushvfstring(L, format, arguments);
  va_end(arguments);
  luaL_where(L, argument->level);
  if (key != NULL)
    lua_pushfstring(L, "%sbad argument #%d to '%s' (%s '%s': %s)",
                    lua_tostring(L, -1), argument->number, argument->function,
                    argument->noun, key, lua_tostring(L, -2));
  else
    lua_pushfstring(L, "%sbad argument #%d to '%s' (%s)", lua_tostring(L, -1),
                    argument->number, argument->function, lua_tostring(L, -2));
  return lua_error(L);
}

/* Edits (insert, drop, change a letter) from `a` to `b`, by Levenshtein. */
static size_t edits(const char *a, size_t an, const char *b, size_t bn) {
  size_t row[WORD_MAX + 1];
  for (size_t j = 0; j <= bn; j++) row[j] = j;
  for (size_t i = 1; i <= an; i++) {
    size_t diagonal = row[0];
    row[0] = i;
    for (size_t j = 1; j <= bn; j++) {
      size_t change = diagonal + (a[i - 1] != b[j - 1]);
      size_t least = row[j] < row[j - 1] ? row[j] + 1 : row[j - 1] + 1;
      diagonal = row[j];
      row[j] = change < least ? change : least;
    }
  }
  return row[bn];
}

/* The key that was perhaps meant, or NULL. */
static const char *guess(const lgim_option_set *sets, int set_count,
                         const char *key, size_t n) {
  const char *best = NULL;
  size_t least = n < 5 ? 2 : 3; /* fewer edits than this */
  if (n > WORD_MAX) return NULL;
  for (int i = 0; i < set_count; i++)
    for (const lgim_option *o = sets[i].options; o->name != NULL; o++) {
      size_t length = strlen(o->name), d;
      if (length > WORD_MAX) continue;
      d = edits(key, n, o->name, length);
      if (d >= least) continue;
      least = d;
      best = o->name;
    }
  return best;
}

static const lgim_option *find(const lgim_option_set *sets, int set_count,
                               const char *key, size_t n, void **out) {
  for (int i = 0; i < set_count; i++)
    for (const lgim_option *o = sets[i].options; o->name != NULL; o++)
      /* Most differ in their first letter: that is cheaper than a length. */
      if (o->name[0] == key[0] && strlen(o->name) == n &&
          memcmp(o->name, key, n) == 0) {
        *out = sets[i].out;
        return o;
      }
  return NULL;
}

/* Copies `value` to its place in the struct; without aliasing, so memcpy. */
static void store(void *out, size_t offset, const void *value, size_t n) {
  if (offset != LGIM_NOWHERE) memcpy((char *)out + offset, value, n);
}

static int raise_type(lua_State *L, const lgim_argument *argument,
                      const lgim_option *option, const char *got) {
  return lgim_options_raise(L, argument, option->name, "%s expected, got %s",
                            type_names[option->type], got);
}

static void read_number(lua_State *L, const lgim_argument *argument,
                        const lgim_option *option, void *out) {
  lua_Number value = lua_tonumber(L, -1);
  if (option->type == LGIM_NUMBER) {
    double number = (double)value;
    if (isnan(number)) {
      raise_type(L, argument, option, "nan");
      return;
    }
    store(out, option->offset, &number, sizeof(number));
  }
  else if (option->type == LGIM_SECONDS || option->type == LGIM_TIMEOUT) {
    int64_t ms;
    if (!(value >= 0 && value <= SECONDS_MAX)) {
      lgim_options_raise(L, argument, option->name,
                         "a number from 0 to 1e9 expected, got %s",
                         luaL_tolstring(L, -1, NULL));
      return;
    }
    /* Never shorter than asked; 1.1 * 1000 is a hair over 1100. */
    ms = (int64_t)ceil((double)value * 1000 - 1e-6);
    if (ms == 0 && option->type == LGIM_TIMEOUT)
      lgim_options_raise(L, argument, option->name, "more than 0 expected");
    store(out, option->offset, &ms, sizeof(ms));
  }
  else {
    int exact;
    int64_t integer = (int64_t)lua_tointegerx(L, -1, &exact);
    if (!exact) {
      raise_type(L, argument, option, luaL_tolstring(L, -1, NULL));
      return;
    }
    store(out, option->offset, &integer, sizeof(integer));
  }
}

/* The value is on top of the stack. */
static void read_value(lua_State *L, const lgim_argument *argument,
                       const lgim_option *option, void *out) {
  static const int lua_types[] = {LUA_TSTRING,   LUA_TNUMBER, LUA_TNUMBER,
                                  LUA_TNUMBER,   LUA_TNUMBER, LUA_TBOOLEAN,
                                  LUA_TFUNCTION, LUA_TTABLE};
  bool present = true;
  if (option->type != LGIM_ANY && lua_type(L, -1) != lua_types[option->type]) {
    raise_type(L, argument, option, luaL_typename(L, -1));
    return;
  }
  if (option->type == LGIM_STRING) {
    gim_str text;
    text.p = lua_tolstring(L, -1, &text.n);
    store(out, option->offset, &text, sizeof(text));
  }
  else if (option->type == LGIM_BOOLEAN) {
    bool value = lua_toboolean(L, -1) != 0;
    store(out, option->offset, &value, sizeof(value));
  }
  else if (option->type == LGIM_INTEGER || option->type == LGIM_NUMBER ||
           option->type == LGIM_SECONDS || option->type == LGIM_TIMEOUT)
    read_number(L, argument, option, out);
  store(out, option->present, &present, sizeof(present));
}

static void raise_unknown(lua_State *L, const lgim_argument *argument,
                          const lgim_option_set *sets, int set_count,
                          const char *key, size_t n) {
  const char *meant = guess(sets, set_count, key, n);
  /* Keys are shown as text: no byte of theirs may end the line. */
  char shown[WORD_MAX * 2];
  gim_copy_text(shown, sizeof(shown), (gim_str){key, n});
  if (meant == NULL)
    lgim_options_raise(L, argument, NULL, "unknown %s '%s'", argument->noun,
                       shown);
  else
    lgim_options_raise(L, argument, NULL,
                       "unknown %s '%s'; did you mean '%s'?", argument->noun,
                       shown, meant);
}

void lgim_options_read_sets(lua_State *L, int index,
                            const lgim_argument *argument,
                            const lgim_option_set *sets, int set_count) {
  index = lua_absindex(L, index);
  if (lua_isnoneornil(L, index)) return;
  if (!lua_istable(L, index)) {
    lgim_options_raise(L, argument, NULL, "table expected, got %s",
                       luaL_typename(L, index));
    return;
  }
  luaL_checkstack(L, 8, argument->function);
  for (lua_pushnil(L); lua_next(L, index) != 0; lua_pop(L, 1)) {
    const lgim_option *option;
    const char *key;
    void *out = NULL;
    size_t n;
    /* Only strings: lua_tolstring would turn a number into one, in place. */
    if (lua_type(L, -2) != LUA_TSTRING) {
      lua_pushvalue(L, -2);
      lgim_options_raise(L, argument, NULL, "unknown %s [%s]", argument->noun,
                         luaL_tolstring(L, -1, NULL));
      return;
    }
    key = lua_tolstring(L, -2, &n);
    option = find(sets, set_count, key, n, &out);
    if (option == NULL) {
      raise_unknown(L, argument, sets, set_count, key, n);
      return;
    }
    read_value(L, argument, option, out);
  }
}

void lgim_options_read(lua_State *L, int index, const char *function,
                       const char *noun, const lgim_option *options,
                       void *out) {
  lgim_argument argument;
  lgim_option_set set;
  argument.function = function;
  argument.number = lua_absindex(L, index);
  argument.noun = noun;
  argument.level = 1;
  set.options = options;
  set.out = out;
  lgim_options_read_sets(L, index, &argument, &set, 1);
}

bool lgim_options_micro(double credits, int64_t *micro) {
  if (!(credits >= 0 && credits <= 1e9)) return false;
  *micro = (int64_t)(credits * 1e6 + 0.5);
  return true;
}
