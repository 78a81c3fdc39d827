-- SPDX-License-Identifier: MIT
-- Tests src/core/gim_decimal.c through the test window.
local window = require "gptimage.core_test"
local Random = require "spec.support.random"

describe("gim_decimal", function()
  for _, case in ipairs {
    -- text, scale, value, exact
    { "0", 0, 0, true }, { "-0", 0, 0, true }, { "7", 0, 7, true }, { "-7", 0, -7, true },
    { "2.5", 6, 2500000, true }, { "0.1", 6, 100000, true }, { "1e-6", 6, 1, true },
    { "1.0", 0, 1, true }, { "1e3", 0, 1000, true }, { "1.5e1", 0, 15, true },
    { "1500e-2", 0, 15, true }, { "1E+2", 0, 100, true }, { "100e-2", 0, 1, true },
    { "1.5", 0, 2, false }, { "1.4", 0, 1, false }, { "-1.5", 0, -2, false },
    { "-1.4", 0, -1, false }, { "0.5", 0, 1, false }, { "0.49999", 0, 0, false },
    { "0.05", 0, 0, false }, { "9.99", 0, 10, false },
    { "0.0000005", 6, 1, false }, { "0.0000004999", 6, 0, false }, { "1e-7", 6, 0, false },
    { "9223372036854775807", 0, math.maxinteger, true },
    { "-9223372036854775808", 0, math.mininteger, true },
    { "9223372036854775808", 0 }, { "-9223372036854775809", 0 },
    { "9223372036854775806.5", 0, math.maxinteger, false },
    { "9223372036854775807.5", 0 }, { "-9223372036854775808.5", 0 },
    { "922337203685477580.7e1", 0, math.maxinteger, true },
    { "9223372036854.775807", 6, math.maxinteger, true }, { "9223372036854.775808", 6 },
    { "1e18", 0, 1000000000000000000, true }, { "1e19", 0 }, { "-1e19", 0 },
    { "1e999999999999999999999999", 0 }, { "1e-999999999999999999999999", 0, 0, false },
    { "0e999999999999999999999999", 0, 0, true }, { "0.000e5", 6, 0, true },
    { "0." .. ("0"):rep(1000) .. "1e1001", 0, 1, true },
    { "1" .. ("0"):rep(1000) .. "e-1000", 0, 1, true },
    { ("9"):rep(1000), 0 }, { "0." .. ("9"):rep(1000), 0, 1, false },
  } do
    it(("reads %.40s times 10^%d"):format(case[1], case[2]), function()
      local value, exact = window.decimal_read(case[1], case[2])
      assert.same({ case[3], case[4] }, { value, exact })
      assert.same(case[3] and math.type(case[3]), value and math.type(value))
    end)
  end

  it("writes micro-units so that they read back as what they were", function()
    for micro, text in pairs {
      [0] = "0", [1] = "0.000001", [2500000] = "2.5", [3000000] = "3", [-2500000] = "-2.5",
      [100] = "0.0001", [1234567] = "1.234567", [10000000] = "10", [-1] = "-0.000001",
      [math.maxinteger] = "9223372036854.775807", [math.mininteger] = "-9223372036854.775808",
    } do
      assert.same(text, window.json_write_micro(micro))
    end
    local random = Random.new(3)
    for _ = 1, 2000 do
      local micro = (random:bits() << 32 | random:bits()) >> random:below(63)
      local value, exact = window.decimal_read(window.json_write_micro(micro), 6)
      assert.same({ micro, true }, { value, exact })
    end
  end)
end)
