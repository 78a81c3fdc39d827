-- SPDX-License-Identifier: MIT
-- Lets a cqueues controller drive a client:
--   local cq = cqueues.new()
--   require("gptimage.loop.cqueues").attach(client, { controller = cq })
--   cq:wrap(function() client:generate(request) end)   -- yields as cqueues.poll does
--   assert(cq:loop())                                  -- ends when nothing is left to do
-- What callbacks raise comes out of cq:step and cq:loop, like all that coroutines raise there.

local cqueues = require "cqueues"
local condition = require "cqueues.condition"
local loops = require "gptimage.loop"

local function loop_of(controller)
  local loop = { name = "cqueues", place = "a coroutine of cqueues" }

  function loop.inside()
    local _, resumed_it = cqueues.running()
    return resumed_it == true
  end

  function loop.pause()
    local done = condition.new()
    return function() done:wait() end, function() done:signal() end
  end

  function loop.start(f, ...)
    controller:wrap(f, ...)
  end

  function loop.watch(fd, ready, seconds)
    local watched, readable = true, fd and { pollfd = fd, events = "r" } or seconds
    controller:wrap(function()
      while watched do
        cqueues.poll(readable)
        ready()
      end
    end)
    return function()
      watched = false
      -- Wakes the coroutine above, and cqueues forgets the descriptor.
      if fd then cqueues.cancel(fd) end
    end
  end

  function loop.report(err)
    controller:wrap(error, err, 0)
  end
  return loop
end

-- Without options.controller it is the one that is running.
return { attach = function(client, options)
  local controller = type(options) == "table" and options.controller or cqueues.running()
  if cqueues.type(controller) ~= "controller" then
    error("bad argument #2 to 'attach' (option 'controller': controller expected)", 2)
  end
  local handle = loops.attach(client, loop_of(controller), options, "controller")
  return handle
end }
