-- SPDX-License-Identifier: MIT
-- Reads PNGs back: a decoder that shares nothing with the writer, and checks every checksum.

local M = {}

local crc_table = {}
for n = 0, 255 do
  local c = n
  for _ = 1, 8 do
    c = c % 2 == 1 and 0xEDB88320 ~ (c >> 1) or c >> 1
  end
  crc_table[n] = c
end

---The checksum of a chunk's name and body (PNG, annex D).
function M.crc32(data)
  local c = 0xFFFFFFFF
  for i = 1, #data do
    c = crc_table[(c ~ data:byte(i)) & 0xFF] ~ (c >> 8)
  end
  return c ~ 0xFFFFFFFF
end

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

-- Inflates stored and fixed blocks; others are an error, the sandbox writes none.
---@return string data
---@return integer used  bytes eaten
function M.inflate(data, start)
  local pos, hold, held = start or 1, 0, 0
  local function bits(n)
    while held < n do
      hold = hold | assert(data:byte(pos), "deflate: unexpected end") << held
      pos, held = pos + 1, held + 8
    end
    local value = hold & (1 << n) - 1
    hold, held = hold >> n, held - n
    return value
  end
  local function code(n, value)
    for _ = 1, n do
      value = value << 1 | bits(1)
    end
    return value
  end
  local function symbol()
    local value = code(7, 0)
    if value <= 23 then
      return 256 + value
    end
    value = code(1, value)
    if value <= 191 then
      return value - 48
    elseif value <= 199 then
      return 280 + value - 192
    end
    return 144 + code(1, value) - 400
  end
  local out, n = {}, 0
  repeat
    local last, kind = bits(1), bits(2)
    if kind == 0 then
      hold, held = 0, 0
      local size, check = string.unpack("<I2I2", data, pos)
      assert(size == ~check & 0xFFFF, "deflate: stored length")
      for i = pos + 4, pos + 3 + size do
        n = n + 1
        out[n] = data:byte(i)
      end
      pos = pos + 4 + size
    else
      assert(kind == 1, "deflate: block type")
      while true do
        local s = symbol()
        if s == 256 then
          break
        elseif s < 256 then
          n = n + 1
          out[n] = s
        else
          local length = length_base[s] + bits(length_extra[s])
          local d = code(5, 0)
          local distance = distance_base[d] + bits(distance_extra[d])
          assert(distance <= n and distance <= 32768, "deflate: distance")
          for _ = 1, length do
            n = n + 1
            out[n] = out[n - distance]
          end
        end
      end
    end
  until last == 1
  local pieces = {}
  for i = 1, n, 4096 do
    pieces[#pieces + 1] = string.char(table.unpack(out, i, math.min(n, i + 4095)))
  end
  return table.concat(pieces), pos - held // 8 - (start or 1)
end

---Width and height, from the header alone.
function M.size(png)
  assert(png:sub(1, 16) == "\137PNG\r\n\26\n\0\0\0\13IHDR", "not a PNG")
  return string.unpack(">I4I4", png, 17)
end

---The whole picture: {width, height, pixel = function(x, y) -> red, green, blue}.
function M.decode(png)
  local width, height = M.size(png)
  local pos, data, names = 9, {}, {}
  while pos <= #png do
    local size, name = string.unpack(">I4c4", png, pos)
    local body = png:sub(pos + 8, pos + 7 + size)
    assert(M.crc32(name .. body) == string.unpack(">I4", png, pos + 8 + size), name .. ": CRC")
    names[#names + 1] = name
    if name == "IDAT" then
      data[#data + 1] = body
    end
    pos = pos + 12 + size
  end
  assert(names[#names] == "IEND" and pos == #png + 1, "chunks")
  local zlib = table.concat(data)
  assert(string.unpack(">I2", zlib) % 31 == 0 and zlib:byte(1) == 0x78, "zlib header")
  local raw, used = M.inflate(zlib, 3)
  local a, b = 1, 0
  for i = 1, #raw do
    a = a + raw:byte(i)
    b = b + a
    if i % 4096 == 0 then
      a, b = a % 65521, b % 65521
    end
  end
  assert(string.unpack(">I4", zlib, 3 + used) == b % 65521 << 16 | a % 65521, "Adler-32")
  assert(#zlib == used + 6, "bytes behind the data")
  local stride = 3 * width + 1
  assert(#raw == stride * height, "size of the data")
  for y = 0, height - 1 do
    assert(raw:byte(y * stride + 1) == 0, "filter")
  end
  return { width = width, height = height, pixel = function(x, y)
    return raw:byte(y * stride + 3 * x + 2, y * stride + 3 * x + 4)
  end }
end

return M
