-- SPDX-License-Identifier: MIT
-- Runs one job again and again, each time with another allocation of the module failing, until
-- none fails any more. Prints how many there were, or raises for what must never be. A process of
-- its own, because the module under test is the window's.
--
--   lua5.4 starved.lua FLOW FOLDER
local window = require "gptimage.core_test"
package.preload["gptimage.core"] = window.core

local base64 = require "gptimage.sandbox.base64"
local editing = require "spec.support.editing"
local gptimage = require "gptimage"
local lfs = require "lfs"
local services = require "spec.support.service"
local socket = require "socket"

local flow, folder = arg[1], arg[2]
local large = services.picture(200000)

local function submit_base64(conn)
  conn:reply('{"created":1,"data":[{"b64_json":"' .. base64.encode(large) .. '"},{"b64_json":"'
    .. base64.encode(services.PICTURE) .. '","revised_prompt":"a boat"}]}')
end

local flows = {
  -- A task, polled twice, a redirect, a download to a file.
  task = {
    handlers = {
      poll = function(conn, head, number, s)
        if number == 1 then
          return conn:reply(('{"id":"%s","status":"processing","model":"m","progress":7}')
            :format(services.ID), nil, { "X-Request-Id: r1" })
        end
        return services.defaults.poll(conn, head, number, s)
      end,
      download = function(conn, head)
        if head.target ~= "/there" then return conn:reply("", "302 F", { "Location: /there" }) end
        conn:reply(services.PICTURE, nil, { 'ETag: "1"' })
      end,
    },
    request = { output = "{folder}/{id}-{index}.{format}", size = "16:9", resolution = "2K" },
  },
  -- Pictures in base64, in memory, then one is saved.
  base64 = { handlers = { submit = submit_base64 }, options = { provider = "magick" },
    request = { model = "gpt-image-2", n = 2 }, save = true },
  -- The same, into files and, for want of memory, into temporary ones.
  temporary = { handlers = { submit = submit_base64 },
    options = { provider = "magick", memory_limit = 1000 },
    request = { model = "gpt-image-2", n = 2 }, save = true },
  -- A task attached to, its picture fetched later.
  attach = { attach = true, request = {}, save = true },
  -- Pictures in base64, beside a journal; a task, into files.
  kept = { handlers = { submit = submit_base64 }, journal = true,
    options = { provider = "magick" }, request = { model = "gpt-image-2", n = 2 }, save = true },
  journal = { journal = true, request = { output = "{folder}/{id}-{index}.{format}" } },
  -- What an earlier client left in a journal.
  recover = { journal = true, recover = true, request = {} },
  -- A file and bytes, by way of the file service; the file is asked for twice.
  upload = { options = { log = function() end }, request = { model = "gpt-image-2" },
    images = function(_, path)
      return { path, { data = editing.PNG, name = "b" }, path }
    end },
  -- A form of a file, bytes and a link that redirects.
  form = {
    handlers = {
      submit = function(conn) conn:reply('{"data":[{"url":"https://example.com/1.png"}]}') end,
      reference = function(conn, head)
        if head.target == "/references/there" then return conn:reply(editing.PNG) end
        conn:reply("", "302 F", { "Location: there" })
      end,
    },
    options = { provider = "magick", allow_private = true }, request = { model = "gpt-image-2" },
    images = function(service, path)
      return { path, { data = editing.PNG }, service.url .. "/references/here" }
    end,
  },
  -- Refused, and logged.
  refused = { handlers = { submit = function(conn)
    conn:reply('{"error":{"code":"x","message":"no"}}', "400 Bad", { "Retry-After: 1" })
  end }, options = { log = function() end }, request = {} },
}

local chosen = assert(flows[flow], "no such flow")

-- A journal that holds a task that runs and a picture that nobody has filed.
local function leave_behind(service)
  local file <close> = assert(io.open(folder .. "/jobs.jsonl", "wb"))
  for _, key in ipairs { "one", "two" } do
    file:write(('{"event":"intent","key":"%s","time":1,"base_url":"%s","output":"%s",'
      .. '"request":{"model":"m","prompt":"p"}}\n'):format(key, service.url,
      folder .. "/{key}-{index}.{format}"))
  end
  file:write(('{"event":"accepted","key":"one","time":1,"id":"%s"}\n'):format(services.ID))
  lfs.mkdir(folder .. "/jobs.jsonl.d")
  local picture <close> = assert(io.open(folder .. "/jobs.jsonl.d/two-0.arrived", "wb"))
  picture:write(services.PICTURE)
  file:write(('{"event":"arrived","key":"two","time":1,"file":"two-0.arrived","size":%d}\n')
    :format(#services.PICTURE))
end

local function drive(service, client, done)
  local deadline = socket.gettime() + 10
  while not done() do
    assert(socket.gettime() < deadline, "it hangs")
    client:step(0.001)
    service.server:step()
  end
end

-- A whole job. Returns the result; or nil, an error, and what was done when it came.
local function job(service)
  local options = { base_url = service.url, api_key = "k", retry = { base = 0, cap = 0 },
    poll = { first = 0, min = 0, max = 0 }, on_error = error }
  for name, value in pairs(chosen.options or {}) do options[name] = value end
  options.files_url = service.url
  options.journal = chosen.journal and folder .. "/jobs.jsonl"
  local client, err = gptimage.client(options)
  if not client then return nil, err, "client" end
  local closing <close> = client -- luacheck: ignore
  local request = services.request()
  for name, value in pairs(chosen.request) do request[name] = value end
  if chosen.images then
    request.images = chosen.images(service, folder .. "/reference.png")
  end
  if request.output then request.output = request.output:gsub("{folder}", folder) end
  local task
  if chosen.recover then
    local report, tasks = client:recover()
    for _, each in ipairs(tasks) do
      drive(service, client, function() return each:done() end)
      task = each
    end
    if not task then return nil, report.failed[1].error, "submit" end
    local result, trouble = task:wait()
    return result, trouble, "task", task
  elseif chosen.attach then
    task, err = client:attach(services.ID)
  else
    task, err = client:submit(request)
  end
  if not task then return nil, err, "submit" end
  drive(service, client, function() return task:done() end)
  local result
  result, err = task:wait()
  if not result then return nil, err, "task", task end
  if chosen.save then
    local function spawned(method, ...)
      local value, problem
      client:spawn(function(...)
        value, problem = result.images[1][method](result.images[1], ...)
        value = value or false
      end, ...)
      drive(service, client, function() return value ~= nil end)
      return value, problem
    end
    local saved, problem = spawned("save", folder .. "/saved.png")
    if not saved then return nil, problem, "save", task end
    local bytes, trouble = spawned "data"
    if not bytes then return nil, trouble, "data", task end
  end
  return result, nil, "end", task
end

local function descriptors()
  local count = 0
  for _ in lfs.dir("/proc/self/fd") do count = count + 1 end
  return count
end

local kinds = {}
local before

if chosen.images then
  local file <close> = assert(io.open(folder .. "/reference.png", "wb"))
  file:write(editing.PNG)
end

for n = 1, 100000 do
  local service = services.start(chosen.handlers)
  if chosen.recover then leave_behind(service) end
  window.fail_allocation(n)
  local ok, result, err, place, task = pcall(job, service)
  local left = window.fail_allocation(0)
  local where = ("allocation %d (%s)"):format(n, tostring(place))
  if not ok then error(where .. ": " .. tostring(result)) end
  assert(#service.posts <= 1, where .. ": paid twice")
  if result then
    assert(result.billed == "yes", where)
  else
    local known = chosen.attach or chosen.recover
    local accepted = flow ~= "refused" and #service.posts == 1 or known
    assert(err.kind and err.message and err.billed, where .. ": no proper error")
    if accepted and place ~= "client" and place ~= "submit" then
      assert(err.billed ~= "no", where .. ": paid, and denied")
    elseif #service.posts == 0 and not known then
      assert(err.billed == "no", where .. ": not sent, and billed " .. err.billed)
    end
    if place == "task" and err.kind ~= "no_memory" then kinds[err.kind] = true end
    assert(task == nil or task:done())
  end
  task = nil -- luacheck: ignore
  result, err = nil, nil -- luacheck: ignore
  service:close()
  collectgarbage()
  collectgarbage()
  if chosen.journal then
    local pictures = folder .. "/jobs.jsonl.d"
    if lfs.attributes(pictures) then
      for name in lfs.dir(pictures) do
        assert(not name:find("%.part$"), where .. ": left " .. name)
      end
    end
    os.remove(folder .. "/jobs.jsonl")
    os.execute("rm -rf " .. folder .. "/jobs.jsonl.d")
  end
  for name in lfs.dir(folder) do
    assert(not name:find("%.part$"), where .. ": left " .. name)
    if name:find "png" and name ~= "reference.png" then os.remove(folder .. "/" .. name) end
  end
  local now = descriptors()
  assert(now <= (before or now), where .. ": descriptors are left")
  before = before or now
  if left > 0 then
    local names = {}
    for kind in pairs(kinds) do names[#names + 1] = kind end
    table.sort(names)
    print(n - 1, table.concat(names, " "))
    return
  end
end
