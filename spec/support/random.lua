-- SPDX-License-Identifier: MIT
-- Random numbers that are the same on every machine: what a spec found once
-- it finds again.
local Random = {}
Random.__index = Random

-- Knuth's MMIX generator; its high bits are the good ones.
local FACTOR, STEP = 6364136223846793005, 1442695040888963407

---@param seed integer
function Random.new(seed)
  return setmetatable({ state = seed }, Random)
end

---@return integer from 0 to 2^32 - 1
function Random:bits()
  self.state = self.state * FACTOR + STEP
  return self.state >> 32
end

---@param most integer
---@return integer from 1 to `most`
function Random:below(most)
  return self:bits() % most + 1
end

---@generic T
---@param list T[]
---@return T
function Random:pick(list)
  return list[self:below(#list)]
end

---@param n integer
---@return string of `n` random bytes
function Random:bytes(n)
  local out = {}
  for i = 1, n do out[i] = string.char(self:bits() & 255) end
  return table.concat(out)
end

return Random
