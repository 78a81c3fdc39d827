/* SPDX-License-Identifier: MIT */
#include "lgim_task.h"

#include "gim_client.h"
#include "lgim_error.h"
#include "lgim_object.h"
#include "lgim_result.h"

#include <lauxlib.h>
#include <string.h>

const char lgim_key_source = 's';
const char lgim_key_pictures = 'p';
const char lgim_key_waiter = 'w';

/* The user values of a task: its table; or what would be alone in it, the
   coroutine that waits for it or the function that is told of its end; or nil;
   and its client. */
enum { DATA = 1, CLIENT };

typedef struct task {
  gim_job *job; /* OWNED; NULL while half made, and after __gc */
} task;

void lgim_task_push(lua_State *L, int client) {
  task *t;
  client = lua_absindex(L, client);
  t = lua_newuserdatauv(L, sizeof(*t), 2);
  t->job = NULL;
  lgim_object_mark(L, LGIM_CLASS_TASK);
  lua_pushvalue(L, client);
  lua_setiuservalue(L, -2, CLIENT);
}

void lgim_task_data(lua_State *L, int index) {
  int type;
  index = lua_absindex(L, index);
  type = lua_getiuservalue(L, index, DATA);
  if (type == LUA_TTABLE) return;
  lua_createtable(L, 0, 4); /* what gptimage/deliver.lua keeps of most */
  lua_insert(L, -2);
  if (type == LUA_TTHREAD)
    lua_rawsetp(L, -2, &lgim_key_waiter);
  else
    lua_rawseti(L, -2, 1); /* nil makes no entry */
  lua_pushvalue(L, -1);
  lua_setiuservalue(L, index, DATA);
}

void lgim_task_own(lua_State *L, int index, gim_job *job) {
  task *t = lua_touserdata(L, index);
  t->job = job;
}

/* What keeps it from being used, or NULL. */
static const char *trouble_of(const task *t) {
  if (t->job == NULL) return "is gone";
  if (gim_client_is_foreign(t->job->hub))
    return "belongs to the parent process";
  return NULL;
}

/* The job of the task at 1; raises otherwise, as lgim_object_refuse. */
static gim_job *check_task(lua_State *L, const char *method) {
  const task *t = lgim_object_check(L, 1, LGIM_CLASS_TASK);
  const char *trouble = trouble_of(t);
  if (trouble != NULL) lgim_object_refuse(L, 1, "task", method, trouble);
  return t->job;
}

/* task:done() -> boolean */
static int task_done(lua_State *L) {
  lua_pushboolean(L, gim_task_is_done(&check_task(L, "done")->task));
  return 1;
}

/* task:cancel(): without effect when it is done */
static int task_cancel(lua_State *L) {
  gim_job *job = check_task(L, "cancel");
  gim_job_cancel(job);
  gim_client_arm(job->hub);
  return 0;
}

/*
** A task that is still referenced by its client is never collected while it
** is live, but for lua_close, where all go in the order of their making.
*/
static int task_gc(lua_State *L) {
  task *t = lgim_object_check(L, 1, LGIM_CLASS_TASK);
  /* A child leaves the parent's sockets and temporary files alone. */
  if (t->job != NULL && !gim_client_is_foreign(t->job->hub))
    gim_job_free(t->job);
  t->job = NULL;
  return 0;
}

static int task_tostring(lua_State *L) {
  task *t = lgim_object_check(L, 1, LGIM_CLASS_TASK);
  if (t->job == NULL)
    lua_pushliteral(L, LGIM_TASK ": gone");
  else
    lua_pushfstring(L, LGIM_TASK ": %s (%s)",
                    t->job->task.id != NULL ? t->job->task.id : t->job->key,
                    gim_task_status_name(&t->job->task));
  return 1;
}

static void push_property(lua_State *L, gim_job *job, const char *name) {
  const gim_task *t = &job->task;
  if (strcmp(name, "id") == 0)
    lua_pushstring(L, t->id);
  else if (strcmp(name, "status") == 0)
    lua_pushstring(L, gim_task_status_name(t));
  else if (strcmp(name, "progress") == 0)
    lua_pushinteger(L, t->progress);
  else if (strcmp(name, "estimated_time") == 0 && t->estimated_ms >= 0)
    lua_pushnumber(L, (lua_Number)t->estimated_ms / 1000);
  else if (strcmp(name, "billed") == 0)
    lua_pushstring(L, gim_billed_name(gim_job_billed(job)));
  else if (strcmp(name, "usage") == 0)
    lgim_result_push_usage(L, t);
  else if (strcmp(name, "can_cancel") == 0 && t->can_cancel >= 0)
    lua_pushboolean(L, t->can_cancel);
  else if (strcmp(name, "created") == 0 && t->created_unix_s != 0)
    lua_pushinteger(L, (lua_Integer)t->created_unix_s);
  else if (strcmp(name, "key") == 0)
    lua_pushstring(L, job->key);
  else
    lua_pushnil(L);
}

/* task[name]: a method, or a property */
static int task_index(lua_State *L) {
  const task *t = lgim_object_check(L, 1, LGIM_CLASS_TASK);
  const char *name, *trouble;
  lua_pushvalue(L, 2);
  if (lua_rawget(L, lua_upvalueindex(LGIM_UPVALUE_METHODS)) != LUA_TNIL)
    return 1;
  if (lua_type(L, 2) != LUA_TSTRING) return 1;
  name = lua_tostring(L, 2);
  if (strcmp(name, "client") == 0) { /* whatever became of the task */
    lua_getiuservalue(L, 1, CLIENT);
    return 1;
  }
  trouble = trouble_of(t);
  if (trouble != NULL) return luaL_error(L, "task.%s: task %s", name, trouble);
  push_property(L, t->job, name);
  return 1;
}

/*
** core.listen(task, f) -> true when `f`, a function, is kept as the first
** that is told of the task's end: the client is open, and nothing else is kept
** yet. Of thousands that wait none needs a table for it. Else, and for what is
** no task, nothing
*/
static int core_listen(lua_State *L) {
  const task *t = lgim_object_test(L, 1, LGIM_CLASS_TASK);
  if (t == NULL || trouble_of(t) != NULL || t->job->hub->net == NULL ||
      !lua_isfunction(L, 2) || lua_getiuservalue(L, 1, DATA) != LUA_TNIL)
    return 0;
  lua_pushvalue(L, 2);
  lua_setiuservalue(L, 1, DATA);
  lua_pushboolean(L, 1);
  return 1;
}

/* core.outcome(task [, results, images]) -> result | nil, err; raises while it
   is not done. `results` and `images`: the metatables that they get */
static int core_outcome(lua_State *L) {
  gim_job *job = check_task(L, "outcome");
  lua_settop(L, 3);
  luaL_argcheck(L, gim_task_is_done(&job->task), 1, "task is not done");
  for (int i = 2; i <= 3; i++)
    luaL_argexpected(L, lua_isnil(L, i) || lua_istable(L, i), i, "table");
  return lgim_result_push(L, job);
}

/* core.body(task) -> the JSON of the last answer that mattered, with "<image
   N>" for pictures that came in it, or nothing. Also in a child: it is no
   more than memory */
static int core_body(lua_State *L) {
  const task *t = lgim_object_check(L, 1, LGIM_CLASS_TASK);
  if (t->job == NULL || t->job->skeleton == NULL) return 0;
  lua_pushlstring(L, t->job->skeleton, t->job->skeleton_n);
  return 1;
}

/*
** core.waiter(task [, co]) -> the coroutine that waits for it, or nil. With
** `co`, a coroutine or nil, that is the one from now on. Of thousands that
** wait none needs a table for it.
*/
static int core_waiter(lua_State *L) {
  bool is_told = lua_gettop(L) > 1;
  int type;
  (void)lgim_object_check(L, 1, LGIM_CLASS_TASK);
  lua_settop(L, 2);
  luaL_argexpected(L, lua_isnil(L, 2) || lua_isthread(L, 2), 2, "coroutine");
  type = lua_getiuservalue(L, 1, DATA); /* 3 */
  if (type == LUA_TFUNCTION) {
    if (lua_isnil(L, 2)) return 0;
    lgim_task_data(L, 1);
    lua_replace(L, 3);
    type = LUA_TTABLE;
  }
  if (type == LUA_TTABLE) {
    lua_rawgetp(L, 3, &lgim_key_waiter); /* 4 */
    lua_pushvalue(L, 2);
    if (is_told) lua_rawsetp(L, 3, &lgim_key_waiter);
    lua_settop(L, 4);
    return 1;
  }
  lua_pushvalue(L, 2);
  if (is_told) lua_setiuservalue(L, 1, DATA);
  lua_settop(L, 3);
  return 1;
}

/* core.watch(task, boolean): is progress news? */
static int core_watch(lua_State *L) {
  gim_job *job = check_task(L, "watch");
  job->watched = lua_toboolean(L, 2);
  return 0;
}

/* core.read(task, index) -> bytes | nil, err | nil: out of reach */
static int core_read(lua_State *L) {
  gim_job *job = check_task(L, "read");
  lua_Integer index = luaL_checkinteger(L, 2);
  gim_sink *sink;
  gim_err err;
  luaL_Buffer buffer;
  size_t size, got = 0, n = 0;
  char *to;
  luaL_argcheck(L, index >= 1 && index <= job->task.pictures.count, 2,
                "there is no such picture");
  sink = gim_filing_bytes(&job->filing, (int)index - 1);
  if (sink == NULL) return 0;
  size = (size_t)gim_sink_size(sink);
  to = luaL_buffinitsize(L, &buffer, size);
  while (n < size) {
    gim_status status =
        gim_sink_read(sink, (int64_t)n, to + n, size - n, &got, &err);
    if (status == GIM_OK && got == 0)
      status = gim_fail(&err, GIM_E_IO,
                        "The picture's file is shorter than it was.");
    if (status != GIM_OK) {
      gim_filing_unload(&job->filing, (int)index - 1);
      return lgim_fail(L, &err, job->task.id, job->task.billed);
    }
    n += got;
  }
  gim_filing_unload(&job->filing, (int)index - 1);
  luaL_pushresultsize(&buffer, n);
  return 1;
}

/* core.fetch(task, index [, path]) -> task | nil, err */
static int core_fetch(lua_State *L) {
  gim_job *source = check_task(L, "fetch");
  gim_job *job;
  lua_Integer index = luaL_checkinteger(L, 2);
  gim_str path = {NULL, 0};
  gim_err err;
  if (!lua_isnoneornil(L, 3)) {
    luaL_checktype(L, 3, LUA_TSTRING);
    path.p = lua_tolstring(L, 3, &path.n);
  }
  lua_settop(L, 3);
  luaL_argcheck(L, gim_task_is_done(&source->task), 1, "task is not done");
  luaL_argcheck(L, index >= 1 && index <= source->task.pictures.count, 2,
                "there is no such picture");
  if (source->hub->net == NULL) return luaL_error(L, "client is closed");
  lua_getiuservalue(L, 1, CLIENT); /* 4: the client */
  lgim_task_push(L, 4);            /* 5: the new task */
  lgim_task_data(L, 5);            /* 6: its table */
  lua_pushvalue(L, 1);
  lua_rawsetp(L, 6, &lgim_key_source);
  lua_getiuservalue(L, 4, 1); /* 7: the client's user value */
  if (gim_job_fetch(&job, source, (int)index - 1, path, &err) != GIM_OK)
    return lgim_fail(L, &err, source->task.id, source->task.billed);
  lgim_task_own(L, 5, job);
  lua_pushvalue(L, 5);
  lua_rawsetp(L, 7, job); /* live tasks are held by their client */
  gim_client_arm(source->hub);
  lua_settop(L, 5);
  return 1;
}

void lgim_task_open(lua_State *L, int tables) {
  static const luaL_Reg methods[] = {
      {"done", task_done}, {"cancel", task_cancel}, {NULL, NULL}};
  static const luaL_Reg functions[] = {
      {"fetch", core_fetch},     {"read", core_read},
      {"outcome", core_outcome}, {"body", core_body},
      {"listen", core_listen},   {"waiter", core_waiter},
      {"watch", core_watch},     {NULL, NULL}};
  static const luaL_Reg metamethods[] = {
      {"__gc", task_gc}, {"__tostring", task_tostring}, {NULL, NULL}};
  const lgim_class class = {LGIM_CLASS_TASK, "task", methods, metamethods,
                            task_index};
  lgim_object_functions(L, functions);
  lgim_object_open(L, &class, tables);
}
