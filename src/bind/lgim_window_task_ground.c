/* SPDX-License-Identifier: MIT */
#include "lgim_window_task.h"

#include "gim_ending.h"
#include "gim_evidence.h"
#include "gim_heap.h"
#include "gim_list.h"
#include "gim_name.h"
#include "lgim_window.h"
#include "lgim_window_parse.h"

#define HEAP "gptimage.window.heap"
#define LIST "gptimage.window.list"

/* ---- gim_heap ---- */

typedef struct heap {
  gim_heap heap;
  lua_Integer count;
  gim_due entries[]; /* count of them, known in Lua by 1, 2, ... */
} heap;

static gim_due *heap_entry(lua_State *L, heap *h, int index) {
  lua_Integer i = luaL_checkinteger(L, index);
  luaL_argcheck(L, i >= 1 && i <= h->count, index, "no such entry");
  return &h->entries[i - 1];
}

/* heap:set(entry, at_ms) -> true | nil, kind */
static int heap_set(lua_State *L) {
  heap *h = luaL_checkudata(L, 1, HEAP);
  gim_due *due = heap_entry(L, h, 2);
  lua_Integer at_ms = luaL_checkinteger(L, 3);
  gim_status status = gim_heap_reserve(&h->heap, 0);
  if (status != GIM_OK) return lgim_window_status(L, status);
  gim_heap_set(&h->heap, due, at_ms);
  lua_pushboolean(L, true);
  return 1;
}

/* heap:reserve(n) -> true | nil, kind */
static int heap_reserve(lua_State *L) {
  heap *h = luaL_checkudata(L, 1, HEAP);
  gim_status status =
      gim_heap_reserve(&h->heap, (size_t)luaL_checkinteger(L, 2));
  if (status != GIM_OK) return lgim_window_status(L, status);
  lua_pushboolean(L, true);
  return 1;
}

/* heap:remove(entry) */
static int heap_remove(lua_State *L) {
  heap *h = luaL_checkudata(L, 1, HEAP);
  gim_heap_remove(&h->heap, heap_entry(L, h, 2));
  return 0;
}

/* heap:first() -> entry, at_ms | nil */
static int heap_first(lua_State *L) {
  heap *h = luaL_checkudata(L, 1, HEAP);
  gim_due *due = gim_heap_first(&h->heap);
  if (due == NULL) return 0;
  lua_pushinteger(L, due - h->entries + 1);
  lua_pushinteger(L, due->at_ms);
  return 2;
}

/* heap:size() -> entries in it */
static int heap_size(lua_State *L) {
  heap *h = luaL_checkudata(L, 1, HEAP);
  lua_pushinteger(L, (lua_Integer)h->heap.n);
  return 1;
}

static int heap_free(lua_State *L) {
  heap *h = luaL_checkudata(L, 1, HEAP);
  gim_heap_free(&h->heap);
  gim_heap_free(&h->heap); /* idempotent */
  return 0;
}

/* window.heap(count) -> heap for so many entries */
static int window_heap(lua_State *L) {
  static const luaL_Reg methods[] = {
      {"set", heap_set},       {"reserve", heap_reserve},
      {"remove", heap_remove}, {"first", heap_first},
      {"size", heap_size},     {NULL, NULL}};
  lua_Integer count = luaL_checkinteger(L, 1);
  heap *h =
      lgim_window_task_object(L, sizeof(*h) + (size_t)count * sizeof(gim_due),
                              HEAP, methods, heap_free);
  h->count = count;
  return 1;
}

/* ---- gim_list ---- */

typedef struct thing {
  int64_t before; /* so that the link is not the thing's first member */
  gim_list_item link;
} thing;

typedef struct lists {
  gim_list list[2];
  lua_Integer count;
  thing things[]; /* count of them, known in Lua by 1, 2, ... */
} lists;

static gim_list *lists_list(lua_State *L, lists *l, int index) {
  lua_Integer i = luaL_checkinteger(L, index);
  luaL_argcheck(L, i >= 1 && i <= 2, index, "no such list");
  return &l->list[i - 1];
}

static gim_list_item *lists_link(lua_State *L, lists *l, int index) {
  lua_Integer i = luaL_checkinteger(L, index);
  luaL_argcheck(L, i >= 1 && i <= l->count, index, "no such thing");
  return &l->things[i - 1].link;
}

static lua_Integer number_of(const lists *l, gim_list_item *link) {
  return GIM_CONTAINER(link, thing, link) - l->things + 1;
}

/* lists:append(list, thing) */
static int lists_append(lua_State *L) {
  lists *l = luaL_checkudata(L, 1, LIST);
  gim_list_append(lists_list(L, l, 2), lists_link(L, l, 3));
  return 0;
}

/* lists:insert(list, place | nil, thing) */
static int lists_insert(lua_State *L) {
  lists *l = luaL_checkudata(L, 1, LIST);
  gim_list_insert(lists_list(L, l, 2),
                  lua_isnil(L, 3) ? NULL : lists_link(L, l, 3),
                  lists_link(L, l, 4));
  return 0;
}

/* lists:remove(thing) */
static int lists_remove(lua_State *L) {
  lists *l = luaL_checkudata(L, 1, LIST);
  gim_list_remove(lists_link(L, l, 2));
  return 0;
}

/* lists:shift(list) -> thing | nil */
static int lists_shift(lua_State *L) {
  lists *l = luaL_checkudata(L, 1, LIST);
  gim_list_item *link = gim_list_shift(lists_list(L, l, 2));
  if (link == NULL) return 0;
  lua_pushinteger(L, number_of(l, link));
  return 1;
}

/* lists:items(list) -> {things}, {the same from the end} */
static int lists_items(lua_State *L) {
  lists *l = luaL_checkudata(L, 1, LIST);
  gim_list *list = lists_list(L, l, 2);
  lua_Integer n = 0;
  lua_newtable(L);
  for (gim_list_item *at = gim_list_first(list); at != NULL;
       at = gim_list_after(list, at)) {
    luaL_argcheck(L, gim_list_is_in(at) && n < l->count, 2, "list is broken");
    lua_pushinteger(L, number_of(l, at));
    lua_rawseti(L, -2, ++n);
  }
  n = 0;
  lua_newtable(L);
  for (gim_list_item *at = gim_list_last(list); at != NULL;
       at = gim_list_before(list, at)) {
    luaL_argcheck(L, n < l->count, 2, "list is broken");
    lua_pushinteger(L, number_of(l, at));
    lua_rawseti(L, -2, ++n);
  }
  return 2;
}

static int lists_free(lua_State *L) {
  (void)luaL_checkudata(L, 1, LIST);
  return 0;
}

/* window.lists(count) -> two lists for so many things */
static int window_lists(lua_State *L) {
  static const luaL_Reg methods[] = {
      {"append", lists_append}, {"insert", lists_insert},
      {"remove", lists_remove}, {"shift", lists_shift},
      {"items", lists_items},   {NULL, NULL}};
  lua_Integer count = luaL_checkinteger(L, 1);
  lists *l =
      lgim_window_task_object(L, sizeof(*l) + (size_t)count * sizeof(thing),
                              LIST, methods, lists_free);
  l->count = count;
  return 1;
}

/* ---- gim_name ---- */

/* Of the table at 2; its strings stay on the stack. */
static gim_name_values values_of(lua_State *L) {
  gim_name_values values;
  luaL_checktype(L, 2, LUA_TTABLE);
  values.id = lgim_window_field(L, 2, "id");
  values.key = lgim_window_field(L, 2, "key");
  values.model = lgim_window_field(L, 2, "model");
  values.format = lgim_window_field(L, 2, "format");
  values.index = (int)lgim_window_integer(L, 2, "index", 1);
  return values;
}

static int push_name(lua_State *L, gim_status status, const gim_buffer *b) {
  if (status != GIM_OK) return lgim_window_status(L, status);
  lgim_window_push(L, b);
  return 1;
}

/* window.name_check(pattern) -> true | nil, err */
static int window_name_check(lua_State *L) {
  gim_err err;
  if (gim_name_check(lgim_window_str(L, 1), &err) != GIM_OK)
    return lgim_window_fail(L, &err);
  lua_pushboolean(L, true);
  return 1;
}

/* window.name_folder(pattern, {id=, key=, model=, format=, index=} [, limit])
   -> folder | nil, kind */
static int window_name_folder(lua_State *L) {
  gim_str pattern = lgim_window_str(L, 1);
  size_t limit = (size_t)luaL_optinteger(L, 3, GIM_LIMIT_PATH);
  gim_name_values values = values_of(L);
  gim_buffer *b = lgim_window_buffer(L, limit);
  return push_name(L, gim_name_folder(pattern, &values, b), b);
}

/* window.name_file(pattern, {...} [, limit]) -> name | nil, kind */
static int window_name_file(lua_State *L) {
  gim_str pattern = lgim_window_str(L, 1);
  size_t limit = (size_t)luaL_optinteger(L, 3, GIM_LIMIT_PATH);
  gim_name_values values = values_of(L);
  gim_buffer *b = lgim_window_buffer(L, limit);
  return push_name(L, gim_name_file(pattern, &values, b), b);
}

/* window.name_safe(text [, limit]) -> text | nil, kind */
static int window_name_safe(lua_State *L) {
  gim_str text = lgim_window_str(L, 1);
  gim_buffer *b =
      lgim_window_buffer(L, (size_t)luaL_optinteger(L, 2, GIM_LIMIT_PATH));
  return push_name(L, gim_name_safe(text, b), b);
}

/* ---- gim_evidence ---- */

/* window.evidence(number) -> billed, text; number from 0; nil past the end */
static int window_evidence(lua_State *L) {
  lua_Integer evidence = luaL_checkinteger(L, 1);
  if (evidence < 0 || evidence >= GIM_EVIDENCE_COUNT) return 0;
  lua_pushstring(L,
                 gim_billed_name(gim_evidence_billed((gim_evidence)evidence)));
  lua_pushstring(L, gim_evidence_text((gim_evidence)evidence));
  return 2;
}

/* ---- gim_ending ---- */

/* window.ending(number) -> nil, err; number as in gim_ending, from 0 */
static int window_ending(lua_State *L) {
  lua_Integer ending = luaL_checkinteger(L, 1);
  gim_err err;
  luaL_argcheck(L, ending >= 0 && ending <= GIM_ENDING_CANCELLED, 1,
                "no such ending");
  if (gim_ending_explain((gim_ending)ending, &err) !=
      gim_ending_explain((gim_ending)ending, NULL))
    return luaL_error(L, "it depends on who listens");
  return lgim_window_fail(L, &err);
}

void lgim_window_task_ground(lua_State *L) {
  static const luaL_Reg functions[] = {{"ending", window_ending},
                                       {"evidence", window_evidence},
                                       {"heap", window_heap},
                                       {"lists", window_lists},
                                       {"name_check", window_name_check},
                                       {"name_folder", window_name_folder},
                                       {"name_file", window_name_file},
                                       {"name_safe", window_name_safe},
                                       {NULL, NULL}};
  luaL_setfuncs(L, functions, 0);
}
