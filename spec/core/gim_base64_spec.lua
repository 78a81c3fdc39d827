-- SPDX-License-Identifier: MIT
-- Tests src/core/gim_base64.c through the test window.
local window = require "gptimage.core_test"
local mime = require "mime"
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
    end
  end)

  it("decodes megabytes in one piece", function()
    local bytes = Random.new(1):bytes(30000):rep(40)
    local text = mime.b64(bytes)
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

  -- What gim_base64_decode_run says it does, slow and plain: where text ends to be base64 and
  -- `\/`, and the characters until there.
  local function run(text)
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

  -- Every instruction set against it.
  local function check_run(text)
    local plain, eaten = run(text)
    local bytes = mime.unb64(plain:sub(1, #plain // 4 * 4)) or ""
    for _, simd in ipairs(window.simds()) do
      local seen = table.pack(window.base64_run(text, simd))
      if seen[1] ~= bytes or seen[2] ~= eaten or seen[3] ~= #plain or seen[4] then
        assert.same({ bytes, eaten, #plain }, seen, simd .. ": " .. text)
      end
    end
  end

  local LETTERS = ALPHABET:sub(1, 63)
  local function letters(random, n)
    local out = {}
    for i = 1, n do
      local at = random:below(63)
      out[i] = LETTERS:sub(at, at)
    end
    return table.concat(out)
  end

  it("reads a run of JSON text with escapes at every place of every block", function()
    local text = letters(Random.new(3), 1100)
    for _, escape in ipairs { "/", "\\/", "\\/\\/", "\\/\\/\\/\\/\\/", "\\", "\\\\/", "\\n",
      "\\u002b", "\\u002F", '"', '\\"', "\\/\\", '\\/"', "\\/\\\\/", "\\/\\u002f" } do
      for place = 0, 200 do
        check_run(text:sub(1, place) .. escape .. text:sub(place + 1, 260)) -- near the end
        -- Behind enough of `\/` that vectors look for more.
        check_run("AAA\\/" .. text:sub(1, 600 + place) .. escape .. text:sub(place + 601, 1100))
        check_run("\\/" .. text:sub(1, place) .. escape) -- the last ones of a piece
      end
    end
  end)

  it("reads random runs of JSON text, dense and sparse in escapes", function()
    local random = Random.new(47)
    for round = 1, 3000 do
      local text, slashes = {}, random:below(80)
      for i = 1, random:below(round % 10 == 0 and 12000 or 700) do
        local dice = random:below(round % 3 == 0 and 100 or 3000)
        text[i] = dice < slashes and "\\/" or dice == 80 and "/" or round % 4 == 0 and dice == 90
          and random:pick { '"', "\\", "\\n", "\\u0041" }
          or LETTERS:sub(dice % 63 + 1, dice % 63 + 1)
      end
      check_run(table.concat(text))
    end
  end)

  it("finds the same bad character of a run with escapes, by every instruction set", function()
    local random = Random.new(48)
    for _ = 1, 600 do
      local head, escape = letters(random, random:below(300)), random:pick { "", "\\/" }
      local text = ("A\\/"):rep(random:below(5)) .. ("\\/AB"):rep(random:below(300) - 1) .. head
        .. escape
      for _, bad in ipairs { "!", "\0", " ", "-", "\xFF", "\x80", "[", "{" } do
        local good, eaten = run(text)
        for _, simd in ipairs(window.simds()) do
          local bytes, got, characters, err = window.base64_run(text .. bad .. "AAAA\\/AAA", simd)
          assert.same({ #good // 4 * 3, eaten, #good }, { #bytes, got, characters }, simd)
          assert.same(("no base64 at character %d: not in the alphabet"):format(#good), err)
        end
      end
      for _, breaks in ipairs { "\n", "\r\n" } do
        local expected = window.base64_run(text .. "AAAA\\/AAA", "scalar")
        for _, simd in ipairs(window.simds()) do
          assert.same(expected, (window.base64_run(text .. breaks .. "AAAA\\/AAA", simd)))
        end
      end
    end
  end)

  it("looks at no byte behind a run (as a sanitizer sees), whatever its length", function()
    local dense = ("\\/A"):rep(3000)
    for length = 600, #dense, 7 do check_run(dense:sub(1, length)) end
    for length = 4000, 4400 do check_run(dense:sub(1, length)) end
    for length = 8000, 8400 do check_run(dense:sub(1, length)) end
  end)

  it("refuses an escaped slash behind padding at its backslash", function()
    for length = 0, 2400, 100 do
      local text = "\\/AAA" .. ("A\\/BC"):rep(length // 4) .. "AA="
      for _, simd in ipairs(window.simds()) do
        local _, eaten, _, err = window.base64_run(text .. "\\/", simd)
        assert.same(#text, eaten)
        assert.matches("more after the padding", err)
      end
    end
  end)
end)
