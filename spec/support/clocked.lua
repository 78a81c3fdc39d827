-- SPDX-License-Identifier: MIT
-- A gim_task with a clock of its own: no sockets, no waiting. What a service
-- would answer is written down here once.
local window = require "gptimage.core_test"
local cjson = require "cjson"
local assert = require "luassert"

local Clocked = {}
Clocked.__index = Clocked

Clocked.ID = "task-unified-1764000000-a1b2c3d4"

---An answer that came whole, to a request that was handed over whole.
---@param body table|string JSON, as a table or as it is
---@param http_status? integer 200
---@param more? table further fields of the report
function Clocked.answer(body, http_status, more)
  local report = { status = "ok", http_status = http_status or 200, handed = 100, total = 100,
    body = type(body) == "table" and cjson.encode(body) or body }
  for key, value in pairs(more or {}) do report[key] = value end
  return report
end

---A task in `status`, as the services describe it.
function Clocked.task(status, more)
  local body = { id = Clocked.ID, status = status, object = "image.generation.task" }
  for key, value in pairs(more or {}) do body[key] = value end
  return Clocked.answer(body)
end

---A completed one with so many links.
function Clocked.completed(count)
  local results = {}
  for i = 1, count or 1 do results[i] = ("https://files.example/%d.png"):format(i) end
  return Clocked.task("completed", { results = results, progress = 100 })
end

function Clocked.failed(code)
  return Clocked.task("failed", { error = { code = code, message = "It failed." } })
end

---An error as the task services write it.
function Clocked.refusal(http_status, code, more)
  return Clocked.answer({ error = { code = code, message = "No.", type = "some_error" } },
    http_status, more)
end

---A transfer that broke when `handed` of 100 bytes were out.
function Clocked.broken(kind, handed, more)
  local report = { status = kind, handed = handed or 100, total = 100, retryable = true }
  for key, value in pairs(more or {}) do report[key] = value end
  return report
end

---@param options? table of window.task
function Clocked.new(options)
  return setmetatable({ task = assert(window.task(options or {})), now = 0 }, Clocked)
end

---An accepted task: its id is known, the first query is due later.
function Clocked.accepted(options, more)
  local job = Clocked.new(options)
  job:send(Clocked.task("pending", more))
  return job
end

---An accepted task whose `count` pictures are to be saved, from now on.
function Clocked.saving(count, options)
  options = options or {}
  options.save = true
  local job = Clocked.accepted(options)
  job:fetch(Clocked.completed(count))
  return job
end

---The states of its pictures, in order, as one text.
function Clocked:states()
  local all = {}
  for i, picture in ipairs(self.task:state().pictures) do all[i] = picture.state end
  return table.concat(all, " ")
end

function Clocked:next(random)
  return self.task:next(self.now, random)
end

---The next action must be `kind`.
---@return integer at_ms
---@return integer picture
---@return integer attempt
function Clocked:expect(kind, random)
  local got, at, picture, attempt = self:next(random)
  assert.same(kind, got)
  return at, picture, attempt
end

---Sleeps while the task says so.
---@return string kind of the action that is not a wait
---@return integer slept milliseconds
function Clocked:awake(random)
  local began = self.now
  for _ = 1, 1000 do
    local kind, at, picture, attempt = self:next(random)
    if kind ~= "wait" then return kind, self.now - began, picture, attempt end
    assert.is_true(at >= self.now)
    self.now = at
  end
  error "the task waits for ever"
end

---The POST goes out (after a wait, if one is due) and this comes of it.
---@return integer slept milliseconds
function Clocked:send(report, random)
  local kind, slept = self:awake(random)
  assert.same("send", kind)
  self.task:started(self.now)
  self.task:sent(self.now, report, random)
  return slept
end

---The same for a query.
function Clocked:fetch(report, random)
  local kind, slept = self:awake(random)
  assert.same("fetch", kind)
  self.task:fetched(self.now, report, random)
  return slept
end

---Picture `picture` has to be the next to bring; it is reported as saved, or failed with `err`.
function Clocked:save(picture, err)
  local kind, _, which = self:awake()
  assert.same("save", kind)
  assert.same(picture, which)
  self.task:saved(self.now, picture, err)
end

---It must be over by now, so.
---@return table state
function Clocked:over(status, billed)
  self:expect "done"
  local state = self.task:state()
  assert.same({ status, billed }, { state.status, state.billed })
  assert.is_true(state.done)
  if status == "ok" then
    assert.is_nil(state.err)
  else
    assert.same(status, state.err.kind)
    assert.is_true(#state.err.message > 0)
  end
  return state
end

function Clocked:billed()
  return self.task:billed()
end

---Every transport failure that leaves open what the service did.
Clocked.TRANSPORT = { "network", "timeout", "protocol" }

---A POST that is under way, with the whole body out.
function Clocked.handed_over(options)
  local job = Clocked.new(options)
  job:expect "send"
  job.task:started(0)
  job.task:handed(100, 100)
  return job
end

---It was tried once, ended so, and is not tried again.
function Clocked.ends(report, status, billed, options)
  local job = Clocked.new(options)
  job:send(report)
  return job:over(status, billed)
end

---It is tried again; says how long that waits.
function Clocked.repeats(report, options, random)
  local job = Clocked.new(options)
  job:send(report, random)
  local kind, slept, _, attempt = job:awake(random)
  assert.same({ "send", 1 }, { kind, attempt })
  return slept, job
end

return Clocked
