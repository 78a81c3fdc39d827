/* SPDX-License-Identifier: MIT */
#include "gim_file.h"

#include "gim_clock.h"
#include "gim_file_room.h"
#include "gim_system.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#define PAGE 4096u
#define TRIES 100 /* random names; two are never the same by chance */
#define NO_FILE "cannot make a file in"

struct gim_file {
  int fd;
  int folder_fd; /* -1: the file has no name */
  char *folder;  /* as it was given */
  char part[40]; /* temporary name */
  pid_t owner;
  bool failed, committed;
  int error;       /* errno of the write that failed */
  int64_t size;    /* bytes accepted */
  int64_t flushed; /* of them in the file; the rest is gathered */
  gim_file_room room;
  size_t gather_n; /* bytes of one write */
  void *memory;
  unsigned char *gather; /* page-aligned, within `memory` */
};

/* -------- opening -------- */

static const char *shown(const char *folder) {
  return folder[0] == '\0' ? "." : folder;
}

static gim_status fail_folder(const char *what, const char *folder, int error,
                              gim_err *err) {
  return gim_fail(err, GIM_E_IO, "%s folder \"%.160s\": %s", what,
                  shown(folder), strerror(error));
}

static gim_status fail_memory(gim_err *err) {
  return gim_fail(err, GIM_E_NO_MEMORY, "not enough memory for a file");
}

static void random_name(char *to, size_t size) {
  unsigned char bytes[8];
  size_t i;
  int n;
  if (!gim_clock_random(bytes, sizeof(bytes))) {
    /* No secret: chance spares tries, and O_EXCL sees to it that the file is
       nobody else's. What is paid for is not lost over a name. */
    int64_t now_us = gim_clock_us();
    memcpy(bytes, &now_us, sizeof(bytes));
  }
  n = snprintf(to, size, ".gptimage-");
  for (i = 0; i < sizeof(bytes); i++)
    n += snprintf(to + n, size - (size_t)n, "%02x", bytes[i]);
  (void)snprintf(to + n, size - (size_t)n, ".part");
}

/* A new file under a random name in an open folder. -1: errno says why. */
static int open_part(int folder_fd, char *name, size_t size, mode_t mode) {
  int i;
  for (i = 0; i < TRIES; i++) {
    int fd;
    random_name(name, size);
    fd = openat(folder_fd, name,
                O_RDWR | O_CREAT | O_EXCL | O_NOFOLLOW | O_CLOEXEC, mode);
    if (fd >= 0 || (errno != EEXIST && errno != EINTR)) return fd;
  }
  errno = EEXIST;
  return -1;
}

/* Searching it is enough: a folder may be writable and not readable. */
static int open_folder(const char *folder) {
  return open(shown(folder), GIM_O_SEARCH | O_DIRECTORY | O_CLOEXEC);
}

static int open_nameless(const char *folder) {
  char name[40];
  int folder_fd, fd;
#if GIM_LINUX
  fd = open(folder, O_RDWR | O_TMPFILE | O_EXCL | O_CLOEXEC, 0600);
  if (fd >= 0) return fd;
#endif
  folder_fd = open_folder(folder);
  if (folder_fd < 0) return -1;
  fd = open_part(folder_fd, name, sizeof(name), 0600);
  if (fd >= 0)
    (void)unlinkat(folder_fd, name, 0);
  else {
    int error = errno;
    close(folder_fd);
    errno = error;
    return -1;
  }
  close(folder_fd);
  return fd;
}

/* In $TMPDIR, or where that takes no file; `*folder` is where it was tried
   last. What goes there was paid for, and has nowhere else to go. */
static int open_spare(const char **folder) {
  int fd = -1;
  *folder = getenv("TMPDIR");
  if (*folder != NULL && **folder != '\0') fd = open_nameless(*folder);
  if (fd >= 0) return fd;
  *folder = "/tmp";
  return open_nameless(*folder);
}

static gim_file *file_new(const char *folder) {
  gim_file *f = calloc(1, sizeof(*f));
  if (f == NULL) return NULL;
  f->fd = f->folder_fd = -1;
  f->gather_n = GIM_FILE_GATHER;
  f->owner = getpid();
  f->folder = gim_str_copy(gim_str_of(folder));
  if (f->folder == NULL) {
    free(f);
    return NULL;
  }
  return f;
}

gim_status gim_file_open(gim_file **file, const char *folder, gim_err *err) {
  int nameless = -1;
  gim_file *f;
  *file = NULL;
  if (folder == NULL) {
    nameless = open_spare(&folder);
    if (nameless < 0) return fail_folder(NO_FILE, folder, errno, err);
  }
  f = file_new(folder);
  if (f == NULL) {
    if (nameless >= 0) close(nameless);
    return fail_memory(err);
  }
  f->fd = nameless;
  if (nameless < 0) {
    f->folder_fd = open_folder(folder);
    if (f->folder_fd >= 0)
      f->fd = open_part(f->folder_fd, f->part, sizeof(f->part), 0666);
  }
  if (f->fd < 0) {
    gim_status status = fail_folder(NO_FILE, folder, errno, err);
    gim_file_free(f);
    return status;
  }
  *file = f;
  return GIM_OK;
}

gim_status gim_file_reopen(gim_file **file, const char *path, int64_t size,
                           gim_err *err) {
  gim_file *f = file_new(path);
  struct stat st;
  *file = NULL;
  if (f == NULL) return fail_memory(err);
  f->committed = true;
  /* Whatever took its name since: a pipe must not hang us. */
  f->fd = open(path, O_RDONLY | O_NONBLOCK | O_CLOEXEC);
  if (f->fd < 0 || fstat(f->fd, &st) != 0 || !S_ISREG(st.st_mode) ||
      st.st_size != (off_t)size) {
    gim_status status = gim_fail(err, GIM_E_IO,
                                 "\"%s\" is not the file any more that was "
                                 "written there",
                                 path);
    gim_file_free(f);
    return status;
  }
  f->size = f->flushed = size;
  *file = f;
  return GIM_OK;
}

/* mkdir -p. False: errno says why. */
static bool make_folders(const char *folder) {
  char path[GIM_LIMIT_PATH];
  size_t i, n = strlen(folder);
  struct stat st;
  if (n == 0) return true;
  if (n >= sizeof(path)) {
    errno = ENAMETOOLONG;
    return false;
  }
  memcpy(path, folder, n + 1);
  for (i = 1; i <= n; i++) {
    if (path[i] != '/' && path[i] != '\0') continue;
    path[i] = '\0';
    if (mkdir(path, 0777) != 0 && errno != EEXIST) {
      /* Some systems judge what we may do before what is there. */
      int error = errno;
      if (stat(path, &st) != 0 || !S_ISDIR(st.st_mode)) {
        errno = error;
        return false;
      }
    }
    if (i < n) path[i] = '/';
  }
  return true;
}

/* A file is made and removed. False: errno says why it cannot be. */
static bool makes_file(int folder_fd) {
  char name[40];
  int fd = open_part(folder_fd, name, sizeof(name), 0666);
  if (fd < 0) return false;
  close(fd);
  (void)unlinkat(folder_fd, name, 0);
  return true;
}

static bool is_tried(const gim_trial *trial, const struct stat *folder) {
  return trial->until_ms > gim_clock_ms() && trial->device == folder->st_dev &&
         trial->inode == folder->st_ino;
}

/* False: errno says why. */
static bool takes_files(int folder_fd, gim_trial *trial) {
  struct stat st;
  if (fstat(folder_fd, &st) != 0) return false;
  if (is_tried(trial, &st))
    return faccessat(folder_fd, ".", W_OK | X_OK, AT_EACCESS) == 0;
  if (!makes_file(folder_fd)) return false;
  trial->device = st.st_dev;
  trial->inode = st.st_ino;
  trial->until_ms = gim_clock_ms() + GIM_TRIAL_MS;
  return true;
}

gim_status gim_file_try_folder_again(const char *folder, gim_trial *trial,
                                     gim_err *err) {
  int folder_fd, error;
  bool good;
  if (!make_folders(folder))
    return fail_folder("cannot make", folder, errno, err);
  folder_fd = open_folder(folder);
  good = folder_fd >= 0 && takes_files(folder_fd, trial);
  error = errno;
  if (folder_fd >= 0) close(folder_fd);
  return good ? GIM_OK : fail_folder(NO_FILE, folder, error, err);
}

gim_status gim_file_try_folder(const char *folder, gim_err *err) {
  gim_trial none = {0};
  return gim_file_try_folder_again(folder, &none, err);
}

void gim_file_free(gim_file *f) {
  if (f == NULL) return;
  if (f->fd >= 0) {
    if (!f->committed && f->folder_fd >= 0 && f->owner == getpid())
      (void)unlinkat(f->folder_fd, f->part, 0);
    close(f->fd);
  }
  if (f->folder_fd >= 0) close(f->folder_fd);
  free(f->folder);
  free(f->memory);
  free(f);
}

/* -------- writing and reading -------- */

void gim_file_gather_small(gim_file *f) {
  if (f->memory == NULL) f->gather_n = GIM_FILE_GATHER_SMALL;
}

void gim_file_reserve_nothing(gim_file *f) {
  gim_file_room_refuse(&f->room);
}

void gim_file_expect(gim_file *f, int64_t n) {
  gim_file_room_expect(&f->room, n);
}

static gim_status fail_write(const gim_file *f, gim_err *err) {
  return fail_folder("cannot write in", f->folder, f->error, err);
}

/* Writes what is gathered; on failure the rest stays gathered. */
static bool flush(gim_file *f) {
  size_t done = 0, n = (size_t)(f->size - f->flushed);
  while (done < n) {
    ssize_t wrote =
        pwrite(f->fd, f->gather + done, n - done, (off_t)f->flushed);
    if (wrote < 0 && errno == EINTR) continue;
    if (wrote <= 0) {
      f->error = wrote == 0 ? ENOSPC : errno;
      f->failed = true;
      memmove(f->gather, f->gather + done, n - done);
      return false;
    }
    done += (size_t)wrote;
    f->flushed += wrote;
  }
  return true;
}

static bool has_gather(gim_file *f) {
  size_t address;
  if (f->gather != NULL) return true;
  /* By hand, so that the allocation is one of those that tests can fail. */
  f->memory = malloc(f->gather_n + PAGE);
  if (f->memory == NULL) return false;
  address = (size_t)(uintptr_t)f->memory;
  f->gather = (unsigned char *)f->memory + (PAGE - address % PAGE) % PAGE;
  return true;
}

void gim_file_settle(gim_file *f) {
  if (f->committed || f->failed || !flush(f)) return;
  free(f->memory);
  f->memory = f->gather = NULL;
  gim_file_room_trim(&f->room, f->fd, f->flushed, f->size);
}

gim_status gim_file_write(gim_file *f, const void *p, size_t n, gim_err *err) {
  const unsigned char *from = p;
  int64_t before = f->size;
  if (f->committed)
    return gim_fail(err, GIM_E_IO, "the file was filed and is closed");
  if (f->failed) return fail_write(f, err);
  if (!has_gather(f)) return fail_memory(err);
  while (n > 0) {
    size_t held = (size_t)(f->size - f->flushed);
    size_t room = f->gather_n - held;
    size_t k = n < room ? n : room;
    memcpy(f->gather + held, from, k);
    f->size += (int64_t)k;
    from += k;
    n -= k;
    if (k < room) continue;
    gim_file_room_reserve(&f->room, f->fd, f->flushed,
                          f->flushed + (int64_t)(held + k));
    if (!flush(f)) {
      /* What got into the file beyond `before` is as good as not there. */
      f->size = before;
      if (f->flushed > before) f->flushed = before;
      return fail_write(f, err);
    }
  }
  return GIM_OK;
}

int64_t gim_file_size(const gim_file *f) {
  return f->size;
}

gim_status gim_file_read(gim_file *f, int64_t offset, void *p, size_t n,
                         size_t *got, gim_err *err) {
  *got = 0;
  if (offset < 0 || offset >= f->size) return GIM_OK;
  if ((int64_t)n > f->size - offset) n = (size_t)(f->size - offset);
  if (offset >= f->flushed) {
    memcpy(p, f->gather + (offset - f->flushed), n);
    *got = n;
    return GIM_OK;
  }
  if ((int64_t)n > f->flushed - offset) n = (size_t)(f->flushed - offset);
  while (*got < n) {
    ssize_t k = pread(f->fd, (unsigned char *)p + *got, n - *got,
                      (off_t)(offset + (int64_t)*got));
    if (k < 0 && errno == EINTR) continue;
    if (k < 0) return fail_folder("cannot read in", f->folder, errno, err);
    if (k == 0)
      return gim_fail(err, GIM_E_IO,
                      "a file in folder \"%.160s\" was cut short by others",
                      shown(f->folder));
    *got += (size_t)k;
  }
  return GIM_OK;
}

gim_status gim_file_truncate(gim_file *f, gim_err *err) {
  if (f->committed)
    return gim_fail(err, GIM_E_IO, "the file was filed and is closed");
  if (ftruncate(f->fd, 0) != 0) {
    f->error = errno;
    return fail_write(f, err);
  }
  f->size = f->flushed = 0;
  f->failed = false;
  gim_file_room_clear(&f->room);
  return GIM_OK;
}

/* -------- the final name -------- */

bool gim_file_is_in_place(const gim_file *f) {
  struct stat ours, named;
  return f->folder_fd >= 0 && stat(shown(f->folder), &named) == 0 &&
         fstat(f->folder_fd, &ours) == 0 && ours.st_dev == named.st_dev &&
         ours.st_ino == named.st_ino;
}

bool gim_file_is_committed(const gim_file *f) {
  return f->committed;
}

gim_status gim_file_commit(gim_file *f, const char *name,
                           gim_overwrite overwrite, char *path, size_t size,
                           gim_err *err) {
  gim_status status;
  if (f->folder_fd < 0 || f->committed)
    return gim_fail(err, GIM_E_IO, "the file cannot be named (again)");
  if (name[0] == '\0' || strcmp(name, ".") == 0 || strcmp(name, "..") == 0 ||
      strchr(name, '/') != NULL)
    return gim_fail(err, GIM_E_IO, "\"%.160s\" is no file name", name);
  if (f->failed || !flush(f)) return fail_write(f, err);
  if (!gim_file_is_in_place(f))
    return gim_fail(err, GIM_E_IO,
                    "folder \"%.160s\" is not where it was: it was moved or "
                    "removed, or the current folder is another",
                    shown(f->folder));
  gim_file_room_trim(&f->room, f->fd, f->flushed, f->size);
  status = gim_final_take(f->folder_fd, f->part, f->folder, name, overwrite,
                          path, size, err);
  if (status != GIM_OK) return status;
  f->committed = true;
  free(f->memory);
  f->memory = f->gather = NULL;
  return GIM_OK;
}
