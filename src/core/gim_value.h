/* SPDX-License-Identifier: MIT */
/*
** gim_value.h - one field of a request, judged by its model's row   [floor 3]
**
** All but sizes (gim_size) and links (gim_link). `field` is the name shown.
*/
#ifndef gim_value_h
#define gim_value_h

#include "gim_base.h"
#include "gim_issue.h"
#include "gim_model.h"

#pragma GCC visibility push(hidden)

/*
** Valid UTF-8, and no control character. Reports utf8, control_character;
** true when all is well.
*/
bool gim_value_text(gim_str value, const char *field, gim_report *report);

/*
** The prompt: required, empty, utf8, too_long; warning long_prompt. Lines and
** other control characters are allowed: JSON carries them.
*/
void gim_value_prompt(const gim_model *model, gim_str prompt,
                      gim_report *report);

/* One of the model's qualities. Reports one_of. */
void gim_value_quality(const gim_model *model, gim_severity severity,
                       gim_str quality, gim_report *report);

/* The number of pictures. Reports range; warnings range. */
void gim_value_n(const gim_model *model, int64_t n, gim_report *report);

/*
** `extra` is a JSON object with none of the model's own fields in it. Reports
** json, duplicate.
*/
void gim_value_extra(const gim_model *model, gim_str extra,
                     gim_report *report);

#pragma GCC visibility pop

#endif
