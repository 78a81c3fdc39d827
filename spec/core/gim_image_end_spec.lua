-- SPDX-License-Identifier: MIT
-- Tests src/core/gim_image_end.c through the test window.
local cuts = require "spec.support.cuts"
local pictures = require "spec.support.pictures"
local window = require "gptimage.core_test"

local function segment(code, data)
  return string.pack(">BBI2", 0xFF, code, #data + 2) .. data
end

-- Two scans; a thumbnail with an end of its own in its Exif, and such bytes in a table; stuffed
-- bytes, restarts and fill bytes.
local JPEG = "\xFF\xD8" .. segment(0xE1, "Exif\0\0\xFF\xD8thumbnail\xFF\xD9")
  .. segment(0xC2, "\8\0\x10\0\x10\3\1\x11\0\2\x11\1\3\x11\1") .. segment(0xC4, "\xFF\xD9\0\0")
  .. segment(0xDA, "\1\1\0\0\x3F\0") .. "data\xFF\0\xFF\xD0more\xFF\xD7"
  .. "\xFF\xFF" .. segment(0xDA, "\1\1\0\0\x3F\0"):sub(2) .. "\xFF\0\xFF\0\xFF\xFF\xD9"

local WHOLE = {
  png = pictures.png { width = 3, height = 2, filler = 300 },
  jpeg = JPEG,
  webp = "RIFF" .. string.pack("<I4", 4 + 8 + 20) .. "WEBPVP8 " .. string.pack("<I4", 20)
    .. ("."):rep(20),
}

describe("gim_image_end", function()
  for type, file in pairs(WHOLE) do
    it("sees that of a " .. type .. ", however it is cut", function()
      cuts.each(file, function(pieces, cut)
        assert.same({ type, true, false }, { window.image_end(pieces) }, cut)
      end)
    end)

    it("misses it in every beginning of a " .. type, function()
      for n = 1, #file - 1 do
        local name, seen, missing = window.image_end { file:sub(1, n) }
        assert.equal(n >= 12 and type or nil, name)
        assert.is_false(seen, "at " .. n)
        assert.equal(n >= 12, missing, "at " .. n)
      end
    end)

    it("does not mind what comes behind that of a " .. type, function()
      for _, more in ipairs { "\0", "\n", file, ("x"):rep(100000) } do
        assert.same({ type, true, false }, { window.image_end { file .. more } })
        assert.same({ type, true, false }, { window.image_end { file, more } })
      end
    end)
  end

  it("is not known of anything else, and nothing is missed", function()
    for _, file in ipairs { "", "\x89PNG\r\n\x1A\n", "GIF89a" .. ("."):rep(100), ("x"):rep(1000),
      "<html>" .. ("."):rep(30), "RIFF\0\0\0\0WAVEfmt ", "\xFF\xD8" } do
      local _, _, missing = window.image_end { file }
      assert.is_false(missing, file)
    end
  end)

  it("is not known of a WebP that was written as a stream", function()
    assert.is_false((select(3, window.image_end { "RIFF\0\0\0\0WEBPVP8 \20\0\0\0data" })))
  end)

  it("is missed where lengths lead beyond what there is", function()
    for _, file in ipairs {
      "\x89PNG\r\n\x1A\n\xFF\xFF\xFF\xFFIEND\0\0\0\0", "\x89PNG\r\n\x1A\n\0\0\0\0IENDxxx",
      "\xFF\xD8\xFF\xE0\xFF\xFFJFIF\0..\xFF\xD9", "RIFF\xFF\xFF\xFF\xFFWEBPVP8 ",
    } do
      assert.is_true((select(3, window.image_end { file })))
    end
  end)

  it("walks on over a JPEG's segment whose length makes no sense", function()
    assert.is_true((select(2, window.image_end { "\xFF\xD8\xFF\xE0\0\0JFIF\0..\xFF\xD9" })))
  end)
end)

describe("gim_image_end_pass", function()
  it("passes over what need not be read, and the end is seen all the same", function()
    for type, file in pairs(WHOLE) do
      for step = 1, 40 do
        assert.same({ type, true, false }, { window.image_end({ file }, step) })
        assert.same({ type, true, false }, { window.image_end({ file .. "more" }, step) })
        for n = 12, #file - 1 do
          assert.same({ type, false, true }, { window.image_end({ file:sub(1, n) }, step) })
        end
      end
    end
  end)

  it("passes over nothing of what has no end", function()
    for _, file in ipairs { ("x"):rep(100), "GIF89a" .. ("."):rep(100) } do
      assert.is_false((select(3, window.image_end({ file }, 7))))
    end
  end)
end)

describe("gim_image_end_in", function()
  local MARKS = { png = "IEND\xAE\x42\x60\x82", jpeg = "\xFF\xD9" }

  it("finds what a picture ends with, wherever it stands", function()
    for type, mark in pairs(MARKS) do
      for before = 0, 20 do
        for _, filler in ipairs { ".", "I", "\xFF", "IEN", "IENDIEND" } do
          local text = filler:rep(before) .. mark
          assert.is_true(window.image_end_in(type, text))
          assert.is_true(window.image_end_in(type, text .. filler))
          for n = 0, #text - 1 do
            assert.is_false(window.image_end_in(type, text:sub(1, n)))
          end
        end
      end
    end
  end)

  it("finds none in another type's, and none where there is none", function()
    assert.is_false(window.image_end_in("png", MARKS.jpeg))
    assert.is_false(window.image_end_in("jpeg", MARKS.png))
    assert.is_false(window.image_end_in("webp", MARKS.png .. MARKS.jpeg))
    assert.is_false(window.image_end_in("unknown", MARKS.png .. MARKS.jpeg))
    assert.is_false(window.image_end_in("png", "IEND\0\0\0\0"))
  end)
end)
