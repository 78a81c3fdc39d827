-- SPDX-License-Identifier: MIT
-- 8. Masks: which part of a picture shall be painted anew.
--
-- Needs the module gptimage.mask_core, which is built where libpng is, and a key of Magick API.
-- With the sandbox (see example 1) GPTIMAGE_BASE_URL is the address that it prints after "magick".
-- Usage: lua5.4 examples/08_mask.lua [PICTURE]

local gptimage = require "gptimage"

local client <close> = assert(gptimage.client { provider = "magick" })

local function saved(result, err)
  if not result then
    io.stderr:write("no picture: ", tostring(err), "\n")
    os.exit(1, true)
  end
  return result.images[1].path
end

-- The picture that is to be changed: a PNG, JPEG or WebP; without one it is made.
local picture = arg[1] or saved(client:generate { model = "gpt-image-2", quality = "low",
  prompt = "Hills in the summer", size = "1024x1024", output = "hills.png" })

-- A mask is a PNG as large as the picture: transparent where it is painted anew, opaque where it
-- stays. This one frees an oval in the sky.
local path, err = gptimage.mask.ellipse { image = picture, output = "mask.png",
  x = 312, y = 96, width = 400, height = 352 }
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

-- The same picture, twice: with something in the oval, and with everything else around it.
for _, edit in ipairs {
  { "balloon.png", "mask.png", "A hot-air balloon in the sky" },
  { "dusk.png", "around.png", "The same hills at dusk" },
} do
  print("made " .. saved(client:edit { model = "gpt-image-2", quality = "low", size = "1024x1024",
    images = { picture }, mask = edit[2], prompt = edit[3], output = edit[1] }))
end
