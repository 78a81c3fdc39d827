/* SPDX-License-Identifier: MIT */
#include "gim_hub.h"

#include "gim_hub_private.h"
#include "gim_proxy.h"

#include <curl/curl.h>
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static gim_status no_memory(gim_err *err) {
  return gim_fail(err, GIM_E_NO_MEMORY, "No memory for a client.");
}

static gim_status open_net(gim_hub *hub, gim_err *err) {
  const gim_hub_options *o = &hub->options;
  char *ca_file = o->ca_file.p == NULL ? NULL : gim_str_copy(o->ca_file);
  char *proxy = o->proxy.p == NULL ? NULL : gim_str_copy(o->proxy);
  char *agent =
      gim_str_copy(o->user_agent.p == NULL ? GIM_STR("gptimage/" GIM_VERSION)
                                           : o->user_agent);
  gim_net_options options;
  gim_status status = GIM_OK;
  memset(&options, 0, sizeof(options));
  options.max_requests = o->max_requests;
  options.connect_timeout_ms = o->connect_ms;
  options.ca_file = ca_file;
  /* Where there is none now there is none: else libcurl asks for six variables
     with every request. */
  options.proxy = o->proxy.p == NULL && !gim_proxy_is_named() ? "" : proxy;
  options.user_agent = agent;
  if (agent == NULL || (o->ca_file.p != NULL && ca_file == NULL) ||
      (o->proxy.p != NULL && proxy == NULL)) {
    status = no_memory(err);
  }
  else {
    hub->net = gim_net_new(&options, err);
    if (hub->net == NULL) status = err == NULL ? GIM_E_IO : err->status;
  }
  free(ca_file);
  free(proxy);
  free(agent);
  return status;
}

static void on_trouble(void *ud, const gim_err *err) {
  gim_hub_log(ud, "warning", "journal", 0, "%s", err->message);
}

static void on_written(void *ud) {
  gim_writer_tell(((gim_hub *)ud)->writer);
}

static bool listen_to_writer(void *ud, int fd, bool on) {
  gim_hub *hub = ud;
  if (on) return gim_net_watch(hub->net, fd, on_written, hub);
  gim_net_unwatch(hub->net, fd);
  return true;
}

static void on_writer_trouble(void *ud, int error) {
  gim_hub_log(ud, "warning", "pictures", 0,
              "there is no thread for them, steps may wait for the disk: %s",
              strerror(error));
}

static gim_status make_writer(gim_hub *hub, gim_err *err) {
  static const gim_writer_calls calls = {listen_to_writer, on_writer_trouble};
  hub->writer = gim_writer_new(&calls, hub);
  if (hub->writer == NULL) return no_memory(err);
  return GIM_OK;
}

void gim_hub_keep_frames(gim_hub *hub) {
  hub->pool.gather = hub->spool.gather = GIM_FILE_GATHER_SMALL;
  hub->pool.writer = hub->spool.writer = hub->writer;
}

/* The last thing to open: it is not to be locked and read in vain. */
static gim_status open_archive(gim_hub *hub, gim_err *err) {
  gim_status status;
  char *path;
  if (hub->options.journal.p == NULL) return GIM_OK;
  path = gim_str_copy(hub->options.journal);
  if (path == NULL) return no_memory(err);
  status = gim_archive_open(&hub->archive, path, hub->net, err);
  free(path);
  if (status != GIM_OK) {
    if (err != NULL)
      gim_copy_text(err->field, sizeof(err->field), GIM_STR("journal"));
    return status;
  }
  hub->archive->on_trouble = on_trouble;
  hub->archive->ud = hub;
  if (hub->archive->compacting.status != GIM_OK)
    on_trouble(hub, &hub->archive->compacting);
  return GIM_OK;
}

gim_hub *gim_hub_new(const gim_hub_options *options, gim_err *err) {
  gim_hub *hub = calloc(1, sizeof(*hub));
  char key[GIM_KEY_SIZE];
  gim_status status;
  if (hub == NULL) {
    (void)no_memory(err);
    return NULL;
  }
  hub->references = 1;
  gim_buffer_init(&hub->url, GIM_LIMIT_URL);
  hub->options = *options;
  hub->provider = gim_provider_get(options->provider);
  hub->rules =
      (gim_task_rules){options->retry, options->poll, options->submit_ms,
                       options->idempotent, hub->provider->retry_codes};
  hub->pool.limit = options->memory_limit;
  hub->pool.replaces = options->overwrite == GIM_OVERWRITE_REPLACE;
  hub->ledger.budget_micro = options->budget_micro;
  if (options->rate_requests > 0)
    gim_bucket_init(&hub->paces[GIM_CLASS_PAID].bucket, options->rate_requests,
                    options->rate_per_ms, gim_net_now_ms());
  status = gim_hub_make_key(key, err); /* what no request could have later */
  if (status == GIM_OK) status = gim_hub_take_options(hub, err);
  if (status == GIM_OK) status = open_net(hub, err);
  if (status == GIM_OK) status = make_writer(hub, err);
  if (status == GIM_OK) status = open_archive(hub, err);
  /* The caller's strings are his; nothing reads them from here on. */
  memset(&hub->options.api_key, 0, sizeof(gim_str));
  memset(&hub->options.base_url, 0, sizeof(gim_str));
  memset(&hub->options.files_url, 0, sizeof(gim_str));
  memset(&hub->options.task_path, 0, sizeof(gim_str));
  memset(&hub->options.edit_path, 0, sizeof(gim_str));
  memset(&hub->options.ca_file, 0, sizeof(gim_str));
  memset(&hub->options.proxy, 0, sizeof(gim_str));
  memset(&hub->options.user_agent, 0, sizeof(gim_str));
  memset(&hub->options.journal, 0, sizeof(gim_str));
  if (status == GIM_OK) return hub;
  gim_hub_release(hub);
  return NULL;
}

void gim_hub_close(gim_hub *hub) {
  /* First: what it still has to do may lie in the archive's folder. */
  gim_writer_stop(hub->writer);
  gim_archive_close(hub->archive);
  hub->archive = NULL;
  if (hub->net != NULL) gim_net_free(hub->net);
  hub->net = NULL;
  if (hub->authorization != NULL) {
    gim_wipe(hub->authorization, strlen(hub->authorization));
    free(hub->authorization);
  }
  hub->authorization = NULL;
}

void gim_hub_retain(gim_hub *hub) {
  hub->references++;
}

void gim_hub_release(gim_hub *hub) {
  gim_list_item *deposit;
  gim_log *log;
  if (--hub->references > 0) return;
  gim_hub_close(hub);
  while ((deposit = gim_list_shift(&hub->deposits)) != NULL) free(deposit);
  while ((log = gim_hub_take_log(hub)) != NULL) free(log);
  gim_heap_free(&hub->heap);
  gim_ledger_free(&hub->ledger);
  gim_store_free(&hub->bodies);
  gim_writer_free(hub->writer);
  gim_buffer_free(&hub->url);
  free(hub->base_url);
  free(hub->files_url);
  free(hub->task_path);
  free(hub->edit_path);
  free(hub->private_host);
  free(hub);
}

void gim_hub_queue(gim_hub *hub, gim_class of, gim_want *want) {
  gim_list *queue = &hub->queues[of];
  gim_list_item *place = NULL, *before = gim_list_last(queue);
  while (before != NULL &&
         GIM_CONTAINER(before, gim_want, link)->order > want->order) {
    place = before;
    before = gim_list_before(queue, before);
  }
  gim_list_insert(queue, place, &want->link);
}

/* Straight from the kernel, and not of what gim_net_random drew ahead: that is
   told from another process's by its number, which a child in a namespace of
   its own, or one after its grandparent's end, shares. */
gim_status gim_hub_make_key(char key[GIM_KEY_SIZE], gim_err *err) {
  static const char digits[] = "0123456789abcdef";
  uint8_t random[16];
  if (!gim_net_random_bytes(random, sizeof(random)))
    return gim_fail(err, GIM_E_IO,
                    "No random numbers for the keys of requests: the kernel "
                    "gives none, and /dev/urandom cannot be read: %s.",
                    strerror(errno));
  memcpy(key, "gim_", 4);
  for (size_t i = 0; i < sizeof(random); i++) {
    key[4 + 2 * i] = digits[random[i] >> 4];
    key[5 + 2 * i] = digits[random[i] & 15];
  }
  key[36] = '\0';
  return GIM_OK;
}

const char *gim_hub_libcurl(void) {
  return curl_version_info(CURLVERSION_NOW)->version;
}
