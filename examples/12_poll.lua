-- SPDX-License-Identifier: MIT
-- 12. In a loop that is made of nothing but select: the client is a descriptor among others. Here
-- luasocket's select waits for it and for a socket of the program's own, a little server.

local gptimage = require "gptimage"
local socket = require "socket"

local client <close> = assert(gptimage.client { provider = "starmagic" })

-- For luasocket whatever has getfd() and dirty() is a socket.
local ours = {
  getfd = function() return client:fd() end,
  dirty = function() return false end,
}

local server = assert(socket.bind("127.0.0.1", 0))
server:settimeout(0)
local visitor = assert(socket.connect("127.0.0.1", (select(2, server:getsockname()))))

local task = assert(client:submit {
  model = "gpt-image-2-beta",
  prompt = "A market square on a summer morning",
  output = "{id}.{format}",
})

local rounds, visits = 0, 0
while not task:done() or visits == 0 do
  -- Sleeps until the client or the server has something to do, however long that is. Sockets and
  -- timers of the client are both behind its descriptor, so no time-out is needed.
  local readable = socket.select({ ours, server })
  rounds = rounds + 1
  if readable[ours] then
    client:step()
  end
  if readable[server] then
    local connection = server:accept()
    visits = visits + 1
    connection:send("welcome\n")
    connection:close()
  end
end
print("the visitor was told: " .. visitor:receive("*l"))
visitor:close()
server:close()

-- It is done, so this returns at once.
local result = assert(task:wait())
print(("%s after %d rounds"):format(result.images[1].path, rounds))
