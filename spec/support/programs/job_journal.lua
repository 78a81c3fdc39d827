-- SPDX-License-Identifier: MIT
-- What spec/net/gim_job_journal_spec.lua runs where calls to the disk or allocations fail: in a
-- process whose gptimage is the window's. `job_journal.lua CASE FOLDER` prints what came of it.

local window = require "gptimage.core_test"
package.preload["gptimage.core"] = window.core

local journals = require "gptimage.journal"
local mime = require "mime"
local services = require "spec.support.service"

local case, folder = arg[1], arg[2]
local ENOSPC, EIO = 28, 5

local PICTURES = { services.picture(700), services.picture(900) }

local service = services.start {
  submit = function(conn)
    conn:reply(('{"data":[{"b64_json":"%s"},{"b64_json":"%s"}]}')
      :format((mime.b64(PICTURES[1])), (mime.b64(PICTURES[2]))))
  end,
}

local number = 0

local function path() return ("%s/%d.jsonl"):format(folder, number) end

-- A client with a journal of its own.
local function open(same, log)
  if not same then number = number + 1 end
  service.clients = {}
  return service:client { provider = "magick", journal = path(), retry = { max = 0 }, log = log }
end

local function submit(client)
  return client:submit {
    model = "gpt-image-2", prompt = "x", size = "1024x1024", n = 2,
    response_format = "b64_json", output = ("%s/%d/{key}-{index}.png"):format(folder, number),
  }
end

local function events()
  local list = {}
  for entry in assert(journals.lines(path())) do list[#list + 1] = entry.event or "?" end
  return table.concat(list, " ")
end

-- Which of the two pictures stand in files of this journal's client?
local function found()
  local list = {}
  local place = ("%s/%d"):format(folder, number)
  for name in pairs(io.open(place .. "/.") and window.list(place) or {}) do
    local file <close> = assert(io.open(place .. "/" .. name, "rb"))
    local bytes = file:read "a"
    for i, picture in ipairs(PICTURES) do
      if bytes == picture then list[i] = true end
    end
  end
  return list
end

local function say(...)
  local words = table.pack(...)
  for i = 1, words.n do words[i] = tostring(words[i]) end
  print(table.concat(words, " "))
end

local cases = {}

-- The intent is not on the disk: nothing is sent.
function cases.unrecorded()
  local client = open()
  window.disk_fault("fdatasync", EIO)
  local _, err = service:finish(assert(submit(client)))
  say(err.kind, err.billed, #service.posts)
  window.disk_fault()
  local result = assert(service:finish(assert(submit(client))))
  say(#result.images, result.billed, #service.posts)
  client:close()
  say(events())
end

-- It is cancelled while the disk is slow, and so is its slot.
function cases.cancelled()
  local client = open()
  window.disk_delay(300)
  local task = assert(submit(client))
  client:step(0)
  task:cancel()
  local _, err = task:wait()
  say(err.kind, err.billed, #service.posts)
  assert(submit(client))
  client:close()
  window.disk_delay(0)
  say(events())
end

-- The disk is full: pictures have room neither beside the journal nor where they are to go.
function cases.full()
  -- Where there is no renameat2 (`make portable`) names are not taken by renaming.
  for _, call in ipairs { "pwrite", window.has_descriptor and "rename" or nil } do
    local client = open()
    local task = assert(submit(client))
    local after = #service.posts
    service:drive(function() return #service.posts > after end)
    window.disk_fault(call, ENOSPC)
    service:drive(function() return task:done() end)
    window.disk_fault()
    local _, err = task:wait()
    say(call, err.kind, err.billed)
    for i, image in ipairs(err.result.images) do say(image:data() == PICTURES[i]) end
    client:close()
    say(events())
  end
end

-- The disk keeps no file: the program learns of which, at the latest when it closes the client.
function cases.unkept()
  local warnings = {}
  local client = open(false, function(event)
    if event.event == "warning" then warnings[#warnings + 1] = event.message end
  end)
  assert(service:finish(assert(submit(client))))
  service:drive(function() return events():find "saved.*saved" end)
  window.disk_fault("fsync", EIO)
  assert(service:finish(assert(submit(client))))
  service:drive(function() return #warnings > 0 end)
  say(warnings[1])
  window.disk_delay(300)
  local task = assert(submit(client))
  assert(service:finish(task))
  client:close()
  say(warnings[#warnings]:find(task.key, 1, true) ~= nil)
end

-- Does the result say that something is missing?
local function says_so(result)
  for _, warning in ipairs(result.warnings) do
    if warning.rule == "cut" then return true end
  end
  for _, image in ipairs(result.images) do
    if image.error then return true end
  end
  return false
end

-- The n-th allocation of one run fails, for every n: what was paid is there, or the caller or a
-- later client is told.
function cases.memory()
  local runs, hurt, fails = 0, 0, 0
  for n = 1, 2000 do
    local client = open()
    local before = #service.posts
    window.fail_allocation(n)
    local task, err = submit(client)
    local result
    if task then result, err = service:finish(task) end
    local left = window.fail_allocation(0)
    pcall(client.close, client)
    service:step()
    runs = runs + 1
    local paid = #service.posts > before
    if not result or next(result.warnings) or not (found()[1] and found()[2]) then
      hurt = hurt + 1
      local told = err and err.billed ~= "no" or result and says_so(result)
      client = open(true)
      local report, tasks = client:recover()
      service:drive(function() return client:step(0) == 0 end)
      client:close()
      local there = found()
      if paid and not (there[1] and there[2] or told or report and (#report.maybe > 0
          or #report.lost > 0 or #tasks > 0)) then
        fails = fails + 1
        say("lost at allocation", n, err and err.kind, err and err.billed, events())
      end
      if not paid and err and err.billed ~= "no" then
        fails = fails + 1
        say("unpaid at allocation", n, err.kind, err.billed)
      end
    end
    os.execute(("rm -rf '%s/%d' '%s.d'"):format(folder, number, path()))
    if left > 0 then break end
  end
  say(runs > 40, hurt > 10, fails)
end

cases[case]()
service:close()
