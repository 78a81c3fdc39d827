-- SPDX-License-Identifier: MIT
-- A host that stalls must not lose replies that lie in its sockets to a deadline that passed
-- meanwhile: what is paid has no libcurl timeout, and the net says when everything was looked at.
local window = require "gptimage.core_test"
local misbehave = require "spec.support.misbehave"

local function stall(ms)
  local over = window.now_ms() + ms
  while window.now_ms() < over do end -- luacheck: ignore
end

describe("a host that stalls", function()
  it("finds the paid reply, though every time limit has passed", function()
    local net = assert(window.net { connect_timeout_ms = 100 })
    local server = misbehave.server(function(conn)
      conn:request()
      conn:reply(("x"):rep(200000))
      conn.server.sent = true
      conn:closed()
    end)
    local outcome
    assert(net:start({ class = "paid", post = true, body = "x", timeout_ms = 100,
      url = server.url .. "/" }, function(o) outcome = o end))
    misbehave.drive(net, { server }, function() return server.sent end)
    stall(400)
    assert.is_nil(outcome)
    assert.is_true(net:step(0))
    assert.is_true(net:is_drained())
    assert.equal("ok", outcome.status)
    assert.equal(200000, outcome.received)
    net:free()
    server:close()
  end)

  it("is told when a budget left sockets unread", function()
    local net = assert(window.net {})
    local server = misbehave.server(function(conn)
      conn:request()
      conn:reply(("x"):rep(100000))
      conn:closed()
    end)
    local done = 0
    for _ = 1, 4 do
      assert(net:start({ class = "paid", post = true, body = "x", url = server.url .. "/" },
        function() done = done + 1 end))
    end
    misbehave.drive(net, { server }, function() return #server.requests == 4 end)
    for _ = 1, 5 do server:step() end
    stall(20)
    net:step(0, 1)
    assert.is_true(done < 4)
    assert.is_false(net:is_drained())
    for _ = 1, 1000 do
      if net:is_drained() then break end
      net:step(0, 1)
      server:step()
    end
    assert.is_true(net:is_drained())
    assert.equal(4, done)
    net:free()
    server:close()
  end)

  it("finds the replies that are free to repeat, too, one piece at a time", function()
    local net = assert(window.net {})
    local answered = 0
    local server = misbehave.server(function(conn)
      conn:request()
      conn:reply(("x"):rep(40000))
      answered = answered + 1
      conn:closed()
    end)
    local outcomes = {}
    for i = 1, 4 do
      assert(net:start({ class = "download", timeout_ms = 500, url = server.url .. "/" },
        function(outcome) outcomes[i] = outcome end))
    end
    misbehave.drive(net, { server }, function() return #server.requests == 4 end)
    while answered < 4 do server:step() end
    assert.same({}, outcomes)
    stall(600)
    for _ = 1, 1000 do
      if #outcomes == 4 then break end
      assert.is_true(net:step(0, 1))
    end
    for i = 1, 4 do assert.same({ "ok", 40000 }, { outcomes[i].status, outcomes[i].received }) end
    net:free()
    server:close()
  end)

  it("may leave work undone for as long as it likes: that time counts for no limit", function()
    local net = assert(window.net {})
    local goes_on = false
    local server = misbehave.server(function(conn)
      conn:request()
      conn:send("HTTP/1.1 200 OK\r\nContent-Length: 200000\r\n\r\n" .. ("x"):rep(100000))
      conn.server.begun = true
      conn:wait(function() return goes_on end)
      conn:send(("x"):rep(100000))
      conn:closed()
    end)
    local outcome
    assert(net:start({ class = "download", timeout_ms = 500, url = server.url .. "/" },
      function(o) outcome = o end))
    misbehave.drive(net, { server }, function() return server.begun end)
    for _ = 1, 5 do server:step() end
    assert.is_true(net:step(0, 1))
    assert.is_false(net:is_drained())
    stall(600)
    assert.is_true(net:step(0)) -- all that is there; the rest has yet to come
    assert.is_true(net:is_drained())
    assert.is_nil(outcome)
    goes_on = true
    misbehave.drive(net, { server }, function() return outcome end)
    assert.same({ "ok", 200000 }, { outcome.status, outcome.received })
    net:free()
    server:close()
  end)
end)
