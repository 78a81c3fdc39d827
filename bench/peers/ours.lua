-- SPDX-License-Identifier: MIT
-- gptimage itself, through its Lua interface.
-- usage: ours.lua ROUNDS BASE_URL FOLDER COUNT [url|parallel [CA_FILE]]
-- One call that is answered with COUNT pictures; "url": with links that are
-- downloaded; "parallel": COUNT calls at once, with one picture each. Prints the
-- milliseconds of each round and leaves the files of the last one.
local gptimage = require "gptimage"

local rounds, base_url, folder, count = tonumber(arg[1]), arg[2], arg[3], tonumber(arg[4])
local how, ca_file = arg[5] or "", arg[6]
-- A program that runs once is measured from outside, and needs no clock.
local now = rounds > 1 and require("socket").gettime or os.clock

local client <close> = assert(gptimage.client {
  provider = "magick", api_key = "bench", base_url = base_url, ca_file = ca_file,
  max_requests = 64,
})

local function request(name, n)
  return {
    model = "gpt-image-2", prompt = "A lighthouse", n = n,
    response_format = how == "url" and "url" or "b64_json",
    output = ("%s/ours-%s-{index}.{format}"):format(folder, name),
  }
end

local function round(number)
  if how ~= "parallel" then
    return { assert(client:generate(request(number, count))) }
  end
  local tasks, results = {}, {}
  for i = 1, count do tasks[i] = assert(client:submit(request(number .. "-" .. i, 1))) end
  client:run()
  for i, task in ipairs(tasks) do results[i] = assert(task:wait()) end
  return results
end

for number = 1, rounds do
  local began = now()
  local results = round(number)
  print(("%.3f"):format((now() - began) * 1e3))
  for _, result in ipairs(results) do
    for _, image in ipairs(result.images) do
      local path = assert(image.path, image.error)
      if number < rounds then os.remove(path) end
    end
  end
end
