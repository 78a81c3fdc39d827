-- SPDX-License-Identifier: MIT
-- A streaming parser is right only if no cut can be seen: the same bytes
-- whole, one by one, and in two at every offset.
local M = {}

---@param text string
---@return string[] one piece per byte
function M.bytes(text)
  local pieces = {}
  for i = 1, #text do pieces[i] = text:sub(i, i) end
  return pieces
end

---@param text string
---@param size integer
---@return string[] pieces of `size` bytes, the last one maybe shorter
function M.pieces(text, size)
  local pieces = {}
  for i = 1, #text, size do pieces[#pieces + 1] = text:sub(i, i + size - 1) end
  return pieces
end

---Calls `check(pieces, name)` for each way to cut `text`: whole, byte by byte
---(with empty pieces between), and in two at every offset.
---@param text string
---@param check fun(pieces: string[], name: string)
function M.each(text, check)
  check({ text }, "whole")
  local bytes = {}
  for i = 1, #text do
    bytes[2 * i - 1], bytes[2 * i] = text:sub(i, i), ""
  end
  check(bytes, "byte by byte")
  for i = 1, #text - 1 do
    check({ text:sub(1, i), text:sub(i + 1) }, "cut behind byte " .. i)
  end
end

return M
