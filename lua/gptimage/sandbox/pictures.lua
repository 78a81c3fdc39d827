-- SPDX-License-Identifier: MIT
-- What a picture is, by its bytes: type, pixels, alpha, and whether it is whole. Reads strings and
-- blobs of the spool alike, and of a big one only the heads of its chunks.

local M = {}

local mimes = {
  png = "image/png", jpeg = "image/jpeg", webp = "image/webp", gif = "image/gif",
}

local TAIL = 1024 -- bytes behind a JPEG's end that are forgiven

-- ---- PNG ----------------------------------------------------------------------------------------

local function read_png(source, picture)
  local size = #source
  local at, seen_data = 9, false
  while true do
    local head = source:sub(at, at + 7)
    if #head < 8 then
      return "is truncated"
    end
    local length, name = string.unpack(">I4c4", head)
    if at == 9 then
      if name ~= "IHDR" or length ~= 13 or size < 33 then
        return "has no header"
      end
      local width, height, depth, color = string.unpack(">I4I4BB", source:sub(17, 26))
      if width == 0 or height == 0 or width > 0x7FFFFFFF or height > 0x7FFFFFFF then
        return "has impossible dimensions"
      end
      picture.width, picture.height, picture.depth, picture.color = width, height, depth, color
      picture.alpha = color == 4 or color == 6
    elseif name == "tRNS" and not seen_data then
      picture.alpha = true
    elseif name == "IDAT" then
      seen_data = true
    end
    at = at + 12 + length
    if at > size + 1 then
      return "is truncated"
    elseif name == "IEND" then
      return not seen_data and "has no pixels" or nil
    end
  end
end

-- ---- JPEG ---------------------------------------------------------------------------------------

local function read_jpeg(source, picture)
  local at = 3
  while true do
    local first = source:sub(at, at)
    if first ~= "\xFF" then
      return first == "" and "is truncated" or "has a broken segment"
    end
    while source:sub(at + 1, at + 1) == "\xFF" do -- fill bytes
      at = at + 1
    end
    local head = source:sub(at + 1, at + 8)
    if #head < 8 then
      return "is truncated"
    end
    local marker, length = string.unpack(">BI2", head)
    if marker == 0xD9 or marker == 0xDA or length < 2 then
      return "has no frame"
    elseif marker >= 0xC0 and marker <= 0xCF and marker ~= 0xC4 and marker ~= 0xC8
        and marker ~= 0xCC then
      picture.height, picture.width = string.unpack(">I2I2", head, 5)
      break
    end
    at = at + 2 + length
  end
  if picture.width == 0 or picture.height == 0 then
    return "has impossible dimensions"
  elseif not source:sub(-TAIL):find("\xFF\xD9", 1, true) then
    return "is truncated"
  end
end

-- ---- WebP and GIF -------------------------------------------------------------------------------

local function read_webp(source, picture)
  local head = source:sub(1, 30)
  if #head < 30 or string.unpack("<I4", head, 5) + 8 > #source then
    return "is truncated"
  end
  local kind = head:sub(13, 16)
  if kind == "VP8 " and head:sub(24, 26) == "\x9D\x01\x2A" then
    local width, height = string.unpack("<I2I2", head, 27)
    picture.width, picture.height = width & 0x3FFF, height & 0x3FFF
  elseif kind == "VP8L" and head:byte(21) == 0x2F then
    local bits = string.unpack("<I4", head, 22)
    picture.width, picture.height = (bits & 0x3FFF) + 1, (bits >> 14 & 0x3FFF) + 1
    picture.alpha = bits >> 28 & 1 == 1
  elseif kind == "VP8X" then
    picture.width = string.unpack("<I3", head, 25) + 1
    picture.height = string.unpack("<I3", head, 28) + 1
    picture.alpha = head:byte(21) & 0x10 ~= 0
  else
    return "has no frame"
  end
  if picture.width == 0 or picture.height == 0 then
    return "has impossible dimensions"
  end
end

local function read_gif(source, picture)
  local head = source:sub(1, 10)
  if #head < 10 then
    return "is truncated"
  end
  picture.width, picture.height = string.unpack("<I2I2", head, 7)
end

local readers = { png = read_png, jpeg = read_jpeg, webp = read_webp, gif = read_gif }

local function type_of(head)
  if head:sub(1, 8) == "\x89PNG\r\n\x1A\n" then
    return "png"
  elseif head:sub(1, 3) == "\xFF\xD8\xFF" then
    return "jpeg"
  elseif head:sub(1, 4) == "RIFF" and head:sub(9, 12) == "WEBP" then
    return "webp"
  elseif head:sub(1, 6) == "GIF87a" or head:sub(1, 6) == "GIF89a" then
    return "gif"
  end
end

---@class sandbox.picture
---@field type? "png"|"jpeg"|"webp"|"gif"  nil: none of these
---@field mime? string
---@field width? integer
---@field height? integer
---@field alpha? boolean
---@field problem? string  what is wrong with it, "is truncated"

---@param source string|table  bytes, or a blob
---@return sandbox.picture
function M.read(source)
  local picture = { type = type_of(source:sub(1, 12)) }
  if picture.type then
    picture.mime = mimes[picture.type]
    picture.problem = readers[picture.type](source, picture)
  else
    picture.problem = #source == 0 and "is empty" or "is no picture"
  end
  return picture
end

return M
