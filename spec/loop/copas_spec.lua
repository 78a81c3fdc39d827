-- SPDX-License-Identifier: MIT
-- Tests lua/gptimage/loop/copas.lua: with copas where it is installed (for Lua 5.4 it comes from
-- LuaRocks alone), else with spec/support/copas_stand_in.lua, which keeps the part of its contract
-- that the adapter uses. Descriptors and luasocket's select are the real ones both times.

local clients = require "spec.support.clients"
local contract = require "spec.support.loop_contract"
local hosts = require "spec.support.hosts"
local sandboxes = require "spec.support.sandbox"

describe("gptimage.loop.copas", function()
  contract(hosts.copas)
end)

describe("copas", function()
  local sandbox

  setup(function()
    sandbox = sandboxes.start { latency = 0.05 }
  end)

  teardown(function()
    sandbox:stop()
  end)

  it("lets callbacks pause while the others go on", function()
    local host = hosts.copas()
    local copas = require "copas"
    local client <close> = clients.starmagic(sandbox)
    host.attach(client)
    local order = {}
    assert(client:submit(clients.request())):on_done(function()
      repeat
        copas.pause(0.01)
      until order[1]
      order[#order + 1] = "paused"
    end)
    assert(client:submit(clients.request())):on_done(function()
      order[#order + 1] = "meanwhile"
    end)
    host.run()
    assert.same({}, host.raised)
    assert.same({ "meanwhile", "paused" }, order)
  end)

  if not hosts.has_copas then
    pending("itself is not installed: the above ran on a stand-in for it "
      .. "(luarocks --lua-version=5.4 install copas)")
  end
end)
