/* SPDX-License-Identifier: MIT */
/*
** gim_final.h - final names: free, taken by rename, or refused   [floor 5]
**
** What a policy does with a name that is taken. No policy follows a link.
*/
#ifndef gim_final_h
#define gim_final_h

#include "gim_base.h"

#pragma GCC visibility push(hidden)

/* What to do when the final name is taken. */
typedef enum gim_overwrite {
  GIM_OVERWRITE_NUMBER = 0, /* "a.png", "a-2.png", "a-3.png", ...; a name that
                               would be too long with it is shortened */
  /* Replaces a file, and a symbolic link to a file or to nothing: the link
     itself, not what it leads to. Never a device, FIFO, socket or folder, nor
     a link to one: GIM_E_IO. */
  GIM_OVERWRITE_REPLACE,
  GIM_OVERWRITE_REFUSE /* GIM_E_IO */
} gim_overwrite;

/*
** Renames the file `part` in the open folder `folder_fd` to `name`, as
** `overwrite` says; `folder` is the folder as the caller knows it. `path` of
** `size` bytes gets `folder` and the name that was taken in the end. GIM_E_IO:
** `part` stays.
*/
GIM_MUST_CHECK gim_status gim_final_take(int folder_fd, const char *part,
                                         const char *folder, const char *name,
                                         gim_overwrite overwrite, char *path,
                                         size_t size, gim_err *err);

/*
** Would gim_final_take refuse `name` as things are? GIM_E_IO as it would say.
** For those who pay before they have a file.
*/
GIM_MUST_CHECK gim_status gim_final_try(const char *folder, const char *name,
                                        gim_overwrite overwrite, gim_err *err);

#pragma GCC visibility pop

#endif
