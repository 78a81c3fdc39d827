-- SPDX-License-Identifier: MIT
-- 3. Inside a loop of your own, as a game has: nothing here ever waits for the service. Submit,
-- give the client a little time in each frame, and be called back.

local gptimage = require "gptimage"

local client <close> = assert(gptimage.client {
  provider = "starmagic",
  -- Gets what callbacks raise. Without it client:step raises it.
  on_error = function(_, traceback) io.stderr:write(traceback, "\n") end,
})

local task = assert(client:submit {
  model = "gpt-image-2-beta",
  prompt = "A pixel-art tavern by night, warm light in the windows",
  size = "3:2",
  on_progress = function(task)
    print(("  %d %% (%s)"):format(task.progress, task.status))
  end,
})

local finished = false
task:on_done(function(_, result, err)
  finished = true
  if not result then
    print("no picture: " .. tostring(err))
    return
  end
  -- Without `output` in the request nothing was saved yet. Callbacks may wait, too, but then the
  -- frame waits as well; a coroutine lets it go on.
  client:spawn(function()
    print("saved as " .. assert(result.images[1]:save("tavern.png")))
  end)
end)

-- The host's loop. A program with an event loop watches client:fd() instead, and one that can do
-- neither asks client:timeout().
local FRAME = 1 / 60
local frames = 0
repeat
  frames = frames + 1
  -- Update and draw the world here. Then: at most 4 ms of work for us. The first argument makes
  -- this loop last a frame; a game that waits for the screen anyway passes 0.
  local live = client:step(FRAME, 0.004)
until finished and live == 0

print(frames > 1 and "the frames never stopped" or "that was quick")
