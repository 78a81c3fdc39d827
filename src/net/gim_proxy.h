/* SPDX-License-Identifier: MIT */
/*
** gim_proxy.h - does a request go through a proxy?   [floor 2]
**
** libcurl decides that by itself, but does not tell. It has to be known for
** links that must lead to public hosts: the address that is connected to
** says something about the host only where there is no proxy between. For
** these the decision is made here, and then handed to libcurl.
*/
#ifndef gim_proxy_h
#define gim_proxy_h

#include "gim_base.h"

#pragma GCC visibility push(hidden)

/*
** The proxy for a request to `host` (as in a URL, without brackets): `option`
** when it is not NULL ("" is none), else the environment's, by the same
** variables that libcurl reads: http_proxy (in small letters alone),
** https_proxy, HTTPS_PROXY, all_proxy, ALL_PROXY; none where no_proxy or
** NO_PROXY names the host or a domain above it, or is "*". Ranges of
** addresses in no_proxy are not understood and do not match.
** NULL: no proxy. BORROWED from `option` or the environment.
*/
const char *gim_proxy_find(const char *option, bool https, gim_str host);

/* Does the environment name a proxy, for any request at all? */
bool gim_proxy_is_named(void);

/*
** What is wrong with a proxy's URL, for the end of a sentence that begins
** with "it"; NULL: nothing. Schemes are http, https, socks4, socks4a, socks5
** and socks5h, or none, which is http; then a host, with user name and
** password before it and a port behind it if need be. Static storage.
*/
const char *gim_proxy_fault(gim_str proxy);

/* Host and port of a proxy's URL: what may be shown of it. BORROWED. */
gim_str gim_proxy_place(gim_str proxy);

#pragma GCC visibility pop

#endif
