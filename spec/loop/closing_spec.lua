-- SPDX-License-Identifier: MIT
-- Fifty clients in fifty coroutines of a loop, closed at random moments: in the middle of a name,
-- a connection, a reply, a callback. Nothing may be left: no descriptor, no coroutine that waits
-- for ever, nothing that keeps the loop from ending. $GPTIMAGE_ROUNDS rounds on each loop; what one
-- run found the next one finds, for the moments come from a seed.

local gptimage = require "gptimage"
local hosts = require "spec.support.hosts"
local lfs = require "lfs"
local quick_service = require "spec.support.quick_service"
local random = require "spec.support.random"

local ROUNDS = math.tointeger(tonumber(os.getenv "GPTIMAGE_ROUNDS")) or 70
local CLIENTS = 50
local SEED = 20260101

local function descriptors()
  local count = 0
  for _ in lfs.dir("/proc/self/fd") do
    count = count + 1
  end
  return count
end

local request = { model = "gpt-image-2-beta", prompt = "a small boat" }

describe("closing at any moment", function()
  local service, silent

  setup(function()
    service = quick_service.start()
    -- Takes connections and never says a word.
    silent = assert(require("socket").bind("127.0.0.1", 0, 512))
  end)

  teardown(function()
    service:stop()
    silent:close()
  end)

  for _, name in ipairs(hosts.names) do
    it("leaves nothing behind on " .. name, function()
      local host = hosts[name]()
      local source = random.new(SEED)
      local _, port = silent:getsockname()
      port = math.tointeger(tonumber(port))
      local answers = { service.url, service.url, service.url, "http://127.0.0.1:1" }
      local silence = { ("http://127.0.0.1:%d"):format(port), ("http://localhost:%d"):format(port) }
      local ends = { result = 0, cancelled = 0, network = 0 }

      local function one()
        local is_silent = source:below(3) == 1
        local url = source:pick(is_silent and silence or answers)
        local way, moment = source:below(4), source:below(12) / 1000
        local client = assert(gptimage.client { base_url = url, api_key = "sk-x",
          poll = { first = 0.001, min = 0.001, max = 0.002 }, retry = { max = 0 } })
        local handle = host.attach(client)
        local finished = false
        host.spawn(handle, function()
          while not client:closed() do
            local task = assert(client:submit(request))
            if way == 1 then
              task:on_done(function() client:close() end)
            end
            local result, err = task:await()
            local kind = err and err.kind or "result"
            ends[kind] = ends[kind] + 1
            if result and not client:closed() then
              result.images[1]:data()
            end
            if way == 2 and not client:closed() then
              handle:detach()
              client:close()
            end
          end
          finished = true
        end)
        if way ~= 2 or is_silent then -- else its task ends first, however slow this machine is
          host.later(moment, function() client:close() end)
        end
        return function()
          return finished and client:closed()
        end
      end

      local function round()
        local checks = {}
        for index = 1, CLIENTS do
          checks[index] = one()
        end
        host.run()
        for _, is_over in ipairs(checks) do
          assert.is_true(is_over())
        end
        assert.same({}, host.raised)
      end

      round() -- whatever is opened once and kept
      collectgarbage()
      collectgarbage()
      local before, memory = descriptors(), collectgarbage("count")
      for _ = 1, ROUNDS do
        round()
        assert.equal(before, descriptors()) -- without the help of the collector
      end
      collectgarbage()
      collectgarbage()
      assert.truthy(collectgarbage("count") - memory < 200, "memory grows: "
        .. collectgarbage("count") - memory .. " KB")
      for kind, count in pairs(ends) do
        assert.truthy(count > 0, "no moment found a task that ended as " .. kind)
      end
    end)
  end
end)
