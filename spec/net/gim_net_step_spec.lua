-- SPDX-License-Identifier: MIT
-- Tests src/net/gim_net_step.c, and gim_net_resume: transfers whose owner takes no more for now.
local netted = require "spec.support.netted"
local socket = require "socket"
local window = require "gptimage.core_test"

describe("gim_net, where a transfer is held up,", function()
  local on, net, server

  before_each(function() on = netted.begin() end)
  after_each(function() on:finish() end)

  local BODY = ("0123456789abcdef"):rep(100000)

  local function open(script)
    net, server = on:open({ max_requests = 8 }, script or function(conn)
      while true do
        local request = conn:request()
        if not request then return end
        if request.target == "/silent" then return conn:closed() end
        conn:reply(request.target == "/small" and "ok" or BODY)
      end
    end)
  end

  local function step(n)
    for _ = 1, n do
      server:step()
      assert.is_true(net:step(0))
    end
  end

  local function drive(done)
    local deadline = socket.gettime() + 10
    while not done() do
      assert.is_true(socket.gettime() < deadline, "it never came")
      step(1)
    end
  end

  local function start(request)
    local stream = {}
    request.url = server.url .. (request.target or "/")
    request.target = nil
    stream.id = assert(on:start(request, function(outcome) stream.outcome = outcome end))
    return stream
  end

  local function hold(request)
    local stream = start(request or { class = "download" })
    net:hold(stream.id)
    drive(function() return net:is_held(stream.id) end)
    return stream
  end

  it("lets the others go on, and has nothing to do for it", function()
    open()
    local held = hold()
    local small = start { class = "poll", target = "/small" }
    local large = start { class = "download" }
    drive(function() return small.outcome and large.outcome end)
    assert.equal("ok", small.outcome.body)
    assert.is_true(large.outcome.body == BODY)
    assert.equal(0, net:taken(held.id))
    assert.is_true(net:is_held(held.id))
    drive(function() return not net:readable() end)
    assert.is_true(net:is_idle() and net:is_drained())
    assert.is_true(net:timeout_ms() ~= 0)
    net:resume(held.id)
    assert.is_true(net:readable())
    assert.equal(0, net:timeout_ms())
    drive(function() return held.outcome end)
    assert.is_true(held.outcome.body == BODY)
  end)

  it("goes on as often as it is told to, a piece at a time", function()
    open()
    local held = hold()
    local times = 0
    while not held.outcome do
      local before = net:taken(held.id)
      net:resume(held.id)
      assert.is_true(net:step(0, 1)) -- one piece
      server:step()
      if not held.outcome then
        assert.is_true(net:taken(held.id) - before <= 2 * 16384)
        net:hold(held.id)
        times = times + 1
        drive(function() return held.outcome or net:is_held(held.id) end)
      end
      assert.is_true(times < 1000)
    end
    assert.is_true(held.outcome.body == BODY)
    assert.is_true(times > 10)
  end)

  it("does not let its time run out, and lets it run on afterwards", function()
    open(function(conn)
      conn:request()
      conn:send "HTTP/1.1 200 OK\r\nContent-Length: 100\r\n\r\nfirst"
      conn:closed()
    end)
    local held = hold { class = "download", timeout_ms = 100 }
    local over = socket.gettime() + 0.25
    while socket.gettime() < over do step(1) end
    assert.is_nil(held.outcome)
    net:resume(held.id)
    local began = socket.gettime()
    drive(function() return held.outcome end)
    assert.equal("timeout", held.outcome.status)
    assert.equal(5, held.outcome.received)
    assert.is_true(socket.gettime() - began < 5)
  end)

  it("forgets it when it is cancelled", function()
    open()
    local held = hold()
    net:cancel(held.id)
    assert.equal(0, net:active())
    step(3)
    local again = hold()
    net:resume(again.id)
    net:cancel(again.id) -- before the step
    step(3)
    assert.equal(0, net:active())
  end)

  it("lets go of it when the net is freed", function()
    open()
    hold()
    hold()
  end)

  it("ends it where its callback fails", function()
    open()
    local held = hold { class = "download", fail_data = "io" }
    net:resume(held.id)
    drive(function() return held.outcome end)
    assert.equal("io", held.outcome.status)
  end)
end)

-- Streams share a connection there, and libcurl keeps what comes for one that nobody reads.
describe("gim_net, where a stream of HTTP/2 is held up,", function()
  for how, what in pairs { resume = "goes on", cancel = "is cancelled" } do
    it("reads nothing at all, and wakes nobody, until it " .. what, function()
      local sandbox = require("spec.support.sandbox").start { tls = true }
      local net = assert(window.net { proxy = "", ca_file = sandbox.ca_file })
      local outcomes = {}
      local function start(i)
        return assert(net:start({ class = "poll", url = sandbox.starmagic_tls .. "/v1/credits",
          headers = { "Authorization: Bearer sk-test" } }, function(o) outcomes[i] = o end))
      end
      local function assert_woken(expected) -- a host that watches the descriptor
        if not window.has_descriptor then return end
        local ready = socket.select({ net }, nil, expected and 5 or 0.02)[1]
        assert.equal(expected and net or nil, ready)
      end
      local held = start(1)
      net:hold(held)
      local deadline = socket.gettime() + 10
      repeat
        assert.is_true(net:step(10))
        assert.is_true(socket.gettime() < deadline, "nothing came")
      until not net:is_drained()
      local other = start(2)
      for _ = 1, 100 do
        assert.is_true(net:step(0))
        assert.is_false(net:is_drained())
      end
      assert.same({}, outcomes)
      assert.equal(0, net:taken(held))
      assert.is_true(net:is_held(held))
      assert_woken(false)
      net:alarm(20) -- this is heard
      assert_woken(true)
      net:alarm()
      local began = socket.gettime()
      for _ = 1, 5 do assert.is_true(net:step(5)) end -- it waits, and does not go round
      assert.is_true(socket.gettime() - began >= 0.02)
      for _, id in ipairs { held, other } do -- that one is held up as well
        local is_held, ms = net:is_held(id)
        assert.equal(id == held, is_held)
        assert.is_true(ms >= 20, ms)
      end
      net[how](net, held)
      assert_woken(true)
      repeat
        assert.is_true(net:step(10))
        assert.is_true(socket.gettime() < deadline, "nothing came")
      until outcomes[2] and (outcomes[1] or how == "cancel")
      for _, outcome in pairs(outcomes) do
        assert.same({ "ok", 20, 200 },
          { outcome.status, outcome.response.version, outcome.response.status })
      end
      net:free()
      sandbox:stop()
    end)
  end
end)
