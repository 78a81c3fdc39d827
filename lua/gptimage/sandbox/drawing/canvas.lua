-- SPDX-License-Identifier: MIT
-- Vector shapes to rows of runs: a painter that never touches a pixel.
--
-- A shape tells for a row how much of it is covered, as a piecewise linear function of x (knots
-- x, coverage, x, coverage, …); that becomes a few runs of constant coverage, exact to a pixel at
-- the ends, which are blended over the row's runs. Edges are smooth, and a row costs what it shows.

local color = require "gptimage.sandbox.drawing.color"
local png = require "gptimage.sandbox.png"

local M = {}

local mix = color.mix
local SLOPE_STEPS = 6 -- runs that stand for a long slope of coverage

local canvas = {}
canvas.__index = canvas

---@param width integer   pixels
---@param height integer  pixels
function M.new(width, height)
  return setmetatable({ width = width, height = height, shapes = {} }, canvas)
end

-- Adds a shape: rows `top` to `bottom` (floats), `cover(y, knots) -> number of knots | true`; true
-- says that the whole row is covered. `paint` is a colour or a function of y.
-- From row `solid` on it covers all (nil: never), so that nothing behind it need be painted.
local function add(self, top, bottom, paint, alpha, cover, solid)
  top, bottom = math.max(0, top // 1 | 0), math.min(self.height, math.ceil(bottom) | 0)
  if top < bottom then
    table.insert(self.shapes, { top = top, bottom = bottom, paint = paint, alpha = alpha or 1,
      cover = cover, solid = (alpha or 1) == 1 and solid or math.huge })
  end
end

---Fills the whole canvas. `paint` is a colour or a function of the row.
function canvas:background(paint)
  add(self, 0, self.height, paint, 1, function() return true end, 0)
end

---A shape that has one left and one right edge on each height between `top` and `bottom`.
---@param left fun(y: number): number
---@param right fun(y: number): number
function canvas:between(top, bottom, left, right, paint, alpha)
  add(self, top, bottom, paint, alpha, function(y, knots)
    local y0, y1 = y < top and top or y, y + 1 > bottom and bottom or y + 1
    local full = y1 - y0
    if full <= 0 then
      return 0
    end
    local a0, a1, b0, b1 = left(y0), left(y1), right(y0), right(y1)
    if a0 > a1 then a0, a1 = a1, a0 end
    if b0 > b1 then b0, b1 = b1, b0 end
    if a1 > b0 then -- narrower than its slopes: the same area, evenly
      local area = (b0 + b1 - a0 - a1) / 2
      if area <= 0 or b1 <= a0 then
        return 0
      end
      full = full * math.min(1, area / (b1 - a0))
      a1, b0 = a0, b1
    end
    knots[1], knots[2], knots[3], knots[4] = a0, 0, a1, full
    knots[5], knots[6], knots[7], knots[8] = b0, full, b1, 0
    return 8
  end)
end

function canvas:rectangle(x0, y0, x1, y1, paint, alpha)
  self:between(y0, y1, function() return x0 end, function() return x1 end, paint, alpha)
end

-- Two halves of an ellipse whose middles are at `left` and `right`, and what is between them.
local function rounded(self, left, right, y, rx, ry, paint, alpha)
  local function half(at)
    local part = (at - y) / ry
    local rest = 1 - part * part
    return rest > 0 and rx * rest ^ 0.5 or 0
  end
  self:between(y - ry, y + ry, function(at) return left - half(at) end,
    function(at) return right + half(at) end, paint, alpha)
end

function canvas:ellipse(x, y, rx, ry, paint, alpha)
  rounded(self, x, x, y, rx, ry, paint, alpha)
end

---A flat stroke with round ends.
function canvas:capsule(x0, x1, y, radius, paint, alpha)
  rounded(self, x0 + radius, x1 - radius, y, radius, radius, paint, alpha)
end

---A convex polygon: x, y, x, y, …
function canvas:polygon(points, paint, alpha)
  local top, bottom = math.huge, -math.huge
  for i = 2, #points, 2 do
    top, bottom = math.min(top, points[i]), math.max(bottom, points[i])
  end
  local function edge(y, pick)
    local found
    for i = 1, #points, 2 do
      local k = i + 2 > #points and 1 or i + 2
      local x0, y0, x1, y1 = points[i], points[i + 1], points[k], points[k + 1]
      if y0 > y1 then x0, y0, x1, y1 = x1, y1, x0, y0 end
      if y >= y0 and y <= y1 then
        local x = y1 > y0 and x0 + (x1 - x0) * (y - y0) / (y1 - y0) or pick(x0, x1)
        found = found and pick(found, x) or x
      end
    end
    return found or 0
  end
  self:between(top, bottom, function(y) return edge(y, math.min) end,
    function(y) return edge(y, math.max) end, paint, alpha)
end

---A shape by its half widths around a middle line: `profile` is {y, half, y, half, …} from top to
---bottom; `middle(y)` without is straight.
function canvas:profile(x, profile, paint, alpha, middle)
  local count = #profile // 2
  local function half(y)
    for i = 1, count - 1 do
      local y0, y1 = profile[2 * i - 1], profile[2 * i + 1]
      if y <= y1 or i == count - 1 then
        local t = math.max(0, math.min(1, (y - y0) / (y1 - y0)))
        local h0, h1 = profile[2 * i], profile[2 * i + 2]
        local before = i > 1 and profile[2 * i - 2] or h0
        local after = i < count - 1 and profile[2 * i + 4] or h1
        -- Catmull-Rom, so that a few half widths make a soft outline
        return 0.5 * (2 * h0 + (h1 - before) * t + (2 * before - 5 * h0 + 4 * h1 - after) * t * t
          + (3 * h0 - before - 3 * h1 + after) * t * t * t)
      end
    end
  end
  middle = middle or function() return 0 end
  self:between(profile[1], profile[#profile - 1],
    function(y) return x + middle(y) - half(y) end,
    function(y) return x + middle(y) + half(y) end, paint, alpha)
end

-- Where the ground's edge crosses a row: c(x) = clamp(y + 1 - h(x), 0, 1) along one segment.
local function cover_segment(knots, n, x0, h0, x1, h1, y)
  local c0, c1 = y + 1 - h0, y + 1 - h1
  local function clamped(c) return c < 0 and 0 or c > 1 and 1 or c end
  knots[n + 1], knots[n + 2] = x0, clamped(c0)
  n = n + 2
  if c0 ~= c1 then
    local t0, t1 = -c0 / (c1 - c0), (1 - c0) / (c1 - c0)
    if t0 > t1 then t0, t1 = t1, t0 end
    for _, t in ipairs { t0, t1 } do
      if t > 0 and t < 1 then
        knots[n + 1], knots[n + 2] = x0 + (x1 - x0) * t, clamped(c0 + (c1 - c0) * t)
        n = n + 2
      end
    end
  end
  return n
end

---Ground: everything below a line, given as x, y, x, y, … from the left edge to the right.
function canvas:ground(points, paint, alpha)
  local top, solid = math.huge, -math.huge
  for i = 2, #points, 2 do
    top, solid = math.min(top, points[i]), math.max(solid, points[i])
  end
  local last = #points
  add(self, top, self.height, paint, alpha, function(y, knots)
    if y >= solid then
      return true
    end
    local n = 0
    for i = 1, last - 3, 2 do
      local h0, h1 = points[i + 1], points[i + 3]
      if h0 >= y + 1 and h1 >= y + 1 then
        if n > 0 and knots[n] ~= 0 then
          knots[n + 1], knots[n + 2] = points[i], 0
          n = n + 2
        end
      else
        if n == 0 or knots[n] == 0 and knots[n - 1] < points[i] then
          knots[n + 1], knots[n + 2] = points[i], 0
          n = n + 2
        end
        n = cover_segment(knots, n, points[i], h0, points[i + 2], h1, y)
        local c = y + 1 - h1
        knots[n + 1], knots[n + 2] = points[i + 2], c < 0 and 0 or c > 1 and 1 or c
        n = n + 2
      end
    end
    return n
  end, solid)
end

---A picture made of cells: `cell(column, row)` from 0 is a colour, or false where what is below
---shows.
---@param columns integer
---@param rows integer
---@param cell fun(column: integer, row: integer): integer|false
function canvas:picture(x, y, width, height, columns, rows, cell)
  local built = {}
  add(self, y, y + height, nil, 1, nil)
  self.shapes[#self.shapes].cells = function(at)
    local row = math.min(rows - 1, math.max(0, (at - y) * rows // height | 0))
    if built.row == row then
      return built.runs
    end
    local runs, previous, stop = {}, nil, math.min(self.width, x + width)
    for column = 0, columns - 1 do
      local left = x + column * width // columns
      local value = cell(column, row)
      if left >= stop then
        break
      elseif left >= 0 and value ~= previous then
        runs[#runs + 1], runs[#runs + 2] = left, value
        previous = value
      end
    end
    runs[#runs + 1] = stop
    built.row, built.runs = row, runs
    return runs
  end
end

-- Piecewise linear coverage to runs of constant coverage: {x, c, x, c, …, end}. Returns how many
-- numbers stand in `runs`.
local function to_runs(knots, count, runs, width)
  local n = 0
  local function emit(x, stop, c)
    x, stop = x < 0 and 0 or x | 0, stop > width and width or stop | 0
    if x < stop and c > 0.004 then
      if n > 0 and runs[n] ~= x then
        runs[n + 1], runs[n + 2] = 0, x -- a gap
        n = n + 2
      elseif n == 0 then
        runs[1] = x
        n = 1
      end
      runs[n + 1], runs[n + 2] = c > 1 and 1 or c, stop
      n = n + 2
    end
  end
  local pixel, area = knots[1] // 1, 0
  for i = 1, count - 3, 2 do
    local x0, c0, x1, c1 = knots[i], knots[i + 1], knots[i + 2], knots[i + 3]
    local first, last = x0 // 1, x1 // 1
    if first ~= pixel then
      emit(pixel, pixel + 1, area)
      pixel, area = first, 0
    end
    if x1 > x0 then
      if first == last then
        area = area + (x1 - x0) * (c0 + c1) / 2
      else
        local slope = (c1 - c0) / (x1 - x0)
        local c = c0 + slope * (first + 1 - x0)
        emit(first, first + 1, area + (first + 1 - x0) * (c0 + c) / 2)
        local inner = last - first - 1
        if inner > 0 then
          local steps = slope == 0 and 1 or inner < SLOPE_STEPS and inner or SLOPE_STEPS
          local at = first + 1
          for step = 1, steps do
            local stop = step == steps and last or first + 1 + inner * step // steps
            emit(at, stop, c0 + slope * ((at + stop) / 2 - x0))
            at = stop
          end
        end
        c = c1 - slope * (x1 - last)
        pixel, area = last, (x1 - last) * (c + c1) / 2
      end
    end
  end
  emit(pixel, pixel + 1, area)
  return n
end

-- Blends runs of coverage over a row. Rows are {x, color, x, color, …} with `size` numbers.
local function blend(row, size, runs, count, paint, alpha, out, width)
  local n, i, k = 0, 1, 1
  local x = 0
  local row_end = row[3] and size >= 3 and row[3] or width
  local previous
  while x < width do
    local c, stop = 0, width
    if k + 2 <= count then
      if x < runs[k] then
        stop = runs[k]
      else
        c, stop = runs[k + 1], runs[k + 2]
      end
    end
    local piece_end = stop < row_end and stop or row_end
    local under = row[i + 1]
    if c > 0 then
      c = c * alpha
      under = c >= 0.996 and paint or mix(under, paint, c)
    end
    if under ~= previous then
      out[n + 1], out[n + 2] = x, under
      n = n + 2
      previous = under
    end
    x = piece_end
    if x == stop and k + 2 <= count and x >= runs[k + 2] then
      k = k + 2
    end
    if x == row_end then
      i = i + 2
      row_end = i + 2 <= size and row[i + 2] or width
    end
  end
  return n
end

-- Lays runs {x, color or false, x, color or false, …, end} over a row.
local function lay(row, size, runs, out, width)
  local n, i, k, count = 0, 1, 1, #runs
  local x, previous = 0, nil
  while x < width do
    while i + 2 <= size and row[i + 2] <= x do
      i = i + 2
    end
    while k + 2 <= count and runs[k + 2] <= x do
      k = k + 2
    end
    local stop, paint = i + 2 <= size and row[i + 2] or width, row[i + 1]
    if x < runs[k] then
      stop = math.min(stop, runs[k])
    elseif k < count then
      stop, paint = math.min(stop, runs[k + 2]), runs[k + 1] or paint
    end
    if paint ~= previous then
      out[n + 1], out[n + 2] = x, paint
      n, previous = n + 2, paint
    end
    x = stop
  end
  return n
end

-- The shapes that touch a row, in painting order, worked out anew only where that changes.
local function active_at(self, y)
  local active, until_row = {}, self.height
  for _, shape in ipairs(self.shapes) do
    if shape.top <= y and y < shape.bottom then
      active[#active + 1] = shape
      until_row = math.min(until_row, shape.bottom)
    elseif shape.top > y then
      until_row = math.min(until_row, shape.top)
    end
  end
  return active, until_row
end

local function paint_row(self, active, y, buffers)
  local knots, runs, row, spare = table.unpack(buffers, 1, 4)
  local size, width, first = 0, self.width, 1
  for i = #active, 2, -1 do
    if y >= active[i].solid then
      first = i
      break
    end
  end
  for i = first, #active do
    local shape = active[i]
    local n = shape.cells and 0 or shape.cover(y, knots)
    if shape.cells then
      size = lay(row, size, shape.cells(y), spare, width)
      row, spare = spare, row
    elseif n == true and shape.alpha == 1 then
      local paint = shape.paint
      row[1], row[2], size = 0, type(paint) == "function" and paint(y) or paint, 2
    elseif n == true or n > 0 then
      local count
      if n == true then
        runs[1], runs[2], runs[3], count = 0, 1, width, 3
      else
        count = to_runs(knots, n, runs, width)
      end
      if count > 0 then
        local paint = shape.paint
        paint = type(paint) == "function" and paint(y) or paint
        size = blend(row, size, runs, count, paint, shape.alpha, spare, width)
        row, spare = spare, row
      end
    end
  end
  buffers[3], buffers[4] = row, spare
  return table.move(row, 1, size, 1, {})
end

---Paints everything.
---@return string png
function canvas:png()
  local picture = png.new(self.width, self.height)
  local buffers = { {}, {}, {}, {} }
  local active, until_row = {}, 0
  for y = 0, self.height - 1 do
    if y >= until_row then
      active, until_row = active_at(self, y)
    end
    picture:row(paint_row(self, active, y, buffers))
  end
  return picture:finish()
end

return M
