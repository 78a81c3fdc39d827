/* SPDX-License-Identifier: MIT */
#include "lgim_settings.h"

#include "lgim_options.h"

#include <lauxlib.h>
#include <string.h>

/* The options, and what of them is judged before it becomes one. */
typedef struct settings {
  gim_hub_options hub;
  gim_str sizes, overwrite;
  int64_t max_requests, memory_limit;
  double budget;
  bool has_budget;
} settings;

#define AT(member) offsetof(settings, member)

static const lgim_option options_of_client[] = {
    {"provider", LGIM_STRING, LGIM_NOWHERE, LGIM_NOWHERE},
    {"api_key", LGIM_STRING, AT(hub.api_key), LGIM_NOWHERE},
    {"base_url", LGIM_STRING, AT(hub.base_url), LGIM_NOWHERE},
    {"files_url", LGIM_STRING, AT(hub.files_url), LGIM_NOWHERE},
    {"max_requests", LGIM_INTEGER, AT(max_requests), LGIM_NOWHERE},
    {"timeout", LGIM_TABLE, LGIM_NOWHERE, LGIM_NOWHERE},
    {"journal", LGIM_STRING, AT(hub.journal), LGIM_NOWHERE},
    {"allow_private", LGIM_BOOLEAN, AT(hub.allow_private), LGIM_NOWHERE},
    {"poll", LGIM_TABLE, LGIM_NOWHERE, LGIM_NOWHERE},
    {"retry", LGIM_TABLE, LGIM_NOWHERE, LGIM_NOWHERE},
    {"rate", LGIM_TABLE, LGIM_NOWHERE, LGIM_NOWHERE},
    {"prices", LGIM_TABLE, LGIM_NOWHERE, LGIM_NOWHERE},
    {"budget", LGIM_NUMBER, AT(budget), AT(has_budget)},
    {"overwrite", LGIM_STRING, AT(overwrite), LGIM_NOWHERE},
    {"memory_limit", LGIM_INTEGER, AT(memory_limit), LGIM_NOWHERE},
    {"idempotent", LGIM_BOOLEAN, AT(hub.idempotent), LGIM_NOWHERE},
    {"sizes", LGIM_STRING, AT(sizes), LGIM_NOWHERE},
    {"edit_path", LGIM_STRING, AT(hub.edit_path), LGIM_NOWHERE},
    {"task_path", LGIM_STRING, AT(hub.task_path), LGIM_NOWHERE},
    {"ca_file", LGIM_STRING, AT(hub.ca_file), LGIM_NOWHERE},
    {"proxy", LGIM_STRING, AT(hub.proxy), LGIM_NOWHERE},
    {"user_agent", LGIM_STRING, AT(hub.user_agent), LGIM_NOWHERE},
    {"on_error", LGIM_FUNCTION, LGIM_NOWHERE, LGIM_NOWHERE},
    {"log", LGIM_FUNCTION, LGIM_NOWHERE, AT(hub.log)},
    {NULL, LGIM_ANY, 0, 0}};

static const lgim_option options_of_timeout[] = {
    {"connect", LGIM_TIMEOUT, offsetof(gim_hub_options, connect_ms),
     LGIM_NOWHERE},
    {"submit", LGIM_TIMEOUT, offsetof(gim_hub_options, submit_ms),
     LGIM_NOWHERE},
    {"poll", LGIM_TIMEOUT, offsetof(gim_hub_options, poll_ms), LGIM_NOWHERE},
    {"download", LGIM_TIMEOUT, offsetof(gim_hub_options, download_ms),
     LGIM_NOWHERE},
    {"upload", LGIM_TIMEOUT, offsetof(gim_hub_options, upload_ms),
     LGIM_NOWHERE},
    {"task", LGIM_TIMEOUT, offsetof(gim_hub_options, task_ms), LGIM_NOWHERE},
    {NULL, LGIM_ANY, 0, 0}};

/* The option `poll`, and `retry`, before they are judged. */
typedef struct pacing {
  gim_poll poll;
  double jitter;
  int64_t retries;
  int64_t base_ms, cap_ms;
} pacing;

static const lgim_option options_of_poll[] = {
    {"first", LGIM_SECONDS, offsetof(pacing, poll.first_ms), LGIM_NOWHERE},
    {"min", LGIM_SECONDS, offsetof(pacing, poll.min_ms), LGIM_NOWHERE},
    {"max", LGIM_SECONDS, offsetof(pacing, poll.max_ms), LGIM_NOWHERE},
    {"jitter", LGIM_NUMBER, offsetof(pacing, jitter), LGIM_NOWHERE},
    {NULL, LGIM_ANY, 0, 0}};

static const lgim_option options_of_retry[] = {
    {"max", LGIM_INTEGER, offsetof(pacing, retries), LGIM_NOWHERE},
    {"base", LGIM_SECONDS, offsetof(pacing, base_ms), LGIM_NOWHERE},
    {"cap", LGIM_SECONDS, offsetof(pacing, cap_ms), LGIM_NOWHERE},
    {NULL, LGIM_ANY, 0, 0}};

static const lgim_option options_of_rate[] = {
    {"requests", LGIM_INTEGER, offsetof(gim_hub_options, rate_requests),
     LGIM_NOWHERE},
    {"per_seconds", LGIM_SECONDS, offsetof(gim_hub_options, rate_per_ms),
     LGIM_NOWHERE},
    {NULL, LGIM_ANY, 0, 0}};

static const lgim_argument argument = {"client", 1, "option", 1};

/* The place of `text` in `names` (NULL-terminated); raises otherwise. */
static int choose(lua_State *L, const char *option, gim_str text,
                  const char *const *names) {
  luaL_Buffer list;
  for (int i = 0; names[i] != NULL; i++)
    if (gim_str_equal(text, gim_str_of(names[i]))) return i;
  luaL_buffinit(L, &list);
  for (int i = 0; names[i] != NULL; i++) {
    if (i > 0) luaL_addstring(&list, ", ");
    luaL_addstring(&list, names[i]);
  }
  luaL_pushresult(&list);
  return lgim_options_raise(L, &argument, option, "one of %s expected",
                            lua_tostring(L, -1));
}

/* Reads the table that stands as option `name`, if there is one. */
static void read_nested(lua_State *L, int index, const char *name,
                        const lgim_option *options, void *out) {
  lgim_argument nested = {"client", 1, name, 1};
  lgim_option_set set;
  set.options = options;
  set.out = out;
  lua_pushstring(L, name);
  lua_rawget(L, index);
  lgim_options_read_sets(L, -1, &nested, &set, 1);
  lua_pop(L, 1);
}

static void read_poll(lua_State *L, int index, gim_poll *poll) {
  const lgim_argument nested = {"client", 1, "poll", 1};
  pacing p;
  memset(&p, 0, sizeof(p));
  p.poll = *poll;
  p.jitter = (double)poll->jitter_permille / 1000;
  read_nested(L, index, "poll", options_of_poll, &p);
  if (p.jitter < 0 || p.jitter > 1)
    lgim_options_raise(L, &nested, "jitter", "a number from 0 to 1 expected");
  if (p.poll.min_ms > p.poll.max_ms)
    lgim_options_raise(L, &nested, "min", "it is larger than max, %f",
                       (lua_Number)p.poll.max_ms / 1000);
  *poll = p.poll;
  poll->jitter_permille = (int32_t)(p.jitter * 1000 + 0.5);
}

static void read_retry(lua_State *L, int index, gim_retry *retry) {
  const lgim_argument nested = {"client", 1, "retry", 1};
  pacing p;
  memset(&p, 0, sizeof(p));
  p.retries = retry->max;
  p.base_ms = retry->base_ms;
  p.cap_ms = retry->cap_ms;
  read_nested(L, index, "retry", options_of_retry, &p);
  if (p.retries < 0 || p.retries > 1000)
    lgim_options_raise(L, &nested, "max",
                       "an integer from 0 to 1000 expected, got %I",
                       (LUAI_UACINT)p.retries);
  if (p.base_ms > p.cap_ms)
    lgim_options_raise(L, &nested, "base", "it is larger than cap, %f",
                       (lua_Number)p.cap_ms / 1000);
  retry->max = (int)p.retries;
  retry->base_ms = p.base_ms;
  retry->cap_ms = p.cap_ms;
}

static void read_rate(lua_State *L, int index, gim_hub_options *hub) {
  const lgim_argument nested = {"client", 1, "rate", 1};
  int type;
  lua_pushliteral(L, "rate");
  type = lua_rawget(L, index);
  lua_pop(L, 1);
  if (type == LUA_TNIL) return;
  read_nested(L, index, "rate", options_of_rate, hub);
  if (hub->rate_requests < 1 || hub->rate_requests > GIM_BUCKET_REQUESTS_MAX)
    lgim_options_raise(L, &nested, "requests",
                       "an integer from 1 to %d has to be given",
                       GIM_BUCKET_REQUESTS_MAX);
  if (hub->rate_per_ms < 1)
    lgim_options_raise(L, &nested, "per_seconds",
                       "a number of seconds above 0 has to be given");
}

/* Before all others: the defaults are the provider's. */
static gim_provider read_provider(lua_State *L, int index) {
  static const char *const providers[] = {"starmagic", "evolink", "magick",
                                          NULL};
  gim_provider provider = GIM_STARMAGIC;
  gim_str name;
  lua_pushliteral(L, "provider");
  if (lua_rawget(L, index) == LUA_TSTRING) {
    name.p = lua_tolstring(L, -1, &name.n);
    provider = (gim_provider)choose(L, "provider", name, providers);
  }
  lua_pop(L, 1);
  return provider;
}

void lgim_settings_read(lua_State *L, int index, gim_hub_options *options) {
  static const char *const procedures[] = {"anchor", "budget", NULL};
  static const char *const policies[] = {"number", "replace", "refuse", NULL};
  settings s;
  lgim_option_set set;
  bool given = lua_istable(L, index);
  index = lua_absindex(L, index);
  luaL_checkstack(L, 12, "no stack for options");
  if (!lua_isnoneornil(L, index) && !given)
    lgim_options_raise(L, &argument, NULL, "table expected, got %s",
                       luaL_typename(L, index));
  memset(&s, 0, sizeof(s));
  gim_hub_options_init(&s.hub,
                       given ? read_provider(L, index) : GIM_STARMAGIC);
  s.max_requests = s.hub.max_requests;
  s.memory_limit = (int64_t)s.hub.memory_limit;
  set.options = options_of_client;
  set.out = &s;
  lgim_options_read_sets(L, index, &argument, &set, 1);
  *options = s.hub;
  if (s.has_budget && !lgim_options_micro(s.budget, &options->budget_micro))
    lgim_options_raise(L, &argument, "budget",
                       "credits from 0 to 1e9 expected, got %f",
                       (lua_Number)s.budget);
  if (s.sizes.p != NULL)
    options->sizes =
        (gim_size_procedure)choose(L, "sizes", s.sizes, procedures);
  if (s.overwrite.p != NULL)
    options->overwrite =
        (gim_overwrite)choose(L, "overwrite", s.overwrite, policies);
  if (s.max_requests < 1 || s.max_requests > 10000)
    lgim_options_raise(L, &argument, "max_requests",
                       "an integer from 1 to 10000 expected, got %I",
                       (LUAI_UACINT)s.max_requests);
  options->max_requests = (int)s.max_requests;
  if (s.memory_limit < 0)
    lgim_options_raise(L, &argument, "memory_limit",
                       "a number of bytes expected, got %I",
                       (LUAI_UACINT)s.memory_limit);
  options->memory_limit = (size_t)s.memory_limit;
  if (!given) return;
  read_nested(L, index, "timeout", options_of_timeout, options);
  read_poll(L, index, &options->poll);
  read_retry(L, index, &options->retry);
  read_rate(L, index, options);
}
