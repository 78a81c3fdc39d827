-- SPDX-License-Identifier: MIT
-- Tests src/core/gim_buffer.c through the test window.
local window = require "gptimage.core_test"

-- Runs the steps; gives the bytes and the results as one word each.
local function run(limit, steps)
  local bytes, results = window.buffer(limit, steps)
  return bytes, table.concat(results, " ")
end

describe("gim_buffer", function()
  it("appends text, bytes and formats", function()
    assert.same({ "abcx=3", "ok ok ok" },
      { run(100, { { "append", "ab" }, { "byte", "c" }, { "format", "x" } }) })
  end)

  it("holds its limit to the byte, and nothing of what does not fit", function()
    assert.same({ "abcd", "ok too_big ok too_big too_big" },
      { run(4, { { "append", "abc" }, { "append", "de" }, { "byte", "d" }, { "byte", "e" },
        { "format", "f" } }) })
    assert.same({ "", "ok too_big" }, { run(0, { { "append", "" }, { "append", "a" } }) })
  end)

  it("reserves no more than its limit, whatever is asked", function()
    assert.same({ "a", "ok ok too_big too_big" },
      { run(10, { { "append", "a" }, { "reserve", 9 }, { "reserve", 10 }, { "reserve", -1 } }) })
    assert.same({ "", "too_big" }, { run(-1, { { "reserve", -1 } }) })
  end)

  it("grows far past its first size", function()
    local steps, expected = {}, {}
    for i = 1, 1000 do
      steps[i] = { "append", ("%d,"):format(i) }
      expected[i] = steps[i][2]
    end
    assert.same(table.concat(expected), (run(1 << 20, steps)))
  end)

  it("forgets all, or what was appended last", function()
    assert.same({ "ab", "ok ok" }, { run(9, { { "append", "abcd" }, { "cut", 2 } }) })
    assert.same({ "abcd", "ok ok" }, { run(9, { { "append", "abcd" }, { "cut", 7 } }) })
    assert.same({ "", "ok" }, { run(9, { { "cut", 0 } }) })
    assert.same({ "xy", "ok ok ok" }, { run(9, { { "append", "a" }, { "clear" },
      { "append", "xy" } }) })
    assert.same({ "", "ok" }, { run(9, { { "clear" } }) })
  end)

  it("is usable again when it was freed or its bytes were taken", function()
    assert.same({ "b", "ok ok ok ok" },
      { run(9, { { "append", "a" }, { "free" }, { "free" }, { "append", "b" } }) })
    assert.same({ "abc", "ok ok ok" }, { run(3, { { "append", "ab" }, { "take" },
      { "append", "c" } }) })
    assert.same({ "", "not_found" }, { run(3, { { "take" } }) })
    assert.same({ "", "ok not_found" }, { run(3, { { "reserve", 3 }, { "take" } }) })
  end)

  it("is unchanged when memory runs out", function()
    local long = ("x"):rep(300)
    for n = 1, 3 do
      window.fail_allocation(n)
      local bytes, results = window.buffer(1000, { { "append", "abc" }, { "append", long },
        { "format", long }, { "append", "!" } })
      window.fail_allocation(0)
      local expected = { n == 1 and "" or "abc", n == 2 and "" or long,
        n == 3 and "" or long .. ("=%d"):format(n == 1 and 300 or n == 2 and 3 or 303), "!" }
      assert.same(table.concat(expected), bytes)
      assert.same("no_memory", results[n])
    end
  end)
end)
