-- SPDX-License-Identifier: MIT
-- 13. In a game, in the shape that LÖVE and its like give it: load once, update and draw in every
-- frame. Portraits for the heroes come in while the game runs, and no frame waits for them.

local gptimage = require "gptimage"
local wait_for_screen = require("socket").sleep

local FRAME = 1 / 60  -- seconds
local BUDGET = 0.002  -- of them for us, at most

local game = { frame = 0, slowest = 0 }
local client
local heroes = { { name = "Ada" }, { name = "Grace" }, { name = "Hedy" } }

function game.load()
  client = assert(gptimage.client {
    provider = "starmagic",
    -- What callbacks and coroutines raise must not end the game.
    on_error = function(_, traceback) io.stderr:write(traceback, "\n") end,
  })
  for _, hero in ipairs(heroes) do
    -- A coroutine for each: reads like a script, and costs nothing while it waits.
    client:spawn(function()
      local result, err = client:generate {
        model = "gpt-image-2-beta",
        prompt = "Pixel-art portrait of a hero called " .. hero.name,
        on_progress = function(task) hero.progress = task.progress end,
      }
      if result then
        -- With LÖVE: love.image.newImageData(love.data.newByteData(bytes)).
        hero.bytes, err = result.images[1]:data()
      end
      hero.failed = err
    end)
  end
end

function game.update()
  local before = os.clock()
  client:step(0, BUDGET) -- never waits; what is left over is done in the next frame
  game.slowest = math.max(game.slowest, os.clock() - before)
end

function game.draw()
  game.frame = game.frame + 1
  local waiting = 0
  for _, hero in ipairs(heroes) do
    if hero.bytes and not hero.shown then
      hero.shown = true
      print(("frame %d shows %s: %d bytes"):format(game.frame, hero.name, #hero.bytes))
    elseif hero.failed and not hero.shown then
      hero.shown = true
      print(("frame %d shows a silhouette for %s: %s"):format(game.frame, hero.name, hero.failed))
    end
    waiting = waiting + (hero.shown and 0 or 1)
  end
  return waiting > 0
end

-- What the engine does.
game.load()
repeat
  game.update()
  local playing = game.draw()
  wait_for_screen(FRAME)
until not playing
client:close()
print(("%d frames, the slowest step took %.1f ms"):format(game.frame, game.slowest * 1000))
