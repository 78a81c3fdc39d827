/* SPDX-License-Identifier: MIT */
#include "lgim_error.h"

#include <lauxlib.h>
#include <stdio.h>

static void set_text(lua_State *L, const char *name, const char *text) {
  if (text == NULL || text[0] == '\0') return;
  lua_pushstring(L, text);
  lua_setfield(L, -2, name);
}

/* The string field `name` of the error at 1, or NULL; leaves it on the stack,
   where it anchors the pointer. */
static const char *get_text(lua_State *L, const char *name) {
  return lua_getfield(L, 1, name) == LUA_TSTRING ? lua_tostring(L, -1) : NULL;
}

/* One line, whatever somebody wrote into the table. */
static void add_line(luaL_Buffer *b, const char *text) {
  for (; *text != '\0'; text++)
    luaL_addchar(b, (unsigned char)*text < 0x20 ? '?' : *text);
}

/* ", " or " (" before the next remark behind the message. */
static void add_remark(luaL_Buffer *b, bool *any, const char *label,
                       const char *text) {
  luaL_addstring(b, *any ? ", " : " (");
  *any = true;
  luaL_addstring(b, label);
  add_line(b, text);
}

/* Is the value at `index` an error or an issue? */
static bool is_ours(lua_State *L, int index) {
  bool ours;
  if (!lua_getmetatable(L, index)) return false;
  luaL_getmetatable(L, LGIM_ERROR);
  luaL_getmetatable(L, LGIM_ISSUE);
  ours = lua_rawequal(L, -3, -2) || lua_rawequal(L, -3, -1);
  lua_pop(L, 3);
  return ours;
}

/* "failed: " .. err, or the other way round: as tostring shows it. What else
   is put to it has to know how, as in Lua. */
static int concat(lua_State *L) {
  lua_settop(L, 2);
  for (int i = 1; i <= 2; i++) {
    if (is_ours(L, i)) {
      (void)luaL_tolstring(L, i, NULL);
      lua_replace(L, i);
    }
    else if (!lua_isstring(L, i) &&
             luaL_getmetafield(L, i, "__concat") == LUA_TNIL)
      return luaL_error(L, "attempt to concatenate a %s value",
                        luaL_typename(L, i));
    lua_settop(L, 2);
  }
  lua_concat(L, 2);
  return 1;
}

/* The metatable on top of the stack gets what makes a text of its tables. */
static void set_text_functions(lua_State *L, lua_CFunction tostring) {
  lua_pushcfunction(L, tostring);
  lua_setfield(L, -2, "__tostring");
  lua_pushcfunction(L, concat);
  lua_setfield(L, -2, "__concat");
}

/* tostring(issue): "size: it is too small" */
static int issue_tostring(lua_State *L) {
  const char *field, *message;
  luaL_Buffer b;
  luaL_checktype(L, 1, LUA_TTABLE);
  lua_settop(L, 1);
  field = get_text(L, "field");
  message = get_text(L, "message");
  luaL_buffinit(L, &b);
  if (field != NULL) {
    add_line(&b, field);
    luaL_addstring(&b, ": ");
  }
  add_line(&b, message == NULL ? "" : message);
  luaL_pushresult(&b);
  return 1;
}

void lgim_issue_push_metatable(lua_State *L) {
  if (luaL_newmetatable(L, LGIM_ISSUE)) set_text_functions(L, issue_tostring);
}

/* tostring(err): "server: it broke (HTTP 500, code x, request id y)" */
static int error_tostring(lua_State *L) {
  enum { KIND = 2, MESSAGE, FIELD, CODE, REQUEST_ID, TASK_ID, STATUS };
  static const struct {
    int slot;
    const char *label;
  } remarks[] = {{FIELD, "field "},
                 {CODE, "code "},
                 {REQUEST_ID, "request id "},
                 {TASK_ID, "task "}};
  const char *kind, *message;
  char status[32];
  luaL_Buffer b;
  bool any = false;
  luaL_checktype(L, 1, LUA_TTABLE);
  lua_settop(L, 1);
  kind = get_text(L, "kind");
  message = get_text(L, "message");
  (void)get_text(L, "field");
  (void)get_text(L, "code");
  (void)get_text(L, "request_id");
  (void)get_text(L, "task_id");
  lua_getfield(L, 1, "status");
  luaL_buffinit(L, &b);
  luaL_addstring(&b, kind == NULL ? "error" : kind);
  luaL_addstring(&b, ": ");
  add_line(&b, message == NULL ? "" : message);
  if (lua_isinteger(L, STATUS)) {
    snprintf(status, sizeof(status), "%lld",
             (long long)lua_tointeger(L, STATUS));
    add_remark(&b, &any, "HTTP ", status);
  }
  for (size_t i = 0; i < sizeof(remarks) / sizeof(remarks[0]); i++)
    if (lua_type(L, remarks[i].slot) == LUA_TSTRING)
      add_remark(&b, &any, remarks[i].label, lua_tostring(L, remarks[i].slot));
  if (any) luaL_addchar(&b, ')');
  luaL_pushresult(&b);
  return 1;
}

void lgim_error_push_metatable(lua_State *L) {
  if (luaL_newmetatable(L, LGIM_ERROR)) set_text_functions(L, error_tostring);
}

int lgim_error_push(lua_State *L, const gim_err *err, const char *task_id,
                    gim_billed billed) {
  lua_createtable(L, 0, 10);
  set_text(L, "kind", gim_status_name(err->status));
  lua_pushstring(L, err->message);
  lua_setfield(L, -2, "message");
  set_text(L, "field", err->field);
  set_text(L, "code", err->code);
  set_text(L, "param", err->param);
  set_text(L, "request_id", err->request_id);
  set_text(L, "task_id", task_id);
  set_text(L, "billed", gim_billed_name(billed));
  lua_pushboolean(L, err->retryable);
  lua_setfield(L, -2, "retryable");
  if (err->http_status != 0) {
    lua_pushinteger(L, err->http_status);
    lua_setfield(L, -2, "status");
  }
  if (err->retry_after_ms >= 0) {
    lua_pushnumber(L, (lua_Number)err->retry_after_ms / 1000);
    lua_setfield(L, -2, "retry_after");
  }
  lgim_error_push_metatable(L);
  lua_setmetatable(L, -2);
  return 1;
}

int lgim_fail(lua_State *L, const gim_err *err, const char *task_id,
              gim_billed billed) {
  lua_pushnil(L);
  lgim_error_push(L, err, task_id, billed);
  return 2;
}

int lgim_issues_push(lua_State *L, const gim_issue *issues, int count) {
  lua_createtable(L, count, 0);
  for (int i = 0; i < count; i++) {
    lua_createtable(L, 0, 5);
    set_text(L, "field", issues[i].field);
    set_text(L, "rule", issues[i].rule);
    set_text(L, "message", issues[i].message);
    set_text(L, "got", issues[i].got);
    set_text(L, "nearest", issues[i].nearest);
    lgim_issue_push_metatable(L);
    lua_setmetatable(L, -2);
    lua_rawseti(L, -2, i + 1);
  }
  return 1;
}
