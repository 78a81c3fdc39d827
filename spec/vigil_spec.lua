-- SPDX-License-Identifier: MIT
-- Tests lua/gptimage/vigil.lua on a fake core with a fake clock: one wait for several tasks. What
-- client:all, race and map make of it is in together_spec.

local scheduled = require "spec.support.scheduled"

local request = scheduled.request
local fake, new_client, vigils

before_each(function()
  local on = scheduled.begin()
  fake, new_client = on.fake, on.client
  vigils = fake.require "gptimage.vigil"
end)

after_each(function()
  fake.restore()
end)

-- Waits for `task` by a vigil of the running coroutine; how often it was asked whether it is over.
local function asked_until(vigil, task)
  local asked = 0
  vigil:wait(function()
    asked = asked + 1
    return task:done()
  end)
  return asked
end

describe("a vigil", function()
  it("asks first, and does not wait where it is over", function()
    local client = new_client()
    local steps = fake.steps
    vigils.new(client):wait(function() return true end)
    assert.equal(steps, fake.steps)
  end)

  it("of the main program blocks, and drives the clients of its tasks", function()
    local one, two = new_client(), new_client()
    local task, abroad = assert(one:submit(request(30))), assert(two:submit(request(20)))
    local vigil, before = vigils.new(one), fake.now
    vigil:add(task)
    vigil:add(abroad)
    vigil:add(abroad)
    vigil:wait(function() return abroad:done() end)
    assert.is_false(task:done())
    vigil:wait(function() return task:done() end)
    assert.is_true(fake.now - before >= 30 and fake.now - before < 31)
  end)

  it("of the main program leaves out a client that was closed", function()
    local one, two = new_client(), new_client()
    local task, abroad = assert(one:submit(request(3))), assert(two:submit(request(9)))
    local vigil = vigils.new(one)
    vigil:add(task)
    vigil:add(abroad)
    two:close()
    vigil:wait(function() return task:done() end)
    assert.equal("cancelled", select(2, abroad:wait()).kind)
  end)

  it("of a spawned coroutine yields, and is asked again at each end of its tasks", function()
    local client = new_client()
    local asked
    client:spawn(function()
      local vigil = vigils.new(client)
      local tasks = {}
      for i = 1, 3 do
        tasks[i] = assert(client:submit(request(i)))
        vigil:add(tasks[i])
      end
      asked = asked_until(vigil, tasks[3])
    end)
    local other = assert(client:submit(request(2.5))) -- nobody's: it asks for nothing
    client:run()
    assert.is_true(other:done())
    assert.equal(4, asked)
  end)

  it("of a spawned coroutine waits for other clients' tasks, which run drives", function()
    local one, two = new_client(), new_client()
    local asked
    one:spawn(function()
      local abroad = assert(two:submit(request(5)))
      local vigil = vigils.new(one)
      vigil:add(abroad)
      asked = asked_until(vigil, abroad)
    end)
    assert.equal(0, one:run())
    assert.equal(2, asked)
  end)

  it("lets go of its coroutine when other clients' tasks are over, whoever drives them", function()
    local one, two = new_client(), new_client()
    local weak = setmetatable({}, { __mode = "k" })
    one:spawn(function()
      weak[coroutine.running()] = true
      local abroad = assert(two:submit(request(5)))
      local vigil = vigils.new(one)
      vigil:add(abroad)
      vigil:wait(function() return abroad:done() end)
    end)
    one:step()
    while two:step(1) > 0 do one:step() end
    collectgarbage()
    collectgarbage()
    assert.is_nil(next(weak))
    assert.equal(0, one:run())
  end)

  it("is not woken by ends between its waits, nor by a task that was over before", function()
    local client = new_client()
    local order = {}
    client:spawn(function()
      local first, second = assert(client:submit(request(1))), assert(client:submit(request(2)))
      local later = assert(client:submit(request(4)))
      local vigil = vigils.new(client)
      vigil:add(first)
      vigil:add(second)
      assert.equal(2, asked_until(vigil, first))
      later:await() -- the end of `second` must not resume this
      order[#order + 1] = later:done()
      vigil:add(later)
      assert.equal(1, asked_until(vigil, later))
      order[#order + 1] = "over"
    end)
    client:run()
    assert.same({ true, "over" }, order)
  end)
end)
