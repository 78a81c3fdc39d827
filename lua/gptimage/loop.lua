-- SPDX-License-Identifier: MIT
-- What the adapters of event loops share (gptimage.loop.luv and its neighbours), and what an
-- adapter for another loop is written with: `attach`, and a table that says how the loop does
-- things. None of it may raise but what says so.
--
--   name, place         for messages; where generate may yield: "a coroutine of ..."
--   inside()            is the running coroutine one of the loop's own, for certain?
--   pause()             for such a coroutine -> suspend, wake: suspend() yields it in the loop's
--                       way, wake() makes it go on (from a callback; it may be dead by then)
--   watch(fd, ready, seconds)
--                       calls ready() whenever the descriptor is readable (once too often does no
--                       harm) or, where fd is nil because the system has no epoll, so often -> a
--                       function that ends this, also from inside ready(); called before the
--                       descriptor is closed. May raise
--   start(f, ...)       runs f(...) as a coroutine of the loop; nil where it has none
--   report(err)         what callbacks raise where the client has no on_error

local core = require "gptimage.core"
local deliver = require "gptimage.deliver"
local report = require "gptimage.report"
local wait = require "gptimage.wait"

local M = {}

local core_data = core.data

-- Seconds between two looks at the network where no descriptor tells of it.
local GLANCE = 0.01

local Handle = { __name = "gptimage.loop" }
Handle.__index = Handle

--- The loop drives the client no longer; tasks that are live go on when somebody steps it, and
--- coroutines that wait for them then. Idempotent.
function Handle:detach()
  local state = core_data(self.client)
  if state.loop == self.link then
    self.link.tell(false)
    state.loop, state.busy = nil, false
  end
end

Handle.__close = Handle.detach

-- Does the I/O that is due. Returns whether there is something to tell.
local function work(client, state, budget)
  local ok, err = pcall(deliver.pump, client, state, 0, budget)
  if not ok then
    -- The core cannot go on. Waiting for it would never end, asking again and again would be all
    -- that the loop does: whoever waits hears that it is over, with the ids of what was paid.
    report.report(state, err, tostring(err))
    report.call(state, client.close, client)
    return false
  end
  return state.head <= state.tail
end

-- Calls callbacks and coroutines. Yields when they do.
local function tell(client, state)
  report.call(state, deliver.deliver, client, state)
  deliver.mind(state)
end

local function when_readable(client, state, link, budget)
  return function()
    if state.closed or state.loop ~= link then
      return
    elseif not work(client, state, budget) then
      deliver.mind(state)
    elseif link.start then
      -- In a coroutine of its own: a callback may yield to the loop, and I/O must not wait for it.
      link.start(tell, client, state)
    else
      tell(client, state)
    end
  end
end

local function check(client, options, known, level)
  local ok, state = pcall(core_data, client)
  if not (ok and type(state) == "table" and state.deliverers) then
    error(("bad argument #1 to 'attach' (client expected, got %s)"):format(type(client)), level)
  elseif options ~= nil and type(options) ~= "table" then
    error(("bad argument #2 to 'attach' (table expected, got %s)"):format(type(options)), level)
  end
  for name in next, options or {} do
    if name ~= "budget" and name ~= known then
      error(("bad argument #2 to 'attach' (unknown option '%s')"):format(tostring(name)), level)
    end
  end
  local budget = options and options.budget
  if budget ~= nil and not (type(budget) == "number" and budget >= 0) then
    error(("bad argument #2 to 'attach' (option 'budget': seconds expected, got %s)")
      :format(type(budget) == "number" and tostring(budget) or type(budget)), level)
  end
  wait.check_open(client, "attach", level + 1)
  if state.loop then
    error(("client is already driven by the loop '%s'"):format(state.loop.name), level)
  end
  return budget
end

--- From now on `loop` drives the client; closing the client or the handle's detach() end that.
--- For an adapter's attach(client, options), at whose caller errors point.
---@param client gptimage.client
---@param loop table             see above
---@param options table?         `budget`: seconds of I/O when the descriptor was readable
---@param known string?          name of an option besides
---@param spawn fun(client: gptimage.client, f: function, ...: any)?  the handle's spawn, for loops
---                              whose coroutines cannot be told from others
---@return gptimage.loop handle
function M.attach(client, loop, options, known, spawn)
  local budget = check(client, options, known, 4)
  local state, fd, stop = core_data(client), client:fd(), nil
  local link = setmetatable({}, { __index = loop })
  local ready = when_readable(client, state, link, budget)

  -- What is watched keeps a loop from ending, so it is while there is something to do, and no more.
  function link.tell(busy)
    if stop then
      local ends = stop
      stop = nil
      ends()
    end
    stop = busy and loop.watch(fd, ready, GLANCE) or nil
  end

  state.loop = link
  -- What was raised before is for the loop now: nobody may ever step by hand again.
  local errors = state.errors
  state.errors = {}
  for _, entry in ipairs(errors) do
    report.keep(state, entry)
  end
  deliver.mind(state)
  local handle = { client = client, link = link }
  if spawn then
    function handle.spawn(self, f, ...)
      if type(f) ~= "function" then
        error(("bad argument #1 to 'spawn' (function expected, got %s)"):format(type(f)), 2)
      elseif state.loop ~= self.link then
        error("the loop was detached from its client", 2)
      end
      spawn(client, f, ...)
    end
  end
  return setmetatable(handle, Handle)
end

--- What the loop's own coroutine `co` raised, where nobody else would hear of it.
---@param client gptimage.client
---@param co thread  dead
---@param err any
function M.failed(client, co, err)
  report.report(core_data(client), err, report.traceback_of(co, err))
  coroutine.close(co) -- runs what it left to be closed
end

return M
