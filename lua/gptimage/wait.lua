-- SPDX-License-Identifier: MIT
-- The upper half of the scheduler: who waits, and how. `wait` blocks, `await` yields, `generate`
-- does what fits the place it is called from; `step` and `run` drive a client. All of it is Lua
-- around one coroutine.yield; the core never blocks longer than asked and never yields.
-- gptimage.deliver is the lower half, and says what a client's state is made of; gptimage.vigil
-- waits for several tasks at once.

local core = require "gptimage.core"
local deliver = require "gptimage.deliver"
local receiver = require "gptimage.receiver"
local report = require "gptimage.report"
local results = require "gptimage.result"

local M = {}

local running, status, yield = coroutine.running, coroutine.status, coroutine.yield
local isyieldable = coroutine.isyieldable
local core_data, core_idle, core_opened = core.data, core.idle, core.opened
local core_listen, core_waiter = core.listen, core.waiter
local turn, is_delivering = deliver.turn, deliver.is_delivering
local owner_of_this, loop_around, SLICE = deliver.owner, deliver.loop_around, deliver.SLICE

local function check_seconds(value, name, level)
  if value == nil or (type(value) == "number" and value >= 0) then
    return
  end
  local got = type(value) == "number" and tostring(value) or type(value)
  error(("bad argument #1 to '%s' (seconds expected, got %s)"):format(name, got), level)
end

-- For step, whose timeout may be negative: no limit.
local function check_number(value, number, level)
  if value ~= nil and (type(value) ~= "number" or value ~= value) then
    error(("bad argument #%d to 'step' (seconds expected, got %s)")
      :format(number, type(value) == "number" and "nan" or type(value)), level)
  end
end

-- The state of an open client; raises for anything else. `what` is the method that wants it,
-- "client:step".
local function check_open(client, what, level)
  local state = core_opened(client)
  if not state then
    receiver.check(client, "client", level)
    error(("%s: client %s"):format(what,
      client.foreign and "belongs to the parent process" or "is closed"), level)
  end
  return state
end

-- Raises for what is no task, and in a child for those of the parent.
local function check_task(task, what, level)
  receiver.check(task, "task", level)
  if task.client.foreign then
    error(("%s: task belongs to the parent process"):format(what), level)
  end
end

-- Blocks until the task is done or the time is over; returns whether it is done.
local function block(client, task, timeout)
  local state = core_data(client)
  local deadline = timeout and core.now() + timeout
  while not task:done() do
    local remaining = -1
    if deadline then
      remaining = deadline - core.now()
      if remaining < 0 then
        remaining = 0
      end
    end
    turn(client, state, remaining)
    if deadline and core.now() >= deadline then
      return task:done()
    end
  end
  return true
end

-- For coroutines of spawn only: the end of the task, which is not over yet, resumes this one.
-- `state` is that of the task's client, `owner` that of the coroutine's.
local function be_woken(task, state, owner, level)
  local co = running()
  local other = core_waiter(task)
  if other and other ~= co and status(other) ~= "dead" then
    error("another coroutine already waits for this task", level)
  end
  core_waiter(task, co)
  if state ~= owner then
    owner.abroad[task] = co
  end
end

-- Yields until the task is done, and returns its outcome. Whoever waits gets here by tail calls,
-- and here are few locals: thousands of coroutines wait in this frame, and each frame below it
-- and each value in them would be memory that they all hold.
local function sleep(task, owner)
  repeat -- whoever resumed us: look again
    yield(deliver.WAITING)
  until task:done()
  core_waiter(task, nil)
  owner.abroad[task] = nil
  return results.of(task)
end

-- Yields in the loop's own way until the task is done.
local function linger(task, loop)
  if task:done() then
    return
  end
  local suspend, wake = loop.pause()
  local lingers = true
  deliver.when_done(task, function()
    if lingers then -- else the coroutine waits for something else by now
      wake()
    end
  end)
  repeat
    suspend()
  until task:done()
  lingers = false
end

-- Raises for `what`, which is to yield and cannot. Before anything is sent: Lua's own error would
-- come when it is paid for.
local function cannot_yield(what, level)
  error(("%s would yield across a function in C, as string.gsub, table.sort and finalizers are: "
    .. "call it outside of that, or use client:submit with task:on_done; task:wait blocks all "
    .. "the same"):format(what), level)
end

-- Raises where `what` could only block a loop that the host attached, where it cannot yield as it
-- is to, and on a closed client.
local function check_may_wait(client, what, level)
  local state = core_opened(client) or check_open(client, what, level + 1)
  local loop = state.loop
  if loop and not owner_of_this(state) and not loop.inside() then
    error(("%s would block the loop '%s' that drives this client: call it inside %s or of "
      .. "client:spawn, or use client:submit with task:on_done; task:wait blocks all the same")
      :format(what, loop.name, loop.place), level)
  end
  if not isyieldable() and (loop or owner_of_this(state)) then
    cannot_yield(what, level + 1)
  end
end

-- Waits as generate does, for a task that nobody else waits for: yields where we may, blocks
-- elsewhere. To be called last, see sleep.
local function wait_as_caller_can(task)
  if not task:done() then
    local client = task.client
    local state = core_data(client)
    local owner = owner_of_this(state)
    if owner then
      be_woken(task, state, owner)
      return sleep(task, owner)
    end
    local loop = loop_around(state)
    if loop then
      linger(task, loop)
    else
      block(client, task)
    end
  end
  return results.of(task)
end

M.check_open = check_open
M.check_may_wait = check_may_wait
M.wait_as_caller_can = wait_as_caller_can

--- A task was started, of the client whose state this is: remembers what the core does not keep
--- for Lua.
function M.adopt(state, task, on_progress)
  state.live = state.live + 1
  deliver.mind(state)
  if on_progress then
    core_data(task).on_progress = on_progress
    core.watch(task, true)
  end
end

results.wait_with { check = check_may_wait, adopt = M.adopt, wait = wait_as_caller_can }

-- Methods ---------------------------------------------------------------------------------------

local client_methods, task_methods = core.methods.client, core.methods.task

function task_methods:wait(timeout)
  check_task(self, "task:wait", 3)
  check_seconds(timeout, "wait", 3)
  if block(self.client, self, timeout) then
    return results.of(self)
  end
  return nil, results.failure {
    kind = "timeout", task_id = self.id,
    -- Not the task's "no": it goes on, and what is not sent yet will be.
    billed = self.billed == "yes" and "yes" or "maybe",
    message = ("still running after %g s; it goes on: wait again, or attach to it later")
      :format(timeout),
  }
end

function task_methods:await()
  check_task(self, "task:await", 3)
  local state = core_data(self.client)
  local owner = owner_of_this(state)
  local loop = not owner and loop_around(state)
  if not (owner or loop) then
    error("task:await() works only inside coroutines of client:spawn or of an attached loop; "
      .. "elsewhere use task:wait(), which blocks, or ask task:done()", 2)
  elseif self:done() then
    return results.of(self)
  elseif not isyieldable() then
    cannot_yield("task:await", 3)
  elseif owner then
    be_woken(self, state, owner, 3)
    return sleep(self, owner)
  end
  linger(self, loop)
  return results.of(self)
end

function task_methods:on_done(f)
  if core_listen(self, f) then
    return
  end
  check_task(self, "task:on_done", 3)
  if type(f) ~= "function" then
    error(("bad argument #1 to 'on_done' (function expected, got %s)"):format(type(f)), 2)
  end
  check_open(self.client, "task:on_done", 3)
  deliver.when_done(self, f)
end

-- The first resume of a spawned coroutine has no arguments to give, so they are bound here.
local function bind(f, ...)
  if select("#", ...) == 0 then
    return f
  end
  local arguments = table.pack(...)
  return function()
    return f(table.unpack(arguments, 1, arguments.n))
  end
end

function client_methods:spawn(f, ...)
  local state = check_open(self, "client:spawn", 3)
  if type(f) ~= "function" then
    error(("bad argument #1 to 'spawn' (function expected, got %s)"):format(type(f)), 2)
  end
  deliver.spawn(self, state, bind(f, ...))
end

function client_methods:step(timeout, budget)
  -- What most steps of a game find. They must not cost it anything.
  if (timeout == nil or timeout == 0) and (budget == nil or type(budget) == "number") then
    local state = core_idle(self)
    if state and state.head > state.tail and #state.errors == 0 and budget == budget then
      return state.live
    end
  end
  local state = check_open(self, "client:step", 3)
  check_number(timeout, 1, 3)
  check_number(budget, 2, 3)
  turn(self, state, timeout or 0, budget)
  if not is_delivering(state) then
    report.raise(state)
  end
  return state.live
end

-- The other clients for whose tasks our coroutines wait and which nobody else is stepping just
-- now, as an array; nil when there are none.
local function clients_abroad(state)
  local found
  for task, co in pairs(state.abroad) do
    local other = task.client
    local theirs = core_data(other)
    if status(co) == "dead" or theirs.closed or core_data(task).delivered then
      state.abroad[task] = nil
    elseif not is_delivering(theirs) then
      found = found or {}
      if not found[other] then
        found[other] = true
        found[#found + 1] = other
      end
    end
  end
  return found
end

-- One round of `run` where our coroutines wait for tasks of other clients, which somebody has to
-- drive. Two descriptors cannot be slept on at once from here, so it goes by slices, unless only
-- one of the clients has anything to do.
local function turn_abroad(client, state, others, remaining)
  local alone = state.live == 0 and #others == 1
  local slice = alone and remaining or remaining >= 0 and math.min(SLICE, remaining) or SLICE
  for index, other in ipairs(others) do
    local theirs = core_data(other)
    if not theirs.closed then
      turn(other, theirs, state.live == 0 and index == #others and slice or 0)
      -- What their callbacks raised is raised by the run that drove them.
      table.move(theirs.errors, 1, #theirs.errors, #state.errors + 1, state.errors)
      theirs.errors = {}
    end
  end
  if not state.closed then
    turn(client, state, state.live > 0 and slice or 0)
  end
end

function client_methods:run(timeout)
  local state = check_open(self, "client:run", 3)
  check_seconds(timeout, "run", 3)
  local deadline = timeout and core.now() + timeout
  local inner = is_delivering(state)
  local others
  repeat
    local remaining = deadline and math.max(0, deadline - core.now()) or -1
    others = not inner and clients_abroad(state)
    if others then
      turn_abroad(self, state, others, remaining)
    else
      turn(self, state, state.live > 0 and remaining or 0)
    end
    others = not inner and clients_abroad(state)
    local undone = state.live > 0 or others or (not inner and state.head <= state.tail)
  until state.closed or not undone or (deadline and core.now() >= deadline)
  if not inner then
    report.raise(state)
  end
  return state.live
end

local core_timeout = client_methods.timeout

function client_methods:timeout()
  local state = check_open(self, "client:timeout", 3)
  if state.head <= state.tail then
    return 0.0
  end
  return core_timeout(self)
end

-- Lets go of everything; what was live is told to be cancelled. Inside a callback or a spawned
-- coroutine the network is let go of at once, the rest when the step below us unwinds.
local function close(client)
  receiver.check(client, "client", 2)
  if client:closed() or client.foreign then
    core.close(client) -- idempotent; in a forked child it touches nothing of the parent's
    return
  end
  local state = core_data(client)
  state.closed = true
  deliver.mind(state) -- no loop may watch a descriptor that is closed
  local ended, logs = core.close(client)
  state.live = 0
  for _, event in ipairs(logs or {}) do
    deliver.push(state, "log", event)
  end
  for _, task in ipairs(ended or {}) do
    deliver.push(state, "done", task)
  end
  if is_delivering(state) then
    return
  end
  deliver.close_coroutines(state)
  deliver.deliver(client, state)
  report.raise(state)
end

client_methods.close = close

--- Makes `local client <close>` close as client:close() does. Collecting a client stays the
--- core's: a finalizer is no place for callbacks.
function M.close_with(metatable)
  metatable.__close = close
end

return M
