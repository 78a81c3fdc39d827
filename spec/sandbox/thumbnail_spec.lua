-- SPDX-License-Identifier: MIT
-- Tests lua/gptimage/sandbox/thumbnail.lua and inflate.lua: how the sandbox sees what it was sent.

local files = require "spec.support.files"
local inflate = require "gptimage.sandbox.inflate"
local mask = require "gptimage.mask"
local pictures = require "spec.support.pictures"
local read_picture = require("gptimage.sandbox.pictures").read
local thumbnail = require "gptimage.sandbox.thumbnail"

local function small(bytes, edge)
  return thumbnail.make(bytes, read_picture(bytes), edge or 64)
end

-- A PNG of these rows, filter bytes included; `chunks` before the data.
local function png(width, height, depth, color, rows, chunks, interlaced)
  return pictures.SIGNATURE .. pictures.header(width, height, depth, color, interlaced)
    .. (chunks or "") .. pictures.chunk("IDAT", pictures.store(rows))
    .. pictures.chunk("IEND", "")
end

local function inflated(data, size)
  local at, out = 1, {}
  inflate.inflate(function()
    local piece = data:sub(at, at + size - 1)
    at = at + size
    return piece ~= "" and piece or nil
  end, function(bytes) out[#out + 1] = bytes end)
  return table.concat(out)
end

describe("inflate", function()
  -- "abc" sixteen times by fixed codes, as zlib writes it
  local fixed = "\x78\x01\x4b\x4c\x4a\x4e\x24\x05\x01\x00\xc2\x4f\x12\x61"

  it("reads stored and fixed blocks, in pieces of any size", function()
    local text = ("stored "):rep(20000)
    for _, size in ipairs { 1, 7, 65536, 1 << 20 } do
      assert.equal(text, inflated(pictures.store(text), size))
      assert.equal(("abc"):rep(16), inflated(fixed, size))
    end
  end)

  it("raises where the data is damaged, and never runs on", function()
    for n = 1, #fixed - 5 do
      assert.has_error(function() inflated(fixed:sub(1, n), 9) end)
    end
    for _, data in ipairs { "", "\x78", "\x78\x9d\1", "\x18\x9c", "\x78\x9c\7",
      "\x78\x9c\1\1\0\0\0", "\x78\x9c\3\2", "\x78\x9c\5\xff\xff\xff\xff\xff\xff\xff\xff\xff" } do
      assert.has_error(function() inflated(data, 9) end)
    end
  end)
end)

describe("a thumbnail", function()
  it("of a small picture is the picture", function()
    local cells = assert(small(pictures.png { width = 5, height = 3,
      color = function(x, y) return x << 16 | y << 8 | 7 end,
      alpha = function(x) return 50 * x end }))
    assert.same({ 5, 3 }, { cells.columns, cells.rows })
    assert.same({ 0x000007, 0x040207, 0, 200 },
      { cells.colors[1], cells.colors[15], cells.alphas[1], cells.alphas[15] })
  end)

  it("of a big one is its average, of the same shape", function()
    local cells = assert(small(pictures.png { width = 200, height = 100,
      color = function(x) return x < 100 and 0xFF0000 or 0x0000FF end }, 20))
    assert.same({ 20, 10 }, { cells.columns, cells.rows })
    for i, color in ipairs(cells.colors) do
      assert.equal((i - 1) % 20 < 10 and 0xFF0000 or 0x0000FF, color)
    end
  end)

  it("knows all five filters", function()
    local rows = "\0\10\20\30\40" .. "\1\10\1\1\1" .. "\2\1\1\1\1" .. "\3\10\10\10\10"
      .. "\4\1\2\3\4"
    local cells = assert(small(png(4, 5, 8, 0, rows)))
    local greys = {}
    for i, color in ipairs(cells.colors) do greys[i] = color & 0xFF end
    assert.same({ 10, 20, 30, 40, 10, 11, 12, 13, 11, 12, 13, 14, 15, 23, 28, 31, 16, 25, 31, 35 },
      greys)
  end)

  for name, case in pairs {
    ["1 bit of grey"] = { png(3, 1, 1, 0, "\0\xA0"), { 0xFFFFFF, 0, 0xFFFFFF }, { 255, 255, 255 } },
    ["4 bits of a palette"] = { png(3, 1, 4, 3, "\0\1\32",
      pictures.chunk("PLTE", "\1\2\3\4\5\6\7\8\9") .. pictures.chunk("tRNS", "\9")),
      { 0x010203, 0x040506, 0x070809 }, { 9, 255, 255 } },
    ["16 bits of colour"] = { png(1, 1, 16, 2, "\0\1\255\2\255\3\255"), { 0x010203 }, { 255 } },
    ["grey with alpha"] = { png(2, 1, 8, 4, "\0\5\6\7\8"), { 0x050505, 0x070707 }, { 6, 8 } },
    ["a key"] = { png(2, 1, 8, 2, "\0\1\2\3\4\5\6", pictures.chunk("tRNS", "\0\4\0\5\0\6")),
      { 0x010203, 0x040506 }, { 255, 0 } },
    ["interlaced rows"] = { png(3, 2, 8, 0, "\0\1" .. "\0\3" .. "\0\2" .. "\0\4\5\6", "", true),
      { 0x010101, 0x020202, 0x030303, 0x040404, 0x050505, 0x060606 },
      { 255, 255, 255, 255, 255, 255 } },
  } do
    it("reads " .. name, function()
      local cells, message = small(case[1])
      assert.is_nil(message)
      assert.same({ case[2], case[3] }, { cells.colors, cells.alphas })
    end)
  end

  it("reads what libpng writes", function()
    local folder <close> = files.folder()
    local path = assert(mask.ellipse { image_width = 300, image_height = 200, x = 50, y = 50,
      width = 200, height = 100, output = folder.path .. "/m.png" })
    local file <close> = assert(io.open(path, "rb"))
    local cells = assert(small(file:read("a"), 300))
    local transparent = 0
    for _, alpha in ipairs(cells.alphas) do
      transparent = transparent + (alpha == 0 and 1 or 0)
    end
    assert.equal(assert(mask.check { mask = path }).transparent, transparent)
  end)

  it("is not made of what is damaged or too big, and says so", function()
    local whole = pictures.png { width = 9, height = 9, alpha = true }
    local picture = read_picture(whole)
    for i = 34, #whole - 12 do -- behind the header, before the end
      local cells, message = thumbnail.make(whole:sub(1, i - 1)
        .. string.char(whole:byte(i) ~ 0x41) .. whole:sub(i + 1), picture, 9)
      assert.is_nil(cells, i)
      assert.is_string(message)
    end
    local huge = png(20000, 20000, 8, 2, "")
    assert.same({ nil, "too big" }, { small(huge) })
    assert.same({ nil, "png: too few rows" }, { small(png(2, 2, 8, 0, "\0\1\2")) })
  end)
end)
