/* SPDX-License-Identifier: MIT */
#include "gim_link.h"

#include "gim_address.h"
#include "gim_url.h"
#include "gim_utf8.h"

#include <string.h>

/* Extensions that promise a picture. Any other path may be a download. */
static const char *const image_extensions[] = {
    "png", "jpg",  "jpeg", "webp", "gif", "bmp", "tif", "tiff",
    "svg", "heic", "heif", "avif", "jxl", "ico", "psd", NULL};

#define EXTENSION_MAX 8

/* What may be shown: nothing behind '?' or '#', nothing where a password may
   stand. */
static gim_str shown(gim_str link) {
  if (link.n > 0 && memchr(link.p, '@', link.n) != NULL) return GIM_NOTHING;
  for (size_t i = 0; i < link.n; i++)
    if (link.p[i] == '?' || link.p[i] == '#') link.n = i;
  return link;
}

/* The path's extension in lower case, "" when it has none that is short. */
static void extension_of(gim_str path, char to[EXTENSION_MAX]) {
  size_t start = path.n, n;
  to[0] = '\0';
  while (start > 0 && path.p[start - 1] != '.' && path.p[start - 1] != '/')
    start--;
  n = path.n - start;
  if (start == 0 || path.p[start - 1] != '.' || n >= EXTENSION_MAX) return;
  for (size_t i = 0; i < n; i++) {
    char c = path.p[start + i];
    to[i] = (char)(c >= 'A' && c <= 'Z' ? c - 'A' + 'a' : c);
  }
  to[n] = '\0';
}

static void check_host(const gim_url *url, gim_str link, const char *field,
                       gim_report *report) {
  switch (gim_address_judge(url->host)) {
  case GIM_HOST_PUBLIC: return;
  case GIM_HOST_UNCLEAR:
    gim_report_add(report, GIM_REFUSAL, field, "internal", shown(link), NULL,
                   "the host is a number that programs read as different "
                   "addresses");
    return;
  case GIM_HOST_LOOPBACK:
  case GIM_HOST_INTERNAL: break;
  }
  gim_report_add(report, GIM_REFUSAL, field, "internal", shown(link), NULL,
                 "the host is not on the public internet, the service cannot "
                 "reach it (allow_private sends it)");
}

static void check_format(const gim_url *url, const gim_link_rule *rule,
                         gim_str link, const char *field, gim_report *report) {
  char extension[EXTENSION_MAX];
  gim_str name;
  extension_of(url->path, extension);
  name = gim_str_of(extension);
  if (!gim_choice_has(image_extensions, name) ||
      gim_choice_has(rule->formats, name))
    return;
  gim_report_add(report, GIM_REFUSAL, field, "image_format", shown(link),
                 rule->formats[0], "the service does not take .%s pictures",
                 extension);
}

void gim_link_check(gim_str link, const gim_link_rule *rule, const char *field,
                    gim_report *report) {
  gim_utf8_facts facts = gim_utf8_read(link);
  bool https = rule->https_only && !rule->allow_private;
  gim_url url;
  gim_url_fault fault;
  if (!facts.valid) {
    gim_report_add(report, GIM_SAFETY, field, "utf8", GIM_NOTHING, NULL,
                   "the link is not valid UTF-8 (byte %zu)",
                   facts.bad_offset + 1);
    return;
  }
  fault = gim_url_split(link, GIM_LIMIT_URL, &url);
  if (fault != GIM_URL_TOO_LONG && rule->code_points_max > 0 &&
      facts.code_points > rule->code_points_max)
    gim_report_add(report, GIM_REFUSAL, field, "too_long", shown(link), NULL,
                   "the link has %lld characters, at most %lld are allowed",
                   (long long)facts.code_points,
                   (long long)rule->code_points_max);
  if (fault != GIM_URL_OK) {
    /* What is over our own limit, or would break a line, goes nowhere. */
    gim_report_add(
        report,
        fault == GIM_URL_TOO_LONG || facts.control ? GIM_SAFETY : GIM_REFUSAL,
        field, gim_url_fault_name(fault), shown(link), NULL, "the link %s",
        fault == GIM_URL_SCHEME && https ? "does not begin with https://"
                                         : gim_url_fault_text(fault));
    return;
  }
  if (https && !url.https)
    gim_report_add(report, GIM_REFUSAL, field, "https", shown(link), NULL,
                   "only https links are opened");
  if (!rule->allow_private) check_host(&url, link, field, report);
  if (rule->formats != NULL) check_format(&url, rule, link, field, report);
}
