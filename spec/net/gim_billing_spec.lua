-- SPDX-License-Identifier: MIT
-- Tests src/net/gim_billing.c through clients: what becomes of the money in a client's ledger as
-- replies come, and where none comes. spec/billing_spec.lua has the verdicts, spec/money_spec.lua
-- prices and budgets.
local services = require "spec.support.service"

local JSON = { "Content-Type: application/json" }
local service, client

local function start(handlers, options)
  service = services.start(handlers)
  client = service:client(options)
end

after_each(function()
  if service then service:close() end
  service = nil
end)

local function submit(more)
  return assert(client:submit(services.request(more)))
end

-- A task, at a stage of its life, and what it says about credits.
local function says(status, usage)
  return function(conn)
    conn:reply(('{"id":"%s","status":"%s","usage":{%s},"results":["%s/1.png"]}')
      :format(services.ID, status, usage, service.url), nil, JSON)
  end
end

describe("the ledger of a client", function()
  it("has what was used in the place of what was reserved", function()
    start { submit = says("pending", '"credits_reserved":5'),
      poll = says("completed", '"credits_reserved":5,"credits_used":4') }
    local task = submit()
    service:drive(function() return task.id end)
    assert.same({ 5.0, 1 }, { client.spent, client:ledger().at_risk })
    assert(service:finish(task))
    assert.same({ 4.0, 1 }, { client.spent, client:ledger().paid })
  end)

  it("keeps what was said when a later reply says nothing", function()
    start { submit = says("pending", '"credits_reserved":5'), poll = says("completed", "") }
    assert(service:finish(submit()))
    assert.same({ 5.0, 1 }, { client.spent, client:ledger().paid })
  end)

  it("does not count as sent what left in part", function()
    start({ head = function(conn) conn:wait(function() return conn.gone end) end },
      { prices = { ["gpt-image-2-beta"] = 2.5 } })
    service.server.listener:setoption("recv-buffer-size", 4096)
    local task = submit { model = "gpt-image-2-beta", extra = { filler = ("x"):rep(3900000) } }
    service:drive(function() return service.server.connections == 1 end)
    for _ = 1, 20 do service:step() end
    local ledger = client:ledger()
    assert.same({ "no", 0, 0 }, { task.billed, ledger.sent, ledger.at_risk })
    assert.same({ 2.5, 0.0 }, { ledger.credits.pending, ledger.credits.estimated })
    task:cancel()
    ledger = client:ledger()
    assert.same({ 0, 0, 0.0 }, { ledger.sent, ledger.at_risk, ledger.credits.pending })
  end)

  it("has what left whole and was never answered at risk, by its price", function()
    start({ submit = function(conn) conn:reset() return false end },
      { prices = { ["gpt-image-2-beta"] = 2.5 } })
    local _, err = service:finish(submit { model = "gpt-image-2-beta" })
    assert.same({ "network", "maybe" }, { err.kind, err.billed })
    local ledger = client:ledger()
    assert.same({ 1, 1, 2.5, 0.0 },
      { ledger.sent, ledger.at_risk, ledger.credits.estimated, client.spent })
  end)
end)
