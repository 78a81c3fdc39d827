-- SPDX-License-Identifier: MIT
-- Links that others gave us must not lead into the own machine or network: checked by name, by
-- literal, and on the address that is connected to, also of connections that stood already.
local files = require "spec.support.files"
local window = require "gptimage.core_test"
local misbehave = require "spec.support.misbehave"

describe("a link that must be public", function()
  local net, server

  before_each(function()
    net = assert(window.net { proxy = "" })
    server = misbehave.server(misbehave.polite)
  end)
  after_each(function()
    net:free()
    server:close()
  end)

  local function start(url, on_done)
    local request = { class = "download", public_only = true, url = url }
    return net:start(request, on_done or function() end)
  end

  it("is refused before anything happens when its host is not public", function()
    for _, host in ipairs {
      "127.0.0.1", "127.1", "0x7f.0.0.1", "2130706433", "0177.0.0.1", "10.0.0.1", "192.168.1.1",
      "172.16.0.1", "169.254.169.254", "100.64.0.1", "0.0.0.0", "224.0.0.1", "255.255.255.255",
      "localhost", "LOCALHOST", "localhost.", "a.localhost", "printer.local", "db.internal",
      "intranet", "[::1]", "[::]", "[fe80::1]", "[fd00::1]", "[::ffff:127.0.0.1]",
      "[::ffff:7f00:1]", "[64:ff9b::7f00:1]", "[2002:7f00:1::]",
    } do
      local id, err = start("http://" .. host .. ":" .. server.port .. "/picture.png?sig=SIGNED")
      assert.is_nil(id, host)
      assert.equal("invalid", err.kind, host)
      assert.matches("not public", err.message)
      assert.is_nil(err.message:find("SIGNED", 1, true))
    end
    assert.equal(0, net:active())
    assert.is_true(net:step(0))
    server:step()
    assert.equal(0, server.connections)
  end)

  it("is not refused when nobody asked", function()
    local request = { class = "download", url = server.url .. "/" }
    local outcome = misbehave.fetch(net, { server }, request)
    assert.equal("ok", outcome.status)
  end)

  -- In a child, with a /etc/hosts of its own.
  it("is refused when its name leads to a private address", function()
    local folder <close> = files.folder()
    local hosts = folder:write("hosts",
      "127.0.0.1 localhost pictures.example.com\n10.1.2.3 others.example.com\n")
    local fine, said = window.in_child(function()
      if not window.cover("/etc/hosts", hosts) then return "not allowed" end
      net = assert(window.net { proxy = "" })
      -- Before there is a connection, and while the one is open that the request left which did
      -- not ask.
      for connections, public_only in ipairs { true, false, true } do
        local outcome
        assert(net:start({ class = "download", public_only = public_only,
          url = "http://pictures.example.com:" .. server.port .. "/a?sig=SIGNED" },
          function(o) outcome = o end))
        misbehave.drive(net, { server }, function() return outcome end)
        if public_only then
          assert(outcome.status == "invalid", outcome.status)
          assert(outcome.err.message:find("pictures.example.com leads to an address that is not p"))
          assert(not outcome.err.message:find "SIGNED")
        else
          assert(outcome.status == "ok", outcome.status)
        end
        server:step()
        local so_far = connections > 1 and 1 or 0
        assert(#server.requests == so_far and server.connections == so_far)
      end
      local outcome
      assert(net:start({ class = "download", public_only = true,
        url = "http://others.example.com/" }, function(o) outcome = o end))
      misbehave.drive(net, {}, function() return outcome end)
      assert(outcome.status == "invalid", outcome.status)
      return "checked"
    end)
    assert.is_true(fine, said)
    if said == "not allowed" then pending "mounts of its own are not allowed here" end
  end)
end)
