-- SPDX-License-Identifier: MIT
-- The power fails at every call to the disk of one run: what spec/power_spec.lua runs, in a process
-- whose gptimage is the window's. `power.lua NAME [SEED]` prints what came of it.
--
-- A scenario is run once, and its calls to the disk are traced. For each number of them that were
-- done, and for each way in which spec/support/power.lua lets the disk come out of it, a new client
-- recovers. Then, for each picture that was paid for:
--   it is in a file, whole; or its request was reported as a maybe, or came back with the warning
--   that its answer was cut;
--   nothing was reported as lost, nothing asked for again, and a second recovery has nothing to do;
--   from the first call on after which it survived the worst disk (what is not synced is lost) it
--   survives all disks; and once the client was closed, it does so in any case.
-- The recoveries are struck in the same way, each at one call by lot: those after a power failure,
-- and those after the process alone had died.

local window = require "gptimage.core_test"
package.preload["gptimage.core"] = window.core

local files = require "spec.support.files"
local Random = require "spec.support.random"
local mime = require "mime"
local power = require "spec.support.power"
local services = require "spec.support.service"

local name, seed = arg[1], math.tointeger(tonumber(arg[2] or "1"))
-- make crash wants to know more: disks by lot beside the others, and what strikes a recovery.
local thorough = os.getenv "GPTIMAGE_CRASHES" ~= nil
local LOTS = thorough and 4 or 2
local STRUCK = thorough and { "lost", "removed", "names", "kept", "lot" }
  or { "lost", "names", "lot" }
local random = Random.new(seed)

local base = os.getenv "GPTIMAGE_POWER" or files.folder().path
local root, trace = base .. "/disk", base .. "/trace"
assert(window.mkdir(root))

-- Those that are written behind have more than a block of 64 KiB.
local function picture(number)
  local size = name:find "behind" and 70000 or 500
  return services.picture(size + number, 1024, 1024, number) .. "\0\0\0\0IEND\174B\96\130"
end

local PICTURES = { picture(1), picture(2) }

local function as_base64(number)
  return ('{"b64_json":"%s"}'):format((mime.b64(PICTURES[number])))
end

local JSON = { "Content-Type: application/json" }

-- -------- scenarios --------

-- provider; request's fields; reply: the answer to the POST; pictures: those that are paid for.
local scenarios = {
  ["base64"] = { provider = "magick", pictures = { 1, 2 } },
  ["base64 with output"] = { provider = "magick", pictures = { 1, 2 },
    request = { output = root .. "/out/deep/{key}-{index}.{format}" } },
  ["base64, cut"] = { provider = "magick", pictures = { 1 }, cut = 40 },
  ["link and base64"] = { provider = "magick", pictures = { 1, 2 }, link = true },
  ["link and base64 with output"] = { provider = "magick", pictures = { 1, 2 }, link = true,
    request = { output = root .. "/out/{key}-{index}.{format}" } },
  ["links"] = { provider = "starmagic", pictures = { 1, 2 } },
  ["links with output"] = { provider = "starmagic", pictures = { 1, 2 },
    request = { output = root .. "/out/deep/{key}-{index}.{format}" } },
  ["base64, written behind"] = { provider = "magick", pictures = { 1, 2 }, budget = 0.001,
    request = { output = root .. "/out/deep/{key}-{index}.{format}" } },
  ["links, written behind"] = { provider = "starmagic", pictures = { 1, 2 }, budget = 0.001,
    request = { output = root .. "/out/{key}-{index}.{format}" } },
  ["a long journal"] = { provider = "magick", pictures = { 1, 2 }, long = true },
}

local scenario = assert(scenarios[name], name)

local posts, handlers = 0, {}
local on_post = function() end

function handlers.submit(conn, _, _, service)
  posts = posts + 1
  on_post()
  if scenario.provider == "starmagic" then return services.defaults.submit(conn) end
  local items = {}
  for i in ipairs(PICTURES) do
    items[i] = scenario.link and i == 1 and ('{"url":"%s/pictures/1.png"}'):format(service.url)
      or as_base64(i)
  end
  local body = ('{"created":1764000000,"data":[%s]}'):format(table.concat(items, ","))
  if scenario.cut then
    conn:send(("HTTP/1.1 200 OK\r\nContent-Type: application/json\r\nContent-Length: %d\r\n\r\n%s")
      :format(#body, body:sub(1, -scenario.cut)))
    return false
  end
  conn:reply(body, nil, JSON)
end

function handlers.poll(conn, _, _, service)
  conn:reply(service:completed { service.url .. "/pictures/1.png",
    service.url .. "/pictures/2.png" }, nil, JSON)
end

function handlers.download(conn, head)
  local number = tonumber(head.target:match "(%d+)%.png$")
  conn:reply(PICTURES[number], nil, { "Content-Type: image/png" })
end

local service = services.start(handlers)

local function open()
  service.clients = {}
  return service:client { provider = scenario.provider, journal = root .. "/jobs.jsonl" }
end

local cut = {} -- keys of results that say so, of all recoveries from one disk

-- What has no output, and came as a link, is for the program to save.
local function save(task, result)
  for _, warning in ipairs(result and result.warnings or {}) do
    if warning.rule == "cut" then cut[task.key] = true end
  end
  for index, image in ipairs(result and result.images or {}) do
    if not image.path and image.url then
      task.client:spawn(function()
        image:save(("%s/%s-%d.png"):format(root, task.key, index))
      end)
    end
  end
end

local function finish(client)
  service:drive(function() return client:step(0, scenario.budget) == 0 end)
  client:close()
  service:step()
end

local function work()
  local client = open()
  local request = { model = "gpt-image-2", prompt = "x", size = "1024x1024" }
  if scenario.provider == "magick" then request.response_format = "b64_json" end
  for field, value in pairs(scenario.request or {}) do request[field] = value end
  local task = assert(client:submit(request))
  task:on_done(save)
  finish(client)
  return task.key
end

---@return table told  what the reports listed: name -> key -> true
local function recover(on_told)
  local client = open()
  local told = {}
  local report, tasks = client:recover()
  for list, value in pairs(report) do
    if type(value) == "table" then
      for _, entry in ipairs(value) do
        told[list] = told[list] or {}
        told[list][entry.key] = true
      end
    elseif value > 0 and list ~= "finished" then
      told[list] = {}
    end
  end
  if on_told then on_told() end
  for _, task in ipairs(tasks) do task:on_done(save) end
  finish(client)
  return told
end

-- -------- one disk --------

local WAYS = { "lost", "names", "zeros", "removed", "bytes", "kept" }

-- Which pictures stand in files that are whole? What waits under a name of ours is not the user's.
local function found(image)
  local list = {}
  for path, bytes in pairs(image) do
    if bytes and not path:find "%.part$" and not path:find "%.arrived$" then
      for number, picture_bytes in ipairs(PICTURES) do
        if bytes == picture_bytes then list[number] = true end
      end
    end
  end
  return list
end

local key
local seen, checked, wrong = {}, 0, {}

local function complain(where, text, ...)
  wrong[#wrong + 1] = where .. ": " .. text:format(...)
end

-- Recovers from an image; which pictures there are then. `was_told`: the key was called a maybe
-- in an earlier recovery. `again`: and a second one has nothing to do.
local function check(image, where, paid, was_told, again)
  power.put(root, image)
  local before = posts
  local told = recover()
  local pictures = found(power.disk(root):image(power.kept))
  checked = checked + 1
  if told.lost or told.elsewhere then complain(where, "a request was reported as lost") end
  if posts ~= before then complain(where, "it was paid for again") end
  local maybe = was_told or told.maybe and told.maybe[key] or cut[key]
  for _, number in ipairs(scenario.pictures) do
    if paid and not pictures[number] and not maybe then
      complain(where, "picture %d is neither there nor reported", number)
    end
  end
  for list in pairs(again and recover() or {}) do
    if list ~= "linked" then complain(where, "there is %s for a second recovery", list) end
  end
  return pictures
end

-- `paid`: from that call on; `safe`: picture -> the first call from which on it has to survive.
local function strike(disk, calls, where, paid, safe)
  for n = 0, #calls do
    if n > 0 then disk:apply(calls[n]) end
    local disks = {}
    for _, way in ipairs(WAYS) do disks[#disks + 1] = { way, power[way] } end
    for lot = 1, LOTS do disks[#disks + 1] = { "lot " .. lot, power.lot(random) } end
    for _, pair in ipairs(disks) do
      local way, image = pair[1], disk:image(pair[2])
      local digest = power.digest(image)
      local here = ("%s%d of %d (%s), %s"):format(where, n, #calls,
        n == 0 and "none" or calls[n].what .. " " .. calls[n].path:sub(#root + 1), way)
      local pictures = seen[digest]
      if not pictures then
        cut = {}
        pictures = check(image, here, n >= paid, false, true)
        seen[digest] = pictures
      end
      for _, number in ipairs(scenario.pictures) do
        if pictures[number] then
          if way == "lost" and not safe[number] then safe[number] = n end
        elseif safe[number] or n == #calls and paid <= n then
          complain(here, "picture %d was safe at call %d and is not there", number,
            safe[number] or n)
        end
      end
    end
  end
end

-- -------- the run --------

window.disk_idle(true)
if scenario.long then
  local file <close> = assert(io.open(root .. "/jobs.jsonl", "wb"))
  for i = 1, 1500 do
    file:write(('{"event":"intent","key":"old%d","time":1,"v":1,"request":{"prompt":"%s"}}\n')
      :format(i, ("x"):rep(700)), ('{"event":"closed","key":"old%d","time":1}\n'):format(i))
  end
end

local disk = power.disk(root)

local function position()
  local file <close> = assert(io.open(trace, "rb"))
  return file:seek "end"
end

-- How many calls there were by then?
local function calls_by(calls, at)
  for n, call in ipairs(calls) do
    if call.at > at then return n - 1 end
  end
  return #calls
end

local sent_at
on_post = function() sent_at = position() end
window.disk_trace(root, trace)
key = work()
window.disk_trace()
on_post = function() end
local calls = power.calls(trace)
local paid = calls_by(calls, sent_at)

local safe = {}
strike(disk, calls, "call ", paid, safe)
local first = checked

-- -------- the recovery is struck as well --------

-- The disk after `n` calls, of which nothing is lost yet.
local function after(n)
  power.put(root, {})
  local made = power.disk(root)
  for i = 1, n do made:apply(calls[i]) end
  return made
end

-- Recovers what is in the folder under a trace: the calls, what was told, and after which call.
local function recover_traced()
  local told_at
  os.remove(trace)
  window.disk_trace(root, trace)
  local told = recover(function() told_at = position() end)
  window.disk_trace()
  local more = power.calls(trace)
  return more, told, calls_by(more, told_at)
end

local function strike_recovery(n, policy, struck_before)
  local second = after(n)
  power.put(root, second:image(policy))
  -- after a power failure what is there is safe; after the death of the process it need not be
  if struck_before then second = power.disk(root) end
  cut = {}
  local more, told, told_at = recover_traced()
  local at = random:below(#more + 1) - 1
  for i = 1, at do second:apply(more[i]) end
  for _, way in ipairs(STRUCK) do
    local where = ("call %d of %d, %s; then %d of %d of the recovery, %s"):format(n, #calls,
      struck_before and "struck" or "killed", at, #more, way)
    local image = second:image(way == "lot" and power.lot(random) or power[way])
    local pictures = check(image, where, n >= paid, at >= told_at and told.maybe
      and told.maybe[key])
    for _, number in ipairs(scenario.pictures) do
      if safe[number] and n >= safe[number] and not pictures[number] then
        complain(where, "picture %d was safe and is not there", number)
      end
    end
  end
end

if not scenario.long then
  for n = 0, #calls do
    strike_recovery(n, power.kept, false)
    if thorough or n % 2 == 0 then strike_recovery(n, power.lost, true) end
    if thorough or n % 2 == 1 then strike_recovery(n, power.lot(random), true) end
  end
end

power.put(root, {})
os.remove(root)
os.remove(trace)
os.remove(base)
for i = 1, math.min(#wrong, 20) do print(wrong[i]) end
print(("%d calls, paid after %s, safe after %s and %s; %d disks, %d of recoveries, %d wrong")
  :format(#calls, paid, safe[1], safe[2], first, checked - first, #wrong))
os.exit(#wrong == 0, true)
