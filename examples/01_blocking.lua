-- SPDX-License-Identifier: MIT
-- 1. One picture, the simplest way: ask, wait, have a file.
--
-- Needs a key: STARMAGIC_API_KEY=sk-... lua5.4 examples/01_blocking.lua
-- Without one: run `bin/gptimage sandbox` beside it, and set GPTIMAGE_BASE_URL to the address that
-- it prints after "starmagic" (any key will do there).

local gptimage = require "gptimage"

-- `<close>` lets go of the client at the end of the program, whatever happens in between.
local client <close> = assert(gptimage.client { provider = "starmagic" })

-- The file is written while the picture arrives; {id} and {format} are filled in.
local result, err = client:generate {
  model = "gpt-image-2-beta",
  prompt = "A beautiful colorful sunset over the ocean",
  size = "16:9",
  resolution = "1K",
  output = "{id}.{format}",
}

-- What can go wrong in the world never raises: it is the second result.
if not result then
  io.stderr:write("no picture: ", tostring(err), "\n")
  os.exit(1, true)
end

for _, image in ipairs(result.images) do
  print(("%s: %d x %d pixels, %d bytes"):format(image.path, image.width, image.height, image.size))
end
print("billed: " .. result.billed)
