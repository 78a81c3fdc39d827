-- SPDX-License-Identifier: MIT
-- Tests src/core/gim_redact.c through the test window.
local window = require "gptimage.core_test"

describe("gim_redact", function()
  local function redact(text) return window.redact(text, 400) end

  it("makes one line of any text", function()
    assert.same("a b c", redact "\n a\r\n\t b \0 c\x7F \n")
    assert.same("", redact "")
    assert.same("", redact " \n ")
    assert.same("\u{E4}?", redact "\u{E4}\xFF")
  end)

  it("takes keys out, and leaves words that only look like them", function()
    for text, shown in pairs {
      ["key sk-evo-Abc_1.2~3+4/5= is bad"] = "key sk-*** is bad",
      ["sk-1"] = "sk-***",
      ['{"k":"sk-abc"}'] = '{"k":"sk-***"}',
      ["sk- and disk-full and task-unified-17-ab"] = "sk- and disk-full and task-unified-17-ab",
      ["Authorization: Bearer abcdef123"] = "Authorization: Bearer ***",
      ["BEARER   abcdef123, sent"] = "Bearer ***, sent",
      ["bearer:abcdef123"] = "Bearer ***",
      ["a Bearer token is needed"] = "a Bearer token is needed",
      ["forbearer abcdefgh"] = "forbearer abcdefgh",
      ["Bearer\nsk-abc"] = "Bearer ***",
      ["Bearer"] = "Bearer",
      ["Bearer sk-a"] = "Bearer ***",
      ["Bearer abc"] = "Bearer ***",
      ["Bearer abc d"] = "Bearer abc d",
      ["not a Bearer token"] = "not a Bearer token",
    } do
      assert.same(shown, redact(text))
    end
  end)

  it("takes the query of a URL out, and no other question", function()
    for text, shown in pairs {
      ["get https://a.b/c.png?X-Sig=1&y=2 failed"] = "get https://a.b/c.png?*** failed",
      ["<a href='http://a/b?c'>d?</a>"] = "<a href='http://a/b?***'>d?</a>",
      ["https://a/b#token=1"] = "https://a/b?***",
      ["why? https://a/b and why?"] = "why? https://a/b and why?",
      ["is https://a/b\nwhat? yes"] = "is https://a/b what? yes",
    } do
      assert.same(shown, redact(text))
    end
  end)

  it("never shows part of a secret, wherever the text is cut", function()
    local text = "x Bearer SECRET123 sk-SECRET123 https://h/p?s=SECRET123 y"
    for size = 1, #text + 2 do
      local shown = window.redact(text, size)
      assert.is_nil(shown:find("SEC", 1, true))
      assert.is_true(#shown < size)
    end
  end)
end)
