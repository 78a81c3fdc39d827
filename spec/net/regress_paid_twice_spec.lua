-- SPDX-License-Identifier: MIT
-- libcurl sends a request again by itself when a kept-alive connection turns out to be dead
-- before a byte of reply came. What is paid must reach the service at most once all the same.
local window = require "gptimage.core_test"
local misbehave = require "spec.support.misbehave"

describe("a paid POST", function()
  local net, server

  before_each(function() net = assert(window.net {}) end)
  after_each(function()
    net:free()
    server:close()
  end)

  local function fetch(request)
    request.url = server.url .. "/v1/images/generations"
    return misbehave.fetch(net, { server }, request)
  end

  local function paid(body)
    return fetch { class = "paid", post = true, body = body or '{"prompt":"x"}' }
  end

  -- The first exchange of every connection is fine, so that it is kept; then `finish`.
  local function after_one(finish)
    return misbehave.server(function(conn, number)
      conn:request()
      conn:reply "ok"
      if number == 1 then finish(conn) else misbehave.polite(conn) end
    end)
  end

  local function count(method)
    local n = 0
    for _, request in ipairs(server.requests) do
      if request.method == method then n = n + 1 end
    end
    return n
  end

  for how, finish in pairs {
    ["closes"] = function(conn) conn:request() conn:close() end,
    ["resets"] = function(conn) conn:request() conn:reset() end,
  } do
    it("goes out once when a reused connection reads it and " .. how, function()
      server = after_one(finish)
      assert.equal("ok", fetch({}).status)
      local outcome = paid()
      assert.equal("network", outcome.status)
      assert.equal(14, outcome.handed)
      assert.equal(14, outcome.total)
      assert.is_true(outcome.connected)
      assert.matches("before an answer came", outcome.err.message)
      assert.equal(1, count "POST")
      -- the net goes on, on a connection of its own
      assert.equal("ok", paid().status)
      assert.equal(2, count "POST")
    end)

    it("goes out once when it is empty and a reused connection " .. how, function()
      server = after_one(finish)
      fetch {}
      local outcome = paid ""
      assert.equal("network", outcome.status)
      assert.equal(0, outcome.total)
      assert.equal(1, count "POST")
    end)

    it("goes out once when a reused connection reads its head alone and " .. how, function()
      server = after_one(function(conn)
        conn:head()
        if how == "closes" then conn:close() else conn:reset() end
      end)
      fetch {}
      local outcome = paid(("x"):rep(3000000))
      assert.equal("network", outcome.status)
      assert.is_true(outcome.handed < outcome.total, "handed " .. outcome.handed)
      assert.is_true(outcome.err.retryable)
      assert.equal(0, count "POST")
      assert.equal(1, server.connections)
    end)

    it("goes out once when a fresh connection reads it and " .. how, function()
      server = misbehave.server(finish)
      local outcome = paid()
      assert.equal("network", outcome.status)
      assert.equal(outcome.total, outcome.handed)
      assert.equal(1, count "POST")
      assert.equal(1, server.connections)
    end)

    it("has not arrived when a fresh connection " .. how .. " before it was read", function()
      server = misbehave.server(function(conn)
        if how == "closes" then conn:close() else conn:reset() end
      end)
      local outcome = paid(("x"):rep(3000000))
      assert.equal("network", outcome.status)
      assert.is_true(outcome.handed < outcome.total)
      assert.equal(1, server.connections)
    end)
  end

  for how, finish in pairs {
    ["closes in its status line"] = function(conn)
      conn:request()
      conn:send "HTTP/1.1 20"
      conn:close()
    end,
    ["resets in its status line"] = function(conn)
      conn:request()
      conn:send "HTTP/1.1 20"
      conn:reset()
    end,
    ["closes in its headers"] = function(conn)
      conn:request()
      conn:send "HTTP/1.1 200 OK\r\nContent-Le"
      conn:close()
    end,
  } do
    for _, reused in ipairs { true, false } do
      it(("goes out once when a %s connection reads it and %s"):format(reused and "reused" or
        "fresh", how), function()
        server = reused and after_one(finish) or misbehave.server(function(conn, number)
          if number == 1 then finish(conn) else misbehave.polite(conn) end
        end)
        if reused then fetch {} end
        local outcome = paid()
        assert.equal("network", outcome.status)
        assert.same({ 14, 14 }, { outcome.handed, outcome.total })
        assert.equal(1, count "POST")
        assert.equal("ok", paid().status)
        assert.equal(2, count "POST")
      end)
    end
  end

  it("is counted as handed over no further than libcurl took it", function()
    server = misbehave.server(function(conn)
      conn:head()
      conn:body(100000)
      conn:wait(function() return server.enough end)
      conn:reset()
    end)
    local outcome
    local id = assert(net:start({ class = "paid", post = true, url = server.url .. "/",
      body = ("x"):rep(20000000) }, function(o) outcome = o end))
    local seen = 0
    misbehave.drive(net, { server }, function()
      local now = net:handed(id)
      assert.is_true(now >= seen)
      seen = now
      return seen > 100000
    end)
    server.enough = true
    misbehave.drive(net, { server }, function() return outcome end)
    assert.equal("network", outcome.status)
    assert.is_true(outcome.handed >= seen and outcome.handed < 20000000)
    assert.matches("while the request was being sent", outcome.err.message)
  end)

  it("that was cut in the reply is not sent again, and says so", function()
    server = after_one(function(conn)
      conn:request()
      conn:send "HTTP/1.1 200 OK\r\nContent-Length: 100\r\n\r\nhalf"
      conn:close()
    end)
    fetch {}
    local outcome = paid()
    assert.same({ "network", "half", 4 }, { outcome.status, outcome.body, outcome.received })
    assert.matches("in the middle of the reply", outcome.err.message)
    assert.equal(1, count "POST")
  end)

  it("whose whole reply came is fine, whatever happens to the connection", function()
    server = misbehave.server(function(conn)
      conn:head()
      conn:reply("all of it", "413 Content Too Large", { "Connection: close" })
      conn:reset()
    end)
    local outcome = paid(("x"):rep(3000000))
    -- The RST may overtake the reply in the kernel; when it did not, the reply counts.
    if outcome.response.status == 413 and outcome.received == 9 then
      assert.equal("ok", outcome.status)
    else
      assert.equal("network", outcome.status)
    end
  end)

  it("whose whole reply was read is fine, although the rest of its body cannot be sent", function()
    local replied, goes_on
    server = misbehave.server(function(conn)
      conn:head()
      conn:reply("all of it", "200 OK")
      replied = true
      conn:wait(function() return goes_on end)
      conn:reset()
    end)
    server.listener:setoption("recv-buffer-size", 4096)
    local outcome
    assert(net:start({ class = "paid", post = true, body = ("x"):rep(3000000),
      url = server.url .. "/v1/images/generations" }, function(o) outcome = o end))
    misbehave.drive(net, { server }, function() return replied end)
    for _ = 1, 10 do assert(net:step(0)) end -- the reply is read; the body is stuck
    assert.is_nil(outcome)
    goes_on = true
    misbehave.drive(net, { server }, function() return outcome end)
    assert.same({ "ok", "all of it" }, { outcome.status, outcome.body })
    assert.is_true(outcome.handed < outcome.total)
  end)

  it("while a GET is sent again, which costs nothing", function()
    server = after_one(function(conn) conn:request() conn:close() end)
    fetch {}
    assert.equal("ok", fetch({}).status)
    assert.equal(3, count "GET")
  end)

  it("does not go out on a connection that was idle for over four seconds", function()
    server = misbehave.server(misbehave.polite)
    assert.equal("ok", paid().status)
    assert.equal("ok", paid().status)
    assert.equal(1, server.connections)
    local until_ms = window.now_ms() + 5100
    misbehave.drive(net, { server }, function() return window.now_ms() > until_ms end)
    assert.equal("ok", fetch({}).status) -- a poll may
    assert.equal(1, server.connections)
    until_ms = window.now_ms() + 5100
    misbehave.drive(net, { server }, function() return window.now_ms() > until_ms end)
    assert.equal("ok", paid().status)
    assert.equal(2, server.connections)
  end)
end)
