-- SPDX-License-Identifier: MIT
-- The program that spec/crash_spec.lua kills. `crash.lua work FOLDER STARMAGIC MAGICK [N [TRACE]]`
-- runs twenty tasks with two journals; `crash.lua recover …` brings to an end what such a run left.
--
-- With N it dies in its Nth call to the disk; with TRACE its calls are written down there. Lines
-- that it prints:
--   pid N            who is to be killed
--   log              one thing happened
--   maybe KEY, lost KEY, failed KEY, count NAME N   what recover reported
--   calls N, end     it came to its end, after so many calls to the disk

local window = require "gptimage.core_test"
package.preload["gptimage.core"] = window.core -- the objects whose calls to the disk can be counted

local gptimage = require "gptimage"

local mode, folder, starmagic, magick, nth, trace = table.unpack(arg)

io.stdout:setvbuf("no")

local function say(...)
  io.stdout:write(table.concat({ ... }, " "), "\n")
end

say("pid", (assert(io.open("/proc/self/stat")):read("n")))

local function log()
  say "log"
end

local function open(name, base_url)
  return assert(gptimage.client {
    provider = name, base_url = base_url, api_key = "sk-crash", log = log,
    journal = folder .. "/" .. name .. ".jsonl",
    poll = { first = 0.01, min = 0.01, max = 0.02 }, retry = { base = 0.01, cap = 0.05 },
  })
end

if trace then
  window.disk_trace(folder, trace)
end

local clients = { open("starmagic", starmagic), open("magick", magick) }

local function submit(client, number)
  local request = { model = "gpt-image-2", prompt = "crash", size = "1024x1024", quality = "low" }
  if client.provider == "magick" then
    request.response_format = "b64_json"
  end
  if number % 2 == 0 then
    request.output = folder .. "/{key}-{index}.{format}"
  end
  return assert(client:submit(request))
end

-- What has no output, and came as a link, is for the program to save.
local function save(task, result)
  for index, image in ipairs(result and result.images or {}) do
    if not image.path and image.url then
      task.client:spawn(function()
        image:save(("%s/%s-%d.png"):format(folder, task.key, index))
      end)
    end
  end
end

local function work()
  for number = 1, 10 do
    for _, client in ipairs(clients) do
      submit(client, number):on_done(save)
    end
  end
end

local function recover()
  for _, client in ipairs(clients) do
    local report, tasks = client:recover()
    for name, value in pairs(report) do
      if type(value) == "table" then
        for _, entry in ipairs(value) do
          say(name, entry.key)
        end
      else
        say("count", name, value)
      end
    end
    for _, task in ipairs(tasks) do
      task:on_done(save)
    end
  end
end

if nth then
  window.die_at(tonumber(nth))
end
(mode == "work" and work or recover)()

repeat
  local live = 0
  for _, client in ipairs(clients) do
    live = live + client:step(0.002)
  end
until live == 0
for _, client in ipairs(clients) do
  client:run()
  client:close()
end
say("calls", window.disk_calls())
say "end"
