-- SPDX-License-Identifier: MIT
-- Base64 of pictures, three bytes at a step, and back, six.

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

local value_of = {}
for i = 1, 64 do
  value_of[letters:byte(i)] = i - 1
end

---Decodes base64 with or without its padding; nil when it is none.
---@param text string
---@return string?
function M.decode(text)
  text = text:gsub("=?=?$", "", 1)
  if #text % 4 == 1 or text:find("[^%w+/]") then
    return nil
  end
  local out, n, v = {}, 0, value_of
  local whole = #text - #text % 8
  for i = 1, whole, 8 do
    local a, b, c, d, e, f, g, h = text:byte(i, i + 7)
    n = n + 1
    out[n] = string.pack(">I6", v[a] << 42 | v[b] << 36 | v[c] << 30 | v[d] << 24 | v[e] << 18
      | v[f] << 12 | v[g] << 6 | v[h])
  end
  local bits, hold = 0, 0
  for i = whole + 1, #text do
    hold, bits = hold << 6 | v[text:byte(i)], bits + 6
    if bits >= 8 then
      bits = bits - 8
      n = n + 1
      out[n] = string.char(hold >> bits & 0xFF)
    end
  end
  return table.concat(out)
end

return M
