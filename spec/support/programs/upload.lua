-- SPDX-License-Identifier: MIT
-- Sends a big picture, and tells what that costs.
-- Usage: upload.lua PROVIDER BASE FILES BIG SMALL [CA]
--
-- A line of words: billed, bytes of resident memory at most above those before, steps, the longest
-- step in milliseconds of work. The program goes on with its own life between steps: that is the
-- point.

local gptimage = require "gptimage"
local socket = require "socket"

local provider, base_url, files_url, big, small, ca_file = table.unpack(arg)

local client <close> = assert(gptimage.client {
  provider = provider, base_url = base_url, api_key = "sk-upload", proxy = "",
  files_url = provider == "starmagic" and files_url or nil, allow_private = true,
  ca_file = ca_file,
  poll = { first = 0, min = 0.01, max = 0.02 },
})

local function resident(name)
  for line in io.lines "/proc/self/status" do
    local kilobytes = line:match("^" .. name .. ":%s+(%d+)")
    if kilobytes then return tonumber(kilobytes) * 1024 end
  end
end

local function edit(path)
  local steps, longest = 0, 0
  local task = assert(client:submit { model = "gpt-image-2", prompt = "x", quality = "low",
    size = "1024x1024", images = { path } })
  while not task:done() do
    local began = os.clock()
    client:step()
    longest = math.max(longest, os.clock() - began)
    steps = steps + 1
    socket.select(nil, nil, 0.001)
  end
  local result, err = task:wait()
  return result and result.billed or tostring(err), steps, longest * 1000
end

edit(small) -- what is made once is there: connections, buffers, libcurl's own
collectgarbage()
do
  local file <close> = assert(io.open("/proc/self/clear_refs", "w"))
  file:write("5") -- the high-water mark begins anew
end
local before = resident "VmRSS"
local billed, steps, longest = edit(big)
print(billed, math.max(0, resident "VmHWM" - before), steps, ("%.1f"):format(longest))
