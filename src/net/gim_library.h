/* SPDX-License-Identifier: MIT */
/*
** gim_library.h - libcurl as a whole: is it there, and can it do what we need
** [floor 1]
*/
#ifndef gim_library_h
#define gim_library_h

#include "gim_base.h"

#pragma GCC visibility push(hidden)

/*
** Starts libcurl, once in a process and for good. GIM_E_INVALID: it has no
** TLS, or would block on names; GIM_E_NO_MEMORY.
*/
GIM_MUST_CHECK gim_status gim_library_start(gim_err *err);

/*
** True where taking a transfer away may wait for the thread that resolves its
** name: before 7.87.
*/
bool gim_library_blocks(void);

/* A new CURLSH * that shares names and TLS sessions. OWNED, with
   curl_share_cleanup; NULL: no memory. */
void *gim_library_share(void);

#pragma GCC visibility pop

#endif
