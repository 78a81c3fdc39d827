-- SPDX-License-Identifier: MIT
-- Colours as integers 0xRRGGBB.

local M = {}

---`a` where t is 0, `b` where it is 1.
---@return integer
function M.mix(a, b, t)
  local keep = 1 - t
  return ((a >> 16) * keep + (b >> 16) * t + 0.5) // 1 << 16
    | ((a >> 8 & 0xFF) * keep + (b >> 8 & 0xFF) * t + 0.5) // 1 << 8
    | ((a & 0xFF) * keep + (b & 0xFF) * t + 0.5) // 1 | 0
end

---A function of t in 0..1 that runs through the colours at even distances.
---@param stops integer[]
---@return fun(t: number): integer
function M.gradient(stops)
  local last = #stops - 1
  return function(t)
    local at = (t < 0 and 0 or t > 1 and 1 or t) * last
    local i = at // 1 | 0
    if i >= last then
      return stops[#stops]
    end
    local part = at - i
    return M.mix(stops[i + 1], stops[i + 2], part * part * (3 - 2 * part) * 0.4 + part * 0.6)
  end
end

return M
