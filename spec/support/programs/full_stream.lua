-- SPDX-License-Identifier: MIT
-- A host that watches the client's descriptor, and steps when that can be read, while a disk does
-- not answer that a stream of HTTP/2 is to be written to: nothing is read then, and the host is not
-- woken for what nobody reads. spec/writing_spec.lua runs this, in a process whose gptimage is the
-- window's.

local window = require "gptimage.core_test"
package.preload["gptimage.core"] = window.core

local files = require "spec.support.files"
local gptimage = require "gptimage"
local socket = require "socket"

local BUDGET = 0.001

local folder <close> = files.folder()
local sandbox <close> = require("spec.support.sandbox").start { tls = true }
local client <close> = assert(gptimage.client { provider = "magick", api_key = "sk", proxy = "",
  base_url = sandbox.magick_tls, ca_file = sandbox.ca_file })

local fd = client:fd() -- nil: one without it steps at client:timeout()
local outside = { getfd = function() return fd end }

-- How often the host is woken in so many seconds, or until done().
local function wakes(seconds, done)
  local count, over = 0, socket.gettime() + seconds
  while not (done and done()) do
    local left = over - socket.gettime()
    if left <= 0 then break end
    if not fd then
      socket.sleep(math.min(left, client:timeout() or left))
    elseif not socket.select({ outside }, nil, left)[1] then
      break
    end
    client:step(0, BUDGET)
    count = count + 1
  end
  return count
end

local function submit(n)
  return assert(client:submit { model = "gpt-image-2", prompt = "a lighthouse", n = n,
    size = "1024x1024", response_format = "b64_json",
    output = folder.path .. "/{key}-{index}.png" })
end

window.disk_hold(true)
local large = submit(4)
wakes(10, function() return #folder:files() > 0 end)
local small = submit() -- its stream is not read either
local tries, woken = 0, math.huge
while woken > (fd and 5 or 105) do -- until the first is full
  tries, woken = tries + 1, wakes(1)
  assert(tries < 10, "woken " .. woken .. " times in a second")
end
assert(not large:done() and not small:done())
window.disk_hold(false)
wakes(20, function() return large:done() and small:done() end)
for _, task in ipairs { large, small } do
  for _, image in ipairs(assert(task:wait()).images) do
    assert(files.read(image.path) == image:data())
  end
end
print "fine"
