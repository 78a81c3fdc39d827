-- SPDX-License-Identifier: MIT
-- 10. In a luv program: the client is one more thing that the loop watches, and only while it has
-- something to do. Timers go on meanwhile, and uv.run ends when the last picture is there.

local gptimage = require "gptimage"
local uv = require "luv"

local client <close> = assert(gptimage.client {
  provider = "starmagic",
  -- What callbacks raise; without it luv's adapter writes it to the standard error stream. It
  -- never reaches luv, which would end the process.
  on_error = function(_, traceback) io.stderr:write(traceback, "\n") end,
})

local loop = require("gptimage.loop.luv").attach(client)

-- Callbacks, as everywhere in luv.
local task = assert(client:submit {
  model = "gpt-image-2-beta",
  prompt = "A lighthouse in the morning fog",
  output = "lighthouse-{id}.{format}",
})
task:on_done(function(_, result, err)
  print("a callback: " .. (result and result.images[1].path or tostring(err)))
end)

-- Or a coroutine. In those of loop:spawn generate yields; other yields are yours: here the program
-- sleeps by a timer of luv's.
local function sleep(milliseconds)
  local co, timer = coroutine.running(), uv.new_timer()
  timer:start(milliseconds, 0, function()
    timer:close()
    assert(coroutine.resume(co))
  end)
  coroutine.yield()
end

loop:spawn(function()
  sleep(10)
  local result, err = client:generate { model = "gpt-image-2-beta", prompt = "A fox in the snow" }
  if not result then
    print("no fox: " .. tostring(err))
    return
  end
  print("a coroutine: " .. assert(result.images[1]:save("fox.png")))
end)

-- Something else that the program does.
local ticks, timer = 0, uv.new_timer()
timer:start(0, 20, function()
  ticks = ticks + 1
  if #client:tasks() == 0 and ticks > 5 then
    timer:close()
  end
end)

uv.run()
print(("the loop ended by itself after %d ticks"):format(ticks))
