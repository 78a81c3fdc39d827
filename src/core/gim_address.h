/* SPDX-License-Identifier: MIT */
/*
** gim_address.h - is this host or address public?   [floor 1]
**
** For links that somebody else is to fetch (callbacks, reference pictures)
** and for those that we fetch (results). Names are not resolved here: the
** caller that connects asks gim_address_is_public again, with the address
** that it got.
*/
#ifndef gim_address_h
#define gim_address_h

#include "gim_base.h"

#pragma GCC visibility push(hidden)

/*
** `bytes` in network order, `n` 4 or 16 (anything else is not public).
** Not public: this network, private, shared (CGNAT), loopback, link-local,
** IETF assignments, documentation, benchmarks, 6to4 relays, multicast,
** reserved and broadcast; in IPv6 whatever is outside 2000::/3, and inside
** it 2001::/23 (Teredo and other assignments) and documentation. IPv4-mapped
** (::ffff:0:0/96), NAT64 (64:ff9b::/96) and 6to4 (2002::/16) addresses are as
** public as the IPv4 addresses in them; IPv4-compatible ones never.
*/
bool gim_address_is_public(const uint8_t *bytes, size_t n);

/* 127.0.0.0/8, ::1, and 127.0.0.0/8 mapped into IPv6. */
bool gim_address_is_loopback(const uint8_t *bytes, size_t n);

/* What a host, as it stands in a URL, is. */
typedef enum gim_host_kind {
  GIM_HOST_PUBLIC = 0, /* a public address, or a name that may have one */
  GIM_HOST_LOOPBACK,   /* localhost, *.localhost, or a loopback address */
  GIM_HOST_INTERNAL,   /* other addresses that are not public; names without
                          a dot; .local .internal .localdomain .home.arpa */
  GIM_HOST_UNCLEAR     /* an address that parsers read differently or not at
                          all: 0x7f.1, 017700000001, 127.1, 1.2.3.256 */
} gim_host_kind;

/*
** Judges a host: a name, an IPv4 address in any spelling, or an IPv6 address
** without its brackets. Case and one dot at the end do not matter. Only
** GIM_HOST_PUBLIC is fit for a link; an IPv4 spelling other than four plain
** decimal numbers is GIM_HOST_UNCLEAR even where the address is public.
*/
gim_host_kind gim_address_judge(gim_str host);

/*
** Reads an address: four decimal numbers, or IPv6 (RFC 4291, no zone id).
** `bytes` gets 4 or 16, `*n` says which. False: no address in that spelling;
** nothing is written.
*/
bool gim_address_parse(gim_str text, uint8_t bytes[16], size_t *n);

#pragma GCC visibility pop

#endif
