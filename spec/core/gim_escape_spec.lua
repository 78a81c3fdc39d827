-- SPDX-License-Identifier: MIT
-- Tests src/core/gim_escape.c through the test window; how its text is read back
-- is looked at by spec/core/gim_json_spec.lua.
local window = require "gptimage.core_test"
local Random = require "spec.support.random"

-- What gim_escape_copy says it does, slow and plain.
local function copy(text)
  local out, i = {}, 1
  while i <= #text do
    local c = text:sub(i, i)
    if c == '"' or c == "\\" and text:sub(i + 1, i + 1) ~= "/" then break end
    if c == "\\" then i = i + 1 end
    out[#out + 1] = text:sub(i, i)
    i = i + 1
  end
  return table.concat(out), i - 1
end

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

  for _, simd in ipairs(window.simds()) do
    it("copies text without the backslashes of slashes, by " .. simd, function()
      for _, text in ipairs { "", "a", "/", "\\/", "\\/\\/", "a\\/b", "\\", "a\\", "\\/\\", '"',
        '\\"', "a\"b", "\\\\/", "\\n", "abc\\nd", "\\/\\u002f" } do
        for length = 0, 150 do
          local long = ("x"):rep(length) .. text .. ("y"):rep(150 - length)
          assert.same({ copy(long) }, { window.escape_copy(long, simd) })
        end
        assert.same({ copy(text) }, { window.escape_copy(text, simd) })
      end
    end)

    it("copies random text of any length like the plain function, by " .. simd, function()
      local random = Random.new(47)
      for round = 1, 4000 do
        local text, slashes = {}, random:below(40)
        for i = 1, random:below(300) do
          local dice = random:below(40)
          text[i] = dice < slashes and "\\/" or round % 4 == 0 and dice == 40
            and random:pick { '"', "\\", "\\n", "\\u0041" } or "A"
        end
        text = table.concat(text)
        assert.same({ copy(text) }, { window.escape_copy(text, simd) })
      end
    end)
  end
end)
