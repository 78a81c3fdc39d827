/* SPDX-License-Identifier: MIT */
#include "gim_verdict.h"

#include <string.h>

/* Where a row of the table of codes counts. */
typedef enum place {
  ANYWHERE,
  NOT_4XX, /* codes for trouble behind the service: with a 4xx, gateways put
              them on what is the client's fault */
  ON_429
} place;

typedef struct row {
  const char *code;
  gim_status kind;
  bool retryable;
  place place;
  const char *advice;
} row;

#define CHECK_KEY "Check the API key and what it may do."
#define TOP_UP "Top up the account, or raise the key's limit."
#define SLOW_DOWN "Ask again later and less often."
#define CHANGE_PROMPT "Change the prompt or the reference images."
#define CORRECT "Correct the request."
#define MAY_NOT_EDIT                                                          \
  "What is behind the service may not edit pictures: try another model, or "  \
  "the option edit_path."
#define CORRECT_OR_MAY_NOT_EDIT                                               \
  "Correct the request; where that is in order, the service may not edit "    \
  "pictures with this model, or not on this path: see the option edit_path."
#define ASK_SUPPORT "Ask the service's support, with the id."
#define CHECK_URL "Check the base URL and what stands between."
#define CHECK_PATH "Check the base URL, the path and the id."
#define NO_ENDPOINT                                                           \
  "The service does not have this endpoint: check the base URL and the "      \
  "paths."
#define NO_REDIRECTS "Redirects are not followed: check the base URL."
#define CHECK_MODEL "Check the model's name and what the account may use."
#define TROUBLE "The service, or a proxy before it, has trouble: try later."

/* The first row that fits counts. */
static const row http_codes[] = {
    {"quota_exceeded", GIM_E_RATE_LIMITED, true, ON_429, SLOW_DOWN},
    {"quota_exceeded", GIM_E_QUOTA, false, ANYWHERE, TOP_UP},
    {"insufficient_quota", GIM_E_QUOTA, false, ANYWHERE, TOP_UP},
    {"insufficient_user_quota", GIM_E_QUOTA, false, ANYWHERE, TOP_UP},
    {"insufficient_token_quota", GIM_E_QUOTA, false, ANYWHERE, TOP_UP},
    {"pre_consume_token_quota_failed", GIM_E_QUOTA, false, ANYWHERE, TOP_UP},
    {"quota_not_enough", GIM_E_QUOTA, false, ANYWHERE, TOP_UP},
    {"account_balance_insufficient", GIM_E_QUOTA, false, ANYWHERE, TOP_UP},
    {"key_quota_exhausted", GIM_E_QUOTA, false, ANYWHERE, TOP_UP},
    {"token_daily_quota_exceeded", GIM_E_QUOTA, false, ANYWHERE, TOP_UP},
    {"key_daily_quota_exhausted", GIM_E_QUOTA, false, ANYWHERE, TOP_UP},
    {"billing_hard_limit_reached", GIM_E_QUOTA, false, ANYWHERE, TOP_UP},

    {"unauthorized", GIM_E_AUTH, false, ANYWHERE, CHECK_KEY},
    {"invalid_api_key", GIM_E_AUTH, false, ANYWHERE, CHECK_KEY},
    {"authentication_error", GIM_E_AUTH, false, ANYWHERE, CHECK_KEY},
    {"access_denied", GIM_E_AUTH, false, ANYWHERE, CHECK_KEY},
    {"permission_denied", GIM_E_AUTH, false, ANYWHERE, CHECK_KEY},
    {"model_access_denied", GIM_E_AUTH, false, ANYWHERE, CHECK_KEY},
    {"key_model_not_allowed", GIM_E_AUTH, false, ANYWHERE, CHECK_KEY},
    {"key_disabled", GIM_E_AUTH, false, ANYWHERE, CHECK_KEY},
    {"key_expired", GIM_E_AUTH, false, ANYWHERE, CHECK_KEY},
    {"ip_restricted", GIM_E_AUTH, false, ANYWHERE,
     "The key may not be used from this address."},

    {"rate_limit_exceeded", GIM_E_RATE_LIMITED, true, ANYWHERE, SLOW_DOWN},
    {"rate_limit_error", GIM_E_RATE_LIMITED, true, ANYWHERE, SLOW_DOWN},
    {"resource_exhausted", GIM_E_RATE_LIMITED, true, ON_429, SLOW_DOWN},

    {"content_policy_violation", GIM_E_REFUSED, false, ANYWHERE,
     CHANGE_PROMPT},
    {"moderation_blocked", GIM_E_REFUSED, false, ANYWHERE, CHANGE_PROMPT},
    {"input_moderation_failed", GIM_E_REFUSED, false, ANYWHERE, CHANGE_PROMPT},
    {"content_filter", GIM_E_REFUSED, false, ANYWHERE, CHANGE_PROMPT},
    {"sensitive_content", GIM_E_REFUSED, false, ANYWHERE, CHANGE_PROMPT},
    {"sensitive_words_detected", GIM_E_REFUSED, false, ANYWHERE,
     CHANGE_PROMPT},

    {"invalid_request", GIM_E_INVALID, false, ANYWHERE, CORRECT},
    {"invalid_parameters", GIM_E_INVALID, false, ANYWHERE, CORRECT},
    {"unsupported_parameters", GIM_E_INVALID, false, ANYWHERE, CORRECT},
    {"convert_request_failed", GIM_E_INVALID, false, ANYWHERE, CORRECT},
    {"invalid_media_url", GIM_E_INVALID, false, ANYWHERE,
     "Check the links of the reference images."},
    {"image_processing_error", GIM_E_INVALID, false, ANYWHERE,
     "Check format, size and link of the reference images."},
    {"image_dimension_mismatch", GIM_E_INVALID, false, ANYWHERE,
     "Give mask and reference image the same pixels."},
    {"invalid_task_id", GIM_E_INVALID, false, ANYWHERE, "Check the task id."},
    {"idempotency_conflict", GIM_E_INVALID, false, ANYWHERE,
     "Submit it again: it then gets a key of its own."},

    {"task_not_found", GIM_E_NOT_FOUND, false, ANYWHERE,
     "Check the task id and the account."},
    {"model_not_found", GIM_E_NOT_FOUND, false, ANYWHERE, CHECK_MODEL},
    {"resource_not_found", GIM_E_NOT_FOUND, false, ANYWHERE,
     "Check the model and what the request refers to."},
    {"api_not_implemented", GIM_E_NOT_FOUND, false, ANYWHERE, NO_ENDPOINT},

    {"request_cancelled", GIM_E_CANCELLED, false, ANYWHERE,
     "Submit it again if it is still wanted."},

    {"paid_outcome_unknown", GIM_E_SERVER, true, ANYWHERE,
     "It may have been accepted: look for the task before paying again."},
    {"service_error", GIM_E_SERVER, true, NOT_4XX, TROUBLE},
    {"service_unavailable", GIM_E_SERVER, true, NOT_4XX, TROUBLE},
    {"internal_error", GIM_E_SERVER, true, NOT_4XX, TROUBLE},
    {"unknown_error", GIM_E_SERVER, true, NOT_4XX, TROUBLE},
    {"upstream_error", GIM_E_SERVER, true, NOT_4XX, TROUBLE},
    {"generation_timeout", GIM_E_SERVER, true, NOT_4XX, TROUBLE},
    {"resource_exhausted", GIM_E_SERVER, true, NOT_4XX, TROUBLE},
    {"do_request_failed", GIM_E_SERVER, true, NOT_4XX, TROUBLE},
    {"get_channel_failed", GIM_E_SERVER, true, NOT_4XX, TROUBLE},
    {"channel_selection_failed", GIM_E_SERVER, true, NOT_4XX, TROUBLE},
    {"no_available_channel", GIM_E_SERVER, true, NOT_4XX, TROUBLE},
    {"model_unavailable", GIM_E_SERVER, true, NOT_4XX, TROUBLE},
};

/* Statuses that say more than their hundred does. */
typedef struct status_row {
  int from, to;
  gim_verdict verdict;
} status_row;

static const status_row http_statuses[] = {
    {401, 401, {GIM_E_AUTH, false, CHECK_KEY, -1}},
    {402, 402, {GIM_E_QUOTA, false, TOP_UP, -1}},
    {403, 403, {GIM_E_AUTH, false, CHECK_KEY, -1}},
    {404, 404, {GIM_E_NOT_FOUND, false, CHECK_PATH, -1}},
    {405, 405, {GIM_E_NOT_FOUND, false, NO_ENDPOINT, -1}},
    {407,
     407,
     {GIM_E_NETWORK, false,
      "Give the proxy its password, with the option `proxy`.", -1}},
    {408, 408, {GIM_E_SERVER, true, TROUBLE, -1}},
    {410,
     410,
     {GIM_E_NOT_FOUND, false, "It was there once: results live 24 hours.",
      -1}},
    {413, 413, {GIM_E_TOO_BIG, false, "Send smaller images.", -1}},
    {425, 425, {GIM_E_SERVER, true, TROUBLE, -1}},
    {429, 429, {GIM_E_RATE_LIMITED, true, SLOW_DOWN, -1}},
    {451, 451, {GIM_E_REFUSED, false, CHANGE_PROMPT, -1}},
    {400, 499, {GIM_E_INVALID, false, CORRECT, -1}},
    {501, 501, {GIM_E_NOT_FOUND, false, NO_ENDPOINT, -1}},
    {505, 505, {GIM_E_PROTOCOL, false, CHECK_URL, -1}},
    {500, 599, {GIM_E_SERVER, true, TROUBLE, -1}},
    {300, 399, {GIM_E_PROTOCOL, false, NO_REDIRECTS, -1}},
};

static const row task_codes[] = {
    {"content_policy_violation", GIM_E_REFUSED, false, ANYWHERE,
     CHANGE_PROMPT},
    {"invalid_parameters", GIM_E_INVALID, false, ANYWHERE, CORRECT},
    {"image_processing_error", GIM_E_INVALID, false, ANYWHERE,
     "Check format, size and link of the reference images."},
    {"image_dimension_mismatch", GIM_E_INVALID, false, ANYWHERE,
     "Give mask and reference image the same pixels."},
    {"request_cancelled", GIM_E_CANCELLED, false, ANYWHERE,
     "Submit it again if it is still wanted."},
    {"generation_failed_no_content", GIM_E_SERVER, false, ANYWHERE,
     "Change the prompt."},
    {"service_error", GIM_E_SERVER, true, ANYWHERE,
     "Wait a minute before submitting it again."},
    {"generation_timeout", GIM_E_SERVER, true, ANYWHERE, "Submit it again."},
    {"resource_exhausted", GIM_E_SERVER, true, ANYWHERE,
     "Wait 1 to 5 minutes before submitting it again."},
    {"quota_exceeded", GIM_E_RATE_LIMITED, true, ANYWHERE,
     "Submit fewer tasks at once, some seconds apart."},
    {"service_unavailable", GIM_E_SERVER, true, ANYWHERE,
     "Wait some minutes before submitting it again."},
    {"resource_not_found", GIM_E_NOT_FOUND, false, ANYWHERE,
     "Check the model and what the request refers to."},
    {"unknown_error", GIM_E_SERVER, false, ANYWHERE, ASK_SUPPORT},
    {"model_unavailable", GIM_E_SERVER, false, ANYWHERE,
     "Try another model, or later."},
    {"upstream_error", GIM_E_SERVER, false, ANYWHERE, "Try later."},
};

/* The shortest that the service's page of task errors asks to wait. */
static const struct {
  const char *code;
  int64_t ms;
} pauses[] = {{"service_error", 30000},
              {"resource_exhausted", 60000},
              {"quota_exceeded", 2000},
              {"service_unavailable", 120000}};

#define COUNT(table) (sizeof(table) / sizeof((table)[0]))

static bool counts(const row *r, int http_status) {
  switch (r->place) {
  case ON_429: return http_status == 429;
  case NOT_4XX: return http_status < 400 || http_status > 499;
  case ANYWHERE: break;
  }
  return true;
}

static const row *find(const row *rows, size_t count, gim_str code,
                       int http_status) {
  if (code.n == 0) return NULL;
  for (size_t i = 0; i < count; i++)
    if (gim_str_equal(gim_str_of(rows[i].code), code) &&
        counts(&rows[i], http_status))
      return &rows[i];
  return NULL;
}

static gim_verdict verdict_of(const row *r) {
  gim_verdict verdict = {r->kind, r->retryable, r->advice, -1};
  return verdict;
}

gim_verdict gim_verdict_http(int http_status, gim_str code, gim_str type) {
  gim_verdict verdict = {GIM_E_PROTOCOL, false, CHECK_URL, -1};
  const row *r = find(http_codes, COUNT(http_codes), code, http_status);
  if (r == NULL) r = find(http_codes, COUNT(http_codes), type, http_status);
  if (r != NULL) return verdict_of(r);
  for (size_t i = 0; i < COUNT(http_statuses); i++)
    if (http_status >= http_statuses[i].from &&
        http_status <= http_statuses[i].to)
      return http_statuses[i].verdict;
  return verdict;
}

gim_verdict gim_verdict_form(gim_verdict verdict) {
  if (verdict.kind == GIM_E_NOT_FOUND)
    verdict.advice = MAY_NOT_EDIT;
  else if (strcmp(verdict.advice, CORRECT) == 0)
    verdict.advice = CORRECT_OR_MAY_NOT_EDIT;
  return verdict;
}

gim_verdict gim_verdict_upload(gim_verdict verdict) {
  static const struct {
    const char *of_service, *of_files;
  } advice[] = {
      {CHECK_URL, "Check files_url and what stands between."},
      {CHECK_PATH, "Check files_url."},
      {NO_ENDPOINT, "There is no file service: check files_url."},
      {NO_REDIRECTS, "Redirects are not followed: check files_url."},
  };
  for (size_t i = 0; i < COUNT(advice); i++)
    if (strcmp(verdict.advice, advice[i].of_service) == 0) {
      verdict.advice = advice[i].of_files;
      break;
    }
  return verdict;
}

gim_verdict gim_verdict_task(gim_str code) {
  gim_verdict verdict = {GIM_E_SERVER, false, ASK_SUPPORT, -1};
  const row *r = find(task_codes, COUNT(task_codes), code, 200);
  if (r != NULL) {
    verdict = verdict_of(r);
    for (size_t i = 0; i < COUNT(pauses); i++)
      if (gim_str_equal(code, gim_str_of(pauses[i].code)))
        verdict.pause_ms = pauses[i].ms;
    return verdict;
  }
  r = find(http_codes, COUNT(http_codes), code, 200);
  if (r == NULL) return verdict;
  verdict = verdict_of(r);
  /* A failed task is over; to pay for another one needs a clear word. */
  if (verdict.kind != GIM_E_RATE_LIMITED) verdict.retryable = false;
  return verdict;
}
