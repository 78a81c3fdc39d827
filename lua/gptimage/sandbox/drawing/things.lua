-- SPDX-License-Identifier: MIT
-- What stands in a landscape: cities, forests, balloons.

local color = require "gptimage.sandbox.drawing.color"

local M = {}

local mix = color.mix

local function lit_windows(canvas, x0, x1, top, bottom, unit, random, paint)
  local step = unit * 0.017
  local columns = (x1 - x0) // step
  local margin = (x1 - x0 - columns * step) / 2
  for column = 0, columns - 1 do
    for row = 1, (bottom - top) // (step * 1.25) - 1 do
      if random() < 0.34 then
        local x, y = x0 + margin + (column + 0.28) * step, top + row * step * 1.25
        canvas:rectangle(x, y, x + step * 0.44, y + step * 0.62, paint, 0.55 + 0.4 * random())
      end
    end
  end
end

---Two rows of houses; the nearer has lit windows.
function M.city(canvas, view, palette, random, foot)
  local unit = view.unit
  local lamp = mix(0xFFD27A, palette.sun, 0.3)
  for layer = 1, 2 do
    local depth = layer == 1 and 0.3 or 0.88
    local paint = mix(palette.far, palette.dark, depth)
    local x = view.x - random() * unit * 0.08
    while x < view.x + view.width do
      local width = unit * (0.06 + 0.085 * random())
      local tallness = random()
      local height = unit * (layer == 1 and 0.2 + 0.3 * tallness ^ 2 or 0.07 + 0.27 * tallness ^ 2)
      local top = foot - height
      canvas:rectangle(x, top, x + width, foot + 1, paint)
      local roof = random()
      if roof < 0.25 then
        canvas:rectangle(x + width * 0.46, top - height * 0.24, x + width * 0.54, top, paint)
      elseif roof < 0.45 then
        canvas:polygon({ x, top, x + width / 2, top - width * 0.42, x + width, top }, paint)
      elseif roof < 0.65 then
        canvas:rectangle(x + width * 0.2, top - width * 0.2, x + width * 0.7, top, paint)
      end
      if layer == 2 then
        lit_windows(canvas, x, x + width, top, foot, unit, random, lamp)
      end
      x = x + width * (layer == 1 and 0.92 or 1.02 + 0.3 * random())
    end
  end
end

local function tree(canvas, x, foot, height, paint)
  canvas:rectangle(x - height * 0.03, foot - height * 0.15, x + height * 0.03, foot, paint)
  for i = 0, 2 do
    local half = height * (0.25 - 0.058 * i)
    local bottom = foot - height * (0.08 + 0.25 * i)
    canvas:polygon({ x, bottom - height * 0.44, x + half, bottom, x - half, bottom }, paint)
  end
end

---Firs on a slope, in three depths.
function M.forest(canvas, view, palette, random)
  local unit = view.unit
  local reach = view.y + view.height - view.horizon
  for layer = 1, 3 do
    local depth = 0.25 + 0.37 * (layer - 1)
    local paint = mix(palette.far, palette.dark, math.min(1, depth))
    local foot = view.horizon + reach * (0.12 + 0.37 * (layer - 1))
    local size = unit * (0.1 + 0.1 * (layer - 1))
    canvas:ground({ view.x, foot - size * 0.12, view.x + view.width * 0.4, foot - size * 0.3,
      view.x + view.width, foot - size * 0.16 }, paint)
    local x = view.x - size * random() * 0.3
    while x < view.x + view.width + size * 0.2 do
      tree(canvas, x, foot + size * (0.05 * random()), size * (0.75 + 0.6 * random()), paint)
      x = x + size * (0.24 + 0.32 * random())
    end
  end
end

local stripes = { { 0xE4572E, 0xFFE5B4 }, { 0x2E86AB, 0xF6F5AE }, { 0xC8553D, 0xF28F3B },
  { 0x588B8B, 0xFFD5C2 } }

---Hot-air balloons, each with its stripes.
function M.balloons(canvas, view, palette, random)
  for i = 1, 3 do
    local size = view.unit * (0.1 - 0.026 * (i - 1))
    local x = view.x + view.width * (({ 0.28, 0.7, 0.5 })[i] + 0.08 * (random() - 0.5))
    local y = view.y + (view.horizon - view.y) * (({ 0.42, 0.27, 0.62 })[i])
    local pair = stripes[random(#stripes)]
    local haze = 0.12 * i
    local dark, light = mix(pair[1], palette.sky[4], haze), mix(pair[2], palette.sky[4], haze)
    for k, part in ipairs { 1, 0.7, 0.36 } do
      canvas:profile(x, { y - size, 0.02 * size * part, y - size * 0.72, 0.68 * size * part,
        y - size * 0.2, 0.98 * size * part, y + size * 0.3, 0.82 * size * part,
        y + size * 0.75, 0.4 * size * part, y + size, 0.2 * size * part },
        k % 2 == 1 and dark or light)
    end
    local rope = mix(palette.dark, palette.sky[4], haze)
    canvas:rectangle(x - size * 0.19, y + size, x - size * 0.16, y + size * 1.3, rope)
    canvas:rectangle(x + size * 0.16, y + size, x + size * 0.19, y + size * 1.3, rope)
    canvas:rectangle(x - size * 0.2, y + size * 1.28, x + size * 0.2, y + size * 1.56, rope)
  end
end

return M
