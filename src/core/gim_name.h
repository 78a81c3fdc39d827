/* SPDX-License-Identifier: MIT */
/*
** gim_name.h - output templates to safe file names   [floor 2]
**
** "out/{id}-{index}.{format}": a folder and a name with placeholders. What
** stands for a placeholder may come from a service; it is made of
** [A-Za-z0-9._-] alone, begins with neither a dot nor a dash, and where
** something had to be replaced or cut it carries a hash of the original, so
** that two texts do not become one name. So no name leaves its folder. Where
** two of them are the same all the same ({id}{index}: "a1" and 1, "a" and 11)
** the file's overwrite policy decides.
**
**   {id}      the task's id, or the request's key where there is none
**   {index}   1, 2, ...
**   {format}  png, jpeg, webp: what the bytes are
**   {key}     the request's key
**   {model}   the model as the request named it
**
** The folder is needed before paying, so it may hold {key} and {model} alone.
** A template that ends in a slash is a folder alone: for pictures that are
** called {id}-{index}.{format}. A name without {index} gets "-2", "-3", ...
** before its ending for every further picture.
*/
#ifndef gim_name_h
#define gim_name_h

#include "gim_base.h"
#include "gim_buffer.h"

#pragma GCC visibility push(hidden)

#define GIM_NAME_PART_MAX 80 /* bytes that stand for one placeholder */
#define GIM_NAME_MAX 255     /* bytes of a file name, NAME_MAX */

/* What placeholders stand for. BORROWED. */
typedef struct gim_name_values {
  gim_str id; /* p NULL: there is none */
  gim_str key;
  gim_str model;
  gim_str format;
  int index; /* from 1 */
} gim_name_values;

/*
** Checks a template: no unknown or unfinished placeholder, no control
** character, no {id} {index} {format} in its folder, no name "." or ".." at
** its end. GIM_E_INVALID with err->field "output".
*/
GIM_MUST_CHECK gim_status gim_name_check(gim_str pattern, gim_err *err);

/*
** The folder of a template that passed the check, without the last slash: ""
** when there is none, "/" for the root. Appended to `folder`.
** GIM_E_TOO_BIG; GIM_E_NO_MEMORY.
*/
GIM_MUST_CHECK gim_status gim_name_folder(gim_str pattern,
                                          const gim_name_values *values,
                                          gim_buffer *folder);

/* The file name of one picture, without folder, likewise; at most
   GIM_NAME_MAX bytes. */
GIM_MUST_CHECK gim_status gim_name_file(gim_str pattern,
                                        const gim_name_values *values,
                                        gim_buffer *name);

/* True when the file names are known before paying: neither {id} nor {format}
   is in them. */
bool gim_name_is_known(gim_str pattern);

/* Appends `text` made safe, as it stands for a placeholder. */
GIM_MUST_CHECK gim_status gim_name_safe(gim_str text, gim_buffer *out);

#pragma GCC visibility pop

#endif
