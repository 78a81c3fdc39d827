-- SPDX-License-Identifier: MIT
-- Tests lua/gptimage/wait.lua and lua/gptimage/deliver.lua on a fake core with a fake clock: who
-- runs, when, and what happens where they get into each other's way.

local fake_core = require "spec.support.fake_core"

local fake, gptimage, wait

local function options(more)
  local all = { api_key = "sk-secret" }
  for key, value in pairs(more or {}) do
    all[key] = value
  end
  return all
end

local function new_client(more)
  return assert(gptimage.client(options(more)))
end

-- A request whose task takes `seconds` (nil: until the spec ends it).
local function request(seconds, quality)
  return { model = "gpt-image-2", prompt = "x", size = seconds, quality = quality }
end

-- A host's own coroutine, driven by hand.
local function host_coroutine(f)
  local co = coroutine.create(f)
  return function(...)
    local ok, value = coroutine.resume(co, ...)
    assert(ok, value)
    return value
  end, co
end

before_each(function()
  fake = fake_core.new()
  gptimage = fake.require "gptimage"
  wait = fake.require "gptimage.wait"
end)

after_each(function()
  fake.restore()
end)

describe("task:wait", function()
  it("blocks until the task is done and gives its result", function()
    local client = new_client()
    local task = assert(client:submit(request(30)))
    local before = fake.now
    local result = assert(task:wait())
    assert.equal(30, fake.now - before)
    assert.equal(task.id, result.id)
    assert.equal("yes", result.billed)
  end)

  it("gives nil and the error of a task that failed", function()
    local result, err = assert(new_client():submit(request(1, "fail"))):wait()
    assert.is_nil(result)
    assert.equal("server", err.kind)
  end)

  it("gives the same tables however often it is asked", function()
    local task = assert(new_client():submit(request(1)))
    local result = task:wait()
    assert.equal(result, (task:wait(0)))
    local failed = assert(new_client():submit(request(1, "fail")))
    local _, err = failed:wait()
    local _, again = failed:wait()
    assert.equal(err, again)
  end)

  it("gives up after its time with an error that names the task, which goes on", function()
    local client = new_client()
    local task = assert(client:submit(request(30)))
    local result, err = task:wait(5)
    assert.is_nil(result)
    assert.equal("timeout", err.kind)
    assert.equal("maybe", err.billed)
    assert.is_false(err.retryable)
    assert.equal(task.id, err.task_id)
    assert.truthy(err.message:find("still running after 5 s", 1, true))
    assert.is_false(task:done())
    assert.truthy(task:wait())
  end)

  it("with a time of 0 looks once and does not sleep", function()
    local task = assert(new_client():submit(request(30)))
    local before = fake.now
    local _, err = task:wait(0)
    assert.equal("timeout", err.kind)
    assert.equal(before, fake.now)
  end)

  it("raises on a time that is none, naming the caller's line", function()
    local task = assert(new_client():submit(request(1)))
    for _, bad in ipairs { "5", -1, 0 / 0, {} } do
      local ok, message = pcall(function() task:wait(bad) end)
      assert.is_false(ok)
      assert.truthy(message:find("wait_spec.lua:%d+: bad argument #1 to 'wait' %(seconds expected"),
        message)
    end
  end)

  it("never raises for others: their errors wait for the next step", function()
    local client = new_client()
    local other = assert(client:submit(request(1)))
    other:on_done(function() error("from a callback", 0) end)
    local task = assert(client:submit(request(2)))
    assert.truthy(task:wait())
    local ok, err = pcall(client.step, client)
    assert.is_false(ok)
    assert.truthy(tostring(err):find("from a callback", 1, true))
    assert.equal(0, client:step())
  end)

  it("blocks inside a coroutine of the host, whatever that is", function()
    local client = new_client()
    local resume, co = host_coroutine(function()
      return assert(client:submit(request(3))):wait().billed
    end)
    assert.equal("yes", resume())
    assert.equal("dead", coroutine.status(co))
  end)
end)

describe("client:generate and client:edit", function()
  it("block outside our coroutines", function()
    local client = new_client()
    assert.equal("yes", assert(client:generate(request(7))).billed)
    assert.equal("yes", assert(client:edit(request(7))).billed)
  end)

  it("block in a coroutine that is not ours, as a main program may well be one", function()
    local client = new_client()
    local resume, co = host_coroutine(function()
      return assert(client:generate(request(7))).billed
    end)
    assert.equal("yes", resume())
    assert.equal("dead", coroutine.status(co))
  end)

  it("block in a coroutine that a spawned coroutine made for itself", function()
    local client = new_client()
    local billed
    client:spawn(function()
      for value in coroutine.wrap(function()
        coroutine.yield(client:generate(request(2)).billed)
      end) do
        billed = value
      end
    end)
    client:run()
    assert.equal("yes", billed)
  end)

  it("yield in spawned coroutines, so that their tasks run side by side", function()
    local client = new_client()
    local order = {}
    for _, seconds in ipairs { 20, 10, 30 } do
      client:spawn(function(wanted)
        assert(client:generate(request(wanted)))
        order[#order + 1] = wanted
      end, seconds)
    end
    local before = fake.now
    assert.equal(0, client:run())
    assert.same({ 10, 20, 30 }, order)
    assert.equal(30, fake.now - before)
  end)

  it("return what the rules refuse without waiting", function()
    local client = new_client()
    local result, err = client:generate { model = "refused" }
    assert.is_nil(result)
    assert.equal("invalid", err.kind)
    local task
    task, err = client:submit { model = "refused" }
    assert.is_nil(task)
    assert.equal("invalid", err.kind)
  end)
end)

describe("task:await", function()
  it("raises outside our coroutines with a sentence that says what to use", function()
    local task = assert(new_client():submit(request(1)))
    local ok, message = pcall(function() task:await() end)
    assert.is_false(ok)
    assert.truthy(message:find("wait_spec.lua:%d+: task:await"), message)
    assert.truthy(message:find("task:wait", 1, true))
    assert.truthy(message:find("task:done", 1, true))
    local co = coroutine.create(function() task:await() end)
    assert.is_false((coroutine.resume(co)))
  end)

  it("returns at once when the task is done", function()
    local client = new_client()
    local task = assert(client:submit(request(1)))
    task:wait()
    local steps
    client:spawn(function()
      local before = fake.steps
      assert(task:await())
      steps = fake.steps - before
    end)
    client:run()
    assert.equal(0, steps)
  end)

  it("raises for the second coroutine that waits for one task", function()
    local client = new_client()
    local task = assert(client:submit(request(5)))
    local first, second
    client:spawn(function() first = task:await() end)
    client:spawn(function() second = { pcall(task.await, task) } end)
    client:run()
    assert.equal("yes", first.billed)
    assert.is_false(second[1])
    assert.truthy(second[2]:find("another coroutine already waits", 1, true))
  end)

  it("goes on waiting when somebody else resumes its coroutine", function()
    local client = new_client()
    local co, billed
    client:spawn(function()
      co = coroutine.running()
      billed = client:generate(request(5)).billed
    end)
    client:step()
    assert(coroutine.resume(co))
    assert(coroutine.resume(co))
    assert.is_nil(billed)
    client:run()
    assert.equal("yes", billed)
  end)

  it("lets a coroutine wait for a task of another client, which run drives too", function()
    local one, two = new_client(), new_client { provider = "magick" }
    local billed
    one:spawn(function()
      billed = two:generate(request(5)).billed
      billed = billed .. one:generate(request(3)).billed
    end)
    assert.equal(0, one:run())
    assert.equal("yesyes", billed)
  end)

  it("keeps both clients going while a coroutine of one waits for the other", function()
    local one, two = new_client(), new_client()
    local order = {}
    one:spawn(function()
      two:generate(request(2))
      order[#order + 1] = "two"
    end)
    one:spawn(function()
      one:generate(request(1))
      order[#order + 1] = "one"
    end)
    one:spawn(function()
      one:generate(request(3))
      order[#order + 1] = "late"
    end)
    one:run()
    assert.same({ "one", "two", "late" }, order)
  end)

  it("wakes a coroutine of another client when its task's client is closed", function()
    local one, two = new_client(), new_client()
    local kind
    one:spawn(function()
      local _, err = two:generate(request())
      kind = err.kind
    end)
    one:step()
    two:close()
    assert.equal("cancelled", kind)
    assert.equal(0, one:run())
  end)
end)

describe("client:spawn", function()
  it("passes its arguments, nils too, and starts only inside a step", function()
    local client = new_client()
    local got
    client:spawn(function(...) got = table.pack(...) end, 1, nil, 3, nil)
    assert.is_nil(got)
    assert.equal(0, client:timeout())
    assert.equal(1, fake.wakes)
    client:step()
    assert.same({ 1, nil, 3, nil, n = 4 }, got)
  end)

  it("raises on what is no function", function()
    local client = new_client()
    local ok, message = pcall(function() client:spawn(5) end)
    assert.is_false(ok)
    assert.truthy(message:find("wait_spec.lua:%d+: bad argument #1 to 'spawn' %(function expected"))
  end)

  it("reports a yield that is not ours, and closes that coroutine", function()
    local client = new_client()
    local closed, after = false, false
    client:spawn(function()
      local guard <close> = setmetatable({}, { __close = function() closed = true end })
      coroutine.yield("a message for another scheduler")
      after = guard
    end)
    local ok, err = pcall(client.run, client)
    assert.is_false(ok)
    assert.truthy(tostring(err):find("a message for another scheduler", 1, true))
    assert.truthy(tostring(err):find("task:await", 1, true))
    assert.is_true(closed)
    assert.is_false(after)
    assert.equal(0, client:run())
  end)

  it("closes what a coroutine that raised left open", function()
    local errors = {}
    local client = new_client { on_error = function(err) errors[#errors + 1] = err end }
    local closed
    client:spawn(function()
      local guard <close> = setmetatable({}, { __close = function() closed = true end })
      error({ guard = guard })
    end)
    client:run()
    assert.equal(1, #errors)
    assert.is_table(errors[1].guard)
    assert.is_true(closed)
  end)

  it("gives the other coroutines their turn when one raises", function()
    local client = new_client()
    local reached = 0
    client:spawn(function() error("one", 0) end)
    client:spawn(function() reached = reached + 1; client:generate(request(1)); error("two", 0) end)
    client:spawn(function() client:generate(request(2)); reached = reached + 1 end)
    local ok, err = pcall(client.run, client)
    assert.is_false(ok)
    assert.equal(2, reached)
    assert.equal(2, #err.errors)
    local text = tostring(err)
    assert.truthy(text:find("2 errors", 1, true))
    assert.truthy(text:find("one", 1, true))
    assert.truthy(text:find("two", 1, true))
    assert.truthy(text:find("wait_spec.lua", 1, true), "tracebacks are shown")
  end)

  it("may spawn and submit from inside, and run waits for all of it", function()
    local client = new_client()
    local done = {}
    local function tree(depth)
      client:generate(request(depth))
      done[#done + 1] = depth
      if depth > 1 then
        client:spawn(tree, depth - 1)
      end
    end
    client:spawn(tree, 4)
    assert.equal(0, client:run())
    assert.same({ 4, 3, 2, 1 }, done)
  end)

  it("lets go of a coroutine that has ended", function()
    local client = new_client()
    local weak = setmetatable({}, { __mode = "k" })
    client:spawn(function() weak[coroutine.running()] = true; client:generate(request(1)) end)
    client:run()
    collectgarbage()
    collectgarbage()
    assert.is_nil(next(weak))
  end)
end)

describe("callbacks", function()
  it("tell the task, its result or its error, each once and in order", function()
    local client = new_client()
    local calls = {}
    local good, bad = assert(client:submit(request(1))), assert(client:submit(request(2, "fail")))
    good:on_done(function(task, result, err) calls[#calls + 1] = { task, result, err } end)
    good:on_done(function() calls[#calls + 1] = "second" end)
    bad:on_done(function(task, result, err) calls[#calls + 1] = { task, result, err.kind } end)
    client:run()
    assert.equal(3, #calls)
    assert.equal(good, calls[1][1])
    assert.equal("yes", calls[1][2].billed)
    assert.is_nil(calls[1][3])
    assert.equal("second", calls[2])
    assert.same({ bad, nil, "server" }, calls[3])
  end)

  it("come in the next step for a task that was done already", function()
    local client = new_client()
    local task = assert(client:submit(request(1)))
    task:wait()
    local called
    task:on_done(function(_, result) called = result end)
    assert.is_nil(called)
    assert.equal(0, client:timeout())
    client:step()
    assert.equal("yes", called.billed)
  end)

  it("of on_progress come for the tasks that asked", function()
    local client = new_client()
    local seen = {}
    local task = assert(client:submit { model = "m", prompt = "p", size = 10,
      on_progress = function(one) seen[#seen + 1] = one.progress end })
    local quiet = assert(client:submit(request(10)))
    for _, percent in ipairs { 10, 50 } do
      fake.at(percent / 10, function()
        fake.progress(task, percent)
        fake.progress(quiet, percent)
      end)
    end
    client:run()
    assert.same({ 10, 50 }, seen)
  end)

  it("of log get every event, and may raise like the others", function()
    local seen, errors = {}, {}
    local client = new_client {
      log = function(event) seen[#seen + 1] = event.event; error("in log", 0) end,
      on_error = function(err) errors[#errors + 1] = err end,
    }
    assert(client:submit(request(5)))
    fake.at(1, function() fake.log(client, { event = "request" }) end)
    fake.at(2, function() fake.log(client, { event = "response" }) end)
    client:run()
    assert.same({ "request", "response" }, seen)
    assert.same({ "in log", "in log" }, errors)
  end)

  it("may submit more, and step counts it as live", function()
    local client = new_client()
    local task = assert(client:submit(request(1)))
    task:on_done(function() assert(client:submit(request(1))) end)
    local turns = 0
    while client:step(10) > 0 do
      turns = turns + 1
    end
    assert.equal(1, turns)
    assert.equal(2, #fake.started)
  end)

  it("hand their errors to on_error with a traceback, and nothing is raised", function()
    local errors = {}
    local client = new_client {
      on_error = function(err, traceback) errors[#errors + 1] = { err, traceback } end,
    }
    local thrown = setmetatable({}, { __tostring = function() return "as an object" end })
    assert(client:submit(request(1))):on_done(function() error(thrown) end)
    assert.equal(0, client:run())
    assert.equal(thrown, errors[1][1])
    assert.truthy(errors[1][2]:find("as an object", 1, true))
    assert.truthy(errors[1][2]:find("wait_spec.lua", 1, true))
  end)

  it("lose no error when on_error itself raises", function()
    local client = new_client { on_error = function() error("handler", 0) end }
    assert(client:submit(request(1))):on_done(function() error("callback", 0) end)
    local ok, err = pcall(client.run, client)
    assert.is_false(ok)
    assert.equal(2, #err.errors)
    assert.truthy(tostring(err):find("handler", 1, true))
    assert.truthy(tostring(err):find("callback", 1, true))
  end)

  it("may raise objects whose tostring raises", function()
    local client = new_client()
    local nasty = setmetatable({}, { __tostring = function() error "no" end })
    assert(client:submit(request(1))):on_done(function() error(nasty) end)
    local ok, err = pcall(client.run, client)
    assert.is_false(ok)
    assert.equal(nasty, err.errors[1].error)
    assert.is_string(tostring(err))
  end)

  it("raise on what is no function", function()
    local task = assert(new_client():submit(request(1)))
    assert.has_error(function() task:on_done(nil) end)
  end)
end)

describe("inside a callback", function()
  it("wait drives I/O and its own task only; the rest is told afterwards", function()
    local client = new_client()
    local order = {}
    assert(client:submit(request(1))):on_done(function()
      local inner = assert(client:submit(request(5)))
      inner:on_done(function() order[#order + 1] = "inner's callback" end)
      assert.equal("yes", assert(inner:wait()).billed)
      order[#order + 1] = "waited"
    end)
    assert(client:submit(request(2))):on_done(function() order[#order + 1] = "other" end)
    client:run()
    assert.same({ "waited", "other", "inner's callback" }, order)
  end)

  it("step does I/O and calls nobody back", function()
    local client = new_client()
    local depth, deepest = 0, 0
    for seconds = 1, 5 do
      assert(client:submit(request(seconds))):on_done(function()
        depth = depth + 1
        deepest = math.max(deepest, depth)
        client:step(1)
        depth = depth - 1
      end)
    end
    assert.equal(0, client:run())
    assert.equal(1, deepest)
  end)

  it("run steps until no task is live, and returns", function()
    local client = new_client()
    local order = {}
    assert(client:submit(request(1))):on_done(function()
      client:spawn(function() order[#order + 1] = "spawned" end)
      assert.equal(0, client:run())
      order[#order + 1] = "ran"
    end)
    assert(client:submit(request(2))):on_done(function() order[#order + 1] = "other" end)
    client:run()
    assert.same({ "ran", "spawned", "other" }, order)
  end)

  it("an error from inside an inner step comes out of the outer one", function()
    local client = new_client()
    local inner
    assert(client:submit(request(1))):on_done(function()
      assert(client:submit(request(1))):on_done(function() error("late", 0) end)
      inner = pcall(client.run, client)
    end)
    local ok = pcall(client.run, client)
    assert.is_true(inner)
    assert.is_false(ok)
  end)
end)

describe("a callback that yields to its host", function()
  it("does not keep other steps from telling the rest", function()
    local client = new_client()
    local order = {}
    assert(client:submit(request(1))):on_done(function()
      order[#order + 1] = "first begins"
      coroutine.yield()
      order[#order + 1] = "first ends"
    end)
    assert(client:submit(request(2))):on_done(function() order[#order + 1] = "second" end)
    local resume, co = host_coroutine(function() client:run() end)
    resume()
    assert.same({ "first begins" }, order)
    client:run()
    assert.same({ "first begins", "second" }, order)
    resume()
    assert.equal("dead", coroutine.status(co))
    assert.same({ "first begins", "second", "first ends" }, order)
  end)

  it("may be given up by its host without harm", function()
    local client = new_client()
    local told
    assert(client:submit(request(1))):on_done(function() coroutine.yield() end)
    assert(client:submit(request(1))):on_done(function() told = true end)
    local resume, co = host_coroutine(function() client:run() end)
    resume()
    coroutine.close(co)
    client:run()
    assert.is_true(told)
  end)
end)

describe("client:run", function()
  it("returns 0 at once when there is nothing to do", function()
    local before = fake.now
    assert.equal(0, new_client():run())
    assert.equal(before, fake.now)
  end)

  it("stops after its time and says how many are live", function()
    local client = new_client()
    assert(client:submit(request(30)))
    assert(client:submit(request(1)))
    local before = fake.now
    assert.equal(1, client:run(10))
    assert.equal(10, fake.now - before)
  end)

  it("does not wait for a coroutine that waits for nothing", function()
    local client = new_client()
    client:spawn(function() end)
    assert.equal(0, client:run())
  end)

  it("inside a coroutine of one client's does not spin for the other's", function()
    local one, two = new_client(), new_client()
    local inner, billed
    one:spawn(function() billed = two:generate(request(5)).billed end)
    one:step()
    assert(two:submit(request(1))):on_done(function() inner = one:run(1) end)
    two:run()
    assert.equal(0, inner)
    assert.equal("yes", billed)
  end)
end)

describe("client:close", function()
  it("tells live tasks that they are cancelled, and is idempotent", function()
    local client = new_client()
    local task = assert(client:submit(request()))
    local told
    task:on_done(function(_, _, err) told = err end)
    client:close()
    client:close()
    assert.equal("cancelled", told.kind)
    assert.equal("maybe", told.billed)
    local _, err = task:wait()
    assert.equal(told, err)
  end)

  it("closes spawned coroutines, newest first", function()
    local client = new_client()
    local order = {}
    for number = 1, 3 do
      client:spawn(function()
        local guard <close> = setmetatable({}, {
          __close = function() order[#order + 1] = number end })
        return client:generate(request()), guard
      end)
    end
    client:spawn(function() order[#order + 1] = "never started" end)
    client:spawn(function() client:close() end)
    client:step()
    assert.same({ "never started", 3, 2, 1 }, order)
  end)

  it("does not start what was spawned and not yet begun", function()
    local client = new_client()
    local started = false
    client:spawn(function() started = true end)
    client:close()
    assert.is_false(started)
  end)

  it("from inside a spawned coroutine lets that one run to its end", function()
    local client = new_client()
    local order = {}
    client:spawn(function()
      local guard <close> = setmetatable({}, { __close = function() order[#order + 1] = "B" end })
      order[#order + 1] = guard and "waits"
      client:generate(request())
      order[#order + 1] = "never"
    end)
    client:spawn(function()
      local task = assert(client:submit(request()))
      client:close()
      local _, err = task:await()
      order[#order + 1] = err.kind
    end)
    assert.equal(0, client:run())
    assert.same({ "waits", "cancelled", "B" }, order)
  end)

  it("from inside a callback ends the run below it", function()
    local client = new_client()
    assert(client:submit(request(1))):on_done(function() client:close() end)
    local task = assert(client:submit(request(60)))
    assert.equal(0, client:run())
    assert.is_true(task:done())
  end)

  it("wakes the wait below it", function()
    local client = new_client()
    assert(client:submit(request(1))):on_done(function() client:close() end)
    local result, err = client:generate(request(60))
    assert.is_nil(result)
    assert.equal("cancelled", err.kind)
  end)

  it("raises what callbacks raised and nobody saw, after everything is closed", function()
    local client = new_client()
    assert(client:submit(request(1))):on_done(function() error("unseen", 0) end)
    assert(client:generate(request(2)))
    local ok, err = pcall(client.close, client)
    assert.is_false(ok)
    assert.truthy(tostring(err):find("unseen", 1, true))
    assert.is_true(client:closed())
    client:close()
  end)

  it("is what <close> does", function()
    local told
    do
      local client <close> = new_client()
      assert(client:submit(request())):on_done(function(_, _, err) told = err.kind end)
    end
    assert.equal("cancelled", told)
  end)

  it("makes every other method raise, naming the caller's line", function()
    local client = new_client()
    local task = assert(client:submit(request()))
    client:close()
    local calls = {
      step = function() client:step() end,
      run = function() client:run() end,
      spawn = function() client:spawn(print) end,
      timeout = function() client:timeout() end,
      on_done = function() task:on_done(print) end,
      submit = function() client:submit(request()) end,
      generate = function() client:generate(request()) end,
      edit = function() client:edit(request()) end,
      attach = function() client:attach("task-1") end,
    }
    for name, call in pairs(calls) do
      local ok, message = pcall(call)
      assert.is_false(ok, name)
      assert.truthy(message:find("wait_spec.lua:%d+: client is closed"), name .. ": " .. message)
    end
  end)
end)

describe("an attached loop", function()
  -- The least that a loop is: coroutines that it made, a list of those to be resumed.
  local function fake_loop()
    local loop = { name = "fake", mine = {}, ready = {} }
    function loop.running()
      local co = coroutine.running()
      return loop.mine[co] and function(task)
        task:on_done(function() loop.ready[#loop.ready + 1] = co end)
        coroutine.yield("the loop's own word")
      end or nil
    end
    function loop.go(f)
      local co = coroutine.create(f)
      loop.mine[co] = true
      loop.ready[#loop.ready + 1] = co
    end
    function loop.run(client)
      repeat
        while #loop.ready > 0 do
          local ok, word = coroutine.resume(table.remove(loop.ready, 1))
          assert(ok, word)
          assert(word == nil or word == "the loop's own word", "we yielded to a foreign loop")
        end
      until client:step(1) == 0 and #loop.ready == 0
    end
    return loop
  end

  it("suspends its own coroutines for generate and await", function()
    local client, loop = new_client(), fake_loop()
    wait.attach_loop(client, loop)
    local order = {}
    loop.go(function()
      local result = assert(client:generate(request(5)))
      order[#order + 1] = result.billed
    end)
    loop.go(function()
      assert(assert(client:submit(request(2))):await())
      order[#order + 1] = "sooner"
    end)
    loop.run(client)
    assert.same({ "sooner", "yes" }, order)
  end)

  it("makes generate raise outside them, before anything is sent", function()
    local client = new_client()
    wait.attach_loop(client, fake_loop())
    local ok, message = pcall(function() client:generate(request(1)) end)
    assert.is_false(ok)
    assert.truthy(message:find("wait_spec.lua:%d+: client:generate would block"), message)
    for _, word in ipairs { "'fake'", "client:submit", "on_done", "task:wait" } do
      assert.truthy(message:find(word, 1, true), word)
    end
    assert.equal(0, #fake.started)
    assert.has_error(function() client:edit(request(1)) end)
  end)

  it("leaves wait blocking and spawn yielding", function()
    local client = new_client()
    wait.attach_loop(client, fake_loop())
    assert.truthy(assert(client:submit(request(1))):wait())
    local billed
    client:spawn(function() billed = client:generate(request(1)).billed end)
    client:run()
    assert.equal("yes", billed)
  end)

  it("is one at a time, and can be detached", function()
    local client = new_client()
    wait.attach_loop(client, fake_loop())
    assert.has_error(function() wait.attach_loop(client, fake_loop()) end)
    wait.attach_loop(client, nil)
    assert.truthy(client:generate(request(1)))
    client:close()
    wait.attach_loop(client, nil)
  end)
end)

describe("garbage", function()
  it("is not made by a step with nothing to do", function()
    local client = new_client()
    assert(client:submit(request()))
    client:step()
    collectgarbage()
    collectgarbage("stop")
    local before = collectgarbage("count")
    for _ = 1, 1000 do
      client:step()
    end
    local after = collectgarbage("count")
    collectgarbage("restart")
    -- The fake core itself makes two tables a step; the real one is measured in gptimage_spec.
    assert.is_true(after - before < 1000 * 0.2, tostring(after - before))
  end)

  it("holds no client that the program dropped", function()
    local weak = setmetatable({}, { __mode = "k" })
    do
      local client = new_client()
      client:spawn(function() client:generate(request()) end)
      client:step()
      weak[client] = true
    end
    fake.started = {}
    collectgarbage()
    collectgarbage()
    assert.is_nil(next(weak))
  end)
end)
