-- SPDX-License-Identifier: MIT
-- Tests what lua/gptimage/wait.lua offers to adapters of event loops, on a fake core and a loop
-- that is the least a loop can be.

local scheduled = require "spec.support.scheduled"

local request = scheduled.request
local fake, wait, new_client

before_each(function()
  local on = scheduled.begin()
  fake, wait, new_client = on.fake, on.wait, on.client
end)

after_each(function()
  fake.restore()
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
    assert.truthy(message:find("loop_spec.lua:%d+: client:generate would block"), message)
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
