/* SPDX-License-Identifier: MIT */
/*
** gim_process.h - which process this is   [floor 1]
**
** What a process opened is not its child's to use, nor to close: whoever owns
** such a thing remembers who made it, and asks at every call.
*/
#ifndef gim_process_h
#define gim_process_h

#include "gim_base.h"

#include <sys/types.h>

#pragma GCC visibility push(hidden)

/*
** getpid(2), without its system call where the kernel has MADV_WIPEONFORK
** (Linux 4.14): the number lies in a page that is empty in a child.
*/
pid_t gim_process_self(void);

#pragma GCC visibility pop

#endif
