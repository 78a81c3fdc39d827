-- SPDX-License-Identifier: MIT
-- Tests src/net/gim_brake.c at work in a net: what a step with a budget lets pass, counted in
-- pieces and not by a clock. The smallest budget, 1 microsecond, is used up by the first piece.
local window = require "gptimage.core_test"
local misbehave = require "spec.support.misbehave"
local socket = require "socket"

local PIECE = 16384

local function stall(ms)
  local over = window.now_ms() + ms
  while window.now_ms() < over do end -- luacheck: ignore
end

describe("gim_brake", function()
  local net, server, before

  before_each(function()
    collectgarbage()
    before = window.open_fds()
    net = assert(window.net { max_requests = 40 })
  end)

  after_each(function()
    net:free()
    if server then server:close() end
    server = nil
    assert.equal(before, window.open_fds())
  end)

  -- Streams of `bytes` each; `streams[i]` has id, and outcome once it has ended.
  local function open(count, bytes, request)
    local body = ("0123456789abcdef"):rep(bytes // 16)
    server = misbehave.server(function(conn)
      conn:request()
      conn:reply(body)
      conn:closed()
    end)
    local streams = { body = body }
    for i = 1, count do
      local stream, wanted = {}, { class = "poll", url = server.url .. "/" }
      for name, value in pairs(request or {}) do wanted[name] = value end
      stream.id = assert(net:start(wanted, function(outcome) stream.outcome = outcome end))
      streams[i] = stream
    end
    return streams
  end

  local function pieces(streams)
    local all, bytes = 0, 0
    for _, stream in ipairs(streams) do
      local got, n = net:taken(stream.id)
      all, bytes = all + n, bytes + got
    end
    return all, bytes
  end

  local function ended(streams)
    local n = 0
    for _, stream in ipairs(streams) do
      if stream.outcome then n = n + 1 end
    end
    return n
  end

  -- Steps with `budget` until all have ended; `each(pieces, bytes)` looks at every step.
  local function drive(streams, budget, each)
    local deadline = socket.gettime() + 20
    local last, last_bytes = pieces(streams)
    local steps = 0
    while ended(streams) < #streams do
      assert(socket.gettime() < deadline, "not all came home")
      server:step()
      assert.is_true(net:step(0, budget))
      local now, bytes = pieces(streams)
      if each then each(now - last, bytes - last_bytes) end
      last, last_bytes, steps = now, bytes, steps + 1
    end
    for _, stream in ipairs(streams) do
      assert.equal("ok", stream.outcome.status)
      assert.is_true(stream.outcome.body == streams.body)
    end
    return steps
  end

  for _, kind in ipairs { "poll", "download", "paid" } do
    it("lets one piece pass in a step whose budget is used up at once: " .. kind, function()
      net:step(0, 1) -- small buffers from here on
      local streams = open(1, 2000000, { class = kind, post = kind == "paid", body = "x" })
      local steps = drive(streams, 1, function(n, bytes)
        assert.is_true(n <= 1 and bytes <= PIECE, n .. " pieces, " .. bytes .. " bytes")
      end)
      assert.is_true(steps >= 2000000 // PIECE)
    end)
  end

  it("holds back what large buffers have read already, too", function()
    local streams = open(3, 3000000) -- started before any budget: 256 KiB
    for _ = 1, 20 do server:step() end
    drive(streams, 1, function(n, bytes)
      assert.is_true(n <= 1 and bytes <= PIECE, n .. " pieces, " .. bytes .. " bytes")
    end)
  end)

  it("gives every stream its turn", function()
    net:step(0, 1)
    local streams = open(8, 2000000)
    local widest = 0
    drive(streams, 1, function()
      local least, most = math.huge, 0
      for _, stream in ipairs(streams) do
        local got = net:taken(stream.id)
        least, most = math.min(least, got), math.max(most, got)
      end
      widest = math.max(widest, most - least)
    end)
    assert.is_true(widest <= 12 * PIECE, "one was " .. widest .. " bytes ahead")
  end)

  it("reads nothing while anybody waits", function()
    net:step(0, 1)
    local streams = open(6, 5000000)
    drive(streams, 1, function(n) assert.is_true(n <= 1) end)
    -- what waits for its turn is a buffer each, not what the service has sent
  end)

  it("keeps the descriptor readable while a piece waits, though no socket has anything", function()
    net:step(0, 1)
    local streams = open(2, 4 * PIECE)
    local held = 0
    for _ = 1, 10000 do
      if ended(streams) == 2 then break end
      for _ = 1, 3 do server:step() end
      net:step(0, 1)
      if not net:is_drained() then
        held = held + 1
        assert.is_true(net:readable())
        assert.equal(0, net:timeout_ms())
      end
    end
    assert.equal(2, ended(streams))
    assert.is_true(held >= 8)
    while not net:is_drained() do net:step(0, 1) end
    for _ = 1, 100 do
      if not net:readable() then break end
      net:step(0)
    end
    assert.is_false(net:readable())
  end)

  it("lets all pass in a step without a budget", function()
    net:step(0, 1)
    local streams = open(4, 1000000)
    for _ = 1, 60 do
      server:step()
      net:step(0, 1)
    end
    drive(streams, 0)
  end)

  it("does not count the time that the host lets a stream wait", function()
    net:step(0, 1)
    local streams = open(2, 20 * PIECE, { timeout_ms = 150, class = "download" })
    local steps = 0
    drive(streams, 1, function()
      steps = steps + 1
      if steps % 8 == 0 and not net:is_drained() then stall(100) end
    end)
    assert.is_true(steps >= 40)
  end)

  it("ends a silent transfer in time, though others flow on and on", function()
    net:step(0, 1)
    local flows = true
    server = misbehave.server(function(conn)
      local request = conn:request()
      if request.target == "/silent" then return conn:closed() end
      conn:send "HTTP/1.1 200 OK\r\n\r\n"
      while flows and conn:send(("x"):rep(50000)) do coroutine.yield() end
    end)
    local outcome
    for _ = 1, 3 do
      assert(net:start({ class = "poll", url = server.url .. "/" }, function() end))
    end
    assert(net:start({ class = "poll", url = server.url .. "/silent", timeout_ms = 50 },
      function(o) outcome = o end))
    local deadline = socket.gettime() + 10
    while not outcome do
      assert(socket.gettime() < deadline, "it never ended")
      server:step()
      net:step(0, 1)
    end
    assert.equal("timeout", outcome.status)
    assert.matches("did not answer within 0.05 s", outcome.err.message)
    flows = false
  end)

  it("forgets a stream that is cancelled while it waits", function()
    net:step(0, 1)
    local streams = open(5, 1000000)
    for _ = 1, 100 do
      server:step()
      net:step(0, 1)
    end
    assert.is_false(net:is_drained())
    for i = 1, 4 do
      if not streams[i].outcome then net:cancel(streams[i].id) end
    end
    drive({ streams[5], body = streams.body }, 1)
  end)

  it("lets go of streams that wait when the net is freed", function()
    net:step(0, 1)
    open(5, 1000000)
    for _ = 1, 100 do
      server:step()
      net:step(0, 1)
    end
    assert.is_false(net:is_drained())
  end)

  it("brings home what fails in a piece that had waited", function()
    net:step(0, 1)
    local streams = open(4, 30 * PIECE, { fail_data = "io", fail_after = 9 * PIECE })
    local deadline = socket.gettime() + 10
    while ended(streams) < 4 do
      assert(socket.gettime() < deadline, "one hangs")
      server:step()
      net:step(0, 1)
    end
    for i = 1, 4 do assert.equal("io", streams[i].outcome.status) end
    assert.equal(0, net:active())
  end)

  it("brings home what was cut while it waited", function()
    net:step(0, 1)
    server = misbehave.server(function(conn)
      conn:request()
      conn:send("HTTP/1.1 200 OK\r\nContent-Length: 1000000\r\n\r\n" .. ("x"):rep(200000))
      conn:close()
    end)
    local streams = {}
    for i = 1, 3 do
      streams[i] = {}
      assert(net:start({ class = "poll", url = server.url .. "/" },
        function(o) streams[i].outcome = o end))
    end
    local deadline = socket.gettime() + 10
    while ended(streams) < 3 do
      assert(socket.gettime() < deadline, "one hangs")
      server:step()
      net:step(0, 1)
    end
    for i = 1, 3 do
      assert.same({ "network", 200000 },
        { streams[i].outcome.status, streams[i].outcome.received })
    end
  end)
end)
