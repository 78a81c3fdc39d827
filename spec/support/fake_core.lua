-- SPDX-License-Identifier: MIT
-- A stand-in for the C core with a clock of its own: the scheduler's orders that a real service
-- gives once in a thousand runs are a few lines here, and take no time.
--
--   local fake = require "spec.support.fake_core".new()
--   local gptimage = fake.require "gptimage"      -- the Lua layer on this core
--   fake.at(5, function() fake.finish(task) end)  -- five seconds from now, inside core.step
--   fake.restore()                                -- puts the loaded modules back
-- Tasks take what the request says: `prompt` is free, `size` = seconds until done (nil: only
-- fake.finish ends it), `quality` = "fail" makes it fail; `model` = "refused" is one that the rules
-- refuse, "mistake" one that raises.

local M = {}

function M.new()
  local fake = { now = 1000, steps = 0, wakes = 0, started = {} }
  local core = { version = "0.1.0", libcurl = "fake", methods = { client = {}, task = {} } }
  fake.core = core
  local private = setmetatable({}, { __mode = "k" })
  local data = setmetatable({}, { __mode = "k" })
  local timers = {}

  local function properties(methods, name)
    local metatable = { __name = name }
    function metatable.__index(self, key)
      local method = methods[key]
      if method ~= nil then
        return method
      end
      return private[self][key]
    end
    return metatable
  end

  local client_metatable = properties(core.methods.client, "gptimage.client")
  local task_metatable = properties(core.methods.task, "gptimage.task")
  core.issue_metatable = { __name = "gptimage.issue" }
  core.error_metatable = { __name = "gptimage.error" }
  function core.error_metatable:__tostring()
    return self.kind .. ": " .. self.message
  end

  local function live_client(client)
    if private[client].closed then
      error("client is closed", 0)
    end
    return private[client]
  end

  -- Inside core.step, `seconds` from now.
  function fake.at(seconds, action)
    timers[#timers + 1] = { time = fake.now + seconds, action = action, number = #timers }
    table.sort(timers, function(a, b)
      return a.time < b.time or (a.time == b.time and a.number < b.number)
    end)
  end

  -- Time goes by outside core.step.
  function fake.pass(seconds)
    fake.now = fake.now + seconds
  end

  local function event(task, what)
    local client = private[private[task].client]
    client.events[#client.events + 1] = task
    client.events[#client.events + 1] = what
  end

  local function end_task(task, outcome, err)
    local own = private[task]
    if own.is_done then
      return false
    end
    own.is_done, own.outcome, own.err = true, outcome, err
    own.status = outcome and "completed" or "failed"
    local client = private[own.client]
    for index, other in ipairs(client.live) do
      if other == task then
        table.remove(client.live, index)
        break
      end
    end
    return true
  end

  function fake.finish(task, outcome, err)
    if not outcome and not err then
      outcome = {
        id = private[task].id, billed = "yes", warnings = {}, images = { { width = 16 } },
        body = '{"id":"' .. private[task].id .. '"}',
      }
    end
    if end_task(task, outcome, err) then
      event(task, "done")
    end
  end

  --- What the core says of a task.
  function fake.set(task, field, value)
    private[task][field] = value
  end

  function fake.progress(task, percent)
    private[task].progress = percent
    if private[task].watched then
      event(task, "progress")
    end
  end

  function fake.log(client, entry)
    local own = private[client]
    own.logs[#own.logs + 1] = entry
  end

  function fake.error(kind, message)
    return setmetatable({ kind = kind, message = message, retryable = false, billed = "no" },
      core.error_metatable)
  end

  function core.idle()
    return nil -- always something to do: what is tested is the whole of a step
  end

  function core.opened(client)
    local own = private[client]
    return own and not own.closed and not own.foreign and data[client] or nil
  end

  function core.now()
    return fake.now
  end

  function core.wake(client)
    live_client(client)
    fake.wakes = fake.wakes + 1
  end

  function core.client(options)
    fake.options = options
    local client = setmetatable({}, client_metatable)
    private[client] = { live = {}, events = {}, logs = {}, closed = false, foreign = false,
      provider = options.provider or "starmagic", base_url = options.base_url }
    data[client] = {}
    return client
  end

  local function start(client, request)
    local own = live_client(client)
    if request.model == "refused" then
      return nil, fake.error("invalid", "no such model")
    elseif request.model == "mistake" then
      error("bad argument #1 to 'generate' (unknown field 'modle')", 3)
    end
    local task = setmetatable({}, task_metatable)
    fake.count = (fake.count or 0) + 1
    private[task] = { client = client, is_done = false, status = "pending", progress = 0,
      id = "task-" .. fake.count, request = request, billed = "maybe" }
    data[task] = {}
    own.live[#own.live + 1] = task
    fake.started[#fake.started + 1] = task
    if request.size then
      fake.at(request.size, function()
        if request.quality == "fail" then
          fake.finish(task, nil, fake.error("server", "generation failed"))
        else
          fake.finish(task)
        end
      end)
    end
    return task
  end

  core.generate, core.edit = start, start

  function core.attach(client, id)
    local task = start(client, {})
    private[task].id = id
    return task
  end

  function core.fetch(task, index, path)
    fake.fetched = { task = task, index = index, path = path }
    local job = start(private[task].client, { size = 1 })
    private[job].fetches = { task, index }
    return job
  end

  function core.read(task)
    return private[task].bytes
  end

  function core.step(client, timeout, budget)
    local own = live_client(client)
    fake.steps = fake.steps + 1
    fake.budget = budget
    local limit = timeout < 0 and math.huge or fake.now + timeout
    -- The first thing to do ends the wait, as in the real one.
    while #own.events == 0 and #own.logs == 0 do
      local first = timers[1]
      if not first or first.time > limit then
        assert(limit < math.huge, "core.step would sleep for ever")
        fake.now = limit
        break
      end
      table.remove(timers, 1)
      fake.now = math.max(fake.now, first.time)
      first.action()
    end
    local events, logs = own.events, own.logs
    own.events, own.logs = {}, {}
    if fake.after_step then
      fake.after_step(client)
    end
    return #own.live, #events > 0 and events or nil, #logs > 0 and logs or nil
  end

  function core.watch(task, wanted)
    private[task].watched = wanted
  end

  function core.outcome(task, results, images)
    local own = private[task]
    assert(own.is_done, "task is not done")
    if own.fetches then
      private[own.fetches[1]].bytes = "bytes of " .. own.fetches[2]
    end
    local outcome = own.outcome
    if outcome and outcome.body then
      outcome.body, own.body = nil, outcome.body
    end
    local result = outcome or own.err and own.err.result
    if result then
      result.warnings, result.images = result.warnings or {}, result.images or {}
      for _, image in ipairs(setmetatable(result, results).images) do
        setmetatable(image, images)
      end
    end
    return outcome, own.err
  end

  function core.body(task)
    return private[task].body
  end

  function core.waiter(task, ...)
    local before = private[task].waiter
    if select("#", ...) > 0 then
      private[task].waiter = ...
    end
    return before
  end

  function core.data(object)
    return data[object]
  end

  function core.listen(task, f)
    local own = private[task]
    if own and own.client and core.opened(own.client) and type(f) == "function"
      and next(data[task]) == nil then
      data[task][1] = f
      return true
    end
  end

  function core.close(client)
    local own = private[client]
    own.closed = true
    local ended = own.live
    own.live = {}
    for _, task in ipairs(ended) do
      local err = fake.error("cancelled", "client was closed")
      err.billed = "maybe"
      end_task(task, nil, err)
    end
    return ended
  end

  function core.plan(request)
    if request.model == "mistake" then
      error("bad argument #1 to 'plan' (unknown field 'modle')", 0)
    end
    return { body = request.extra }
  end

  function core.models() return {} end
  function core.sizes() return {} end

  local methods = core.methods
  function methods.client.closed(self) return private[self].closed end
  function methods.client.fd(self)
    live_client(self)
    return not fake.no_descriptor and 0 or nil
  end
  function methods.client.timeout(self) live_client(self) return nil end
  function methods.client.tasks(self) return live_client(self).live end
  function methods.client.close(self) core.close(self) end
  function methods.task.done(self) return private[self].is_done end
  function methods.task.cancel(self)
    local own = private[self]
    if not own.is_done then
      fake.finish(self, nil, fake.error("cancelled", "by the caller"))
    end
  end

  local function is_ours(name)
    return name == "gptimage" or name:find("^gptimage%.") ~= nil
  end

  local saved = {}
  for name, module in pairs(package.loaded) do
    if is_ours(name) then
      saved[name] = module
    end
  end

  function fake.require(name)
    return require(name)
  end

  function fake.restore()
    for name in pairs(package.loaded) do
      if is_ours(name) then
        package.loaded[name] = nil
      end
    end
    for name, module in pairs(saved) do
      package.loaded[name] = module
    end
  end

  for name in pairs(saved) do
    package.loaded[name] = nil
  end
  package.loaded["gptimage.core"] = core
  return fake
end

return M
