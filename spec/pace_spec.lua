-- SPDX-License-Identifier: MIT
-- How fast requests go out: by the option `rate`, and by what the service says with a 429, which
-- counts for all tasks of a client.

local clients = require "spec.support.clients"
local files = require "spec.support.files"
local sandboxed = require "spec.support.sandboxed"

local request = clients.request

describe("pace:", function()
  local at = sandboxed { latency = 0.15 }
  local client, log

  before_each(function() log = clients.new_log() end)
  after_each(function()
    if client then client:close() end
    client = nil
  end)

  local function open(options)
    client = clients.starmagic(at.sandbox, clients.impatient(log, options))
  end

  describe("rate", function()
    it("lets paid requests out as they were submitted, so many in so much time", function()
      -- One connection: two that leave at once on two of them may arrive either way.
      open { rate = { requests = 2, per_seconds = 0.4 }, max_requests = 1 }
      local tasks = {}
      for i = 1, 6 do tasks[i] = assert(client:submit(request { prompt = "picture " .. i })) end
      local times = {}
      client:run()
      for _, event in ipairs(log.events) do
        if event.event == "request" and event.message:find "^POST" then
          times[#times + 1] = event.time
        end
      end
      assert.equal(6, #times)
      for i = 3, 6 do
        assert.is_true(times[i] - times[i - 2] >= 0.19, i .. ": " .. times[i] - times[i - 2])
      end
      assert.is_true(times[6] - times[1] >= 0.79)
      local keys = {}
      for i, record in ipairs(at.submits()) do keys[i] = record.headers["idempotency-key"] end
      for i, task in ipairs(tasks) do assert.equal(task.key, keys[i]) end
    end)

    it("tells the host when the next request is due", function()
      open { rate = { requests = 1, per_seconds = 60 }, poll = { first = 60, min = 60, max = 60 } }
      assert(client:submit(request()))
      assert(client:submit(request()))
      while at.sandbox:ledger().accepted == 0 do client:step(0.05) end
      client:step(0.1)
      client:step(0.1)
      local timeout = client:timeout()
      assert.is_true(timeout > 30 and timeout <= 60, tostring(timeout))
      assert.equal(1, #at.submits())
    end)

    it("does not hold up queries and downloads", function()
      open { rate = { requests = 1, per_seconds = 60 } }
      local folder <close> = files.folder()
      assert(client:generate(request { output = folder.path .. "/{id}.{format}" }))
      assert.equal(1, client:ledger().saved)
    end)
  end)

  describe("a 429", function()
    it("slows all tasks down, not the one alone", function()
      open { retry = { base = 0.2, cap = 2 } }
      at.sandbox:fault { match = { kind = "submit" }, fault = { status = 429, empty = true } }
      local tasks = { assert(client:submit(request())) }
      while #log.found "retry" == 0 do client:step(1) end
      local paused = log.events[#log.events].time
      for i = 2, 5 do tasks[i] = assert(client:submit(request())) end
      for _, task in ipairs(tasks) do assert(task:wait()) end
      local times = {}
      for _, event in ipairs(log.events) do
        if event.event == "request" and event.message:find "^POST" and event.time > paused then
          times[#times + 1] = event.time
        end
      end
      assert.equal(5, #times)
      assert.is_true(times[1] - paused >= 0.099, times[1] - paused)
      assert.is_true(times[2] - times[1] >= 0.1) -- the gap, before an answer has eased it
      assert.equal(1, #log.found("retry", "^too many requests: requests of all tasks wait for"))
      assert.same({ 5, 5 }, { client:ledger().paid, at.sandbox:ledger().charged })
    end)

    it("is heard by all as long as Retry-After says", function()
      open()
      at.sandbox:fault { match = { kind = "submit" }, times = 1, fault = { status = 429,
        retry_after_ms = 400 } }
      local first = assert(client:submit(request()))
      while #log.found "retry" == 0 do client:step(1) end
      local paused = log.events[#log.events].time
      local second = assert(client:submit(request()))
      client:run()
      assert(first:wait())
      assert(second:wait())
      for _, event in ipairs(log.events) do
        if event.event == "request" and event.time > paused and event.message:find "^POST" then
          assert.is_true(event.time - paused >= 0.399)
        end
      end
      -- The one that was refused keeps its place.
      local keys = {}
      for i, record in ipairs(at.submits()) do keys[i] = record.headers["idempotency-key"] end
      assert.same(first.key, keys[1])
    end)

    it("to a query slows queries down, and no paid request", function()
      open { retry = { base = 0.3, cap = 2 } }
      local first = assert(client:submit(request()))
      while not first.id do client:step(1) end
      at.sandbox:fault { match = { kind = "poll" }, times = 1, fault = { status = 429,
        retry_after_ms = 500 } }
      while #log.found("retry", "queries of all tasks") == 0 do client:step(1) end
      local paused, seen = log.events[#log.events].time, #log.events
      local second = assert(client:submit(request()))
      client:run()
      assert(second:wait())
      local posted
      for i = seen + 1, #log.events do
        local event = log.events[i]
        if event.event == "request" then
          if event.message:find "^POST" then
            posted = event.time - paused
          else
            assert.is_true(event.time - paused >= 0.499)
          end
        end
      end
      assert.is_true(posted < 0.4, posted)
    end)

    it("to one query does not keep the others from what they paid for", function()
      open()
      at.sandbox:fault { match = { kind = "poll" }, times = 1, fault = { status = 429,
        retry_after_ms = 86400000 } }
      local task = assert(client:submit(request()))
      local said
      repeat
        client:step(1)
        said = log.found("retry", "queries of all tasks")[1]
      until said
      local ms = tonumber(said.message:match "wait for (%d+) ms")
      assert.is_true(ms >= 59000 and ms <= 61000, said.message)
      assert.is_false(task:done())
    end)

    it("that says that the account is empty slows nothing down", function()
      open { retry = { base = 5, cap = 5 } }
      at.sandbox:fault { match = { kind = "submit" }, times = 1, fault = { status = 429,
        error = { code = "insufficient_quota" } } }
      local _, err = client:generate(request())
      assert.equal("quota", err.kind)
      assert(client:generate(request()))
      assert.equal(0, #log.found "retry")
    end)
  end)
end)
