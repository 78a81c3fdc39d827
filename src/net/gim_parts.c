/* SPDX-License-Identifier: MIT */
#include "gim_parts.h"

#include <curl/curl.h>
#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

/* Where one part's bytes come from. */
typedef struct source {
  gim_parts *parts;
  const char *bytes;
  gim_part_read read;
  void *ud;
  int fd; /* -1: no file */
  int64_t modified_ns;
  int64_t size, at;
  char name[64]; /* for messages */
} source;

struct gim_parts {
  CURL *easy; /* BORROWED; not used by gim_parts_free */
  curl_mime *mime;
  size_t *handed;
  size_t total;
  bool closed;
  gim_err fault; /* status GIM_OK: none */
  int n;
  source sources[];
};

static gim_status no_memory(gim_err *err) {
  return gim_fail(err, GIM_E_NO_MEMORY, "not enough memory for a request");
}

/* -------- reading -------- */

static bool fail_source(source *s, const char *what) {
  gim_fail(&s->parts->fault, GIM_E_IO, "\"%s\" %s: the request was broken off",
           s->name, what);
  return false;
}

int64_t gim_parts_modified_ns(const struct stat *file) {
  return (int64_t)file->st_mtim.tv_sec * 1000000000 +
         (int64_t)file->st_mtim.tv_nsec;
}

static bool is_unchanged(const source *s) {
  struct stat st;
  return fstat(s->fd, &st) == 0 && st.st_size == (off_t)s->size &&
         gim_parts_modified_ns(&st) == s->modified_ns;
}

/* Exactly `n` bytes at `s->at`, or what went wrong. */
static bool read_file(source *s, char *to, size_t n) {
  size_t done = 0;
  while (done < n) {
    ssize_t got =
        pread(s->fd, to + done, n - done, (off_t)s->at + (off_t)done);
    if (got < 0 && errno == EINTR) continue;
    if (got < 0) return fail_source(s, strerror(errno));
    if (got == 0) return fail_source(s, "became shorter while it was sent");
    done += (size_t)got;
  }
  /* Before the last bytes go out: the service must not get it whole. */
  if (s->at + (int64_t)n == s->size && !is_unchanged(s))
    return fail_source(s, "changed while it was sent");
  return true;
}

/* Up to `*n` bytes, at least one. */
static bool read_callback(source *s, char *to, size_t *n) {
  int64_t got = s->read(s->ud, to, *n);
  if (got < 0) return fail_source(s, "could not be read");
  if (got == 0) return fail_source(s, "ended early");
  if ((uint64_t)got > *n) return fail_source(s, "gave too much");
  *n = (size_t)got;
  return true;
}

static size_t on_read(char *to, size_t size, size_t count, void *ud) {
  source *s = ud;
  size_t n = size * count;
  bool fine = true;
  if (s->parts->closed || s->parts->fault.status != GIM_OK)
    return CURL_READFUNC_ABORT;
  if ((int64_t)n > s->size - s->at) n = (size_t)(s->size - s->at);
  if (n == 0) return 0;
  if (s->fd >= 0)
    fine = read_file(s, to, n);
  else if (s->read != NULL)
    fine = read_callback(s, to, &n);
  else
    memcpy(to, s->bytes + s->at, n);
  if (!fine) return CURL_READFUNC_ABORT;
  s->at += (int64_t)n;
  *s->parts->handed += n;
  return n;
}

/* A body that cannot be rewound cannot be sent twice. */
static int on_seek(void *ud, curl_off_t offset, int origin) {
  (void)ud, (void)offset, (void)origin;
  return CURL_SEEKFUNC_FAIL;
}

/* -------- opening -------- */

/* They become parts of header lines. */
static bool is_line(const char *text) {
  for (; text != NULL && *text != '\0'; text++)
    if ((unsigned char)*text < 0x20 || *text == 0x7F) return false;
  return true;
}

static bool is_another(const gim_part *part, const struct stat *st) {
  return part->seen && ((uint64_t)st->st_dev != part->device ||
                        (uint64_t)st->st_ino != part->inode ||
                        gim_parts_modified_ns(st) != part->modified_ns);
}

static gim_status open_file(source *s, const gim_part *part, gim_err *err) {
  const char *path = part->path;
  struct stat st;
  /* A pipe that takes the file's name must not hang us. */
  s->fd = open(path, O_RDONLY | O_NONBLOCK | O_CLOEXEC);
  if (s->fd < 0 || fstat(s->fd, &st) != 0)
    return gim_fail(err, GIM_E_IO, "cannot open \"%.200s\": %s", path,
                    strerror(errno));
  if (!S_ISREG(st.st_mode))
    return gim_fail(err, GIM_E_IO, "\"%.200s\" is not a file", path);
  if (s->size >= 0 && st.st_size != (off_t)s->size)
    return gim_fail(err, GIM_E_IO,
                    "\"%.200s\" is not the file any more that was looked at: "
                    "it has another size",
                    path);
  if (is_another(part, &st))
    return gim_fail(err, GIM_E_IO,
                    "\"%.200s\" is not the file any more that was looked at: "
                    "it was changed or replaced",
                    path);
  s->size = (int64_t)st.st_size;
  s->modified_ns = gim_parts_modified_ns(&st);
#ifdef POSIX_FADV_SEQUENTIAL
  (void)posix_fadvise(s->fd, 0, 0, POSIX_FADV_SEQUENTIAL);
#endif
  return GIM_OK;
}

static gim_status open_source(source *s, const gim_part *part, gim_err *err) {
  const char *shown = part->path != NULL       ? part->path
                      : part->filename != NULL ? part->filename
                                               : part->field;
  const char *slash = part->path != NULL ? strrchr(shown, '/') : NULL;
  gim_copy_text(s->name, sizeof(s->name),
                gim_str_of(slash != NULL ? slash + 1 : shown));
  s->bytes = part->bytes;
  s->read = part->read;
  s->ud = part->ud;
  s->size = part->size;
  if (!is_line(part->field) || !is_line(part->filename) ||
      !is_line(part->mime))
    return gim_fail(err, GIM_E_INVALID,
                    "the name of \"%s\" has a control character", s->name);
  if (part->path != NULL) return open_file(s, part, err);
  return s->size >= 0 ? GIM_OK
                      : gim_fail(err, GIM_E_INVALID,
                                 "the size of \"%s\" is not known", s->name);
}

static bool add_part(source *s, const gim_part *part) {
  curl_mimepart *to = curl_mime_addpart(s->parts->mime);
  return to != NULL && curl_mime_name(to, part->field) == CURLE_OK &&
         (part->filename == NULL ||
          curl_mime_filename(to, part->filename) == CURLE_OK) &&
         (part->mime == NULL || curl_mime_type(to, part->mime) == CURLE_OK) &&
         /* Not mime_filedata, not mime_data: those rewind. */
         curl_mime_data_cb(to, (curl_off_t)s->size, on_read, on_seek, NULL,
                           s) == CURLE_OK;
}

gim_status gim_parts_open(gim_parts **parts, void *easy, const gim_part *list,
                          int n, size_t *handed, gim_err *err) {
  gim_parts *p = calloc(1, sizeof(*p) + (size_t)n * sizeof(p->sources[0]));
  gim_status status = GIM_OK;
  int i;
  *parts = NULL;
  if (p == NULL) return no_memory(err);
  p->easy = easy;
  p->handed = handed;
  p->n = n;
  for (i = 0; i < n; i++) {
    p->sources[i].parts = p;
    p->sources[i].fd = -1;
  }
  p->mime = curl_mime_init(easy);
  if (p->mime == NULL) status = no_memory(err);
  for (i = 0; i < n && status == GIM_OK; i++) {
    status = open_source(&p->sources[i], &list[i], err);
    if (status != GIM_OK) break;
    if (!add_part(&p->sources[i], &list[i])) status = no_memory(err);
    p->total += (size_t)p->sources[i].size;
  }
  if (status != GIM_OK) {
    gim_parts_free(p);
    return status;
  }
  *parts = p;
  return GIM_OK;
}

bool gim_parts_apply(gim_parts *parts) {
  return curl_easy_setopt(parts->easy, CURLOPT_MIMEPOST, parts->mime) ==
         CURLE_OK;
}

size_t gim_parts_total(const gim_parts *parts) {
  return parts->total;
}

const gim_err *gim_parts_fault(const gim_parts *parts) {
  return parts->fault.status == GIM_OK ? NULL : &parts->fault;
}

void gim_parts_close(gim_parts *parts) {
  int i;
  parts->closed = true;
  for (i = 0; i < parts->n; i++) {
    if (parts->sources[i].fd >= 0) close(parts->sources[i].fd);
    parts->sources[i].fd = -1;
  }
}

void gim_parts_free(gim_parts *parts) {
  if (parts == NULL) return;
  gim_parts_close(parts);
  curl_mime_free(parts->mime);
  free(parts);
}
