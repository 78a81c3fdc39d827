/* SPDX-License-Identifier: MIT */
/* What the pictures of a task are to be called, and whether they may be. */
#include "gim_filing.h"

#include "gim_filing_private.h"
#include "gim_name.h"

#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>

static gim_status no_memory(gim_err *err) {
  return gim_fail(err, GIM_E_NO_MEMORY, "No memory to file a picture.");
}

static gim_name_values values_of(const gim_filing *f, int picture) {
  gim_name_values v;
  const gim_slot *slot = f->slots == NULL ? NULL : &f->slots[picture];
  memset(&v, 0, sizeof(v));
  v.id = gim_str_of(f->task->id);
  v.key = gim_str_of(f->key);
  v.model = f->model != NULL ? gim_str_of(f->model) : GIM_STR("unknown");
  if (slot != NULL && slot->whole)
    v.format = gim_str_of(gim_image_type_name(slot->image.type));
  else if (slot != NULL && slot->sink != NULL)
    v.format =
        gim_str_of(gim_image_type_name(gim_sink_image(slot->sink)->type));
  if (v.format.n == 0) v.format = GIM_STR("bin");
  v.index = picture + 1;
  return v;
}

/* Is this, without what stands behind its last slash, a folder that is there?
   What is no template is judged later. */
static bool leads_into_folder(gim_str pattern, const gim_name_values *values) {
  struct stat there;
  gim_buffer folder;
  bool found;
  gim_buffer_init(&folder, GIM_LIMIT_PATH);
  found = gim_name_check(pattern, NULL) == GIM_OK &&
          gim_name_folder(pattern, values, &folder) == GIM_OK &&
          stat(folder.p, &there) == 0 && S_ISDIR(there.st_mode);
  gim_buffer_free(&folder);
  return found;
}

/* `output`, and a slash where that is a folder. OWNED; NULL: no memory. */
static char *complete(gim_str output, const gim_name_values *values) {
  char *pattern = malloc(output.n + 2);
  if (pattern == NULL) return NULL;
  memcpy(pattern, output.p, output.n);
  memcpy(pattern + output.n, "/", 2);
  if (output.p[output.n - 1] == '/' ||
      !leads_into_folder(gim_str_of(pattern), values))
    pattern[output.n] = '\0';
  return pattern;
}

static gim_status aim_template(gim_filing *f, gim_str output, gim_err *err) {
  gim_name_values values = values_of(f, 0);
  gim_buffer folder;
  gim_status status;
  size_t n;
  if (output.n == 0 || memchr(output.p, '\0', output.n) != NULL)
    return gim_name_check(output, err);
  f->aim->pattern = complete(output, &values);
  if (f->aim->pattern == NULL) return no_memory(err);
  status = gim_name_check(gim_str_of(f->aim->pattern), err);
  if (status != GIM_OK) return status;
  gim_buffer_init(&folder, GIM_LIMIT_PATH);
  status = gim_name_folder(gim_str_of(f->aim->pattern), &values, &folder);
  if (status == GIM_OK)
    f->aim->folder = folder.n > 0 ? gim_buffer_take(&folder, &n)
                                  : gim_str_copy(GIM_STR(""));
  gim_buffer_free(&folder);
  if (status == GIM_E_TOO_BIG)
    return gim_fail(err, GIM_E_INVALID, "output: it is too long.");
  return GIM_OK;
}

gim_status gim_filing_aim(gim_filing *f, gim_str output, bool literal,
                          gim_overwrite overwrite, gim_err *err) {
  gim_status status = GIM_OK;
  if (gim_filing_give_aim(f) == NULL) return no_memory(err);
  if (literal) {
    size_t cut = output.n;
    while (cut > 0 && output.p[cut - 1] != '/') cut--;
    if (cut == output.n || output.n >= GIM_LIMIT_PATH ||
        memchr(output.p, '\0', output.n) != NULL) {
      status = gim_fail(err, GIM_E_INVALID, "%s",
                        cut == output.n && cut > 0
                            ? "path: it is a folder: name a file in it."
                            : "path: it is no file name.");
      if (err != NULL) memcpy(err->field, "path", sizeof("path"));
      return status;
    }
    f->aim->folder =
        gim_str_copy((gim_str){output.p, cut > 1 ? cut - 1 : cut});
    f->aim->pattern = gim_str_copy((gim_str){output.p + cut, output.n - cut});
  }
  else {
    status = aim_template(f, output, err);
    if (status != GIM_OK) return status;
  }
  if (f->aim->folder == NULL || f->aim->pattern == NULL) return no_memory(err);
  f->aim->literal = literal;
  f->aim->overwrite = overwrite;
  status = gim_file_try_folder_again(f->aim->folder, &f->hub->trial, err);
  if (status == GIM_OK && literal)
    status = gim_final_try(f->aim->folder, f->aim->pattern, overwrite, err);
  return status;
}

/* The name of one picture while nobody has answered: its shortest one. */
static gim_status early_name(const gim_filing *f, int picture,
                             gim_buffer *name) {
  gim_name_values values = values_of(f, picture);
  values.id = GIM_STR("1");
  gim_buffer_init(name, GIM_LIMIT_PATH);
  return gim_name_file(gim_str_of(f->aim->pattern), &values, name);
}

/* FNV-1a of a folder, whatever way led to it, and a name in it. Should two
   ever have the same by chance, one is refused and nothing was paid. */
static uint64_t claim_of(const struct stat *folder, const char *name) {
  const uint64_t place[2] = {(uint64_t)folder->st_dev,
                             (uint64_t)folder->st_ino};
  const unsigned char *bytes = (const unsigned char *)place;
  uint64_t h = 14695981039346656037u;
  for (size_t i = 0; i < sizeof(place); i++)
    h = (h ^ bytes[i]) * 1099511628211u;
  for (; *name != '\0'; name++)
    h = (h ^ (unsigned char)*name) * 1099511628211u;
  return h;
}

static bool find_folder(const gim_filing *f, struct stat *folder) {
  return stat(f->aim->folder[0] == '\0' ? "." : f->aim->folder, folder) == 0;
}

/* Names that may meet another request's, and somebody minds. */
static bool is_claimable(const gim_filing *f) {
  return f->hub->options.overwrite == GIM_OVERWRITE_REFUSE &&
         gim_filing_is_aimed(f) && !f->aim->literal &&
         strstr(f->aim->pattern, "{key}") == NULL &&
         gim_name_is_known(gim_str_of(f->aim->pattern));
}

static gim_status try_claim(const gim_filing *f, const char *name,
                            gim_err *err) {
  struct stat folder;
  uint64_t claim;
  if (f->aim->overwrite != GIM_OVERWRITE_REFUSE || !is_claimable(f) ||
      !find_folder(f, &folder))
    return GIM_OK;
  claim = claim_of(&folder, name);
  for (const gim_list_item *link = gim_list_first(&f->hub->claims);
       link != NULL; link = gim_list_after(&f->hub->claims, link)) {
    const gim_aim *other = GIM_CONTAINER(link, gim_aim, claim);
    for (int i = 0; other != f->aim && i < other->claim_count; i++)
      if (other->claims[i] == claim)
        return gim_fail(err, GIM_E_IO,
                        "\"%.160s\" is to be written by another task of this "
                        "client",
                        name);
  }
  return GIM_OK;
}

gim_status gim_filing_claim(gim_filing *f, int count, gim_err *err) {
  struct stat folder;
  if (!is_claimable(f) || !find_folder(f, &folder)) return GIM_OK;
  f->aim->claims = calloc((size_t)count + 1, sizeof(*f->aim->claims));
  if (f->aim->claims == NULL) return no_memory(err);
  for (int i = 0; i < count; i++) {
    gim_buffer name;
    gim_status status = early_name(f, i, &name);
    if (status == GIM_OK)
      f->aim->claims[f->aim->claim_count++] = claim_of(&folder, name.p);
    gim_buffer_free(&name);
    if (status == GIM_E_NO_MEMORY) return no_memory(err);
  }
  gim_list_append(&f->hub->claims, &f->aim->claim);
  return GIM_OK;
}

static gim_status try_name(const gim_filing *f, int picture, gim_err *err) {
  gim_buffer name;
  gim_status status = early_name(f, picture, &name);
  if (status == GIM_E_TOO_BIG) {
    status = gim_fail(err, GIM_E_INVALID,
                      "output: the file names that it makes are longer than "
                      "%d bytes.",
                      GIM_NAME_MAX);
    if (err != NULL) memcpy(err->field, "output", sizeof("output"));
  }
  else if (status != GIM_OK)
    status = no_memory(err);
  else if (gim_name_is_known(gim_str_of(f->aim->pattern))) {
    status = gim_final_try(f->aim->folder, name.p, f->aim->overwrite, err);
    if (status == GIM_OK) status = try_claim(f, name.p, err);
  }
  gim_buffer_free(&name);
  return status;
}

gim_status gim_filing_try_names(const gim_filing *f, int count, gim_err *err) {
  gim_status status = GIM_OK;
  if (!gim_filing_is_aimed(f) || f->aim->literal) return GIM_OK;
  for (int i = 0; i < count && status == GIM_OK; i++)
    status = try_name(f, i, err);
  return status;
}

gim_status gim_filing_keep(gim_filing *f, const char *folder, gim_err *err) {
  if (gim_filing_give_aim(f) == NULL) return no_memory(err);
  f->aim->folder = gim_str_copy(gim_str_of(folder));
  f->aim->pattern = gim_str_copy(GIM_STR("{key}-{index}.{format}"));
  if (f->aim->folder == NULL || f->aim->pattern == NULL) return no_memory(err);
  f->aim->overwrite = GIM_OVERWRITE_REPLACE;
  return GIM_OK;
}

gim_status gim_filing_name(const gim_filing *f, int picture, gim_buffer *name,
                           gim_err *err) {
  gim_name_values values = values_of(f, picture);
  gim_status status;
  gim_buffer_init(name, GIM_LIMIT_PATH);
  status = f->aim->literal
               ? gim_buffer_append_str(name, gim_str_of(f->aim->pattern))
               : gim_name_file(gim_str_of(f->aim->pattern), &values, name);
  if (status == GIM_E_TOO_BIG)
    return gim_fail(err, GIM_E_IO,
                    "The file name that `output` makes is longer than a name "
                    "may be.");
  return status == GIM_OK ? GIM_OK : no_memory(err);
}
