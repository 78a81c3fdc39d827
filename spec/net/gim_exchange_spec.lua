-- SPDX-License-Identifier: MIT
-- Tests src/net/gim_exchange.c through clients: one request to the API, and its answer read while
-- it arrives, from services that end it in every way.
local core = require "gptimage.core"
local services = require "spec.support.service"

local service

local function start(handlers, options)
  service = services.start(handlers)
  service:client(options)
end

after_each(function()
  if service then service:close() end
  service = nil
end)

describe("a paid POST", function()
  it("whose reply is lost is not sent again, and may have been billed", function()
    for _, how in ipairs { "close", "reset" } do
      start { submit = function(conn) conn[how](conn) return false end }
      local result, err = service:generate()
      assert.is_nil(result)
      assert.equal("network", err.kind)
      assert.equal("maybe", err.billed)
      assert.is_nil(err.status)
      assert.equal(1, #service.posts)
      assert.equal(1, service.server.connections)
      service:close()
    end
  end)

  it("that was cut off while it was being sent is sent again, and paid once", function()
    local struck = 0
    start { head = function(conn, _, kind)
      if kind == "submit" and struck < 2 then
        struck = struck + 1
        conn:reset()
        return false
      end
    end }
    -- No buffer on the way takes all of it while nobody reads.
    service.server.listener:setoption("recv-buffer-size", 4096)
    local result = assert(service:generate { extra = { filler = ("x"):rep(3900000) } })
    assert.equal("yes", result.billed)
    assert.equal(2, struck)
    assert.equal(3, service.server.connections)
    assert.equal(1, #service.posts)
    assert.is_true(#service.posts[1].body > 3900000)
  end)

  it("that nobody listens for is tried again, and was not billed", function()
    local port = require("spec.support.misbehave").closed_port()
    service = services.start()
    service:client { base_url = "http://127.0.0.1:" .. port, retry = { max = 2, base = 0 } }
    local result, err, task = service:generate()
    assert.is_nil(result)
    assert.equal("network", err.kind)
    assert.equal("no", err.billed)
    assert.equal("no", task.billed)
    assert.is_true(err.retryable)
    assert.truthy(err.message:find("no connection to 127.0.0.1", 1, true))
  end)

  it("on a kept connection that dies after reading it goes out once", function()
    start { submit = function(conn, _, number)
      if number == 2 then
        conn:reset()
        return false
      end
      return services.defaults.submit(conn)
    end }
    assert(service:generate())
    local result, err = service:generate()
    assert.is_nil(result)
    assert.equal("maybe", err.billed)
    assert.equal(2, #service.posts)
    -- It did go out on the connection that had been there before.
    assert.equal(service.posts[1].connection, service.posts[2].connection)
    assert.not_equal(service.posts[1].headers["idempotency-key"],
      service.posts[2].headers["idempotency-key"])
  end)

  it("is repeated with the same key where the user vouches for it", function()
    start({ submit = function(conn, _, number)
      if number < 3 then
        conn:reset()
        return false
      end
      return services.defaults.submit(conn)
    end }, { idempotent = true })
    local result = assert(service:generate())
    assert.equal("yes", result.billed)
    assert.equal(3, #service.posts)
    assert.equal(service.posts[1].headers["idempotency-key"],
      service.posts[3].headers["idempotency-key"])
    assert.truthy(service.posts[1].headers["idempotency-key"]
      :find("^gim_" .. ("%x"):rep(32) .. "$"))
    assert.equal(service.posts[1].body, service.posts[3].body)
  end)

  it("is sent again after a 429, when the service says", function()
    for _, header in ipairs { "Retry-After: 0.05", "retry-after-ms: 50" } do
      local times = {}
      start { submit = function(conn, _, number)
        times[number] = core.now()
        if number == 1 then
          return conn:reply('{"error":{"code":"rate_limit_exceeded","message":"slowly"}}',
            "429 Too Many Requests", { header })
        end
        return services.defaults.submit(conn)
      end }
      local result = assert(service:generate())
      assert.equal("yes", result.billed)
      assert.equal(2, #service.posts)
      assert.is_true(times[2] - times[1] >= 0.049, "sent again too early")
      service:close()
    end
  end)

  it("is sent again after a 429 with a date, and gives up where that is too far", function()
    local date = os.date("!%a, %d %b %Y %H:%M:%S GMT", os.time() + 3600)
    start { submit = function(conn)
      conn:reply("", "429 Too Many Requests", { "Retry-After: " .. date })
    end }
    local result, err = service:generate { timeout = 5 }
    assert.is_nil(result)
    assert.equal("rate_limited", err.kind)
    assert.equal("no", err.billed)
    assert.equal(429, err.status)
    assert.is_true(err.retry_after > 3590 and err.retry_after <= 3600)
    assert.equal(1, #service.posts)
    service:close()

    date = os.date("!%a, %d %b %Y %H:%M:%S GMT", os.time() - 5)
    start { submit = function(conn, _, number)
      if number == 1 then
        return conn:reply("", "429 Too Many Requests", { "Retry-After: " .. date })
      end
      return services.defaults.submit(conn)
    end }
    assert(service:generate())
    assert.equal(2, #service.posts)
  end)

  it("gives up after so many 429 as `retry` says", function()
    start({ submit = function(conn) conn:reply("", "429 Too Many Requests") end },
      { retry = { max = 2, base = 0, cap = 0 } })
    local result, err = service:generate()
    assert.is_nil(result)
    assert.equal("rate_limited", err.kind)
    assert.equal("no", err.billed)
    assert.equal(3, #service.posts)
  end)

  it("that met a 5xx is not sent again: HTML, JSON or nothing", function()
    local html = "<html><head><title>502 Bad Gateway</title></head></html>"
    for _, case in ipairs {
      { "502 Bad Gateway", html }, { "504 Gateway Time-out", html }, { "524 A Timeout", html },
      { "503 Service Unavailable", html }, { "500 Internal Server Error", "" },
      { "500 Internal Server Error", '{"error":{"code":"internal_error","message":"oh"}}' },
    } do
      start { submit = function(conn) conn:reply(case[2], case[1]) end }
      local result, err = service:generate()
      assert.is_nil(result)
      assert.equal("server", err.kind, case[1])
      assert.equal("maybe", err.billed, case[1])
      assert.equal(math.tointeger(tonumber(case[1]:sub(1, 3))), err.status)
      assert.equal(1, #service.posts)
      service:close()
    end
  end)

  it("that met an error page of two megabytes ends by its status", function()
    local page = "<html>" .. ("sorry "):rep(400000)
    start { submit = function(conn, _, number)
      if number == 1 then return conn:reply(page, "429 Too Many Requests") end
      return services.defaults.submit(conn)
    end, poll = function(conn, request_head, number, s)
      if number == 1 then return conn:reply(page, "502 Bad Gateway") end
      return services.defaults.poll(conn, request_head, number, s)
    end }
    assert(service:generate())
    assert.equal(2, #service.posts)
    assert.equal(2, #service.polls)
  end)

  it("with a cut answer is not sent again", function()
    start { submit = function(conn)
      conn:send 'HTTP/1.1 200 OK\r\nContent-Length: 200\r\n\r\n{"id":"task-unif'
      return false
    end }
    local result, err = service:generate()
    assert.is_nil(result)
    assert.equal("network", err.kind)
    assert.equal("maybe", err.billed)
    assert.equal(1, #service.posts)
  end)

  it("keeps the id of a task whose answer was whole before the connection broke", function()
    start { submit = function(conn)
      services.defaults.submit(conn)
      conn:reset()
      return false
    end }
    assert.equal("yes", assert(service:generate()).billed)
    assert.equal(1, #service.posts)
  end)

  it("follows no redirect, and tells its key to nobody else", function()
    local other = services.start()
    for _, status in ipairs { "301 Moved", "302 Found", "307 Temporary", "308 Permanent" } do
      start { submit = function(conn)
        conn:reply("", status, { "Location: " .. other.url .. "/v1/images/generations" })
      end }
      local result, err = service:generate()
      assert.is_nil(result)
      assert.equal("no", err.billed)
      assert.equal("protocol", err.kind)
      assert.equal(1, #service.posts)
      service:close()
    end
    other.server:step()
    assert.equal(0, other.server.connections)
    other:close()
  end)

  it("survives answers that are no answers", function()
    for _, bytes in ipairs { "", "\0\0\0\0", "HTTP/1.1 2", "HTTP/9.9 200 OK\r\n\r\n", "SSH-2.0\r\n",
      "HTTP/1.1 200 OK\r\nContent-Length: -5\r\n\r\n",
      "HTTP/1.1 200 OK\r\nContent-Length: 0\r\n\r\n",
      "HTTP/1.1 200 OK\r\nContent-Length: 4\r\n\r\nnull", "HTTP/1.1 204 No Content\r\n\r\n",
      "HTTP/1.1 200 OK\r\n" .. ("X: y\r\n"):rep(20000),
      "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\nzz\r\n",
      "HTTP/1.1 200 OK\r\nContent-Encoding: gzip\r\nContent-Length: 3\r\n\r\nabc",
    } do
      start { submit = function(conn) conn:send(bytes) return false end }
      local result, err = service:generate()
      assert.is_nil(result)
      assert.equal("maybe", err.billed, bytes:sub(1, 60))
      assert.is_true(err.kind == "network" or err.kind == "protocol" or err.kind == "too_big",
        err.kind)
      assert.equal(1, #service.posts)
      service:close()
    end
  end)

  it("is not troubled by what comes before and behind the answer", function()
    start { submit = function(conn)
      conn:send "HTTP/1.1 100 Continue\r\n\r\nHTTP/1.1 103 Early Hints\r\nLink: </x>\r\n\r\n"
      local body = ('{"id":"%s","status":"pending"}'):format(services.ID)
      conn:send(("HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n%x\r\n%s\r\n0\r\n"
        .. "X-Trailer: y\r\n\r\n"):format(#body, body))
    end }
    assert.equal(services.ID, assert(service:generate()).id)
  end)
end)

describe("polls", function()
  local function failing(strike)
    return { poll = function(conn, head, number, s)
      if number == 1 then return strike(conn) end
      return services.defaults.poll(conn, head, number, s)
    end }
  end

  it("that fail are no failed tasks", function()
    for name, strike in pairs {
      ["502"] = function(conn) conn:reply("<html>", "502 Bad Gateway") end,
      ["429"] = function(conn) conn:reply("", "429 Too Many", { "retry-after-ms: 5" }) end,
      ["cut"] = function(conn)
        conn:send 'HTTP/1.1 200 OK\r\nContent-Length: 99\r\n\r\n{"id":'
        return false
      end,
      ["reset"] = function(conn) conn:reset() return false end,
      ["HTML at 200"] = function(conn) conn:reply "<html>maintenance</html>" end,
      ["not found just after it was made"] = function(conn)
        conn:reply('{"error":{"code":"task_not_found","message":"no"}}', "404 Not Found")
      end,
      ["an unknown status"] = function(conn)
        conn:reply('{"id":"' .. services.ID .. '","status":"painting"}')
      end,
    } do
      start(failing(strike))
      local result, err = service:generate()
      assert(result, name .. ": " .. tostring(err))
      assert.equal(2, #service.polls, name)
      assert.equal(1, #service.posts, name)
      service:close()
    end
  end)

  it("that stall are given up after the time limit, and asked again", function()
    start(failing(function(conn) conn:closed() return false end), { timeout = { poll = 0.05 } })
    assert(service:generate())
    assert.equal(2, #service.polls)
  end)

  it("ask for any id that a service gives, and for no other path", function()
    for id, path in pairs {
      ["a b/c?d#e"] = "a%20b%2Fc%3Fd%23e", [".."] = "%2E%2E", ["é"] = "%C3%A9",
      ["../../v1/credits"] = "..%2F..%2Fv1%2Fcredits", ["%2e"] = "%252e" } do
      start { submit = function(conn)
        conn:reply(('{"id":"%s","status":"pending"}'):format(id))
      end }
      local result = assert(service:generate())
      assert.equal(id, result.id)
      assert.equal("/v1/tasks/" .. path, service.polls[1].target)
      service:close()
    end
  end)
end)
