-- SPDX-License-Identifier: MIT
-- A picture from each service with an installed gptimage, served by the sandbox
-- that was installed with it. Usage: rock_smoke.lua TREE, in an empty folder.

local tree = assert(arg[1], "usage: rock_smoke.lua TREE")

for name, path in pairs { ["gptimage"] = package.path, ["gptimage.core"] = package.cpath,
  ["gptimage.mask_core"] = package.cpath } do
  local found = assert(package.searchpath(name, path))
  assert(found:sub(1, #tree) == tree, name .. " comes from elsewhere: " .. found)
end

local gptimage = require "gptimage"

-- Tied: the sandbox ends when we close its pipe, and when we die.
local sandbox = assert(io.popen(tree .. "/bin/gptimage sandbox --tied --latency 0.2"))
local urls = {}
for line in sandbox:lines() do
  if line == "ready" then break end
  local name, url = line:match "^(%S+) (%S+)$"
  if name then urls[name] = url end
end

local function png_size(path)
  local file <close> = assert(io.open(path, "rb"))
  local head = assert(file:read(24), path .. " is empty")
  assert(head:sub(1, 8) == "\137PNG\r\n\26\n", path .. " is not a PNG")
  return string.unpack(">I4I4", head, 17)
end

local function picture(provider, request)
  local plan = assert(gptimage.plan(request, { provider = provider }))
  local client <close> = assert(gptimage.client {
    provider = provider,
    base_url = assert(urls[provider], "the sandbox did not say where it is"),
    api_key = "sk-sandbox",
    poll = { first = 0.1, min = 0.1 },
  })
  local result = assert(client:generate(request))
  local path = result.images[1].path
  local width, height = png_size(path)
  assert(width == plan.width and height == plan.height,
    ("%s has %dx%d pixels"):format(path, width, height))
  print(("%s: %s, %dx%d"):format(provider, path, width, height))
end

local ok, problem = xpcall(function()
  picture("starmagic", {
    model = "gpt-image-2-beta", prompt = "A lighthouse in the morning", size = "16:9",
    resolution = "2K", output = "{model}-{index}.{format}",
  })
  picture("magick", {
    model = "gpt-image-2", prompt = "A lighthouse in the evening", size = "1024x1536",
    output = "{model}-{index}.{format}",
  })
  local mask = assert(gptimage.mask.ellipse { image_width = 64, image_height = 48, x = 8, y = 8,
    width = 20, height = 20, output = "mask.png" })
  assert(gptimage.mask.check { mask = mask })
end, debug.traceback)
sandbox:close()
if not ok then
  io.stderr:write(problem, "\n")
  os.exit(1)
end
