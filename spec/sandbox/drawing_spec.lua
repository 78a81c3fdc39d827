-- SPDX-License-Identifier: MIT
-- Tests lua/gptimage/sandbox/drawing.lua, drawing/*.lua, png.lua and base64.lua.

local base64 = require "gptimage.sandbox.base64"
local drawing = require "gptimage.sandbox.drawing"
local decode = require("spec.support.png").decode
local png = require "gptimage.sandbox.png"

local function draw(prompt, width, height, index)
  return drawing.png { prompt = prompt, index = index or 1, width = width, height = height }
end

describe("the sandbox's PNG writer", function()
  it("writes every run, repeated row and colour as it was given", function()
    math.randomseed(11)
    for _, width in ipairs { 1, 2, 3, 86, 87, 88, 89, 173, 300, 600 } do
      local rows = {}
      local writer = png.new(width, 12)
      for y = 1, 12 do
        local row = y % 3 == 0 and rows[y - 1] or { 0, math.random(0, 0xFFFFFF) }
        if row ~= rows[y - 1] then
          local x = 0
          repeat
            x = x + math.random(1, 120)
            if x < width then
              row[#row + 1], row[#row + 2] = x, math.random(0, 0xFFFFFF)
            end
          until x >= width
        end
        rows[y] = row
        writer:row(table.move(row, 1, #row, 1, {}))
      end
      local picture = decode(writer:finish())
      assert.same({ width, 12 }, { picture.width, picture.height })
      for y, row in ipairs(rows) do
        for i = 1, #row, 2 do
          for _, x in ipairs { row[i], (row[i + 2] or width) - 1 } do
            local red, green, blue = picture.pixel(x, y - 1)
            assert.equal(row[i + 1], red << 16 | green << 8 | blue)
          end
        end
      end
    end
  end)
end)

describe("the sandbox's pictures", function()
  local prompts = { "A beautiful colorful sunset over the ocean", "night city", "雪山",
    "pine forest", "desert", "hot air balloons over hills",
    "一只橘猫坐在窗台上看夕阳,水彩画风格", "", "xyz" }

  it("are PNGs of exactly the size asked, at every shape", function()
    for i, prompt in ipairs(prompts) do
      for _, size in ipairs { { 16, 16 }, { 64, 192 }, { 192, 64 }, { 97 + i, 61 } } do
        local picture = decode(draw(prompt, size[1], size[2]))
        assert.same(size, { picture.width, picture.height })
      end
    end
  end)

  it("are the same for the same prompt, and others for another, or another of n", function()
    for _, prompt in ipairs(prompts) do
      assert.equal(draw(prompt, 128, 96), draw(prompt, 128, 96))
      assert.not_equal(draw(prompt, 128, 96), draw(prompt .. "!", 128, 96))
      assert.not_equal(draw(prompt, 128, 96), draw(prompt, 128, 96, 2))
    end
  end)

  it("show what the prompt says: an orange cat at sunset, dark nights, bright days", function()
    local function share(prompt, is)
      local picture = decode(draw(prompt, 160, 160))
      local n = 0
      for y = 0, 159 do
        for x = 0, 159 do
          n = n + (is(picture.pixel(x, y)) and 1 or 0)
        end
      end
      return n / 25600
    end
    local function fur(red, green, blue)
      return red == 0xE8 and green == 0x83 and blue == 0x3A
    end
    assert.is_true(share("一只橘猫坐在窗台上看夕阳,水彩画风格", fur) > 0.03)
    assert.equal(0, share("夕阳", fur))
    local function dark(red, green, blue) return red + green + blue < 240 end
    assert.is_true(share("a night over the mountains", dark) > 0.4)
    assert.is_true(share("a sunny day over the mountains", dark) < 0.2)
  end)

  it("of 8 million pixels are valid too", function()
    local bytes = draw("sunset over the sea", 3840, 2160)
    local width, height = require("spec.support.png").size(bytes)
    assert.same({ 3840, 2160 }, { width, height })
    assert.is_true(#bytes < 2 * 1024 * 1024)
  end)
end)

describe("the sandbox's base64", function()
  it("is RFC 4648's", function()
    local mime = require "mime"
    for length = 0, 70 do
      local data = {}
      for i = 1, length do data[i] = string.char(math.random(0, 255)) end
      data = table.concat(data)
      assert.equal((mime.b64(data)) or "", base64.encode(data))
    end
  end)
end)
