-- SPDX-License-Identifier: MIT
-- 15. In a GLib program (GTK and all that stands on it), by lgi: a source watches the client's
-- descriptor, and the main loop does the rest. lgi for Lua 5.4 is in no Debian 12: it comes with
-- LuaRocks (luarocks --lua-version=5.4 install lgi).

local gptimage = require "gptimage"
local GLib = require("lgi").GLib

local client <close> = assert(gptimage.client { provider = "starmagic" })
local loop = GLib.MainLoop()

-- Errors of callbacks come out of step: lgi would print and forget them.
local failure
local function step()
  local ok, err = pcall(client.step, client, 0, 0.005)
  failure = not ok and err or failure
  if failure then
    loop:quit()
  end
  return failure == nil -- GLib goes on watching
end

local fd = client:fd()
if fd then
  GLib.io_add_watch(GLib.IOChannel.unix_new(fd), GLib.PRIORITY_DEFAULT, { "IN" }, step)
else -- no epoll on this system
  GLib.timeout_add(GLib.PRIORITY_DEFAULT, 10, step)
end

-- Something else that the program does.
local ticks = 0
GLib.timeout_add(GLib.PRIORITY_DEFAULT, 20, function()
  ticks = ticks + 1
  return true
end)

local task = assert(client:submit {
  model = "gpt-image-2-beta",
  prompt = "A lighthouse in the morning fog",
  output = "lighthouse.{format}",
})
task:on_done(function(_, result, err)
  print(result and result.images[1].path or err)
  loop:quit()
end)

loop:run()
assert(not failure, failure)
print(("%d ticks meanwhile"):format(ticks))
