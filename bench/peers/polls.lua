-- SPDX-License-Identifier: MIT
-- gptimage itself, with many tasks at once, through its Lua interface.
-- usage: polls.lua COUNT POLLS BASE_URL
-- COUNT tasks of the service of bench/tools/tasks.c, asked for every second until they are done.
-- Prints the seconds of processor time and of wall time, and the MiB that memory grew by.
local gptimage = require "gptimage"
local rss = require "bench.support.rss"
local socket = require "socket"

local count, base_url = tonumber(arg[1]), arg[3]

local client <close> = assert(gptimage.client {
  api_key = "bench", base_url = base_url, max_requests = 32,
  poll = { first = 1, min = 1, max = 1, jitter = 0 },
})
local prompt = ("a lighthouse "):rep(40):sub(1, 500)
local cpu, wall, memory = os.clock(), socket.gettime(), rss.now()
local done = 0
local function on_done(_, result, err)
  assert(result and result.images[1].url, err)
  done = done + 1
end
for _ = 1, count do
  assert(client:submit {
    model = "gpt-image-2-beta", prompt = prompt, size = "16:9", resolution = "2K",
  }):on_done(on_done)
end
client:run()
assert(done == count)
print(os.clock() - cpu, socket.gettime() - wall, rss.most() - memory)
