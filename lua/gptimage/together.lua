-- SPDX-License-Identifier: MIT
-- Several tasks as one thing to wait for: client:all, client:race, client:map. Each is a scope: the
-- tasks in it do not outlive it. Whatever way it is left, by returning, by an error or because its
-- coroutine is closed, a task that is not done then is cancelled.

local core = require "gptimage.core"
local results = require "gptimage.result"
local vigils = require "gptimage.vigil"
local wait = require "gptimage.wait"

local client_methods = core.methods.client

-- Of map, where `concurrency` is not given: as many as a client has requests at once.
local CONCURRENCY = 16

local Scope = {}
Scope.__index = Scope

function Scope:__close()
  for _, task in pairs(self.tasks) do
    if not task:done() then
      pcall(task.cancel, task) -- raises in a forked child, where nothing is ours to cancel
    end
  end
end

-- The scope of one call, for the entries of `list`; checks that the caller may wait here.
local function open(client, name, list, level)
  wait.check_may_wait(client, "client:" .. name, level + 1)
  if type(list) ~= "table" then
    error(("bad argument #1 to '%s' (table expected, got %s)"):format(name, type(list)), level)
  end
  local key = next(list)
  if #list == 0 and key ~= nil then -- one request instead of a list of them
    error(("bad argument #1 to '%s' (a list expected, got a table with the field '%s': "
      .. "put it in { })"):format(name, tostring(key)), level)
  end
  return setmetatable({
    client = client, name = name, list = list, n = #list, vigil = vigils.new(client),
    tasks = {}, results = { n = #list }, errors = nil,
  }, Scope)
end

function Scope:fail(index, err)
  self.errors = self.errors or {}
  self.errors[index] = err
end

-- Leaves by an error. In the coroutines of most loops nothing is closed when an error goes by, so
-- it is done here.
function Scope:raise(err, level)
  self:__close()
  error(err, level)
end

-- Raises for entry `index` what a method said of it.
function Scope:refuse(index, message, level)
  if type(message) ~= "string" then
    self:raise(message, 0)
  end
  message = message:match("^bad argument #%d+ to '[%w_]+' %((.*)%)$") or message
  self:raise(("bad argument #1 to '%s' (entry %d: %s)"):format(self.name, index, message),
    level + 1)
end

local function is_task(value)
  local metatable = debug.getmetatable(value)
  return metatable ~= nil and metatable.__name == "gptimage.task"
end

-- Starts entry `index`, a request or (where these are welcome) a task.
function Scope:start(index, level)
  local entry, client = self.list[index], self.client
  local task, err
  if is_task(entry) then
    task = entry
  elseif client:closed() then
    -- In the middle of a map: what came before is not to be lost by an error.
    err = results.failure { kind = "cancelled", billed = "no",
      message = "client was closed before this was sent" }
  else
    local ok
    ok, task, err = pcall(client.submit, client, entry)
    if not ok then
      self:refuse(index, task, level + 1)
    end
  end
  if task then
    self.tasks[index] = task
    self.vigil:add(task)
  else
    self:fail(index, err)
  end
  return task
end

-- Requests or tasks, looked at before any of them is started.
function Scope:check_entries(level)
  for index = 1, self.n do
    local entry = self.list[index]
    if is_task(entry) then
      if not entry:done() then
        wait.check_may_wait(entry.client, "client:" .. self.name, level + 1)
      end
    elseif type(entry) ~= "table" then
      error(("bad argument #1 to '%s' (entry %d: request or task expected, got %s)")
        :format(self.name, index, type(entry)), level)
    end
  end
end

function client_methods:all(list)
  local scope <close> = open(self, "all", list, 3)
  scope:check_entries(3)
  for index = 1, scope.n do
    scope:start(index, 3)
  end
  local tasks, next_index = scope.tasks, 1
  scope.vigil:wait(function()
    while next_index <= scope.n and (tasks[next_index] == nil or tasks[next_index]:done()) do
      next_index = next_index + 1
    end
    return next_index > scope.n
  end)
  for index, task in pairs(tasks) do
    local result, err = results.of(task)
    scope.results[index] = result
    if not result then
      scope:fail(index, err)
    end
  end
  return scope.results, scope.errors
end

-- The error of a race that nobody won: `errors` of all, by index.
local function nobody(errors, n)
  local lines, retryable, billed = {}, false, "no"
  for index = 1, n do
    local err = errors[index]
    lines[index] = ("%d: %s"):format(index, tostring(err))
    retryable = retryable or err.retryable
    if err.billed == "yes" or billed == "no" then
      billed = err.billed
    end
  end
  return results.failure {
    kind = errors[1].kind, retryable = retryable, billed = billed, errors = errors,
    message = ("all %d failed: %s"):format(n, table.concat(lines, "; ")),
  }
end

function client_methods:race(list)
  local scope <close> = open(self, "race", list, 3)
  if scope.n == 0 then
    error("bad argument #1 to 'race' (at least one request or task expected)", 2)
  end
  scope:check_entries(3)
  local running = {}
  for index = 1, scope.n do
    running[index] = scope:start(index, 3)
  end
  local winner
  scope.vigil:wait(function()
    for index = 1, scope.n do
      local task = running[index]
      if task and task:done() then
        local result, err = results.of(task)
        if result then
          winner = index
          return true
        end
        running[index] = nil
        scope:fail(index, err)
      end
    end
    return next(running) == nil
  end)
  if not winner then
    return nil, nobody(scope.errors, scope.n)
  end
  return results.of(scope.tasks[winner]), winner, scope.tasks
end

-- The concurrency of map's options.
local function concurrency_of(options, level)
  if options == nil then
    return CONCURRENCY
  elseif type(options) ~= "table" then
    error(("bad argument #3 to 'map' (table expected, got %s)"):format(type(options)), level)
  end
  for name in next, options do
    if name ~= "concurrency" then
      error(("bad argument #3 to 'map' (unknown option '%s')"):format(tostring(name)), level)
    end
  end
  local value = options.concurrency
  if value == nil then
    return CONCURRENCY
  elseif math.type(value) ~= "integer" or value < 1 then
    error(("bad argument #3 to 'map' (option 'concurrency': positive integer expected, got %s)")
      :format(type(value) == "number" and tostring(value) or type(value)), level)
  end
  return value
end

-- f(result, index) for the user. Caught on its way only where that is needed: see Scope.raise.
function Scope:apply(f, result, index)
  if not self.vigil.in_loop then
    return f(result, index)
  end
  local ok, value, err = pcall(f, result, index)
  if not ok then
    self:raise(value, 0)
  end
  return value, err
end

function client_methods:map(requests, f, options)
  local scope <close> = open(self, "map", requests, 3)
  if f ~= nil and type(f) ~= "function" then
    error(("bad argument #2 to 'map' (function expected, got %s)"):format(type(f)), 2)
  end
  local concurrency = concurrency_of(options, 3)
  -- Mistakes in the last one are to be found before the first one is paid.
  local plan, about = require("gptimage").plan, { provider = self.provider }
  for index = 1, scope.n do
    local ok, message = pcall(plan, requests[index], about)
    if not ok then
      scope:refuse(index, message, 3)
    end
  end
  local running, count, next_index, ended = {}, 0, 1, nil
  local function fill()
    while count < concurrency and next_index <= scope.n do
      local task = scope:start(next_index, 4)
      if task then
        running[next_index] = task
        count = count + 1
      end
      next_index = next_index + 1
    end
  end
  local function one_has_ended()
    for index, task in next, running do
      if task:done() then
        ended = index
        return true
      end
    end
    return false
  end
  fill()
  while count > 0 do
    scope.vigil:wait(one_has_ended)
    local index, task = ended, running[ended]
    running[index], scope.tasks[index] = nil, nil
    count = count - 1
    fill() -- before f, which may take its time
    local value, err = results.of(task)
    if value and f then
      value, err = scope:apply(f, value, index)
    end
    scope.results[index] = value
    if not value then
      scope:fail(index, err)
    end
  end
  return scope.results, scope.errors
end
