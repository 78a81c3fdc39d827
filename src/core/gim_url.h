/* SPDX-License-Identifier: MIT */
/*
** gim_url.h - strict http(s) splitter   [floor 1]
**
** URLs that two parsers could read as two hosts are the way round every
** check of addresses. So nothing is normalised here: what is unusual is
** refused. Refused are user-info, backslashes, spaces and control characters
** anywhere, hosts with anything but [A-Za-z0-9._-] (so no % and nothing
** beyond ASCII), empty labels, an empty port, port 0, leading zeros in a
** port, and IPv6 zone ids. Paths and queries are otherwise free.
*/
#ifndef gim_url_h
#define gim_url_h

#include "gim_base.h"

#pragma GCC visibility push(hidden)

typedef enum gim_url_fault {
  GIM_URL_OK = 0,
  GIM_URL_TOO_LONG,  /* over the limit given */
  GIM_URL_CHARACTER, /* a space, a control character or a backslash */
  GIM_URL_SCHEME,    /* neither http:// nor https:// */
  GIM_URL_USER_INFO, /* user@host */
  GIM_URL_HOST,      /* empty, over-long, or with forbidden characters */
  GIM_URL_PORT       /* empty, no number, or not 1 to 65535 */
} gim_url_fault;

/* All slices BORROWED from the text that was split. */
typedef struct gim_url {
  bool https;
  bool ipv6;      /* the host stood in brackets; its digits are not judged */
  gim_str scheme; /* as written: "HTTPS" */
  gim_str host;   /* as written, without brackets: "Example.com", "::1" */
  int port;       /* as written, else 80 or 443 */
  bool has_port;  /* it was written */
  gim_str target; /* path and query as written; "" where there is neither */
  gim_str path;   /* the part of it before the '?' */
} gim_url;

/*
** Splits `text`, at most `limit` bytes. A fragment ("#...") is dropped: it
** never goes to a server. `url` is written only with GIM_URL_OK.
*/
GIM_MUST_CHECK gim_url_fault gim_url_split(gim_str text, size_t limit,
                                           gim_url *url);

/*
** A stable name ("user_info") and one half sentence ("holds a user name or
** password"). Static storage, never NULL.
*/
const char *gim_url_fault_name(gim_url_fault fault);
const char *gim_url_fault_text(gim_url_fault fault);

/*
** Writes `text` to `to` as one segment of a path: escaped but for what a URL
** never needs to escape (RFC 3986, 2.3), and so are the dots of "." and "..",
** which are no names. Returns how many bytes that are, without a NUL: at most
** 3 * text.n.
*/
size_t gim_url_write_segment(char *to, gim_str text);

#pragma GCC visibility pop

#endif
