-- SPDX-License-Identifier: MIT
-- Tests src/core/gim_ledger.c through the test window.
local window = require "gptimage.core_test"
local Random = require "spec.support.random"

local function integer(random, least, most)
  return least + random:below(most - least + 1) - 1
end

local MICRO = 1000000

-- The sums that are not 0.
local function sums(ledger)
  local all = ledger:sums()
  for name, value in pairs(all) do
    if value == 0 then all[name] = nil end
  end
  return all
end

describe("gim_ledger", function()
  it("follows a request from its price to what the service took", function()
    local ledger = window.ledger()
    local entry = ledger:open("gim_1", 2500000)
    assert.same({ none = 1, pending = 2500000, committed = 2500000 }, sums(ledger))
    assert.is_true(ledger:update(entry, "at_risk", { live = true }))
    assert.is_false(ledger:update(entry, "at_risk", { live = true }))
    assert.same({ at_risk = 1, sent = 1, estimated = 2500000, committed = 2500000 },
      sums(ledger))
    assert.is_true(ledger:update(entry, "at_risk", { live = true, id = "t1", said = 2600000 }))
    assert.same({ at_risk = 1, sent = 1, spent = 2600000, committed = 2600000 }, sums(ledger))
    assert.is_true(ledger:update(entry, "paid", { said = 2400000 }))
    assert.is_true(ledger:update(entry, "paid", { saved = true }))
    assert.same({ paid = 1, sent = 1, saved = 1, spent = 2400000, committed = 2400000 },
      sums(ledger))
    assert.same({ "t1" }, ledger:names())
  end)

  it("gives back what failed, and takes nothing for what was refused", function()
    local ledger = window.ledger()
    local failed, refused = ledger:open("a", MICRO), ledger:open("b", MICRO)
    ledger:update(failed, "at_risk", { live = true, said = MICRO })
    ledger:update(failed, "given_back")
    ledger:update(refused, "refused", { live = true })
    assert.same({ given_back = 1, refused = 1, sent = 2, pending = MICRO, committed = MICRO },
      sums(ledger))
    ledger:update(refused, "refused")
    assert.same({ given_back = 1, refused = 1, sent = 2 }, sums(ledger))
  end)

  it("counts as sent what was sent once, also while it is to be sent again", function()
    local ledger = window.ledger()
    local entry = ledger:open("a", MICRO)
    ledger:update(entry, "refused", { live = true })
    assert.is_false(ledger:update(entry, "none", { live = true }))
    assert.same({ refused = 1, sent = 1, pending = MICRO, committed = MICRO }, sums(ledger))
  end)

  it("counts nothing for what never left, once that is over", function()
    local ledger = window.ledger()
    local entry = ledger:open("a", MICRO)
    ledger:update(entry, "none")
    assert.same({ none = 1 }, sums(ledger))
  end)

  it("does not make up what nobody knows", function()
    local ledger = window.ledger()
    ledger:update(ledger:open "a", "paid")
    assert.same({ paid = 1, sent = 1 }, sums(ledger))
  end)

  it("knows a task again that is attached to", function()
    local ledger = window.ledger()
    local entry = ledger:open("a", MICRO)
    ledger:update(entry, "at_risk", { id = "t1" })
    ledger:leave(entry)
    local again = ledger:attach "t1"
    assert.same(entry, again)
    ledger:update(again, "paid", { said = 3 * MICRO })
    assert.same({ paid = 1, sent = 1, spent = 3 * MICRO, committed = 3 * MICRO }, sums(ledger))
    -- who looks later, and sees less, takes nothing back
    assert.is_false(ledger:update(ledger:attach "t1", "at_risk", { live = true }))
    assert.same(1, ledger:sums().paid)
  end)

  it("counts tasks of other programs apart", function()
    local ledger = window.ledger()
    local entry = ledger:attach "other"
    assert.same({ at_risk = 1, attached = 1 }, sums(ledger))
    ledger:update(entry, "paid", { said = MICRO })
    assert.same({ paid = 1, attached = 1, spent = MICRO, committed = MICRO }, sums(ledger))
  end)

  it("is saved only where it was paid, and stays so", function()
    local ledger = window.ledger()
    local entry = ledger:open "a"
    ledger:update(entry, "at_risk", { saved = true })
    assert.same(0, ledger:sums().saved)
    ledger:update(entry, "paid", { saved = true })
    ledger:update(entry, "paid")
    assert.same(1, ledger:sums().saved)
  end)

  it("keeps a budget, with the numbers", function()
    local ledger = window.ledger(10 * MICRO)
    ledger:open("queued", 2 * MICRO)
    ledger:update(ledger:open("sent", 3 * MICRO), "at_risk", { live = true })
    ledger:update(ledger:open("paid", MICRO), "paid", { said = 1500000 })
    assert.is_true(ledger:afford(3500000))
    local none, err = ledger:afford(3500001)
    assert.is_nil(none)
    assert.same("quota", err.kind)
    assert.matches("would cost 3.500001 credits, and 6.5 of the budget of 10 are", err.message)
    assert.is_false(err.retryable)
  end)

  it("counts a request that starts over once", function()
    local ledger = window.ledger(4 * MICRO)
    local entry = ledger:open("a", 3 * MICRO)
    ledger:update(entry, "at_risk", { live = true, said = 3 * MICRO })
    assert.is_nil(ledger:afford(3 * MICRO))
    assert.is_true(ledger:afford(3 * MICRO, entry))
    assert.is_nil((ledger:afford(5 * MICRO, entry)))
    assert.same(3 * MICRO, ledger:sums().committed)
  end)

  it("keeps no budget for what it does not know", function()
    local _, err = window.ledger(10 * MICRO):afford(-1)
    assert.same("quota", err.kind)
    assert.matches("`prices`", err.message)
    assert.is_true(window.ledger():afford(-1))
    assert.is_true(window.ledger(0):afford(0))
    assert.is_nil((window.ledger(0):afford(1)))
  end)

  it("keeps 10,000 entries, the doubtful ones and those in use before others", function()
    local ledger = window.ledger()
    local used = ledger:open "used"
    ledger:update(used, "paid", { said = MICRO })
    local risk = ledger:open "risk"
    ledger:update(risk, "at_risk")
    ledger:leave(risk)
    for i = 1, 10050 do
      local entry = ledger:open("k" .. i, MICRO)
      ledger:update(entry, "paid", { said = MICRO })
      ledger:leave(entry)
    end
    local names = ledger:names()
    assert.same({ 10000, "used", "risk" }, { #names, names[1], names[2] })
    assert.same({ 10051, 1, 10051 * MICRO }, { ledger:sums().paid, ledger:sums().at_risk,
      ledger:sums().spent })
    assert.is_true(ledger:update(used, "paid", { saved = true }))
  end)

  it("does not run over, whatever a service says", function()
    local ledger = window.ledger(10 * MICRO)
    for i = 1, 20 do
      ledger:update(ledger:open("k" .. i), "paid", { said = math.maxinteger })
    end
    assert.same(20 * 1000000000 * MICRO, ledger:sums().spent)
    assert.is_nil((ledger:afford(math.maxinteger)))
  end)

  it("adds up, whatever happens in whatever order", function()
    local random = Random.new(4)
    local standings = { "none", "refused", "at_risk", "given_back", "paid" }
    for _ = 1, 50 do
      local ledger, entries = window.ledger(), {}
      for i = 1, 200 do
        if #entries == 0 or integer(random, 1, 4) == 1 then
          entries[#entries + 1] = ledger:open("k" .. i, integer(random, -1, 9))
        else
          ledger:update(entries[integer(random, 1, #entries)], standings[integer(random, 1, 5)],
            { live = integer(random, 0, 1) == 1, saved = integer(random, 0, 1) == 1,
              said = integer(random, -1, 9) })
        end
        local s = ledger:sums()
        assert.same(#entries, s.none + s.refused + s.at_risk + s.given_back + s.paid)
        assert.same(#entries - s.none, s.sent)
        assert.is_true(s.saved <= s.paid and s.spent >= 0 and s.estimated >= 0 and s.pending >= 0)
        assert.same(s.committed, s.spent + s.estimated + s.pending)
      end
      for _, entry in ipairs(entries) do
        ledger:update(entry, "given_back")
      end
      local s = ledger:sums()
      assert.same({ 0, 0 }, { s.pending, s.refused + s.none + s.at_risk })
    end
  end)

  it("has no entry rather than half of one where memory is out", function()
    local ledger = window.ledger()
    local function fails(n, make)
      window.fail_allocation(n)
      local entry = make()
      assert.same(0, window.fail_allocation(0))
      assert.is_nil(entry)
    end
    fails(1, function() return ledger:open "a" end)
    fails(1, function() return ledger:attach "b" end)
    fails(2, function() return ledger:attach "b" end)
    assert.same({}, sums(ledger))
    assert.same({}, ledger:names())
  end)
end)
