/* SPDX-License-Identifier: MIT */
/*
** gim_reply.h - status, headers and JSON to task state, images or error
** [floor 4]
**
** Decides by the reply, not by the provider. A 2xx with pictures in the list
** `data` is IMAGES; one with an `id` (without a `status` too: what was paid
** for is not given up) or, of a poll, a known `status`, is a TASK; everything
** else is an ERROR. The shapes are those of WIRE 1.1, 1.2, 2.2, 5.3, 5.6 and
** 6.3; keys may be missing, null, "" or of another type than documented
** without harm. Nothing of a reply is shown before gim_redact saw it. A task
** id that holds the caller's key counts as absent: ids are shown everywhere.
*/
#ifndef gim_reply_h
#define gim_reply_h

#include "gim_answer.h"
#include "gim_base.h"
#include "gim_json.h"

#pragma GCC visibility push(hidden)

typedef enum gim_reply_shape {
  GIM_REPLY_ERROR = 0, /* `err` says what */
  GIM_REPLY_TASK,      /* `state` and `id` */
  GIM_REPLY_IMAGES     /* `images`; the answer of a synchronous service */
} gim_reply_shape;

/*
** A task's state on the wire; one that is not known counts as running. What
** failed because it was cancelled stays FAILED, with an error of that kind.
*/
typedef enum gim_task_state {
  GIM_TASK_PENDING = 0,
  GIM_TASK_PROCESSING,
  GIM_TASK_COMPLETED,
  GIM_TASK_FAILED,
  GIM_TASK_CANCELLED,
  GIM_TASK_UNKNOWN
} gim_task_state;

/* "pending", "processing", "completed", "failed", "cancelled", "unknown". */
const char *gim_task_state_name(gim_task_state state);

/* One picture of a reply. Strings are OWNED by the reply, NULL: absent. */
typedef struct gim_reply_image {
  char
      *url; /* http or https, at most GIM_LIMIT_URL bytes, no spaces or control
                characters; others count as absent */
  char *revised_prompt;
  int payload; /* number of its gim_split payload, or -1 */
} gim_reply_image;

/* What the transport knows. All BORROWED during gim_reply_read. */
typedef struct gim_reply_input {
  gim_answer answer; /* its body is the skeleton of gim_split */
  gim_json root;     /* the body, as it was checked; NONE: it is no JSON */
  int payloads;      /* payloads that gim_split saw */
  bool poll;         /* reply to a task query, else to the paid POST */
  bool form;         /* that was a form with pictures */
} gim_reply_input;

/* A longer name of a model counts as absent; with its NUL. */
#define GIM_REPLY_MODEL_SIZE 1025

/*
** Most replies say of a task what is known of it, and that it goes on. Names
** stand in the reply itself: they are compared and dropped.
*/
typedef struct gim_reply {
  gim_reply_shape shape;
  bool loose; /* the body is no JSON as a whole: what `err` has of it is shown,
                 and proves nothing */
  gim_task_state state;           /* IMAGES: GIM_TASK_COMPLETED */
  int progress;                   /* 0 to 100, -1: not said */
  int64_t estimated_ms;           /* task_info.estimated_time, -1: not said */
  int can_cancel;                 /* 1, 0, -1: not said */
  int64_t created_unix_s;         /* 0: not said */
  int64_t credits_reserved_micro; /* usage.credits_reserved, -1: not said */
  int64_t credits_used_micro;     /* usage.credits_used, -1: not said */
  gim_reply_image *images;        /* OWNED; image_count of them */
  int image_count;                /* at most GIM_LIMIT_IMAGES */
  int images_left_out;            /* those beyond: named, and not kept */
  gim_err err; /* shape ERROR, or a task that failed or was cancelled; else
                  its status is GIM_OK */
  char request_id[96];            /* header, error.request_id or message; "" */
  char id[GIM_LIMIT_TASK_ID + 1]; /* task id as it came; "" */
  char model[GIM_REPLY_MODEL_SIZE]; /* "actual model name used"; "" */
} gim_reply;

/* Nothing is said, and nothing OWNED. */
void gim_reply_init(gim_reply *reply);

/*
** Reads one whole reply into `reply` (memory of the caller: any, it is
** released with gim_reply_free whatever is returned). A reply that says "no"
** is GIM_OK with shape ERROR: reading it succeeded. Codes count before status
** (WIRE 2.2, 5.6): the tables from both to kind and retryable are in
** gim_verdict.c. Returns GIM_E_NO_MEMORY, or GIM_OK. A body that no service
** sends (2xx that is neither pictures nor task, HTML, nothing) is shape ERROR
** with GIM_E_PROTOCOL for a 2xx, and the kind of its status otherwise; its
** first bytes are quoted in err.message.
*/
GIM_MUST_CHECK gim_status gim_reply_read(gim_reply *reply,
                                         const gim_reply_input *input);

/* Releases what the reply OWNS. Idempotent. */
void gim_reply_free(gim_reply *reply);

/*
** True when an error reply to a paid POST proves that the service did nothing
** and may be asked again: 429, and 503 with JSON and one of the codes
** `retry_codes` (NULL-terminated, BORROWED; the provider's row). DESIGN 4,
** Paying.
*/
bool gim_reply_not_accepted(const gim_reply *reply,
                            const char *const *retry_codes);

/*
** True when an error reply to a paid POST says that the service itself does
** not know what became of it: 408, or paid_outcome_unknown as code or type,
** with whatever status. Such a reply is none of the other two.
*/
bool gim_reply_is_unclear(const gim_reply *reply);

/*
** True when an error reply to a paid POST proves that nothing was charged: a
** refusal (invalid auth quota rate_limited refused not_found too_big) or
** another 3xx or 4xx.
*/
bool gim_reply_is_refusal(const gim_reply *reply);

#pragma GCC visibility pop

#endif
