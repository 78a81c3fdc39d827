-- SPDX-License-Identifier: MIT
-- Tests src/core/gim_pace.c through the test window.
local window = require "gptimage.core_test"

local LOW, HIGH = 0, 0xFFFFFFFF

describe("gim_pace", function()
  it("is free until the service says otherwise", function()
    local pace = window.pace(500, 20000)
    pace:started(0)
    pace:eased(0)
    assert.same({ 0, 3 }, { pace:gap(), pace:at(3) })
  end)

  it("pauses after a 429 for half the gap to all of it", function()
    for random, pause in pairs { [LOW] = 500, [HIGH] = 251 } do
      local pace = window.pace(500, 20000)
      assert.is_true(pace:struck(0, 1000, -1, random))
      assert.same({ 500, 1000 + pause }, { pace:gap(), pace:at(1000) })
    end
  end)

  it("pauses as long as Retry-After says, whatever the cap", function()
    local pace = window.pace(500, 2000)
    pace:struck(0, 0, 60000, LOW)
    assert.same(60000, pace:at(0))
    pace:struck(0, 0, 3000, LOW) -- the longer one counts
    assert.same(60000, pace:at(0))
    pace = window.pace(500, 2000)
    pace:struck(0, 0, 0, LOW)
    assert.same({ 500, 0 }, { pace:gap(), pace:at(0) })
  end)

  it("takes no answer's word for longer than a minute", function()
    for _, told in ipairs { 60001, 86400000 } do
      local pace = window.pace(500, 2000)
      pace:struck(0, 1000, told, LOW)
      assert.same(61000, pace:at(1000))
      pace:started(61000)
      assert.same(61500, pace:at(61000))
      assert.is_true(pace:struck(61000, 61400, told, LOW))
      assert.same({ 1000, 121400 }, { pace:gap(), pace:at(61400) })
    end
  end)

  it("lets requests out a gap apart then", function()
    local pace = window.pace(400, 20000)
    pace:struck(0, 1000, -1, LOW)
    local at = pace:at(1000)
    pace:started(at)
    assert.same(at + 400, pace:at(at))
    pace:started(at + 400)
    assert.same(at + 800, pace:at(at + 400))
  end)

  it("grows with every 429 to what had kept the gap, up to the cap", function()
    local pace, now = window.pace(500, 3000), 0
    local gaps = {}
    for i = 1, 6 do
      now = now + 10000
      assert.is_true(pace:struck(now - 1, now))
      gaps[i] = pace:gap()
    end
    assert.same({ 500, 1000, 2000, 3000, 3000, 3000 }, gaps)
  end)

  it("counts requests that were under way together once", function()
    local pace = window.pace(500, 20000)
    assert.is_true(pace:struck(90, 100, -1, LOW))
    for sent = 91, 99 do
      assert.is_false(pace:struck(sent, 130, -1, LOW))
    end
    assert.same({ 500, 600 }, { pace:gap(), pace:at(130) })
    assert.is_false(pace:struck(95, 150, 2000, LOW)) -- but hears what they say
    assert.same({ 500, 2150 }, { pace:gap(), pace:at(150) })
  end)

  it("recovers with answers to what went out later, and to that alone", function()
    local pace = window.pace(500, 20000)
    for i = 1, 3 do pace:struck(i * 10000 - 1, i * 10000) end
    assert.same(2000, pace:gap())
    pace:eased(29000)
    pace:eased(30000)
    assert.same(2000, pace:gap())
    local gaps = {}
    for i = 1, 5 do
      pace:eased(40000)
      gaps[i] = pace:gap()
    end
    assert.same({ 1000, 500, 250, 125, 0 }, gaps)
    assert.is_true(pace:struck(50000, 50001)) -- and begins anew
    assert.same(500, pace:gap())
  end)

  it("has no gap where retries have none", function()
    local pace = window.pace(0, 0)
    pace:struck(0, 10, -1)
    assert.same({ 0, 10 }, { pace:gap(), pace:at(10) })
    pace:struck(0, 10, 700, LOW)
    assert.same(710, pace:at(10))
    pace:eased(20)
    pace = window.pace(1, 1)
    pace:struck(0, 10)
    pace:eased(11)
    assert.same(0, pace:gap())
  end)

  it("bears the longest delays", function()
    local pace = window.pace(1000000000000, 1000000000000)
    pace:struck(0, 0, -1, HIGH)
    pace:struck(1, 1, -1, HIGH)
    assert.same(86400000, pace:gap())
  end)

  it("keeps the caller's rate as well", function()
    local pace = window.pace(500, 20000, 1, 10000)
    pace:started(0)
    pace:struck(0, 100, -1, LOW)
    assert.same(10000, pace:at(200))
  end)
end)
