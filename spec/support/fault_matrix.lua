-- SPDX-License-Identifier: MIT
-- Runs tasks into armed faults, many side by side: each with a client (so connections) of its own,
-- so that a fault strikes the one it was meant for.
--
--   local outcomes = matrix.run(sandbox, folder, "2", {
--     { name = "reset", column = "submit", fault = { reset = "read" }, times_out = false }, … })
--
-- `times_out`: its task is not to end otherwise.
--
-- COLUMNS. Which of a task's requests is struck, and how often:
--   submit    the paid POST of the task service, once
--   sync      the paid POST of the synchronous service, once
--   form      the same, a form with a picture
--   upload    the first upload of a picture, before the POST of the task service
--   uploads   every upload
--   poll      the first query
--   polls     every query, until the task's time is over
--   download  the first download
--   downloads every download
-- OUTCOME. "ok yes 1 1": kind of the error or "ok", billed, tasks paid at the sandbox, paid POSTs
-- that arrived there whole. More words follow where the client's ledger or its task say otherwise.

local clients = require "spec.support.clients"
local pictures = require "spec.support.pictures"
local window = require "gptimage.core_test"

local M = {}

local BATCH = 60 -- side by side
local SECONDS = 60 -- for one batch

local PICTURE = pictures.png { width = 30, height = 20 }

local kinds = { submit = "submit", sync = "submit", form = "submit", upload = "upload",
  uploads = "upload", poll = "poll", polls = "poll", download = "download",
  downloads = "download" }
local forever = { uploads = true, polls = true, downloads = true }

---Does what this column strikes come behind the paid POST of a task?
function M.polls(column) return kinds[column] == "poll" or kinds[column] == "download" end

local synchronous = { sync = true, form = true }
local with_picture = { form = true, upload = true, uploads = true }

local function copy(fields, more)
  local made = {}
  for name, value in pairs(fields) do made[name] = value end
  for name, value in pairs(more or {}) do made[name] = value end
  return made
end

-- By what an upload, which has no key of a request, is told from those of others.
local function agent_of(case)
  return (case.column .. "/" .. case.name:gsub("[^%w]", "-"))
end

-- Times that are over soon are for those that have to wait for that: on a busy machine others would
-- run out of them as well.
local function timeouts(case)
  local task = case.times_out and 4 or 40
  if not case.fault.stall then
    return { connect = 20, submit = 20, poll = 10, download = 10, upload = 10, task = task }
  end
  return { connect = 20, submit = 4, poll = 1, download = 1, upload = 2, task = task }
end

local function open(sandbox, http, case)
  local make = synchronous[case.column] and clients.magick or clients.starmagic
  local tls = http == "2"
  return make({ starmagic = tls and sandbox.starmagic_tls or sandbox.starmagic,
    magick = tls and sandbox.magick_tls or sandbox.magick }, {
    ca_file = tls and sandbox.ca_file or nil, proxy = "", user_agent = agent_of(case),
    files_url = tls and sandbox.files_tls or sandbox.files,
    timeout = timeouts(case),
    retry = { max = 2, base = 0.02, cap = 0.05 },
    poll = { first = 0.02, min = 0.02, max = 0.05 },
  })
end

local function start(sandbox, folder, http, case)
  local client = open(sandbox, http, case)
  local task = assert(client:submit {
    model = synchronous[case.column] and "gpt-image-2" or "gpt-image-2-beta",
    prompt = case.column .. ": " .. case.name, size = "1:1",
    images = with_picture[case.column] and { { data = PICTURE } } or nil,
    response_format = synchronous[case.column] and "b64_json" or nil,
    output = folder .. "/{key}-{index}.{format}",
  })
  local kind = kinds[case.column]
  local struck = { match = { kind = kind, key = kind ~= "upload" and task.key or nil,
    agent = kind == "upload" and agent_of(case) or nil }, fault = case.fault,
    times = forever[case.column] and -1 or 1 }
  local small = { match = { kind = "submit", key = task.key },
    fault = { pixels = { 16, 16 }, latency = 0 } }
  if kind == "submit" then
    struck.fault = copy(small.fault, case.fault)
    sandbox:fault { struck, copy(small, { times = -1 }) }
  else
    sandbox:fault { struck, small }
  end
  return { client = client, task = task, case = case }
end

-- Steps all clients until `done()`.
local function drive(runs, done)
  local deadline = window.now_ms() + SECONDS * 1000
  repeat
    local wait = 0.005
    for _, run in ipairs(runs) do
      if not run.task:done() then
        run.client:step(wait)
        wait = 0
      end
    end
    assert(window.now_ms() < deadline, "the tasks do not end")
  until done()
end

local function all_done(runs)
  return function()
    for _, run in ipairs(runs) do
      if not run.task:done() then return false end
    end
    return true
  end
end

-- What the client's ledger should say of a verdict.
local function standing(ledger)
  return ledger.paid == 1 and "yes" or ledger.at_risk == 1 and "maybe" or "no"
end

-- Those that wait for a time to be over come first, among themselves.
local function in_order(cases)
  local slow, quick = {}, {}
  for _, case in ipairs(cases) do
    local list = (forever[case.column] or case.fault.stall) and slow or quick
    list[#list + 1] = case
  end
  return table.move(quick, 1, #quick, #slow + 1, slow)
end

---@return table outcomes  column -> name -> outcome
---@return table errors    column -> name -> gptimage.error
function M.run(sandbox, folder, http, cases)
  local outcomes, errors = {}, {}
  cases = in_order(cases)
  for first = 1, #cases, BATCH do
    local runs = {}
    for i = first, math.min(first + BATCH - 1, #cases) do
      runs[#runs + 1] = start(sandbox, folder, http, cases[i])
    end
    drive(runs, all_done(runs))
    sandbox:release()
    local paid, posts = {}, {}
    for _, entry in ipairs(sandbox:ledger().entries) do
      if entry.state ~= "refunded" then paid[entry.key] = (paid[entry.key] or 0) + 1 end
    end
    for _, record in ipairs(sandbox:requests { kind = "submit" }) do
      local key = record.headers["idempotency-key"]
      posts[key] = (posts[key] or 0) + (record.body_bytes and 1 or 0)
    end
    for _, run in ipairs(runs) do
      local result, err = run.task:wait()
      local case, key = run.case, run.task.key
      local billed = (result or err).billed
      local ours = standing(run.client:ledger())
      local outcome = ("%s %s %d %d"):format(result and "ok" or err.kind, billed, paid[key] or 0,
        posts[key] or 0)
      if ours ~= billed then outcome = outcome .. " ledger says " .. ours end
      if run.task.billed ~= billed then outcome = outcome .. " task says " .. run.task.billed end
      outcomes[case.column] = outcomes[case.column] or {}
      outcomes[case.column][case.name] = outcome
      errors[case.column] = errors[case.column] or {}
      errors[case.column][case.name] = err
      run.client:close()
    end
    sandbox:reset()
  end
  return outcomes, errors
end

return M
