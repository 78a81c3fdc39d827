/* SPDX-License-Identifier: MIT */
#include "gim_exchange.h"

#include "gim_redact.h"
#include "gim_split.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

/*
** The largest answer that is read at all: GIM_LIMIT_IMAGES pictures of the
** largest size would be more, but no service sends that.
*/
#define ANSWER_MAX (4 * GIM_LIMIT_DOWNLOAD)

/* How it ended. */
typedef struct ended {
  gim_exchanged exchanged;
  gim_reply reply;
  gim_err err;
  int64_t at_ms;
  int64_t held_ms; /* until then */
} ended;

struct gim_exchange {
  gim_net *net;
  gim_transfer *transfer;
  gim_exchange_done on_done;
  void *ud;
  gim_pool *pool;
  char *folder; /* OWNED */
  char *keep;   /* OWNED; NULL: pictures are not filed */
  const char *ending;
  gim_exchange_kept on_kept;
  gim_str secret;
  gim_sink **sinks; /* OWNED; sink_count of them */
  int sink_count;
  int whole;      /* payloads that have ended */
  int kept;       /* of these, that were filed or could not be */
  int written;    /* the first so many have nothing on its way to a file */
  int pictures;   /* that are expected in all */
  int64_t length; /* of the answer, as it comes; -1: not known */
  int64_t received;
  int64_t held_ms; /* that were told of: see gim_exchange_take_held_ms */
  size_t body_n;
  bool paid;
  bool form;               /* its body has parts */
  gim_writer_wait room;    /* for more bytes in the last sink */
  gim_writer_wait keeping; /* for the picture that is being filed */
  ended *ended; /* OWNED; the transfer is over, and pictures are still to be
                   filed; else NULL */
  /* What the next one can use again: */
  gim_split split;
  gim_list_item spare; /* with the net, while there is none */
};

static void release_spare(gim_list_item *item) {
  gim_exchange *x = GIM_CONTAINER(item, gim_exchange, spare);
  gim_split_free(&x->split);
  free(x);
}

static void release(gim_exchange *x) {
  gim_writer_forget(&x->room);
  gim_writer_forget(&x->keeping);
  if (x->ended != NULL) gim_reply_free(&x->ended->reply);
  free(x->ended);
  for (int i = 0; i < x->sink_count; i++) gim_sink_free(x->sinks[i]);
  free(x->sinks);
  free(x->folder);
  free(x->keep);
  gim_split_reset(&x->split);
  if (!gim_net_put_spare(x->net, &x->spare, release_spare))
    release_spare(&x->spare);
}

/*
** What the picture that begins can hold: its share of what is still to come,
** in base64. 0: not known.
*/
static int64_t share(const gim_exchange *x) {
  int left = x->pictures - x->sink_count;
  if (x->length < x->split.offset) return 0;
  return (x->length - x->split.offset) / (left > 1 ? left : 1) / 4 * 3;
}

static gim_status begin_picture(gim_exchange *x) {
  gim_sink **sinks =
      realloc(x->sinks, ((size_t)x->sink_count + 1) * sizeof(*x->sinks));
  if (sinks == NULL) return GIM_E_NO_MEMORY;
  x->sinks = sinks;
  x->sinks[x->sink_count] = gim_sink_new(x->folder, x->pool);
  if (x->sinks[x->sink_count] == NULL) return GIM_E_NO_MEMORY;
  gim_sink_expect(x->sinks[x->sink_count], share(x));
  x->sink_count++;
  return GIM_OK;
}

/*
** Files a picture that is whole: from here on it survives the process. Where
** that fails the sink has it all the same. False: not yet.
*/
static bool keep_picture(gim_exchange *x, int image) {
  char name[128], path[GIM_LIMIT_PATH + sizeof(name)];
  gim_sink *sink = x->sinks[image];
  int n = snprintf(name, sizeof(name), "%s-%d%s", x->keep, image, x->ending);
  gim_status status;
  if (n < 0 || (size_t)n >= sizeof(name) || sink == NULL) return true;
  if (gim_sink_trouble(sink, NULL) != GIM_OK) return true;
  do {
    status = gim_sink_commit(sink, x->folder, name, GIM_OVERWRITE_REPLACE, 0,
                             path, sizeof(path), NULL);
    if (status == GIM_E_TIMEOUT && gim_sink_await(sink, &x->keeping))
      return false;
  } while (status == GIM_E_TIMEOUT);
  if (status == GIM_OK) x->on_kept(x->ud, image, path, gim_sink_size(sink));
  return true;
}

/* One after the other: that is how they are written. */
static bool keep_pictures(gim_exchange *x) {
  while (x->keep != NULL && x->kept < x->whole) {
    if (!keep_picture(x, x->kept)) return false;
    x->kept++;
  }
  return true;
}

static gim_status on_picture(void *ud, gim_split_event event, int image,
                             const unsigned char *p, size_t n) {
  gim_exchange *x = ud;
  switch (event) {
  case GIM_SPLIT_BEGIN: return begin_picture(x);
  case GIM_SPLIT_DATA:
    if (x->sinks[image] == NULL) return GIM_OK;
    if (gim_sink_write(x->sinks[image], p, n, NULL) != GIM_OK) {
      /* Neither folder, memory nor temporary file: this one is lost, and
         the others are not. */
      gim_sink_free(x->sinks[image]);
      x->sinks[image] = NULL;
    }
    return GIM_OK;
  case GIM_SPLIT_END:
    x->whole++;
    if (x->sinks[image] == NULL) break;
    gim_sink_settle(x->sinks[image]);
    (void)keep_pictures(x);
    break;
  }
  return GIM_OK;
}

static gim_status on_head(void *ud, const gim_response *response) {
  gim_exchange *x = ud;
  const char *coding = response->content_encoding;
  /* The length of what is compressed says nothing. */
  if (coding[0] == '\0' || strcmp(coding, "identity") == 0)
    x->length = response->content_length;
  return GIM_OK;
}

static void on_room(gim_writer_wait *wait) {
  gim_exchange *x = GIM_CONTAINER(wait, gim_exchange, room);
  gim_net_resume(x->net, x->transfer);
}

/*
** What is to be written first, before there is room for `n` bytes more; NULL:
** nothing. Of all pictures but the one that arrives, what is on its way is
** written before that one's, so that it is not the more the more there are.
*/
static gim_sink *full_sink(gim_exchange *x, size_t n) {
  gim_sink *last;
  if (x->sink_count == 0) return NULL;
  last = x->sinks[x->sink_count - 1];
  if (last == NULL || x->whole == x->sink_count) return NULL;
  if (!gim_sink_takes(last, n)) return last;
  if (gim_sink_is_written(last)) return NULL;
  for (; x->written < x->sink_count - 1; x->written++) {
    gim_sink *before = x->sinks[x->written];
    if (before != NULL && !gim_sink_is_written(before)) return before;
  }
  return NULL;
}

static bool takes(void *ud, size_t n) {
  gim_exchange *x = ud;
  gim_sink *full = full_sink(x, n);
  if (full == NULL) return true;
  x->room.ready = on_room;
  return !gim_sink_await(full, &x->room);
}

static gim_status on_data(void *ud, const char *p, size_t n) {
  gim_exchange *x = ud;
  gim_status fault = gim_split_feed(&x->split, p, n, NULL);
  /* It is remembered there, and the rest is drained: a paid answer is not hung
     up on. */
  (void)fault;
  x->received += (int64_t)n;
  return GIM_OK;
}

/* What came whole before the answer broke: pictures without their words. */
static bool salvage(gim_exchange *x, const gim_response *response,
                    gim_reply *reply) {
  if (x->whole == 0) return false;
  gim_reply_free(reply);
  gim_reply_init(reply);
  reply->shape = GIM_REPLY_IMAGES;
  reply->state = GIM_TASK_COMPLETED;
  reply->images = calloc((size_t)x->whole, sizeof(*reply->images));
  if (reply->images == NULL) return false;
  reply->image_count = x->whole;
  for (int i = 0; i < x->whole; i++) reply->images[i].payload = i;
  gim_redact(reply->request_id, sizeof(reply->request_id),
             gim_str_of(response->request_id), x->secret);
  return true;
}

static gim_status read_reply(gim_exchange *x, const gim_response *response,
                             gim_reply *reply) {
  gim_reply_input input;
  gim_str body = gim_split_skeleton(&x->split);
  gim_status json = gim_json_root(&x->split.check, body, &input.root, NULL);
  (void)json; /* why it is none matters less than what it is: that is quoted */
  input.answer =
      gim_response_answer(response, body, x->secret, gim_net_unix_s());
  input.payloads = x->whole;
  input.poll = !x->paid;
  input.form = x->form;
  return gim_reply_read(reply, &input);
}

/* Ends it for its owner: all is known, and what is kept is filed. */
static void conclude(gim_exchange *x, ended *e) {
  e->exchanged.reply = &e->reply;
  if (e->exchanged.status != GIM_OK) e->exchanged.err = &e->err;
  e->exchanged.sinks = x->sinks;
  e->exchanged.sink_count = x->sink_count;
  x->on_done(x->ud, &e->exchanged);
  gim_reply_free(&e->reply);
}

static void on_keeping(gim_writer_wait *wait) {
  gim_exchange *x = GIM_CONTAINER(wait, gim_exchange, keeping);
  if (!keep_pictures(x) || x->ended == NULL) return;
  conclude(x, x->ended);
  release(x);
}

/* Until what is kept is filed. Without memory for that nobody waits: the sinks
   have it all the same. */
static bool put_off(gim_exchange *x, const ended *e) {
  x->ended = malloc(sizeof(*x->ended));
  if (x->ended != NULL) *x->ended = *e;
  return x->ended != NULL;
}

static void read_end(gim_exchange *x, const gim_outcome *outcome, ended *e) {
  gim_exchanged *exchanged = &e->exchanged;
  gim_err *err = &e->err;
  e->at_ms = gim_net_now_ms();
  e->held_ms = gim_net_held_ms(x->transfer);
  exchanged->status = outcome->status;
  exchanged->handed = outcome->handed;
  exchanged->total = outcome->total;
  exchanged->http_status = outcome->response->http_status;
  if (outcome->err != NULL) *err = *outcome->err;
  /* A page of errors may be of any form and size: its status says enough. */
  if (exchanged->status == GIM_OK && exchanged->http_status / 100 == 2)
    exchanged->status = gim_split_finish(&x->split, err);
  if (exchanged->status == GIM_OK &&
      read_reply(x, outcome->response, &e->reply) != GIM_OK)
    exchanged->status =
        gim_fail(err, GIM_E_NO_MEMORY, "No memory to read the answer.");
  /* Whole over HTTP, but no JSON that anybody sends; yet it has pictures. */
  if (exchanged->status == GIM_OK && exchanged->http_status / 100 == 2 &&
      e->reply.shape == GIM_REPLY_ERROR && x->whole > 0) {
    *err = e->reply.err;
    exchanged->status = err->status;
  }
  exchanged->skeleton = gim_split_skeleton(&x->split);
  if (exchanged->status == GIM_OK) return;
  /* libcurl may quote what it did not understand. */
  gim_redact_secret(err->message, x->secret);
  if (exchanged->http_status / 100 == 2)
    exchanged->salvaged = salvage(x, outcome->response, &e->reply);
}

static void on_transfer_done(void *ud, const gim_outcome *outcome) {
  gim_exchange *x = ud;
  ended e;
  memset(&e.exchanged, 0, sizeof(e.exchanged));
  gim_reply_init(&e.reply);
  read_end(x, outcome, &e);
  gim_writer_forget(&x->room);
  if (x->sink_count > x->whole) {
    /* The last one was cut: half a picture is none. */
    gim_sink_free(x->sinks[x->sink_count - 1]);
    x->sinks[x->sink_count - 1] = NULL;
  }
  if (!keep_pictures(x) && put_off(x, &e)) return;
  conclude(x, &e);
  release(x);
}

static bool copy_names(gim_exchange *x, const gim_exchange_spec *spec) {
  x->ending = spec->ending;
  x->on_kept = spec->on_kept;
  if (spec->folder == NULL) return true;
  x->folder = gim_str_copy(gim_str_of(spec->folder));
  if (x->folder == NULL || spec->keep == NULL) return x->folder != NULL;
  x->keep = gim_str_copy(gim_str_of(spec->keep));
  return x->keep != NULL;
}

/* One of which only the last fields are set. NULL: no memory. */
static gim_exchange *make(gim_net *net) {
  gim_list_item *spare = gim_net_take_spare(net);
  gim_exchange *x;
  if (spare != NULL) {
    x = GIM_CONTAINER(spare, gim_exchange, spare);
    memset(x, 0, offsetof(gim_exchange, split));
    return x;
  }
  x = calloc(1, sizeof(*x));
  if (x != NULL) gim_split_init(&x->split, GIM_LIMIT_SKELETON, on_picture, x);
  return x;
}

gim_status gim_exchange_start(gim_exchange **exchange, gim_net *net,
                              const gim_exchange_spec *spec,
                              gim_exchange_done on_done, void *ud,
                              gim_err *err) {
  static const gim_transfer_callbacks callbacks = {on_head, takes, on_data,
                                                   on_transfer_done};
  gim_transfer_spec transfer;
  gim_status status;
  gim_exchange *x = make(net);
  if (x == NULL)
    return gim_fail(err, GIM_E_NO_MEMORY, "No memory for a request.");
  x->keeping.ready = on_keeping;
  x->net = net;
  x->on_done = on_done;
  x->ud = ud;
  x->pool = spec->pool;
  x->secret = spec->secret;
  x->paid = spec->paid;
  x->form = spec->parts_n > 0;
  x->body_n = spec->body_n;
  x->pictures = spec->pictures;
  x->length = -1;
  if (!copy_names(x, spec)) {
    release(x);
    return gim_fail(err, GIM_E_NO_MEMORY, "No memory for a request.");
  }
  memset(&transfer, 0, sizeof(transfer));
  transfer.transfer_class = spec->paid ? GIM_CLASS_PAID : GIM_CLASS_POLL;
  transfer.post = spec->paid;
  transfer.url = spec->url;
  transfer.headers = spec->headers;
  transfer.body = spec->body;
  transfer.body_n = spec->body_n;
  transfer.parts = spec->parts;
  transfer.parts_n = spec->parts_n;
  transfer.brief = spec->brief;
  transfer.timeout_ms = spec->timeout_ms;
  transfer.max_bytes = ANSWER_MAX;
  status = gim_net_start(net, &transfer, &callbacks, x, &x->transfer, err);
  if (status != GIM_OK) {
    release(x);
    return status;
  }
  *exchange = x;
  return GIM_OK;
}

void gim_exchange_cancel(gim_exchange *exchange, size_t *handed) {
  if (exchange->ended == NULL)
    gim_net_cancel(exchange->net, exchange->transfer, handed);
  else if (handed != NULL)
    *handed = exchange->ended->exchanged.handed;
  release(exchange);
}

bool gim_exchange_finish(gim_exchange *exchange) {
  if (exchange->ended == NULL) return false;
  conclude(exchange, exchange->ended);
  release(exchange);
  return true;
}

size_t gim_exchange_handed(const gim_exchange *exchange) {
  return exchange->ended == NULL ? gim_net_handed(exchange->transfer)
                                 : exchange->ended->exchanged.handed;
}

size_t gim_exchange_total(const gim_exchange *exchange) {
  return exchange->ended == NULL ? gim_net_total(exchange->transfer)
                                 : exchange->ended->exchanged.total;
}

bool gim_exchange_is_held(const gim_exchange *exchange) {
  return exchange->ended != NULL || gim_net_is_held(exchange->transfer);
}

int64_t gim_exchange_take_held_ms(gim_exchange *exchange) {
  const ended *e = exchange->ended;
  int64_t before_ms = exchange->held_ms;
  exchange->held_ms = e == NULL ? gim_net_held_ms(exchange->transfer)
                                : e->held_ms + gim_net_now_ms() - e->at_ms;
  return exchange->held_ms - before_ms;
}

int64_t gim_exchange_received(const gim_exchange *exchange) {
  return exchange->received;
}
