-- SPDX-License-Identifier: MIT
-- Tests the Lua layer with the real core in the hands of a host: descriptors, time, callbacks,
-- closing, and what must not be seen.

local cqueues = require "cqueues"
local lfs = require "lfs"
local clients = require "spec.support.clients"
local needs_descriptor = require "spec.support.needs_descriptor"
local sandboxed = require "spec.support.sandboxed"

local KEY, request = clients.KEY, clients.request
local at = sandboxed { latency = 0.2 }

-- Descriptors of this process; the one that counts them is always among them.
local function descriptors()
  local count = 0
  for _ in lfs.dir("/proc/self/fd") do
    count = count + 1
  end
  return count
end

describe("a host", function()
  -- Steps only when the descriptor is readable, as an event loop would.
  local function drive(client, until_true)
    local fd = client:fd()
    local deadline = cqueues.monotime() + 20
    while not until_true() do
      cqueues.poll({ pollfd = fd, events = "r" }, 5)
      assert(cqueues.monotime() < deadline, "the descriptor is not readable although work is due")
      client:step()
    end
  end

  it("that watches the descriptor misses nothing", function()
    needs_descriptor(pending)
    local client <close> = at.client()
    local results = {}
    local cq = cqueues.new()
    cq:wrap(function()
      client:spawn(function()
        results[1] = assert(client:generate(request()))
        client:spawn(function() results[2] = assert(results[1].images[1]:data()) end)
      end)
      drive(client, function() return results[2] end)
      local task = assert(client:submit(request()))
      drive(client, function() return task:done() end)
      local late
      task:on_done(function() late = true end)
      drive(client, function() return late end)
    end)
    assert(cq:loop())
    assert.equal("yes", results[1].billed)
  end)

  it("that asks for the time gets it, and a step with nothing to do makes no garbage", function()
    local client <close> = at.client()
    assert.is_nil(client:timeout())
    client:spawn(function() end)
    assert.equal(0, client:timeout())
    client:step()
    at.sandbox:fault { match = { kind = "submit" }, fault = { latency = 30 } }
    local task = assert(client:submit(request()))
    assert.is_number(client:timeout())
    while not task.id do
      client:step(1)
    end
    for _ = 1, 100 do
      client:step()
    end
    collectgarbage()
    collectgarbage("stop")
    local before = collectgarbage("count")
    local polls = 0
    for _ = 1, 1000 do
      client:step()
      polls = polls + 1
    end
    local grown = (collectgarbage("count") - before) * 1024
    collectgarbage("restart")
    assert.truthy(grown < 64, ("%d bytes in %d steps"):format(grown, polls))
  end)
end)

describe("callbacks", function()
  it("raise together out of step and run, and never out of wait", function()
    local client <close> = at.client()
    for index = 1, 2 do
      assert(client:submit(request())):on_done(function() error("number " .. index, 0) end)
    end
    local ok, err = pcall(client.run, client)
    assert.is_false(ok)
    assert.equal(2, #err.errors)
    assert.truthy(tostring(err):find("number 1", 1, true))
  end)

  it("of log see requests and replies, and no secret", function()
    local lines = {}
    local client <close> = at.client { log = function(event) lines[#lines + 1] = event end }
    assert(client:generate(request { prompt = "PROMPTWORD", output = at.output() }))
    local kinds = {}
    for _, event in ipairs(lines) do
      kinds[event.event] = true
      assert.is_number(event.time)
      for _, value in pairs(event) do
        assert.is_nil(tostring(value):find(KEY, 1, true))
        assert.is_nil(tostring(value):find("PROMPTWORD", 1, true))
      end
    end
    assert.is_true(kinds.request)
    assert.is_true(kinds.response)
  end)
end)

describe("closing", function()
  it("ends what is live, and leaves no descriptor behind", function()
    at.client():close() -- whatever libcurl opens once and keeps
    collectgarbage()
    collectgarbage()
    local before = descriptors()
    local client = at.client()
    local task = assert(client:submit(request()))
    local told
    task:on_done(function(_, _, err) told = err end)
    while not task.id do
      client:step(1)
    end
    client:close()
    client:close()
    assert.is_true(client:closed())
    assert.equal("cancelled", told.kind)
    assert.equal("maybe", told.billed)
    assert.equal(task.id, told.task_id)
    local _, err = task:wait()
    assert.equal(told, err)
    assert.equal(before, descriptors())
  end)

  it("comes with collecting, too", function()
    collectgarbage()
    collectgarbage()
    local before = descriptors()
    local function use() -- a function of its own: its frame holds nothing afterwards
      local client = at.client()
      client:spawn(function() client:generate(request()) end)
      client:step(0.1)
    end
    use()
    collectgarbage()
    collectgarbage()
    assert.equal(before, descriptors())
  end)

  it("makes every method raise, naming the caller's line", function()
    local client = at.client()
    local result = assert(client:generate(request()))
    local task = assert(client:submit(request()))
    client:close()
    local calls = {
      ["image:save"] = function() result.images[1]:save(at.output("late.png")) end,
      ["image:data"] = function() result.images[1]:data() end,
      ["task:on_done"] = function() task:on_done(print) end,
    }
    for name in pairs(require "gptimage.core".methods.client) do
      if name ~= "close" and name ~= "closed" then
        calls["client:" .. name] = function() client[name](client) end
      end
    end
    for name, call in pairs(calls) do
      local ok, message = pcall(call)
      assert.is_false(ok, name)
      assert.matches("host_spec.lua:%d+: " .. name .. ": client is closed$", message)
    end
  end)
end)

describe("the key", function()
  it("is in nothing that Lua can see", function()
    local client <close> = at.client()
    local core = require "gptimage.core"
    local task = assert(client:submit(request()))
    local result = assert(task:wait())
    local seen = {}
    local function search(value)
      if type(value) == "string" then
        assert.is_nil(value:find(KEY, 1, true))
      elseif type(value) == "table" and not seen[value] then
        seen[value] = true
        for key, item in next, value do
          search(key)
          search(item)
        end
      end
    end
    search(core.data(client))
    search(core.data(task))
    search(result.raw)
    search(tostring(client))
    search(tostring(task))
  end)
end)
