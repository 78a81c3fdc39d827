-- SPDX-License-Identifier: MIT
-- Tests lua/gptimage/together.lua on a fake core with a fake clock.

local scheduled = require "spec.support.scheduled"

local request = scheduled.request
local fake, new_client

before_each(function()
  local on = scheduled.begin()
  fake, new_client = on.fake, on.client
end)

after_each(function()
  fake.restore()
end)

-- How a call is made: from the main program, or in a coroutine of spawn.
local ways = {
  ["blocking"] = function(_, f) f() end,
  ["in a coroutine of spawn"] = function(client, f)
    local finished = false
    client:spawn(function()
      f()
      finished = true
    end)
    client:run()
    assert.is_true(finished)
  end,
}

local function statuses()
  local list = {}
  for index, task in ipairs(fake.started) do
    list[index] = task.status
  end
  return list
end

for way, go in pairs(ways) do
  describe("client:all, " .. way .. ",", function()
    it("gives the results of requests in their order, not in that of their ends", function()
      local client = new_client()
      go(client, function()
        local before = fake.now
        local results, errors = client:all { request(30), request(10), request(20) }
        assert.equal(30, fake.now - before)
        assert.is_nil(errors)
        assert.equal(3, results.n)
        for index, result in ipairs(results) do
          assert.equal("task-" .. index, result.id)
        end
      end)
    end)

    it("gives what succeeded, and the errors of the rest by index", function()
      local client = new_client()
      go(client, function()
        local results, errors = client:all {
          request(1), request(2, "fail"), { model = "refused" }, request(3) }
        assert.equal("task-1", results[1].id)
        assert.is_nil(results[2])
        assert.is_nil(results[3])
        assert.equal("yes", results[4].billed)
        assert.equal(4, results.n)
        assert.equal("server", errors[2].kind)
        assert.equal("invalid", errors[3].kind)
        assert.is_nil(errors[1])
      end)
    end)

    it("takes tasks, also done ones, also twice, also other clients'", function()
      local one, two = new_client(), new_client()
      local done = assert(one:submit(request(1)))
      done:wait()
      local abroad = assert(two:submit(request(5)))
      go(one, function()
        local results, errors = one:all { done, abroad, request(2), abroad }
        assert.is_nil(errors)
        assert.equal(done:wait(), results[1])
        assert.equal(results[2], results[4])
        assert.equal(abroad.id, results[2].id)
      end)
    end)

    it("of nothing is nothing, at once", function()
      local client = new_client()
      go(client, function()
        local results, errors = client:all {}
        assert.same({ n = 0 }, results)
        assert.is_nil(errors)
      end)
    end)
  end)

  describe("client:race, " .. way .. ",", function()
    it("gives the first that succeeds, and cancels the others", function()
      local client = new_client()
      go(client, function()
        local before = fake.now
        local result, winner, tasks = client:race {
          request(30), request(5, "fail"), request(10), request(20) }
        assert.equal(10, fake.now - before)
        assert.equal(3, winner)
        assert.equal("task-3", result.id)
        assert.same({ "failed", "failed", "completed", "failed" }, statuses())
        local _, err = tasks[1]:wait()
        assert.equal("cancelled", err.kind)
        assert.equal("task-4", tasks[4].id)
      end)
    end)

    it("that nobody wins gives one error that lists them all", function()
      local client = new_client()
      go(client, function()
        local second = assert(client:submit(request()))
        fake.at(7, function()
          local err = fake.error("timeout", "too late")
          err.billed, err.retryable = "maybe", true
          fake.finish(second, nil, err)
        end)
        local result, err = client:race { request(5, "fail"), second, { model = "refused" } }
        assert.is_nil(result)
        assert.equal("server", err.kind)
        assert.equal("maybe", err.billed)
        assert.is_true(err.retryable)
        assert.equal(3, #err.errors)
        assert.equal("too late", err.errors[2].message)
        for _, text in ipairs { "all 3 failed", "1: server: generation failed", "too late",
          "no such model" } do
          assert.truthy(tostring(err):find(text, 1, true), tostring(err))
        end
        assert.is_nil(tostring(err):find("\n"))
      end)
    end)

    it("between clients drives both", function()
      local one, two = new_client(), new_client()
      go(one, function()
        local _, winner = one:race { request(20), assert(two:submit(request(10))) }
        assert.equal(2, winner)
        one:step()
        assert.same({}, one:tasks())
      end)
    end)
  end)

  describe("client:map, " .. way .. ",", function()
    it("keeps the order, bounds what is under way, and fills up at once", function()
      local client = new_client()
      local most = 0
      fake.after_step = function() most = math.max(most, #client:tasks()) end
      go(client, function()
        local before = fake.now
        local order = {}
        local values, errors = client:map({ request(9), request(3), request(3), request(3) },
          function(result, index)
            order[#order + 1] = index
            return result.id
          end, { concurrency = 2 })
        assert.is_nil(errors)
        assert.same({ "task-1", "task-2", "task-3", "task-4", n = 4 }, values)
        assert.equal(9, fake.now - before)
        assert.equal(4, #order)
        assert.equal(2, order[1])
      end)
      assert.truthy(most <= 2 and most > 0)
    end)

    it("without a function gives the results", function()
      local client = new_client()
      go(client, function()
        local values = client:map { request(1), request(2) }
        assert.equal("task-2", values[2].id)
      end)
    end)

    it("calls the function for what succeeded alone; what it refuses is an error too", function()
      local client = new_client()
      go(client, function()
        local called = 0
        local values, errors = client:map({ request(1, "fail"), request(2), { model = "refused" },
          request(3) }, function(_, index)
          called = called + 1
          if index == 2 then
            return nil, fake.error("io", "no room")
          end
          return "kept"
        end)
        assert.equal(2, called)
        assert.same({ [4] = "kept", n = 4 }, values)
        assert.equal("server", errors[1].kind)
        assert.equal("io", errors[2].kind)
        assert.equal("invalid", errors[3].kind)
      end)
    end)

    it("lets the function save pictures", function()
      local client = new_client()
      go(client, function()
        local values = client:map({ request(2), request(1) }, function(result, index)
          return result.images[1]:save(index .. ".png")
        end)
        assert.same({ "1.png", "2.png", n = 2 }, values)
      end)
    end)

    it("goes on to its end when the client is closed, and loses nothing", function()
      local client = new_client()
      if way ~= "blocking" then
        return -- there, closing ends the coroutine
      end
      local values, errors = client:map({ request(1), request(9), request(9) }, function(result)
        client:close()
        return result.id
      end, { concurrency = 2 })
      assert.equal("task-1", values[1])
      assert.equal("cancelled", errors[2].kind)
      assert.equal("cancelled", errors[3].kind)
    end)
  end)
end

describe("a scope", function()
  it("that is left by an error of the user's function cancels the rest", function()
    for _, in_spawn in ipairs { false, true } do
      local raised = {}
      local client = new_client { on_error = function(err) raised[#raised + 1] = err end }
      local function map()
        client:map({ request(1), request(50), request(50), request(50) }, function()
          error("no more", 0)
        end, { concurrency = 3 })
      end
      fake.started = {}
      if in_spawn then
        client:spawn(map)
        client:run()
      else
        local ok, err = pcall(map)
        assert.is_false(ok)
        raised[1] = err
      end
      assert.same({ "no more" }, raised)
      assert.same({ "completed", "failed", "failed", "failed" }, statuses())
      client:step()
      assert.equal(0, #client:tasks())
    end
  end)

  it("whose coroutine is closed cancels what other clients run for it", function()
    local one, two = new_client(), new_client()
    local abroad = assert(two:submit(request()))
    one:spawn(function() one:all { abroad } end)
    one:step()
    assert.is_false(abroad:done())
    one:close()
    assert.is_true(abroad:done())
    local _, err = abroad:wait()
    assert.equal("cancelled", err.kind)
  end)

  it("refuses mistakes before anything is waited for, naming entry and caller's line", function()
    local client = new_client()
    local calls = {
      ["'all' (table expected, got nil)"] = function() client:all() end,
      ["'all' (a list expected, got a table with the field 'prompt': put it in { })"] = function()
        client:all { prompt = "x" }
      end,
      ["'all' (entry 2: request or task expected, got number)"] = function()
        client:all { request(1), 5 }
      end,
      ["'race' (at least one"] = function() client:race {} end,
      ["'map' (function expected, got number)"] = function() client:map({}, 5) end,
      ["'map' (table expected, got string)"] = function() client:map({}, print, "4") end,
      ["'map' (unknown option 'concurency')"] = function()
        client:map({}, nil, { concurency = 4 })
      end,
      ["'concurrency': positive integer expected, got 0)"] = function()
        client:map({}, nil, { concurrency = 0 })
      end,
      ["'concurrency': positive integer expected, got 1.5)"] = function()
        client:map({}, nil, { concurrency = 1.5 })
      end,
    }
    for text, call in pairs(calls) do
      local ok, message = pcall(call)
      assert.is_false(ok, text)
      assert.truthy(message:find("together_spec.lua:%d+: bad argument #%d to "), message)
      assert.truthy(message:find(text, 1, true), message)
    end
    assert.equal(0, #fake.started)
  end)

  it("cancels what it had started when a later entry is a mistake", function()
    local client = new_client()
    for name, list in pairs {
      all = { request(5), { model = "mistake" } },
      race = { request(5), { model = "mistake" } },
    } do
      fake.started = {}
      local ok, message = pcall(function() client[name](client, list) end)
      assert.is_false(ok)
      assert.truthy(message:find("together_spec.lua:%d+: bad argument #1 to '" .. name
        .. "' %(entry 2: unknown field 'modle'%)"), message)
      assert.same({ "failed" }, statuses())
    end
    fake.started = {}
    local ok = pcall(client.map, client, { request(5), { model = "mistake" } })
    assert.is_false(ok)
    assert.equal(0, #fake.started) -- map looks at all of them first
  end)

  it("inside a callback drives its own tasks", function()
    local client = new_client()
    local inner
    assert(client:submit(request(1))):on_done(function()
      inner = client:all { request(2), request(3) }
    end)
    client:run()
    assert.equal(2, inner.n)
    assert.equal("yes", inner[2].billed)
  end)

  it("raises outside the coroutines of a loop, yields inside, and cleans up there", function()
    local client = new_client()
    local mine, ready, raised = {}, {}, nil
    fake.require("gptimage.loop").attach(client, {
      name = "fake", place = "a coroutine of the fake",
      inside = function() return mine[coroutine.running()] end,
      pause = function()
        local co = coroutine.running()
        return coroutine.yield, function() ready[#ready + 1] = co end
      end,
      watch = function() return function() end end,
      report = function(err) raised = err end,
    })
    for _, name in ipairs { "all", "race", "map" } do
      local ok, message = pcall(function() client[name](client, { request(1) }) end)
      assert.is_false(ok)
      assert.truthy(message:find("together_spec.lua:%d+: client:" .. name .. " would block"),
        message)
    end
    assert.equal(0, #fake.started)
    local values, failed
    local co = coroutine.create(function()
      values = client:map({ request(2), request(1), request(3) }, nil, { concurrency = 2 })
      failed = { pcall(client.map, client, { request(1), request(9) }, function() error "f" end) }
    end)
    mine[co] = true
    assert(coroutine.resume(co))
    while coroutine.status(co) ~= "dead" do
      client:step(1)
      while #ready > 0 do
        assert(coroutine.resume(table.remove(ready)))
      end
    end
    assert.equal("task-3", values[3].id)
    assert.is_false(failed[1])
    assert.same({ "completed", "completed", "completed", "completed", "failed" }, statuses())
    assert.is_nil(raised)
  end)
end)
