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

  it("looks at no more than 64 KiB", function()
    assert.equal("a", redact("a" .. (" "):rep(70000) .. "b"))
    assert.equal("a b", redact("a" .. (" "):rep(65000) .. "b"))
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

  it("takes the caller's own key out, of whatever form it is", function()
    local KEY = "live_9fX$42/b\"c%d"
    for text, shown in pairs {
      ["Incorrect API key provided: " .. KEY .. ". Find"] =
        "Incorrect API key provided: ***. Find",
      [KEY] = "***",
      [KEY .. KEY] = "******",
      ["x" .. KEY .. "x"] = "x***x",
      ["Bearer " .. KEY .. ", sent"] = "Bearer ***, sent",
      ["sk-" .. KEY .. " "] = "sk-***",
      ["http://a/b?k=" .. KEY .. " c"] = "http://a/b?*** c",
      [ [[{"key":"live_9fX$42\/b\"c%d"}]] ] = [[{"key":"***"}]],
      [ [[live_9fX\u002442/b\u0022c\u0025d]] ] = "***",
      ["live_9fX%2442%2fb%22c%25d&"] = "***&",
      ["key live_9"] = "key ***",
      ["key liv"] = "key liv",
      ["live_9 is no key"] = "live_9 is no key",
    } do
      assert.same(shown, window.redact(text, 400, KEY))
    end
    for size = 1, 60 do
      assert.is_nil(window.redact("key: " .. KEY .. " and more", size, KEY):find("li", 1, true))
    end
  end)

  it("takes a short key out only where it stands alone", function()
    assert.same("the key '***' is bad", window.redact("the key 'demo' is bad", 400, "demo"))
    assert.same("***", window.redact("demo", 400, "demo"))
    assert.same("a demonstration, mydemo", window.redact("a demonstration, mydemo", 400, "demo"))
    assert.same("dem", window.redact("dem", 400, "demo"))
  end)

  it("changes nothing but the key in words of our own", function()
    local function only(text, secret) return { window.redact_secret(text, secret) } end
    assert.same({ "no  \n***? Bearer abcdefg", true },
      only("no  \nlive-key-1? Bearer abcdefg", "live-key-1"))
    assert.same({ "a * b", true }, only("a k b", "k"))
    assert.same({ "make it", false }, only("make it", "k"))
    assert.same({ "make it", false }, only("make it", ""))
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
