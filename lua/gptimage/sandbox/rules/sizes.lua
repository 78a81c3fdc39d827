-- SPDX-License-Identifier: MIT
-- From `size` and `resolution` to pixels: the procedure behind both tables of the pages.
--
-- (a) exact edges from the ratio: beta aims at a number of pixels, gpt-image-2 locks an edge;
-- (b) both edges rounded to the nearest multiple of 16;
-- (c) if that breaks the 3840 edge or the 8,294,400 pixels, the exact edges are scaled down until
--     both limits hold, and (d) rounded down to multiples of 16.
--
-- Edges are kept as squares, as a fraction of integers, so that no float ever decides a rounding.

local M = {}

local EDGE_MAX = 3840
local PIXELS_MIN, PIXELS_MAX = 655360, 8294400
local RATIO_MAX = 3
local STEP = 16

M.ratios = {}
for ratio in ("1:1 1:2 2:1 1:3 3:1 2:3 3:2 3:4 4:3 4:5 5:4 9:16 16:9 9:21 21:9"):gmatch("%S+") do
  local width, height = ratio:match("(%d+):(%d+)")
  M.ratios[ratio] = { tonumber(width), tonumber(height) }
end

local budget_pixels = { ["1K"] = 1048576, ["2K"] = 4194304, ["4K"] = PIXELS_MAX }
local anchors = { ["1K"] = { "short", 1024 }, ["2K"] = { "long", 2048 }, ["4K"] = { "long", 3840 } }

-- The largest k with (STEP * k - offset)^2 <= num / den: with offset 0 the edge rounded down, with
-- half a step the edge rounded to the nearest, in steps.
local function steps(num, den, offset)
  local k = math.floor((math.sqrt(num / den) + offset) / STEP) + 1
  local edge = STEP * k - offset
  while edge * edge * den > num do
    k, edge = k - 1, edge - STEP
  end
  return k
end

local function round_down(edge)
  return STEP * steps(edge[1], edge[2], 0)
end

local function round_nearest(edge)
  return STEP * steps(edge[1], edge[2], STEP // 2)
end

local function smaller(a, b)
  return a[1] * b[2] <= b[1] * a[2] and a or b
end

-- Squares of the exact edges for a ratio of long to short.
local function exact_edges(procedure, resolution, long, short)
  if procedure == "budget" then
    local pixels = budget_pixels[resolution]
    return { pixels * long, short }, { pixels * short, long }
  end
  local which, edge = table.unpack(anchors[resolution])
  local square = edge * edge
  if which == "short" then
    return { square * long * long, short * short }, { square, 1 }
  end
  return { square, 1 }, { square * short * short, long * long }
end

---Pixels of a ratio at a resolution.
---@param procedure "budget"|"anchor"
---@param ratio string        one of M.ratios
---@param resolution string   "1K" | "2K" | "4K"
---@return integer width
---@return integer height
function M.solve(procedure, ratio, resolution)
  local a, b = table.unpack(M.ratios[ratio])
  local long, short = math.max(a, b), math.min(a, b)
  local exact_long, exact_short = exact_edges(procedure, resolution, long, short)
  local width, height = round_nearest(exact_long), round_nearest(exact_short)
  if width > EDGE_MAX or width * height > PIXELS_MAX then
    local scaled = smaller(exact_long, { EDGE_MAX * EDGE_MAX, 1 })
    scaled = smaller(scaled, { PIXELS_MAX * long, short })
    width = round_down(scaled)
    height = round_down({ scaled[1] * short * short, scaled[2] * long * long })
  end
  if a < b then
    width, height = height, width
  end
  return width, height
end

---"1536x1024" to 1536, 1024. `×` is understood too: whether it is allowed is the caller's rule.
---@param size string
---@return integer? width
---@return integer? height
---@return boolean? cross  written with `×`
function M.parse(size)
  local width, sign, height = size:match("^([1-9]%d*)(x)([1-9]%d*)$")
  if not width then
    width, sign, height = size:match("^([1-9]%d*)(×)([1-9]%d*)$")
  end
  if not width or #width > 9 or #height > 9 then
    return nil
  end
  return math.tointeger(tonumber(width)), math.tointeger(tonumber(height)), sign == "×"
end

---The hard pixel limits of both gpt-image-2 pages.
---@return boolean? ok
---@return string? message
function M.check_pixels(width, height)
  if width % STEP ~= 0 or height % STEP ~= 0 then
    return nil, "width and height must be multiples of 16"
  elseif width > EDGE_MAX or height > EDGE_MAX then
    return nil, "each side must not exceed 3840"
  elseif width * height < PIXELS_MIN or width * height > PIXELS_MAX then
    return nil, "total pixels must be between 655360 and 8294400"
  elseif math.max(width, height) > RATIO_MAX * math.min(width, height) then
    return nil, "aspect ratio must not exceed 3:1"
  end
  return true
end

---The billing tier of beta by pixels.
function M.tier(pixels)
  return pixels <= 1700000 and "1K" or pixels <= 4400000 and "2K" or "4K"
end

return M
