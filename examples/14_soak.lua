-- SPDX-License-Identifier: MIT
-- 14. Many pictures, and no frame dropped: 200 of them go to files while a loop draws 60 frames a
-- second. Of each frame the game takes DRAW for itself; one is dropped when what we do takes more
-- than the rest.
--   lua5.4 examples/14_soak.lua [PICTURES [FOLDER]]

local gptimage = require "gptimage"
local socket = require "socket"

local PICTURES, FOLDER = tonumber(arg[1]) or 200, arg[2] or "soak"
local FRAME = 1 / 60  -- seconds
local DRAW = 0.012    -- of them for the game
local BUDGET = 0.002  -- of them for us, at most
local ORDERS = 4      -- new requests in one frame

local client <close> = assert(gptimage.client { provider = "starmagic" })
-- While the game still says "loading": the first TLS connection alone takes some 17 ms.
assert(client:warm_up())

local submitted, saved, failed, bytes = 0, 0, 0, 0

local function on_done(_, result, err)
  if result then
    saved, bytes = saved + 1, bytes + result.images[1].size
  else
    failed = failed + 1
    io.stderr:write(tostring(err), "\n")
  end
end

local function update()
  for _ = 1, math.min(ORDERS, PICTURES - submitted) do
    submitted = submitted + 1
    assert(client:submit {
      model = "gpt-image-2-beta",
      prompt = ("Tile %d of an endless meadow"):format(submitted),
      output = FOLDER .. "/{key}.{format}",
    }):on_done(on_done)
  end
  client:step(0, BUDGET)
end

local frames, dropped, late, slowest, slowest_wall = 0, 0, 0, 0, 0
local began = socket.gettime()
local due = began
while saved + failed < PICTURES do
  local cpu, wall = os.clock(), socket.gettime()
  update()
  -- Our own time, by the processor's clock. By the wall's a frame may be late for what other
  -- programs did meanwhile.
  cpu, wall = os.clock() - cpu, socket.gettime() - wall
  frames = frames + 1
  if cpu > FRAME - DRAW then
    dropped = dropped + 1
  elseif wall > FRAME - DRAW then
    late = late + 1
  end
  slowest, slowest_wall = math.max(slowest, cpu), math.max(slowest_wall, wall)
  due = due + FRAME
  socket.sleep(math.max(0, due - socket.gettime())) -- draws, and waits for the screen
end

print(("%d pictures, %.1f MB, in %.1f s"):format(saved, bytes / 1e6, socket.gettime() - began))
print(("%d frames; the slowest step took %.1f ms of the processor, %.1f ms by the wall"):format(
  frames, slowest * 1e3, slowest_wall * 1e3))
print(("frames late because the machine was busy: %d"):format(late))
print("frames dropped: " .. (dropped == 0 and "none" or dropped))
os.exit(failed == 0 and dropped == 0, true)
