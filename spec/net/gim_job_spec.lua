-- SPDX-License-Identifier: MIT
-- Tests src/net/gim_job.c through clients: one task and what it has under way, at every phase in
-- which its time may end, or somebody may cancel it.
local core = require "gptimage.core"
local files = require "spec.support.files"
local services = require "spec.support.service"

local ID = services.ID

local service, client, folder

local function start(handlers, options)
  service = services.start(handlers)
  client = service:client(options)
  return service
end

before_each(function()
  folder = files.folder()
end)

after_each(function()
  if service then service:close() end
  service = nil
  folder:close()
end)

local function submit(more)
  local request = { output = folder.path .. "/{id}-{index}.{format}" }
  for name, value in pairs(more or {}) do request[name] = value end
  return assert(client:submit(services.request(request)))
end

-- Says nothing until the other side goes away.
local function silent(conn)
  conn:closed()
  return false
end

local LARGE = { extra = { filler = ("x"):rep(3900000) } }

-- Each phase: a service that holds a task there, and what was billed when it ends there.
local phases = {
  { name = "before anything was sent", billed = "no", status = "submitting",
    reached = function() return true end },
  { name = "while it waits for a slot", billed = "no", status = "submitting",
    handlers = { submit = silent }, options = { max_requests = 1 },
    before = function() submit() end,
    reached = function() return #service.posts == 1 end },
  { name = "while the request is being sent", billed = "no", status = "submitting",
    handlers = { head = function(conn) conn:wait(function() return conn.gone end) end },
    request = LARGE,
    begin = function() service.server.listener:setoption("recv-buffer-size", 4096) end,
    reached = function() return service.server.connections == 1 end },
  { name = "while the answer is waited for", billed = "maybe", status = "submitting",
    handlers = { submit = silent },
    reached = function() return #service.posts == 1 end },
  { name = "while the task is pending", billed = "maybe", status = "pending", id = ID,
    options = { poll = { first = 100, min = 100, max = 100 } },
    reached = function(task) return task.id end },
  { name = "while a query is under way", billed = "maybe", status = "pending", id = ID,
    handlers = { poll = silent },
    reached = function() return #service.polls == 1 end },
  { name = "while the picture is loaded", billed = "yes", status = "saving", id = ID,
    handlers = { download = silent },
    reached = function() return #service.downloads == 1 end },
}

-- Nobody is sent after a task that does not exist, or for pictures that are paid, to a log.
local function advice_of(phase)
  if phase.billed == "no" then
    return "before the whole request had left"
  elseif phase.billed == "yes" then
    return "image:save"
  end
  return phase.id and "attach to the id" or "look at its log"
end

describe("a task that is cancelled", function()
  for _, phase in ipairs(phases) do
    it(phase.name .. " says what may be billed, and lets go of everything", function()
      start(phase.handlers, phase.options)
      if phase.begin then phase.begin() end
      if phase.before then phase.before() end
      local task = submit(phase.request)
      service:drive(function() return phase.reached(task) end)
      assert.equal(phase.status, task.status)
      assert.equal(phase.billed, task.billed)
      local told = 0
      task:on_done(function() told = told + 1 end)
      task:cancel()
      assert.is_true(task:done())
      task:cancel()
      assert.equal("cancelled", task.status)
      local result, err = task:wait()
      assert.is_nil(result)
      assert.equal("cancelled", err.kind)
      assert.equal(phase.billed, err.billed)
      assert.equal(phase.billed, task.billed)
      assert.equal(phase.id, err.task_id)
      assert.matches(advice_of(phase), err.message)
      assert.equal(phase.id, task.id)
      assert.equal(0, told)
      service:drive(function() return told > 0 end)
      local posts, polls = #service.posts, #service.polls
      for _ = 1, 20 do service:step() end
      assert.equal(1, told)
      if not phase.before then
        assert.same({ posts, polls }, { #service.posts, #service.polls })
      end
      assert.same({}, folder:files())
    end)
  end
end)

describe("a task whose time is over", function()
  for _, phase in ipairs(phases) do
    it(phase.name .. " says what may be billed, and lets go of everything", function()
      start(phase.handlers, phase.options)
      if phase.begin then phase.begin() end
      if phase.before then phase.before() end
      local request = { timeout = 0.15 }
      for name, value in pairs(phase.request or {}) do request[name] = value end
      local unsent = phase.name == "before anything was sent"
      if unsent then request.timeout = 0.001 end
      local task = submit(request)
      if unsent then services.stall(0.002) end
      service:drive(function() return task:done() end)
      local result, err = task:wait()
      assert.is_nil(result)
      assert.equal("timeout", err.kind)
      assert.equal(phase.billed, err.billed)
      assert.equal(phase.id, err.task_id)
      -- What goes on at the service did not fail.
      assert.equal(phase.status == "pending" and "pending" or "failed", task.status)
      assert.is_true(err.retryable)
      assert.same({}, folder:files())
    end)
  end

  it("before the service answered keeps the connection of others", function()
    start { submit = function(conn, _, number)
      if number == 1 then return silent(conn) end
      return services.defaults.submit(conn)
    end }
    local slow, quick = submit { timeout = 0.1 }, submit { timeout = 5 }
    service:drive(function() return slow:done() and quick:done() end)
    assert.equal("timeout", select(2, slow:wait()).kind)
    assert.equal("yes", assert(quick:wait()).billed)
  end)
end)

describe("the time for one paid request", function()
  it("runs from when it goes out, and its end is no retry where it may have been accepted",
  function()
    start({ submit = silent }, { timeout = { submit = 0.1 }, max_requests = 1 })
    local began = core.now()
    local first, second = submit(), submit()
    service:drive(function() return first:done() and second:done() end)
    assert.is_true(core.now() - began >= 0.19)
    for _, task in ipairs { first, second } do
      local result, err = task:wait()
      assert.is_nil(result)
      assert.equal("timeout", err.kind)
      assert.equal("maybe", err.billed)
      assert.is_nil(err.task_id)
    end
    assert.equal(2, #service.posts)
  end)

  it("ends a request that was not handed over, which is sent again", function()
    local heads = 0
    start({ head = function(conn, _, kind)
      if kind ~= "submit" then return end
      heads = heads + 1
      if heads == 1 then
        service.server.listener:setoption("recv-buffer-size", 1 << 20) -- the next is quick
        conn:wait(function() return heads > 1 end) -- reads nothing meanwhile
        return false
      end
    end }, { timeout = { submit = 1 }, retry = { base = 0, cap = 0 } })
    service.server.listener:setoption("recv-buffer-size", 4096)
    local task = submit(LARGE)
    assert.equal("yes", assert(service:finish(task)).billed)
    assert.equal(2, heads)
    assert.equal(1, #service.posts)
  end)

  it("lets go of a request whose repetition starts at once", function()
    local ended = {}
    start({ submit = function(conn, _, number)
      if number < 4 then
        conn:closed()
        ended[number] = true
        return false
      end
      return services.defaults.submit(conn)
    end }, { timeout = { submit = 0.05 }, idempotent = true, retry = { base = 0, cap = 0 } })
    local result = assert(service:finish(submit()))
    assert.equal("yes", result.billed)
    service:drive(function() return #ended == 3 end)
    assert.equal(4, #service.posts)
    assert.equal(0, client:step())
  end)
end)

describe("a task that is attached to", function()
  it("is brought by its id alone, and pays nothing", function()
    start()
    local task = assert(client:attach(ID, { output = folder.path .. "/{id}.{format}" }))
    assert.equal("maybe", task.billed)
    local result = assert(service:finish(task))
    assert.equal("yes", result.billed)
    assert.equal(ID, result.id)
    assert.same({ ID .. ".png" }, folder:files())
    assert.equal(0, #service.posts)
  end)

  it("and is not there ends at once", function()
    start { poll = function(conn)
      conn:reply('{"error":{"code":"task_not_found","message":"no"}}', "404 Not Found")
    end }
    local result, err = service:finish(assert(client:attach(ID)))
    assert.is_nil(result)
    assert.equal("not_found", err.kind)
    assert.equal(ID, err.task_id)
    assert.equal("maybe", err.billed)
    assert.equal(1, #service.polls)
  end)

  it("needs an id that can be one", function()
    start()
    for _, id in ipairs { "", ("x"):rep(257), "task\0x", "task\nx", "\127" } do
      local task, err = client:attach(id)
      assert.is_nil(task)
      assert.equal("invalid", err.kind)
      assert.equal("id", err.field)
      assert.is_nil(err.task_id) -- nothing to attach to
      assert.equal("id: a task's id has 1 to 256 characters, and no control characters.",
        err.message)
    end
    for _ = 1, 5 do service:step() end
    assert.equal(0, service.server.connections)
  end)
end)

describe("results", function()
  local function results(json)
    start { poll = function(conn, _, _, s)
      conn:reply(s:completed((json:gsub("URL", s.url))))
    end }
    return service:finish(submit { model = "gpt-image-2", n = 2 })
  end

  it("may be objects, empty, fewer or more than were asked", function()
    for json, count in pairs {
      ['["URL/1.png","URL/2.png"]'] = 2,
      ['[{"url":"URL/1.png"},{"url":"URL/2.png"}]'] = 2,
      ['["","URL/2.png"]'] = 1, ['["URL/1.png"]'] = 1, ['[null,{"url":""},"URL/3.png"]'] = 1,
      ['["URL/1.png","URL/2.png","URL/3.png","URL/4.png"]'] = 4,
      ['"URL/1.png"'] = 1,
    } do
      local result, err = results(json)
      assert(result, json .. tostring(err))
      assert.equal("yes", result.billed)
      assert.equal(count, #result.images, json)
      assert.equal(count, #service.downloads, json)
      for index, image in ipairs(result.images) do
        assert.truthy(image.path:find("-" .. index .. ".*%.png$"), image.path)
      end
      service:close()
    end
  end)

  it("that name no picture may have been billed", function()
    for _, json in ipairs { "null", "[]", '[""]', "{}", "7", '["ftp://x/y.png"]', '[["a"]]' } do
      local result, err = results(json)
      assert.is_nil(result)
      assert.equal("protocol", err.kind, json)
      assert.equal("maybe", err.billed, json)
      assert.equal(ID, err.task_id)
      service:close()
    end
  end)

  it("know when their links expire", function()
    start()
    local before = os.time()
    local result = assert(service:finish(submit()))
    local image = result.images[1]
    assert.is_true(image.expires_at >= before + 86400 and image.expires_at <= os.time() + 86400)
    assert.equal("integer", math.type(image.expires_at))
  end)
end)

describe("the log", function()
  it("has every request, answer, retry and end, and no key", function()
    local events = {}
    start({ submit = function(conn, _, number)
      if number == 1 then return conn:reply("", "429 Slowly", { "retry-after-ms: 5" }) end
      return services.defaults.submit(conn)
    end, poll = function(conn, head, number, s)
      if number == 1 then return conn:reply("", "502 Bad Gateway") end
      return services.defaults.poll(conn, head, number, s)
    end }, { log = function(event) events[#events + 1] = event end })
    local task = submit()
    assert(service:finish(task))
    service:drive(function() return events[#events].event == "state" end)
    local names, bills = {}, {}
    for _, event in ipairs(events) do
      if event.event == "billing" then
        bills[#bills + 1] = event.message
      else
        names[#names + 1] = event.event .. (event.status and " " .. event.status or "")
      end
      assert.is_true(math.abs(event.time - os.time()) < 60)
      assert.is_nil(event.message:find(services.KEY, 1, true))
      assert.is_true(event.task == task.key or event.task == task.id)
    end
    assert.same({ "request", "response 429", "retry 429", "retry 429", "request", "response 200",
      "request", "response 502", "request", "response 200", "state" }, names)
    local retries = {}
    for _, event in ipairs(events) do
      if event.event == "retry" then retries[#retries + 1] = event.message end
    end
    assert.matches("^too many requests: requests of all tasks wait for %d+ ms, then come",
      retries[1])
    assert.equal("nothing was accepted, the request will be sent again", retries[2])
    assert.equal("completed, billed yes (it was completed with pictures)", events[#events].message)
    -- The body's way out is seen or not, as the steps fall.
    for i = #bills, 1, -1 do
      if bills[i]:find "whole body" then table.remove(bills, i) end
    end
    assert.same({
      "refused: the service refused it",
      "at risk: it was accepted, and its end was not seen",
      "paid: it was completed with pictures",
      "paid and saved: it was completed with pictures",
    }, bills)
  end)
end)
