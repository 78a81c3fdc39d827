-- SPDX-License-Identifier: MIT
-- Tests src/core/gim_base.c through the test window.
local window = require "gptimage.core_test"

describe("gim_base", function()
  it("names every status, and a foreign one like a broken reply", function()
    local statuses, billed = window.names()
    assert.same({ "ok", "invalid", "auth", "quota", "rate_limited", "refused", "not_found",
      "server", "network", "timeout", "protocol", "too_big", "cancelled", "io", "no_memory",
      "protocol" }, statuses)
    assert.same({ "no", "maybe", "yes", "maybe" }, billed)
  end)

  it("compares slices by bytes, by bytes but for ASCII case, by beginning", function()
    for _, case in ipairs {
      { "", "", true, true, true },
      { "abc", "abc", true, true, true },
      { "abc", "ABC", false, true, false },
      { "abc", "ab", false, false, true },
      { "ab", "abc", false, false, false },
      { "a\0b", "a\0c", false, false, false },
      { "\xC3\x84", "\xC3\xA4", false, false, false },
      { "[", "{", false, false, false },
    } do
      assert.same({ case[3], case[4], case[5] }, { window.str_compare(case[1], case[2]) })
    end
  end)

  it("measures the first UTF-8 sequence, and finds none where there is none", function()
    for text, length in pairs {
      [""] = 0, ["a"] = 1, ["\0"] = 1, ["\u{80}"] = 2, ["\u{7FF}x"] = 2, ["\u{800}"] = 3,
      ["\u{D7FF}"] = 3, ["\u{E000}"] = 3, ["\u{FFFF}"] = 3, ["\u{10000}"] = 4,
      ["\u{10FFFF}"] = 4, ["\xC0\x80"] = 0, ["\xC1\xBF"] = 0, ["\xE0\x9F\xBF"] = 0,
      ["\xED\xA0\x80"] = 0, ["\xED\xBF\xBF"] = 0, ["\xF0\x8F\xBF\xBF"] = 0,
      ["\xF4\x90\x80\x80"] = 0, ["\xF5\x80\x80\x80"] = 0, ["\x80"] = 0, ["\xFF"] = 0,
      ["\xC3"] = 0, ["\xE2\x82"] = 0, ["\xF0\x9F\x98"] = 0, ["\xC3a"] = 0, ["\xE2\x82a"] = 0,
    } do
      assert.same(length, window.str_sequence(text), ("%q"):format(text))
    end
  end)

  it("copies text up to a code point's border and hides what cannot be shown", function()
    for _, case in ipairs {
      { "hello", 6, "hello" }, { "hello", 5, "hell" }, { "hello", 1, "" },
      { "a\nb\0c\x7Fd", 20, "a?b?c?d" },
      { "\u{E4}\u{20AC}\u{1F600}", 10, "\u{E4}\u{20AC}\u{1F600}" },
      { "\u{E4}\u{20AC}\u{1F600}", 9, "\u{E4}\u{20AC}" },
      { "\u{E4}\u{20AC}\u{1F600}", 5, "\u{E4}" },
      { "a\xFF\xC3", 9, "a??" },
    } do
      assert.same(case[3], window.copy_text(case[1], case[2]))
    end
  end)

  it("copies what lies anywhere among plain bytes, cut anywhere", function()
    local plain = "abcdefghijklmnopqrs"
    local shown = { ["\31"] = "?", ["\127"] = "?", ["\128"] = "?", [" "] = " ", ["~"] = "~" }
    for odd, seen in pairs(shown) do
      for place = 1, #plain do
        local text = plain:sub(1, place - 1) .. odd .. plain:sub(place + 1)
        local whole = plain:sub(1, place - 1) .. seen .. plain:sub(place + 1)
        for size = 1, #plain + 1 do
          assert.same(whole:sub(1, size - 1), window.copy_text(text, size))
        end
      end
    end
  end)

  it("fails with a message that may be made of the old one, and nothing else old", function()
    local err, status = window.fail("first\nline")
    assert.same({ message = "<first?line>", kind = "protocol", code = "", retryable = 0,
      retry_after_ms = -1, offset = -1 }, err)
    assert.same("io", status)
    assert.same(319, #window.fail(("x"):rep(1000)).message)
    assert.same("<" .. ("\u{20AC}"):rep(106), window.fail(("\u{20AC}"):rep(400)).message)
  end)
end)
