-- SPDX-License-Identifier: MIT
-- Event loops, each in the same few words, for specs that hold whatever the loop is:
--
--   local host = require("spec.support.hosts").luv()
--   local handle = host.attach(client, options)
--   host.spawn(handle, f)      a coroutine in which generate may yield
--   host.later(seconds, f)     calls f(), in the loop
--   host.run()                 until the loop has nothing left to do; raises when it does not end
--   host.raised                what reached the loop as an error, in order

local cqueues = require "cqueues"

local M = { names = { "luv", "cqueues", "copas" } }

local LIMIT = 60 -- seconds that a loop may take to end
local ENDLESS = "the loop does not end"

-- busted forgets modules after each file, and luv's loop does not survive being opened once more.
local function load_luv()
  local registry = debug.getregistry()
  package.loaded.luv = registry["spec.luv"]
  registry["spec.luv"] = require "luv"
  return package.loaded.luv
end

function M.luv()
  local uv = load_luv()
  local adapter = require "gptimage.loop.luv"
  local host = { name = "luv", raised = {} }
  host.attach = adapter.attach
  function host.spawn(handle, f)
    handle:spawn(f)
  end
  function host.later(seconds, f)
    local timer = uv.new_timer()
    timer:start(math.floor(seconds * 1000), 0, function()
      timer:close()
      f()
    end)
  end
  function host.run()
    -- What luv would be told goes to the standard error stream.
    local stream = io.stderr
    rawset(io, "stderr", { write = function(_, text)
      host.raised[#host.raised + 1] = text
    end })
    local alarm, late = uv.new_timer(), false
    alarm:start(LIMIT * 1000, 0, function()
      late = true
      uv.stop()
    end)
    alarm:unref()
    local ok, err = pcall(uv.run)
    alarm:close()
    pcall(uv.run, "nowait")
    rawset(io, "stderr", stream)
    assert(ok, err)
    assert(not late, ENDLESS)
  end
  return host
end

function M.cqueues()
  local adapter = require "gptimage.loop.cqueues"
  local host = { name = "cqueues", raised = {}, controller = cqueues.new() }
  function host.attach(client, options)
    local copy = { controller = host.controller }
    for name, value in pairs(options or {}) do
      copy[name] = value
    end
    local handle = adapter.attach(client, copy)
    return handle
  end
  function host.spawn(_, f)
    host.controller:wrap(f)
  end
  function host.later(seconds, f)
    host.controller:wrap(function()
      cqueues.sleep(seconds)
      f()
    end)
  end
  function host.run()
    local deadline = cqueues.monotime() + LIMIT
    repeat
      local ok, err = host.controller:loop(LIMIT)
      if not ok then
        host.raised[#host.raised + 1] = tostring(err)
      end
      assert(cqueues.monotime() < deadline, ENDLESS)
    until ok
  end
  return host
end

--- Is copas itself here, or only spec/support/copas_stand_in.lua?
M.has_copas = package.searchpath("copas", package.path) ~= nil

function M.copas()
  if not M.has_copas then
    package.loaded.copas = require "spec.support.copas_stand_in"
  end
  local copas = require "copas"
  local adapter = require "gptimage.loop.copas"
  local host = { name = "copas", raised = {} }
  host.attach = adapter.attach
  function host.spawn(handle, f)
    handle:spawn(f)
  end
  function host.later(seconds, f)
    copas.addthread(function()
      copas.pause(seconds)
      f()
    end)
  end
  function host.run()
    copas.seterrorhandler(function(err)
      host.raised[#host.raised + 1] = tostring(err)
    end, true)
    local deadline = cqueues.monotime() + LIMIT
    repeat
      copas.step(1)
      assert(cqueues.monotime() < deadline, ENDLESS)
    until copas.finished()
  end
  return host
end

return M
