/* SPDX-License-Identifier: MIT */
/* Files are made, tried and opened again. */
#include "gim_file.h"

#include "gim_clock.h"
#include "gim_file_private.h"
#include "gim_system.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#define TRIES 100 /* random names; two are never the same by chance */
#define NO_FILE "cannot make a file in"

const char *gim_file_shown(const char *folder) {
  return folder[0] == '\0' ? "." : folder;
}

gim_status gim_file_fail(const char *what, const char *folder, int error,
                         gim_err *err) {
  return gim_fail(err, GIM_E_IO, "%s folder \"%.160s\": %s", what,
                  gim_file_shown(folder), strerror(error));
}

gim_status gim_file_fail_memory(gim_err *err) {
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
  return open(gim_file_shown(folder), GIM_O_SEARCH | O_DIRECTORY | O_CLOEXEC);
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
    if (nameless < 0) return gim_file_fail(NO_FILE, folder, errno, err);
  }
  f = file_new(folder);
  if (f == NULL) {
    if (nameless >= 0) close(nameless);
    return gim_file_fail_memory(err);
  }
  f->fd = nameless;
  if (nameless < 0) {
    f->folder_fd = open_folder(folder);
    if (f->folder_fd >= 0)
      f->fd = open_part(f->folder_fd, f->part, sizeof(f->part), 0666);
  }
  if (f->fd < 0) {
    gim_status status = gim_file_fail(NO_FILE, folder, errno, err);
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
  if (f == NULL) return gim_file_fail_memory(err);
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
    return gim_file_fail("cannot make", folder, errno, err);
  folder_fd = open_folder(folder);
  good = folder_fd >= 0 && takes_files(folder_fd, trial);
  error = errno;
  if (folder_fd >= 0) close(folder_fd);
  return good ? GIM_OK : gim_file_fail(NO_FILE, folder, error, err);
}

gim_status gim_file_try_folder(const char *folder, gim_err *err) {
  gim_trial none = {0};
  return gim_file_try_folder_again(folder, &none, err);
}
