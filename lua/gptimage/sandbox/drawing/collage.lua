-- SPDX-License-Identifier: MIT
-- What an edit was made from, shown in the picture that comes of it: the first reference under the
-- mask's opaque part, and all references and the mask in order in a strip along the lower edge.

local letters = require "gptimage.sandbox.drawing.letters"
local thumbnail = require "gptimage.sandbox.thumbnail"

local M = {}

local PAPER, INK, TABLE, BLANK = 0xFBFAF5, 0x26262B, 0x2D3138, 0xC9CFD6
local CHECKS = { 0xE3E3E3, 0xB9B9B9 } -- behind what is transparent
local KEPT, OPEN = 0x33363D, { 0xFF6FB5, 0xFFD1E8 } -- of a mask: what stays, what is painted anew
local BASE_CELLS, CARD_CELLS = 256, 96

-- ---- cells --------------------------------------------------------------------------------------

local function small(reference, edge)
  local picture = reference.picture
  if not reference.content or picture.type ~= "png" then
    return nil
  end
  reference.small = reference.small or {}
  if reference.small[edge] == nil then
    reference.small[edge] = thumbnail.make(reference.content, picture, edge) or false
  end
  return reference.small[edge] or nil
end

local function check(pair, column, row)
  return pair[(column // 6 + row // 6) % 2 + 1]
end

local function over(color, under, alpha)
  local function part(shift)
    local above, below = color >> shift & 0xFF, under >> shift & 0xFF
    return (above * alpha + below * (255 - alpha)) // 255 << shift
  end
  return part(16) | part(8) | part(0)
end

local function reference_color(cells)
  return function(column, row)
    local i = row * cells.columns + column + 1
    local alpha = cells.alphas[i]
    return alpha == 255 and cells.colors[i] or over(cells.colors[i], check(CHECKS, column, row),
      alpha)
  end
end

local function mask_color(cells)
  return function(column, row)
    local alpha = cells.alphas[row * cells.columns + column + 1]
    return over(KEPT, check(OPEN, column, row), alpha)
  end
end

local function text(surface, line, x, y, scale, color)
  local columns, cell = letters.line(line)
  surface:picture(x, y, columns * scale, letters.HEIGHT * scale, columns, letters.HEIGHT,
    function(column, row) return cell(column, row) and color or false end)
end

-- ---- the edited picture -------------------------------------------------------------------------

-- The first reference stays where the mask is opaque.
local function keep(surface, reference, mask)
  local holes = mask and small(mask, BASE_CELLS)
  if not holes then
    return
  end
  local base = small(reference, BASE_CELLS)
  local color = base and base.columns == holes.columns and base.rows == holes.rows
    and reference_color(base) or function() return BLANK end
  surface:picture(0, 0, surface.width, surface.height, holes.columns, holes.rows,
    function(column, row)
      return holes.alphas[row * holes.columns + column + 1] >= 128 and color(column, row)
    end)
end

local function caption_of(reference)
  local picture = reference.picture or {}
  local size = picture.width and (" %dx%d"):format(picture.width, picture.height) or ""
  return (picture.type or "link") .. size, (reference.sha256 or reference.url or ""):gsub("^%a+://",
    ""):sub(1, 8)
end

-- One card of the strip.
local function card(surface, reference, label, is_mask, x, y, width, height, scale)
  surface:rectangle(x, y, x + width, y + height, PAPER)
  local margin = math.max(1, width // 24)
  local line = (letters.HEIGHT + 2) * scale
  local inner_width, inner_height = width - 2 * margin, height - 2 * margin - 2 * line
  local cells = small(reference, CARD_CELLS)
  if inner_height >= 4 and cells then
    local factor = math.min(inner_width / cells.columns, inner_height / cells.rows)
    local w = math.max(1, cells.columns * factor // 1 | 0)
    local h = math.max(1, cells.rows * factor // 1 | 0)
    surface:picture(x + (width - w) // 2, y + margin + (inner_height - h) // 2, w, h,
      cells.columns, cells.rows, (is_mask and mask_color or reference_color)(cells))
  elseif inner_height >= 4 then
    surface:rectangle(x + margin, y + margin, x + width - margin, y + margin + inner_height, BLANK)
    local big = math.max(1, math.min(inner_width // (6 * #label), inner_height // 14))
    text(surface, label, x + (width - (6 * #label - 1) * big) // 2,
      y + margin + (inner_height - 7 * big) // 2, big, PAPER)
  end
  local first, second = caption_of(reference)
  local function fitting(words)
    return words:sub(1, math.max(0, inner_width // (letters.WIDTH * scale)))
  end
  text(surface, fitting(first), x + margin, y + height - margin - 2 * line + 2 * scale, scale, INK)
  text(surface, fitting(second), x + margin, y + height - margin - line + 2 * scale, scale, INK)
  if cells then
    local badge = (6 * #label + 3) * scale
    surface:rectangle(x, y, x + badge, y + (letters.HEIGHT + 4) * scale, INK)
    text(surface, label, x + 2 * scale, y + 2 * scale, scale, PAPER)
  end
end

---Adds what the picture was made from. Nothing for a picture too small to show it.
---@param surface table  a canvas, the scene painted
---@param references table[]
---@param mask? table
function M.add(surface, references, mask)
  keep(surface, references[1], mask)
  local count = #references + (mask and 1 or 0)
  local width, height = surface.width, surface.height
  local rows = count > 9 and 2 or 1
  local columns = math.ceil(count / rows)
  local gap = math.max(2, width // 128)
  local share = rows == 2 and 0.17 or mask and 0.2 or 0.26
  local edge = math.min((width - gap) // columns - gap, (height * share) // 1 | 0)
  if edge < 16 then
    return
  end
  local scale = math.max(1, edge // (letters.WIDTH * 13))
  local top = height - rows * (edge + gap) - gap
  surface:rectangle(0, top, columns * (edge + gap) + gap, height, TABLE, 0.88)
  for i = 1, count do
    local is_mask = i > #references
    local column, row = (i - 1) % columns, (i - 1) // columns
    card(surface, references[i] or mask, is_mask and "MASK" or tostring(i), is_mask,
      gap + column * (edge + gap), top + gap + row * (edge + gap), edge, edge, scale)
  end
end

return M
