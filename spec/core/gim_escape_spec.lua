-- SPDX-License-Identifier: MIT
-- Tests src/core/gim_escape.c through the test window; how its text is read back
-- is looked at by spec/core/gim_json_spec.lua.
local window = require "gptimage.core_test"

describe("gim_escape", function()
  for text, expected in pairs {
    ["\\"] = "cut", ["\\u"] = "cut", ["\\u0"] = "cut", ["\\u00"] = "cut", ["\\u002"] = "cut",
    ["\\u002b"] = 0x2B, ["\\u002F"] = 0x2F, ["\\uABCD"] = 0xABCD, ["\\uffffx"] = 0xFFFF,
    ["\\u000g"] = "wrong", ["\\ug"] = "wrong", ["\\u00-1"] = "wrong", ["\\U0041"] = "wrong",
    ['\\"'] = 34, ["\\\\"] = 92, ["\\/"] = 47, ["\\b"] = 8, ["\\f"] = 12, ["\\n"] = 10,
    ["\\r"] = 13, ["\\t"] = 9, ["\\x"] = "wrong", ["\\0"] = "wrong", ["\\\0"] = "wrong",
    ["\\'"] = "wrong", ["\\a"] = "wrong", ["\\\xFF"] = "wrong",
  } do
    it(("reads %q"):format(text), function()
      assert.same(expected, window.escape_read(text))
    end)
  end
end)
