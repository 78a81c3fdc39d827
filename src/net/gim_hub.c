/* SPDX-License-Identifier: MIT */
#include "gim_hub.h"

#include "gim_address.h"
#include "gim_proxy.h"
#include "gim_url.h"

#include <curl/curl.h>
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define KEY_MAX 4096
#define AUTHORIZATION "Authorization: Bearer "

void gim_hub_options_init(gim_hub_options *options, gim_provider provider) {
  memset(options, 0, sizeof(*options));
  options->provider = provider;
  options->sizes = GIM_SIZES_ANCHOR;
  options->max_requests = 16;
  options->connect_ms = 10 * 1000;
  options->submit_ms = gim_provider_get(provider)->submit_timeout_ms;
  options->poll_ms = 15 * 1000;
  options->download_ms = 120 * 1000;
  options->upload_ms = 300 * 1000;
  options->task_ms = 1800 * 1000;
  options->poll = GIM_POLL_DEFAULT;
  options->retry = GIM_RETRY_DEFAULT;
  options->budget_micro = -1;
  options->overwrite = GIM_OVERWRITE_NUMBER;
  options->memory_limit = 64u * 1024 * 1024;
}

static gim_status no_memory(gim_err *err) {
  return gim_fail(err, GIM_E_NO_MEMORY, "No memory for a client.");
}

static gim_status refuse(gim_err *err, const char *option,
                         const char *message) {
  gim_status status = gim_fail(err, GIM_E_INVALID, "%s: %s", option, message);
  if (err != NULL)
    gim_copy_text(err->field, sizeof(err->field), gim_str_of(option));
  return status;
}

/* A key becomes part of a header: one line of visible ASCII. */
static gim_status check_key(gim_str key, const gim_provider_row *provider,
                            gim_err *err) {
  if (key.n == 0)
    return gim_fail(err, GIM_E_AUTH,
                    "No API key: set the option api_key or the environment "
                    "variable %s.",
                    provider->key_variable);
  if (key.n > KEY_MAX) return refuse(err, "api_key", "it is too long.");
  for (size_t i = 0; i < key.n; i++)
    if (key.p[i] <= 0x20 || key.p[i] >= 0x7F)
      return refuse(err, "api_key",
                    "it holds a space, a line break or another character "
                    "that no key has.");
  return GIM_OK;
}

/*
** `*to` gets the URL without slashes at its end, `*loopback_host` (may be
** NULL) its host where that is this machine, else p NULL.
*/
static gim_status take_url(const gim_hub *hub, const char *option,
                           gim_str text, char **to, gim_str *loopback_host,
                           gim_err *err) {
  gim_url url;
  gim_url_fault fault;
  char message[128];
  bool loopback;
  while (text.n > 0 && text.p[text.n - 1] == '/') text.n--;
  fault = gim_url_split(text, GIM_LIMIT_URL / 2, &url);
  if (fault != GIM_URL_OK) {
    (void)snprintf(message, sizeof(message), "it %s.",
                   gim_url_fault_text(fault));
    return refuse(err, option, message);
  }
  if (url.path.n != url.target.n || memchr(text.p, '#', text.n) != NULL)
    return refuse(err, option, "it has a query or a fragment.");
  loopback = gim_address_judge(url.host) == GIM_HOST_LOOPBACK;
  if (!url.https && !loopback && !hub->options.allow_private)
    return refuse(err, option,
                  "plain http would show the key to everybody on the way; "
                  "use https (allow_private lifts this).");
  if (loopback_host != NULL)
    *loopback_host = loopback ? url.host : GIM_STR("");
  *to = gim_str_copy(text);
  return *to == NULL ? no_memory(err) : GIM_OK;
}

static gim_status take_base_url(gim_hub *hub, gim_err *err) {
  gim_str own = gim_str_of(hub->provider->base_url), host;
  gim_str text = hub->options.base_url.p != NULL ? hub->options.base_url : own;
  gim_status status =
      take_url(hub, "base_url", text, &hub->base_url, &host, err);
  if (status != GIM_OK) return status;
  hub->private_host = gim_str_copy(host);
  return hub->private_host == NULL ? no_memory(err) : GIM_OK;
}

/*
** The key goes there: to a host that somebody named, or that belongs to the
** service. Who goes to another service has to say where its files are.
*/
static gim_status take_files_url(gim_hub *hub, gim_err *err) {
  gim_str text = hub->options.files_url;
  if (text.p == NULL && strcmp(hub->base_url, hub->provider->base_url) == 0)
    text = gim_str_of(hub->provider->files_url);
  if (text.p == NULL) return GIM_OK;
  return take_url(hub, "files_url", text, &hub->files_url, NULL, err);
}

static gim_status check_path(const char *option, gim_str path, gim_err *err) {
  if (path.n == 0 || path.p[0] != '/')
    return refuse(err, option, "it must begin with a slash.");
  for (size_t i = 0; i < path.n; i++)
    if (path.p[i] <= 0x20 || path.p[i] >= 0x7F || path.p[i] == '\\' ||
        path.p[i] == '#' || path.p[i] == '{' || path.p[i] == '}')
      return refuse(err, option, "it is no path of a URL.");
  return path.n < 200 ? GIM_OK : refuse(err, option, "it is too long.");
}

/*
** Takes the path that tasks are asked for at, apart at its {id}. Without one
** the id is the path's last segment, or stands behind a "=".
*/
static gim_status take_task_path(gim_hub *hub, gim_str path, gim_err *err) {
  static const char place[] = "{id}";
  char *id;
  gim_status status;
  hub->task_path = malloc(path.n + 2);
  if (hub->task_path == NULL) return no_memory(err);
  memcpy(hub->task_path, path.p, path.n);
  hub->task_path[path.n] = '\0';
  id = strlen(hub->task_path) == path.n ? strstr(hub->task_path, place) : NULL;
  if (id != NULL) {
    hub->task_path_head_n = (size_t)(id - hub->task_path);
    memmove(id, id + sizeof(place) - 1, strlen(id) - (sizeof(place) - 1) + 1);
    return check_path("task_path", gim_str_of(hub->task_path), err);
  }
  status = check_path("task_path", path, err);
  hub->task_path_head_n = path.n;
  if (status == GIM_OK && path.p[path.n - 1] != '/' &&
      path.p[path.n - 1] != '=') {
    hub->task_path[hub->task_path_head_n++] = '/';
    hub->task_path[hub->task_path_head_n] = '\0';
  }
  return status;
}

static gim_status take_key(gim_hub *hub, gim_str key, gim_err *err) {
  static const char prefix[] = AUTHORIZATION;
  gim_status status = check_key(key, hub->provider, err);
  if (status != GIM_OK) return status;
  hub->authorization = malloc(sizeof(prefix) + key.n);
  if (hub->authorization == NULL) return no_memory(err);
  memcpy(hub->authorization, prefix, sizeof(prefix) - 1);
  memcpy(hub->authorization + sizeof(prefix) - 1, key.p, key.n);
  hub->authorization[sizeof(prefix) - 1 + key.n] = '\0';
  return GIM_OK;
}

/* Parts of headers, names of files: one line each, without a NUL. */
static gim_status check_lines(const gim_hub_options *o, gim_err *err) {
  const struct {
    const char *option;
    gim_str text;
  } lines[] = {{"ca_file", o->ca_file},
               {"proxy", o->proxy},
               {"user_agent", o->user_agent},
               {"journal", o->journal}};
  for (size_t k = 0; k < sizeof(lines) / sizeof(lines[0]); k++)
    for (size_t i = 0; i < lines[k].text.n; i++)
      if ((unsigned char)lines[k].text.p[i] < 0x20 ||
          lines[k].text.p[i] == 0x7F)
        return refuse(err, lines[k].option,
                      "it holds a line break or another control character.");
  return GIM_OK;
}

/* "" is no proxy, whatever the environment says. Its text is not shown: it
   may hold a password. */
static gim_status check_proxy(gim_str proxy, gim_err *err) {
  const char *fault = proxy.n == 0 ? NULL : gim_proxy_fault(proxy);
  char message[128];
  if (fault == NULL) return GIM_OK;
  (void)snprintf(message, sizeof(message), "it %s.", fault);
  return refuse(err, "proxy", message);
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

static gim_status make_writer(gim_hub *hub, gim_err *err) {
  hub->writer = gim_writer_new(listen_to_writer, hub);
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
  gim_str task, edit;
  gim_status status;
  if (hub == NULL) {
    (void)no_memory(err);
    return NULL;
  }
  hub->references = 1;
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
  task = options->task_path.p != NULL ? options->task_path
                                      : gim_str_of(hub->provider->task_path);
  edit = options->edit_path.p != NULL ? options->edit_path
                                      : gim_str_of(hub->provider->edit_path);
  status = gim_hub_make_key(key, err); /* what no request could have later */
  if (status == GIM_OK) status = take_key(hub, options->api_key, err);
  if (status == GIM_OK) status = take_base_url(hub, err);
  if (status == GIM_OK) status = take_files_url(hub, err);
  if (status == GIM_OK) status = take_task_path(hub, task, err);
  if (status == GIM_OK) status = check_path("edit_path", edit, err);
  if (status == GIM_OK) {
    hub->edit_path = gim_str_copy(edit);
    if (hub->edit_path == NULL) status = no_memory(err);
  }
  if (status == GIM_OK) status = check_lines(options, err);
  if (status == GIM_OK) status = check_proxy(options->proxy, err);
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

gim_str gim_hub_secret(const gim_hub *hub) {
  return gim_str_of(hub->authorization == NULL
                        ? NULL
                        : hub->authorization + sizeof(AUTHORIZATION) - 1);
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

char *gim_hub_task_url(const gim_hub *hub, gim_str id) {
  const char *tail = hub->task_path + hub->task_path_head_n;
  size_t base_n = strlen(hub->base_url), tail_n = strlen(tail);
  char *url, *to;
  url = malloc(base_n + hub->task_path_head_n + 3 * id.n + tail_n + 1);
  if (url == NULL) return NULL;
  memcpy(url, hub->base_url, base_n);
  memcpy(url + base_n, hub->task_path, hub->task_path_head_n);
  to = url + base_n + hub->task_path_head_n;
  to += gim_url_write_segment(to, id);
  memcpy(to, tail, tail_n + 1);
  return url;
}
