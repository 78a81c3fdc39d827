-- SPDX-License-Identifier: MIT
---@meta
-- Masks for edits: part of lua/gptimage/meta.lua.

---Makes PNGs that are transparent where a picture is painted anew. Each function blocks while it
---works (some 20 ms for a megapixel), and returns the path of the file that it made.
---@class gptimage.mask
local mask = {}

---Transparent inside a rectangle; what of it is outside of the picture is left out.
---@param options gptimage.mask_shape
---@return string? path, gptimage.error? err
function mask.rectangle(options) end

---Transparent inside the ellipse that fits into the rectangle.
---@param options gptimage.mask_shape
---@return string? path, gptimage.error? err
function mask.ellipse(options) end

---Transparent where a PNG is, opaque elsewhere.
---@param options gptimage.mask_alpha
---@return string? path, gptimage.error? err
function mask.from_alpha(options) end

---Opaque where a mask is transparent, and the other way round.
---@param options gptimage.mask_inversion
---@return string? path, gptimage.error? err
function mask.invert(options) end

---Is this a mask that a service takes? A PNG with alpha, with at least one wholly transparent and
---one wholly opaque pixel, and, where `image` is given, of that picture's size. Reads all of it.
---@param options gptimage.mask_question
---@return gptimage.mask_pixels? pixels, gptimage.error? err
function mask.check(options) end

---Which kinds of pixels has this mask? Reads it only until it has seen both a wholly transparent
---and a wholly opaque one, as every request with a mask in a file or in bytes does by itself; of
---one with more than 8,388,608 pixels only so many.
---@param options gptimage.mask_glance
---@return gptimage.mask_seen? seen, gptimage.error? err
function mask.look(options) end

---Which part of a picture is painted anew. All numbers are whole pixels.
---@class gptimage.mask_shape
---@field image? string         a PNG, JPEG or WebP: the mask gets its size
---@field image_width? integer  or so: its size in numbers
---@field image_height? integer
---@field x integer             left edge of the part, from 0; may be outside of the picture
---@field y integer             upper edge, likewise
---@field width integer         of the part
---@field height integer
---@field output string         where the mask goes; a file of that name is replaced

---@class gptimage.mask_alpha
---@field image string          a PNG with alpha, not interlaced
---@field threshold? integer    1 to 255: alpha below it is transparent in the mask; 128 without
---@field output string         may be the same file

---@class gptimage.mask_inversion
---@field mask string           a PNG with alpha, not interlaced
---@field output string         may be the same file

---@class gptimage.mask_question
---@field mask string
---@field image? string         the picture that it is for: a PNG, JPEG or WebP

---@class gptimage.mask_pixels
---@field width integer
---@field height integer
---@field transparent integer   pixels that are painted anew whatever the service
---@field opaque integer        pixels that stay
---@field partial integer       pixels in between: services differ in what they do with them

---@class gptimage.mask_glance
---@field mask? string          a PNG with alpha: its file
---@field data? string          or its bytes

---@class gptimage.mask_seen
---@field width integer
---@field height integer
---@field transparent boolean   a pixel of alpha 0
---@field opaque boolean        a pixel of alpha 255
---@field partial boolean       a pixel in between
---@field whole boolean         it was read to its end: what was not seen is not there

return mask
