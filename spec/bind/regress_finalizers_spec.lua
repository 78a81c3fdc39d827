-- SPDX-License-Identifier: MIT
-- Finalizers of the user's run wherever Lua allocates, in the middle of what a function in C does:
-- they may make requests, end tasks and close clients there.
local core = require "gptimage.core"
local services = require "spec.support.service"
local socket = require "socket"
local window = require "gptimage.core_test"

-- Calls each(go), `count` times. From its go() on `finalizer` runs wherever the collector can.
local function meanwhile(count, finalizer, each)
  local inside, busy = false, false
  local function go()
    local reached = false
    local class = { __gc = function()
      reached = true
      if not inside or busy then return end
      busy = true
      finalizer()
      busy = false
    end }
    collectgarbage "stop"
    for _ = 1, 2000 do setmetatable({}, class) end
    repeat collectgarbage("step", 0) until reached -- some of them, and most are left
    collectgarbage "restart"
    inside = true
  end
  collectgarbage("incremental", 1, 100, 1) -- as little as can be at a time
  for _ = 1, count do
    each(go)
    inside = false
  end
  collectgarbage("incremental", 200, 100, 13) -- Lua's own
end

describe("while a finalizer runs in the middle of it", function()
  local service, client

  local function open()
    return assert(core.client { base_url = service.url, api_key = services.KEY,
      poll = { first = 0, min = 0, max = 0.01 }, log = print })
  end

  before_each(function()
    service = services.start()
    client = open()
  end)
  after_each(function()
    core.close(client)
    service:close()
  end)

  local function request(more)
    local fields = { model = "gpt-image-2-beta", prompt = "outer" }
    for name, value in pairs(more or {}) do fields[name] = value end
    return fields
  end

  it("a request stays the one that was asked for", function()
    local inner = { model = "gpt-image-2", prompt = "inner", size = "1024x1024", n = 10 }
    local calls = 0
    meanwhile(40, function()
      assert(window.plan(inner))
      calls = calls + 1
    end, function(go)
      go()
      assert(core.generate(client, request { image_urls = { "https://example.com/a.png" } }))
      assert.truthy(assert(window.plan(request())).body:find("outer", 1, true))
    end)
    assert.is_true(calls > 0)
    local deadline = socket.gettime() + 10
    while #service.posts < 40 do
      assert.is_true(socket.gettime() < deadline)
      core.step(client, 0.001)
      service:step()
    end
    for _, post in ipairs(service.posts) do
      assert.truthy(post.body:find("outer", 1, true), post.body)
    end
  end)

  it("a client may be closed", function()
    local one
    for _, start in ipairs { function()
      return core.generate(one, request { image_urls = { "https://example.com/a.png" } })
    end, function() return core.attach(one, "id-1") end } do
      local raised = 0
      meanwhile(30, function() core.close(one) end, function(go)
        one = open()
        go()
        local made, message = pcall(start)
        if not made then
          assert.matches("client is closed", message)
          raised = raised + 1
        end
        core.close(one)
      end)
      assert.is_true(raised > 0)
    end
  end)

  -- Tasks that have nothing to tell but their log: when the client is closed nobody holds them, nor
  -- they the client's core.
  it("a client may be closed while a step tells of its log, and its tasks be collected", function()
    local one, calls, when, number, told = nil, 0, 0, 0, 0
    meanwhile(40, function()
      calls = calls + 1
      if calls ~= when then return end
      core.close(one)
      collectgarbage("incremental", 1, 1000, 30) -- as much as can be at a time
    end, function(go)
      one, calls, number = open(), 0, number + 1
      when = 2 + number * 2
      for _ = 1, 60 do assert(core.generate(one, request())) end
      go()
      local _, events, logs = core.step(one)
      collectgarbage("incremental", 1, 100, 1)
      if one:closed() and logs then
        told = told + 1
        assert.is_nil(events)
        local sent = 0
        for _, entry in ipairs(logs) do
          if entry.message:find "^POST " then sent = sent + 1 end
        end
        assert.is_true(sent > 0)
      end
      core.close(one)
    end)
    assert.is_true(told > 10, told)
  end)

  it("a client may be closed while a close tells of its log", function()
    local one, closed = nil, 0
    meanwhile(30, function()
      if not one:closed() then closed = closed + 1 end
      core.close(one)
    end, function(go)
      one = open()
      for _ = 1, 20 do assert(core.generate(one, request())):cancel() end
      go()
      core.close(one)
      core.close(one)
      assert.is_true(one:closed())
    end)
    assert.is_true(closed > 0)
  end)

  it("a step may be made while a step tells of its log: each tells of its own", function()
    local one, ended, calls, when
    local function step()
      local _, _, logs = core.step(one)
      for _, entry in ipairs(logs or {}) do
        if entry.event == "state" then ended[#ended + 1] = entry.task end
      end
    end
    local number = 0
    meanwhile(60, function()
      calls = calls + 1
      if calls == when then step() end
    end, function(go)
      one, ended, calls, number = open(), {}, 0, number + 1
      when = number * 3
      local expected = {}
      for i = 1, 20 do
        local task = assert(core.generate(one, request()))
        expected[i] = task.key
        task:cancel()
      end
      go()
      step()
      core.close(one)
      assert.same(expected, ended, when)
    end)
  end)

  it("a task that ends there is told of by the next step", function()
    local victim, calls, ended = nil, 0, 0
    meanwhile(30, function()
      calls = calls + 1
      if calls % 7 ~= 0 or victim:done() then return end
      victim:cancel()
      ended = ended + 1
    end, function(go)
      local told
      local tasks = {}
      for i = 1, 10 do tasks[i] = assert(core.generate(client, request())) end
      for _, task in ipairs(tasks) do task:cancel() end
      victim = assert(core.generate(client, request()))
      go()
      for _ = 1, 3 do
        local _, events = core.step(client)
        for i = 1, #(events or {}), 2 do
          told = told or (events[i] == victim and events[i + 1])
        end
        victim:cancel()
      end
      assert.equal("done", told)
    end)
    assert.is_true(ended > 0)
  end)
end)
