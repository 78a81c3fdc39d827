-- SPDX-License-Identifier: MIT
-- Tests lua/gptimage/loop/cqueues.lua.

local clients = require "spec.support.clients"
local contract = require "spec.support.loop_contract"
local cqueues = require "cqueues"
local hosts = require "spec.support.hosts"
local sandboxes = require "spec.support.sandbox"

describe("gptimage.loop.cqueues", function()
  contract(hosts.cqueues)
end)

describe("a controller of cqueues", function()
  local adapter = require "gptimage.loop.cqueues"
  local sandbox

  setup(function()
    sandbox = sandboxes.start { latency = 0.05 }
  end)

  teardown(function()
    sandbox:stop()
  end)

  it("is the one that is running, unless another is named", function()
    local cq = cqueues.new()
    local client <close> = clients.starmagic(sandbox)
    local billed
    cq:wrap(function()
      adapter.attach(client)
      billed = assert(client:generate(clients.request())).billed
    end)
    assert(cq:loop())
    assert.equal("yes", billed)
    assert.is_true(cq:empty())
    local other <close> = clients.starmagic(sandbox)
    for _, options in pairs { {}, { controller = 5 } } do
      local ok, message = pcall(function() adapter.attach(other, options) end)
      assert.is_false(ok)
      assert.truthy(message:find("cqueues_spec.lua:%d+: .*'controller': controller expected"),
        message)
    end
  end)

  it("gets what callbacks raise as it gets all errors, and goes on", function()
    local cq = cqueues.new()
    local client <close> = clients.starmagic(sandbox)
    adapter.attach(client, { controller = cq })
    local later
    assert(client:submit(clients.request())):on_done(function()
      client:submit(clients.request()):on_done(function(_, result) later = result end)
      error "a bug"
    end)
    local ok, err = cq:loop()
    assert.is_false(ok)
    assert.truthy(tostring(err):find("cqueues_spec.lua:%d+: a bug\nstack traceback"))
    assert(cq:loop())
    assert.equal("yes", later.billed)
  end)

  it("lets callbacks sleep and generate while the others go on", function()
    local cq = cqueues.new()
    local client <close> = clients.starmagic(sandbox)
    adapter.attach(client, { controller = cq })
    local order = {}
    assert(client:submit(clients.request())):on_done(function()
      repeat
        cqueues.sleep(0.01)
      until order[1]
      order[#order + 1] = "slept"
      order[#order + 1] = assert(client:generate(clients.request())).billed
    end)
    assert(client:submit(clients.request())):on_done(function()
      order[#order + 1] = "meanwhile"
    end)
    assert(cq:loop())
    assert.same({ "meanwhile", "slept", "yes" }, order)
  end)

  it("drives clients side by side that come and go on the same descriptors", function()
    local cq = cqueues.new()
    local done = 0
    for _ = 1, 3 do
      cq:wrap(function()
        for _ = 1, 3 do
          local client = clients.starmagic(sandbox)
          adapter.attach(client)
          assert(client:generate(clients.request()))
          client:close()
          done = done + 1
        end
      end)
    end
    assert(cq:loop())
    assert.equal(9, done)
  end)
end)
