/* SPDX-License-Identifier: MIT */
#include "gim_final.h"

#include "gim_name.h"
#include "gim_system.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>
#if GIM_LINUX
#include <sys/syscall.h>
#endif

#define NUMBERS 10000       /* "a-2.png" to "a-10000.png" */
#define RENAME_EXCLUSIVE 1u /* RENAME_NOREPLACE of the kernel */

static gim_status fail_long(const char *name, gim_err *err) {
  return gim_fail(err, GIM_E_IO, "the file name \"%.160s\" is too long", name);
}

static gim_status fail_name(const char *path, gim_err *err) {
  return gim_fail(err, GIM_E_IO, "cannot make \"%.200s\": %s", path,
                  strerror(errno));
}

static gim_status fail_taken(const char *path, gim_err *err) {
  return gim_fail(err, GIM_E_IO, "\"%.200s\" is there already", path);
}

/* True when `name` stood free and is now the file's; else errno. */
static bool take_name(int folder_fd, const char *part, const char *name) {
  int claim;
#if GIM_LINUX
  if (syscall(SYS_renameat2, folder_fd, part, folder_fd, name,
              RENAME_EXCLUSIVE) == 0)
    return true;
  if (errno != EINVAL && errno != ENOSYS && errno != EPERM) return false;
#endif
  /* The file system cannot, or a sandbox does not let us: a link is as
     exclusive; and where there are no links, an empty file holds the name. */
  if (linkat(folder_fd, part, folder_fd, name, 0) == 0) {
    (void)unlinkat(folder_fd, part, 0);
    return true;
  }
  if (errno == EEXIST) return false;
  claim = openat(folder_fd, name,
                 O_WRONLY | O_CREAT | O_EXCL | O_NOFOLLOW | O_CLOEXEC, 0666);
  if (claim < 0) return false;
  close(claim);
  if (renameat(folder_fd, part, folder_fd, name) == 0) return true;
  claim = errno;
  (void)unlinkat(folder_fd, name, 0);
  errno = claim;
  return false;
}

/* How much of a name stands before its number: what leaves it short enough for
   the file system, in whole characters of UTF-8. */
static size_t stem_of(const char *name, size_t stem, int number) {
  int number_n = snprintf(NULL, 0, "-%d", number);
  size_t rest = strlen(name + stem) + (size_t)number_n;
  if (stem + rest <= GIM_NAME_MAX || rest >= GIM_NAME_MAX) return stem;
  stem = GIM_NAME_MAX - rest;
  while (stem > 1 && ((unsigned char)name[stem] & 0xC0) == 0x80) stem--;
  return stem;
}

/* folder/name, and "-number" before the extension from 2 on. */
static bool compose(const char *folder, const char *name, int number,
                    char *path, size_t size, const char **base) {
  size_t folder_n = strlen(folder);
  const char *slash = folder_n == 0 || folder[folder_n - 1] == '/' ? "" : "/";
  const char *dot = strrchr(name, '.');
  size_t stem =
      dot == NULL || dot == name ? strlen(name) : (size_t)(dot - name);
  int n;
  if (number < 2)
    n = snprintf(path, size, "%s%s%s", folder, slash, name);
  else
    n = snprintf(path, size, "%s%s%.*s-%d%s", folder, slash,
                 (int)stem_of(name, stem, number), name, number, name + stem);
  if (n < 0 || (size_t)n >= size) return false;
  *base = path + folder_n + strlen(slash);
  return true;
}

static const char *kind_of(mode_t mode) {
  if (S_ISDIR(mode)) return "folder";
  if (S_ISFIFO(mode)) return "FIFO";
  if (S_ISSOCK(mode)) return "socket";
  return "device";
}

/*
** Does what stands at `name` let us have it? A rename would put a picture in
** the place of /dev/null as readily as in that of a picture.
*/
static gim_status judge(int folder_fd, const char *name, const char *path,
                        gim_overwrite overwrite, gim_err *err) {
  struct stat there;
  if (fstatat(folder_fd, name, &there, AT_SYMLINK_NOFOLLOW) != 0)
    return errno == ENOENT ? GIM_OK : fail_name(path, err);
  if (overwrite == GIM_OVERWRITE_NUMBER) return GIM_OK;
  if (overwrite == GIM_OVERWRITE_REFUSE) return fail_taken(path, err);
  if (S_ISLNK(there.st_mode) && fstatat(folder_fd, name, &there, 0) != 0)
    return GIM_OK; /* it leads nowhere */
  if (S_ISREG(there.st_mode)) return GIM_OK;
  return gim_fail(err, GIM_E_IO, "\"%.200s\" is a %s: only files are replaced",
                  path, kind_of(there.st_mode));
}

gim_status gim_final_try(const char *folder, const char *name,
                         gim_overwrite overwrite, gim_err *err) {
  char path[GIM_LIMIT_PATH];
  const char *base;
  if (!compose(folder, name, 1, path, sizeof(path), &base))
    return fail_long(name, err);
  return judge(AT_FDCWD, path, path, overwrite, err);
}

static gim_status replace(int folder_fd, const char *part, const char *name,
                          const char *path, gim_err *err) {
  gim_status status = judge(folder_fd, name, path, GIM_OVERWRITE_REPLACE, err);
  if (status != GIM_OK) return status;
  if (renameat(folder_fd, part, folder_fd, name) == 0) return GIM_OK;
  return fail_name(path, err);
}

gim_status gim_final_take(int folder_fd, const char *part, const char *folder,
                          const char *name, gim_overwrite overwrite,
                          char *path, size_t size, gim_err *err) {
  int number;
  for (number = 1; number <= NUMBERS; number++) {
    const char *base;
    if (!compose(folder, name, number, path, size, &base))
      return fail_long(name, err);
    if (overwrite == GIM_OVERWRITE_REPLACE)
      return replace(folder_fd, part, base, path, err);
    if (take_name(folder_fd, part, base)) return GIM_OK;
    if (errno != EEXIST) return fail_name(path, err);
    if (overwrite == GIM_OVERWRITE_REFUSE) return fail_taken(path, err);
  }
  return gim_fail(err, GIM_E_IO,
                  "\"%.160s\" and %d numbered names after it are taken", name,
                  NUMBERS - 1);
}
