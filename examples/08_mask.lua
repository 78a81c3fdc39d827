-- SPDX-License-Identifier: MIT
-- 8. Masks: which part of a picture shall be painted anew.
--
-- Needs no key and no network, but the module gptimage.mask_core, which is built where libpng is.
-- Usage: lua5.4 examples/08_mask.lua [PICTURE]

local gptimage = require "gptimage"

local picture = arg[1] -- a PNG, JPEG or WebP; without one: as if it were 1024 x 1024

-- A mask is a PNG as large as the picture: transparent where it is painted anew, opaque where it
-- stays. This one frees an oval in the middle of the upper half.
local function oval(options)
  options.x, options.y, options.width, options.height = 312, 128, 400, 320
  options.output = "mask.png"
  return gptimage.mask.ellipse(options)
end

local path, err = oval(picture and { image = picture }
  or { image_width = 1024, image_height = 1024 })
if not path then
  io.stderr:write("no mask: ", tostring(err), "\n")
  os.exit(1, true)
end

-- Keep the oval and paint all around it instead.
assert(gptimage.mask.invert { mask = path, output = "around.png" })

-- What a service would say of them, before it is asked.
for _, name in ipairs { "mask.png", "around.png" } do
  local pixels = assert(gptimage.mask.check { mask = name, image = picture })
  print(("%s: %d x %d, %d pixels to paint, %d to keep"):format(name, pixels.width, pixels.height,
    pixels.transparent + pixels.partial, pixels.opaque))
end

-- A mask that leaves nothing to paint is no mask, and nothing is written.
local nothing, why = gptimage.mask.rectangle { image_width = 64, image_height = 64,
  x = 64, y = 0, width = 10, height = 10, output = "nothing.png" }
print(nothing, why)
