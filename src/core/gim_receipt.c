/* SPDX-License-Identifier: MIT */
#include "gim_receipt.h"

#include "gim_backoff.h"
#include "gim_buffer.h"
#include "gim_complaint.h"
#include "gim_json.h"
#include "gim_redact.h"
#include "gim_url.h"

#include <stdlib.h>
#include <string.h>

/* ---- times ---- */

/* `n` digits as a number; false where they are none. Moves `s` on. */
static bool take_number(gim_str *s, size_t n, int *value) {
  int number = 0;
  if (s->n < n) return false;
  for (size_t i = 0; i < n; i++) {
    if (s->p[i] < '0' || s->p[i] > '9') return false;
    number = number * 10 + (s->p[i] - '0');
  }
  s->p += n;
  s->n -= n;
  *value = number;
  return true;
}

/* One of the characters of `any`; it, or '\0' where there is none. */
static char take_char(gim_str *s, const char *any) {
  char c = s->n == 0 ? '\0' : *s->p;
  if (c == '\0' || strchr(any, c) == NULL) return '\0';
  s->p++;
  s->n--;
  return c;
}

/* ".123", which says nothing about whole seconds. */
static bool skip_fraction(gim_str *s) {
  int digit, digits = 0;
  if (take_char(s, ".,") == '\0') return true;
  while (take_number(s, 1, &digit)) digits++;
  return digits > 0;
}

/* Seconds east of Greenwich. */
static bool take_zone(gim_str *s, int *east_s) {
  int hours, minutes;
  char sign;
  *east_s = 0;
  if (take_char(s, "Zz") != '\0') return true;
  sign = take_char(s, "+-");
  if (sign == '\0' || !take_number(s, 2, &hours)) return false;
  (void)take_char(s, ":"); /* ISO 8601 can do without */
  if (!take_number(s, 2, &minutes) || hours > 23 || minutes > 59) return false;
  *east_s = (hours * 3600 + minutes * 60) * (sign == '-' ? -1 : 1);
  return true;
}

bool gim_receipt_time(gim_str text, int64_t *unix_s) {
  int year, month, day, hour, minute, second, east_s;
  if (!take_number(&text, 4, &year) || !take_char(&text, "-") ||
      !take_number(&text, 2, &month) || !take_char(&text, "-") ||
      !take_number(&text, 2, &day) || !take_char(&text, "Tt ") ||
      !take_number(&text, 2, &hour) || !take_char(&text, ":") ||
      !take_number(&text, 2, &minute) || !take_char(&text, ":") ||
      !take_number(&text, 2, &second) || !skip_fraction(&text) ||
      !take_zone(&text, &east_s) || text.n > 0)
    return false;
  if (year < 1 || month < 1 || month > 12 || day < 1 || day > 31 ||
      hour > 23 || minute > 59 || second > 60)
    return false;
  *unix_s = gim_backoff_days(year, month, day) * 86400 + hour * 3600 +
            minute * 60 + second - east_s;
  return true;
}

/* ---- replies ---- */

/* The link into `receipt`, or why it is none. */
static gim_status take_url(gim_receipt *receipt, const gim_json *data,
                           const gim_answer *answer, gim_err *err) {
  gim_json value;
  gim_buffer text;
  gim_url url;
  gim_url_fault fault;
  gim_status status;
  size_t n;
  (void)gim_json_member(data, GIM_STR("file_url"), &value);
  if (value.type != GIM_JSON_STRING || value.text.n == 2)
    return gim_fail(err, GIM_E_PROTOCOL,
                    "The file service says that the picture is there, but not "
                    "under what link.");
  gim_buffer_init(&text, GIM_LIMIT_URL);
  status = gim_json_get_string(&value, &text);
  if (status == GIM_E_NO_MEMORY)
    return gim_fail(err, status, "No memory for the link of an upload.");
  fault = status == GIM_OK
              ? gim_url_split(gim_buffer_str(&text), GIM_LIMIT_URL, &url)
              : GIM_URL_TOO_LONG;
  if (fault != GIM_URL_OK)
    status = gim_fail(err, GIM_E_PROTOCOL,
                      "The file service gave the picture a link that %s.",
                      gim_url_fault_text(fault));
  else if (gim_redact_finds(gim_buffer_str(&text), answer->secret))
    status = gim_fail(err, GIM_E_PROTOCOL,
                      "The file service put the key into the picture's link: "
                      "it is not passed on.");
  else
    receipt->url = gim_buffer_take(&text, &n);
  gim_buffer_free(&text);
  return status;
}

static void take_expiry(gim_receipt *receipt, const gim_json *data,
                        int64_t now_unix_s) {
  gim_json value;
  char text[64];
  (void)gim_json_member(data, GIM_STR("expires_at"), &value);
  (void)gim_json_copy_string(&value, text, sizeof(text));
  if (!gim_receipt_time(gim_str_of(text), &receipt->expires_unix_s))
    receipt->expires_unix_s = now_unix_s + GIM_RECEIPT_LIFE_S;
}

/* Is the word in the text, in any case? */
static bool speaks_of(gim_str text, gim_str word) {
  for (; text.n >= word.n; text.p++, text.n--)
    if (gim_str_equal_nocase((gim_str){text.p, word.n}, word)) return true;
  return false;
}

/*
** The file service's quota (files, not credits) has no code that is known:
** its words are the only sign. Who asks to come again is let come again.
*/
static void mind_quota(const gim_answer *answer, gim_err *err) {
  static const char advice[] =
      " Delete files at the file service, or give links.";
  gim_err both;
  if (err->retryable || err->status == GIM_E_TOO_BIG ||
      !speaks_of(answer->body, GIM_STR("quota")))
    return;
  if (err->status != GIM_E_QUOTA) {
    (void)gim_fail(&both, GIM_E_QUOTA, "%.*s%s",
                   (int)(sizeof(both.message) - sizeof(advice)), err->message,
                   advice);
    memcpy(err->message, both.message, sizeof(err->message));
  }
  err->status = GIM_E_QUOTA;
}

static gim_status read_failure(const gim_json *root, const gim_answer *answer,
                               gim_err *err) {
  gim_complaint c;
  int64_t after;
  c.answer = answer;
  c.root = *root;
  c.form = false;
  c.upload = true;
  if (gim_complaint_read(&c, "the link of a file", err) != GIM_OK)
    return gim_fail(err, GIM_E_NO_MEMORY, "No memory to read a reply.");
  mind_quota(answer, err);
  after = gim_backoff_told_ms(answer->retry_after_ms, answer->retry_after,
                              answer->now_unix_s);
  if (after >= 0) err->retry_after_ms = after;
  return err->status;
}

gim_status gim_receipt_read(gim_receipt *receipt, const gim_answer *answer,
                            gim_err *err) {
  gim_json root, data, value;
  gim_err own;
  gim_status status;
  bool good = true;
  if (err == NULL) err = &own;
  memset(receipt, 0, sizeof(*receipt));
  if (gim_json_parse(answer->body, GIM_LIMIT_JSON_DEPTH, &root, NULL) !=
      GIM_OK)
    root.type = GIM_JSON_NONE;
  (void)gim_json_member(&root, GIM_STR("data"), &data);
  if (gim_json_member(&root, GIM_STR("success"), &value) &&
      gim_json_get_bool(&value, &good) && !good)
    data.type = GIM_JSON_NONE;
  if (answer->http_status >= 200 && answer->http_status <= 299 &&
      data.type == GIM_JSON_OBJECT) {
    status = take_url(receipt, &data, answer, err);
    take_expiry(receipt, &data, answer->now_unix_s);
    if (status != GIM_OK) err->http_status = answer->http_status;
  }
  else
    status = read_failure(&root, answer, err);
  if (status != GIM_OK && err->request_id[0] == '\0')
    gim_redact(err->request_id, sizeof(err->request_id), answer->request_id,
               answer->secret);
  return status;
}

void gim_receipt_free(gim_receipt *receipt) {
  free(receipt->url);
  memset(receipt, 0, sizeof(*receipt));
}
