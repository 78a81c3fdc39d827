-- SPDX-License-Identifier: MIT
-- Small pictures for specs of uploads, edits and masks, made from nothing:
--
--   local pictures = require "spec.support.pictures"
--   pictures.png { width = 64, height = 48, color = 0x3366CC }            opaque, colour type 2
--   pictures.png { width = 64, height = 48, alpha = function(x, y) … end }  with alpha, type 6
--   pictures.drawn "..##\n++##"                               with the alphas of the drawing
--   pictures.jpeg(64, 48), pictures.webp(64, 48), pictures.gif(64, 48)    heads that say so, whole

local checksums = require "spec.support.png"

local M = {}

---A chunk of a PNG.
function M.chunk(name, body)
  return (">I4"):pack(#body) .. name .. body .. (">I4"):pack(checksums.crc32(name .. body))
end

---zlib data in stored blocks.
function M.store(data)
  local pieces = { "\x78\x01" }
  for first = 1, math.max(1, #data), 65535 do
    local piece = data:sub(first, first + 65534)
    pieces[#pieces + 1] = ("<BI2I2"):pack(first + 65535 > #data and 1 or 0, #piece,
      ~#piece & 0xFFFF) .. piece
  end
  local a, b = 1, 0
  for i = 1, #data do
    a = a + data:byte(i)
    b = b + a
    if i % 4096 == 0 then
      a, b = a % 65521, b % 65521
    end
  end
  return table.concat(pieces) .. (">I2I2"):pack(b % 65521, a % 65521)
end

M.SIGNATURE = "\137PNG\r\n\26\n"

---A PNG's header chunk.
function M.header(width, height, depth, color_type, interlaced)
  return M.chunk("IHDR", (">I4I4BBBBB"):pack(width, height, depth, color_type, 0, 0,
    interlaced and 1 or 0))
end

---@param options {width: integer, height: integer, color: (integer|fun(x, y): integer)?,
---       alpha: (boolean|fun(x, y): integer)?, filler: integer?}  `filler`: so many more bytes, in
---       a chunk that readers pass over
function M.png(options)
  local color = options.color or 0x3366CC
  local alpha = options.alpha
  local rows = {}
  for y = 0, options.height - 1 do
    local row = { "\0" }
    for x = 0, options.width - 1 do
      local c = type(color) == "function" and color(x, y) or color
      row[#row + 1] = string.char(c >> 16, c >> 8 & 0xFF, c & 0xFF)
      if alpha then
        row[#row + 1] = string.char(type(alpha) == "function" and alpha(x, y) or 255)
      end
    end
    rows[#rows + 1] = table.concat(row)
  end
  local filler = options.filler and M.chunk("juNk", ("\165"):rep(options.filler)) or ""
  return M.SIGNATURE .. M.header(options.width, options.height, 8, alpha and 6 or 2)
    .. M.chunk("IDAT", M.store(table.concat(rows))) .. filler .. M.chunk("IEND", "")
end

local alphas = { ["."] = 0, ["#"] = 255, ["+"] = 100 }

---A red PNG with the alphas of a drawing: "." is 0, "#" 255, "+" 100; rows by lines.
function M.drawn(rows)
  local lines = {}
  for line in rows:gmatch("[^\n]+") do lines[#lines + 1] = line end
  return M.png { width = #lines[1], height = #lines, color = 0xFF0000,
    alpha = function(x, y) return alphas[lines[y + 1]:sub(x + 1, x + 1)] end }
end

---The head and the end of a JPEG, nothing to decode between them.
function M.jpeg(width, height, filler)
  return "\xFF\xD8\xFF\xE0" .. (">I2"):pack(16) .. "JFIF\0\1\1\0\0\1\0\1\0\0"
    .. "\xFF\xC0" .. (">I2BI2I2B"):pack(17, 8, height, width, 3) .. "\1\x11\0\2\x11\1\3\x11\1"
    .. "\xFF\xDA" .. (">I2"):pack(12) .. "\3\1\0\2\x11\3\x11\0\x3F\0"
    .. ("\170"):rep(filler or 16) .. "\xFF\xD9"
end

---An extended WebP's head.
function M.webp(width, height)
  local body = "WEBPVP8X" .. ("<I4BI3I3I3"):pack(10, 0, 0, width - 1, height - 1)
  return "RIFF" .. ("<I4"):pack(#body) .. body
end

function M.gif(width, height)
  return "GIF89a" .. ("<I2I2"):pack(width, height) .. "\0\0\0;"
end

---Parts to a form's text and its headers: {name, bytes, filename=, type=}.
function M.form(parts, boundary)
  boundary = boundary or "b0undary"
  local pieces = {}
  for _, part in ipairs(parts) do
    local file = part.filename and ('; filename="%s"'):format(part.filename) or ""
    local kind = part.type and "\r\nContent-Type: " .. part.type or ""
    pieces[#pieces + 1] = ('--%s\r\nContent-Disposition: form-data; name="%s"%s%s\r\n\r\n')
      :format(boundary, part[1], file, kind) .. part[2] .. "\r\n"
  end
  return table.concat(pieces) .. "--" .. boundary .. "--\r\n",
    { ["content-type"] = "multipart/form-data; boundary=" .. boundary }
end

return M
