-- SPDX-License-Identifier: MIT
-- Skies, hills, seas, cities and what moves in them: each function adds shapes to a canvas.
--
-- `view` is the part of the canvas where the landscape is: x, y, width, height, and `unit`, its
-- shorter side, in which everything round is measured.

local color = require "gptimage.sandbox.drawing.color"

local M = {}

local mix = color.mix

---A sky from the top of the view to the horizon.
function M.sky(canvas, view, palette)
  local gradient = color.gradient(palette.sky)
  local reach = view.horizon - view.y
  canvas:background(function(y) return gradient((y - view.y) / reach) end)
end

function M.stars(canvas, view, palette, random, amount)
  local unit = view.unit
  for _ = 1, amount do
    local x = view.x + random() * view.width
    local height = random()
    local y = view.y + height * height * (view.horizon - view.y) * 0.95
    local size = (0.0009 + 0.0016 * random() ^ 3) * unit
    canvas:ellipse(x, y, size + 0.4, size + 0.4, palette.light, 0.35 + 0.6 * random())
  end
end

---Sun or moon, with the rings of its glow. Notes in the view where it stands.
function M.sun(canvas, view, palette, x, y, radius)
  local sun = { x = view.x + x * view.width, y = y, radius = radius * view.unit }
  view.sun = sun
  for i = 6, 1, -1 do
    local r = sun.radius * (1 + 0.26 * i + 0.045 * i * i)
    local strength = palette.moon and 0.075 or 0.13
    canvas:ellipse(sun.x, sun.y, r, r, palette.glow, strength * (1.06 - 0.15 * i))
  end
  canvas:ellipse(sun.x, sun.y, sun.radius, sun.radius, palette.sun)
  if palette.moon then
    local shade = mix(palette.sun, palette.glow, 0.55)
    for _, crater in ipairs { { -0.35, -0.2, 0.2 }, { 0.25, 0.3, 0.26 }, { 0.3, -0.42, 0.12 },
      { -0.2, 0.48, 0.1 } } do
      local r = crater[3] * sun.radius
      canvas:ellipse(sun.x + crater[1] * sun.radius, sun.y + crater[2] * sun.radius, r, r, shade,
        0.55)
    end
  end
end

---Flat-bottomed clouds, drawn out near the horizon.
function M.clouds(canvas, view, palette, random, amount)
  for _ = 1, amount do
    local part = random()
    local y = view.y + (0.12 + 0.6 * part) * (view.horizon - view.y)
    local x = view.x + (random() * 1.1 - 0.05) * view.width
    local length = (0.14 + 0.22 * random()) * view.unit * (0.7 + part)
    local thick = length * (0.055 + 0.03 * random())
    local alpha = palette.moon and 0.16 or 0.34 + 0.2 * random()
    for i = -1, 1 do
      local shift = (random() - 0.5) * 0.4 * length
      local own = length * (1 - 0.28 * math.abs(i)) / 2
      canvas:capsule(x + shift - own, x + shift + own, y + i * thick * 1.96, thick, palette.light,
        alpha)
    end
  end
end

-- A line of hills: sums of waves, the same for a prompt at every size of the picture.
local function wave_line(view, random, base, swing, waves)
  local parts = {}
  for i = 1, 5 do
    parts[i] = { (waves * (0.55 + 0.5 * random())) * 1.75 ^ (i - 1), random() * 6.2832,
      0.62 ^ (i - 1) }
  end
  local points, steps = {}, 110
  for i = 0, steps do
    local t = i / steps
    local sum = 0
    for _, part in ipairs(parts) do
      sum = sum + math.sin(t * part[1] * 6.2832 + part[2]) * part[3]
    end
    points[#points + 1] = view.x + t * view.width
    points[#points + 1] = base - swing * sum * 0.5
  end
  return points
end

-- A ridge: a line broken in the middle again and again; its highest peak is `swing` high.
local function ridge_line(view, random, base, swing, roughness)
  local count = 128
  local heights = { [0] = random(), [count] = random() }
  local step, reach = count, 1.6
  while step > 1 do
    for i = step // 2, count, step do
      local middle = (heights[i - step // 2] + heights[i + step // 2]) / 2
      heights[i] = middle + (random() - 0.5) * reach
    end
    step, reach = step // 2, reach * roughness
  end
  local lowest, highest = math.huge, -math.huge
  for i = 0, count do
    lowest, highest = math.min(lowest, heights[i]), math.max(highest, heights[i])
  end
  local points = {}
  for i = 0, count do
    local height = (heights[i] - lowest) / (highest - lowest)
    points[#points + 1] = view.x + view.width * i / count
    points[#points + 1] = base - swing * height ^ 1.25
  end
  return points
end

-- Colours of layers: the far ones take the colour of the air.
local function layer_paint(palette, depth, top, bottom)
  local near = mix(palette.far, palette.dark, depth)
  local foot = mix(near, palette.sky[#palette.sky], 0.34 * (1 - depth))
  return function(y)
    local t = (y - top) / (bottom - top)
    return mix(near, foot, t < 0 and 0 or t > 1 and 1 or t)
  end
end

function M.hills(canvas, view, palette, random, layers)
  local reach = view.height - (view.horizon - view.y)
  for i = 1, layers do
    local depth = layers > 1 and (i - 1) / (layers - 1) or 1
    local base = view.horizon + reach * (0.02 + 0.8 * depth * depth)
    local swing = reach * (0.16 + 0.16 * depth)
    canvas:ground(wave_line(view, random, base, swing, 0.8 + 0.5 * random()),
      layer_paint(palette, 0.12 + 0.88 * depth, base - swing, base + swing * 1.6))
  end
end

---Ridges one behind the other; with `snow`, white above a line that follows the peaks.
function M.mountains(canvas, view, palette, random, layers, snow)
  local reach = view.height - (view.horizon - view.y)
  local sky = view.horizon - view.y
  for i = 1, layers do
    local depth = layers > 1 and (i - 1) / (layers - 1) or 0
    local base = view.horizon + reach * (0.1 + 0.72 * depth * depth)
    local swing = (0.7 - 0.4 * depth) * math.min(sky, view.unit * 0.8)
    local line = ridge_line(view, random, base, swing, 0.5)
    local paint = layer_paint(palette, 0.1 + 0.86 * depth, base - swing, base + swing * 0.5)
    if snow and depth < 0.8 then
      local white = mix(palette.light, palette.far, 0.1 + 0.25 * depth)
      canvas:ground(line, white)
      local rock = {}
      for k = 1, #line, 2 do
        local height = base - line[k + 1]
        local cover = math.max(0, height - swing * 0.42)
        local ragged = (0.45 + 0.5 * random()) * cover
        rock[k], rock[k + 1] = line[k], line[k + 1] + ragged
      end
      canvas:ground(rock, paint)
    else
      canvas:ground(line, paint)
    end
  end
end

function M.dunes(canvas, view, palette, random)
  local reach = view.height - (view.horizon - view.y)
  for i = 0, 3 do
    local depth = i / 3
    local base = view.horizon + reach * (0.03 + 0.62 * depth)
    local sunny = mix(palette.sky[4], palette.dark, 0.08 + 0.3 * depth)
    local shade = mix(sunny, palette.dark, 0.42)
    local line = wave_line(view, random, base, reach * (0.1 + 0.13 * depth), 0.5 + 0.2 * random())
    canvas:ground(line, function(y)
      local t = math.max(0, math.min(1, (y - base) / (reach * 0.5)))
      return mix(sunny, shade, t)
    end)
    local ridge = {}
    for k = 1, #line, 2 do
      ridge[k] = line[k]
      ridge[k + 1] = line[k + 1] + reach * (0.02 + 0.2 * math.abs(math.sin(k * 0.031 + i * 1.7)))
    end
    canvas:ground(ridge, function(y)
      local t = math.max(0, math.min(1, (y - base) / (reach * 0.6)))
      return mix(mix(sunny, shade, 0.35), shade, t)
    end)
  end
end

---Water from the horizon to the bottom of the view: the sky upside down and darker, the sun's path,
---and glints that grow towards us.
function M.sea(canvas, view, palette, random)
  local bottom = view.y + view.height
  local reach = bottom - view.horizon
  local gradient = color.gradient(palette.sky)
  canvas:ground({ view.x, view.horizon, view.x + view.width, view.horizon }, function(y)
    local t = (y - view.horizon) / reach
    return mix(gradient(1 - 0.75 * t), palette.sea, 0.42 + 0.46 * t)
  end)
  canvas:rectangle(view.x, view.horizon, view.x + view.width,
    view.horizon + math.max(1, reach * 0.006), palette.light, 0.35)
  for _ = 1, 46 do
    local t = random() ^ 1.4
    local y = view.horizon + (0.015 + 0.97 * t) * reach
    local half = view.unit * (0.012 + 0.13 * t) * (0.4 + random())
    local x = view.x + random() * view.width
    local dark = random() < 0.45
    canvas:capsule(x - half, x + half, y, view.unit * (0.0012 + 0.0042 * t),
      dark and palette.sea or palette.light, dark and 0.3 or 0.13)
  end
  local sun = view.sun
  if sun then
    local rows = 22
    for i = 0, rows - 1 do
      local t = (i + 0.3) / rows
      local y = view.horizon + reach * (0.01 + 0.93 * t ^ 1.25)
      local half = sun.radius * (0.95 + 0.75 * t - 0.5 * random()) * (1 - 0.42 * t)
      local x = sun.x + (random() - 0.5) * sun.radius * 0.5 * (0.3 + t)
      canvas:capsule(x - half, x + half, y, reach / rows * (0.2 + 0.13 * t), palette.sun,
        0.78 - 0.5 * t)
    end
  end
end

function M.boat(canvas, view, palette, random)
  local size = view.unit * 0.085
  local x = view.x + view.width * (0.22 + 0.12 * random())
  local y = view.horizon + (view.y + view.height - view.horizon) * 0.16
  local hull = palette.dark
  local sail = mix(palette.light, palette.sun, 0.5)
  canvas:polygon({ x - 0.02 * size, y - 1.75 * size, x - 0.02 * size, y - 0.22 * size,
    x - 0.82 * size, y - 0.22 * size }, sail, 0.96)
  canvas:polygon({ x + 0.05 * size, y - 1.5 * size, x + 0.62 * size, y - 0.22 * size,
    x + 0.05 * size, y - 0.22 * size }, mix(sail, palette.far, 0.35), 0.96)
  canvas:rectangle(x - 0.02 * size, y - 1.8 * size, x + 0.03 * size, y - 0.1 * size, hull)
  canvas:polygon({ x - size, y - 0.14 * size, x + size, y - 0.14 * size, x + 0.7 * size,
    y + 0.2 * size, x - 0.66 * size, y + 0.2 * size }, hull)
  for i = 1, 5 do
    local half = size * (0.85 - 0.12 * i) * (0.7 + 0.5 * random())
    canvas:capsule(x - half, x + half, y + size * (0.22 + 0.16 * i), size * 0.035, hull, 0.4)
  end
end

function M.birds(canvas, view, palette, random)
  local cx = view.x + view.width * (0.3 + 0.4 * random())
  local cy = view.y + (view.horizon - view.y) * (0.3 + 0.2 * random())
  for i = 1, 5 do
    local size = view.unit * (0.014 + 0.01 * random())
    local x = cx + (i - 3) * view.unit * 0.055 + random() * view.unit * 0.02
    local y = cy - math.abs(i - 3) * view.unit * 0.022 + random() * view.unit * 0.012
    for _, side in ipairs { -1, 1 } do
      canvas:polygon({ x, y, x + side * size, y - size * 0.55, x + side * size * 1.75,
        y - size * 0.3, x + side * size, y - size * 0.36 }, palette.dark, 0.85)
    end
  end
end

return M
