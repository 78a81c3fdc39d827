-- SPDX-License-Identifier: MIT
-- 11. In a cqueues program: inside its coroutines generate yields as cqueues.poll does, so a
-- picture is waited for like a socket, beside everything else that the controller runs.

local cqueues = require "cqueues"
local gptimage = require "gptimage"

local client <close> = assert(gptimage.client { provider = "starmagic" })

local controller = cqueues.new()
require("gptimage.loop.cqueues").attach(client, { controller = controller })

local prompts = { "A red kite over a meadow", "A harbour at night", "An owl with spectacles" }

controller:wrap(function()
  local requests = {}
  for index, prompt in ipairs(prompts) do
    requests[index] = { model = "gpt-image-2", quality = "low", prompt = prompt }
  end
  -- Two at a time; each is saved as it comes, and the answer is in the order of the requests.
  local paths, errors = client:map(requests, function(result, index)
    return result.images[1]:save(("picture-%d.png"):format(index))
  end, { concurrency = 2 })
  for index = 1, paths.n do
    print(prompts[index] .. ": " .. (paths[index] or tostring(errors[index])))
  end
end)

controller:wrap(function()
  -- The quicker of two services, or of two models; the slower one is cancelled.
  local result, winner = client:race {
    { model = "gpt-image-2", prompt = "A castle", quality = "low" },
    { model = "gpt-image-2-beta", prompt = "A castle" },
  }
  print("the race: " .. (result and "number " .. winner or tostring(winner)))
end)

local heartbeats = 0
controller:wrap(function()
  repeat
    heartbeats = heartbeats + 1
    cqueues.sleep(0.02)
  until #client:tasks() == 0
end)

-- Ends when no coroutine is left, and raises what one of them raised.
assert(controller:loop())
print(("%d heartbeats meanwhile"):format(heartbeats))
