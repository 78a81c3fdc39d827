-- SPDX-License-Identifier: MIT
-- Cancelled, out of time, or its client closed: at every point of a task's life, also inside
-- spawned code. There is always an outcome, always the id if there is one, and the bill is as the
-- table says.

local clients = require "spec.support.clients"
local core = require "gptimage.core"
local files = require "spec.support.files"
local sandboxes = require "spec.support.sandbox"

local BIG = ("x"):rep(3900000) -- more than the kernel takes without a reader

-- Each point: options of the client, what is armed, fields of the request, when it is reached, and
-- what is billed and known then. `held` is a task that takes the only slot.
local points = {
  { "before a step", billed = "no", options = {}, reached = function() return true end },
  { "waiting for a slot", billed = "no", options = { max_requests = 1 }, held = true,
    faults = { { match = { kind = "submit" }, fault = { stall = "head" } } },
    reached = function(sandbox) return #sandbox:requests { kind = "submit" } == 1 end },
  { "waiting for the rate", billed = "no", held = true,
    options = { rate = { requests = 1, per_seconds = 600 }, poll = { first = 600, max = 600 } },
    reached = function(sandbox) return sandbox:ledger().accepted == 1 end },
  { "pausing after a 429", billed = "no", options = {},
    faults = { { match = { kind = "submit" }, fault = { status = 429, retry_after = 600 } } },
    request = { timeout = 2000 }, no_timeout = true,
    reached = function(sandbox)
      local first = sandbox:requests { kind = "submit" }[1]
      return first and first.status == 429
    end },
  { "uploading", billed = "no", options = {}, request = { extra = { blob = BIG } },
    faults = { { match = { kind = "submit" }, fault = { sip = { bytes = 1, seconds = 600 } } } },
    reached = function(sandbox) return #sandbox:requests { kind = "submit" } == 1 end },
  { "waiting for the answer", billed = "maybe", options = {},
    faults = { { match = { kind = "submit" }, fault = { stall = "head" } } },
    reached = function(sandbox) return sandbox:ledger().accepted == 1 end },
  { "in the middle of the answer", billed = "maybe", options = {},
    faults = { { match = { kind = "submit" }, fault = { stall = "body", at = 20 } } },
    reached = function(sandbox) return sandbox:ledger().accepted == 1 end },
  { "running", billed = "maybe", id = true, options = { poll = { first = 600, max = 600 } },
    reached = function(_, task) return task.id end },
  { "being asked for", billed = "maybe", id = true, options = {},
    faults = { { match = { kind = "poll" }, fault = { stall = "head" } } },
    reached = function(sandbox) return #sandbox:requests { kind = "poll" } == 1 end },
  { "while queries fail", billed = "maybe", id = true, options = {},
    faults = { { match = { kind = "poll" }, times = -1, fault = { html = 502 } } },
    reached = function(sandbox) return #sandbox:requests { kind = "poll" } >= 2 end },
  { "downloading", billed = "yes", id = true, options = {},
    faults = { { match = { kind = "download" }, fault = { stall = "body" } } },
    reached = function(sandbox) return #sandbox:requests { kind = "download" } == 1 end },
  { "between two requests", billed = "no", options = {}, request = { resubmit = 1 },
    faults = { { match = { kind = "submit" }, fault = { fail = "service_error" } } },
    no_timeout = true, -- the next one would be after it: then the failure is the outcome
    reached = function(sandbox, task)
      return sandbox:ledger().failed == 1 and task.status == "submitting"
    end },
}

describe("a task's life ends", function()
  local sandbox, folder, client

  setup(function() sandbox = sandboxes.start { latency = 0.1 } end)
  teardown(function() sandbox:stop() end)
  before_each(function()
    sandbox:reset()
    folder = files.folder()
  end)
  after_each(function()
    if client then client:close() end
    client = nil
    folder:close()
  end)

  local function request_of(point, timeout)
    local request = clients.request { output = folder.path .. "/{key}.{format}" }
    for name, value in pairs(point.request or {}) do request[name] = value end
    request.timeout = timeout or request.timeout
    return request
  end

  -- A client and a task at that point of its life, or on its way there.
  local function begin(point, submit)
    local options = { timeout = { submit = 60, poll = 60, download = 60 } }
    for name, value in pairs(point.options) do options[name] = value end
    client = clients.starmagic(sandbox, options)
    if point.held then assert(client:submit(clients.request())) end
    if point.faults then sandbox:fault(point.faults) end
    return submit()
  end

  local function reach(point, task)
    sandboxes.wait_for(function()
      if point[1] ~= "before a step" then client:step(0.01) end
      return point.reached(sandbox, task)
    end)
    for _ = 1, 3 do
      if point[1] ~= "before a step" then client:step(0.01) end
    end
  end

  local function check(point, task, result, err, kind)
    assert.is_nil(result)
    assert.same({ kind, point.billed }, { err.kind, err.billed }, tostring(err))
    assert.equal(point.billed, task.billed)
    if kind == "timeout" and point.billed == "maybe" and point.id then
      assert.is_truthy(task.status == "pending" or task.status == "processing") -- it goes on
    else
      assert.equal(kind == "cancelled" and "cancelled" or "failed", task.status)
    end
    assert.is_true(task:done())
    if point.id then
      assert.is_string(task.id)
      assert.equal(task.id, err.task_id)
    else
      assert.is_nil(err.task_id)
    end
    assert.same({}, (function() -- nothing half done lies about
      local left = {}
      for _, name in ipairs(folder:files()) do left[#left + 1] = name end
      return left
    end)())
  end

  for _, point in ipairs(points) do
    it("by cancel: " .. point[1], function()
      local task = begin(point, function() return assert(client:submit(request_of(point))) end)
      reach(point, task)
      task:cancel()
      task:cancel()
      local told
      task:on_done(function(_, result, err) told = { result, err } end)
      client:step()
      check(point, task, nil, told[2], "cancelled")
      local result, err = task:wait()
      check(point, task, result, err, "cancelled")
      local ledger = client:ledger()
      local at_risk = 0
      for _, id in ipairs(ledger.ids.at_risk) do
        if id == task.id or id == task.key then at_risk = at_risk + 1 end
      end
      assert.equal(point.billed == "maybe" and 1 or 0, at_risk)
    end)

    if not point.no_timeout then
      it("by time: " .. point[1], function()
        local task = begin(point, function()
          return assert(client:submit(request_of(point, 0.7)))
        end)
        local result, err
        if point[1] == "before a step" then
          local deadline = core.now() + 0.75
          sandboxes.wait_for(function() return core.now() > deadline end)
        end
        result, err = task:wait()
        check(point, task, result, err, "timeout")
        assert.is_true(err.retryable)
      end)
    end

    it("by close: " .. point[1], function()
      local task = begin(point, function() return assert(client:submit(request_of(point))) end)
      local told
      task:on_done(function(_, result, err) told = { result, err } end)
      reach(point, task)
      client:close()
      check(point, task, told[1], told[2], "cancelled")
    end)

    it("by cancel, in spawned code: " .. point[1], function()
      local outcome, task
      begin(point, function()
        client:spawn(function()
          outcome = table.pack(client:generate(request_of(point)))
        end)
      end)
      client:step()
      for _, live in ipairs(client:tasks()) do task = live end
      if point[1] ~= "before a step" then reach(point, task) end
      task:cancel()
      sandboxes.wait_for(function()
        client:step(0.01)
        return outcome
      end)
      if point[1] == "before a step" then -- the step that spawned it may have sent it
        assert.equal("cancelled", outcome[2].kind)
      else
        check(point, task, outcome[1], outcome[2], "cancelled")
      end
    end)
  end

  it("by close, in spawned code: what it left to be closed is closed", function()
    local closed, returned = 0, false
    client = clients.starmagic(sandbox)
    sandbox:fault { match = { kind = "poll" }, fault = { stall = "head" } }
    client:spawn(function()
      local _ <close> = setmetatable({}, { __close = function() closed = closed + 1 end })
      client:generate(clients.request())
      returned = true
    end)
    sandboxes.wait_for(function()
      client:step(0.01)
      return #sandbox:requests { kind = "poll" } == 1
    end)
    client:close()
    assert.same({ 1, false }, { closed, returned })
  end)

  it("once, when it is cancelled inside its own progress", function()
    client = clients.starmagic(sandbox)
    local calls = 0
    local task = assert(client:submit(clients.request {
      on_progress = function(task) task:cancel() end }))
    task:on_done(function() calls = calls + 1 end)
    client:run()
    local _, err = task:wait()
    assert.same({ "cancelled", "maybe", task.id, 1 }, { err.kind, err.billed, err.task_id, calls })
  end)

  it("as a wait that is too short does not: it goes on", function()
    client = clients.starmagic(sandbox)
    local task = assert(client:submit(clients.request()))
    local result, err = task:wait(0)
    assert.is_nil(result)
    -- Nothing was sent yet, but it will be: who took "no" for an answer would pay twice.
    assert.same({ "timeout", "maybe", false }, { err.kind, err.billed, err.retryable })
    assert.equal("yes", assert(task:wait()).billed)
    assert.equal(1, sandbox:ledger().charged)
  end)
end)
