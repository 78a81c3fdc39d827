-- SPDX-License-Identifier: MIT
-- A PNG writer for pictures made of horizontal runs of one colour.
--
-- Pictures of 8 million pixels have to come out of plain Lua in a fraction of a second, so no pixel
-- is ever touched: a run of a colour is three literal bytes and matches at distance 3, a row that
-- equals the one above is matches at the distance of a row, and both checksums are worked out from
-- the runs and from the compressed bytes. Deflate with its fixed codes, truecolour, no filters.

local checksums = require "gptimage.sandbox.checksums"

local M = {}

local ADLER = 65521

-- Deflate packs Huffman codes from their highest bit on, into bytes from the lowest bit on.
local function reversed(code, bits)
  local out = 0
  for _ = 1, bits do
    out = out << 1 | code & 1
    code = code >> 1
  end
  return out
end

-- Codes of RFC 1951 3.2.6, reversed, with their lengths: symbol 0 to 287.
local code_of, bits_of = {}, {}
for symbol = 0, 287 do
  local code, bits
  if symbol <= 143 then
    code, bits = 0x30 + symbol, 8
  elseif symbol <= 255 then
    code, bits = 0x190 + symbol - 144, 9
  elseif symbol <= 279 then
    code, bits = symbol - 256, 7
  else
    code, bits = 0xC0 + symbol - 280, 8
  end
  code_of[symbol], bits_of[symbol] = reversed(code, bits), bits
end

-- Length 3 to 258 to the whole of its code: symbol and extra bits.
local length_code, length_bits = {}, {}
do
  local length, symbol, extra = 3, 257, 0
  while length < 258 do
    for _ = 1, 4 do
      for rest = 0, (1 << extra) - 1 do
        if length < 258 then
          length_code[length] = code_of[symbol] | rest << bits_of[symbol]
          length_bits[length] = bits_of[symbol] + extra
        end
        length = length + 1
      end
      symbol = symbol + 1
      if symbol == 261 then
        break -- the first eight symbols have no extra bits
      end
    end
    if symbol > 264 then
      extra = extra + 1
    end
  end
  length_code[258], length_bits[258] = code_of[285], bits_of[285]
end

local function distance_code(distance)
  if distance <= 4 then
    return reversed(distance - 1, 5), 5
  end
  local extra = 1
  while distance > 1 << (extra + 2) do
    extra = extra + 1
  end
  local rest = distance - 1 - (1 << (extra + 1))
  local symbol = 2 * extra + 2 + (rest >> extra)
  return reversed(symbol, 5) | (rest & (1 << extra) - 1) << 5, 5 + extra
end

local writer = {}
writer.__index = writer

local function flush(self)
  while self.bits >= 8 do
    self.n = self.n + 1
    self.pieces[self.n] = string.char(self.hold & 0xFF)
    self.hold, self.bits = self.hold >> 8, self.bits - 8
  end
end

local function put(self, code, bits)
  local hold, held = self.hold | code << self.bits, self.bits + bits
  if held >= 32 then
    self.n = self.n + 1
    self.pieces[self.n] = string.pack("<I4", hold & 0xFFFFFFFF)
    hold, held = hold >> 32, held - 32
  end
  self.hold, self.bits = hold, held
end

-- `count` bytes copied from a fixed distance; count is 0 or at least 3.
local function put_match(self, count, code, bits)
  while count > 0 do
    local length = count > 258 and 258 or count
    if count > 258 and count < 261 then
      length = 255 -- leave enough for one more match
    end
    put(self, length_code[length] | code << length_bits[length], length_bits[length] + bits)
    count = count - length
  end
end

---Starts a picture.
---@param width integer
---@param height integer
function M.new(width, height)
  local stride = 3 * width + 1
  local self = setmetatable({
    width = width, height = height, pieces = {}, n = 0, hold = 0, bits = 0,
    a = 1, b = 0, -- Adler-32
    stride = stride,
  }, writer)
  self.run_code, self.run_bits = distance_code(3)
  if stride <= 32768 then
    self.row_code, self.row_bits = distance_code(stride)
  end
  put(self, 0x0178, 16) -- zlib header: deflate, 32 KiB window, no dictionary
  put(self, 1 | 1 << 1, 3) -- the last block, with fixed codes
  return self
end

local function same(first, second)
  if not second or #first ~= #second then
    return false
  end
  for i = 1, #first do
    if first[i] ~= second[i] then
      return false
    end
  end
  return true
end

-- Adds a whole row to Adler-32, from its runs.
local function add_to_checksum(self, runs)
  local a, b = self.a, self.b
  b = b + a -- the filter byte, 0
  local count = #runs
  for i = 1, count, 2 do
    local x, color = runs[i], runs[i + 1]
    local n = (runs[i + 2] or self.width) - x
    local red, green, blue = color >> 16, color >> 8 & 0xFF, color & 0xFF
    local sum = red + green + blue
    b = b + 3 * (n * a + sum * (n * (n - 1) // 2)) + n * (3 * red + 2 * green + blue)
    a = a + n * sum
  end
  self.a, self.b = a % ADLER, b % ADLER
end

---Adds a row: `{x, color, x, color, …}`, first x 0, x rising, colours 0xRRGGBB. The row is kept
---(BORROWED) until the next one was added.
---@param runs integer[]
function writer:row(runs)
  add_to_checksum(self, runs)
  local above = self.above
  self.above = runs
  if self.row_code and same(runs, above) then
    put_match(self, self.stride, self.row_code, self.row_bits)
    return
  end
  local run_code, run_bits, width = self.run_code, self.run_bits, self.width
  put(self, code_of[0], 8)
  for i = 1, #runs, 2 do
    local color = runs[i + 1]
    local n = (runs[i + 2] or width) - runs[i]
    local red, green, blue = color >> 16, color >> 8 & 0xFF, color & 0xFF
    put(self, code_of[red], bits_of[red])
    put(self, code_of[green], bits_of[green])
    put(self, code_of[blue], bits_of[blue])
    put_match(self, 3 * (n - 1), run_code, run_bits)
  end
end

local function chunk(name, data)
  local body = name .. data
  return string.pack(">I4", #data) .. body .. string.pack(">I4", checksums.crc32(body))
end

---Ends the picture, after its last row.
---@return string png
function writer:finish()
  put(self, code_of[256], bits_of[256])
  put(self, 0, 7)
  flush(self) -- the last byte's unused bits are dropped with what remains
  local data = table.concat(self.pieces) .. string.pack(">I2I2", self.b, self.a)
  return "\137PNG\r\n\26\n"
    .. chunk("IHDR", string.pack(">I4I4BBBBB", self.width, self.height, 8, 2, 0, 0, 0))
    .. chunk("IDAT", data) .. chunk("IEND", "")
end

return M
