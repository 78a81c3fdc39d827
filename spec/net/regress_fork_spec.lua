-- SPDX-License-Identifier: MIT
-- The epoll set is shared with a child after fork: whatever the child does to it happens to the
-- parent. So in a child every call says no, and freeing does nothing.
local window = require "gptimage.core_test"
local misbehave = require "spec.support.misbehave"

-- The key of a request by a client of its own, which sends nothing.
local function draw_key()
  local core = window.core()
  local client = assert(core.client { api_key = "k", base_url = "http://127.0.0.1:1" })
  local key = assert(core.generate(client, { model = "gpt-image-2", prompt = "x" })).key
  core.close(client)
  return key
end

describe("a request's key", function()
  it("is the kernel's word of that moment: nothing was drawn ahead that two could share", function()
    draw_key()
    window.next_random(("0123456789abcdef"):rep(2)) -- a client tries it first
    assert.equal("gim_" .. ("0123456789abcdef"):gsub(".", function(c)
      return ("%02x"):format(c:byte())
    end), draw_key())
  end)

  it("is another one in each child, and of each client", function()
    local seen = {}
    for _ = 1, 20 do
      local fine, key = window.in_child(draw_key)
      assert.is_true(fine, key)
      for _, one in ipairs { key, draw_key() } do
        assert.matches("^gim_%x+$", one)
        assert.equal(36, #one)
        assert.is_nil(seen[one])
        seen[one] = true
      end
    end
  end)
end)

describe("a child after fork", function()
  it("can do nothing to the parent's net, and the parent's requests end well", function()
    local answer = false
    local server = misbehave.server(function(conn)
      conn:request()
      conn:wait(function() return answer end)
      conn:reply "ok"
      misbehave.polite(conn)
    end)
    local net = assert(window.net {})
    local outcome
    local id = assert(net:start({
      class = "paid", post = true, body = "x", url = server.url .. "/",
    }, function(o) outcome = o end))
    misbehave.drive(net, { server }, function() return #server.requests == 1 end)
    assert.is_false(net:is_foreign())

    local fine, said = window.in_child(function()
      assert(net:is_foreign())
      local done, err = net:step(0)
      assert(not done and err.kind == "invalid" and err.message:find "after fork")
      local other, refusal = net:start({ url = server.url .. "/" }, function() end)
      assert(not other and refusal.kind == "invalid")
      assert(net:cancel(id) == 1)
      net:alarm(1)
      net:alarm()
      net:free()
      collectgarbage()
      return "said no"
    end)
    assert.is_true(fine, said)
    assert.equal("said no", said)

    answer = true
    misbehave.drive(net, { server }, function() return outcome end)
    assert.equal("ok", outcome.status)
    outcome = misbehave.fetch(net, { server }, { url = server.url .. "/" })
    assert.equal("ok", outcome.status)
    assert.equal(1, server.connections) -- the connection is whole, too
    net:free()
    server:close()
  end)

  it("can have a net of its own", function()
    local net = assert(window.net {})
    local fine, said = window.in_child(function()
      local server = misbehave.server(misbehave.polite)
      local own = assert(window.net {})
      local outcome = misbehave.fetch(own, { server }, { url = server.url .. "/" })
      own:free()
      return outcome.status
    end)
    assert.is_true(fine, said)
    assert.equal("ok", said)
    net:free()
  end)

  it("does not make the parent spin on a connection of both that the parent closed", function()
    local socket = require "socket"
    local server = misbehave.server(function(conn)
      conn:request()
      conn:wait(function() return conn.server.answer end)
      conn:send "late"
      conn:closed()
    end)
    local net = assert(window.net {})
    local id = assert(net:start({ url = server.url .. "/" }, function() end))
    misbehave.drive(net, { server }, function() return #server.requests == 1 end)
    -- the child holds copies of all descriptors until it is told to end
    local gate = assert(socket.bind("127.0.0.1", 0))
    local _, port = gate:getsockname()
    local near = assert(socket.connect("127.0.0.1", port))
    local far = assert(gate:accept())
    local pid, from = window.fork(function() return near:receive(1) end)
    net:cancel(id)
    server.answer = true
    for _ = 1, 5 do
      server:step()
      net:step(1)
    end
    local clock = window.now_ms()
    net:step(30)
    local waited = window.now_ms() - clock
    far:send "."
    local fine, said = window.join(pid, from)
    for _, s in ipairs { near, far, gate } do s:close() end
    net:free()
    server:close()
    assert.is_true(fine, said)
    assert.is_true(waited >= 29, "waited " .. waited)
  end)
end)
