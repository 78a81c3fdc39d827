/* SPDX-License-Identifier: MIT */
/*
** lgim_options.h - tables of options and fields to C structs   [floor 9]
**
** A function that takes a table describes its keys once, in a static array of
** lgim_option, and reads the table in one walk. An unknown key, a key that is
** no string and a value of the wrong type raise, naming the argument and the
** key; nothing is converted (no "512" for 512). Values are judged elsewhere.
** Metamethods are not asked.
*/
#ifndef lgim_options_h
#define lgim_options_h

#include "gim_base.h"

#include <lua.h>
#include <stddef.h>

#pragma GCC visibility push(hidden)

typedef enum lgim_option_type {
  LGIM_STRING,   /* gim_str; BORROWED while the table holds the string */
  LGIM_INTEGER,  /* int64_t; 3.0 is 3, 2.5 raises */
  LGIM_NUMBER,   /* double; NaN raises */
  LGIM_SECONDS,  /* int64_t milliseconds, rounded up; a number from 0 to 1e9,
                    else it raises */
  LGIM_TIMEOUT,  /* likewise, but more than 0: that would mean "at once" to
                    one and "never" to another */
  LGIM_BOOLEAN,  /* bool */
  LGIM_FUNCTION, /* a function; nothing is stored but that it is there */
  LGIM_TABLE,    /* a table; likewise */
  LGIM_ANY       /* any value but nil; likewise */
} lgim_option_type;

#define LGIM_NOWHERE ((size_t)-1)

typedef struct lgim_option {
  const char *name; /* NULL ends the array */
  lgim_option_type type;
  size_t offset;  /* of the value in `out`, or LGIM_NOWHERE */
  size_t present; /* of a bool in `out` that becomes true, or LGIM_NOWHERE */
} lgim_option;

/* Some keys and the struct that they are read into. */
typedef struct lgim_option_set {
  const lgim_option *options;
  void *out; /* holds the defaults; only what the table has is written */
} lgim_option_set;

/* Whose argument is read, for messages. */
typedef struct lgim_argument {
  const char *function; /* "generate" */
  int number;           /* as the user counts: 1 for client:generate(r) */
  const char *noun;     /* "field" or "option" */
  int level; /* whose line an error names, as of luaL_where: 1 calls us, 2
                calls that one. 0: nobody's */
} lgim_argument;

/*
** Reads the table at `index` by `sets` (set_count of them; a name may stand
** in one only). nil or nothing at `index` reads as an empty table. Raises:
**   bad argument #1 to 'generate' (table expected, got string)
**   bad argument #1 to 'generate' (unknown field 'promt'; did you mean
**                                  'prompt'?)
**   bad argument #1 to 'generate' (field 'n': integer expected, got string)
** Leaves the stack as it was. Read before anything is acquired.
*/
void lgim_options_read_sets(lua_State *L, int index,
                            const lgim_argument *argument,
                            const lgim_option_set *sets, int set_count);

/* The same for one array; argument number is `index`. */
void lgim_options_read(lua_State *L, int index, const char *function,
                       const char *noun, const lgim_option *options,
                       void *out);

/*
** Raises "bad argument #1 to 'generate' (field 'size': <message>)", by
** lua_pushfstring's rules; `key` may be NULL. Does not return; the int is for
** `return lgim_options_raise(...)`.
*/
int lgim_options_raise(lua_State *L, const lgim_argument *argument,
                       const char *key, const char *format, ...);

/*
** Credits as Lua has them to micro-units, rounded; false, and `*micro` as it
** was, where they are not from 0 to 1e9.
*/
bool lgim_options_micro(double credits, int64_t *micro);

#pragma GCC visibility pop

#endif
