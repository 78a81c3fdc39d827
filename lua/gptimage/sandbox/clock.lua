-- SPDX-License-Identifier: MIT
-- The sandbox's clock: unix seconds that can run faster than the world's, and be moved on.

local cqueues = require "cqueues"
local condition = require "cqueues.condition"

local M = {}

local methods = {}
local clock_mt = { __name = "sandbox.clock", __index = methods }

---@param speed? number  sandbox seconds per real second; 1 without
function M.new(speed)
  return setmetatable({
    speed = speed or 1,
    origin = os.time(),
    started = cqueues.monotime(),
    advanced = 0,
    moved = condition.new(),
  }, clock_mt)
end

---Now, in unix seconds of the sandbox (a float).
function methods:now()
  return self.origin + self.advanced + (cqueues.monotime() - self.started) * self.speed
end

---Moves the clock on; whoever waits looks again.
function methods:advance(seconds)
  self.advanced = self.advanced + seconds
  self.moved:signal()
end

---Waits in the calling coroutine until the sandbox's time is `due`, or until the condition `early`
---is signalled and `stop()` is true. Returns whether the time has come.
---@param due number  math.huge waits for `early` alone
---@param early? table  a cqueues condition
---@param stop? fun(): boolean
function methods:wait_until(due, early, stop)
  while true do
    if stop and stop() then
      return false
    end
    local left = due - self:now()
    if left <= 0 then
      return true
    end
    local objects = { self.moved, early }
    if left < math.huge then
      objects[#objects + 1] = left / self.speed
    end
    cqueues.poll(table.unpack(objects))
  end
end

return M
