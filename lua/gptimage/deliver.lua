-- SPDX-License-Identifier: MIT
-- The lower half of the scheduler: who is told what. The C core says at each step what came of
-- its tasks; here that goes through a queue to callbacks and spawned coroutines, one at a time
-- and never one inside another. gptimage.wait is the upper half: who waits, and how.
--
-- A client's `state` is core.data(client), one table that goes with the client:
--   what, items, head, tail   the queue of things to tell; arrays instead of one table or closure
--                             per entry, so that waiting and stepping make no garbage
--   coroutines, spawned, alive  coroutine -> its number; how many there were, and are
--   abroad                    task of another client -> coroutine of ours that waits for it
--   live                      tasks not yet done, as far as known
--   deliverers                coroutines of the host in whose step callbacks are running
--   loop, busy                the attached loop (see gptimage.loop); what it was last told
--   errors, on_error, log, closed
-- A task's core.waiter: the coroutine of spawn that waits for it. Its core.data: the functions that
-- are to be told of its end, in order, [1] and so on (core.listen keeps one without a table);
-- on_progress, delivered, and what gptimage.result keeps there.

local core = require "gptimage.core"
local report = require "gptimage.report"
local results = require "gptimage.result"

local M = {}

local running, status, isyieldable = coroutine.running, coroutine.status, coroutine.isyieldable
local core_step, core_data, core_waiter = core.step, core.data, core.waiter

-- What our coroutines yield, so that a yield meant for another scheduler is told apart.
local WAITING = setmetatable({}, { __name = "gptimage: waiting for a task" })

-- The states that have coroutines, as keys. Only coroutines of spawn are ours to resume, and only
-- in those may we yield: any other one belongs to a scheduler that we do not know.
local spawners = setmetatable({}, { __mode = "k" })

-- A queue that was longer than this leaves its arrays, which never shrink, to the collector.
local LONG = 64

--- A new client: `options` are those it was made with.
---@param client gptimage.client
---@param options gptimage.options
function M.prepare(client, options)
  local state = core_data(client)
  state.what, state.items, state.head, state.tail = {}, {}, 1, 0
  state.coroutines, state.spawned, state.alive = {}, 0, 0
  state.abroad = {}
  state.live = 0
  state.busy = false
  state.deliverers = setmetatable({}, { __mode = "k" })
  state.errors = {}
  state.on_error, state.log = options.on_error, options.log
  state.closed = false
end

--- Puts one thing to tell into the queue; `what` is a name in deliver_one.
local function push(state, what, item)
  local tail = state.tail + 1
  state.what[tail], state.items[tail] = what, item
  state.tail = tail -- last: where memory ran out there is no entry, rather than half of one
end

-- Is a step that delivers below us on the stack? A host coroutine that yielded out of a callback
-- is suspended, so not on the stack, and must not keep others from working.
local function is_delivering(state)
  local deliverers = state.deliverers
  if next(deliverers) == nil then
    return false
  end
  for co in pairs(deliverers) do
    local now = status(co)
    if now == "running" or now == "normal" then
      return true
    elseif now == "dead" then
      deliverers[co] = nil
    end
  end
  return false
end

-- Tells the attached loop, if there is one, when it has to watch the descriptor and when it may
-- stop: what a loop watches keeps it from ending. For whoever changes live, closed or the queue.
local function mind(state)
  local loop = state.loop
  if not loop then
    return
  end
  local busy = not state.closed and (state.live > 0 or state.head <= state.tail)
  if busy ~= state.busy then
    state.busy = busy
    report.call(state, loop.tell, busy)
  end
end

-- From outside a step: a host that sleeps on the descriptor must come and look.
local function push_and_wake(client, state, what, item)
  push(state, what, item)
  if not is_delivering(state) then
    core.wake(client)
    mind(state)
  end
end

--- f(task, result, err) once the task is done; in the next step, when that was told before.
---@param task gptimage.task
---@param f fun(task: gptimage.task, result: gptimage.result?, err: gptimage.error?)
function M.when_done(task, f)
  local data = core_data(task)
  if data.delivered then
    local client = task.client
    push_and_wake(client, core_data(client), "late", { task = task, f = f })
  else
    data[#data + 1] = f
  end
end

-- Coroutines ------------------------------------------------------------------------------------

-- The state of the client that spawned `co`, nil when none of ours did. One table for each client
-- and not one more for all of them: `likely` is looked at first, and few programs have many.
local function owner_of(co, likely)
  if likely and likely.coroutines[co] then
    return likely
  end
  for state in next, spawners do
    if state.coroutines[co] then
      return state
    end
  end
  return nil
end

-- Counted, for to look whether any is left takes long in a table that once had thousands.
local function forget(state, co)
  if state.coroutines[co] then
    state.coroutines[co] = nil
    state.alive = state.alive - 1
    if state.alive == 0 then
      spawners[state] = nil
    end
  end
end

local function close_coroutine(state, co)
  local failed = status(co) == "dead"
  local ok, err = coroutine.close(co)
  forget(state, co)
  if not ok and not failed then
    report.report(state, err, report.traceback_of(co, err))
  end
end

local FOREIGN = "a coroutine of client:spawn yielded %s, which is not for us and would never be "
  .. "resumed: inside it wait with task:await(), client:generate() or image:save(), and give "
  .. "coroutines of another scheduler client:submit() and task:done() instead"

local function came_back(state, co, ok, value)
  if not ok then
    report.report(state, value, report.traceback_of(co, value))
    close_coroutine(state, co) -- runs what the coroutine left to be closed
  elseif status(co) == "dead" then
    forget(state, co)
  elseif value ~= WAITING then
    local ok_text, text = pcall(tostring, value)
    local message = FOREIGN:format(ok_text and text or type(value))
    report.report(state, message, report.traceback_of(co, message))
    close_coroutine(state, co)
  elseif state.closed then
    close_coroutine(state, co)
  end
end

-- `likely` is the state of the client that most probably spawned it.
local function resume(co, likely)
  local state, now = owner_of(co, likely), status(co)
  if state and now == "dead" then
    forget(state, co) -- the program closed it while it waited
    for task, waiter in next, state.abroad do
      if waiter == co then
        state.abroad[task] = nil
      end
    end
  elseif state and now == "suspended" and not state.closed then
    came_back(state, co, coroutine.resume(co))
  end
  -- Else somebody else resumed it: its await will look for itself. Or its client was closed just
  -- now, and all of them are closed together when the queue is empty.
end

-- Closed newest first, as Lua closes variables.
local function close_coroutines(state)
  if state.alive == 0 then
    return
  end
  local order = {}
  for co in pairs(state.coroutines) do
    order[#order + 1] = co
  end
  table.sort(order, function(a, b)
    return state.coroutines[a] > state.coroutines[b]
  end)
  for _, co in ipairs(order) do
    if status(co) == "suspended" then -- else it runs now, and came_back closes it
      close_coroutine(state, co)
    end
  end
end

-- Delivering ------------------------------------------------------------------------------------

local deliver_one = {}

function deliver_one.done(state, task)
  local co, data = core_waiter(task, nil), core_data(task)
  data.delivered = true -- from now on nobody adds a function
  if co then
    resume(co, state)
  end
  local f = data[1]
  if f then
    local result, err = results.of(task, data)
    local count = #data
    for i = 1, count do
      f, data[i] = data[i], nil
      report.call(state, f, task, result, err)
    end
  end
end

function deliver_one.progress(state, task)
  local on_progress = core_data(task).on_progress
  if on_progress then
    report.call(state, on_progress, task)
  end
end

-- on_done for a task whose end was told before.
function deliver_one.late(state, entry)
  local result, err = results.of(entry.task)
  report.call(state, entry.f, entry.task, result, err)
end

function deliver_one.log(state, event)
  report.call(state, state.log, event)
end

function deliver_one.start(state, co)
  resume(co, state)
end

local function deliver_all(client, state)
  local may_be_left = isyieldable()
  while true do
    local what, items, head = state.what, state.items, state.head
    if head > state.tail then
      if head > LONG then
        state.what, state.items = {}, {}
      end
      state.head, state.tail = 1, 0
      break
    end
    local kind, item = what[head], items[head]
    what[head], items[head] = nil, nil
    state.head = head + 1
    if may_be_left and head < state.tail and not state.closed then
      -- A callback may yield to its host and come back late; what is in the queue must not wait
      -- for that, so the next step is due now.
      core.wake(client)
      may_be_left = false
    end
    deliver_one[kind](state, item)
  end
  if state.closed then
    close_coroutines(state)
  end
end

-- Tells everybody what is in the queue, unless a step further down the stack is about to.
-- Returns whether there was anything to do.
local function deliver(client, state)
  if state.head > state.tail or is_delivering(state) then
    return false
  end
  local me = running()
  state.deliverers[me] = true
  -- Users' errors do not come this far; running out of memory may, and must not leave us marked.
  local ok, err = pcall(deliver_all, client, state)
  state.deliverers[me] = nil
  if not ok then
    error(err, 0)
  end
  return true
end

-- Does I/O and queues what came of it.
local function pump(client, state, timeout, budget)
  local live, events, logs = core_step(client, timeout, budget)
  state.live = live
  if logs then
    for i = 1, #logs do
      push(state, "log", logs[i])
    end
  end
  if events then
    for i = 1, #events, 2 do
      push(state, events[i + 1], events[i])
    end
  end
end

-- One round: what waits in the queue, I/O, what came of it. Where there was something in the
-- queue the I/O does not wait. With a step further down the stack it is I/O alone.
local function turn(client, state, timeout, budget)
  if deliver(client, state) then
    timeout = 0
    if state.closed then
      return
    end
  end
  pump(client, state, timeout, budget)
  deliver(client, state)
  mind(state)
end

--- Makes f(...) a coroutine of ours; it starts in the next round.
function M.spawn(client, state, f)
  local co = coroutine.create(f)
  state.spawned = state.spawned + 1
  state.coroutines[co] = state.spawned
  state.alive = state.alive + 1
  spawners[state] = true
  push_and_wake(client, state, "start", co)
end

--- The state of the client that spawned the running coroutine; nil in any other. Most probably it
--- is `likely`.
---@param likely table? the state of the client at hand
function M.owner(likely)
  local co, is_main = running()
  if likely and likely.coroutines[co] then
    return likely
  end
  return not is_main and owner_of(co) or nil
end

--- The attached loop of `state` when the running coroutine is one of its own; else nil.
function M.loop_around(state)
  local loop = state.loop
  return loop and loop.inside() and loop or nil
end

--- How many seconds are slept on one client while tasks of another are live as well.
M.SLICE = 0.01

M.WAITING = WAITING
M.push, M.push_and_wake = push, push_and_wake
M.is_delivering = is_delivering
M.resume, M.close_coroutines = resume, close_coroutines
M.deliver, M.pump, M.turn, M.mind = deliver, pump, turn, mind

return M
