-- SPDX-License-Identifier: MIT
-- 2. Several pictures side by side. The code reads as if it blocked, and does not: inside a
-- coroutine of client:spawn, generate yields while the service works.

local gptimage = require "gptimage"

local client <close> = assert(gptimage.client { provider = "starmagic" })

local prompts = {
  cat = "An orange cat on a window sill, watching the sunset",
  harbour = "A small harbour in the morning fog",
  kite = "A red kite over a wide green meadow",
}

for name, prompt in pairs(prompts) do
  client:spawn(function()
    local result, err = client:generate {
      model = "gpt-image-2",
      prompt = prompt,
      size = "1:1",
      quality = "low",
      output = name .. "-{id}.{format}",
    }
    if not result then
      print(name .. " failed: " .. tostring(err))
      return
    end
    print(name .. ": " .. result.images[1].path)
  end)
end

-- Runs until all of them have ended. The three tasks share the time of one.
client:run()
print("all done")
