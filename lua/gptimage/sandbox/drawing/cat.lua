-- SPDX-License-Identifier: MIT
-- A cat on a window-sill, seen from the room, looking at the evening.

local color = require "gptimage.sandbox.drawing.color"

local M = {}

local mix = color.mix

local FUR, STRIPE, RIM = 0xE8833A, 0xB9541F, 0xFFD08A

-- The outline in units of the cat's height, from the foot (0, 0) upwards.
local function outline(canvas, x, foot, size, swell, paint)
  local function at(...)
    local profile = { ... }
    for i = 1, #profile, 2 do
      profile[i] = foot + profile[i] * size + (i == 1 and -swell or 0)
      profile[i + 1] = math.max(0, profile[i + 1] * size + swell)
    end
    return profile
  end
  for _, side in ipairs { -1, 1 } do
    canvas:polygon({ x + side * (0.155 * size + swell), foot - 1.0 * size - swell * 1.6,
      x + side * (0.165 * size + swell), foot - 0.8 * size,
      x + side * 0.025 * size, foot - 0.88 * size }, paint)
  end
  canvas:ellipse(x, foot - 0.775 * size, 0.182 * size + swell, 0.15 * size + swell, paint)
  canvas:profile(x, at(-0.7, 0.12, -0.6, 0.135, -0.46, 0.2, -0.28, 0.258, -0.12, 0.285,
    -0.03, 0.275, 0, 0.255), paint)
end

local function stripe(canvas, x, y, half, thick, paint)
  local function reach(at)
    local part = (at - y) / thick
    return half * math.max(0, 1 - part * part) ^ 0.7
  end
  canvas:between(y - thick, y + thick, function(at) return x - reach(at) end,
    function(at) return x + reach(at) end, paint, 0.75)
end

---The cat alone; `foot` is where it sits.
function M.draw(canvas, x, foot, size)
  outline(canvas, x, foot, size, size * 0.012, RIM)
  local function tail(swell, paint)
    local length = 0.4 * size
    canvas:profile(x + 0.2 * size, { foot - 0.1 * size - swell, 0.055 * size + swell,
      foot + 0.1 * size, 0.05 * size + swell, foot + 0.26 * size, 0.047 * size + swell,
      foot + length, 0.04 * size + swell, foot + length + 0.035 * size + swell, 0 },
      paint, 1, function(y)
        local t = math.max(0, (y - foot + 0.1 * size) / (length + 0.1 * size))
        return size * (0.1 * math.sin(t * 2.6) - 0.13 * t * t * t)
      end)
  end
  tail(size * 0.009, RIM)
  tail(0, FUR)
  outline(canvas, x, foot, size, 0, FUR)
  for _, side in ipairs { -1, 1 } do
    canvas:polygon({ x + side * 0.143 * size, foot - 0.955 * size, x + side * 0.148 * size,
      foot - 0.84 * size, x + side * 0.066 * size, foot - 0.885 * size }, mix(FUR, STRIPE, 0.6))
  end
  for i = -1, 1 do -- on the head
    canvas:ellipse(x + i * 0.052 * size, foot - 0.868 * size, 0.012 * size, 0.045 * size, STRIPE,
      0.8)
  end
  for i, half in ipairs { 0.07, 0.1, 0.125, 0.135, 0.125 } do -- down the back
    stripe(canvas, x, foot - (0.6 - 0.1 * i + 0.02) * size, half * size, 0.016 * size, STRIPE)
  end
  for i, half in ipairs { 0.05, 0.062, 0.066 } do -- on the flanks
    for _, side in ipairs { -1, 1 } do
      stripe(canvas, x + side * (0.165 + 0.026 * i) * size, foot - (0.42 - 0.11 * i) * size,
        half * size * 0.8, 0.014 * size, STRIPE)
    end
  end
  for i = 0, 2 do -- on the tail
    local y = foot + (0.1 + 0.11 * i) * size
    local t = (y - foot + 0.1 * size) / (0.5 * size)
    local middle = x + 0.2 * size + size * (0.1 * math.sin(t * 2.6) - 0.13 * t * t * t)
    canvas:capsule(middle - 0.046 * size, middle + 0.046 * size, y, 0.018 * size, STRIPE, 0.75)
  end
end

-- Soft folds of a curtain at one side of the window.
local function curtain(canvas, x0, x1, top, bottom, side)
  local width = x1 - x0
  for fold = 0, 4 do
    local paint = fold % 2 == 0 and 0x7A2F45 or 0x8E3B50
    local from, to = x0 + width * fold / 5, x0 + width * (fold + 1) / 5
    local function gather(x)
      local outer = side < 0 and x0 or x1
      return function(y)
        local t = (y - top) / (bottom - top)
        local pull = t < 0.7 and 0.42 * math.sin(t / 0.7 * 1.5708) or 0.42 - 0.14 * (t - 0.7) / 0.3
        return outer + (x - outer) * (1 - pull)
      end
    end
    canvas:between(top, bottom, gather(from), gather(to + 0.5), paint)
  end
end

local function plant(canvas, x, foot, size)
  for i = -2, 2 do
    local lean = i * 0.32
    canvas:profile(x, { foot - size * (1.5 - 0.16 * math.abs(i)), 0,
      foot - size * 1.05, 0.11 * size, foot - size * 0.45, 0.04 * size },
      i % 2 == 0 and 0x2F5D50 or 0x3F7A63, 1,
      function(y) return lean * (foot - 0.4 * size - y) * 0.9 end)
  end
  canvas:polygon({ x - 0.36 * size, foot - 0.52 * size, x + 0.36 * size, foot - 0.52 * size,
    x + 0.26 * size, foot, x - 0.26 * size, foot }, 0xA9523A)
  canvas:rectangle(x - 0.4 * size, foot - 0.6 * size, x + 0.4 * size, foot - 0.46 * size, 0xBE6548)
end

---The room around a view: wall, frame, curtains, sill, plant, cat.
---@param view table  where the window is
function M.room(canvas, view, width, height)
  local x0, x1 = view.x, view.x + view.width
  local y0, sill = view.y, view.y + view.height
  local unit = view.unit
  local bar = unit * 0.028
  local wood, wood_light, wood_dark = 0x5A3540, 0x7C4B4C, 0x42262F
  local wall = color.gradient { 0x3A2436, 0x4A2C3B, 0x39222F }
  local function wall_paint(y) return wall(y / height) end
  canvas:rectangle(0, 0, x0, sill, wall_paint)
  canvas:rectangle(x1, 0, width, sill, wall_paint)
  canvas:rectangle(0, 0, width, y0, wall_paint)
  canvas:rectangle(0, sill, width, height, wall_paint)
  canvas:rectangle((x0 + x1) / 2 - bar * 0.4, y0, (x0 + x1) / 2 + bar * 0.4, sill, wood)
  local rail = y0 + view.height * 0.3
  canvas:rectangle(x0, rail - bar * 0.35, x1, rail + bar * 0.35, wood)
  canvas:rectangle(x0 - bar, y0 - bar, x1 + bar, y0, wood_light)
  canvas:rectangle(x0 - bar, y0, x0, sill, wood)
  canvas:rectangle(x1, y0, x1 + bar, sill, wood)
  local deep = view.unit * 0.075
  local out = view.unit * 0.09
  canvas:polygon({ x0 - out * 0.6, sill, x1 + out * 0.6, sill, x1 + out, sill + deep,
    x0 - out, sill + deep }, 0xC98A5E)
  canvas:rectangle(x0 - out * 0.6, sill, x1 + out * 0.6, sill + deep * 0.16, 0xF2BE85)
  canvas:rectangle(x0 - out, sill + deep, x1 + out, sill + deep * 1.5, wood_light)
  canvas:rectangle(x0 - out * 0.9, sill + deep * 1.5, x1 + out * 0.9, sill + deep * 1.72, wood_dark)
  local hang = math.min(height, sill + deep * 3.4)
  local drape = math.min(x0, view.width * 0.2) * 0.95
  curtain(canvas, x0 - drape, x0 + view.width * 0.15, y0 - bar * 2.4, hang, -1)
  curtain(canvas, x1 - view.width * 0.15, x1 + drape, y0 - bar * 2.4, hang, 1)
  canvas:capsule(x0 - drape * 1.2, x1 + drape * 1.2, y0 - bar * 2.6, bar * 0.32, wood_dark)
  local foot = sill + deep * 0.62
  plant(canvas, x0 + view.width * 0.22, foot, unit * 0.105)
  local size = math.min(unit * 0.52, view.height * 0.62)
  local cat_x = x0 + view.width * 0.6
  canvas:ellipse(cat_x, foot + size * 0.012, size * 0.36, size * 0.026, 0x5A2A22, 0.45)
  M.draw(canvas, cat_x, foot, size)
end

return M
