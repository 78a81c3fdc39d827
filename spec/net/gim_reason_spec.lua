-- SPDX-License-Identifier: MIT
-- Tests src/net/gim_reason.c through the test window: what each way to fail is called, and advised.
local window = require "gptimage.core_test"
local misbehave = require "spec.support.misbehave"

describe("gim_reason", function()
  local net, server

  before_each(function()
    net = assert(window.net { proxy = "", connect_timeout_ms = 2000 })
  end)
  after_each(function()
    net:free()
    if server then server:close() end
    server = nil
  end)

  local function fails(url, script, request)
    if script then
      server = misbehave.server(script)
      url = url:gsub("PORT", tostring(server.port))
    end
    request = request or {}
    request.url = url
    local outcome = misbehave.fetch(net, { server }, request)
    assert.not_equal("ok", outcome.status)
    assert.equal(outcome.status, outcome.err.kind)
    for _, secret in ipairs { "SIGNED", "/secret" } do
      assert.is_nil(outcome.err.message:find(secret, 1, true))
    end
    assert.is_nil(outcome.err.message:find("\n", 1, true))
    return outcome
  end

  it("says that nobody listens", function()
    local place = "127.0.0.1:" .. misbehave.closed_port()
    local outcome = fails("http://" .. place .. "/secret?sig=SIGNED")
    assert.equal("network", outcome.status)
    assert.equal("no connection to " .. place .. ": Connection refused; does the service (the "
      .. "sandbox?) run there? If it is elsewhere: see base_url, $GPTIMAGE_BASE_URL and files_url",
      outcome.err.message)
    assert.is_true(outcome.err.retryable)
    assert.is_false(outcome.connected)
  end)

  it("writes an IPv6 address with its port as URLs do", function()
    local place = "[::1]:" .. misbehave.closed_port()
    local message = fails("http://" .. place .. "/secret").err.message
    assert.truthy(message:find("no connection to " .. place .. ": ", 1, true), message)
  end)

  it("names the proxy that is between, without its credentials", function()
    net:free()
    local gate = "127.0.0.1:" .. misbehave.closed_port()
    net = assert(window.net { proxy = "http://me:hunter2@" .. gate .. "/" })
    local outcome = fails "http://images.example/secret?sig=SIGNED"
    assert.equal("network", outcome.status)
    assert.equal("no connection to images.example:80 through the proxy " .. gate .. ": Connection "
      .. "refused; see the option proxy and the environment's proxy variables",
      outcome.err.message)
    net:free()
    net = assert(window.net { proxy = "me:hunter2@" .. ("y"):rep(63) .. ".invalid" })
    local message = fails("http://images.example/secret", nil, { timeout_ms = 2000 }).err.message
    assert.matches("^no connection to images.example through the proxy y+.invalid", message)
    assert.is_nil(message:find("hunter2", 1, true))
    net:free()
    -- A gate that speaks something else.
    server = misbehave.server(function(conn)
      conn:request()
      conn:send("SSH-2.0-OpenSSH\r\n")
      conn:close()
    end)
    net = assert(window.net { proxy = "http://127.0.0.1:" .. server.port })
    message = misbehave.fetch(net, { server }, { url = "http://images.example/" }).err.message
    assert.matches("images.example through the proxy 127.0.0.1:" .. server.port, message, 1, true)
  end)

  it("says that a name has no address", function()
    -- a label of 63 letters is legal and belongs to nobody; without a network the resolver may
    -- take its time instead
    local host = ("x"):rep(63) .. ".invalid"
    local outcome = fails("http://" .. host .. "/secret?sig=SIGNED")
    if outcome.status == "timeout" then
      assert.matches("no connection to x+.invalid within 2 s", outcome.err.message)
    else
      assert.equal("network", outcome.status)
      assert.matches("the name x+.invalid cannot be resolved", outcome.err.message)
    end
    assert.is_false(outcome.connected)
  end)

  it("says that a connection took too long", function()
    -- a queue of one that nobody accepts from: further connections hang
    local socket = require "socket"
    local full = assert(socket.tcp())
    assert(full:bind("127.0.0.1", 0))
    assert(full:listen(0))
    local _, port = full:getsockname()
    local fillers = {}
    for i = 1, 3 do
      fillers[i] = socket.tcp()
      fillers[i]:settimeout(0)
      fillers[i]:connect("127.0.0.1", port)
    end
    net:free()
    net = assert(window.net { proxy = "", connect_timeout_ms = 200 })
    local outcome = fails("http://127.0.0.1:" .. port .. "/secret?sig=SIGNED")
    for _, s in ipairs(fillers) do s:close() end
    full:close()
    assert.equal("timeout", outcome.status)
    assert.equal("no connection to 127.0.0.1:" .. port .. " within 0.2 s", outcome.err.message)
  end)

  it("says that the reply was slow, or did not end", function()
    local outcome = fails("http://127.0.0.1:PORT/secret", function(conn)
      conn:request()
      conn:closed()
    end, { timeout_ms = 60 })
    assert.matches("127.0.0.1 did not answer within 0.06 s", outcome.err.message)
    server:close()
    outcome = fails("http://127.0.0.1:PORT/secret", function(conn)
      conn:request()
      conn:send "HTTP/1.1 200 OK\r\nContent-Length: 10\r\n\r\nhalf"
      conn:closed()
    end, { timeout_ms = 60 })
    assert.matches("127.0.0.1 did not finish its reply within 0.06 s", outcome.err.message)
  end)

  it("says that the answer is no HTTP", function()
    for _, answer in ipairs { "SSH-2.0-OpenSSH\r\n", "HTTP/9.9 what\r\n\r\n" } do
      local outcome = fails("http://127.0.0.1:PORT/secret", function(conn)
        conn:request()
        conn:send(answer)
        conn:close()
      end)
      assert.equal("network", outcome.status)
      assert.matches("127.0.0.1", outcome.err.message)
      server:close()
    end
    server = nil
  end)

  it("says that the connection was closed without a word, or in the middle", function()
    for sent, pattern in pairs {
      [""] = "broke before an answer came",
      ["HTTP/1.1 200 OK\r\nContent-Length: 10\r\n\r\nhalf"] = "broke in the middle of the reply",
      ["HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n5\r\nab"] = "broke in the middle",
      ["HTTP/1.1 200 OK\r\n"] = "broke in the middle",
      ["HTTP/1.1 200 OK\r\nContent-Le"] = "broke in the middle",
    } do
      local outcome = fails("http://127.0.0.1:PORT/secret", function(conn)
        conn:request()
        conn:send(sent)
        conn:close()
      end)
      assert.equal("network", outcome.status)
      assert.matches(pattern, outcome.err.message)
      server:close()
    end
    server = nil
  end)

  it("says that TLS failed where no TLS is spoken", function()
    local outcome = fails("https://127.0.0.1:PORT/secret?sig=SIGNED", function(conn)
      conn:wait(function() conn.socket:receive(1) return true end)
      conn:send "HTTP/1.1 400 Bad Request\r\n\r\n"
      conn:close()
    end)
    assert.equal("network", outcome.status)
    assert.matches("TLS with 127.0.0.1 failed", outcome.err.message)
    assert.is_false(outcome.connected)
    assert.same({ 0, 0 }, { outcome.handed, outcome.received })
  end)
end)
