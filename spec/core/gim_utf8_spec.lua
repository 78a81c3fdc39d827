-- SPDX-License-Identifier: MIT
-- Tests src/core/gim_utf8.c through the test window.
local window = require "gptimage.core_test"
local Random = require "spec.support.random"

describe("gim_utf8", function()
  it("agrees with Lua's utf8 on every kind of sequence", function()
    local texts = {
      "", "a", "\0", "é", "€", "𝄞", "\u{10FFFF}", "\u{7FF}\u{800}\u{FFFF}\u{10000}",
      "\xC0\x80", "\xC1\xBF", "\xE0\x80\x80", "\xE0\x9F\xBF", "\xF0\x80\x80\x80",
      "\xF0\x8F\xBF\xBF", "\xED\xA0\x80", "\xED\xBF\xBF", "\xF4\x90\x80\x80", "\xF5\x80\x80\x80",
      "\xFF", "\xFE", "\x80", "\xBF", "\xC3", "\xE2\x82", "\xF0\x9D\x84", "ab\xC3(",
      "a\xE2\x28\xA1", "a\xE2\x82\x28", "\xF0\x28\x8C\xBC", "\xF0\x90\x28\xBC", "\xF0\x90\x8C\x28",
    }
    for _, text in ipairs(texts) do
      local facts = window.utf8(text)
      local count, bad = utf8.len(text)
      assert.same(count ~= nil, facts.valid, ("%q"):format(text))
      if count then
        assert.same({ count, #text }, { facts.code_points, facts.bad_offset })
      else
        assert.same(bad - 1, facts.bad_offset, ("%q"):format(text))
      end
    end
  end)

  it("agrees with Lua's utf8 on random bytes", function()
    local random = Random.new(2024)
    local alphabet = { "a", "\xC3", "\xA9", "\xE2", "\x82", "\xAC", "\xF0", "\x9D", "\xED", "\xA0",
      "\xF4", "\x90", "\x80", "\xBF", "\xE0" }
    for _ = 1, 20000 do
      local parts = {}
      for i = 1, random:below(6) do parts[i] = random:pick(alphabet) end
      local text = table.concat(parts)
      local facts, count, bad = window.utf8(text), utf8.len(text)
      assert.same(count ~= nil, facts.valid)
      assert.same(count and #text or bad - 1, facts.bad_offset)
    end
  end)

  it("misses nothing wherever it stands", function()
    for n = 0, 80 do
      for odd, is_control in pairs { ["\0"] = true, ["\31"] = true, ["\127"] = true, [" "] = false,
        ["~"] = false, ["\u{80}"] = false, ["\u{9F}"] = false } do
        local facts = window.utf8(("a"):rep(n) .. odd .. " !~" .. ("b"):rep(80 - n))
        assert.same({ true, is_control, 84 }, { facts.valid, facts.control, facts.code_points })
      end
      local facts = window.utf8(("a"):rep(n) .. "\xC3" .. ("b"):rep(80 - n))
      assert.same({ false, n, n }, { facts.valid, facts.bad_offset, facts.code_points })
    end
  end)

  it("sees control characters, and only those", function()
    for code = 0, 0x10FF do
      local expected = code < 0x20 or code == 0x7F
      assert.same(expected, window.utf8(utf8.char(0x41, code)).control)
    end
  end)

  it("guesses more than a token for a wide character, and one for four bytes of others", function()
    for text, tokens in pairs {
      [""] = 0, ["a"] = 1, ["abcd"] = 1, ["abcde"] = 2, ["一只橘猫"] = 6, ["猫cat"] = 3,
      ["한국어"] = 4, ["ひらがな"] = 6, ["😀"] = 2, ["😀😀"] = 4, ["éé"] = 1, ["猫"] = 2,
      [("猫"):rep(10)] = 13, [("word "):rep(1600)] = 2000,
    } do
      assert.same(tokens, window.utf8(text).tokens, text)
    end
  end)
end)
