-- SPDX-License-Identifier: MIT
-- Tests src/bind/lgim_task.c: tasks as Lua sees them, and the pictures of those that are done.
local core = require "gptimage.core"
local files = require "spec.support.files"
local services = require "spec.support.service"

local ID, PICTURE = services.ID, services.PICTURE

local service, client

local function start(handlers, options)
  service = services.start(handlers)
  client = service:client(options)
end

after_each(function()
  if service then service:close() end
  service = nil
end)

local function submit(more)
  return assert(client:submit(services.request(more)))
end

local function finished(more)
  local task = submit(more)
  assert(service:finish(task))
  return task
end

local function raises(text, f, ...)
  local ok, message = pcall(f, ...)
  assert.is_false(ok)
  assert.truthy(message:find(text, 1, true), message)
end

describe("a task's properties", function()
  it("say what is known, and nothing else", function()
    start({ submit = function(conn)
      conn:reply(('{"id":"%s","status":"pending","progress":0,"created":1764000001,'
        .. '"task_info":{"can_cancel":true,"estimated_time":12.5},'
        .. '"usage":{"credits_reserved":2.5}}'):format(ID))
    end, poll = function(conn, _, number, s)
      if number == 1 then
        return conn:reply '{"status":"processing","progress":41,"task_info":{"can_cancel":false}}'
      end
      if number == 2 then conn:wait(function() return s.go end) end
      conn:reply('{"status":"completed","progress":100,"results":["' .. s.url .. '/x.png"],'
        .. '"usage":{"credits_used":1.25}}')
    end })
    local task = submit()
    assert.is_nil(task.id)
    assert.same({ "submitting", 0, "no" }, { task.status, task.progress, task.billed })
    for _, name in ipairs { "estimated_time", "usage", "can_cancel", "created", "nothing" } do
      assert.is_nil(task[name], name)
    end
    assert.truthy(task.key:find "^gim_%x+$")
    assert.equal(client, task.client)
    assert.equal("gptimage.task: " .. task.key .. " (submitting)", tostring(task))
    service:drive(function() return task.id end)
    assert.same({ ID, "pending", 0, "maybe" },
      { task.id, task.status, task.progress, task.billed })
    assert.same({ 12.5, true, 1764000001 }, { task.estimated_time, task.can_cancel, task.created })
    assert.equal("integer", math.type(task.created))
    assert.same({ credits_reserved = 2.5 }, task.usage)
    service:drive(function() return #service.polls == 2 end)
    assert.same({ "processing", 41, false }, { task.status, task.progress, task.can_cancel })
    assert.is_false(task:done())
    service.go = true
    assert(service:finish(task))
    assert.same({ "completed", 100, "yes" }, { task.status, task.progress, task.billed })
    assert.same({ credits_reserved = 2.5, credits_used = 1.25 }, task.usage)
    assert.equal("gptimage.task: " .. ID .. " (completed)", tostring(task))
    assert.is_nil(task[1])
    assert.is_nil(task[true])
    assert.is_false((pcall(function() task.id = "x" end)))
  end)

  it("outlive the client", function()
    start()
    local task = finished()
    client:close()
    assert.equal(ID, task.id)
    assert.equal("yes", task.billed)
    assert.is_true(task:done())
    assert.equal("yes", core.outcome(task).billed)
    task:cancel()
    assert.equal("completed", task.status)
    raises("client is closed", core.fetch, task, 1)
  end)
end)

describe("core.outcome", function()
  it("is for what is done, and the same each time", function()
    start()
    local task = submit()
    raises("task is not done", core.outcome, task)
    raises("task is not done", core.fetch, task, 1)
    service:finish(task)
    assert.same(core.outcome(task), core.outcome(task))
    assert.not_equal(core.outcome(task), core.outcome(task))
  end)

  it("has the metatables that it is given, and none otherwise", function()
    start()
    local task, of_results, of_images = finished(), {}, {}
    local result = core.outcome(task, of_results, of_images)
    assert.equal(of_results, getmetatable(result))
    assert.equal(of_images, getmetatable(result.images[1]))
    assert.is_nil(getmetatable(result.images))
    result = core.outcome(task)
    assert.is_nil(getmetatable(result))
    assert.is_nil(getmetatable(result.images[1]))
    raises("table expected", core.outcome, task, "x")
    raises("table expected", core.outcome, task, nil, 7)
  end)
end)

describe("core.listen", function()
  local function f() end

  it("keeps a function of a task that nothing else is kept of", function()
    start()
    local task, other = submit(), coroutine.create(print)
    assert.equal(0, select("#", core.listen(task, 7)))
    assert.equal(0, select("#", core.listen(client, f)))
    assert.is_true(core.listen(task, f))
    assert.is_nil(core.waiter(task))
    assert.is_nil(core.waiter(task, nil))
    assert.equal(0, select("#", core.listen(task, f)))
    assert.same({ f }, core.data(task))
    assert.equal(0, select("#", core.listen(task, f)))
    task = submit()
    assert.is_true(core.listen(task, f))
    assert.is_nil(core.waiter(task, other))
    assert.equal(other, core.waiter(task))
    assert.equal(f, core.data(task)[1])
  end)

  it("keeps none beside a coroutine that waits, nor where the client is closed", function()
    start()
    local task = submit()
    core.waiter(task, coroutine.create(print))
    assert.equal(0, select("#", core.listen(task, f)))
    core.waiter(task, nil)
    assert.is_true(core.listen(task, f))
    task = submit()
    client:close()
    assert.equal(0, select("#", core.listen(task, f)))
  end)
end)

describe("core.waiter", function()
  it("is the coroutine that was last named, whatever else is kept", function()
    start()
    local task, one, other = submit(), coroutine.create(print), coroutine.create(print)
    assert.is_nil(core.waiter(task))
    assert.is_nil(core.waiter(task, one))
    assert.equal(one, core.waiter(task))
    core.data(task).mine = true -- from now on there is a table
    assert.equal(one, core.waiter(task))
    assert.equal(one, core.waiter(task, other))
    assert.equal(other, core.waiter(task, nil))
    assert.is_nil(core.waiter(task))
    assert.is_true(core.data(task).mine)
    raises("coroutine expected", core.waiter, task, 1)
  end)

  it("can be nobody again before anything is kept", function()
    start()
    local task = submit()
    core.waiter(task, coroutine.create(print))
    core.waiter(task, nil)
    assert.is_nil(core.waiter(task))
    assert.same({}, core.data(task))
  end)
end)

describe("core.read and core.fetch", function()
  it("want pictures that there are", function()
    start()
    local task = finished()
    for _, f in ipairs { core.read, core.fetch } do
      for _, index in ipairs { 0, 2, -1, math.maxinteger, math.mininteger } do
        raises("there is no such picture", f, task, index)
      end
      raises("number expected", f, task, "x")
      raises("integer representation", f, task, 1.5)
      raises("number expected", f, task)
    end
    raises("string expected", core.fetch, task, 1, 7)
    raises("string expected", core.fetch, task, 1, {})
    raises("there is no such picture", core.read, submit(), 1)
  end)

  it("bring a picture within reach, once for all", function()
    start()
    local task = finished()
    assert.equal(0, select("#", core.read(task, 1)))
    local fetch = assert(core.fetch(task, 1))
    assert.equal("saving", fetch.status)
    assert.equal("yes", fetch.billed)
    service:drive(function() return fetch:done() end)
    assert.equal(PICTURE, core.read(task, 1))
    assert.equal(PICTURE, core.read(task, 1))
    local again = assert(core.fetch(task, 1))
    service:drive(function() return again:done() end)
    assert.equal(1, #service.downloads)
    assert.equal(PICTURE, core.read(task, 1))
    local outcome = core.outcome(fetch)
    assert.same({ #PICTURE, "png", 1024, 1024 }, { outcome.images[1].size,
      outcome.images[1].format, outcome.images[1].width, outcome.images[1].height })
    assert.equal(#PICTURE, core.outcome(task).images[1].size)
  end)

  it("bring it twice at once without harm", function()
    start()
    local task = finished()
    local one, two = assert(core.fetch(task, 1)), assert(core.fetch(task, 1))
    service:drive(function() return one:done() and two:done() end)
    assert.equal("yes", core.outcome(one).billed)
    assert.equal("yes", core.outcome(two).billed)
    assert.equal(PICTURE, core.read(task, 1))
  end)

  it("keep the task that is fetched from, and let it go", function()
    start { download = function(conn, _, _, s)
      conn:wait(function() return s.go end)
      conn:reply(PICTURE)
    end }
    local folder <close> = files.folder()
    local weak = setmetatable({}, { __mode = "k" })
    local fetch
    do
      local task = finished()
      weak[task] = true
      fetch = assert(core.fetch(task, 1, folder.path .. "/x.png"))
    end
    collectgarbage()
    collectgarbage()
    assert.is_not_nil(next(weak))
    service.go = true
    service:drive(function() return fetch:done() end)
    assert.same({ "x.png" }, folder:files())
    fetch = nil -- luacheck: ignore
    collectgarbage()
    collectgarbage()
    assert.is_nil(next(weak))
  end)

  it("can be cancelled, and begun again", function()
    start { download = function(conn, _, number)
      if number == 1 then
        conn:send("HTTP/1.1 200 OK\r\nContent-Length: 600\r\n\r\n" .. PICTURE:sub(1, 100))
        conn:closed()
        return false
      end
      conn:reply(PICTURE)
    end }
    local task = finished()
    local fetch = assert(core.fetch(task, 1))
    service:drive(function() return #service.downloads == 1 end)
    fetch:cancel()
    local result, err = core.outcome(fetch)
    assert.is_nil(result)
    assert.equal("cancelled", err.kind)
    assert.equal("yes", err.billed)
    assert.equal(0, select("#", core.read(task, 1)))
    fetch = assert(core.fetch(task, 1))
    service:drive(function() return fetch:done() end)
    assert.equal(PICTURE, core.read(task, 1))
  end)

  it("end in an error where the link has expired", function()
    start { download = function(conn) conn:reply("", "410 Gone") end }
    local task = finished()
    local fetch = assert(core.fetch(task, 1))
    service:drive(function() return fetch:done() end)
    local result, err = core.outcome(fetch)
    assert.is_nil(result)
    assert.same({ "not_found", "yes", 410 }, { err.kind, err.billed, err.status })
  end)
end)

describe("a task", function()
  it("that nobody holds goes on, and is told", function()
    start()
    local key
    do key = submit().key end
    collectgarbage()
    collectgarbage()
    assert.equal(key, client:tasks()[1].key)
    local events
    service:drive(function()
      local _, e = core.step(client, 0)
      events = events or e
      return events
    end)
    assert.equal(key, events[1].key)
    events = nil -- luacheck: ignore
    collectgarbage()
    assert.same({}, client:tasks())
  end)

  it("may be made and dropped by the hundred", function()
    start()
    local before = collectgarbage "count"
    for _ = 1, 300 do
      submit():cancel()
      core.step(client)
    end
    collectgarbage()
    collectgarbage()
    assert.is_true(collectgarbage "count" < before + 200)
    assert.equal(0, service.server.connections)
  end)
end)
