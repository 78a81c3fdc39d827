-- SPDX-License-Identifier: MIT
-- Tests src/net/gim_transfer.c and gim_prepare.c through the test window, against servers inside
-- this process.
local window = require "gptimage.core_test"
local misbehave = require "spec.support.misbehave"

describe("gim_transfer", function()
  local net, server, before

  local function serve(script)
    server = misbehave.server(script or misbehave.polite)
    return server
  end

  local function fetch(request)
    request.url = request.url or server.url .. "/v1/thing?sig=SIGNED"
    return misbehave.fetch(net, { server }, request)
  end

  before_each(function()
    collectgarbage()
    before = window.open_fds()
    net = assert(window.net { user_agent = "gptimage/test" })
  end)

  after_each(function()
    net:free()
    if server then server:close() end
    server = nil
    assert.equal(before, window.open_fds())
  end)

  describe("sends", function()
    it("a POST with its headers, its length and nothing that makes servers wait", function()
      serve()
      local outcome = assert(fetch {
        class = "paid", post = true, body = '{"a":1}',
        headers = { "Content-Type: application/json", "Authorization: Bearer KEY" },
      })
      local request = server.requests[1]
      assert.equal("POST", request.method)
      assert.equal("/v1/thing?sig=SIGNED", request.target)
      assert.equal('{"a":1}', request.body)
      assert.equal("7", request.headers["content-length"])
      assert.equal("application/json", request.headers["content-type"])
      assert.equal("Bearer KEY", request.headers.authorization)
      assert.equal("gptimage/test", request.headers["user-agent"])
      assert.is_nil(request.headers.expect)
      assert.is_nil(request.headers["transfer-encoding"])
      assert.is_nil(request.headers["accept-encoding"])
      assert.equal("ok", outcome.status)
      assert.equal("ok", outcome.body)
      assert.same({ 7, 7 }, { outcome.handed, outcome.total })
      assert.is_true(outcome.connected)
      assert.equal(200, outcome.response.status)
      assert.equal(11, outcome.response.version)
    end)

    it("as many headers as it is given, in their order, and without a name where it has none",
      function()
        serve()
        local headers, expected = {}, {}
        for i = 1, 40 do
          headers[i] = ("X-%d: %s"):format(i, ("v"):rep(i))
          expected[i] = headers[i] .. "\r\n"
        end
        fetch { headers = headers }
        assert.truthy(server.requests[1].raw:find(table.concat(expected), 1, true))
        net:free()
        net = assert(window.net {})
        fetch {}
        assert.is_nil(server.requests[2].headers["user-agent"])
      end)

    it("head and body of a POST in one packet, on new connections and on those that stand",
      function()
        local packets = {}
        serve(function(conn)
          while conn:request() do
            table.insert(packets, window.segments(conn.socket:getfd()))
            conn:reply "ok"
          end
        end)
        for i = 1, 3 do
          fetch { class = "paid", post = true, body = ("x"):rep(1000 * i) }
          fetch { class = "paid", post = true, parts = { { field = "f", data = "x" } } }
          fetch { class = "poll" }
        end
        assert.same({ 1, 2, 3, 4, 5, 6, 7, 8, 9 }, packets)
      end)

    it("large bodies whole, also without Expect", function()
      serve()
      local body = ("0123456789abcdef"):rep(200000) -- 3.2 MB
      local outcome = fetch { class = "paid", post = true, body = body }
      assert.equal("ok", outcome.status)
      assert.is_true(server.requests[1].body == body)
      assert.equal(#body, outcome.handed)
      assert.is_nil(server.requests[1].headers.expect)
    end)

    it("bodies with zeros in them, and empty ones", function()
      serve()
      assert.equal("ok", fetch({ class = "paid", post = true, body = "a\0b" }).status)
      assert.equal("ok", fetch({ class = "paid", post = true, body = "" }).status)
      assert.equal("a\0b", server.requests[1].body)
      assert.equal("0", server.requests[2].headers["content-length"])
    end)

    it("GETs without a body after POSTs on the same handle, and without its headers", function()
      serve()
      fetch { class = "paid", post = true, body = "x", headers = { "Authorization: Bearer KEY" } }
      fetch { class = "poll" }
      assert.equal("GET", server.requests[2].method)
      assert.is_nil(server.requests[2].headers.authorization)
      assert.is_nil(server.requests[2].headers["content-length"])
    end)

    it("a range, and the tag it belongs to", function()
      serve()
      fetch { class = "download", resume_from = 5000000000, if_range = '"tag"' }
      fetch { class = "download" }
      assert.equal("bytes=5000000000-", server.requests[1].headers.range)
      assert.equal('"tag"', server.requests[1].headers["if-range"])
      assert.is_nil(server.requests[2].headers.range)
      assert.is_nil(server.requests[2].headers["if-range"])
    end)

    it("paths as they are written", function()
      serve()
      fetch { url = server.url .. "/v1/tasks/../%2e%2e/a//b?x=[1]" }
      assert.equal("/v1/tasks/../%2e%2e/a//b?x=[1]", server.requests[1].target)
    end)

    it("queries one after the other, each as it is asked for, whatever was asked for before it",
      function()
        serve()
        for _, request in ipairs {
          { path = "/a" }, { path = "/b", headers = { "X: 1" } }, { path = "/c" },
          { path = "/d", resume_from = 7 }, { path = "/e" }, { path = "/f" },
          { path = "/g", class = "paid", post = true, body = "x" }, { path = "/h" },
        } do
          assert.equal("ok", fetch { url = server.url .. request.path, post = request.post,
            class = request.class or "poll", body = request.body, headers = request.headers,
            resume_from = request.resume_from }.status)
          local sent = table.remove(server.requests)
          assert.equal(request.path, sent.target)
          assert.equal(request.post and "POST" or "GET", sent.method)
          assert.equal(request.headers and "1", sent.headers.x)
          assert.equal(request.resume_from and "bytes=7-", sent.headers.range)
          assert.equal(request.post and "1", sent.headers["content-length"])
        end
        for _, bad in ipairs { "@evil.example/a", "\\a", "/a b", "/\127", "/a\\b",
          "/" .. ("a"):rep(10000) } do
          assert.equal("ok", fetch({ url = server.url .. "/a", class = "poll" }).status)
          local id, err = net:start({ url = server.url .. bad, class = "poll" }, error)
          assert.is_nil(id)
          assert.equal("invalid", err.kind)
        end
      end)

    it("to the host and target that each names, whatever its handle did before", function()
      local servers = { serve(), misbehave.server(misbehave.polite) }
      local targets = { ["/v1/tasks/a"] = "/v1/tasks/a", ["/v1/tasks/b"] = "/v1/tasks/b",
        ["/v1/tasks/a?q=1"] = "/v1/tasks/a?q=1", ["/c#d"] = "/c", ["/c"] = "/c", [""] = "/",
        ["?q=2"] = "/?q=2", ["/"] = "/", ["//x.example/y"] = "//x.example/y",
        ["/a/../b"] = "/a/../b", ["/a%2fb%3F"] = "/a%2fb%3F", ["/a;b=c&d"] = "/a;b=c&d" }
      local order = {}
      for target in pairs(targets) do order[#order + 1] = target end
      table.sort(order)
      for i, target in ipairs(order) do
        for j, next_target in ipairs(order) do
          for turn, to in ipairs { (i + j) % 2 + 1, j % 2 + 1 } do
            local wanted = turn == 1 and target or next_target
            local paid = (i * j) % 3 == 0
            local outcome = misbehave.fetch(net, servers, { class = paid and "paid" or "poll",
              post = paid, body = paid and "x" or nil, url = servers[to].url .. wanted })
            assert.equal("ok", outcome.status)
            local request = table.remove(servers[to].requests)
            assert.equal(targets[wanted], request.target)
            assert.equal(servers[to].url:match "//(.*)", request.headers.host)
          end
        end
      end
      assert.same({ 0, 0 }, { #servers[1].requests, #servers[2].requests })
      servers[2]:close()
    end)
  end)

  describe("refuses before anything is sent", function()
    local function refuse(request, kind, pattern)
      request.url = request.url or "http://127.0.0.1:1/"
      local id, err = net:start(request, function() error "must not be called" end)
      assert.is_nil(id)
      assert.equal(kind, err.kind)
      assert.matches(pattern, err.message)
      assert.equal(0, net:active())
    end

    it("URLs that are none or are ambiguous", function()
      refuse({ url = "ftp://example.com/" }, "invalid", "URL")
      refuse({ url = "http://user:pass@example.com/" }, "invalid", "user name")
      refuse({ url = "http://example.com\\@127.0.0.1/" }, "invalid", "URL")
      refuse({ url = "http://a b/" }, "invalid", "URL")
      refuse({ url = "" }, "invalid", "URL")
      refuse({ url = "http://example.com/" .. ("x"):rep(9000) }, "invalid", "URL")
    end)

    it("headers that would be two", function()
      refuse({ headers = { "A: b\r\nC: d" } }, "invalid", "header")
      refuse({ headers = { "no name" } }, "invalid", "header")
      refuse({ resume_from = 1, if_range = "x\ny" }, "invalid", "if_range")
      refuse({ resume_from = 1, if_range = ("x"):rep(500) }, "invalid", "if_range")
    end)
  end)

  describe("receives", function()
    it("what matters of the head, once, before the body", function()
      serve(function(conn)
        conn:request()
        conn:reply("body", "429 Too Many Requests", { "Retry-After: 7", "X-Request-Id: r",
          "Content-Type: text/plain", "Location: /elsewhere" })
      end)
      local outcome = fetch {}
      assert.equal("ok", outcome.status)
      assert.same({ 1, 429 }, { outcome.heads, outcome.head_status })
      local r = outcome.response
      assert.same({ "7", "r", "text/plain", "/elsewhere", 4 },
        { r.retry_after, r.request_id, r.content_type, r.location, r.content_length })
      assert.equal("body", outcome.body)
    end)

    it("nothing of the request before in a reused handle", function()
      local script = function(conn)
        conn:request()
        conn:reply("x", "302 Found", { "Location: /a", "ETag: t", "Retry-After: 1" })
        conn:request()
        conn:reply ""
      end
      serve(script)
      fetch {}
      local r = fetch({}).response
      assert.same({ "", "", 200 }, { r.etag, r.retry_after, r.status })
      assert.is_nil(r.location)
    end)

    it("bodies in pieces of at most 16 KiB", function()
      local body = ("x"):rep(1000000)
      serve(function(conn) conn:request() conn:reply(body) end)
      local outcome = fetch {}
      assert.is_true(outcome.body == body)
      assert.is_true(outcome.largest <= 16384)
      assert.equal(#body, outcome.received)
    end)

    it("chunked bodies, and bodies that end with the connection", function()
      serve(function(conn, number)
        conn:request()
        if number == 1 then
          conn:send "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n"
          conn:send "3\r\nabc\r\n2\r\nde\r\n0\r\nX-Trailer: t\r\n\r\n"
        else
          conn:send "HTTP/1.1 200 OK\r\nConnection: close\r\n\r\nabcde"
        end
      end)
      for _ = 1, 2 do
        local outcome = fetch {}
        assert.same({ "ok", "abcde", 5 }, { outcome.status, outcome.body, outcome.received })
      end
    end)

    it("interim replies without mistaking them for the reply", function()
      serve(function(conn)
        conn:request()
        conn:send "HTTP/1.1 103 Early Hints\r\nLink: </x>\r\n\r\nHTTP/1.1 100 Continue\r\n\r\n"
        conn:reply("done", "201 Created")
      end)
      local outcome = fetch { class = "paid", post = true, body = "x" }
      assert.same({ "ok", 1, 201, "done" },
        { outcome.status, outcome.heads, outcome.head_status, outcome.body })
    end)

    it("a slow first byte, with patience", function()
      local clock = window.now_ms()
      serve(function(conn)
        conn:request()
        conn:wait(function() return window.now_ms() - clock > 300 end)
        conn:reply "late"
      end)
      assert.equal("late", fetch({ class = "paid", post = true, body = "x" }).body)
    end)

    it("without an on_head, too", function()
      serve()
      local outcome = fetch { no_head = true }
      assert.same({ "ok", 0 }, { outcome.body, outcome.heads })
    end)

    it("redirects as replies: nothing is sent anywhere else", function()
      for _, status in ipairs { "301", "302", "303", "307", "308" } do
        serve(function(conn)
          conn:request()
          conn:reply("", status .. " Moved", { "Location: " .. server.url .. "/again" })
          if conn:request() then conn:reply "twice" end
        end)
        local outcome = fetch { class = "paid", post = true, body = "pay" }
        assert.equal(tonumber(status), outcome.response.status)
        assert.equal(1, #server.requests)
        assert.equal(1, server.connections)
        server:close()
      end
      server = nil
    end)
  end)

  describe("stops at", function()
    it("bodies over max_bytes, told before or found out", function()
      serve(function(conn, number)
        conn:request()
        if number == 1 then conn:send "HTTP/1.1 200 OK\r\nContent-Length: 1001\r\n\r\nx"
        else conn:send("HTTP/1.1 200 OK\r\n\r\n" .. ("x"):rep(1001)) end
        conn:closed()
      end)
      for _ = 1, 2 do
        local outcome = fetch { max_bytes = 1000 }
        assert.equal("too_big", outcome.status)
        assert.matches("1000 bytes", outcome.err.message)
        assert.equal(200, outcome.response.status)
      end
    end)

    it("exactly max_bytes, not before", function()
      serve(function(conn) conn:request() conn:reply(("x"):rep(1000)) end)
      assert.equal("ok", fetch({ max_bytes = 1000 }).status)
    end)

    it("heads that are too big, in many lines and in one", function()
      serve(function(conn, number)
        conn:request()
        conn:send "HTTP/1.1 200 OK\r\n"
        if number == 1 then
          for _ = 1, 200 do conn:send("X-Padding: " .. ("x"):rep(1000) .. "\r\n") end
        else
          conn:send("X-Padding: " .. ("x"):rep(number == 2 and 90000 or 400000) .. "\r\n\r\n")
        end
        conn:closed()
      end)
      for _ = 1, 3 do assert.equal("too_big", fetch({}).status) end
    end)

    it("what on_head and on_data say", function()
      serve(function(conn) conn:request() conn:reply(("x"):rep(100000)) conn:closed() end)
      local outcome = fetch { fail_head = "protocol" }
      assert.same({ "protocol", "" }, { outcome.status, outcome.body })
      outcome = fetch { fail_data = "io", fail_after = 20000 }
      assert.equal("io", outcome.status)
      assert.equal("io", outcome.err.kind)
      assert.is_true(#outcome.body <= 20000)
    end)

    it("timeout_ms, but never for what is paid", function()
      local answer = false
      serve(function(conn)
        conn:request()
        conn:wait(function() return answer end)
        conn:reply "at last"
      end)
      local paid
      assert(net:start({ class = "paid", post = true, body = "x", timeout_ms = 50,
        url = server.url .. "/" }, function(o) paid = o end))
      local outcome = fetch { timeout_ms = 100 }
      assert.equal("timeout", outcome.status)
      assert.matches("did not answer within 0.1 s", outcome.err.message)
      assert.is_true(outcome.err.retryable)
      assert.is_true(outcome.connected)
      assert.is_nil(paid)
      answer = true
      misbehave.drive(net, { server }, function() return paid end)
      assert.equal("at last", paid.body)
    end)
  end)

  describe("when memory is short", function()
    it("refuses to start, and starts the next time", function()
      serve()
      local failures = 0
      for n = 1, 20 do
        window.fail_allocation(n)
        local outcome
        local id, err = net:start({ url = server.url .. "/" }, function(o) outcome = o end)
        window.fail_allocation(0)
        if id then
          net:cancel(id)
          assert.is_nil(outcome)
          break
        end
        failures = failures + 1
        assert.equal("no_memory", err.kind)
      end
      assert.is_true(failures >= 1)
      assert.equal("ok", fetch({}).status)
    end)

    it("ends a transfer that cannot keep its redirect", function()
      serve(function(conn)
        conn:request()
        conn:reply("", "302 Found", { "Location: /there" })
      end)
      fetch {} -- handle, marks and connection are there now
      server:close()
      serve(function(conn)
        conn:request()
        window.fail_allocation(1)
        conn:reply("", "302 Found", { "Location: /there" })
        conn:closed()
      end)
      local outcome = fetch {}
      window.fail_allocation(0)
      assert.equal("no_memory", outcome.status)
    end)
  end)
end)
