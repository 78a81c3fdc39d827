/* SPDX-License-Identifier: MIT */
/* What a client is made of, judged; and what its requests have of that: the
   key, and where they go to. */
#include "gim_hub.h"

#include "gim_address.h"
#include "gim_hub_private.h"
#include "gim_proxy.h"
#include "gim_url.h"

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

gim_status gim_hub_take_options(gim_hub *hub, gim_err *err) {
  const gim_hub_options *o = &hub->options;
  gim_str task = o->task_path.p != NULL ? o->task_path
                                        : gim_str_of(hub->provider->task_path);
  gim_str edit = o->edit_path.p != NULL ? o->edit_path
                                        : gim_str_of(hub->provider->edit_path);
  gim_status status = take_key(hub, o->api_key, err);
  if (status == GIM_OK) status = take_base_url(hub, err);
  if (status == GIM_OK) status = take_files_url(hub, err);
  if (status == GIM_OK) status = take_task_path(hub, task, err);
  if (status == GIM_OK) status = check_path("edit_path", edit, err);
  if (status == GIM_OK) {
    hub->edit_path = gim_str_copy(edit);
    if (hub->edit_path == NULL) status = no_memory(err);
  }
  if (status == GIM_OK) status = check_lines(o, err);
  if (status == GIM_OK) status = check_proxy(o->proxy, err);
  return status;
}

gim_str gim_hub_secret(const gim_hub *hub) {
  return gim_str_of(hub->authorization == NULL
                        ? NULL
                        : hub->authorization + sizeof(AUTHORIZATION) - 1);
}

const char *gim_hub_url(gim_hub *hub, gim_str path) {
  gim_buffer *b = &hub->url;
  gim_buffer_clear(b);
  if (gim_buffer_append_str(b, gim_str_of(hub->base_url)) != GIM_OK ||
      gim_buffer_append_str(b, path) != GIM_OK)
    return NULL;
  return b->p;
}

const char *gim_hub_task_url(gim_hub *hub, gim_str id) {
  gim_str head = {hub->task_path, hub->task_path_head_n};
  gim_buffer *b = &hub->url;
  if (gim_hub_url(hub, head) == NULL ||
      gim_buffer_reserve(b, 3 * id.n) != GIM_OK)
    return NULL;
  b->n += gim_url_write_segment(b->p + b->n, id);
  if (gim_buffer_append_str(b, gim_str_of(hub->task_path + head.n)) != GIM_OK)
    return NULL;
  return b->p;
}
