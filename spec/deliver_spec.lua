-- SPDX-License-Identifier: MIT
-- Tests lua/gptimage/deliver.lua on a fake core with a fake clock: callbacks and coroutines, what
-- they may do to each other, and where their errors go.

local scheduled = require "spec.support.scheduled"

local request, host_coroutine = scheduled.request, scheduled.host_coroutine
local fake, new_client

before_each(function()
  local on = scheduled.begin()
  fake, new_client = on.fake, on.client
end)

after_each(function()
  fake.restore()
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
    assert.truthy(message:find("deliver_spec.lua:%d+: bad argument #1 to 'spawn' %(function"))
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
    client:spawn(function()
      reached = reached + 1
      client:generate(request(1))
      error("two", 0)
    end)
    client:spawn(function() client:generate(request(2)); reached = reached + 1 end)
    local ok, err = pcall(client.run, client)
    assert.is_false(ok)
    assert.equal(2, reached)
    assert.equal(2, #err.errors)
    local text = tostring(err)
    assert.truthy(text:find("2 errors", 1, true))
    assert.truthy(text:find("one", 1, true))
    assert.truthy(text:find("two", 1, true))
    assert.truthy(text:find("deliver_spec.lua", 1, true), "tracebacks are shown")
    assert.same("failed: " .. text .. "\n", "failed: " .. err .. "\n")
    assert.matches("attempt to concatenate a nil value",
      select(2, pcall(function() return err .. nil end)))
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

  it("lets go of a coroutine that the program closed, once its task ends", function()
    local one, two = new_client(), new_client()
    local weak = setmetatable({}, { __mode = "k" })
    for _, client in ipairs { one, two } do
      one:spawn(function()
        weak[coroutine.running()] = true
        client:generate(request(1))
      end)
    end
    one:step()
    for co in pairs(weak) do assert.is_true(coroutine.close(co)) end
    while one:step(1) + two:step(1) > 0 do end
    collectgarbage()
    collectgarbage()
    assert.is_nil(next(weak))
    one:close()
    two:close()
  end)

  it("does not look through all that there were when one ends", function()
    local client = new_client()
    local looked, original = 0, next
    finally(function() _G.next = original end)
    client:spawn(function() client:generate(request(1)) end)
    for _ = 1, 100 do client:spawn(function() end) end
    _G.next = function(t, ...)
      local key, value = original(t)
      if type(key) == "thread" and math.type(value) == "integer" then looked = looked + 1 end
      return original(t, ...)
    end
    client:run()
    assert.equal(0, looked)
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
    assert.truthy(errors[1][2]:find("deliver_spec.lua", 1, true))
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

  it("are reported where memory runs out, which Lua tells no message handler", function()
    local xpcall = xpcall
    local function out_of_memory() error("not enough memory", 0) end
    finally(function() _G.xpcall = xpcall end)
    _G.xpcall = function(f, handler, ...)
      if f == out_of_memory then return false, "not enough memory" end
      return xpcall(f, handler, ...)
    end
    local errors = {}
    local client = new_client { on_error = function(...) errors[#errors + 1] = { ... } end }
    assert(client:submit(request(1))):on_done(out_of_memory)
    assert.equal(0, client:run())
    assert.same({ { "not enough memory", "not enough memory" } }, errors)
    client = new_client { on_error = out_of_memory }
    assert(client:submit(request(1))):on_done(function() error("callback", 0) end)
    local ok, err = pcall(client.run, client)
    assert.is_false(ok)
    assert.matches("not enough memory\ncallback", tostring(err))
  end)

  it("come without a hole in the queue where there was no memory for an entry", function()
    local client = new_client()
    local told = 0
    local task = assert(client:submit(request(1)))
    task:on_done(function() told = told + 1 end)
    assert(task:wait())
    assert.equal(1, told)
    local items = require("gptimage.core").data(client).items -- the fake one
    setmetatable(items, { __newindex = function() error("not enough memory", 0) end })
    assert.has_error(function() task:on_done(print) end, "not enough memory")
    setmetatable(items, nil)
    task:on_done(function() told = told + 1 end)
    assert.equal(0, client:step())
    assert.equal(2, told)
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

  it("leaves the descriptor ready for what it keeps waiting", function()
    local client = new_client()
    local tasks = {}
    for index = 1, 2 do
      tasks[index] = assert(client:submit(request()))
      tasks[index]:on_done(function() coroutine.yield() end)
    end
    fake.at(1, function()
      fake.finish(tasks[1])
      fake.finish(tasks[2])
    end)
    fake.wakes = 0
    local resume = host_coroutine(function() client:run() end)
    resume()
    assert.equal(1, fake.wakes)
    assert.equal(0, client:timeout())
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
    local function use() -- a function of its own: its frame holds nothing afterwards
      local client = new_client()
      client:spawn(function() client:generate(request()) end)
      client:step()
      weak[client] = true
    end
    use()
    fake.started = {}
    collectgarbage()
    collectgarbage()
    assert.is_nil(next(weak))
  end)
end)
