-- SPDX-License-Identifier: MIT
-- Tests src/core/gim_base64.c through the test window.
local window = require "gptimage.core_test"
local cuts = require "spec.support.cuts"
local Random = require "spec.support.random"

local ALPHABET = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/"

-- Slow and plain: what the C code is held against.
local function encode(bytes)
  local out = {}
  for i = 1, #bytes, 3 do
    local a, b, c = bytes:byte(i, i + 2)
    local bits = a << 16 | (b or 0) << 8 | (c or 0)
    for shift = 18, 0, -6 do
      local at = (bits >> shift & 63) + 1
      out[#out + 1] = ALPHABET:sub(at, at)
    end
    if not b then out[#out - 1] = "=" end
    if not c then out[#out] = "=" end
  end
  return table.concat(out)
end

-- What each instruction set makes of the pieces; they must all agree.
local function decode(pieces, name)
  local first
  for _, simd in ipairs(window.simds()) do
    local seen = table.pack(window.base64_decode(pieces, simd))
    first = first or seen
    assert.same(first, seen, name)
  end
  return table.unpack(first, 1, first.n)
end

describe("gim_base64", function()
  for text, bytes in pairs {
    [""] = "", ["Zg=="] = "f", ["Zm8="] = "fo", ["Zm9v"] = "foo", ["Zm9vYg=="] = "foob",
    ["Zm9vYmE="] = "fooba", ["Zm9vYmFy"] = "foobar",
    ["Zg"] = "f", ["Zm8"] = "fo", ["Zm9vYg="] = "foob", -- padding missing or short
    ["Zm9v\r\nYm\nFy\n"] = "foobar", ["\n\n"] = "", ["Z\rg\n=\r=\n"] = "f",
    ["/+9+"] = "\xFF\xEF\x7E", ["AAAA"] = "\0\0\0",
  } do
    it(("decodes %q, however it is cut"):format(text), function()
      cuts.each(text, function(pieces, name)
        assert.same(bytes, (decode(pieces, name)), name)
      end)
    end)
  end

  for text, expected in pairs {
    ["Z"] = { 1, "", "a single character is left over" },
    ["Zm9vY"] = { 5, "foo", "a single character is left over" },
    ["Zh=="] = { 2, "", "bits are left over" },
    ["Zm9="] = { 3, "", "bits are left over" },
    ["Zh"] = { 2, "", "bits are left over" },
    ["Zm9vYmF"] = { 7, "foo", "bits are left over" },
    ["="] = { 0, "", "padding that does not belong here" },
    ["Zg==="] = { 4, "f", "padding that does not belong here" },
    ["Zm9v="] = { 4, "foo", "padding that does not belong here" },
    ["Z="] = { 1, "", "padding that does not belong here" },
    ["Zm8=Zm8="] = { 4, "fo", "more after the padding" },
    ["Zg=a"] = { 3, "f", "more after the padding" },
    ["Zm9v Zm9v"] = { 4, "foo", "not in the alphabet" },
    ["Zm9vZm-v"] = { 6, "foo", "not in the alphabet" },
    ["Zm9vZm_v"] = { 6, "foo", "not in the alphabet" },
    ["Zm9v\tZm9v"] = { 4, "foo", "not in the alphabet" },
    ["\0Zm9v"] = { 0, "", "not in the alphabet" },
    ["Zm9v\xFF"] = { 4, "foo", "not in the alphabet" },
    ["Zm\n9v!"] = { 5, "foo", "not in the alphabet" },
  } do
    it(("refuses %q at its bad character, however it is cut"):format(text), function()
      cuts.each(text, function(pieces, name)
        local bytes, err, before, again = decode(pieces, name)
        assert.is_nil(bytes, name)
        assert.same({ "protocol", expected[1], expected[2], "protocol" },
          { err.kind, err.offset, before, again }, name)
        assert.same(("no base64 at character %d: %s"):format(expected[1], expected[3]),
          err.message, name)
      end)
    end)
  end

  it("accepts exactly the alphabet", function()
    for byte = 0, 255 do
      local c = string.char(byte)
      local good = ALPHABET:find(c, 1, true) ~= nil or c == "\r" or c == "\n"
      assert.same(good, (decode { "AAAA" .. c .. "AAA" }) ~= nil or
        (decode { "AAAA" .. c .. "AAAA" }) ~= nil, byte)
    end
  end)

  it("gives back what a plain encoder made of random bytes, in random pieces", function()
    local random = Random.new(64)
    for _ = 1, 300 do
      local bytes = random:bytes(random:below(200) - 1)
      local text = encode(bytes)
      if random:below(2) == 1 then text = text:gsub(("."):rep(random:below(9)), "%0\r\n") end
      assert.same(bytes, (decode(cuts.pieces(text, random:below(30)))))
      assert.same(bytes, (decode { text }))
      assert.same(encode(bytes), window.base64_encode(cuts.pieces(bytes, random:below(30))))
    end
  end)

  it("encodes, however the bytes are cut", function()
    for length = 0, 9 do
      local bytes = ("\0\xFFabc\xFE\xFDxyz"):sub(1, length)
      cuts.each(bytes, function(pieces)
        assert.same(encode(bytes), window.base64_encode(pieces))
      end)
    end
  end)

  it("decodes megabytes in one piece", function()
    local bytes = Random.new(1):bytes(30000):rep(40)
    local text = window.base64_encode { bytes }
    for _, simd in ipairs(window.simds()) do
      assert.is_true(bytes == window.base64_decode({ text }, simd))
    end
  end)

  it("decodes text of every length, and finds every bad byte at every place of it", function()
    local bytes = Random.new(7):bytes(192)
    local text = encode(bytes)
    for length = 0, #text, 4 do
      assert.same(bytes:sub(1, length // 4 * 3), (decode { text:sub(1, length) }))
    end
    for place = 0, #text - 1 do
      local good = bytes:sub(1, place // 4 * 3)
      for _, bad in ipairs { "\0", " ", '"', "\\", "-", "_", ".", "@", "[", "`", "{", ":", "\x7F",
        "\x80", "\xAB", "\xAF", "\xC1", "\xFF" } do
        local changed = text:sub(1, place) .. bad .. text:sub(place + 2)
        local nothing, err, before = decode { changed }
        assert.is_nil(nothing)
        assert.same({ "protocol", place, good }, { err.kind, err.offset, before })
      end
    end
  end)

  it("knows every byte from the alphabet in the middle of a block, too", function()
    local text = encode(Random.new(8):bytes(192))
    for byte = 0, 255 do
      local c = string.char(byte)
      local result, err = decode { text:sub(1, 70) .. c .. text:sub(72) }
      if ALPHABET:find(c, 1, true) then
        assert.same(192, #result)
      elseif c ~= "\r" and c ~= "\n" then
        -- Padding may stand there, but nothing behind it.
        assert.is_true(err.offset == 70 or c == "=" and err.offset == 71)
      end
    end
  end)

  it("passes over line breaks at any width", function()
    local bytes = Random.new(9):bytes(300)
    for width = 1, 130 do
      for _, ending in ipairs { "\n", "\r\n" } do
        local text = encode(bytes):gsub(("."):rep(width), "%0" .. ending)
        assert.same(bytes, (decode { text }), width)
      end
    end
  end)

  it("never crashes on garbage, and finds the same fault whatever the cuts", function()
    local random = Random.new(99)
    for _ = 1, 2000 do
      local text = {}
      for i = 1, random:below(20) do
        local at = random:below(70)
        text[i] = at <= 64 and ALPHABET:sub(at, at) or at <= 67 and "=" or at == 68 and "\n"
          or random:bytes(1)
      end
      text = table.concat(text)
      local whole, err, before = decode { text }
      local cut, cut_err, cut_before = decode(cuts.pieces(text, random:below(5)))
      assert.same({ whole, err, before }, { cut, cut_err, cut_before })
    end
  end)
end)
