/* SPDX-License-Identifier: MIT */
/*
** gim_filing_private.h - what the files of gim_filing share   [floor 9]
**
** gim_filing_name.c knows names, gim_filing.c brings bytes to them.
*/
#ifndef gim_filing_private_h
#define gim_filing_private_h

#include "gim_buffer.h"
#include "gim_filing.h"

#pragma GCC visibility push(hidden)

/*
** The file name of picture `picture`, which is whole, into `name`, which is
** empty and OWNED: gim_buffer_free whatever is returned. GIM_E_IO: it would
** be too long; GIM_E_NO_MEMORY.
*/
GIM_MUST_CHECK gim_status gim_filing_name(const gim_filing *f, int picture,
                                          gim_buffer *name, gim_err *err);

#pragma GCC visibility pop

#endif
