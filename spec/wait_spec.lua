-- SPDX-License-Identifier: MIT
-- Tests lua/gptimage/wait.lua on a fake core with a fake clock: who waits, and how.

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
    -- What is not sent yet will be: "no" would invite to pay for it twice.
    for billed, told in pairs { no = "maybe", maybe = "maybe", yes = "yes" } do
      fake.set(task, "billed", billed)
      result, err = task:wait(0)
      assert.is_nil(result)
      assert.equal(told, err.billed)
    end
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

  it("raise before anything is sent where a function in C is in between", function()
    local client = new_client()
    local messages, done = {}, false
    local function in_c(f)
      local ok, message = pcall(string.gsub, "x", "x", f)
      assert.is_false(ok)
      messages[#messages + 1] = message
    end
    client:spawn(function()
      in_c(function() client:generate(request(1)) end)
      in_c(function() client:edit(request(1)) end)
      in_c(function() client:all { request(1) } end)
      assert.equal(0, #fake.started)
      assert(client:generate(request(1)))
      local task = assert(client:submit(request(1)))
      in_c(function() task:await() end)
      client:spawn(function() done = task:await() end) -- nobody else waits for it
      client:generate(request(5))
    end)
    client:run()
    for index, name in ipairs { "client:generate", "client:edit", "client:all", "task:await" } do
      assert.matches("wait_spec.lua:%d+: " .. name .. " would yield across a function in C",
        messages[index])
    end
    assert.equal(4, #messages)
    assert.truthy(done)
    -- Who does not yield may be anywhere.
    string.gsub("x", "x", function() assert(client:generate(request(1))) end)
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
      local method = (name == "on_done" and "task:" or "client:") .. name
      assert.truthy(message:find("wait_spec.lua:%d+: " .. method .. ": client is closed$"), message)
    end
  end)
end)
