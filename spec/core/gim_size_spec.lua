-- SPDX-License-Identifier: MIT
-- Tests src/core/gim_size.c through the test window.
local window = require "gptimage.core_test"

local function judge(model, size, resolution, budget)
  local sized, issues, warnings = window.judge_size(model, size, resolution, budget)
  local out = { ("%dx%d tier %d"):format(sized.width, sized.height, sized.tier) }
  for _, issue in ipairs(issues) do
    out[#out + 1] = issue.rule .. (issue.nearest and "=" .. issue.nearest or "")
  end
  for _, warning in ipairs(warnings) do out[#out + 1] = "(" .. warning.rule .. ")" end
  return table.concat(out, " "), sized
end

local BETA, OLD, TWO = "gpt-image-2-beta", "gpt-image-1.5", "gpt-image-2"

describe("gim_size_judge", function()
  it("works out pixels, tiers and warnings", function()
    for _, case in ipairs {
      { BETA, nil, nil, "0x0 tier 1" }, { BETA, "auto", nil, "0x0 tier 1" },
      { BETA, "auto", "4K", "0x0 tier 1 (ignored)" }, { BETA, nil, "2K", "0x0 tier 1 (ignored)" },
      { BETA, "16:9", nil, "1360x768 tier 1" }, { BETA, "16:9", "2K", "2736x1536 tier 2" },
      { BETA, "9:16", "4K", "2160x3840 tier 4" },
      { BETA, "21:9", "4K", "3840x1632 tier 4 (scaled_down)" },
      { BETA, "1024x1024", nil, "1024x1024 tier 1" },
      { BETA, "1024×1024", nil, "1024x1024 tier 1" },
      { BETA, "1024x1024", "4K", "1024x1024 tier 1 (ignored)" },
      { BETA, "3840x2160", nil, "3840x2160 tier 4" },
      { TWO, nil, nil, "0x0 tier 0" }, { TWO, "auto", "2k", "0x0 tier 0 (ignored)" },
      { TWO, "1:1", nil, "1024x1024 tier 1" }, { TWO, "16:9", "4k", "3840x2160 tier 4" },
      { TWO, "1536x1024", nil, "1536x1024 tier 0" },
      { TWO, "1536x1024", "1K", "1536x1024 tier 0 (ignored)" },
      { TWO, "2:1", "2K", "2048x1024 tier 2 (fewer_pixels)" },
      { TWO, "3:1", "2K", "2048x688 tier 2 (fewer_pixels)" },
      { TWO, "9:21", "2K", "880x2048 tier 2 (fewer_pixels)" },
      { TWO, "3:2", "2K", "2048x1360 tier 2" },
      { TWO, "3:2", "4K", "3520x2336 tier 4 (scaled_down)" },
      { OLD, nil, nil, "0x0 tier 0" }, { OLD, "1:1", nil, "1024x1024 tier 0" },
      { OLD, "2:3", nil, "1024x1536 tier 0" }, { OLD, "3:2", nil, "1536x1024 tier 0" },
      { OLD, "1024x1536", nil, "1024x1536 tier 0" }, { OLD, "1536×1024", nil, "1536x1024 tier 0" },
    } do
      assert.same(case[4], (judge(case[1], case[2], case[3])), case[1] .. " " .. tostring(case[2]))
    end
  end)

  it("has beta's table for gpt-image-2 when asked, and for beta always", function()
    assert.same("2896x1456 tier 2", (judge(TWO, "2:1", "2K", true)))
    assert.same("2896x1456 tier 2", (judge(BETA, "2:1", "2K", true)))
    assert.same("2896x1456 tier 2", (judge(BETA, "2:1", "2K", false)))
  end)

  it("warns for exactly the ratios whose 2K is no larger, and never for beta", function()
    local warned = {}
    for _, row in ipairs(window.sizes("starmagic", TWO)) do
      local text = judge(TWO, row.size, row.resolution)
      if text:find "fewer_pixels" then
        warned[#warned + 1] = row.size .. " " .. row.resolution
      end
      assert.is_nil(judge(BETA, row.size, row.resolution):find "fewer_pixels")
    end
    table.sort(warned)
    assert.same({ "1:2 2K", "1:3 2K", "21:9 2K", "2:1 2K", "3:1 2K", "9:21 2K" }, warned)
  end)

  it("buckets beta's pixels at 1,700,000 and 4,400,000, inclusive", function()
    -- edges are multiples of 16, so no size has 1,700,000 or 4,400,000 pixels itself:
    -- all legal sizes are compared with the limits
    local seen = {}
    for w = 1024, 3840, 16 * 11 do
      for h = 1024, 2160, 16 do
        local pixels = w * h
        if pixels <= 8294400 and w <= 3 * h then
          local expected = pixels <= 1700000 and 1 or pixels <= 4400000 and 2 or 4
          local text, sized = judge(BETA, ("%dx%d"):format(w, h))
          assert.same(expected, sized.tier, text)
          seen[expected] = true
        end
      end
    end
    assert.same({ true, true, nil, true }, seen)
  end)

  it("refuses with every broken limit and what would be legal", function()
    for _, case in ipairs {
      { TWO, "1920x1080", nil, "multiple_of_16=1920x1088 or 16:9" },
      { BETA, "1920x1080", nil, "multiple_of_16=1920x1088 or 16:9" },
      { TWO, "5000x100", nil, "multiple_of_16=3840x1280 or 3:1 edge_max=3840x1280 or 3:1 "
        .. "pixels_min=3840x1280 or 3:1 ratio_max=3840x1280 or 3:1" },
      { TWO, "4096x4096", nil, "edge_max=2880x2880 or 1:1 pixels_max=2880x2880 or 1:1" },
      { TWO, "512x512", nil, "pixels_min=816x816 or 1:1" },
      -- Over what a number is read to, nothing is said that may be wrong of it.
      { TWO, "16000000x1280", nil, "edge_max=3840x1280 or 3:1 pixels_max=3840x1280 or 3:1 "
        .. "ratio_max=3840x1280 or 3:1" },
      { TWO, "16:10", nil, "ratio=3:2" }, { TWO, "32:18", nil, "ratio=16:9" },
      { TWO, "banana", nil, "size_format" }, { TWO, "", nil, "size_format" },
      { TWO, "1024X1024", nil, "size_format=1024x1024" },
      { TWO, "1920 x 1080", nil, "size_format=1920x1088 or 16:9" },
      { TWO, "16/9", nil, "size_format=16:9" }, { TWO, "Auto", nil, "size_format=auto" },
      { TWO, "1:1", "8K", "one_of" }, { TWO, "1:1", "2", "one_of=2K" },
      { BETA, "1:1", "2k", "one_of=2K" }, { BETA, "1024x1024", "3K", "one_of" },
      { OLD, "auto", nil, "one_of" }, { OLD, "16:9", nil, "one_of=3:2" },
      { OLD, "1920x1080", nil, "one_of=1536x1024 or 3:2" },
      { OLD, "1024X1536", nil, "one_of=1024x1536 or 2:3" },
      { OLD, "999999x1", nil, "one_of=1536x1024 or 3:2" },
    } do
      local text = judge(case[1], case[2], case[3])
      assert.same(case[4], text:match " ([^ ]+=?.*)$":gsub("^tier %d ?", ""), case[2])
    end
  end)
end)

describe("gim_size_price_micro", function()
  it("is by tier for beta, by quality at 1024x1024 for gpt-image-2, else unknown", function()
    local function price(model, size, resolution)
      local _, sized = judge(model, size, resolution)
      return sized.price
    end
    assert.same({ 1000000, 1700000, 2600000 },
      { price(BETA, "auto"), price(BETA, "1:1", "2K"), price(BETA, "3840x2160") })
    assert.same({ 1000000, 1000000, -1, -1, -1 }, { price(TWO, "1:1"), price(TWO, "1024x1024"),
      price(TWO, "1:1", "2K"), price(TWO, "auto"), price(TWO, "16:9") })
    assert.same({ -1, -1 }, { price(OLD, "1:1"), price(OLD, nil) })
  end)
end)
