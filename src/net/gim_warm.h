/* SPDX-License-Identifier: MIT */
/*
** gim_warm.h - what the first TLS connections cost, paid in advance
** [floor 7]
*/
#ifndef gim_warm_h
#define gim_warm_h

#include "gim_base.h"
#include "gim_net.h"

#pragma GCC visibility push(hidden)

/*
** Connects to the host of `url` once for requests and once for downloads, and
** hangs up without asking anything. After that the name is known, TLS has a
** session to resume, and the bundle of authorities, some 17 ms to load in one
** piece, is there for every later connection.
**
** Blocks until both stand, at most for the net's time to connect; meanwhile
** everything else of the net goes on. Takes no slot. The alarm is off after
** it: the caller sets it again.
** GIM_E_NETWORK, GIM_E_TIMEOUT, GIM_E_INVALID (URL; within on_done),
** GIM_E_IO, GIM_E_AUTH (a proxy), GIM_E_NO_MEMORY: the first that failed.
*/
GIM_MUST_CHECK gim_status gim_warm_up(gim_net *net, const char *url,
                                      gim_err *err);

#pragma GCC visibility pop

#endif
