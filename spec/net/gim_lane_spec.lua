-- SPDX-License-Identifier: MIT
-- Tests src/net/gim_lane.c and gim_easy.c through the test window: connections are kept and reused.
local window = require "gptimage.core_test"
local misbehave = require "spec.support.misbehave"

describe("gim_lane", function()
  local net, server

  after_each(function()
    net:free()
    server:close()
  end)

  local function burst(n, class)
    local done = 0
    for _ = 1, n do
      assert(net:start({ class = class or "poll", url = server.url .. "/" }, function(o)
        assert(o.status == "ok", o.err and o.err.message)
        done = done + 1
      end))
    end
    misbehave.drive(net, { server }, function() return done == n end)
  end

  it("keeps one connection for requests one after the other, of both API classes", function()
    net, server = assert(window.net {}), misbehave.server(misbehave.polite)
    for i = 1, 10 do
      local outcome = misbehave.fetch(net, { server }, {
        class = i % 2 == 0 and "paid" or "poll", post = i % 2 == 0, body = "x",
        url = server.url .. "/",
      })
      assert.equal("ok", outcome.status)
    end
    assert.equal(1, server.connections)
    assert.equal(10, #server.requests)
  end)

  it("keeps as many connections as there are slots between bursts", function()
    net, server = assert(window.net { max_requests = 12 }), misbehave.server(misbehave.polite)
    burst(10)
    local first = server.connections
    assert.is_true(first <= 10)
    burst(1) -- libcurl's own default would now keep four
    burst(10)
    assert.is_true(server.connections <= 10, server.connections .. " connections")
  end)

  it("does not wait for one reply to know whether others may go beside it", function()
    net = assert(window.net {})
    server = misbehave.server(function(conn, number)
      conn:request()
      if number == 1 then
        conn:wait(function() return conn.server.answer end)
      end
      conn:reply "ok"
      misbehave.polite(conn)
    end)
    local slow
    assert(net:start({ class = "paid", post = true, body = "x", url = server.url .. "/" },
      function(o) slow = o end))
    misbehave.drive(net, { server }, function() return #server.requests == 1 end)
    burst(3)
    assert.is_nil(slow)
    server.answer = true
    misbehave.drive(net, { server }, function() return slow end)
    assert.equal("ok", slow.status)
  end)

  it("does not lend connections of the API to downloads", function()
    net, server = assert(window.net {}), misbehave.server(misbehave.polite)
    burst(1, "poll")
    burst(1, "download")
    burst(1, "download")
    assert.equal(2, server.connections)
  end)

  it("takes a new connection where the old one was closed, for what costs nothing", function()
    net = assert(window.net {})
    server = misbehave.server(function(conn)
      conn:request()
      conn:reply "ok"
      conn:close()
    end)
    for _ = 1, 3 do burst(1) end
    assert.equal(3, server.connections)
  end)

  it("speaks to IPv6 hosts", function()
    local ok, other = pcall(misbehave.server, misbehave.polite, "::1")
    net = assert(window.net { proxy = "" })
    if not ok then
      server = misbehave.server(misbehave.polite)
      pending "this machine has no IPv6"
      return
    end
    server = other
    burst(1)
    assert.equal("[::1]:" .. server.port, server.requests[1].headers.host)
  end)
end)
