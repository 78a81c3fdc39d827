/* SPDX-License-Identifier: MIT */
/*
** gim_source_private.h - what the files of gim_source share   [floor 3]
**
** gim_source.c says what a picture is called and sent as, gim_source_judge.c
** what is wrong with it.
*/
#ifndef gim_source_private_h
#define gim_source_private_h

#include "gim_source.h"

#pragma GCC visibility push(hidden)

/*
** The ending of its name, without the dot, and the type that it stands for:
** UNKNOWN for pictures of other kinds. Empty for a name without an ending, or
** with one that is no picture's. BORROWED from the source.
*/
gim_str gim_source_ending(const gim_source *source, gim_image_type *type);

#pragma GCC visibility pop

#endif
