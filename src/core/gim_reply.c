/* SPDX-License-Identifier: MIT */
#include "gim_reply.h"

#include "gim_backoff.h"
#include "gim_buffer.h"
#include "gim_complaint.h"
#include "gim_json.h"
#include "gim_redact.h"
#include "gim_split.h"

#include <stdlib.h>
#include <string.h>

#define COUNT(array) (sizeof(array) / sizeof((array)[0]))
/* A longer one in a body is none. */
#define REQUEST_ID_MAX 4096
#define KEY(literal)                                                          \
  { "" literal, sizeof("" literal) - 1 }

/* Members of an answer that every reply is asked for; those of a task first,
   as they come. */
enum {
  AT_CREATED,
  AT_ID,
  AT_MODEL,
  AT_PROGRESS,
  AT_STATUS,
  AT_TASK_INFO,
  AT_USAGE,
  AT_DATA,
  AT_TASK_ID,
  AT_ERROR,
  AT_REQUEST_ID,
  AT_COUNT
};

/* What the helpers share while one reply is read. */
typedef struct reading {
  gim_reply *reply;
  const gim_reply_input *input;
  gim_json at[AT_COUNT]; /* members of the body */
  gim_status status;     /* GIM_E_NO_MEMORY from when that happened */
} reading;

static const struct {
  gim_str word;
  gim_task_state state;
} states[] = {
    {KEY("pending"), GIM_TASK_PENDING},
    {KEY("processing"), GIM_TASK_PROCESSING},
    {KEY("completed"), GIM_TASK_COMPLETED},
    {KEY("failed"), GIM_TASK_FAILED},
    {KEY("cancelled"), GIM_TASK_CANCELLED},
    {KEY("canceled"), GIM_TASK_CANCELLED},
};

const char *gim_task_state_name(gim_task_state state) {
  for (size_t i = 0; i < COUNT(states); i++)
    if (states[i].state == state) return states[i].word.p;
  return "unknown";
}

static gim_task_state state_of(const gim_json *status) {
  char room[16];
  gim_str word = gim_json_text(status, room, sizeof(room));
  for (size_t i = 0; i < COUNT(states); i++)
    if (gim_str_equal_nocase(word, states[i].word)) return states[i].state;
  return GIM_TASK_UNKNOWN;
}

static bool is_over(gim_task_state state) {
  return state == GIM_TASK_COMPLETED || state == GIM_TASK_FAILED ||
         state == GIM_TASK_CANCELLED;
}

/* ---- strings: what is too long, or holds what it must not, is absent ---- */

/* Is none of its bytes below `lowest` (at least 0x20), or DEL? */
static bool is_clean(gim_str s, unsigned char lowest) {
  size_t i = lowest == 0x20 ? gim_str_plain(s) : 0;
  for (; i < s.n; i++)
    if ((unsigned char)s.p[i] < lowest || s.p[i] == 0x7F) return false;
  return true;
}

/* Into `to` of `size` bytes, of which the text takes less. */
static void put_text(char *to, size_t size, gim_str text) {
  if (text.n >= size) text.n = 0;
  if (text.n > 0) memmove(to, text.p, text.n); /* it may be there */
  to[text.n] = '\0';
}

/* An id is a string or, with some gateways, a number. */
static void read_id(reading *r, const gim_json *value) {
  char *id = r->reply->id;
  size_t size = sizeof(r->reply->id);
  gim_str text = value->type == GIM_JSON_NUMBER
                     ? value->text
                     : gim_json_text(value, id, size - 1);
  if (!is_clean(text, 0x20) || gim_redact_finds(text, r->input->answer.secret))
    text.n = 0;
  put_text(id, size, text);
}

static void read_model(reading *r) {
  char *model = r->reply->model;
  size_t size = sizeof(r->reply->model);
  put_text(model, size, gim_json_text(&r->at[AT_MODEL], model, size - 1));
  gim_redact_secret(model, r->input->answer.secret);
}

static bool is_link(gim_str s) {
  static const gim_str schemes[] = {KEY("https://"), KEY("http://")};
  for (size_t i = 0; i < COUNT(schemes); i++) {
    gim_str begin = {s.p, schemes[i].n};
    if (s.n > begin.n && gim_str_equal_nocase(begin, schemes[i]))
      return is_clean(s, 0x21);
  }
  return false;
}

/* A copy that the reply owns, or NULL: none, or no memory. */
static char *take_url(reading *r, const gim_json *value) {
  char room[GIM_LIMIT_URL], *url;
  gim_str text = gim_json_text(value, room, sizeof(room));
  if (!is_link(text)) return NULL;
  url = gim_str_copy(text);
  if (url == NULL) r->status = GIM_E_NO_MEMORY;
  return url;
}

/* The same of a string that may be of any length; NULL where it is "". */
static char *take_prompt(reading *r, const gim_json *value) {
  gim_buffer b;
  gim_status status;
  size_t n;
  gim_buffer_init(&b, value->text.n);
  status = gim_json_get_string(value, &b);
  if (status == GIM_E_NO_MEMORY) r->status = status;
  return gim_buffer_take(&b, &n);
}

/* ---- pictures ---- */

/* Members of a picture. Links: where the services' own clients look, in their
   order. */
enum { IN_LINKS = 5, IN_PAYLOAD = IN_LINKS, IN_PROMPT, IN_COUNT };

/* The link in a string, or in one of an object's members; or NULL. */
static char *take_link(reading *r, const gim_json *item, const gim_json *in) {
  char *url = take_url(r, item);
  for (size_t i = 0; i < IN_LINKS && url == NULL; i++) {
    gim_json member = in[i];
    if (member.type == GIM_JSON_OBJECT) /* image_url: {url: "..."} */
      (void)gim_json_member(&member, GIM_STR("url"), &member);
    url = take_url(r, &member);
  }
  return url;
}

static int payload_of(const reading *r, const gim_json *value) {
  gim_str text;
  int payload;
  if (value->type != GIM_JSON_STRING) return -1;
  text.p = value->text.p + 1;
  text.n = value->text.n - 2;
  payload = gim_split_placeholder(text);
  return payload < r->input->payloads ? payload : -1;
}

static void add_image(reading *r, const gim_json *item) {
  static const gim_str keys[IN_COUNT] = {KEY("url"),
                                         KEY("image_url"),
                                         KEY("result_url"),
                                         KEY("file_url"),
                                         KEY("output_url"),
                                         [IN_PAYLOAD] = KEY("b64_json"),
                                         [IN_PROMPT] = KEY("revised_prompt")};
  gim_reply *reply = r->reply;
  gim_reply_image image = {NULL, NULL, -1}, *images;
  size_t size = sizeof(*images) * ((size_t)reply->image_count + 1);
  gim_json in[IN_COUNT];
  if (r->status != GIM_OK) return;
  gim_json_members(item, keys, in, IN_COUNT);
  image.url = take_link(r, item, in);
  image.payload = payload_of(r, &in[IN_PAYLOAD]);
  if (image.url == NULL && image.payload < 0) return;
  if (reply->image_count == GIM_LIMIT_IMAGES) {
    reply->images_left_out++;
    free(image.url);
    return;
  }
  image.revised_prompt = take_prompt(r, &in[IN_PROMPT]);
  images = r->status == GIM_OK ? realloc(reply->images, size) : NULL;
  if (images == NULL) {
    free(image.url);
    free(image.revised_prompt);
    r->status = GIM_E_NO_MEMORY;
    return;
  }
  reply->images = images;
  images[reply->image_count++] = image;
}

/* A list of pictures, or one that stands alone. */
static void add_images(reading *r, const gim_json *value) {
  gim_json_cursor at;
  if (value->type != GIM_JSON_ARRAY) {
    add_image(r, value);
    return;
  }
  for (bool more = gim_json_first(value, &at); more; more = gim_json_next(&at))
    add_image(r, &at.value);
}

/* Of a task the first place with a picture counts: others repeat it. A list
   `data` was looked into before, and had none. */
static void add_results(reading *r) {
  static const gim_str keys[] = {KEY("results"),    KEY("data"),
                                 KEY("result_url"), KEY("url"),
                                 KEY("file_url"),   KEY("output_url"),
                                 KEY("result"),     KEY("result_data")};
  const gim_json *data = &r->at[AT_DATA];
  gim_json values[COUNT(keys)];
  gim_json_members(&r->input->root, keys, values, COUNT(keys));
  for (size_t i = 0; i < COUNT(keys) && r->reply->image_count == 0; i++)
    if (data->type != GIM_JSON_ARRAY || values[i].text.p != data->text.p)
      add_images(r, &values[i]);
}

/* ---- numbers ---- */

/* In micro-units, or -1. */
static int64_t micro_of(const gim_json *value) {
  int64_t micro = -1;
  return gim_json_get_micro(value, &micro) && micro >= 0 ? micro : -1;
}

static void read_usage(reading *r) {
  static const gim_str keys[] = {KEY("credits_reserved"), KEY("credits_used"),
                                 KEY("cost")};
  gim_json values[COUNT(keys)], credits;
  gim_json_members(&r->at[AT_USAGE], keys, values, COUNT(keys));
  r->reply->credits_reserved_micro = micro_of(&values[0]);
  r->reply->credits_used_micro = micro_of(&values[1]);
  if (r->reply->credits_used_micro >= 0) return;
  (void)gim_json_member(&values[2], GIM_STR("credits"), &credits);
  r->reply->credits_used_micro = micro_of(&credits);
}

static void read_details(reading *r) {
  gim_reply *reply = r->reply;
  static const gim_str keys[] = {KEY("can_cancel"), KEY("estimated_time")};
  gim_json info[COUNT(keys)];
  bool can_cancel;
  int64_t number = micro_of(&r->at[AT_PROGRESS]);
  if (number >= 0)
    reply->progress = number > 100000000 ? 100 : (int)(number / 1000000);
  gim_json_members(&r->at[AT_TASK_INFO], keys, info, COUNT(keys));
  if (gim_json_get_bool(&info[0], &can_cancel)) reply->can_cancel = can_cancel;
  number = micro_of(&info[1]);
  if (number >= 0) reply->estimated_ms = number / 1000;
  if (gim_json_get_int64(&r->at[AT_CREATED], &number) && number > 0)
    reply->created_unix_s = number;
  read_usage(r);
  read_model(r);
}

/* ---- shapes ---- */

static gim_complaint complaint_of(const reading *r) {
  gim_complaint c;
  c.answer = &r->input->answer;
  c.root = r->input->root;
  c.form = r->input->form;
  c.upload = false;
  return c;
}

/* The header's request id counts before the body's. */
static void settle_request_id(reading *r) {
  gim_reply *reply = r->reply;
  gim_err *err = &reply->err;
  if (reply->request_id[0] == '\0')
    memcpy(reply->request_id, err->request_id, sizeof(reply->request_id));
  if (reply->request_id[0] == '\0') {
    char room[REQUEST_ID_MAX];
    gim_redact(reply->request_id, sizeof(reply->request_id),
               gim_json_text(&r->at[AT_REQUEST_ID], room, sizeof(room)),
               r->input->answer.secret);
  }
  if (err->status != GIM_OK)
    memcpy(err->request_id, reply->request_id, sizeof(err->request_id));
}

static void read_error(reading *r, const char *without) {
  gim_complaint c = complaint_of(r);
  gim_reply *reply = r->reply;
  const gim_answer *answer = &r->input->answer;
  reply->shape = GIM_REPLY_ERROR;
  /* A string that found no memory looks absent: that is not the service's. */
  if (r->status == GIM_OK)
    r->status = gim_complaint_read(&c, without, &reply->err);
  if (r->status != GIM_OK) return;
  reply->err.retry_after_ms = gim_backoff_told_ms(
      answer->retry_after_ms, answer->retry_after, answer->now_unix_s);
}

static bool says_error(const gim_json *error) {
  return error->type == GIM_JSON_OBJECT ||
         (error->type == GIM_JSON_STRING && error->text.n > 2);
}

/*
** A task has an id and a status. A poll's answer needs no id: it was asked
** for by one. What was paid for is not given up over a missing status, as
** long as there is an id to ask for and no error.
*/
static bool read_task(reading *r) {
  gim_reply *reply = r->reply;
  const gim_json *status = &r->at[AT_STATUS];
  read_id(r, &r->at[r->at[AT_ID].type != GIM_JSON_NONE ? AT_ID : AT_TASK_ID]);
  reply->state = state_of(status);
  if (reply->id[0] == '\0' && !is_over(reply->state) &&
      !(r->input->poll && reply->state != GIM_TASK_UNKNOWN))
    return false;
  if (status->type == GIM_JSON_NONE &&
      (r->input->poll || says_error(&r->at[AT_ERROR])))
    return false;
  reply->shape = GIM_REPLY_TASK;
  if (reply->state == GIM_TASK_COMPLETED) add_results(r);
  if (reply->state == GIM_TASK_FAILED || reply->state == GIM_TASK_CANCELLED) {
    gim_complaint c = complaint_of(r);
    gim_status failed = gim_complaint_read_task(
        &c, reply->state == GIM_TASK_CANCELLED, &reply->err);
    if (failed != GIM_OK) r->status = failed;
  }
  return true;
}

static void read_success(reading *r) {
  gim_reply *reply = r->reply;
  bool data = r->at[AT_DATA].type == GIM_JSON_ARRAY;
  read_details(r);
  if (data) add_images(r, &r->at[AT_DATA]);
  if (reply->image_count > 0) {
    reply->shape = GIM_REPLY_IMAGES;
    reply->state = GIM_TASK_COMPLETED;
    return;
  }
  if (read_task(r)) return;
  read_error(r, data ? "a picture in its data" : "pictures or a task");
}

/* Texts are long, and "" by their first byte. */
static void clear(gim_err *err) {
  err->status = GIM_OK;
  err->message[0] = err->field[0] = err->code[0] = err->param[0] = '\0';
  err->request_id[0] = '\0';
  err->http_status = 0;
  err->retryable = false;
  err->retry_after_ms = err->offset = -1;
}

void gim_reply_init(gim_reply *reply) {
  memset(reply, 0, offsetof(gim_reply, err));
  clear(&reply->err);
  reply->request_id[0] = reply->id[0] = reply->model[0] = '\0';
  reply->state = GIM_TASK_UNKNOWN;
  reply->progress = reply->can_cancel = -1;
  reply->estimated_ms = -1;
  reply->credits_reserved_micro = reply->credits_used_micro = -1;
}

gim_status gim_reply_read(gim_reply *reply, const gim_reply_input *input) {
  static const gim_str keys[AT_COUNT] = {
      [AT_CREATED] = KEY("created"),      [AT_ID] = KEY("id"),
      [AT_MODEL] = KEY("model"),          [AT_PROGRESS] = KEY("progress"),
      [AT_STATUS] = KEY("status"),        [AT_TASK_INFO] = KEY("task_info"),
      [AT_USAGE] = KEY("usage"),          [AT_DATA] = KEY("data"),
      [AT_TASK_ID] = KEY("task_id"),      [AT_ERROR] = KEY("error"),
      [AT_REQUEST_ID] = KEY("request_id")};
  const gim_answer *answer = &input->answer;
  reading r;
  r.reply = reply;
  r.input = input;
  r.status = GIM_OK;
  gim_reply_init(reply);
  reply->loose = input->root.type == GIM_JSON_NONE;
  gim_redact(reply->request_id, sizeof(reply->request_id), answer->request_id,
             answer->secret);
  gim_json_members(&input->root, keys, r.at, AT_COUNT);
  if (answer->http_status >= 200 && answer->http_status <= 299 &&
      input->root.type == GIM_JSON_OBJECT)
    read_success(&r);
  else
    read_error(&r, "pictures or a task");
  settle_request_id(&r);
  return r.status;
}

void gim_reply_free(gim_reply *reply) {
  for (int i = 0; i < reply->image_count; i++) {
    free(reply->images[i].url);
    free(reply->images[i].revised_prompt);
  }
  free(reply->images);
  reply->images = NULL;
  reply->image_count = 0;
}

bool gim_reply_is_unclear(const gim_reply *reply) {
  return reply->shape == GIM_REPLY_ERROR &&
         (reply->err.http_status == 408 ||
          strcmp(reply->err.code, "paid_outcome_unknown") == 0);
}

bool gim_reply_not_accepted(const gim_reply *reply,
                            const char *const *retry_codes) {
  const gim_err *err = &reply->err;
  if (reply->shape != GIM_REPLY_ERROR || gim_reply_is_unclear(reply))
    return false;
  if (err->http_status == 429) return err->retryable;
  if (err->http_status != 503 || err->code[0] == '\0' || reply->loose)
    return false;
  for (; retry_codes != NULL && *retry_codes != NULL; retry_codes++)
    if (strcmp(*retry_codes, err->code) == 0) return true;
  return false;
}

bool gim_reply_is_refusal(const gim_reply *reply) {
  const gim_err *err = &reply->err;
  if (reply->shape != GIM_REPLY_ERROR || gim_reply_is_unclear(reply))
    return false;
  switch (err->status) {
  case GIM_E_INVALID:
  case GIM_E_AUTH:
  case GIM_E_QUOTA:
  case GIM_E_RATE_LIMITED:
  case GIM_E_REFUSED:
  case GIM_E_NOT_FOUND:
  case GIM_E_TOO_BIG: return true;
  default: break;
  }
  return err->http_status >= 300 && err->http_status < 500;
}
