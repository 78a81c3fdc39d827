-- SPDX-License-Identifier: MIT
-- Inflates zlib data (RFC 1950, 1951) in pieces: never holds more than its window and a little.

local M = {}

local WINDOW = 32768
local FLUSH = 3 * WINDOW

local length_base, length_extra, distance_base, distance_extra = {}, {}, {}, {}
do
  local base = 3
  for symbol = 257, 284 do
    local extra = math.max(0, (symbol - 261) // 4)
    length_base[symbol], length_extra[symbol] = base, extra
    base = base + (1 << extra)
  end
  length_base[285], length_extra[285] = 258, 0
  base = 1
  for symbol = 0, 29 do
    local extra = math.max(0, symbol // 2 - 1)
    distance_base[symbol], distance_extra[symbol] = base, extra
    base = base + (1 << extra)
  end
end

-- The order in which lengths of code lengths come.
local order = { 16, 17, 18, 0, 8, 7, 9, 6, 10, 5, 11, 4, 12, 3, 13, 2, 14, 1, 15 }

-- Code lengths to a table from `reversed code | 1 << length` to symbol, so that bits can be taken
-- as they come.
local function codes_of(lengths, first, last)
  local count, next_code = {}, {}
  for length = 0, 15 do
    count[length] = 0
  end
  for symbol = first, last do
    count[lengths[symbol]] = count[lengths[symbol]] + 1
  end
  count[0] = 0
  local code, longest = 0, 0
  for length = 1, 15 do
    code = (code + count[length - 1]) << 1
    if code + count[length] > 1 << length then
      error("deflate: too many codes", 0)
    end
    next_code[length] = code
    longest = count[length] > 0 and length or longest
  end
  local by_bits = {}
  for symbol = first, last do
    local length = lengths[symbol]
    if length > 0 then
      local value, reversed = next_code[length], 0
      next_code[length] = value + 1
      for _ = 1, length do
        reversed, value = reversed << 1 | value & 1, value >> 1
      end
      -- every continuation of a short code leads to it: one look instead of one for each bit
      for rest = 0, (1 << longest - length) - 1 do
        by_bits[reversed | rest << length] = (symbol - first) << 4 | length
      end
    end
  end
  return { by_bits = by_bits, mask = (1 << longest) - 1, longest = longest }
end

local fixed_literals, fixed_distances
do
  local lengths = {}
  for symbol = 0, 287 do
    lengths[symbol] = symbol <= 143 and 8 or symbol <= 255 and 9 or symbol <= 279 and 7 or 8
  end
  fixed_literals = codes_of(lengths, 0, 287)
  for symbol = 0, 29 do
    lengths[symbol] = 5
  end
  fixed_distances = codes_of(lengths, 0, 29)
end

local bits = {}
bits.__index = bits

-- Makes sure of at least `n` bits (at most 48), or zeros behind the end.
function bits:need(n)
  while self.held < n do
    if self.at > #self.data then
      self.data, self.at = self.read() or "", 1
      if self.data == "" then
        self.past = self.past + 1 -- zeros; a code that uses them is found out by `take`
        self.held = self.held + 8
      end
    else
      self.hold = self.hold | self.data:byte(self.at) << self.held
      self.at, self.held = self.at + 1, self.held + 8
    end
  end
end

function bits:take(n)
  self:need(n)
  local value = self.hold & (1 << n) - 1
  self.hold, self.held = self.hold >> n, self.held - n
  if self.past * 8 > self.held then
    error("deflate: unexpected end", 0)
  end
  return value
end

function bits:symbol(codes)
  self:need(codes.longest)
  local entry = codes.by_bits[self.hold & codes.mask]
  if not entry then
    error("deflate: no such code", 0)
  end
  self:take(entry & 15)
  return entry >> 4
end

local function read_codes(self)
  local literals, distances = self:take(5) + 257, self:take(5) + 1
  local lengths = {}
  for i = 0, 18 do
    lengths[i] = 0
  end
  for i = 1, self:take(4) + 4 do
    lengths[order[i]] = self:take(3)
  end
  local codes = codes_of(lengths, 0, 18)
  local i, previous = 0, nil
  lengths = {}
  while i < literals + distances do
    local symbol, times, value = self:symbol(codes), 1, 0
    if symbol < 16 then
      value = symbol
    elseif symbol == 16 then
      times, value = 3 + self:take(2), previous or error("deflate: nothing to repeat", 0)
    else
      times = symbol == 17 and 3 + self:take(3) or 11 + self:take(7)
    end
    for _ = 1, times do
      lengths[i] = value
      i = i + 1
    end
    previous = value
  end
  if i > literals + distances then
    error("deflate: too many lengths", 0)
  end
  return codes_of(lengths, 0, literals - 1), codes_of(lengths, literals, i - 1)
end

local function text_of(out, first, last)
  local pieces = {}
  for i = first, last, 4096 do
    pieces[#pieces + 1] = string.char(table.unpack(out, i, math.min(last, i + 4095)))
  end
  return table.concat(pieces)
end

---Inflates; raises a string where the data is none. The checksum at the end is not looked at.
---@param read fun(): string?  gives the data, piece by piece
---@param write fun(bytes: string): any  takes what comes out; anything but nil ends it early
function M.inflate(read, write)
  local self = setmetatable({ read = read, data = "", at = 1, hold = 0, held = 0, past = 0 }, bits)
  local head = self:take(8) << 8 | self:take(8)
  if head % 31 ~= 0 or head >> 8 & 15 ~= 8 or head & 0x20 ~= 0 then
    error("zlib: not a header", 0)
  end
  local out, n, sent = {}, 0, 0
  local function flush()
    local enough = write(text_of(out, sent + 1, n))
    if n > WINDOW then
      table.move(out, n - WINDOW + 1, n, 1)
      n = WINDOW
    end
    sent = n
    return enough ~= nil
  end
  local last
  repeat
    last = self:take(1)
    local kind = self:take(2)
    if kind == 0 then
      self:take(self.held % 8)
      local size = self:take(16)
      if size ~= ~self:take(16) & 0xFFFF then
        error("deflate: stored length", 0)
      end
      for _ = 1, size do
        n = n + 1
        out[n] = self:take(8)
      end
    elseif kind == 3 then
      error("deflate: block type", 0)
    else
      local literals, distances = fixed_literals, fixed_distances
      if kind == 2 then
        literals, distances = read_codes(self)
      end
      while true do
        local symbol = self:symbol(literals)
        if symbol < 256 then
          n = n + 1
          out[n] = symbol
        elseif symbol == 256 then
          break
        else
          local base = length_base[symbol] or error("deflate: length", 0)
          local length = base + self:take(length_extra[symbol])
          local code = self:symbol(distances)
          base = distance_base[code] or error("deflate: distance", 0)
          local distance = base + self:take(distance_extra[code])
          if distance > n then
            error("deflate: distance", 0)
          end
          for i = n + 1, n + length do
            out[i] = out[i - distance]
          end
          n = n + length
        end
        if n >= FLUSH and flush() then
          return
        end
      end
    end
    if n > sent and flush() then
      return
    end
  until last == 1
end

return M
