-- SPDX-License-Identifier: MIT
-- Tests src/core/gim_pixels.c through the test window.
local window = require "gptimage.core_test"
local Random = require "spec.support.random"

-- The tables of the services' pages; * marks what the pages call scaled down.
local tables = {
  anchor = {
    ["1:1"] = "1024x1024 2048x2048 2880x2880*", ["2:1"] = "2048x1024 2048x1024 3840x1920",
    ["3:1"] = "3072x1024 2048x688 3840x1280", ["3:2"] = "1536x1024 2048x1360 3520x2336*",
    ["4:3"] = "1360x1024 2048x1536 3312x2480*", ["5:4"] = "1280x1024 2048x1632 3216x2560*",
    ["16:9"] = "1824x1024 2048x1152 3840x2160", ["21:9"] = "2384x1024 2048x880 3840x1648",
  },
  budget = {
    ["1:1"] = "1024x1024 2048x2048 2880x2880", ["2:1"] = "1456x720 2896x1456 3840x1920*",
    ["3:1"] = "1776x592 3552x1184 3840x1280*", ["3:2"] = "1248x832 2512x1680 3520x2352",
    ["4:3"] = "1184x880 2368x1776 3312x2480*", ["5:4"] = "1152x912 2288x1824 3216x2576",
    ["16:9"] = "1360x768 2736x1536 3840x2160", ["21:9"] = "1568x672 3136x1344 3840x1632*",
  },
}

local NO_MULTIPLE, EDGE, FEW, MANY, RATIO = 1, 2, 4, 8, 16

describe("gim_pixels_solve", function()
  for procedure, rows in pairs(tables) do
    it("gives all cells of the " .. procedure .. " table, and their portrait swaps", function()
      local cells = 0
      for ratio, row in pairs(rows) do
        local a, b = ratio:match "(%d+):(%d+)"
        local tier = 1
        for cell in row:gmatch "%S+" do
          local width, height, scaled = cell:match "(%d+)x(%d+)(%*?)"
          width, height = tonumber(width), tonumber(height)
          assert.same({ width, height, scaled == "*" },
            { window.solve(procedure, tonumber(a), tonumber(b), tier) }, ratio)
          assert.same({ height, width, scaled == "*" },
            { window.solve(procedure, tonumber(b), tonumber(a), tier) }, ratio)
          tier, cells = tier * 2, cells + 1
        end
      end
      assert.same(24, cells)
    end)
  end
end)

describe("gim_pixels_parse", function()
  it("reads ratios, pixels and auto, and writes them again", function()
    for text, expected in pairs {
      ["auto"] = "auto", ["16:9"] = "ratio 16 9", ["1024x1536"] = "pixels 1024 1536",
      ["1024×1536"] = "pixels 1024 1536 cross", ["1x1"] = "pixels 1 1",
      ["1000000x2"] = "pixels 999999 2", ["99999999999999999999:1"] = "ratio 999999 1",
    } do
      local size, written = window.parse_size(text)
      local got = size.kind == "auto" and "auto"
        or ("%s %d %d%s"):format(size.kind, size.width, size.height, size.cross and " cross" or "")
      assert.same(expected, got)
      if #text < 9 then assert.same(text, written) end
    end
    assert.same("1024x1536", select(2, window.parse_size "1024×1536"))
  end)

  it("takes nothing else", function()
    for _, text in ipairs { "", "x", ":", "16", "16:", ":9", "16:9:1", "0:1", "1:0", "016:9",
      "16:09", "1024X1024", "1024*1024", " 1:1", "1:1 ", "1024 x 1024", "1024xx1024", "-1x1",
      "1x-1", "+1x1", "1.5:1", "AUTO", "Auto", "auto ", "1024x1024px", "1024\xC3", "1024\xC31024",
      "1024\xC3\x971024\xC3\x97", "1024\xC3\x98512", "一x一", "0x10x10" } do
      assert.same("other", window.parse_size(text).kind, text)
    end
  end)
end)

describe("gim_pixels_nearest", function()
  it("gives what is nearest on paper", function()
    for text, expected in pairs {
      ["1920x1080"] = "1920x1088", ["1080x1920"] = "1088x1920", ["1000x1000"] = "1008x1008",
      ["4000x4000"] = "2880x2880", ["5120x2880"] = "3840x2160", ["3840x1264"] = "3840x1280",
      ["500x500"] = "816x816", ["1x1"] = "816x816", ["1024x1024"] = "1024x1024",
      ["3841x2161"] = "3840x2160", ["17x17"] = "816x816", ["1x999999"] = "1280x3840",
      ["999999x1"] = "3840x1280", ["17x16"] = "816x816",
    } do
      local w, h = text:match "(%d+)x(%d+)"
      local nw, nh = window.nearest(tonumber(w), tonumber(h))
      assert.same(expected, ("%dx%d"):format(nw, nh), text)
    end
  end)

  it("keeps the shape of what is larger than any picture", function()
    for _, edge in ipairs { 3841, 5000, 5792, 6000, 8192, 10000, 100000, 999999 } do
      assert.same({ 2880, 2880 }, { select(1, window.nearest(edge, edge)),
        (select(2, window.nearest(edge, edge))) }, edge)
    end
    for text, expected in pairs {
      ["10000x5000"] = "3840x1920", ["99999x33333"] = "3840x1280", ["9000x16000"] = "2160x3840",
      ["40000x30000"] = "3312x2496", ["999999x3841"] = "3840x1280",
    } do
      local w, h = text:match "(%d+)x(%d+)"
      local nw, nh = window.nearest(tonumber(w), tonumber(h))
      assert.same(expected, ("%dx%d"):format(nw, nh), text)
    end
  end)

  it("is legal, and as near as any legal size, for random sizes", function()
    local legal = {}
    for w = 16, 3840, 16 do
      for h = 16, 3840, 16 do
        if w * h >= 655360 and w * h <= 8294400 and w <= 3 * h and h <= 3 * w then
          legal[#legal + 1] = { w, h }
        end
      end
    end
    local random = Random.new(16)
    for i = 1, 60 do
      local most = i % 3 == 0 and 999999 or 4500
      local w, h = random:below(most), random:below(most)
      local nw, nh = window.nearest(w, h)
      local _, _, broken = window.nearest(nw, nh)
      assert.same(0, broken)
      if w > 3840 and h > 3840 then -- the shape counts
        local long = math.max(w, h)
        local edge = math.min(3840, math.floor((8294400 * long / math.min(w, h)) ^ 0.5))
        w = math.max((w * edge + long // 2) // long, (edge + 2) // 3)
        h = math.max((h * edge + long // 2) // long, (edge + 2) // 3)
      end
      local least = math.maxinteger
      for _, size in ipairs(legal) do
        local d = (size[1] - w) ^ 2 + (size[2] - h) ^ 2
        if d < least then least = d end
      end
      assert.same(least, (nw - w) ^ 2 + (nh - h) ^ 2, w .. "x" .. h)
    end
  end)

  it("finds the nearest shape", function()
    for text, expected in pairs {
      ["1920x1080"] = "16:9", ["1000x1000"] = "1:1", ["16x10"] = "3:2", ["1x999999"] = "1:3",
      ["999999x1"] = "3:1", ["1080x1920"] = "9:16", ["2560x1080"] = "21:9",
      ["999999x999999"] = "1:1",
    } do
      local w, h = text:match "(%d+)x(%d+)"
      local _, _, _, a, b = window.nearest(tonumber(w), tonumber(h))
      assert.same(expected, a .. ":" .. b, text)
    end
  end)
end)

describe("gim_pixels_broken", function()
  it("names every limit that is broken, at both ends of each", function()
    for text, expected in pairs {
      ["1024x1024"] = 0, ["3840x2160"] = 0, ["2160x3840"] = 0, ["3840x1280"] = 0, ["1024x640"] = 0,
      ["640x1024"] = 0, ["1025x1024"] = NO_MULTIPLE, ["1024x1032"] = NO_MULTIPLE,
      ["3856x2000"] = EDGE, ["1024x624"] = FEW, ["2896x2880"] = MANY, ["3840x1264"] = RATIO,
      ["1264x3840"] = RATIO, ["4000x100"] = NO_MULTIPLE | EDGE | FEW | RATIO,
      ["4096x4096"] = EDGE | MANY, ["16x16"] = FEW, ["999999x999999"] = NO_MULTIPLE | EDGE | MANY,
    } do
      local w, h = text:match "(%d+)x(%d+)"
      local _, _, broken = window.nearest(tonumber(w), tonumber(h))
      assert.same(expected, broken, text)
    end
  end)
end)
