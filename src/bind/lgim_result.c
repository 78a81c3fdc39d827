/* SPDX-License-Identifier: MIT */
#include "lgim_result.h"

#include "lgim_error.h"
#include "lgim_table.h"

#include <lauxlib.h>
#include <stdio.h>

#define LINK_LIFE_S (24 * 3600) /* seeds: links are valid for 24 hours */

void lgim_result_push_usage(lua_State *L, const gim_task *task) {
  if (task->credits_reserved_micro < 0 && task->credits_used_micro < 0) {
    lua_pushnil(L);
    return;
  }
  lua_createtable(L, 0, 2);
  lgim_set_micro(L, "credits_reserved", task->credits_reserved_micro);
  lgim_set_micro(L, "credits_used", task->credits_used_micro);
}

/* A failure without detail is one for which there was no memory. */
static void push_error(lua_State *L, const gim_err *err, gim_job *job) {
  gim_err none;
  if (err == NULL)
    (void)gim_fail(&none, GIM_E_NO_MEMORY,
                   "No memory to say what went wrong.");
  (void)lgim_error_push(L, err == NULL ? &none : err, job->task.id,
                        gim_job_billed(job));
}

/* Where the caller's metatables are, or nil: see lgim_result_push. */
enum { RESULT_METATABLE = 2, IMAGE_METATABLE };

/* Gives the table on top the metatable at `index`, if there is one. */
static void set_metatable(lua_State *L, int index) {
  if (lua_isnil(L, index)) return;
  lua_pushvalue(L, index);
  lua_setmetatable(L, -2);
}

static void push_image(lua_State *L, gim_job *job, int i) {
  const gim_picture *picture = &job->task.pictures.list[i];
  const gim_slot *slot =
      job->filing.slots == NULL ? NULL : &job->filing.slots[i];
  /* Most of what is known of a picture is known of its bytes. */
  lua_createtable(L, 0, slot != NULL && slot->size > 0 ? 8 : 2);
  lgim_set_text(L, "url", picture->url);
  lgim_set_text(L, "revised_prompt", picture->revised_prompt);
  if (picture->url != NULL && job->task.linked_unix_s > 0)
    lgim_set_integer(L, "expires_at", job->task.linked_unix_s + LINK_LIFE_S);
  if (picture->state == GIM_PICTURE_FAILED) {
    push_error(L, picture->err, job);
    lua_setfield(L, -2, "error");
  }
  if (slot == NULL) return;
  lgim_set_text(L, "path", slot->path);
  if (slot->size == 0) return;
  lgim_set_integer(L, "size", slot->size);
  lgim_set_text(L, "format", gim_image_type_name(slot->image.type));
  if (slot->image.width_px == 0) return;
  lgim_set_integer(L, "width", slot->image.width_px);
  lgim_set_integer(L, "height", slot->image.height_px);
}

/* Appends a warning of the same shape as the request's to the array on top. */
static void append(lua_State *L, const char *field, const char *rule,
                   const char *message) {
  lua_createtable(L, 0, 5);
  lgim_set_text(L, "field", field);
  lgim_set_text(L, "rule", rule);
  lgim_set_text(L, "message", message);
  lgim_issue_push_metatable(L);
  lua_setmetatable(L, -2);
  lua_pushvalue(L, -1);
  lua_rawseti(L, -3, (lua_Integer)lua_rawlen(L, -3) + 1);
}

/* Services may make fewer than they were asked for, and each is billed. */
static void warn_of_count(lua_State *L, const gim_job *job) {
  int came = job->task.pictures.count;
  char message[96], got[16];
  if (job->asked == 0 || came == job->asked || job->salvaged ||
      job->task.pictures.left_out > 0)
    return;
  (void)snprintf(got, sizeof(got), "%d", came);
  (void)snprintf(message, sizeof(message), "%d %s came, planned %s %d", came,
                 came == 1 ? "picture" : "pictures",
                 job->asked == 1 ? "was" : "were", job->asked);
  append(L, "n", "delivered", message);
  lgim_set_text(L, "got", got);
  lua_pop(L, 1);
}

static void warn_of_size(lua_State *L, const gim_job *job, int i) {
  const gim_image *image = &job->filing.slots[i].image;
  char message[128], got[32], planned[32];
  if (image->width_px == 0 || job->width_px == 0) return;
  if (image->width_px == (uint32_t)job->width_px &&
      image->height_px == (uint32_t)job->height_px)
    return;
  (void)snprintf(got, sizeof(got), "%ux%u", (unsigned)image->width_px,
                 (unsigned)image->height_px);
  (void)snprintf(planned, sizeof(planned), "%dx%d", job->width_px,
                 job->height_px);
  (void)snprintf(message, sizeof(message),
                 "picture %d has %s pixels, planned were %s", i + 1, got,
                 planned);
  append(L, "size", "delivered", message);
  lgim_set_text(L, "got", got);
  lua_pop(L, 1);
}

static void warn_of_format(lua_State *L, const gim_job *job, int i) {
  gim_image_type came = job->filing.slots[i].image.type;
  char message[96];
  if (job->format == GIM_IMAGE_UNKNOWN || came == GIM_IMAGE_UNKNOWN ||
      came == job->format)
    return;
  (void)snprintf(message, sizeof(message),
                 "picture %d is a %s, asked for was %s", i + 1,
                 gim_image_type_name(came), gim_image_type_name(job->format));
  append(L, "output_format", "delivered", message);
  lgim_set_text(L, "got", gim_image_type_name(came));
  lua_pop(L, 1);
}

/* The request's warnings, and what came differently than planned. */
static void push_warnings(lua_State *L, const gim_job *job) {
  (void)lgim_issues_push(L, job->warnings, job->warning_count);
  if (job->salvaged) {
    append(L, "images", "cut",
           "the answer broke off, or we did before its end: these are the "
           "pictures that had come whole");
    lua_pop(L, 1);
  }
  if (job->scribe != NULL && job->scribe->lost) {
    append(L, "journal", "unwritten",
           "not all of this is in the journal: after a crash now, recover "
           "would not know of it");
    lua_pop(L, 1);
  }
  if (job->task.pictures.left_out > 0) {
    char left_out[128];
    (void)snprintf(left_out, sizeof(left_out),
                   "the answer names %d pictures beyond these %d: their links "
                   "are in result.raw",
                   job->task.pictures.left_out, GIM_LIMIT_IMAGES);
    append(L, "images", "left_out", left_out);
    lua_pop(L, 1);
  }
  warn_of_count(L, job);
  for (int i = 0; job->filing.slots != NULL && i < job->task.pictures.count;
       i++) {
    warn_of_size(L, job, i);
    warn_of_format(L, job, i);
  }
}

static void push_result(lua_State *L, gim_job *job) {
  const gim_task *task = &job->task;
  lua_createtable(L, 0, 8);
  lgim_set_text(L, "id", task->id);
  lgim_set_text(L, "model",
                task->model != NULL ? task->model : task->asked_model);
  if (task->created_unix_s != 0)
    lgim_set_integer(L, "created", task->created_unix_s);
  lgim_set_text(L, "billed", gim_billed_name(gim_job_billed(job)));
  lgim_set_text(L, "request_id", task->request_id);
  lgim_result_push_usage(L, task);
  lua_setfield(L, -2, "usage");
  push_warnings(L, job);
  lua_setfield(L, -2, "warnings");
  lua_createtable(L, task->pictures.count, 0);
  for (int i = 0; i < task->pictures.count; i++) {
    push_image(L, job, i);
    set_metatable(L, IMAGE_METATABLE);
    lua_rawseti(L, -2, i + 1);
  }
  lua_setfield(L, -2, "images");
  set_metatable(L, RESULT_METATABLE);
}

/* Did a picture fail here alone, so that another try can bring it? */
static bool is_within_reach(gim_job *job) {
  const gim_pictures *pictures = &job->task.pictures;
  for (int i = 0; i < pictures->count; i++) {
    const gim_picture *picture = &pictures->list[i];
    if (picture->err == NULL || picture->err->status != GIM_E_IO) continue;
    if (picture->url != NULL) return true;
    if (gim_filing_bytes(&job->filing, i) == NULL) continue;
    gim_filing_unload(&job->filing, i);
    return true;
  }
  return false;
}

/* The disk's trouble is ours alone: what was paid for is there anyway. */
static void advise_to_save(lua_State *L) {
  const char *message;
  size_t n;
  lua_getfield(L, -1, "message");
  message = lua_tolstring(L, -1, &n);
  lua_pushfstring(L, "%s%s It is paid: image:save can write it elsewhere.",
                  message, n > 0 && message[n - 1] == '.' ? "" : ".");
  lua_setfield(L, -3, "message");
  lua_pop(L, 1);
}

int lgim_result_push(lua_State *L, gim_job *job) {
  luaL_checkstack(L, 12, "no stack for a result");
  if (job->task.status == GIM_OK) {
    push_result(L, job);
    return 1;
  }
  lua_pushnil(L);
  if (job->task.err == NULL && job->task.status != GIM_E_NO_MEMORY) {
    gim_err err;
    (void)gim_fail(&err, job->task.status,
                   "The details are lost: there was "
                   "no memory for them.");
    push_error(L, &err, job);
  }
  else {
    push_error(L, job->task.err, job);
  }
  if (job->task.pictures.count > 0) {
    push_result(L, job);
    lua_setfield(L, -2, "result");
    if (job->task.status == GIM_E_IO && job->task.save && is_within_reach(job))
      advise_to_save(L);
  }
  return 2;
}
