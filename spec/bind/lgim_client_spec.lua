-- SPDX-License-Identifier: MIT
-- Tests src/bind/lgim_client.c: the functions of gptimage.core that take a client, without the Lua
-- layer above them.
local core = require "gptimage.core"
local pictures = require "spec.support.pictures"
local needs_descriptor = require "spec.support.needs_descriptor"
local services = require "spec.support.service"
local socket = require "socket"
local window = require "gptimage.core_test"

local KEY = services.KEY

local service, client

before_each(function()
  service = services.start()
  client = assert(core.client { base_url = service.url, api_key = KEY,
    poll = { first = 0, min = 0, max = 0.01 }, log = function() error "never called in C" end })
end)

after_each(function()
  core.close(client)
  service:close()
end)

local function request(more)
  local fields = { model = "gpt-image-2-beta", prompt = "x" }
  for name, value in pairs(more or {}) do fields[name] = value end
  return fields
end

-- Steps until `done()`; all events and logs.
local function drive(done)
  local events, logs = {}, {}
  local deadline = socket.gettime() + 10
  while not done() do
    assert.is_true(socket.gettime() < deadline, "nothing came of it")
    local _, e, l = core.step(client, 0.001)
    for _, value in ipairs(e or {}) do events[#events + 1] = value end
    for _, value in ipairs(l or {}) do logs[#logs + 1] = value end
    service.server:step()
  end
  local _, e, l = core.step(client, 0)
  for _, value in ipairs(e or {}) do events[#events + 1] = value end
  for _, value in ipairs(l or {}) do logs[#logs + 1] = value end
  return events, logs
end

describe("core.step", function()
  it("tells the end of each task once, and how many are live", function()
    local tasks = {}
    for i = 1, 5 do tasks[i] = assert(core.generate(client, request())) end
    assert.equal(5, (core.step(client)))
    local events = drive(function()
      for _, task in ipairs(tasks) do
        if not task:done() then return false end
      end
      return true
    end)
    assert.equal(10, #events)
    local seen = {}
    for i = 1, 10, 2 do
      assert.is_nil(seen[events[i]])
      seen[events[i]] = true
      assert.equal("done", events[i + 1])
    end
    local live, more, logs = core.step(client, 1)
    assert.same({ 0, nil, nil }, { live, more, logs })
  end)

  it("tells progress of what is watched, and none after the end", function()
    local answers = { '{"status":"pending","progress":3}', '{"status":"processing","progress":40}',
      '{"status":"processing","progress":40}', '{"status":"processing","progress":80}' }
    service:close()
    service = services.start { poll = function(conn, head, number, s)
      if answers[number] then return conn:reply(answers[number]) end
      return services.defaults.poll(conn, head, number, s)
    end }
    core.close(client)
    client = assert(core.client { base_url = service.url, api_key = KEY,
      poll = { first = 0, min = 0, max = 0 } })
    local watched = assert(core.generate(client, request()))
    local seen = {}
    core.watch(watched, true)
    local deadline = socket.gettime() + 10
    while not watched:done() do
      assert.is_true(socket.gettime() < deadline)
      local _, events = core.step(client, 0.001)
      if events and events[2] == "progress" then
        seen[#seen + 1] = watched.status .. " " .. watched.progress
      end
      service.server:step()
    end
    assert.same({ "pending 3", "processing 40", "processing 80" },
      { table.unpack(seen, #seen - 2) })
    local unwatched = assert(core.attach(client, services.ID))
    local events = drive(function() return unwatched:done() end)
    assert.same({ unwatched, "done" }, events)
  end)

  it("tells what it could not tell for want of memory the next time, logs as well", function()
    local failed = 0
    for n = 0, 200 do
      local tasks = { assert(core.generate(client, request())),
        assert(core.generate(client, request())) }
      for _, task in ipairs(tasks) do task:cancel() end
      collectgarbage() -- nothing of the stack's and string table's own to come
      local ok, live, events, logs = window.starve(n, function() return core.step(client) end)
      if not ok then
        failed = failed + 1
        assert.equal("not enough memory", live)
        live, events, logs = core.step(client)
      end
      assert.same({ 0, { tasks[1], "done", tasks[2], "done" } }, { live, events })
      assert.truthy(#logs >= 2)
      assert.same({ 0, nil, nil }, { core.step(client) })
      if ok then break end
    end
    assert.is_true(failed > 5)
  end)

  it("waits no longer than it may, and not when there is nothing to wait for", function()
    local began = core.now()
    assert.equal(0, (core.step(client, 60)))
    assert.equal(0, (core.step(client, -1)))
    assert.is_true(core.now() - began < 30)
    service.server:close()
    local task = assert(core.attach(client, "x"))
    began = core.now()
    repeat core.step(client, 0.05) until core.now() - began > 0.04
    assert.is_false(task:done())
    assert.is_true(core.now() - began < 1)
    service = services.start()
  end)

  it("has logs of plain tables without the key", function()
    local task = assert(core.generate(client, request { size = "1:1", resolution = "8K",
      strict = false }))
    local _, logs = drive(function() return task:done() end)
    local events = {}
    for _, log in ipairs(logs) do
      assert.equal("number", type(log.time))
      assert.equal("string", type(log.message))
      assert.is_nil(log.message:find(KEY, 1, true))
      events[#events + 1] = log.event
    end
    assert.equal("warning", events[1])
    assert.equal("state", events[#events])
    assert.equal(task.key, logs[1].task)
    assert.equal(task.id, logs[#logs].task)
  end)

  it("can be called from any coroutine", function()
    local task
    coroutine.wrap(function() task = assert(core.generate(client, request())) end)()
    collectgarbage()
    local events
    repeat
      coroutine.wrap(function() events = select(2, core.step(client, 0.001)) end)()
      service.server:step()
    until events
    assert.equal(task, events[1])
  end)
end)

describe("core.close", function()
  it("gives the tasks that it ended, once", function()
    local tasks = { assert(core.generate(client, request())), assert(core.attach(client, "x")) }
    local ended = core.close(client)
    assert.same(tasks, ended)
    assert.same({}, core.close(client))
    assert.is_true(client:closed())
    for i, billed in ipairs { "no", "maybe" } do
      local result, err = core.outcome(tasks[i])
      assert.is_nil(result)
      assert.equal("cancelled", err.kind)
      assert.equal(billed, err.billed)
    end
  end)

  it("gives those as well that had ended, and nobody was told", function()
    local task = assert(core.generate(client, request()))
    task:cancel()
    assert.same({ task }, core.close(client))
  end)

  it("makes everything else raise", function()
    local task = assert(core.generate(client, request()))
    core.close(client)
    for _, f in ipairs { core.step, core.wake, client.fd, client.timeout, client.tasks,
      function() core.generate(client, request()) end,
      function() core.edit(client, request()) end, function() core.attach(client, "x") end } do
      local ok, message = pcall(f, client)
      assert.is_false(ok)
      assert.truthy(message:find("client is closed", 1, true), message)
    end
    assert.equal("gptimage.client: closed", tostring(client))
    assert.is_nil(client.base_url)
    assert.is_table(core.data(client))
    task:cancel()
    assert.equal("cancelled", task.status)
  end)
end)

describe("a client", function()
  it("shows what it is, and not its key", function()
    assert.equal("gptimage.client: starmagic, 0 live", tostring(client))
    local task = assert(core.generate(client, request()))
    assert.equal("gptimage.client: starmagic, 1 live", tostring(client))
    assert.equal(service.url, client.base_url)
    assert.equal("starmagic", client.provider)
    assert.is_false(client.foreign)
    assert.is_nil(client.api_key)
    assert.is_nil(client[1])
    assert.is_nil(client[false])
    assert.is_nil(client[nil])
    assert.is_nil(tostring(task):find(KEY, 1, true))
    for _, name in ipairs { "cmdline", "environ", "comm" } do
      local file <close> = assert(io.open("/proc/self/" .. name))
      assert.is_nil((file:read("a") or ""):find(KEY, 1, true))
    end
    assert.is_false((pcall(function() client.provider = "x" end)))
  end)

  it("lists its tasks, but not the fetching of pictures", function()
    local task = assert(core.attach(client, services.ID))
    assert.same({ task }, client:tasks())
    drive(function() return task:done() end)
    assert.same({}, client:tasks())
    local fetch = assert(core.fetch(task, 1))
    assert.same({}, client:tasks())
    assert.equal(1, (core.step(client)))
    drive(function() return fetch:done() end)
  end)

  it("keeps what Lua keeps with it for as long as it lives", function()
    local data = core.data(client)
    data.mine = {}
    local mine = setmetatable({ data.mine }, { __mode = "v" })
    collectgarbage()
    assert.equal(data.mine, mine[1])
    assert.equal(data, core.data(client))
    -- Two clients do not share it.
    local other = assert(core.client { api_key = "k" })
    assert.is_nil(core.data(other).mine)
    core.close(other)
  end)

  it("is woken on demand", function()
    needs_descriptor(pending)
    local fd = client:fd()
    local watched = { getfd = function() return fd end }
    assert.is_nil(socket.select({ watched }, nil, 0)[1])
    core.wake(client)
    assert.equal(watched, socket.select({ watched }, nil, 0)[1])
    core.step(client)
    assert.is_nil(socket.select({ watched }, nil, 0)[1])
  end)

  it("refuses requests without acquiring anything", function()
    for _ = 1, 100 do
      local task, err = core.generate(client, request { size = "7:5" })
      assert.is_nil(task)
      assert.equal("invalid", err.kind)
      assert.equal("no", err.billed)
      assert.equal("size", err.issues[1].field)
      assert.is_false((pcall(core.generate, client, request { promt = 1 })))
      task, err = core.generate(client, request { output = "{nothing}" })
      assert.is_nil(task)
      assert.equal("output", err.field)
    end
    assert.same({}, client:tasks())
    assert.equal(0, (core.step(client)))
    collectgarbage()
  end)

  it("names the function that was called", function()
    for name, f in pairs { generate = core.generate, edit = core.edit } do
      local _, message = pcall(f, client, 7)
      assert.truthy(message:find("bad argument #1 to '" .. name .. "'", 1, true), message)
      _, message = pcall(f, client, 7, "submit")
      assert.truthy(message:find("bad argument #1 to 'submit'", 1, true), message)
    end
  end)
end)

describe("bytes of a request", function()
  local SIZE = 8 << 20
  local photo = pictures.png { width = 6, height = 4 }

  local function kilobytes()
    collectgarbage()
    collectgarbage()
    return collectgarbage "count"
  end

  -- A task that uploads so much, which nobody but it holds.
  local function submit()
    local data = photo .. ("x"):rep(SIZE - #photo)
    local fields = request { images = { { data = data } } }
    local task = assert(core.generate(client, fields))
    fields.images[1].data = nil
    return task
  end

  -- An upload is answered once uploads.free is true; its bytes are forgotten unless it is now.
  local function answer_after(uploads)
    service:close()
    service = services.start { upload = function(conn, head, number, s)
      uploads[number] = #head.body
      if not uploads.free then head.body = head.body:sub(1, 1000) end
      while not uploads.free do coroutine.yield() end
      conn:reply(s:uploaded(number))
    end, poll = function(...)
      while uploads.waiting do coroutine.yield() end
      services.defaults.poll(...)
    end }
    core.close(client)
    client = assert(core.client { base_url = service.url, files_url = service.url, api_key = KEY,
      poll = { first = 0, min = 0, max = 0.01 } })
  end

  it("are held while they may have to be sent, not copied, and let go of at the end", function()
    local uploads = {}
    answer_after(uploads)
    local before = kilobytes()
    local task = submit()
    drive(function() return uploads[1] end)
    assert.truthy(service.uploads[1].body:find(photo, 1, true))
    assert.is_true(uploads[1] > SIZE and uploads[1] < SIZE + 1024)
    local held = kilobytes() - before
    assert.is_true(held > SIZE / 1024 and held < SIZE / 1024 + 1024, held)
    uploads.free = true
    drive(function() return task:done() end)
    held = kilobytes() - before
    assert.is_true(held < 1024, held)
    assert.equal("completed", task.status)
  end)

  it("are let go of once they were sent, however long the task goes on", function()
    local uploads = { free = true, waiting = true }
    answer_after(uploads)
    local before = kilobytes()
    local task = submit()
    drive(function() return #service.polls > 0 end)
    service.uploads[1].body = nil
    local held = kilobytes() - before
    assert.is_true(held < 1024, held)
    assert.is_false(task:done())
  end)

  it("are let go of when the task is cancelled, or the client closed", function()
    for _, finish in ipairs { function(task) task:cancel() end,
      function() core.close(client) end } do
      local uploads = {}
      answer_after(uploads)
      local before = kilobytes()
      local task = submit()
      drive(function() return uploads[1] end)
      finish(task)
      if not client:closed() then core.step(client) end
      assert.equal("cancelled", task.status)
      assert.equal("no", task.billed)
      local held = kilobytes() - before
      assert.is_true(held < 1024, held)
    end
  end)

  it("outlive the request's table and every collection while they are sent", function()
    local uploads = { free = true }
    answer_after(uploads)
    local mode = collectgarbage("incremental", 1, 100)
    local tasks = {}
    for i = 1, 8 do
      tasks[i] = assert(core.generate(client, request { images = {
        { data = photo .. ("%d"):format(i):rep(300000) } } }))
    end
    drive(function()
      for _, task in ipairs(tasks) do
        if not task:done() then return false end
      end
      return true
    end)
    collectgarbage(mode)
    local seen = {}
    for _, upload in ipairs(service.uploads) do
      local digit = upload.body:match("IEND....(%d)")
      assert.truthy(upload.body:find(photo .. digit:rep(300000), 1, true))
      seen[digit] = true
    end
    for i = 1, 8 do assert.is_true(seen[tostring(i)]) end
  end)
end)
