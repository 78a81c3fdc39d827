-- SPDX-License-Identifier: MIT
-- Tests src/core/gim_backoff.c through the test window.
local window = require "gptimage.core_test"
local Random = require "spec.support.random"

local MOST = 0xFFFFFFFF -- the largest draw of 32 random bits

describe("gim_backoff_retry_ms", function()
  local function retry(attempt, random, options)
    return window.backoff_retry(options or {}, attempt, -1, random)
  end

  it("draws from 0 to a limit that doubles up to the cap", function()
    for attempt, limit in ipairs { 500, 1000, 2000, 4000, 8000, 16000, 20000, 20000 } do
      assert.same({ 0, limit }, { retry(attempt, 0), retry(attempt, MOST) })
      assert.is_true(math.abs(retry(attempt, 1 << 31) - limit / 2) <= 1)
    end
    assert.same(20000, retry(1000000, MOST))
  end)

  it("copes with limits at the ends of the range", function()
    assert.same(math.maxinteger, retry(100, MOST, { base = 1 << 62, cap = math.maxinteger })
      | 0x7FFFFFFF)
    assert.same(0, retry(3, MOST, { base = 0, cap = 1000 }))
    assert.same(0, retry(3, MOST, { base = 1000, cap = 0 }))
    assert.same(0, retry(0, MOST, { base = -5 }))
  end)

  it("draws evenly", function()
    local random, counts = Random.new(7), { 0, 0, 0, 0 }
    for _ = 1, 4000 do
      local bin = retry(1, random:bits(), { base = 3 }) + 1
      counts[bin] = counts[bin] + 1
    end
    for _, count in ipairs(counts) do assert.is_true(count > 850 and count < 1150) end
  end)

  it("waits as long as the service says, and at most a tenth or a second more", function()
    for after, most in pairs { [0] = 0, [5] = 5, [100] = 110, [5000] = 5500, [60000] = 61000,
      [math.maxinteger] = math.maxinteger } do
      assert.same(after, window.backoff_retry({ cap = 10 }, 1, after, 0))
      assert.same(most, window.backoff_retry({ cap = 10 }, 9, after, MOST))
    end
  end)
end)

describe("gim_backoff_poll_ms", function()
  local function poll(polls, elapsed, estimated, options, random)
    options = options or {}
    options.jitter = options.jitter or 0
    return window.backoff_poll(options, polls, elapsed, estimated, random or 0)
  end

  it("polls first after a quarter of the estimate, within its limits", function()
    for estimated, delay in pairs { [-1] = 2000, [0] = 2000, [8000] = 2000, [20000] = 5000,
      [40000] = 10000, [100000] = 15000 } do
      assert.same(delay, poll(0, 0, estimated))
    end
    assert.same(4000, poll(0, 1000, 20000))
    assert.same(2000, poll(0, 60000, 20000))
  end)

  it("polls first when it was told to", function()
    assert.same(7000, poll(0, 0, 100000, { first = 7000 }))
    assert.same(5000, poll(0, 2000, -1, { first = 7000 }))
    assert.same(15000, poll(0, 0, -1, { first = 70000 }))
    assert.same(2000, poll(0, 0, -1, { first = 0 }))
    assert.same(2000, poll(0, 0, 40000, { first = 0 }))
  end)

  it("polls at half of what remains", function()
    assert.same(10000, poll(1, 20000, 40000, { first = 1 }))
    assert.same(5000, poll(2, 30000, 40000))
    assert.same(15000, poll(2, 30000, 400000))
    assert.same(2000, poll(3, 39000, 40000))
  end)

  it("asks a late task, or one that gave no estimate, at growing intervals", function()
    for elapsed, delay in pairs { [1000] = 2000, [30000] = 3000, [100000] = 10000,
      [900000] = 15000 } do
      assert.same(delay, poll(5, elapsed, -1))
      assert.same(delay, poll(5, elapsed + 40000, 40000))
    end
  end)

  it("varies each delay, never below the least", function()
    local options = { jitter = 100 }
    assert.same(9000, poll(0, 0, 40000, options, 0))
    assert.same(11000, poll(0, 0, 40000, options, MOST))
    assert.same(2000, poll(0, 0, -1, options, 0))
    assert.same(2200, poll(0, 0, -1, options, MOST))
    -- Evenly: they do not pile up at the least.
    assert.same(2050, poll(0, 0, -1, options, MOST // 4))
    assert.same(2100, poll(0, 0, -1, options, MOST // 2))
    assert.same(2155, poll(0, 0, 8400, options, MOST // 2)) -- 2100: from 2000 to 2310
  end)
end)

describe("Retry-After", function()
  -- 2026-07-01 12:00:00 UTC
  local NOW = 1782907200

  for value, ms in pairs {
    ["0"] = 0, ["1"] = 1000, ["120"] = 120000, [" 7\t"] = 7000, ["1.5"] = 1500, ["0.0001"] = 1,
    ["2."] = 2000, ["1.9999"] = 2000, ["86400"] = 86400000, ["0000000000000000000000012"] = 12000,
    ["86401"] = 86400000, ["86400.5"] = 86400000, ["99999999999999999999999999"] = 86400000,
    ["99999999999999999999999999x"] = -1, ["-1"] = -1, [""] = -1, [" "] = -1,
    [".5"] = -1, ["1e3"] = -1, ["1,5"] = -1, ["1 2"] = -1, ["soon"] = -1, ["1s"] = -1, ["+1"] = -1,
    -- RFC 9110, 5.6.7: all three forms
    ["Wed, 01 Jul 2026 12:00:30 GMT"] = 30000,
    ["Wednesday, 01-Jul-26 12:00:30 GMT"] = 30000,
    ["Wed Jul  1 12:00:30 2026"] = 30000,
    ["Thu Jul 02 01:00:30 2026"] = 46830000,
    ["Thu, 02 Jul 2026 12:00:00 GMT"] = 86400000,
    ["Thu, 02 Jul 2026 12:00:01 GMT"] = -1,
    ["Wed, 01 Jul 2026 12:00:00 GMT"] = 0,
    ["Wed, 01 Jul 2026 11:59:60 GMT"] = 0,
    ["Sun, 06 Nov 1994 08:49:37 GMT"] = 0,
    ["Sunday, 06-Nov-94 08:49:37 GMT"] = 0,
    ["Sun Nov  6 08:49:37 1994"] = 0,
    ["Wed, 31 Dec 1969 23:59:59 GMT"] = 0,
    ["wed, 01 jul 2026 12:00:30 GMT"] = 30000,
    ["Wed, 01 Jul 2026 12:00:30 UTC"] = -1,
    ["Wed, 01 Jul 2026 12:00:30"] = -1,
    ["Wed, 01 Jul 2026 12:00:30 GMT x"] = -1,
    ["Wed, 1 Jul 2026 12:00:30 GMT"] = -1,
    ["Wed, 32 Jul 2026 12:00:30 GMT"] = -1,
    ["Wed, 00 Jul 2026 12:00:30 GMT"] = -1,
    ["Wed, 01 Xyz 2026 12:00:30 GMT"] = -1,
    ["Wed, 01 Jul 2026 24:00:00 GMT"] = -1,
    ["Wed, 01 Jul 2026 12:60:00 GMT"] = -1,
    ["Wed, 01 Jul 2026 12:00:61 GMT"] = -1,
    ["Wed, 01 Jul"] = -1, ["Wed, 01 Ju"] = -1, ["Wed,"] = -1, ["Wed"] = -1, ["Wed "] = -1,
  } do
    it(("reads %q as %d ms"):format(value, ms), function()
      assert.same(ms, window.retry_after(value, NOW))
    end)
  end

  it("reads every day of some years as the system's clock does", function()
    local months = { "Jan", "Feb", "Mar", "Apr", "May", "Jun", "Jul", "Aug", "Sep", "Oct", "Nov",
      "Dec" }
    -- From 1999 on: leap years, a century that is one, and 2100, which is none.
    for day = 10592, 48000, 7 do
      local date = os.date("!*t", day * 86400)
      local value = ("Mon, %02d %s %d 00:00:05 GMT"):format(date.day, months[date.month],
        date.year)
      assert.same(5000, window.retry_after(value, day * 86400))
    end
  end)

  it("takes two digits of a year for the nearest one", function()
    local function at(year) return os.time { year = year, month = 7, day = 1, hour = 12 } end
    assert.same(-1, window.retry_after("Wednesday, 01-Jul-60 12:00:00 GMT", at(2026)))
    assert.same(0, window.retry_after("Wednesday, 01-Jul-90 12:00:00 GMT", at(2026)))
  end)

  it("reads milliseconds where the header says so", function()
    for value, ms in pairs { ["250"] = 250, ["0"] = 0, ["1.2"] = 2, ["86400000"] = 86400000,
      ["86400001"] = 86400000, ["x"] = -1, [""] = -1, ["-5"] = -1 } do
      assert.same(ms, window.retry_after_millis(value))
    end
  end)

  it("never crashes on garbage", function()
    local random = Random.new(5)
    local parts = { "Wed", ", ", "01", " Jul ", "2026", ":", "12", " ", "GMT", "-", "9", "\0", "," }
    for _ = 1, 5000 do
      local value = {}
      for i = 1, random:below(12) do value[i] = random:pick(parts) end
      local ms = window.retry_after(table.concat(value), NOW)
      assert.is_true(ms >= -1 and ms <= 86400000)
    end
  end)
end)
