-- SPDX-License-Identifier: MIT
-- The sandbox's pictures: flat landscapes composed from the words of the prompt, and from its hash
-- where the words leave a choice. The same prompt, index and size always give the same bytes; the
-- same prompt at another size gives the same scene.

local canvas = require "gptimage.sandbox.drawing.canvas"
local cat = require "gptimage.sandbox.drawing.cat"
local collage = require "gptimage.sandbox.drawing.collage"
local landscape = require "gptimage.sandbox.drawing.landscape"
local palettes = require "gptimage.sandbox.drawing.palettes"
local things = require "gptimage.sandbox.drawing.things"
local words = require "gptimage.sandbox.drawing.words"

local M = {}

-- Numbers from a text: xorshift64* seeded with its FNV-1a hash.
local function random_from(text)
  local state = 0xCBF29CE484222325
  for i = 1, #text do
    state = (state ~ text:byte(i)) * 0x100000001B3
  end
  if state == 0 then
    state = 1
  end
  return function(n)
    state = state ~ state >> 12
    state = state ~ state << 25
    state = state ~ state >> 27
    local number = (state * 0x2545F4914F6CDD1D >> 11) / (1 << 53)
    return n and 1 + (number * n // 1 | 0) or number
  end
end

local places = { "sea", "mountains", "hills", "city", "forest", "hills" }

local function place_of(motifs, random)
  for _, place in ipairs { "city", "sea", "desert", "forest", "mountains", "hills" } do
    if motifs[place] then
      return place
    end
  end
  return motifs.snow and "mountains" or motifs.boat and "sea" or places[random(#places)]
end

-- The outside: sky, light, land, in the view.
local function outdoors(surface, view, motifs, random, palette)
  local place = place_of(motifs, random)
  local low = place == "sea" or place == "desert"
  view.horizon = view.y + view.height * ((low and 0.6 or 0.62) + 0.06 * (random() - 0.5))
  landscape.sky(surface, view, palette)
  if palette.moon then
    landscape.stars(surface, view, palette, random, 130)
  end
  local over_water = place == "sea" and not palette.moon
  local height = palette.moon and 0.34 or over_water and 0.86 or 0.62
  local across = view.sun_at or 0.28 + 0.44 * random()
  landscape.sun(surface, view, palette, across,
    view.y + (view.horizon - view.y) * height, palette.moon and 0.075 or 0.105)
  landscape.clouds(surface, view, palette, random, palette.moon and 4 or 6)
  if motifs.birds or not palette.moon and random() < 0.5 then
    landscape.birds(surface, view, palette, random)
  end
  if place == "sea" then
    if motifs.mountains or random() < 0.5 then
      local far = setmetatable({ unit = view.unit * (motifs.mountains and 0.45 or 0.16) },
        { __index = view })
      landscape.mountains(surface, far, palette, random, 1)
    end
    if motifs.city then
      things.city(surface, view, palette, random, view.horizon)
    end
    landscape.sea(surface, view, palette, random)
    if motifs.boat or random() < 0.6 then
      landscape.boat(surface, view, palette, random)
    end
  elseif place == "city" then
    things.city(surface, view, palette, random, view.horizon + view.height * 0.12)
    view.horizon = view.horizon + view.height * 0.1
    landscape.sea(surface, view, palette, random)
  elseif place == "desert" then
    landscape.dunes(surface, view, palette, random)
  elseif place == "forest" then
    landscape.mountains(surface, view, palette, random, 1, motifs.snow)
    things.forest(surface, view, palette, random)
  elseif place == "mountains" then
    landscape.mountains(surface, view, palette, random, 4, motifs.snow or palette.moon == nil)
  else
    landscape.hills(surface, view, palette, random, 5)
  end
  if motifs.balloon then
    things.balloons(surface, view, palette, random)
  end
end

---Draws a picture.
---@param spec {prompt: string, index: integer, width: integer, height: integer,
---       references: table[]?, mask: table?}  the last two of an edit, see references.lua
---@return string png
function M.png(spec)
  local width, height = spec.width, spec.height
  local motifs = words.read(spec.prompt)
  local random = random_from(("%s#%d"):format(spec.prompt, spec.index))
  local surface = canvas.new(width, height)
  local palette = palettes.choose(motifs, random)
  local view = { x = 0, y = 0, width = width, height = height, unit = math.min(width, height) }
  if motifs.cat or motifs.window then
    local unit = math.min(width, height)
    local inner = math.min(width * 0.7, height * 1.15)
    view = { x = (width - inner) / 2, y = height * 0.12, width = inner,
      height = math.min(height * 0.64, inner * 1.5), unit = math.min(inner, unit), sun_at = 0.4 }
    view.y = (height - view.height) * 0.42
    outdoors(surface, view, motifs, random, palette)
    cat.room(surface, view, width, height)
  else
    outdoors(surface, view, motifs, random, palette)
  end
  if spec.references and #spec.references > 0 then
    collage.add(surface, spec.references, spec.mask)
  end
  return surface:png()
end

return M
