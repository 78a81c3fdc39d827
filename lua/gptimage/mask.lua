-- SPDX-License-Identifier: MIT
-- Masks for edits: PNGs that are transparent where a picture is painted anew. Needs libpng, and
-- with it the module gptimage.mask_core, which is built apart from the rest.

local results = require "gptimage.result"

local found, core = pcall(require, "gptimage.mask_core")
if not found then
  error("gptimage.mask needs the module gptimage.mask_core, which is built where libpng is "
    .. "(Debian: apt install libpng-dev, then make; LuaRocks: luarocks install gptimage-mask): "
    .. tostring(core):match("^[^\n]*"), 0)
end

local M = {}

-- Calls the core; what it raises points at the user's line. `field` is what a failure is about,
-- where it can be about one thing only.
local function call(f, options, field)
  local ok, value, kind, message = pcall(f, options)
  if not ok then
    error(value, 3)
  elseif value == nil then
    return nil, results.failure { kind = kind, message = message, billed = "no", field = field }
  end
  return value
end

---A mask that is transparent inside a rectangle. As large as the picture in the file `image`, or
---`image_width` by `image_height` pixels; what of the rectangle is outside is left out.
---@param options gptimage.mask_shape
---@return string? path, gptimage.error? err
function M.rectangle(options)
  local path, err = call(core.rectangle, options)
  return path, err
end

---A mask that is transparent inside the ellipse which fits into the rectangle.
---@param options gptimage.mask_shape
---@return string? path, gptimage.error? err
function M.ellipse(options)
  local path, err = call(core.ellipse, options)
  return path, err
end

---A mask that is transparent where the PNG `image` is, and opaque elsewhere.
---@param options gptimage.mask_alpha
---@return string? path, gptimage.error? err
function M.from_alpha(options)
  local path, err = call(core.from_alpha, options)
  return path, err
end

---A mask that is opaque where `mask` is transparent, and the other way round.
---@param options gptimage.mask_inversion
---@return string? path, gptimage.error? err
function M.invert(options)
  local path, err = call(core.invert, options)
  return path, err
end

---Is this a mask that a service takes? A PNG with alpha, with at least one wholly transparent and
---one wholly opaque pixel, and, where `image` is given, of that picture's size. Reads all of it.
---@param options gptimage.mask_question
---@return gptimage.mask_pixels? pixels, gptimage.error? err
function M.check(options)
  local pixels, err = call(core.check, options, "mask")
  return pixels, err
end

---Which kinds of pixels has this mask? Reads the PNG, a file or bytes, only until it has seen both
---a wholly transparent and a wholly opaque one, and no more than 8,388,608 pixels of it, which are
---more than 3840 x 2160: then `whole` is false. Every request with a mask that is a file or bytes
---is looked at so before it is sent, unless its `strict` is false. It takes as long as inflating
---the rows above the first pixel of the second kind: 28 ms for a plain mask of 3840 x 2160 whose
---hole begins a third down, 85 ms for one without a hole.
---@param options gptimage.mask_glance
---@return gptimage.mask_seen? seen, gptimage.error? err
function M.look(options)
  local seen, err = call(core.look, options, "mask")
  return seen, err
end

return M
