/* SPDX-License-Identifier: MIT */
/*
** lgim_fields.h - a Lua request table to gim_fields and gim_request
** [floor 10]
*/
#ifndef lgim_fields_h
#define lgim_fields_h

#include "gim_request.h"
#include "lgim_options.h"

#include <lua.h>

#pragma GCC visibility push(hidden)

/*
** Reads the request table at `index` into `fields` (which is cleared first;
** `edit` stays false): the fields of the wire, and `extra`, which here is the
** text of a JSON object (in Lua it is a table; gptimage/json.lua writes it).
** `others` (may be NULL) describes further keys of the request that are the
** caller's own: output, timeout, strict, ...
** Files and bytes are looked at (gim_reference), which waits for the disk.
** Unknown keys, wrong types and lists that are no sequence of what they are to
** hold raise, by the rules of lgim_options_read_sets.
** Pushes one value, nil where there are no pictures. `fields` is BORROWED from
** the table; but all that says where pictures are, and the bytes that are in
** memory, from that value alone: whoever keeps it may go on with
** gim_request.enclosed.
*/
void lgim_fields_read(lua_State *L, int index, const lgim_argument *argument,
                      const lgim_option_set *others, gim_fields *fields);

/*
** What a request says about money: raises where `resubmit` is not from 0 to
** 100, or `price` (0: nothing is said) not from 0 to 1e9 credits. The price in
** micro-units.
*/
int64_t lgim_fields_check_money(lua_State *L, const lgim_argument *argument,
                                int64_t resubmit, double price);

/*
** What the Lua layer saw of the pixels of the mask, which it can decode where
** gptimage.mask_core is: "opaque", "transparent" (none is opaque) or
** "damaged" at `index`; anything else, or nothing there: unseen.
*/
gim_source_pixels lgim_fields_pixels(lua_State *L, int index);

/*
** Pushes a userdata that holds an empty gim_request and returns it, BORROWED
** from the userdata. What it holds is released with it, so that nothing leaks
** when Lua raises. Who takes the request over copies the struct and zeroes
** this one.
*/
gim_request *lgim_request_new(lua_State *L);

/*
** Releases what the request of the userdata at `index` holds, and keeps the
** userdata for the next one: thousands of requests leave no garbage. Until
** then it is nobody else's: finalizers that run meanwhile make requests, too.
** Does not raise.
*/
void lgim_request_done(lua_State *L, int index);

/*
** Pushes nil and the error of the request of the userdata at `index`, with its
** issues, and returns 2: it was refused, or could not be submitted. Nothing
** was billed. The request is done.
*/
int lgim_request_fail(lua_State *L, int index, const gim_err *err);

#pragma GCC visibility pop

#endif
