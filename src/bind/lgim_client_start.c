/* SPDX-License-Identifier: MIT */
#include "lgim_client.h"

#include "gim_client.h"
#include "gim_request.h"
#include "lgim_client_private.h"
#include "lgim_error.h"
#include "lgim_fields.h"
#include "lgim_money.h"
#include "lgim_options.h"
#include "lgim_task.h"

#include <lauxlib.h>
#include <string.h>

/* What a request or an attach may say beside its fields. */
typedef struct choices {
  gim_str output;
  int64_t timeout_ms, resubmit;
  double price;
  bool strict, has_timeout, has_price;
} choices;

#define NO_CHOICES ((choices){.strict = true})

static const lgim_option options_of_request[] = {
    {"output", LGIM_STRING, offsetof(choices, output), LGIM_NOWHERE},
    {"timeout", LGIM_TIMEOUT, offsetof(choices, timeout_ms),
     offsetof(choices, has_timeout)},
    {"strict", LGIM_BOOLEAN, offsetof(choices, strict), LGIM_NOWHERE},
    {"resubmit", LGIM_INTEGER, offsetof(choices, resubmit), LGIM_NOWHERE},
    {"price", LGIM_NUMBER, offsetof(choices, price),
     offsetof(choices, has_price)},
    {"on_progress", LGIM_FUNCTION, LGIM_NOWHERE, LGIM_NOWHERE},
    {NULL, LGIM_ANY, 0, 0}};

static const lgim_option options_of_attach[] = {
    {"output", LGIM_STRING, offsetof(choices, output), LGIM_NOWHERE},
    {"timeout", LGIM_TIMEOUT, offsetof(choices, timeout_ms),
     offsetof(choices, has_timeout)},
    {"on_progress", LGIM_FUNCTION, LGIM_NOWHERE, LGIM_NOWHERE},
    {NULL, LGIM_ANY, 0, 0}};

static gim_job_options job_options(const choices *c, gim_str model) {
  gim_job_options options;
  memset(&options, 0, sizeof(options));
  options.timeout_ms = c->has_timeout ? c->timeout_ms : -1;
  options.output = c->output;
  options.model = model;
  options.overwrite = -1;
  options.resubmit = (int)c->resubmit;
  options.price_micro = -1;
  return options;
}

/* The new task at `index` becomes its job's; its client holds it. */
static int own(lua_State *L, int index, int data, gim_hub *hub, gim_job *job) {
  lgim_task_own(L, index, job);
  lua_pushvalue(L, index);
  lua_rawsetp(L, data, job);
  gim_client_arm(hub);
  lua_pushvalue(L, index);
  return 1;
}

/* The warnings of a request, one line of the log each. */
static void log_warnings(gim_hub *hub, const gim_job *job) {
  for (int i = 0; i < job->warning_count; i++)
    gim_hub_log(hub, "warning", job->key, 0, "%s: %s", job->warnings[i].field,
                job->warnings[i].message);
}

static int start(lua_State *L, const char *function, bool edit) {
  const char *method = luaL_optstring(L, 3, function);
  gim_hub *hub = lgim_client_check(L, 2, method);
  const lgim_argument argument = {method, 1, "field", 2};
  choices c = NO_CHOICES;
  const lgim_option_set others = {options_of_request, &c};
  gim_job_options options;
  gim_request *request;
  gim_fields fields;
  gim_rules rules;
  gim_err err;
  gim_job *job;
  int64_t price_micro;
  gim_source_pixels pixels = lgim_fields_pixels(L, 4);
  lua_settop(L, 3); /* 3: the method's name, if there is one */
  lgim_fields_read(L, 2, &argument, &others, &fields);
  fields.edit = edit;
  fields.mask_pixels = pixels;
  price_micro = lgim_fields_check_money(L, &argument, c.resubmit,
                                        c.has_price ? c.price : 0);
  lgim_task_push(L, 1);
  lua_insert(L, 4); /* 4: the task; what the fields lie in follows */
  lua_getiuservalue(L, 1, 1);
  lua_insert(L, 5); /* 5: the client's user value, 6: where pictures lie */
  request = lgim_request_new(L); /* 7 */
  hub = lgim_client_recheck(L, 2, method);
  memset(&rules, 0, sizeof(rules));
  rules.provider = hub->options.provider;
  rules.sizes = hub->options.sizes;
  rules.strict = c.strict;
  rules.allow_private = hub->options.allow_private;
  rules.can_upload = hub->files_url != NULL;
  rules.edit_path = hub->edit_path;
  if (gim_request_make(request, &fields, &rules, &err) != GIM_OK)
    return lgim_request_fail(L, 7, &err);
  if (gim_enclosure_has_bytes(&request->enclosed)) { /* the job borrows */
    lgim_task_data(L, 4);
    lua_pushvalue(L, 6);
    lua_rawsetp(L, -2, &lgim_key_pictures);
    lua_pop(L, 1);
  }
  options = job_options(&c, fields.model);
  options.price_micro = c.has_price
                            ? price_micro
                            : lgim_money_price(L, 5, fields.model, request);
  hub = lgim_client_recheck(L, 2, method);
  if (gim_job_submit(&job, hub, request, &options, &err) != GIM_OK)
    return lgim_request_fail(L, 7, &err);
  lgim_request_done(L, 7);
  log_warnings(hub, job);
  return own(L, 4, 5, hub, job);
}

/*
** core.generate(client, request [, name [, pixels]]) -> task | nil, err:
** `name` is that of the method that the user called, for messages; `pixels`
** what was seen of the mask's: see lgim_fields_pixels
*/
int lgim_client_generate(lua_State *L) {
  return start(L, "generate", false);
}

/* core.edit(client, request [, name [, pixels]]) -> task | nil, err */
int lgim_client_edit(lua_State *L) {
  return start(L, "edit", true);
}

/* core.attach(client, id [, options]) -> task | nil, err */
int lgim_client_attach(lua_State *L) {
  gim_hub *hub = lgim_client_check(L, 1, "attach");
  const lgim_argument argument = {"attach", 2, "option", 1};
  choices c = NO_CHOICES;
  lgim_option_set set = {options_of_attach, &c};
  gim_job_options options;
  gim_str id, none = {NULL, 0};
  gim_err err;
  gim_job *job;
  lua_settop(L, 3);
  if (lua_type(L, 2) != LUA_TSTRING)
    return luaL_error(L,
                      "bad argument #1 to 'attach' (string expected, got %s)",
                      luaL_typename(L, 2));
  id.p = lua_tolstring(L, 2, &id.n);
  if (!lua_isnil(L, 3) && !lua_istable(L, 3))
    lgim_options_raise(L, &argument, NULL, "table expected, got %s",
                       luaL_typename(L, 3));
  lgim_options_read_sets(L, 3, &argument, &set, 1);
  lgim_task_push(L, 1);       /* 4 */
  lua_getiuservalue(L, 1, 1); /* 5 */
  hub = lgim_client_recheck(L, 1, "attach");
  options = job_options(&c, none);
  if (gim_job_attach(&job, hub, id, &options, &err) != GIM_OK)
    return lgim_fail(L, &err, /* what is no id can never be attached to */
                     strcmp(err.field, "id") == 0 ? NULL : id.p,
                     GIM_BILLED_MAYBE);
  return own(L, 4, 5, hub, job);
}
