/* SPDX-License-Identifier: MIT */
/*
** gim_base.h - status codes, error detail, string slice, limits, version
** [floor 0]
**
** Every other file includes this one. Words used in all headers:
**   BORROWED  the pointer stays the giver's; valid until the time stated
**   OWNED     the holder must release it, with the function stated
**   MOVED     ownership passes with the call, as stated
**   COPIED    the callee keeps a copy; the caller may free its own at once
** Times are int64_t milliseconds of a monotonic clock that the caller reads;
** nothing below floor 6 knows the time. Money is int64_t micro-units (one
** credit is 1,000,000). Sizes are in bytes unless the name says otherwise.
*/
#ifndef gim_base_h
#define gim_base_h

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

/*
** LuaRocks' builtin build passes no visibility flag: without this line, which
** every header has, the module would export every gim_ symbol. It is popped
** at the end of the header: system headers that a .c file includes after it
** would be hidden too, and the module could not be linked. luaopen_* asks for
** visibility itself.
*/
#pragma GCC visibility push(hidden)

#define GIM_VERSION "0.1.0"

#define GIM_MUST_CHECK __attribute__((warn_unused_result))
#define GIM_PRINTF(text, first) __attribute__((format(printf, text, first)))

/*
** Limits. Everything that grows has one; they stand here so that a reader
** sees them together. Bytes unless the name says otherwise.
*/
#define GIM_LIMIT_REQUEST_BODY (4 * 1024 * 1024) /* JSON of one request */
#define GIM_LIMIT_SKELETON (1024 * 1024) /* reply without its pictures */
#define GIM_LIMIT_JSON_DEPTH 64          /* nested arrays and objects */
#define GIM_LIMIT_JSON_VALUES 4096       /* in one reply: 32 to a picture */
#define GIM_LIMIT_JSON_NUMBER 1024       /* characters of one that is read */
#define GIM_LIMIT_HEADER (64 * 1024)     /* all headers of one reply */
#define GIM_LIMIT_URL 8192               /* any URL, also a result link */
#define GIM_LIMIT_CALLBACK_URL 2048      /* seeds: callback_url */
#define GIM_LIMIT_TASK_ID 256            /* id given by a service */
#define GIM_LIMIT_IMAGES 128             /* pictures in one reply */
#define GIM_LIMIT_REFERENCES 16          /* seeds: image_urls */
#define GIM_LIMIT_SOURCES 64             /* pictures given to one request */
#define GIM_LIMIT_ISSUES 32              /* problems listed per request */
#define GIM_LIMIT_PATH 4096              /* a file name with its folder */
#define GIM_LIMIT_DOWNLOAD (512LL * 1024 * 1024) /* one picture */
#define GIM_LIMIT_REDIRECTS 5                    /* hops of one download */
#define GIM_LIMIT_JOURNAL_LINE (GIM_LIMIT_REQUEST_BODY + 64 * 1024)
#define GIM_LIMIT_JOURNAL_PENDING (64u * 1024 * 1024) /* not yet on disk */

/*
** What went wrong: also the closed set of err.kind in Lua (DESIGN 3), by
** gim_status_name. GIM_OK is 0 and no error.
*/
typedef enum gim_status {
  GIM_OK = 0,
  GIM_E_INVALID,      /* "invalid": refused by a rule, ours or the service's */
  GIM_E_AUTH,         /* "auth": the key, or what it may do */
  GIM_E_QUOTA,        /* "quota": no money, or over the caller's budget */
  GIM_E_RATE_LIMITED, /* "rate_limited": too many requests */
  GIM_E_REFUSED,      /* "refused": content moderation */
  GIM_E_NOT_FOUND,    /* "not_found": unknown task, model or route */
  GIM_E_SERVER,       /* "server": the service failed */
  GIM_E_NETWORK,      /* "network": name, connection, TLS, proxy, reset */
  GIM_E_TIMEOUT,      /* "timeout": a deadline of ours passed */
  GIM_E_PROTOCOL,     /* "protocol": the reply is not what a service sends */
  GIM_E_TOO_BIG,      /* "too_big": a limit of ours was reached */
  GIM_E_CANCELLED,    /* "cancelled": by the caller, or by the service */
  GIM_E_IO,           /* "io": files */
  GIM_E_NO_MEMORY     /* "no_memory" */
} gim_status;

#define GIM_STATUS_COUNT (GIM_E_NO_MEMORY + 1)

/* The kind as Lua sees it ("ok" for GIM_OK). Static storage, never NULL. */
const char *gim_status_name(gim_status status);

/* What the service charged for. See gim_task.h for how it is worked out. */
typedef enum gim_billed {
  GIM_BILLED_NO = 0, /* certainly nothing */
  GIM_BILLED_MAYBE,  /* cannot be known from here */
  GIM_BILLED_YES     /* charged */
} gim_billed;

/* "no", "maybe", "yes". Static storage, never NULL. */
const char *gim_billed_name(gim_billed billed);

/* Bytes that are not NUL-terminated. p may be NULL when n is 0. */
typedef struct gim_str {
  const char *p; /* BORROWED */
  size_t n;
} gim_str;

/* A slice of a string literal; and of a NUL-terminated string (or NULL). */
#define GIM_STR(literal) ((gim_str){"" literal, sizeof("" literal) - 1})
gim_str gim_str_of(const char *s);

/* Bytes of a file. */
typedef struct gim_range {
  int64_t offset, n;
} gim_range;

/* Same bytes; same bytes but for ASCII case; starts with `prefix`. */
bool gim_str_equal(gim_str a, gim_str b);
bool gim_str_equal_nocase(gim_str a, gim_str b);
bool gim_str_starts(gim_str s, gim_str prefix);

/* How many bytes of `s`, from the first on, are ASCII and no control
   characters: nearly all of nearly every text. */
size_t gim_str_plain(gim_str s);

/*
** Length in bytes, 1 to 4, of the UTF-8 sequence that `s` begins with, or 0
** where it is none (RFC 3629: no overlong form, no surrogate, nothing above
** U+10FFFF) or `s` is empty.
*/
size_t gim_str_sequence(gim_str s);

/* An OWNED, NUL-terminated copy of `s` (free with free()); NULL: no memory. */
char *gim_str_copy(gim_str s);

/*
** Detail of a failure: plain data in the caller's memory, written only when a
** function fails. Strings are NUL-terminated UTF-8, "" when absent, cut at a
** code point's border, without control characters, and never hold a key, a
** whole prompt or a signed URL.
*/
typedef struct gim_err {
  gim_status status;
  char message[320]; /* one line: what happened, and what to do about it */
  char field[48];    /* request field or option, "image_urls[3]" */
  char code[64];     /* the service's code, a number turned into text */
  char param[48];    /* the service's param */
  char request_id[96];
  int http_status;        /* 0: no HTTP reply was the cause */
  bool retryable;         /* the same request may succeed later */
  int64_t retry_after_ms; /* what the service asked for; -1: nothing */
  int64_t offset; /* parsers: bytes eaten before the bad one; else -1 */
} gim_err;

/*
** Empties `err` (may be NULL), sets its status and its message by printf
** rules, and returns `status`, so that `return gim_fail(err, ...)` reads
** well. Control characters in the result are replaced by '?', invalid UTF-8
** too, and a message that is too long is cut.
*/
gim_status gim_fail(gim_err *err, gim_status status, const char *format, ...)
    GIM_PRINTF(3, 4);

/*
** Copies `s` into `to` of `size` bytes (> 0), NUL-terminated, cut at a code
** point's border; control characters and invalid UTF-8 become '?'. For
** fields of gim_err and for everything else from outside that is shown.
*/
void gim_copy_text(char *to, size_t size, gim_str s);

/*
** Zeroes `n` bytes at `p` (may be NULL when `n` is 0) that held a key. Not
** memset: a compiler may drop what nothing reads afterwards.
*/
void gim_wipe(void *p, size_t n);

#pragma GCC visibility pop

#endif
