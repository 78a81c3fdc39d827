-- SPDX-License-Identifier: MIT
-- Tests src/bind/lgim_table.c through the test window: what nobody knows stays nil.
local set_fields = require("gptimage.core_test").set_fields

describe("lgim_table", function()
  it("adds fields to the table on top, beside those that it has", function()
    assert.same({ before = 1, text = "ten", count = 10, micro = 2.5, flag = true },
      set_fields("ten", 10, 2500000, true))
  end)

  it("leaves out a text that is NULL or empty", function()
    assert.is_nil(set_fields(nil, 1, 1, true).text)
    assert.is_nil(set_fields("", 1, 1, true).text)
    assert.equal(" ", set_fields(" ", 1, 1, true).text)
  end)

  it("leaves out a count of 0 or less, and sets integers of any size", function()
    for _, count in ipairs { 0, -1, math.mininteger } do
      assert.is_nil(set_fields("x", count, 1, true).count)
    end
    for _, count in ipairs { 1, 1 << 40, math.maxinteger } do
      local set = set_fields("x", count, 1, true).count
      assert.same({ count, "integer" }, { set, math.type(set) })
    end
  end)

  it("leaves out micro-units below 0, and sets 0 and more as a number of units", function()
    assert.is_nil(set_fields("x", 1, -1, true).micro)
    for micro, units in pairs { [0] = 0.0, [1] = 1e-6, [110000] = 0.11, [2600000] = 2.6 } do
      local set = set_fields("x", 1, micro, true).micro
      assert.same({ units, "float" }, { set, math.type(set) })
    end
  end)

  it("sets a flag that is false too", function()
    assert.is_false(set_fields("x", 1, 1, false).flag)
  end)
end)
