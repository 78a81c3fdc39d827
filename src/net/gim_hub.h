/* SPDX-License-Identifier: MIT */
/*
** gim_hub.h - what all jobs of one client share   [floor 8]
**
** The net, the heap of due times, the queues in front of the net's slots, the
** memory for pictures, the events that wait to be taken and the log. A hub
** is counted: by its client and by every job, for what a job holds (memory
** of the pool) outlives the client.
*/
#ifndef gim_hub_h
#define gim_hub_h

#include "gim_archive.h"
#include "gim_backoff.h"
#include "gim_base.h"
#include "gim_buffer.h"
#include "gim_heap.h"
#include "gim_ledger.h"
#include "gim_list.h"
#include "gim_model.h"
#include "gim_net.h"
#include "gim_pace.h"
#include "gim_sink.h"
#include "gim_store.h"
#include "gim_task.h"

#pragma GCC visibility push(hidden)

/* What a client is made of. Strings are COPIED; see DESIGN 3 for each. */
typedef struct gim_hub_options {
  gim_provider provider;
  gim_str api_key;
  gim_str base_url;                   /* p NULL: the provider's */
  gim_str files_url;                  /* p NULL: the provider's, if base_url
                                         is its own; else there is none */
  gim_str task_path;                  /* p NULL: the provider's; the id takes
                                         the place of {id}, or follows */
  gim_str edit_path;                  /* p NULL: the provider's */
  gim_str ca_file, proxy, user_agent; /* p NULL: none */
  gim_str journal;                    /* p NULL: none */
  gim_size_procedure sizes;
  int max_requests;
  int64_t connect_ms, submit_ms, poll_ms, download_ms, upload_ms, task_ms;
  gim_poll poll;
  gim_retry retry;
  int64_t budget_micro;               /* -1: none */
  int64_t rate_requests, rate_per_ms; /* paid POSTs; 0: no limit */
  gim_overwrite overwrite;
  size_t memory_limit;
  bool allow_private;
  bool idempotent;
  bool log; /* keep log records */
} gim_hub_options;

/* Defaults for everything but api_key, for one provider. */
void gim_hub_options_init(gim_hub_options *options, gim_provider provider);

/* One line of the log. Plain data, without secrets. */
typedef struct gim_log {
  struct gim_log *next;
  const char *event; /* "request", "response", "retry", "warning", "state",
                        "billing" */
  int64_t time_unix_ms;
  char task[80]; /* id, or key while there is none */
  char text[240];
  int http_status; /* 0: none */
} gim_log;

#define GIM_LIMIT_LOG 4096 /* records kept; older ones fall out */

/* The `order` of downloads of references, the pictures that a request is made
   of: behind those of pictures that were paid for. */
#define GIM_ORDER_REFERENCE 1

/*
** A wait for a free slot of the net; a member of the struct that waits.
** `start` is called when there is one, at `now_ms` of the monotonic clock.
*/
typedef struct gim_want {
  gim_list_item link;
  int64_t order; /* for gim_hub_queue: of paid requests their number, else 0
                    or GIM_ORDER_REFERENCE */
  void (*start)(struct gim_want *want, int64_t now_ms);
} gim_want;

typedef struct gim_hub {
  gim_net *net;                     /* OWNED; NULL once closed */
  gim_archive *archive;             /* OWNED; NULL: no journal, or closed */
  gim_writer *writer;               /* OWNED; see gim_hub_keep_frames */
  gim_heap heap;                    /* of gim_due in jobs */
  gim_list queues[GIM_CLASS_COUNT]; /* of gim_want */
  gim_list events;                  /* of jobs with news */
  gim_list live;                    /* of jobs that are not done */
  gim_list claims;                  /* of gim_aim: see gim_filing_claim */
  gim_trial trial;                  /* the folder of `output` tried last */
  gim_list deposits;                /* gim_depot's; OWNED: each item is the
                                       beginning of a block for free() */
  gim_list deliveries;              /* gim_depot's, under way */
  int deposit_count;
  uint32_t last_deposit; /* the number of the newest */
  gim_list unspooled; /* references of jobs that wait for room to be brought */
  int spooled;        /* files that such references may have at the moment */
  gim_pace paces[GIM_CLASS_COUNT]; /* of the queues */
  gim_ledger ledger;
  int64_t submissions; /* paid requests so far */
  gim_pool pool;
  gim_store bodies; /* of requests that may have to be sent */
  gim_pool spool; /* of no memory: what is brought for a request lies in files
                     that have no name */
  int live_count;
  gim_hub_options options; /* its strings are those below */
  gim_task_rules rules;    /* of its tasks; from `options` */
  const gim_provider_row *provider;
  char *authorization; /* OWNED: the whole header; wiped when closed */
  char *base_url, *task_path, *edit_path; /* OWNED */
  size_t task_path_head_n; /* bytes of task_path that stand before the id */
  char *files_url; /* OWNED; where references are uploaded to; NULL: nowhere */
  char *private_host; /* OWNED; base_url's host when it is loopback, or "" */
  bool telling; /* what the log has is being read: no record of it is dropped.
                   Its reader's to set */
  /* private: */
  gim_buffer url; /* gim_hub_url */
  gim_log *log_first, *log_last;
  int log_count, references;
} gim_hub;

/*
** A hub with one reference. GIM_E_INVALID (err->field names the option:
** base_url, files_url, api_key), GIM_E_AUTH (no key), or as gim_net_new and
** gim_archive_open; NULL then.
*/
gim_hub *gim_hub_new(const gim_hub_options *options, gim_err *err);

/*
** From now on steps have a frame budget: pictures are written in small blocks,
** and by the writer's thread. Without a budget they are written directly:
** where two processors have the service to run as well a second thread gains
** nothing, and handing all bytes from one processor's cache to the other's
** costs a fifth more time.
*/
void gim_hub_keep_frames(gim_hub *hub);

/* Shuts the net down and forgets the key; jobs must be done before. */
void gim_hub_close(gim_hub *hub);

/* The key, BORROWED until the hub is closed; empty from then on. */
gim_str gim_hub_secret(const gim_hub *hub);

/* One reference more. */
void gim_hub_retain(gim_hub *hub);

/* One less; the last one closes the hub and releases it. */
void gim_hub_release(gim_hub *hub);

/*
** Queues `want` behind those whose `order` is not larger: a paid request that
** goes out again keeps its place among those that were submitted later.
*/
void gim_hub_queue(gim_hub *hub, gim_class of, gim_want *want);

/* 36 characters for a new request: "gim_" and 32 hexadecimal digits. */
#define GIM_KEY_SIZE 40

/* GIM_OK, or GIM_E_IO: the system gives no random numbers, and a key that
   another request may have is none. */
GIM_MUST_CHECK gim_status gim_hub_make_key(char key[GIM_KEY_SIZE],
                                           gim_err *err);

/*
** Appends a record for `task` by printf rules, the key taken out; without
** effect when no log is kept or memory is out.
*/
void gim_hub_log(gim_hub *hub, const char *event, const char *task,
                 int http_status, const char *format, ...) GIM_PRINTF(5, 6);

/* The oldest record, MOVED to the caller (free with free()), or NULL. */
gim_log *gim_hub_take_log(gim_hub *hub);

/* The libcurl that runs, "7.88.1". Static storage. */
const char *gim_hub_libcurl(void);

/* The URL at which the service has `path`. BORROWED until the next call of
   this or the following; NULL: no memory. */
const char *gim_hub_url(gim_hub *hub, gim_str path);

/* The same of its task `id`: task_path, with the id percent-encoded. */
const char *gim_hub_task_url(gim_hub *hub, gim_str id);

#pragma GCC visibility pop

#endif
