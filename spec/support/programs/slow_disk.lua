-- SPDX-License-Identifier: MIT
-- `slow_disk.lua JOURNAL BASE_URL MS`: a host with frames, and a disk that takes MS milliseconds to
-- sync. Prints the longest step in milliseconds, how long the first request waited for the disk,
-- how many syncs there were, and what five tasks were billed. A process of its own, because the
-- disk is the test window's.

local window = require "gptimage.core_test"
package.preload["gptimage.core"] = window.core

local gptimage = require "gptimage"
local socket = require "socket"

local journal, base_url, ms = table.unpack(arg)

local started, first
local client = assert(gptimage.client {
  base_url = base_url, api_key = "k", journal = journal, poll = { first = 0.05, min = 0.05 },
  log = function(event)
    if event.event == "request" and not first then first = socket.gettime() - started end
  end,
})
window.disk_delay(tonumber(ms))
window.die_at(0) -- counts from here
started = socket.gettime()
local tasks, longest = {}, 0
for i = 1, 5 do
  tasks[i] = assert(client:submit { model = "gpt-image-2", prompt = "x", size = "1024x1024" })
end
repeat
  local before = socket.gettime()
  local live = client:step(0)
  longest = math.max(longest, socket.gettime() - before)
  socket.select(nil, nil, 0.004) -- the rest of the frame
until live == 0
local billed = {}
for i, task in ipairs(tasks) do billed[i] = task.billed end
print(("%.0f %.0f %d %s"):format(longest * 1000, first * 1000, window.disk_calls "fdatasync",
  table.concat(billed, " ")))
window.disk_delay(0)
client:close()
