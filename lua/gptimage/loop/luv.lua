-- SPDX-License-Identifier: MIT
-- Lets luv drive a client:
--   local loop = require("gptimage.loop.luv").attach(client)
--   client:submit(request):on_done(...)                   -- callbacks, as everywhere in luv; or
--   loop:spawn(function() client:generate(request) end)   -- coroutines
--   uv.run()                                              -- ends when no task is live
-- luv makes no coroutines, so those of loop:spawn are the ones we know. generate and its kin yield
-- in them; their other yields are the program's own, to be resumed from its luv callbacks.

local uv = require "luv"
local loops = require "gptimage.loop"

local spawned = setmetatable({}, { __mode = "k" }) -- coroutine -> the client of its handle

local function go_on(co, ...)
  if coroutine.status(co) == "suspended" then
    local ok, err = coroutine.resume(co, ...)
    if not ok then
      loops.failed(spawned[co], co, err)
    end
  end
end

local luv = { name = "luv", place = "a coroutine of loop:spawn (the loop that attach gave)" }

function luv.inside()
  return spawned[coroutine.running()] ~= nil
end

function luv.pause()
  local co = coroutine.running()
  return coroutine.yield, function() go_on(co) end
end

function luv.watch(fd, ready, seconds)
  local handle = assert(fd and uv.new_poll(fd) or uv.new_timer())
  if fd then
    assert(handle:start("r", ready))
  else
    assert(handle:start(0, math.ceil(seconds * 1000), ready))
  end
  return function() handle:close() end
end

-- luv ends the process when a callback raises.
function luv.report(err)
  io.stderr:write(tostring(err), "\n")
end

local function spawn(client, f, ...)
  local co = coroutine.create(f)
  spawned[co] = client
  go_on(co, ...)
end

return { attach = function(client, options)
  local handle = loops.attach(client, luv, options, nil, spawn)
  return handle
end }
