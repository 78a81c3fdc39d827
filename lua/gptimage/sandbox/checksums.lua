-- SPDX-License-Identifier: MIT
-- CRC-32 as PNG and gzip have it, and SHA-256 of what arrives in pieces.

local M = {}

local crc_table = {}
for byte = 0, 255 do
  local crc = byte
  for _ = 1, 8 do
    crc = crc & 1 == 1 and 0xEDB88320 ~ crc >> 1 or crc >> 1
  end
  crc_table[byte] = crc
end

---@param data string
---@param crc? integer  of what came before
---@return integer
function M.crc32(data, crc)
  crc = (crc or 0) ~ 0xFFFFFFFF
  local bytes = string.byte
  for first = 1, #data - 7, 8 do
    local a, b, c, d, e, f, g, h = bytes(data, first, first + 7)
    crc = crc_table[crc & 0xFF ~ a] ~ crc >> 8
    crc = crc_table[crc & 0xFF ~ b] ~ crc >> 8
    crc = crc_table[crc & 0xFF ~ c] ~ crc >> 8
    crc = crc_table[crc & 0xFF ~ d] ~ crc >> 8
    crc = crc_table[crc & 0xFF ~ e] ~ crc >> 8
    crc = crc_table[crc & 0xFF ~ f] ~ crc >> 8
    crc = crc_table[crc & 0xFF ~ g] ~ crc >> 8
    crc = crc_table[crc & 0xFF ~ h] ~ crc >> 8
  end
  for i = #data - #data % 8 + 1, #data do
    crc = crc_table[crc & 0xFF ~ bytes(data, i)] ~ crc >> 8
  end
  return crc ~ 0xFFFFFFFF
end

local sha256 = {}
sha256.__index = sha256

---Takes more bytes.
function sha256:update(bytes)
  self.digest:update(bytes)
end

---The hash of all bytes so far, in hex; nothing can be added behind it.
---@return string
function sha256:hex()
  return (self.digest:final():gsub(".", function(byte) return ("%02x"):format(byte:byte()) end))
end

---Starts a SHA-256.
function M.sha256()
  return setmetatable({ digest = require("openssl.digest").new("sha256") }, sha256)
end

return M
