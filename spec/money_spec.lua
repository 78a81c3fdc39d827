-- SPDX-License-Identifier: MIT
-- Prices, budgets, what was spent, paying again for failed tasks, and the client's ledger beside
-- the sandbox's own.

local clients = require "spec.support.clients"
local files = require "spec.support.files"
local gptimage = require "gptimage"
local sandboxed = require "spec.support.sandboxed"
local sandboxes = require "spec.support.sandbox"

local PRICES = { ["gpt-image-2-beta"] = 2.5 } -- what the sandbox takes for a factor of 1
local request = clients.request

describe("money:", function()
  local at = sandboxed { latency = 0.15 }
  local client, log

  before_each(function() log = clients.new_log() end)
  after_each(function()
    if client then client:close() end
    client = nil
  end)

  local function open(options, make)
    client = (make or clients.starmagic)(at.sandbox, clients.impatient(log, options))
    return client
  end

  -- The client's ledger and the sandbox's say the same.
  local function agrees()
    local ours, theirs = client:ledger(), at.sandbox:ledger()
    assert.equal(theirs.accepted - theirs.failed - theirs.cancelled, ours.paid + ours.at_risk)
    assert.equal(ours.sent, ours.refused + ours.at_risk + ours.given_back + ours.paid)
    assert.equal(theirs.credits.charged + theirs.credits.reserved, ours.credits.spent)
    return ours
  end

  describe("client.spent", function()
    it("adds up what the replies say, exactly", function()
      open()
      assert.equal(0, client.spent)
      local tasks = {}
      for i = 1, 4 do tasks[i] = assert(client:submit(request { resolution = "2K" })) end
      client:run()
      for _, task in ipairs(tasks) do assert(task:wait()) end
      assert.equal(17.0, client.spent) -- 4 x 1.7 x 2.5
      local ledger = agrees()
      assert.same({ sent = 4, paid = 4, at_risk = 0, given_back = 0, refused = 0, saved = 0,
        attached = 0, credits = { spent = 17.0, estimated = 0.0, pending = 0.0 },
        ids = { paid = { tasks[1].id, tasks[2].id, tasks[3].id, tasks[4].id }, at_risk = {},
          given_back = {}, refused = {}, saved = {} } }, ledger)
    end)

    it("counts what is reserved, and gives back what failed", function()
      open { retry = { max = 0 } }
      at.sandbox:fault { match = { kind = "submit" },
        fault = { fail = "content_policy_violation" } }
      local task = assert(client:submit(request()))
      while not task.id do client:step(1) end
      assert.equal(2.5, client.spent)
      assert.equal(1, agrees().at_risk)
      local _, err = task:wait()
      assert.equal("refused", err.kind)
      assert.equal(0, client.spent)
      local ledger = agrees()
      assert.same({ 1, { task.id } }, { ledger.given_back, ledger.ids.given_back })
    end)

    it("is estimated by prices where the service says nothing", function()
      open({ prices = { ["gpt-image-2"] = 3 } }, clients.magick)
      assert(client:generate { model = "gpt-image-2", prompt = "x", size = "1024x1024" })
      assert(client:generate { model = "gpt-image-2", prompt = "x", price = 1.25 })
      local ledger = client:ledger()
      assert.same({ 0.0, 2 }, { client.spent, ledger.paid })
      local plan = assert(gptimage.plan({ model = "gpt-image-2", prompt = "x", size = "1024x1024" },
        { provider = "magick", prices = { ["gpt-image-2"] = 3 } }))
      assert.equal((plan.price.credits or 0) + 1.25, ledger.credits.estimated)
    end)
  end)

  describe("budget", function()
    it("refuses what would pass it before a byte is sent, with the numbers", function()
      open { budget = 6, prices = PRICES }
      assert(client:generate(request()))
      assert(client:generate(request()))
      local result, err = client:generate(request())
      assert.is_nil(result)
      assert.same({ "quota", "no", "budget", false },
        { err.kind, err.billed, err.field, err.retryable })
      assert.matches("would cost 2.5 credits, and 5 of the budget of 6", err.message)
      assert.equal(2, #at.submits())
      assert.equal(6.0, client:ledger().credits.budget)
    end)

    it("counts what live tasks will cost, before they were sent", function()
      open { budget = 6, prices = PRICES, max_requests = 1 }
      assert(client:submit(request()))
      local second = assert(client:submit(request()))
      assert.equal(5.0, client:ledger().credits.pending)
      local none, err = client:submit(request())
      assert.is_nil(none)
      assert.equal("quota", err.kind)
      second:cancel() -- it never left
      assert(client:submit(request()))
      client:run()
      assert.equal(2, at.sandbox:ledger().charged)
      agrees()
    end)

    it("has room again for what failed", function()
      open { budget = 3, prices = PRICES }
      at.sandbox:fault { match = { kind = "submit" }, fault = { fail = "unknown_error" } }
      assert.is_nil((client:generate(request())))
      assert(client:generate(request()))
      assert.is_nil((client:generate(request())))
    end)

    it("keeps what may have been paid", function()
      open { budget = 3, prices = PRICES }
      at.sandbox:fault { match = { kind = "submit" }, fault = { reset = "accepted" } }
      local _, err = client:generate(request())
      assert.same({ "network", "maybe" }, { err.kind, err.billed })
      _, err = client:generate(request())
      assert.equal("quota", err.kind)
      assert.same({ 1, 2.5 }, { client:ledger().at_risk, client:ledger().credits.estimated })
    end)

    it("is kept by refusing what nobody knows the price of", function()
      open { budget = 100 }
      local _, err = client:generate(request())
      assert.same({ "quota", "no", "prices" }, { err.kind, err.billed, err.field })
      assert.matches("`prices`", err.message)
      assert.matches("`price`", err.message)
      assert(client:generate(request { price = 2.5 }))
      assert.equal(1, #at.submits())
    end)

    it("of 0 sends nothing", function()
      open { budget = 0, prices = PRICES }
      assert.is_nil((client:generate(request())))
      assert.equal(0, #at.submits())
    end)
  end)

  it("options and fields about money are checked", function()
    local function raises(options, pattern)
      options.api_key = "sk-x"
      local ok, message = pcall(gptimage.client, options)
      assert.is_false(ok)
      assert.matches(pattern, message)
    end
    raises({ budget = "5" }, "'budget': number expected")
    raises({ budget = -1 }, "'budget': credits from 0")
    raises({ budget = math.huge }, "'budget': credits from 0")
    raises({ prices = { 1 } }, "'prices'")
    raises({ prices = { x = -1 } }, "'prices'")
    raises({ prices = 5 }, "'prices': table expected")
    raises({ rate = 5 }, "'rate': table expected")
    raises({ rate = {} }, "'requests': an integer from 1")
    raises({ rate = { requests = 0, per_seconds = 1 } }, "'requests': an integer from 1")
    raises({ rate = { requests = 5 } }, "'per_seconds': a number of seconds above 0")
    raises({ rate = { requests = 5, per_second = 1 } }, "per_second")
    open { prices = PRICES }
    for field, value in pairs { resubmit = -1, price = -0.5 } do
      assert.has_error(function() client:submit(request { [field] = value }) end)
    end
    assert.has_error(function() client:submit(request { resubmit = 1.5 }) end)
    assert.has_error(function() client:attach("x", { resubmit = 1 }) end)
  end)

  it("prices are the client's own from when it was made", function()
    local prices = { ["gpt-image-2-beta"] = 2.5 }
    open { budget = 3, prices = prices }
    prices["gpt-image-2-beta"] = 0
    assert(client:generate(request()))
    assert.is_nil((client:generate(request())))
  end)

  describe("resubmit", function()
    it("pays again for a task that failed, with a key of its own", function()
      open()
      at.sandbox:fault { match = { kind = "submit" }, times = 2,
        fault = { fail = "generation_timeout" } }
      local task = assert(client:submit(request { resubmit = 3 }))
      local ids, keys = {}, {}
      while not task:done() do
        client:step(1)
        if task.id and ids[#ids] ~= task.id then ids[#ids + 1] = task.id end
        if keys[#keys] ~= task.key then keys[#keys + 1] = task.key end
      end
      local result = assert(task:wait())
      assert.same({ 3, 3, ids[3] }, { #ids, #keys, result.id })
      local sent = {}
      for i, record in ipairs(at.submits()) do sent[i] = record.headers["idempotency-key"] end
      assert.same(keys, sent)
      local ledger = agrees()
      assert.same({ 3, 1, 2 }, { ledger.sent, ledger.paid, ledger.given_back })
      assert.same({ ids[1], ids[2] }, ledger.ids.given_back)
      assert.equal(2, #log.found("retry", "submitted again as a new paid request, %d of 3"))
    end)

    it("is off by default", function()
      open()
      at.sandbox:fault { match = { kind = "submit" }, times = -1,
        fault = { fail = "generation_timeout" } }
      local _, err = client:generate(request())
      assert.same({ "server", "generation_timeout", true, "no" },
        { err.kind, err.code, err.retryable, err.billed })
      assert.equal(1, #at.submits())
    end)

    it("ends with the last failure when it failed as often as allowed", function()
      open()
      at.sandbox:fault { match = { kind = "submit" }, times = -1,
        fault = { fail = "generation_timeout" } }
      local task = assert(client:submit(request { resubmit = 2 }))
      local _, err = task:wait()
      assert.same({ "generation_timeout", task.id }, { err.code, err.task_id })
      assert.equal(3, #at.submits())
      assert.equal(3, agrees().given_back)
    end)

    it("keeps the budget", function()
      open { budget = 6, prices = PRICES }
      at.sandbox:fault { match = { kind = "submit" }, times = 1,
        fault = { fail = "generation_timeout", latency = 0.6 } }
      local first = assert(client:submit(request { resubmit = 5 }))
      while not first.id do client:step(1) end
      -- What it gave back is taken by others before it fails: nothing is left for it.
      assert(client:generate(request()))
      assert(first:wait()) -- 2.5 of 2.5 + 2.5 are its own: it may
      local _, err = client:generate(request())
      assert.equal("quota", err.kind)
      assert.equal(5.0, client.spent)
      agrees()
    end)

    it("does not pay again where the price no longer fits", function()
      open { budget = 2.9 }
      at.sandbox:fault { match = { kind = "submit" }, fault = { fail = "generation_timeout",
        latency = 0.6 } }
      local first = assert(client:submit(request { price = 0.5, resubmit = 5 }))
      while not first.id do client:step(1) end
      -- The service takes 2.5 for what should have cost 0.4: nothing is left to pay again from.
      assert(client:generate(request { price = 0.4 }))
      local _, err = first:wait()
      assert.same({ "server", "generation_timeout" }, { err.kind, err.code })
      assert.same({ 2.5, 2 }, { client.spent, #at.submits() })
    end)
  end)

  describe("client:ledger", function()
    it("says where all of it is", function()
      local folder <close> = files.folder()
      open { retry = { max = 0 } }
      local function with(fault)
        at.sandbox:fault { match = { kind = "submit" }, fault = fault }
        local task = assert(client:submit(request()))
        task:wait()
        return task
      end
      local refused = with { status = 400 }
      local lost = with { reset = "accepted" }
      local failed = with { fail = "unknown_error" }
      local saved = assert(client:submit(request { output = folder.path .. "/{id}.{format}" }))
      assert(saved:wait())
      local loose = assert(client:submit(request()))
      local result = assert(loose:wait())
      local live = assert(client:submit(request()))
      while not live.id do client:step(1) end
      local ledger = client:ledger()
      assert.same({ refused = { refused.key }, given_back = { failed.id },
        paid = { saved.id, loose.id }, saved = { saved.id } },
        { refused = ledger.ids.refused, given_back = ledger.ids.given_back,
          paid = ledger.ids.paid, saved = ledger.ids.saved })
      assert.same({ lost.key, live.id }, ledger.ids.at_risk)
      assert(result.images[1]:save(folder.path .. "/later.png"))
      assert.same({ saved.id, loose.id }, client:ledger().ids.saved)
      live:wait()
    end)

    it("knows a task of its own again when it is attached to", function()
      open()
      local task = assert(client:submit(request { timeout = 0.1 }))
      while not task.id do client:step(1) end
      local _, err = task:wait()
      assert.same({ "timeout", "maybe" }, { err.kind, err.billed })
      assert.equal(1, client:ledger().at_risk)
      local again = assert(client:attach(err.task_id))
      assert(again:wait())
      local ledger = agrees()
      assert.same({ 1, 1, 0, 0 }, { ledger.sent, ledger.paid, ledger.at_risk, ledger.attached })
      local other = clients.starmagic(at.sandbox)
      assert(assert(other:attach(err.task_id)):wait())
      ledger = other:ledger()
      assert.same({ 0, 1, 1 }, { ledger.sent, ledger.paid, ledger.attached })
      other:close()
    end)

    it("tells every change in the log, with why", function()
      local folder <close> = files.folder()
      open()
      assert(client:generate(request { output = folder.path .. "/{id}.{format}" }))
      client:step()
      local bills = {}
      for _, event in ipairs(log.found "billing") do
        if not event.message:find "whole body" then bills[#bills + 1] = event.message end
      end
      assert.same({
        "at risk, 2.5 credits: it was accepted, and its end was not seen",
        "paid, 2.5 credits: it was completed with pictures",
        "paid and saved, 2.5 credits: it was completed with pictures",
      }, bills)
    end)

    it("tells what is at risk when the client is closed, too", function()
      open()
      at.sandbox:fault { match = { kind = "submit" }, fault = { stall = "head" } }
      local task = assert(client:submit(request()))
      sandboxes.wait_for(function()
        client:step(0.01)
        return at.sandbox:ledger().accepted == 1
      end)
      local before = #log.events
      client:close()
      local last = log.events[#log.events]
      assert.is_true(#log.events > before)
      assert.same({ "state", task.key }, { last.event, last.task })
      assert.matches("cancelled, billed maybe %(the whole body was sent, and no", last.message)
      at.sandbox:release()
    end)

    it("raises on a closed client", function()
      open()
      client:close()
      assert.has_error(function() client:ledger() end)
    end)
  end)
end)
