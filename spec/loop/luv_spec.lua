-- SPDX-License-Identifier: MIT
-- Tests lua/gptimage/loop/luv.lua.

local clients = require "spec.support.clients"
local contract = require "spec.support.loop_contract"
local hosts = require "spec.support.hosts"
local sandboxes = require "spec.support.sandbox"

describe("gptimage.loop.luv", function()
  contract(hosts.luv)
end)

describe("the coroutines of its spawn", function()
  local sandbox, host, uv

  setup(function()
    sandbox = sandboxes.start { latency = 0.05 }
  end)

  teardown(function()
    sandbox:stop()
  end)

  before_each(function()
    host = hosts.luv()
    uv = require "luv"
  end)

  it("get their arguments and run at once", function()
    local client <close> = clients.starmagic(sandbox)
    local got
    host.attach(client):spawn(function(...) got = table.pack(...) end, 1, nil, 3)
    assert.same({ 1, nil, 3, n = 3 }, got)
  end)

  it("may yield for what the program resumes in its own callbacks", function()
    local client <close> = clients.starmagic(sandbox)
    local handle = host.attach(client)
    local order = {}
    handle:spawn(function()
      local co = coroutine.running()
      host.later(0.01, function() assert(coroutine.resume(co, "from a timer")) end)
      order[1] = coroutine.yield()
      order[2] = assert(client:generate(clients.request())).billed
      host.later(0.01, function() assert(coroutine.resume(co, "again")) end)
      order[3] = coroutine.yield()
    end)
    host.run()
    assert.same({}, host.raised)
    assert.same({ "from a timer", "yes", "again" }, order)
  end)

  it("do not take a resume of the program's for the end of the task", function()
    local client <close> = clients.starmagic(sandbox)
    local handle = host.attach(client)
    local co, result, word
    handle:spawn(function()
      co = coroutine.running()
      result = assert(client:generate(clients.request()))
      word = coroutine.yield()
    end)
    host.later(0.005, function() assert(coroutine.resume(co, "too early")) end)
    host.later(0.01, function() assert(coroutine.resume(co, "too early")) end)
    host.run()
    assert.equal("yes", result.billed)
    assert.is_nil(word)
    assert(coroutine.resume(co, "in time"))
    assert.equal("in time", word)
  end)

  it("that fail are told with their traceback, and closed", function()
    local taken = {}
    local client <close> = clients.starmagic(sandbox, {
      on_error = function(err, traceback) taken = { err, traceback } end })
    local closed = false
    local handle = host.attach(client)
    local function fails_here()
      error("no such brush", 0)
    end
    handle:spawn(function()
      local guard <close> = setmetatable({}, { __close = function() closed = true end })
      assert(client:generate(clients.request()), guard)
      fails_here()
    end)
    host.run()
    assert.equal("no such brush", taken[1])
    assert.truthy(taken[2]:find("fails_here", 1, true))
    assert.is_true(closed)
  end)

  it("are refused when they are none, and after detach", function()
    local client <close> = clients.starmagic(sandbox)
    local handle = host.attach(client)
    local ok, message = pcall(function() handle:spawn("f") end)
    assert.is_false(ok)
    assert.truthy(message:find("luv_spec.lua:%d+: bad argument #1 to 'spawn'"), message)
    handle:detach()
    ok, message = pcall(function() handle:spawn(print) end)
    assert.is_false(ok)
    assert.truthy(message:find("detached", 1, true))
  end)

  it("leave a client that is attached and idle to the collector, and no handle in the loop",
    function()
      local weak = setmetatable({}, { __mode = "v" })
      do
        local client = clients.starmagic(sandbox)
        host.attach(client):spawn(function() assert(client:generate(clients.request())) end)
        host.run()
        weak[1] = client
      end
      collectgarbage()
      collectgarbage()
      assert.is_nil(weak[1])
      local handles = 0
      uv.walk(function() handles = handles + 1 end)
      assert.equal(0, handles)
    end)
end)
