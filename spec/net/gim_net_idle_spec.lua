-- SPDX-License-Identifier: MIT
-- Tests of gim_net_is_idle (src/net/gim_net.c) that nothing is missed by who steps only when it
-- says that there is something to do.
local netted = require "spec.support.netted"
local socket = require "socket"

describe("gim_net is idle", function()
  local on, net, server

  local function open(options, script)
    net, server = on:open(options, script)
  end

  before_each(function() on = netted.begin() end)

  after_each(function() on:finish() end)

  local function start(request, on_done)
    return on:start(request, on_done)
  end

  local silent = netted.silent

  -- As a game that asks in every frame, and never for the descriptor.
  local function drive(done)
    local deadline = socket.gettime() + 10
    while not done() do
      if not net:is_idle() then assert.is_true(net:step(0)) end
      server:step()
      assert.is_true(socket.gettime() < deadline, "something was missed")
    end
  end

  it("while nothing is due, and no longer", function()
    open()
    assert.is_true(net:is_idle())
    net:alarm(20)
    assert.is_true(net:is_idle())
    drive(function() return not net:is_idle() end)
    net:alarm()
    assert.is_true(net:is_idle())
  end)

  it("never while a step would find something: names, replies, time limits, more requests",
    function()
      open({ max_requests = 8, connect_timeout_ms = 5000 }, function(conn)
        while true do
          local request = conn:request()
          if not request then return end
          if request.target == "/silent" then return conn:closed() end
          conn:reply "ok"
          if request.target == "/last" then return conn:close() end
        end
      end)
      local left, told = 30, {}
      local function again(outcome)
        told[outcome.status] = (told[outcome.status] or 0) + 1
        left = left - 1
        if left < 3 then return end
        local target = left % 7 == 0 and "/silent" or left % 5 == 0 and "/last" or "/"
        assert(start({ class = left % 2 == 0 and "poll" or "download", timeout_ms = 50,
          url = ("http://%s:%d%s"):format(left % 3 == 0 and "localhost" or "127.0.0.1",
            server.port, target) }, again))
      end
      for _ = 1, 3 do
        assert(start({ class = "poll" }, again))
        assert.is_false(net:is_idle())
      end
      drive(function() return left == 0 end)
      assert.same({ ok = 26, timeout = 4 }, told)
      drive(function() return net:is_idle() end)
      assert.is_true(net:step(20))
      assert.is_true(net:is_idle())
    end)

  it("no longer when a kept connection that a host could see was closed", function()
    open()
    local done
    assert(start({ class = "poll" }, function() done = true end))
    drive(function() return done end)
    drive(function() return net:is_idle() end)
    server:close()
    assert.is_true(net:is_idle()) -- the next request will find out
    if net:fd() < 0 then return end
    socket.select({ net }, nil, 2)
    assert.is_false(net:is_idle())
    for _ = 1, 3 do assert.is_true(net:step(0)) end
    assert.is_true(net:is_idle())
    assert.is_false(net:readable())
  end)

  it("after a cancel, but not while its name is still being looked up where that parks it",
    function()
      open({}, silent)
      local id = assert(start { class = "poll", url = "http://localhost:" .. server.port .. "/" })
      net:cancel(id)
      drive(function() return net:is_idle() end)
      assert.equal(0, net:active())
    end)
end)
