-- SPDX-License-Identifier: MIT
-- Waiting for several tasks at once, which may be of several clients.
--
--   local vigil = vigils.new(client)
--   vigil:add(task)                                  -- as many as there are, also later
--   vigil:wait(function() return task:done() end)    -- asked at first, and at every end

local core = require "gptimage.core"
local deliver = require "gptimage.deliver"

local M = {}

local core_data = core.data

---@class gptimage.vigil
---@field in_loop? boolean    made in a coroutine of an attached loop
---@field private owner? table    state of the client that spawned the coroutine it was made in
---@field private co? thread      that coroutine
---@field private suspend? fun()  yields; nil: it blocks
---@field private on_end? fun(task: gptimage.task)  told of each end, where it yields
---@field private waits boolean   it has yielded: an end is to wake it
---@field private clients table   those to drive where it blocks: an array, and client -> true
local Vigil = {}
Vigil.__index = Vigil

--- Waits for tasks that are added to it, in the one way that fits where it was made: by yielding
--- in a coroutine of spawn or of the loop of `client`, else by blocking.
---@param client gptimage.client
---@return gptimage.vigil
function M.new(client)
  local state = core_data(client)
  local self = setmetatable({ clients = {}, owner = deliver.owner(state), waits = false }, Vigil)
  local loop = not self.owner and deliver.loop_around(state)
  local wake
  if self.owner then
    self.co = coroutine.running()
    self.suspend = function() coroutine.yield(deliver.WAITING) end
    wake = function() deliver.resume(self.co, self.owner) end
  elseif loop then
    self.in_loop = true
    self.suspend, wake = loop.pause()
  end
  self.on_end = wake and function(task)
    if self.owner then
      self.owner.abroad[task] = nil
    end
    if self.waits then
      wake()
    end
  end
  return self
end

--- From now on the end of `task` ends a wait.
---@param task gptimage.task
function Vigil:add(task)
  local client = task.client
  if self.on_end then
    if not task:done() then
      deliver.when_done(task, self.on_end)
      if self.owner and core_data(client) ~= self.owner then
        self.owner.abroad[task] = self.co
      end
    end
  elseif not self.clients[client] then
    self.clients[client] = true
    self.clients[#self.clients + 1] = client
  end
end

-- One round of the clients to drive. Several descriptors cannot be slept on at once from here: it
-- is slept on the last one, for a slice.
local function turn_all(clients)
  for index = #clients, 1, -1 do
    if core_data(clients[index]).closed then -- nobody's tasks are live there any more
      table.remove(clients, index)
    end
  end
  for index, client in ipairs(clients) do
    local state = core_data(client)
    if not state.closed then -- by what was told in this round
      deliver.turn(client, state, #clients == 1 and -1 or index == #clients and deliver.SLICE or 0)
    end
  end
end

--- Waits until is_over() is true; it is asked at first, and whenever tasks may have ended.
---@param is_over fun(): any
function Vigil:wait(is_over)
  while not is_over() do
    if self.suspend then
      self.waits = true
      self.suspend()
      self.waits = false
    else
      turn_all(self.clients)
    end
  end
end

return M
