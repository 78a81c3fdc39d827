-- SPDX-License-Identifier: MIT
-- Tests src/core/gim_image.c through the test window.
local window = require "gptimage.core_test"
local cuts = require "spec.support.cuts"
local Random = require "spec.support.random"

-- PNG: signature and chunks; checksums are not judged.
local SIGNATURE = "\x89PNG\r\n\x1A\n"

local function chunk(kind, data)
  return string.pack(">I4", #data) .. kind .. data .. "\1\2\3\4"
end

local function header(width, height, colour)
  return chunk("IHDR", string.pack(">I4I4BBBBB", width, height, 8, colour, 0, 0, 0))
end

-- JPEG: a segment; a frame of type `code`.
local function segment(code, data)
  return string.pack(">BBI2", 0xFF, code, #data + 2) .. data
end

local function frame(code, width, height)
  return segment(code, string.pack(">BI2I2B", 8, height, width, 3) .. ("\1\x11\0"):rep(3))
end

local EXIF = segment(0xE1, "Exif\0\0" .. ("\xFF\xC0\0\x11\8"):rep(4000))
local SCAN = segment(0xDA, "\1\1\0\0\x3F\0") .. ("pixels"):rep(4)

-- WebP: a RIFF file of chunks.
local function riff(kind, data)
  return kind .. string.pack("<I4", #data) .. data .. (#data % 2 == 1 and "\0" or "")
end

local function webp(body)
  return "RIFF" .. string.pack("<I4", #body + 4) .. "WEBP" .. body
end

local function lossy(width, height)
  return riff("VP8 ", "\x10\x02\0\x9D\1\x2A" .. string.pack("<I2I2", width, height) .. "data")
end

local function lossless(width, height, alpha)
  local bits = width - 1 | height - 1 << 14 | (alpha and 1 << 28 or 0)
  return riff("VP8L", "\x2F" .. string.pack("<I4", bits) .. "data")
end

local function extended(width, height, flags)
  return riff("VP8X", string.pack("<I4I3I3", flags, width - 1, height - 1))
end

describe("gim_image", function()
  local function check(name, file, expected)
    it("reads " .. name .. ", however it is cut", function()
      expected.fed = #file
      local function look(pieces, cut) assert.same(expected, window.image(pieces), cut) end
      if #file < 2000 then
        cuts.each(file, look)
      else
        look({ file }, "whole")
        for _, size in ipairs { 1, 2, 3, 7, 100, 4099 } do look(cuts.pieces(file, size), size) end
      end
    end)
  end

  local function png(name, body, width, height, alpha, unsettled)
    check("PNG " .. name, SIGNATURE .. body, { type = "png", mime = "image/png", width = width,
      height = height, alpha = alpha, settled = not unsettled })
  end

  local idat = chunk("IDAT", "pixels")
  png("of colours", header(2736, 1536, 2) .. idat, 2736, 1536, false)
  png("with alpha", header(1, 2, 6), 1, 2, true)
  png("grey with alpha", header(1, 2, 4), 1, 2, true)
  png("grey", header(1, 2, 0) .. chunk("gAMA", "abcd") .. idat, 1, 2, false)
  png("of a palette", header(16, 16, 3) .. chunk("PLTE", "abc") .. idat, 16, 16, false)
  png("of a palette with alpha", header(16, 16, 3) .. chunk("PLTE", "abc") .. chunk("tRNS", "\0")
    .. idat, 16, 16, true)
  png("with chunks that are almost known", header(16, 16, 3) .. chunk("tRNs", "\0")
    .. chunk("IDAt", "") .. chunk("IENd", "") .. chunk("tRNS", "\0"), 16, 16, true)
  png("whose tRNS comes too late", header(16, 16, 3) .. idat .. chunk("tRNS", "\0"), 16, 16, false)
  png("with a big chunk", header(5, 6, 2) .. chunk("iCCP", ("tRNSIDAT"):rep(1000)) .. idat, 5, 6,
    false)
  png("that is cut in its header", header(5, 6, 2):sub(1, 20), 0, 0, false, true)
  png("that is cut behind its header", header(5, 6, 2), 5, 6, false, true)
  png("with a chunk before its header", chunk("CgBI", "abcd") .. header(5, 6, 6), 5, 6, true)
  png("without a header", idat, 0, 0, false)
  png("without anything", chunk("IEND", ""), 0, 0, false)
  png("with a short header", chunk("IHDR", "\0\0\0\1"), 0, 0, false)
  png("with a long header", chunk("IHDR", string.pack(">I4I4BBBBB", 5, 6, 8, 2, 0, 0, 0)
    .. ("x"):rep(50)) .. idat, 5, 6, false)
  png("of no width", header(0, 6, 2) .. idat, 0, 0, false)
  png("of too many pixels", header(0x80000000, 6, 2) .. idat, 0, 0, false)
  png("of the most pixels", header(0x7FFFFFFF, 1, 6), 0x7FFFFFFF, 1, true)
  png("with a chunk that lies", header(5, 6, 2) .. "\xFF\xFF\xFF\xFFzTXtabc", 5, 6, false, true)

  local function jpeg(name, body, width, height, unsettled)
    check("JPEG " .. name, "\xFF\xD8" .. body, { type = "jpeg", mime = "image/jpeg", width = width,
      height = height, alpha = false, settled = not unsettled })
  end

  local jfif = segment(0xE0, "JFIF\0\1\1\0\0\1\0\1\0\0")
  for code = 0xC0, 0xCF do
    local name = ("with marker %X"):format(code)
    if code == 0xC4 or code == 0xC8 or code == 0xCC then
      jpeg(name, jfif .. frame(code, 9, 9) .. frame(0xC0, 640, 480) .. SCAN, 640, 480)
    else
      jpeg(name, jfif .. frame(code, 640, 480) .. SCAN, 640, 480)
    end
  end
  jpeg("with a long EXIF", EXIF .. frame(0xC2, 640, 480) .. SCAN, 640, 480)
  jpeg("with fill bytes", "\xFF\xFF\xFF" .. jfif .. "\xFF\xFF\xFF" .. frame(0xC0, 640, 480), 640,
    480)
  jpeg("with restarts, TEM and rubbish", "\xFF\xD0" .. "\xFF\xD7\xFF\1" .. "ab\xFF\0cd" .. jfif
    .. frame(0xC0, 640, 480), 640, 480)
  jpeg("of unknown height", jfif .. frame(0xC0, 640, 0) .. SCAN, 0, 0)
  jpeg("without a frame", jfif .. SCAN, 0, 0)
  jpeg("that ends at once", jfif .. "\xFF\xD9", 0, 0)
  jpeg("with a length that cannot be", "\xFF\xE0\0\1" .. jfif .. frame(0xC0, 640, 480), 0, 0)
  jpeg("that is cut", jfif .. frame(0xC0, 640, 480):sub(1, 8), 0, 0, true)
  jpeg("with a segment that lies", "\xFF\xE0\xFF\xFFshorter than that", 0, 0, true)

  local function riff_file(name, body, width, height, alpha, unsettled)
    check("WebP " .. name, webp(body), { type = "webp", mime = "image/webp", width = width,
      height = height, alpha = alpha, settled = not unsettled })
  end

  riff_file("lossy", lossy(1023, 767), 1023, 767, false)
  riff_file("lossy and scaled", lossy(1024 | 1 << 14, 768 | 3 << 14), 1024, 768, false)
  riff_file("lossless", lossless(16384, 1, false), 16384, 1, false)
  riff_file("lossless with alpha", lossless(1, 16384, true), 1, 16384, true)
  riff_file("extended", extended(1 << 24, 300, 0x2C) .. lossy(9, 9), 1 << 24, 300, false)
  riff_file("extended with alpha", extended(40, 300, 0x10), 40, 300, true)
  riff_file("behind a foreign chunk", riff("ABCD", "odd") .. lossy(40, 30), 40, 30, false)
  riff_file("behind chunks that are almost known", riff("VP8Y", ("x"):rep(10)) ..
    riff("VP8M", "abcde") .. lossy(40, 30), 40, 30, false)
  riff_file("without a key frame", riff("VP8 ", "\x11\x02\0\x9D\1\x2A\1\0\1\0"), 0, 0, false)
  riff_file("with a wrong start code", riff("VP8 ", "\x10\x02\0\x9D\1\x2B\1\0\1\0"), 0, 0, false)
  riff_file("with a wrong mark", riff("VP8L", "\x2E\1\0\0\0"), 0, 0, false)
  riff_file("that is too short", riff("VP8X", "\x10\0\0\0"), 0, 0, false)
  riff_file("that is cut", lossy(40, 30):sub(1, 12), 0, 0, false, true)
  riff_file("with a chunk that lies", "ABCD\xFF\xFF\xFF\xFFabc", 0, 0, false, true)

  check("GIF", "GIF89a" .. string.pack("<I2I2", 320, 200) .. "\0\0\0", { type = "gif",
    mime = "image/gif", width = 320, height = 200, alpha = false, settled = true })

  local unknown = { mime = "application/octet-stream", width = 0, height = 0, alpha = false }
  for name, file in pairs {
    ["a page"] = "<!doctype html><html>", ["zeros"] = ("\0"):rep(40),
    ["a RIFF that is no WebP"] = "RIFF\0\0\0\0WAVEfmt ", ["text"] = "GIF is a format",
    ["a GIF of no version"] = "GIF89b" .. ("\1"):rep(10),
    ["no JPEG"] = "\xFF\xD8\xFE" .. ("x"):rep(9),
    ["a foreign container"] = "RIFX\0\0\0\0WEBPVP8 ",
    ["half a signature"] = "\x89PNG\r\n\x1A\r" .. header(1, 1, 2),
  } do
    local expected = { settled = true }
    for key, value in pairs(unknown) do expected[key] = value end
    check(name .. " as unknown", file, expected)
  end

  it("waits for twelve bytes before it names a type", function()
    for n = 0, 11 do
      local image = window.image { (SIGNATURE .. header(1, 1, 6)):sub(1, n) }
      assert.same({ nil, false, n }, { image.type, image.settled, image.fed })
    end
    assert.same("png", window.image({ (SIGNATURE .. header(1, 1, 6)):sub(1, 12) }).type)
  end)

  it("gives the same for random damage, whatever the cuts", function()
    local random = Random.new(1995)
    local files = { SIGNATURE .. header(5, 6, 3) .. chunk("tRNS", "a") .. idat,
      "\xFF\xD8" .. jfif .. frame(0xC4, 1, 1) .. frame(0xC2, 64, 48), webp(lossy(10, 20)),
      webp(lossless(10, 20, true)), webp(extended(10, 20, 16)) }
    for _ = 1, 3000 do
      local file = random:pick(files)
      for _ = 1, random:below(4) do
        local at = random:below(#file)
        file = file:sub(1, at - 1) .. random:bytes(1) .. file:sub(at + 1)
      end
      local whole = window.image { file }
      assert.same(whole, window.image(cuts.bytes(file)))
      assert.same(whole, window.image(cuts.pieces(file, random:below(20))))
      assert.same(whole.width == 0, whole.height == 0)
    end
  end)
end)
