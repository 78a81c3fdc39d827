-- SPDX-License-Identifier: MIT
-- Draws the sandbox's pictures.
local png = require "gptimage.sandbox.png"
local M = {}
function M.png(spec)
  local picture = png.new(spec.width, spec.height)
  for y = 0, spec.height - 1 do
    local t = 255 * y // spec.height
    picture:row { 0, 0x204060 + t // 2 * 0x10000, spec.width // 2, 0xF08030 - t // 3 }
  end
  return picture:finish()
end
return M
