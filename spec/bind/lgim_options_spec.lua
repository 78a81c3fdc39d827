-- SPDX-License-Identifier: MIT
-- Tests src/bind/lgim_options.c through the test window.
local read = require "gptimage.core_test".read_options

local function message(options)
  local ok, text = pcall(read, options)
  assert.is_false(ok)
  return text
end

describe("lgim_options_read", function()
  it("leaves the defaults alone", function()
    local expected = { text = "", integer = -7, number = 0.0, seconds_ms = -1, flag = false,
      has_integer = false, has_function = false, has_table = false, has_any = false }
    assert.same(expected, read())
    assert.same(expected, read(nil))
    assert.same(expected, read {})
  end)

  it("reads each type, and whether it was there", function()
    assert.same({ text = "a\0b", integer = 3, number = 2.5, seconds_ms = 1500, flag = true,
      has_integer = true, has_function = true, has_table = true, has_any = true },
      read { text = "a\0b", integer = 3.0, number = 2.5, seconds = 1.5, flag = true, hook = print,
        list = {}, thing = false })
  end)

  it("turns seconds into milliseconds, never fewer", function()
    for seconds, ms in pairs { [0] = 0, [1] = 1000, [0.001] = 1, [0.0011] = 2, [1.1] = 1100,
      [0.29] = 290, [1e9] = 1000000000000, [1e-7] = 1, [1e-4] = 1 } do
      assert.same(ms, read { seconds = seconds }.seconds_ms)
    end
    for _, seconds in ipairs { -1, -0.001, 1e9 + 1, math.huge, -math.huge, 0 / 0 } do
      assert.matches("^bad argument #1 to 'read_options' %(option 'seconds': "
        .. "a number from 0 to 1e9 expected, got ", message { seconds = seconds })
    end
  end)

  it("names the argument, the option and the type that it wants", function()
    for expected, options in pairs {
      ["option 'text': string expected, got number"] = { text = 512 },
      ["option 'integer': integer expected, got string"] = { integer = "512" },
      ["option 'integer': integer expected, got 2.5"] = { integer = 2.5 },
      ["option 'integer': integer expected, got 1e+300"] = { integer = 1e300 },
      ["option 'number': number expected, got string"] = { number = "1" },
      ["option 'seconds': number of seconds expected, got string"] = { seconds = "1" },
      ["option 'flag': boolean expected, got number"] = { flag = 1 },
      ["option 'flag': boolean expected, got string"] = { flag = "true" },
      ["option 'hook': function expected, got table"] = { hook = {} },
      ["option 'list': table expected, got function"] = { list = print },
      ["unknown option [1]"] = { "a" },
      ["unknown option [true]"] = { [true] = 1 },
      ["unknown option 'nothing like it'"] = { ["nothing like it"] = 1 },
      ["unknown option 'txt'; did you mean 'text'?"] = { txt = "a" },
      ["unknown option 'Flag'; did you mean 'flag'?"] = { Flag = true },
      ["unknown option 'secons'; did you mean 'seconds'?"] = { secons = 1 },
      ["unknown option 'a?b'"] = { ["a\nb"] = 1 },
      ["unknown option ''"] = { [""] = 1 },
    } do
      assert.same("bad argument #1 to 'read_options' (" .. expected .. ")", message(options))
    end
    assert.matches("'number': number expected, got nan", message { number = 0 / 0 })
    assert.matches("unknown option '" .. ("x"):rep(63) .. "'", message { [("x"):rep(1000)] = 1 })
    assert.same("bad argument #1 to 'read_options' (table expected, got string)", message "text")
  end)

  it("asks no metamethods and changes nothing in the table", function()
    local options = setmetatable({ text = "a" }, { __index = error, __pairs = error,
      __newindex = error, __len = error })
    assert.same("a", read(options).text)
    local keys = { [1] = "a" }
    assert.is_false(pcall(read, keys))
    assert.same({ "a" }, keys)
  end)
end)
