/* SPDX-License-Identifier: MIT */
/*
** gim_prepare.h - what is asked for, turned into what libcurl is told
** [floor 5]
*/
#ifndef gim_prepare_h
#define gim_prepare_h

#include "gim_base.h"
#include "gim_transfer.h"

#pragma GCC visibility push(hidden)

/*
** Makes an idle transfer ready to be added to a multi; arguments and results
** are those of gim_net_start. A transfer that failed here is idle again.
*/
GIM_MUST_CHECK gim_status gim_prepare(gim_transfer *t,
                                      const gim_transfer_spec *spec,
                                      const gim_transfer_callbacks *calls,
                                      void *ud, gim_err *err);

#pragma GCC visibility pop

#endif
