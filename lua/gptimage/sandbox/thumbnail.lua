-- SPDX-License-Identifier: MIT
-- A PNG, small: what the sandbox shows of the pictures that it was sent. Reads every kind of PNG
-- (ISO/IEC 15948) row by row; big ones are left alone, since this is plain Lua.

local checksums = require "gptimage.sandbox.checksums"
local inflate = require "gptimage.sandbox.inflate"

local M = {}

local RAW_MAX = 16 * 1024 * 1024 -- bytes of pixels that are worth their second
local PIECE = 65536

local channels_of = { [0] = 1, [2] = 3, [3] = 1, [4] = 2, [6] = 4 }

-- Adam7: first column, first row, column step, row step.
local passes = {
  { 0, 0, 8, 8 }, { 4, 0, 8, 8 }, { 0, 4, 4, 8 }, { 2, 0, 4, 4 }, { 0, 2, 2, 4 }, { 1, 0, 2, 2 },
  { 0, 1, 1, 2 },
}

-- Header, palette, transparency, and a function that reads the data of all IDATs.
local function open(source)
  local at, head = 9, {}
  local function chunk()
    local length, name = string.unpack(">I4c4", source:sub(at, at + 7))
    return length, name
  end
  while true do
    local length, name = chunk()
    if name == "IDAT" then
      break
    end
    local body = source:sub(at + 8, at + 7 + length)
    if checksums.crc32(name .. body) ~= string.unpack(">I4", source:sub(at + 8 + length, at + 11
        + length)) then
      error("png: CRC", 0)
    end
    head[name] = body
    at = at + 12 + length
  end
  local offset, crc = 0, checksums.crc32("IDAT")
  return head, function()
    local length, name = chunk()
    while name == "IDAT" do
      if offset < length then
        local piece = source:sub(at + 8 + offset, at + 7 + math.min(length, offset + PIECE))
        if piece == "" then
          error("png: it ends too early", 0)
        end
        offset = offset + #piece
        crc = checksums.crc32(piece, crc)
        return piece
      elseif crc ~= string.unpack(">I4", source:sub(at + 8 + length, at + 11 + length)) then
        error("png: CRC", 0)
      end
      at, offset, crc = at + 12 + length, 0, checksums.crc32("IDAT")
      length, name = chunk()
    end
  end
end

-- ---- rows ---------------------------------------------------------------------------------------

local function paeth(a, b, c)
  local p = a + b - c
  local pa, pb, pc = p - a, p - b, p - c
  pa, pb, pc = pa < 0 and -pa or pa, pb < 0 and -pb or pb, pc < 0 and -pc or pc
  return pa <= pb and pa <= pc and a or pb <= pc and b or c
end

-- Undoes the filter of `row` (bytes from 1) in place; `above` is the row before.
local function unfilter(kind, row, above, n, step)
  if kind == 0 then
    return
  elseif kind == 1 then
    for i = step + 1, n do
      row[i] = row[i] + row[i - step] & 0xFF
    end
  elseif kind == 2 then
    for i = 1, n do
      row[i] = row[i] + above[i] & 0xFF
    end
  elseif kind == 3 then
    for i = 1, n do
      row[i] = row[i] + ((i > step and row[i - step] or 0) + above[i] >> 1) & 0xFF
    end
  elseif kind == 4 then
    for i = 1, n do
      row[i] = row[i] + (i > step and paeth(row[i - step], above[i], above[i - step])
        or above[i]) & 0xFF
    end
  else
    error("png: filter", 0)
  end
end

-- A function (row, x) -> red, green, blue, alpha; each 0 to 255.
local function pixel_reader(picture, head)
  local depth, color = picture.depth, picture.color
  local channels = channels_of[color]
  local function sample(row, index)
    if depth == 8 then
      return row[index + 1]
    elseif depth == 16 then
      return row[2 * index + 1] -- the high byte
    end
    local bit = index * depth
    return row[(bit >> 3) + 1] >> (8 - depth - (bit & 7)) & (1 << depth) - 1
  end
  local scale = depth < 8 and 255 // ((1 << depth) - 1) or 1
  local clear = head.tRNS
  if color == 3 then
    local palette = head.PLTE or error("png: no palette", 0)
    return function(row, x)
      local index = sample(row, x)
      local red, green, blue = palette:byte(3 * index + 1, 3 * index + 3)
      return red or 0, green or 0, blue or 0, clear and clear:byte(index + 1) or 255
    end
  end
  local key = clear and #clear >= 2 and string.unpack(">I2", clear)
  return function(row, x)
    local red = sample(row, x * channels)
    if channels <= 2 then
      local alpha = channels == 2 and sample(row, 2 * x + 1)
        or key and key >> (depth == 16 and 8 or 0) == red and 0 or 255
      red = red * scale
      return red, red, red, alpha
    end
    local green, blue = sample(row, x * channels + 1), sample(row, x * channels + 2)
    local alpha = channels == 4 and sample(row, 4 * x + 3) or 255
    if clear and #clear >= 6 then
      local r, g, b = string.unpack(">I2I2I2", clear)
      local down = depth == 16 and 8 or 0
      alpha = r >> down == red and g >> down == green and b >> down == blue and 0 or 255
    end
    return red, green, blue, alpha
  end
end

-- Calls `take(y, step_x, first_x, width, row)` for each row of each pass.
local function each_row(picture, interlaced, read, take)
  local depth, channels = picture.depth, channels_of[picture.color]
  local step = math.max(1, channels * depth // 8)
  local list = interlaced and passes or { { 0, 0, 1, 1 } }
  local pass, y, hold, above, width, bytes = 0, math.huge, "", nil, nil, nil
  local function next_row()
    local p = list[pass]
    y = p and y + p[4] or math.huge
    while y >= picture.height or width == 0 do
      pass = pass + 1
      p = list[pass]
      if not p then
        return false
      end
      y, width = p[2], (picture.width - p[1] + p[3] - 1) // p[3]
      bytes = (width * channels * depth + 7) // 8
      above = nil
    end
    return true
  end
  local more = next_row()
  inflate.inflate(read, function(piece)
    hold = hold .. piece
    local at = 1
    while more and #hold - at + 1 > bytes do
      local row = {}
      for i = 1, bytes, 4096 do
        local stop = math.min(bytes, i + 4095)
        table.move({ hold:byte(at + i, at + stop) }, 1, stop - i + 1, i, row)
      end
      if not above then
        above = {}
        for i = 1, bytes do
          above[i] = 0
        end
      end
      unfilter(hold:byte(at), row, above, bytes, step)
      take(y, list[pass][3], list[pass][1], width, row)
      above, at = row, at + bytes + 1
      more = next_row()
    end
    hold = hold:sub(at)
    return not more or nil
  end)
  if more then
    error("png: too few rows", 0)
  end
  repeat -- the last checksum is behind the last row
    local piece = read()
  until not piece
end

---@class sandbox.thumbnail
---@field columns integer
---@field rows integer
---@field colors integer[]  0xRRGGBB, row after row
---@field alphas integer[]  0 to 255

local function shrink(source, picture, edge)
  local head, read = open(source)
  local width, height = picture.width, picture.height
  local factor = math.min(1, edge / math.max(width, height))
  local columns = math.max(1, math.floor(width * factor + 0.5))
  local rows = math.max(1, math.floor(height * factor + 0.5))
  -- Two by two samples a cell, or all there are. Which cells does a column or a row belong to?
  local function samples(cells, pixels)
    local of = {}
    for cell = 0, cells - 1 do
      for _, part in ipairs { 0.25, 0.75 } do
        of[math.min(pixels - 1, ((cell + part) * pixels / cells) // 1 | 0)] = cell
      end
    end
    return of
  end
  local column_of, row_of = samples(columns, width), samples(rows, height)
  local sums = {}
  for i = 1, 5 * columns * rows do
    sums[i] = 0
  end
  local pixel = pixel_reader(picture, head)
  each_row(picture, (head.IHDR:byte(13)) == 1, read, function(y, step, first, count, row)
    if not row_of[y] then
      return
    end
    for x = 0, count - 1 do
      local column = column_of[first + x * step]
      if column then
        local red, green, blue, alpha = pixel(row, x)
        local at = 5 * (row_of[y] * columns + column)
        sums[at + 1] = sums[at + 1] + red
        sums[at + 2] = sums[at + 2] + green
        sums[at + 3] = sums[at + 3] + blue
        sums[at + 4] = sums[at + 4] + alpha
        sums[at + 5] = sums[at + 5] + 1
      end
    end
  end)
  local small = { columns = columns, rows = rows, colors = {}, alphas = {} }
  for i = 0, columns * rows - 1 do
    local red, green, blue, alpha, count = table.unpack(sums, 5 * i + 1, 5 * i + 5)
    count = math.max(1, count)
    small.colors[i + 1] = red // count << 16 | green // count << 8 | blue // count
    small.alphas[i + 1] = alpha // count
  end
  return small
end

---Makes a PNG small. nil where it is damaged, or too big for plain Lua.
---@param source string|table  bytes, or a blob
---@param picture table  as pictures.lua read it
---@param edge integer  cells of the longer edge; a smaller picture stays as it is
---@return sandbox.thumbnail?
---@return string? message
function M.make(source, picture, edge)
  local channels = channels_of[picture.color]
  if not channels or (picture.width * channels * picture.depth + 7) // 8 * picture.height
      > RAW_MAX then
    return nil, channels and "too big" or "no such colour type"
  end
  local ok, small = pcall(shrink, source, picture, edge)
  if not ok then
    return nil, tostring(small)
  end
  return small
end

return M
