/* SPDX-License-Identifier: MIT */
/*
** gim_link.h - may a service be given this link?   [floor 2]
**
** For callback_url, image_urls and mask_url: links that somebody else will
** open. Nothing is resolved or fetched.
*/
#ifndef gim_link_h
#define gim_link_h

#include "gim_base.h"
#include "gim_issue.h"

#pragma GCC visibility push(hidden)

typedef struct gim_link_rule {
  bool https_only;
  bool allow_private;         /* private hosts, and http despite https_only */
  int64_t code_points_max;    /* 0: only GIM_LIMIT_URL, in bytes */
  const char *const *formats; /* NULL-terminated extensions without their dot;
                                 a path that ends in another image extension
                                 is refused. NULL: not looked at */
} gim_link_rule;

/*
** Reports every problem of `link` as `field`: utf8, and the rules of
** gim_url_fault_name, https, internal, image_format. What is shown of a link
** ends before its query, which may be a signature.
*/
void gim_link_check(gim_str link, const gim_link_rule *rule, const char *field,
                    gim_report *report);

#pragma GCC visibility pop

#endif
