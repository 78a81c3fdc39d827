/* SPDX-License-Identifier: MIT */
#include "gim_complaint.h"

#include "gim_buffer.h"
#include "gim_redact.h"
#include "gim_verdict.h"

#include <string.h>

#define TAIL ((size_t)4096)         /* bytes of a message that are searched */
#define LOOKED_INTO ((size_t)65536) /* of a body that is no JSON */
#define QUOTED 80       /* bytes of a foreign body that an error shows */
#define CONTENT_TYPE 48 /* and of its type */
#define KEY(literal)                                                          \
  { "" literal, sizeof("" literal) - 1 }

/* The parts of a complaint: slices of the body, or GIM_JSON_NONE. */
typedef struct parts {
  gim_json message;
  gim_json code; /* a string or a number */
  gim_json type;
  gim_json param;
  gim_json request_id;
  bool says_no; /* there is an error, or success is false */
} parts;

/* Where they are looked for: in the reply, and in its `error`. */
enum {
  AT_MESSAGE, /* three names for it, in the order in which they count */
  AT_MSG,
  AT_DETAIL,
  AT_CODE,
  AT_TYPE,
  AT_PARAM,
  AT_REQUEST_ID,
  AT_ERROR,
  AT_SUCCESS,
  AT_COUNT
};

static void look_into(const gim_json *object, gim_json at[AT_COUNT]) {
  static const gim_str keys[AT_COUNT] = {
      [AT_MESSAGE] = KEY("message"), [AT_MSG] = KEY("msg"),
      [AT_DETAIL] = KEY("detail"),   [AT_CODE] = KEY("code"),
      [AT_TYPE] = KEY("type"),       [AT_PARAM] = KEY("param"),
      [AT_ERROR] = KEY("error"),     [AT_REQUEST_ID] = KEY("request_id"),
      [AT_SUCCESS] = KEY("success")};
  gim_json_members(object, keys, at, AT_COUNT);
}

/* The value where it is a string and not "", else NONE. */
static gim_json text_of(gim_json value) {
  if (value.type != GIM_JSON_STRING || value.text.n == 2)
    value.type = GIM_JSON_NONE;
  return value;
}

static gim_json message_of(const gim_json at[AT_COUNT]) {
  gim_json value = text_of(at[AT_MESSAGE]);
  if (value.type == GIM_JSON_NONE) value = text_of(at[AT_MSG]);
  if (value.type == GIM_JSON_NONE) value = text_of(at[AT_DETAIL]);
  return value;
}

static parts take_apart(const gim_json *root) {
  parts of;
  gim_json outer[AT_COUNT], inner[AT_COUNT], *at = outer, error;
  bool good;
  look_into(root, outer);
  error = outer[AT_ERROR];
  if (error.type == GIM_JSON_OBJECT) {
    look_into(&error, inner);
    at = inner;
  }
  else
    error = text_of(error);
  of.says_no = error.type != GIM_JSON_NONE ||
               (gim_json_get_bool(&outer[AT_SUCCESS], &good) && !good);
  of.message = message_of(at);
  if (of.message.type == GIM_JSON_NONE) of.message = text_of(error);
  if (of.message.type == GIM_JSON_NONE) of.message = message_of(outer);
  of.code = at[AT_CODE];
  if (of.code.type != GIM_JSON_NUMBER) of.code = text_of(of.code);
  of.type = text_of(at[AT_TYPE]);
  of.param = text_of(at[AT_PARAM]);
  of.request_id = text_of(at[AT_REQUEST_ID]);
  if (of.request_id.type == GIM_JSON_NONE)
    of.request_id = text_of(outer[AT_REQUEST_ID]);
  return of;
}

/* A code of 400 to 599, as a number or as text, is a status; else 0. */
static int code_as_status(const gim_json *code) {
  char text[8];
  gim_json number = *code;
  int64_t value;
  if (code->type == GIM_JSON_STRING) {
    if (code->text.n != 5) return 0;
    (void)gim_json_copy_string(code, text, sizeof(text));
    for (size_t i = 0; i < 3; i++)
      if (text[i] < '0' || text[i] > '9') return 0;
    number.type = GIM_JSON_NUMBER;
    number.text = gim_str_of(text);
  }
  if (!gim_json_get_int64(&number, &value)) return 0;
  return value >= 400 && value <= 599 ? (int)value : 0;
}

/* The X of "(request id: X)" at the end of a message. */
static void request_id_of(gim_str message, gim_str secret, char *to,
                          size_t size) {
  static const gim_str mark = {"(request id: ", 13};
  if (message.n > TAIL) {
    message.p += message.n - TAIL;
    message.n = TAIL;
  }
  while (message.n > mark.n) {
    const char *open = memchr(message.p, '(', message.n - mark.n), *close;
    gim_str id;
    if (open == NULL) return;
    message.n -= (size_t)(open - message.p) + 1;
    message.p = open + 1;
    if (!gim_str_starts((gim_str){open, message.n + 1}, mark)) continue;
    id.p = open + mark.n;
    id.n = message.n + 1 - mark.n;
    close = memchr(id.p, ')', id.n);
    if (close == NULL) return;
    id.n = (size_t)(close - id.p);
    gim_redact(to, size, id, secret);
    return;
  }
}

/* Ends a text like a sentence, so that advice may follow it. */
static void end_sentence(char *text, size_t size) {
  size_t n = strlen(text);
  if (n == 0 || n + 1 >= size) return;
  /* Other scripts have full stops of their own: no ASCII there. */
  if ((unsigned char)text[n - 1] >= 0x80) return;
  if (strchr(".!?:;", text[n - 1]) != NULL) return;
  text[n] = '.';
  text[n + 1] = '\0';
}

/*
** Takes the last sentence off a text when the advice begins with it: services
** give the same advice in fewer words.
*/
static void drop_echo(char *text, const char *advice) {
  size_t end = strlen(text), at, n;
  while (end > 0 && strchr(".!", text[end - 1]) != NULL) end--;
  for (at = end; at > 0 && text[at - 1] != ' '; at--) continue;
  while (at > 1 && strchr(".!?:;", text[at - 2]) == NULL)
    for (at--; at > 0 && text[at - 1] != ' '; at--) continue;
  n = end - at;
  if (n == 0 || n > strlen(advice) || strchr(" .", advice[n]) == NULL) return;
  if (gim_str_equal_nocase((gim_str){text + at, n}, (gim_str){advice, n}))
    text[at > 0 ? at - 1 : 0] = '\0';
}

/* ---- bodies that are no JSON as a whole ---- */

/* What is no UTF-8 becomes `?`. */
static void make_utf8(char *p, size_t n) {
  for (size_t i = 0, length; i < n; i += length) {
    length = gim_str_sequence((gim_str){p + i, n - i});
    if (length > 0) continue;
    p[i] = '?';
    length = 1;
  }
}

/* The object that `s` begins with, as far as braces and quotes tell; or
   nothing. */
static gim_str first_object(gim_str s) {
  static const gim_str mark = {"\xEF\xBB\xBF", 3}, nothing = {NULL, 0};
  size_t begin = gim_str_starts(s, mark) ? mark.n : 0, depth = 0;
  bool quoted = false;
  while (begin < s.n && memchr(" \t\r\n", s.p[begin], 4) != NULL) begin++;
  for (size_t i = begin; i < s.n; i++) {
    char c = s.p[i];
    if (quoted && c == '\\')
      i++;
    else if (c == '"')
      quoted = !quoted;
    else if (!quoted && c == '{')
      depth++;
    else if (!quoted && c == '}' && --depth == 0)
      return (gim_str){s.p + begin, i + 1 - begin};
    if (depth == 0) break;
  }
  return nothing;
}

/*
** Looks for an error in a body that is no JSON: something may stand behind it,
** or it has bytes that are no UTF-8. `root` is NONE where there is none; else
** it lives in `room`, which is OWNED in any case. GIM_OK or GIM_E_NO_MEMORY.
*/
static gim_status find_error(const gim_answer *answer, gim_buffer *room,
                             gim_json *root) {
  gim_str body = answer->body;
  gim_status status;
  parts of;
  memset(root, 0, sizeof(*root));
  gim_buffer_init(room, LOOKED_INTO);
  if (body.n == 0 || body.n > LOOKED_INTO) return GIM_OK;
  status = gim_buffer_append(room, body.p, body.n);
  if (status != GIM_OK) return status;
  make_utf8(room->p, room->n);
  status = gim_json_parse_few(first_object(gim_buffer_str(room)),
                              GIM_LIMIT_JSON_DEPTH, GIM_LIMIT_JSON_VALUES,
                              root, NULL);
  if (status != GIM_OK) return GIM_OK;
  of = take_apart(root);
  if (!of.says_no && of.message.type == GIM_JSON_NONE)
    root->type = GIM_JSON_NONE;
  return GIM_OK;
}

/* What stands in for the words that did not come. */
static void describe(const gim_complaint *c, const char *code,
                     const char *without, char *text, size_t size) {
  char quoted[QUOTED + 1], type[CONTENT_TYPE + 1];
  gim_err line;
  gim_redact(quoted, sizeof(quoted), c->answer->body, c->answer->secret);
  gim_redact(type, sizeof(type), c->answer->content_type, c->answer->secret);
  if (quoted[0] == '\0')
    (void)gim_fail(&line, GIM_E_PROTOCOL, "HTTP %d with an empty body.",
                   c->answer->http_status);
  else if (c->root.type == GIM_JSON_NONE)
    (void)gim_fail(&line, GIM_E_PROTOCOL,
                   "HTTP %d with a body that is no JSON%s%s%s: '%s'.",
                   c->answer->http_status, type[0] != '\0' ? " (" : "", type,
                   type[0] != '\0' ? ")" : "", quoted);
  else if (code[0] != '\0')
    (void)gim_fail(&line, GIM_E_PROTOCOL, "HTTP %d, %s.",
                   c->answer->http_status, code);
  else if (without[0] != '\0')
    (void)gim_fail(&line, GIM_E_PROTOCOL, "HTTP %d without %s: '%s'.",
                   c->answer->http_status, without, quoted);
  else
    (void)gim_fail(&line, GIM_E_PROTOCOL, "HTTP %d: '%s'.",
                   c->answer->http_status, quoted);
  gim_copy_text(text, size, gim_str_of(line.message));
}

/* The string unescaped, into a buffer that is OWNED when this is GIM_OK. */
static gim_status unescape(const gim_json *value, gim_buffer *to) {
  gim_status status;
  gim_buffer_init(to, value->text.n);
  if (value->type != GIM_JSON_STRING) return GIM_OK;
  status = gim_json_get_string(value, to);
  if (status != GIM_OK) gim_buffer_free(to);
  return status;
}

/*
** A string or number, fit to be shown; "" when it is none. Not as it stands in
** the JSON: the whole of it is needed to find a key that a cut would halve.
*/
static gim_status copy_shown(const gim_complaint *c, const gim_json *value,
                             char *to, size_t size) {
  gim_buffer whole;
  gim_status status = unescape(value, &whole);
  to[0] = '\0';
  if (status != GIM_OK) return status;
  gim_redact(to, size,
             value->type == GIM_JSON_NUMBER ? value->text
                                            : gim_buffer_str(&whole),
             c->answer->secret);
  gim_buffer_free(&whole);
  return GIM_OK;
}

/*
** The text comes before the advice, and is cut where both do not fit: what to
** do is worth more than the end of what happened.
*/
static gim_status fill(const gim_complaint *c, const parts *of,
                       gim_verdict verdict, const char *code,
                       const char *without, bool task, gim_err *err) {
  char text[sizeof(err->message)];
  size_t shorter = sizeof(text) - strlen(verdict.advice) - 1;
  gim_buffer message;
  gim_status status = unescape(&of->message, &message);
  if (status != GIM_OK) return status;
  gim_redact(text, shorter, gim_buffer_str(&message), c->answer->secret);
  if (text[0] == '\0') {
    if (task)
      gim_copy_text(text, shorter, gim_str_of(without));
    else
      /* A code that repeats the status says nothing new. */
      describe(c,
               code_as_status(&of->code) == c->answer->http_status ? "" : code,
               without, text, shorter);
  }
  end_sentence(text, shorter);
  drop_echo(text, verdict.advice);
  (void)gim_fail(err, verdict.kind, "%s%s%s", text, text[0] == 0 ? "" : " ",
                 verdict.advice);
  err->retryable = verdict.retryable;
  gim_copy_text(err->code, sizeof(err->code), gim_str_of(code));
  status = copy_shown(c, &of->param, err->param, sizeof(err->param));
  if (status == GIM_OK)
    status = copy_shown(c, &of->request_id, err->request_id,
                        sizeof(err->request_id));
  if (err->request_id[0] == '\0')
    request_id_of(gim_buffer_str(&message), c->answer->secret, err->request_id,
                  sizeof(err->request_id));
  err->http_status = c->answer->http_status;
  err->retry_after_ms = verdict.pause_ms;
  gim_buffer_free(&message);
  return status;
}

/* `loose`: the body is no JSON as a whole. */
static gim_status read_parts(const gim_complaint *c, bool loose,
                             const char *without, gim_err *err) {
  static const parts nothing = {0};
  parts of = take_apart(&c->root);
  char code[sizeof(err->code)], type[sizeof(err->code)];
  bool success =
      c->answer->http_status >= 200 && c->answer->http_status <= 299;
  int http_status = c->answer->http_status;
  gim_status status;
  gim_verdict verdict;
  /* {"success": false, "code": 402} comes with HTTP 200. */
  if (success && code_as_status(&of.code) != 0)
    http_status = code_as_status(&of.code);
  status = copy_shown(c, &of.code, code, sizeof(code));
  if (status == GIM_OK) status = copy_shown(c, &of.type, type, sizeof(type));
  if (status != GIM_OK) return status;
  /* Whatever the code says beside it: this type is about money. */
  if (strcmp(type, "paid_outcome_unknown") == 0) {
    of.code = of.type;
    memcpy(code, type, sizeof(code));
  }
  verdict = gim_verdict_http(http_status, GIM_STR(""), GIM_STR(""));
  if (!loose || (http_status / 100 == 4 && !verdict.retryable))
    verdict =
        gim_verdict_http(http_status, gim_str_of(code), gim_str_of(type));
  if (c->form) verdict = gim_verdict_form(verdict);
  if (c->upload) verdict = gim_verdict_upload(verdict);
  if (!success) without = "";
  if (success && verdict.kind == GIM_E_PROTOCOL) {
    if (of.says_no)
      verdict = gim_verdict_task(GIM_STR("")); /* it did answer, not clearly */
    else {
      of = nothing;
      code[0] = '\0';
    }
  }
  return fill(c, &of, verdict, code, without, false, err);
}

gim_status gim_complaint_read(const gim_complaint *c, const char *without,
                              gim_err *err) {
  bool loose = c->root.type == GIM_JSON_NONE;
  gim_complaint found = *c;
  gim_buffer room;
  gim_status status;
  if (!loose || c->answer->http_status / 100 == 2)
    return read_parts(c, false, without, err);
  status = find_error(c->answer, &room, &found.root);
  if (status == GIM_OK) status = read_parts(&found, true, without, err);
  gim_buffer_free(&room);
  return status;
}

gim_status gim_complaint_read_task(const gim_complaint *c, bool cancelled,
                                   gim_err *err) {
  parts of = take_apart(&c->root);
  char code[sizeof(err->code)];
  gim_verdict verdict;
  gim_status status = copy_shown(c, &of.code, code, sizeof(code));
  if (status != GIM_OK) return status;
  verdict = gim_verdict_task(gim_str_of(code));
  if (cancelled) verdict = gim_verdict_task(GIM_STR("request_cancelled"));
  return fill(c, &of, verdict, code,
              cancelled ? "The service cancelled the task."
                        : "The task failed; the service does not say why.",
              true, err);
}
