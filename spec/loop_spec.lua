-- SPDX-License-Identifier: MIT
-- Tests lua/gptimage/loop.lua, which adapters of event loops are made with, on a fake core and a
-- loop that is the least a loop can be.

local scheduled = require "spec.support.scheduled"

local request = scheduled.request
local fake, loops, new_client

before_each(function()
  local on = scheduled.begin()
  fake, new_client = on.fake, on.client
  loops = fake.require "gptimage.loop"
end)

after_each(function()
  fake.restore()
end)

-- The least that a loop is: coroutines that it made, a list of those to be resumed, and what it
-- watches; it ends when there is nothing of these.
local WORD = "the loop's own word"

local function fake_loop()
  local loop = { name = "fake", place = "a coroutine of the fake", mine = {}, ready = {},
    watched = {}, raised = {}, calls = {} }
  function loop.inside()
    return loop.mine[coroutine.running()] == true
  end
  function loop.pause()
    local co = coroutine.running()
    return function() coroutine.yield(WORD) end, function() loop.ready[#loop.ready + 1] = co end
  end
  function loop.start(f, ...)
    local arguments = table.pack(...)
    local co = coroutine.create(function() f(table.unpack(arguments, 1, arguments.n)) end)
    loop.mine[co] = true
    loop.ready[#loop.ready + 1] = co
  end
  function loop.watch(fd, ready)
    local entry = { fd = fd, ready = ready }
    loop.watched[#loop.watched + 1] = entry
    loop.calls[#loop.calls + 1] = "watch"
    return function()
      for index, other in ipairs(loop.watched) do
        if other == entry then
          table.remove(loop.watched, index)
          loop.calls[#loop.calls + 1] = "end"
        end
      end
    end
  end
  function loop.report(err)
    loop.raised[#loop.raised + 1] = err
  end
  function loop.run()
    local rounds = 0
    while #loop.ready > 0 or #loop.watched > 0 do
      while #loop.ready > 0 do
        local co = table.remove(loop.ready, 1)
        if coroutine.status(co) == "suspended" then
          local ok, word = coroutine.resume(co)
          assert(ok, word)
          assert(word == nil or word == WORD, "we yielded to a foreign loop")
        end
      end
      for _, entry in ipairs { table.unpack(loop.watched) } do
        entry.ready()
      end
      rounds = rounds + 1
      fake.pass(1)
      assert(rounds < 1000, "the loop does not end")
    end
  end
  return loop
end

describe("an attached loop", function()
  it("suspends its own coroutines for generate and await", function()
    local client, loop = new_client(), fake_loop()
    loops.attach(client, loop)
    local order = {}
    loop.start(function()
      local result = assert(client:generate(request(5)))
      order[#order + 1] = result.billed
    end)
    loop.start(function()
      assert(assert(client:submit(request(2))):await())
      order[#order + 1] = "sooner"
    end)
    loop.run()
    assert.same({ "sooner", "yes" }, order)
  end)

  it("is asked to watch while there is something to do, and no longer", function()
    local client, loop = new_client(), fake_loop()
    loops.attach(client, loop)
    assert.same({}, loop.calls)
    local task = assert(client:submit(request(3)))
    assert(client:submit(request(5)))
    assert.same({ "watch" }, loop.calls)
    loop.run()
    assert.same({ "watch", "end" }, loop.calls)
    local late, ran
    task:on_done(function() late = true end) -- nothing is live, something is to be told
    assert.same({ "watch", "end", "watch" }, loop.calls)
    loop.run()
    client:spawn(function() ran = true end)
    loop.run()
    assert.is_true(late and ran)
    assert.equal(0, #loop.watched)
  end)

  it("that is attached while tasks are live watches at once", function()
    local client, loop = new_client(), fake_loop()
    local task = assert(client:submit(request(3)))
    loops.attach(client, loop)
    assert.equal(1, #loop.watched)
    loop.run()
    assert.is_true(task:done())
  end)

  it("goes on watching for what callbacks submit", function()
    local client, loop = new_client(), fake_loop()
    loops.attach(client, loop)
    local second
    assert(client:submit(request(1))):on_done(function()
      second = assert(client:submit(request(2)))
    end)
    loop.run()
    assert.is_true(second:done())
    assert.same({ "watch", "end" }, loop.calls)
  end)

  it("stops watching when somebody else brought the last task home", function()
    local client, loop = new_client(), fake_loop()
    loops.attach(client, loop)
    assert.truthy(assert(client:submit(request(1))):wait())
    assert.equal(0, #loop.watched)
    loop.run()
  end)

  it("makes generate raise outside its coroutines, before anything is sent", function()
    local client = new_client()
    loops.attach(client, fake_loop())
    local ok, message = pcall(function() client:generate(request(1)) end)
    assert.is_false(ok)
    assert.truthy(message:find("loop_spec.lua:%d+: client:generate would block"), message)
    for _, word in ipairs { "'fake'", "a coroutine of the fake", "client:submit", "on_done",
      "task:wait" } do
      assert.truthy(message:find(word, 1, true), word)
    end
    assert.equal(0, #fake.started)
    assert.has_error(function() client:edit(request(1)) end)
    assert.has_error(function() assert(client:submit(request(1))):await() end)
  end)

  it("leaves wait blocking and spawn yielding", function()
    local client, loop = new_client(), fake_loop()
    loops.attach(client, loop)
    assert.truthy(assert(client:submit(request(1))):wait())
    local billed
    client:spawn(function() billed = client:generate(request(1)).billed end)
    loop.run()
    assert.equal("yes", billed)
  end)

  it("does not mistake another resume of its coroutine for the end of the task", function()
    local client, loop = new_client(), fake_loop()
    loops.attach(client, loop)
    local co, billed, other
    loop.start(function()
      co = coroutine.running()
      billed = client:generate(request(3)).billed
      other = coroutine.yield("something else")
    end)
    coroutine.resume(loop.ready[1])
    assert(coroutine.resume(co)) -- too early
    assert.is_nil(billed)
    local task = client:tasks()[1]
    task:wait() -- done here, told there
    assert.is_true(#loop.ready > 0)
    loop.ready = {}
    local _, word = coroutine.resume(co)
    assert.equal("something else", word)
    assert.equal("yes", billed)
    client:step()
    assert.is_nil(other)
  end)

  it("gets what callbacks raise, one by one, and step raises no more", function()
    local client, loop = new_client(), fake_loop()
    assert(client:submit(request(1))):on_done(function() error("before", 0) end)
    assert(client:submit(request(1))):wait()
    loops.attach(client, loop)
    assert(client:submit(request(1))):on_done(function() error("in the loop", 0) end)
    loop.run()
    assert(client:submit(request(1))):on_done(function() error("by hand", 0) end)
    assert.equal(0, client:step(2))
    assert(client:submit(request())):on_done(function() error("closing", 0) end)
    client:close()
    local said = {}
    for index, err in ipairs(loop.raised) do
      said[index] = err.errors[1].error
      assert.truthy(tostring(err):find("stack traceback", 1, true))
    end
    assert.same({ "before", "in the loop", "by hand", "closing" }, said)
  end)

  it("does not get what on_error takes", function()
    local taken = {}
    local client = new_client { on_error = function(err) taken[#taken + 1] = err end }
    local loop = fake_loop()
    loops.attach(client, loop)
    assert(client:submit(request(1))):on_done(function() error("mine", 0) end)
    loop.run()
    assert.same({ "mine" }, taken)
    assert.same({}, loop.raised)
  end)

  it("that cannot be told keeps the errors for step", function()
    local client, loop = new_client(), fake_loop()
    loop.report = function() error("no") end
    loops.attach(client, loop)
    assert(client:submit(request(1))):on_done(function() error("kept", 0) end)
    loop.run()
    local ok, err = pcall(client.step, client)
    assert.is_false(ok)
    assert.truthy(tostring(err):find("kept", 1, true))
  end)

  it("is asked to look so often where the client has no descriptor", function()
    fake.no_descriptor = true
    local client, loop = new_client(), fake_loop()
    local watch, asked = loop.watch, {}
    function loop.watch(fd, ready, seconds)
      asked[#asked + 1] = { fd or "none", seconds }
      return watch(fd, ready)
    end
    loops.attach(client, loop)
    assert(client:submit(request(3)))
    loop.run()
    assert.same({ { "none", 0.01 } }, asked)
    assert.equal(0, #client:tasks())
  end)

  it("that cannot watch says so, and the task is not lost", function()
    local client, loop = new_client(), fake_loop()
    loop.watch = function() error("no descriptors left", 0) end
    loops.attach(client, loop)
    local task = assert(client:submit(request(1)))
    assert.truthy(tostring(loop.raised[1]):find("no descriptors left", 1, true))
    assert.truthy(task:wait())
  end)

  it("is let go of when the core cannot go on, and everybody hears", function()
    local client, loop = new_client(), fake_loop()
    loops.attach(client, loop)
    local told
    assert(client:submit(request())):on_done(function(_, _, err) told = err end)
    fake.after_step = function() error("step failed: no epoll", 0) end
    loop.run()
    assert.equal("cancelled", told.kind)
    assert.is_true(client:closed())
    assert.truthy(tostring(loop.raised[1]):find("no epoll", 1, true))
  end)

  it("does I/O while a callback waits in the loop's way", function()
    local client, loop = new_client(), fake_loop()
    loops.attach(client, loop)
    local order, go_on = {}, nil
    assert(client:submit(request(1))):on_done(function()
      local suspend, wake = loop.pause()
      go_on = wake
      suspend()
      order[#order + 1] = "first"
    end)
    assert(client:submit(request(1))):on_done(function() order[#order + 1] = "same time" end)
    assert(client:submit(request(4))):on_done(function() order[#order + 1] = "later" go_on() end)
    loop.run()
    assert.same({ "same time", "later", "first" }, order)
  end)

  it("is given as much of the work as its budget allows", function()
    local client, loop = new_client(), fake_loop()
    loops.attach(client, loop, { budget = 0.25 })
    assert(client:submit(request(1)))
    loop.run()
    assert.equal(0.25, fake.budget)
  end)

  it("refuses clients, options and budgets that are none, naming the caller's line", function()
    local client = new_client()
    local function attach(...) -- stands for an adapter's
      local handle = loops.attach(...)
      return handle
    end
    local task = assert(client:submit(request(1)))
    for message, arguments in pairs {
      ["bad argument #1 to 'attach' (client expected, got boolean)"] = { true },
      ["bad argument #1 to 'attach' (client expected, got " .. type(task) .. ")"] = { task, {} },
      ["bad argument #2 to 'attach' (table expected, got number)"] = { client, fake_loop(), 5 },
      ["bad argument #2 to 'attach' (unknown option 'bugdet')"] =
        { client, fake_loop(), { bugdet = 1 } },
      ["bad argument #2 to 'attach' (option 'budget': seconds expected, got string)"] =
        { client, fake_loop(), { budget = "1" } },
      ["bad argument #2 to 'attach' (option 'budget': seconds expected, got -1)"] =
        { client, fake_loop(), { budget = -1 } },
    } do
      local ok, got = pcall(function() attach(table.unpack(arguments)) end)
      assert.is_false(ok)
      assert.truthy(got:find(message, 1, true), got)
      assert.truthy(got:find("loop_spec.lua:%d+: "), got)
    end
  end)

  it("is one at a time, and can be detached", function()
    local client, loop = new_client(), fake_loop()
    local handle = loops.attach(client, loop)
    local ok, message = pcall(function()
      local other = loops.attach(client, fake_loop())
      return other
    end)
    assert.is_false(ok)
    assert.truthy(message:find("already driven by the loop 'fake'", 1, true), message)
    assert(client:submit(request(1)))
    handle:detach()
    handle:detach()
    assert.equal(0, #loop.watched)
    assert.truthy(client:generate(request(1)))
    local second = loops.attach(client, fake_loop())
    handle:detach() -- not its client any more
    assert.has_error(function() client:generate(request(1)) end)
    second:detach()
    client:close()
    second:detach()
  end)

  it("that was detached leaves its coroutines to whoever steps", function()
    local client, loop = new_client(), fake_loop()
    local handle = loops.attach(client, loop)
    local billed
    loop.start(function() billed = client:generate(request(5)).billed end)
    loop.start(function() handle:detach() end)
    loop.run()
    assert.is_nil(billed)
    client:run()
    loop.run()
    assert.equal("yes", billed)
  end)

  it("is detached by closing the client, also from inside a callback", function()
    local client, loop = new_client(), fake_loop()
    local handle <close> = loops.attach(client, loop)
    local kind
    loop.start(function()
      local task = assert(client:submit(request()))
      local _, err = task:await()
      kind = err.kind
    end)
    assert(client:submit(request(1))):on_done(function()
      client:close()
      assert.equal(0, #loop.watched) -- before the descriptor went
    end)
    loop.run()
    assert.equal("cancelled", kind)
    assert.is_false(pcall(loops.attach, client, loop))
    assert.same({}, loop.raised)
    assert.truthy(handle)
  end)
end)
