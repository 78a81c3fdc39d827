-- SPDX-License-Identifier: MIT
-- Lets copas drive a client:
--   local loop = require("gptimage.loop.copas").attach(client)
--   loop:spawn(function() client:generate(request) end)
--   copas.loop()                                       -- ends when no task is live
-- copas does not tell whether a coroutine is its own, and we do not guess: loop:spawn is addthread
-- for functions that wait for us. What callbacks raise goes to copas' error handler.

local copas = require "copas"
local loops = require "gptimage.loop"

local spawned = setmetatable({}, { __mode = "k" })
local loop = { name = "copas", place = "a coroutine of loop:spawn (the loop that attach gave)" }
loop.start = copas.addthread

function loop.inside()
  return spawned[coroutine.running()] ~= nil
end

function loop.pause()
  local co = coroutine.running()
  return copas.pauseforever, function() copas.wakeup(co) end
end

function loop.watch(fd, ready, seconds)
  -- A socket to copas, with nothing to read at first and "" once the descriptor was readable. At
  -- the end it is "dirty": luasocket takes it for ready, and does not look at the descriptor.
  local watched, asked, socket = true, false, {}
  function socket.getfd() return fd end
  function socket.dirty() return not watched end
  function socket.receive()
    asked = watched and not asked
    return not asked and "" or nil, "timeout"
  end
  copas.addthread(function()
    while watched do
      if fd then copas.receive(socket) else copas.pause(seconds) end
      ready()
    end
  end)
  return function() watched = false end
end

function loop.report(err) copas.addthread(error, err, 0) end

local function spawn(_, f, ...)
  copas.addthread(function(...)
    spawned[coroutine.running()] = true
    return f(...)
  end, ...)
end

return { attach = function(client, options)
  local handle = loops.attach(client, loop, options, nil, spawn)
  return handle
end }
