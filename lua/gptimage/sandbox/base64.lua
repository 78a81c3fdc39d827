-- SPDX-License-Identifier: MIT
-- Base64 of pictures, three bytes at a step.

local M = {}

local letters = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/"
local pairs_of_letters = {}
for i = 0, 63 do
  for k = 0, 63 do
    pairs_of_letters[i * 64 + k] = letters:sub(i + 1, i + 1) .. letters:sub(k + 1, k + 1)
  end
end

---@param data string
---@return string
function M.encode(data)
  local out, n = {}, 0
  local whole = #data - #data % 3
  for i = 1, whole, 3 do
    local a, b, c = data:byte(i, i + 2)
    out[n + 1] = pairs_of_letters[a << 4 | b >> 4]
    out[n + 2] = pairs_of_letters[(b & 15) << 8 | c]
    n = n + 2
  end
  local a, b = data:byte(whole + 1, #data)
  if b then
    out[n + 1] = pairs_of_letters[a << 4 | b >> 4]
    out[n + 2] = pairs_of_letters[(b & 15) << 8]:sub(1, 1) .. "="
  elseif a then
    out[n + 1] = pairs_of_letters[a << 4] .. "=="
  end
  return table.concat(out)
end

return M
