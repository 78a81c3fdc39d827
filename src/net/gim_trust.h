/* SPDX-License-Identifier: MIT */
/*
** gim_trust.h - whose signature on a TLS certificate counts   [floor 2]
**
** Always the system's authorities, and those of the user's `ca_file` beside
** them. libcurl's own options replace the system's by the user's, and its
** default setting (a bundle and a folder) makes it parse the bundle, some
** 17 ms, for every single connection: a parsed bundle is kept only when it
** is all there is.
*/
#ifndef gim_trust_h
#define gim_trust_h

#include "gim_base.h"

#pragma GCC visibility push(hidden)

typedef struct gim_trust {
  /* private: */
  char *ca_file; /* OWNED; NULL: the system's alone */
  char *blob;    /* OWNED; both bundles in one, where there is no folder */
  size_t blob_n;
} gim_trust;

/*
** Reads what is to be trusted. `ca_file` is COPIED; NULL: none.
** GIM_E_INVALID: it cannot be read, or holds no certificate; field
** "ca_file". GIM_E_NO_MEMORY.
*/
GIM_MUST_CHECK gim_status gim_trust_init(gim_trust *trust, const char *ca_file,
                                         gim_err *err);

/*
** Sets the options of `easy` (a CURL *), which must not outlive `trust`.
** False: libcurl had no memory.
*/
GIM_MUST_CHECK bool gim_trust_apply(const gim_trust *trust, void *easy);

/* Idempotent. */
void gim_trust_free(gim_trust *trust);

#pragma GCC visibility pop

#endif
