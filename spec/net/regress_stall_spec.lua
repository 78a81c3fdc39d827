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
end)
