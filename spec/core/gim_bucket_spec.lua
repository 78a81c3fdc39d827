-- SPDX-License-Identifier: MIT
-- Tests src/core/gim_bucket.c through the test window (as part of a gim_pace without a gap).
local window = require "gptimage.core_test"
local Random = require "spec.support.random"

local function integer(random, least, most)
  return least + random:below(most - least + 1) - 1
end

-- Sends as fast as the bucket lets it, from `now` on: when each of `count` went.
local function drain(bucket, now, count)
  local times = {}
  for i = 1, count do
    now = bucket:at(now)
    bucket:started(now)
    times[i] = now
  end
  return times
end

local function bucket(requests, per_ms, now)
  return window.pace(500, 20000, requests, per_ms, now)
end

describe("gim_bucket", function()
  it("is no limit where there is none", function()
    assert.same({ 7, 7, 7 }, drain(window.pace(500, 20000), 7, 3))
  end)

  it("begins full, and then gives out evenly", function()
    assert.same({ 0, 0, 0, 1000, 2000, 3000 }, drain(bucket(3, 3000), 0, 6))
    assert.same({ 50, 1050 }, drain(bucket(1, 1000, 50), 50, 2))
  end)

  it("rounds up, and does not drift", function()
    local times = drain(bucket(3, 1000), 0, 3003)
    assert.same({ 334, 667, 1000 }, { times[4], times[5], times[6] })
    assert.same(1000000, times[3003])
  end)

  it("fills up to the brim and no further", function()
    local b = bucket(2, 1000)
    drain(b, 0, 2)
    assert.same({ 100000, 100000, 100500 }, drain(b, 100000, 3))
  end)

  it("takes a clock that went back for one that stood", function()
    local b = bucket(1, 1000, 5000)
    b:started(5000)
    assert.same(1100, b:at(100) - 0)
    assert.same(6000, b:at(5000))
  end)

  it("takes one that went too early from those after it", function()
    local b = bucket(1, 1000)
    b:started(0)
    b:started(0)
    assert.same(2000, b:at(0))
    for _ = 1, 50 do b:started(0) end
    assert.same(2000, b:at(0)) -- but is in debt for no longer than that
  end)

  it("bears the largest numbers", function()
    local b = bucket(1000000, 1000000000000)
    for _ = 1, 1000 do b:started(0) end
    assert.same(0, b:at(0))
    assert.same(1000, b:at(1000))
    b = bucket(1, 1000000000000)
    b:started(0)
    assert.same(1000000000000, b:at(0))
    assert.same(math.maxinteger, b:at(math.maxinteger))
  end)

  it("never lets more through than it should, wherever one looks", function()
    local random = Random.new(20)
    for _ = 1, 200 do
      local requests, per_ms = integer(random, 1, 9), integer(random, 1, 5000)
      local b, now, times = bucket(requests, per_ms), 0, {}
      for _ = 1, 60 do
        now = now + (integer(random, 0, 1) == 1 and integer(random, 0, per_ms) or 0)
        now = b:at(now)
        b:started(now)
        times[#times + 1] = now
      end
      for i = 1, #times do
        for k = i, #times do
          local allowed = requests + (times[k] - times[i]) * requests / per_ms
          assert.is_true(k - i + 1 <= allowed + 1e-9)
        end
      end
    end
  end)
end)
