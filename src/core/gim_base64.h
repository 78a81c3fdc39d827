/* SPDX-License-Identifier: MIT */
/*
** gim_base64.h - streaming decoder of base64   [floor 1]
**
** RFC 4648 section 4 (the alphabet with + and /). What services really send is
** allowed beyond it: CR and LF anywhere, and padding that is missing or short
** at the end. Everything else is strict: no other white space, `=` only where
** padding belongs, nothing but CR and LF behind it, and no bits left over
** (`aH==` is refused: its last four bits are not zero). Allocates nothing.
** There is no encoder: uploads go as the bytes they are, by multipart.
*/
#ifndef gim_base64_h
#define gim_base64_h

#include "gim_base.h"
#include "gim_simd.h"

#pragma GCC visibility push(hidden)

/* The most bytes that one call makes of `n` characters. */
#define GIM_BASE64_DECODED_MAX(n) (((n) / 4 + 1) * 3)

typedef struct gim_base64 {
  int64_t offset; /* characters eaten so far, CR and LF counted; after a
                     failure: those before the bad one */
  gim_simd simd;  /* the best there is; any that gim_simd_has may be set
                     instead, for the same results in more time */
  /* private: */
  const char *problem; /* static text; NULL while all is well */
  uint32_t bits;       /* of the characters held */
  uint8_t held;        /* 0 to 3 characters of the quantum under way */
  uint8_t padding;     /* `=` seen */
  bool escaped; /* the run before this one had a `\/`: there will be more */
} gim_base64;

/* Ready for the first character. */
void gim_base64_init(gim_base64 *b);

/*
** Decodes the next `n` characters (BORROWED during the call) into `to`, which
** has room for GIM_BASE64_DECODED_MAX(n) bytes; `*written` says how many came.
** Splitting the input differently changes neither the bytes in sum nor the
** place of an error. Returns GIM_OK, or GIM_E_PROTOCOL: err->offset (and
** b->offset) is the place of the bad character, and `*written` bytes before
** it are good. A failed decoder stays failed.
*/
GIM_MUST_CHECK gim_status gim_base64_decode(gim_base64 *b, const char *p,
                                            size_t n, unsigned char *to,
                                            size_t *written, gim_err *err);

/*
** The same within the text of a JSON string, where `\/` is a slash (some
** services write each one so). Stops before a `"`, before any other escape and
** before a backslash that is the last byte, which are no base64 but no fault
** of it either. `*eaten` says how many bytes of `p` are decoded, also after a
** failure; offsets count characters, of which `\/` is one.
*/
GIM_MUST_CHECK gim_status gim_base64_decode_run(gim_base64 *b, const char *p,
                                                size_t n, size_t *eaten,
                                                unsigned char *to,
                                                size_t *written, gim_err *err);

/*
** Says that no more characters come; up to 2 bytes go to `to`. GIM_E_PROTOCOL
** when a single character is left over or left-over bits are not zero;
** err->offset is the end then.
*/
GIM_MUST_CHECK gim_status gim_base64_finish(gim_base64 *b, unsigned char to[2],
                                            size_t *written, gim_err *err);

#pragma GCC visibility pop

#endif
