/* SPDX-License-Identifier: MIT */
/*
** gim_size.h - a request's size and resolution, judged and worked out
** [floor 3]
**
** What a model's row says about sizes, put to use: "16:9" with "2K", or
** "1024x1536", or "auto", to pixels, billing tier and price factor.
*/
#ifndef gim_size_h
#define gim_size_h

#include "gim_base.h"
#include "gim_issue.h"
#include "gim_model.h"

#pragma GCC visibility push(hidden)

/* What the caller gave. Slices BORROWED; p NULL: left out. */
typedef struct gim_size_input {
  const gim_model *model;
  gim_size_procedure procedure; /* the client's; counts where the row lets the
                                   caller choose */
  gim_severity severity;        /* of what the row's page forbids */
  gim_str size;
  gim_str resolution;
} gim_size_input;

typedef struct gim_sized {
  gim_size size;           /* as read; AUTO where it was left out and "auto" is
                            what the service assumes */
  int width_px, height_px; /* 0: nobody can know */
  int tier;                /* of the bill, or of the ratio: 1, 2, 4; else 0 */
  bool scaled_down;        /* the cell did not fit the service's limits */
  bool solved;             /* to be sent as WxH instead of the ratio */
  bool resolution_dropped; /* it says nothing here and is not sent */
} gim_sized;

/*
** Judges size and resolution, reports every problem and warning (one_of,
** size_format, ratio, multiple_of_16, edge_max, pixels_min, pixels_max,
** ratio_max; ignored, solved, fewer_pixels, scaled_down), and fills `sized`
** with what could be worked out.
*/
void gim_size_judge(const gim_size_input *input, gim_sized *sized,
                    gim_report *report);

/*
** The pixels of one of the model's ratios; the row must have `pixels`.
** `procedure` counts where the row lets the caller choose.
*/
gim_cell gim_size_cell(const gim_model *model, gim_size_procedure procedure,
                       gim_ratio ratio, int tier);

/*
** The price of `n` pictures as a factor of the base, in micro-units; -1 when
** nobody knows. `quality` {NULL, 0}: the default. Of `sized` it takes tier
** and pixels.
*/
int64_t gim_size_price_micro(const gim_model *model, const gim_sized *sized,
                             gim_str quality, int64_t n);

#pragma GCC visibility pop

#endif
