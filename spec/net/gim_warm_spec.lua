-- SPDX-License-Identifier: MIT
-- Tests src/net/gim_warm.c through the test window.
local files = require "spec.support.files"
local window = require "gptimage.core_test"
local misbehave = require "spec.support.misbehave"
local socket = require "socket"

local BUNDLE = 20000 -- bytes that authorities take at least; a handshake takes a few hundred

describe("gim_warm", function()
  local net, server, before

  before_each(function()
    collectgarbage()
    before = window.open_fds()
  end)

  after_each(function()
    net:free()
    if server then server:close() end
    server = nil
    assert.equal(before, window.open_fds())
  end)

  -- A server that only accepts: the kernel does so by itself.
  local function listen()
    local listener = assert(socket.bind("127.0.0.1", 0))
    listener:settimeout(0)
    local _, port = listener:getsockname()
    return listener, "http://127.0.0.1:" .. port .. "/"
  end

  it("connects twice, asks for nothing and hangs up", function()
    net = assert(window.net { proxy = "" })
    local listener, url = listen()
    assert.is_true(net:warm_up(url))
    assert.equal(0, net:active())
    for _ = 1, 2 do
      local link = assert(listener:accept())
      link:settimeout(5)
      local data, problem, partial = link:receive(1)
      assert.same({ nil, "closed", "" }, { data, problem, partial })
      link:close()
    end
    assert.is_nil(listener:accept())
    listener:close()
    assert.is_false(net:readable())
  end)

  it("takes no slot, and lets what is under way go on", function()
    net = assert(window.net { max_requests = 1, proxy = "" })
    server = misbehave.server(misbehave.polite)
    local outcome
    assert(net:start({ class = "paid", post = true, body = "x", url = server.url .. "/" },
      function(o) outcome = o end))
    assert.is_false(net:has_slot "poll")
    local listener, url = listen()
    assert.is_true(net:warm_up(url))
    listener:close()
    assert.equal(1, net:active())
    misbehave.drive(net, { server }, function() return outcome end)
    assert.equal("ok", outcome.status)
    assert.equal("ok", misbehave.fetch(net, { server }, { url = server.url .. "/" }).status)
    assert.equal(2, #server.requests)
  end)

  it("waits, though the alarm has long been over", function()
    net = assert(window.net { proxy = "", connect_timeout_ms = 300 })
    local listener, url = listen()
    url = url:gsub("^http", "https") -- nobody shakes hands there
    assert.is_nil(net:warm_up(url)) -- this one reads the certificates, which is work
    net:alarm(0)
    local clock, began = os.clock(), socket.gettime()
    assert.is_nil(net:warm_up(url))
    -- Who waits leaves the processor alone; who spins has it all the time.
    local worked, took = os.clock() - clock, socket.gettime() - began
    assert.is_true(worked < took / 2, ("%.3f s of work in %.3f s"):format(worked, took))
    assert.is_false(net:readable())
    listener:close()
  end)

  it("tells the ends that come meanwhile", function()
    net = assert(window.net { proxy = "" })
    local listener, url = listen()
    local told
    local nobody = "http://127.0.0.1:" .. misbehave.closed_port() .. "/"
    assert(net:start({ class = "poll", url = nobody },
      function(o) told = o.status end))
    assert.is_true(net:warm_up(url))
    listener:close()
    misbehave.drive(net, {}, function() return told end)
    assert.equal("network", told)
  end)

  it("says why it could not", function()
    net = assert(window.net { proxy = "", connect_timeout_ms = 200 })
    local fine, err = net:warm_up("http://127.0.0.1:" .. misbehave.closed_port() .. "/")
    assert.is_nil(fine)
    assert.equal("network", err.kind)
    assert.matches("no connection to 127.0.0.1:%d+: Connection refused", err.message)
    fine, err = net:warm_up "ftp://example.com/"
    assert.is_nil(fine)
    assert.equal("invalid", err.kind)
    -- TLS towards somebody who never says a word
    local listener, url = listen()
    fine, err = net:warm_up((url:gsub("^http", "https")))
    assert.is_nil(fine)
    assert.equal("timeout", err.kind)
    listener:close()
    assert.equal(0, net:active())
  end)

  it("not from within on_done", function()
    net = assert(window.net { proxy = "" })
    server = misbehave.server(misbehave.polite)
    local listener, url = listen()
    local fine, err
    assert(net:start({ url = server.url .. "/" }, function() fine, err = net:warm_up(url) end))
    misbehave.drive(net, { server }, function() return err end)
    assert.is_nil(fine)
    assert.equal("invalid", err.kind)
    assert.equal(0, net:active())
    listener:close()
  end)

  describe("over TLS", function()
    local sandbox

    setup(function() sandbox = require("spec.support.sandbox").start { tls = true } end)
    teardown(function() sandbox:stop() end)

    it("shakes hands for both kinds of requests, and is asked for nothing", function()
      net = assert(window.net { proxy = "", ca_file = sandbox.ca_file })
      assert.is_true(net:warm_up(sandbox.starmagic_tls))
      assert.is_true(net:warm_up(sandbox.starmagic_tls))
      assert.equal(0, #sandbox:requests {})
      local outcome = misbehave.fetch(net, {}, { url = sandbox.starmagic_tls .. "/v1/credits",
        headers = { "Authorization: Bearer sk-test" } })
      assert.equal("ok", outcome.status)
    end)

    it("says that nobody vouches for the service", function()
      net = assert(window.net { proxy = "" })
      local fine, err = net:warm_up(sandbox.starmagic_tls)
      assert.is_nil(fine)
      assert.equal("network", err.kind)
      assert.matches("not trusted", err.message)
    end)

    it("leaves little to do for the first connections of steps", function()
      -- An authority that is not the service's own: the system's bundle is loaded either way.
      local function read_by_steps(warm)
        local other = assert(window.net { proxy = "" })
        if warm then other:warm_up(sandbox.starmagic_tls) end
        local first = files.bytes_read()
        for _, class in ipairs { "poll", "download" } do
          misbehave.fetch(other, {},
            { class = class, url = sandbox.starmagic_tls .. "/v1/credits" })
        end
        other:free()
        return files.bytes_read() - first
      end
      net = assert(window.net {})
      local cold, warm = read_by_steps(false), read_by_steps(true)
      if cold < BUNDLE then pending "this system has no bundle of authorities" return end
      assert.is_true(warm < cold / 10, ("%d bytes, cold %d"):format(warm, cold))
    end)
  end)
end)
