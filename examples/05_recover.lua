-- SPDX-License-Identifier: MIT
-- 5. A crash between paying and saving. With a journal a client writes down what it is about to
-- pay for, before it pays, and what became of it; the next run picks up what is missing. Try it:
--
--   lua5.4 examples/05_recover.lua crash     submits a picture and dies
--   lua5.4 examples/05_recover.lua           gets it, without paying again

local gptimage = require "gptimage"

-- One client at a time has a journal: a second one gets an error of kind "io".
local client <close> = assert(gptimage.client { provider = "starmagic", journal = "jobs.jsonl" })

-- First of all: what did the last run leave? Nothing is ever submitted again here. What was paid
-- for comes as tasks like any other, with the output that was asked for then.
local report, tasks = client:recover()
print(("%d still running, %d to download, %d finished"):format(report.attached,
  report.downloading, report.finished))

for _, entry in ipairs(report.maybe) do
  -- Sent, perhaps, and never answered: only you can decide whether to ask for it again. It is
  -- told once more by every run until one that told it ends in order.
  print(("billed: maybe. %s: %s"):format(os.date("%F %T", entry.time), entry.prompt))
end
for _, task in ipairs(tasks) do
  local result, err = task:wait()
  print(result and ("recovered %s, billed: %s"):format(result.images[1].path, result.billed) or err)
end

if arg[1] == "crash" then
  local task = assert(client:submit {
    model = "gpt-image-2-beta",
    prompt = "A message in a bottle",
    output = "{id}.{format}",
  })
  while not task.id do -- until the service has it
    client:step(0.1)
  end
  client:step(0.1)
  print("submitted, and now the power fails")
  os.exit(false, false) -- nothing is closed, nobody says goodbye
end
