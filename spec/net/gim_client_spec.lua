-- SPDX-License-Identifier: MIT
-- Tests src/net/gim_client.c: many tasks on one net, in the hands of hosts that step often, seldom,
-- or with little time.
local core = require "gptimage.core"
local files = require "spec.support.files"
local gptimage = require "gptimage"
local window = require "gptimage.core_test"
local needs_descriptor = require "spec.support.needs_descriptor"
local services = require "spec.support.service"
local socket = require "socket"

local PICTURE = services.PICTURE

local service, client

local function start(handlers, options)
  service = services.start(handlers)
  client = service:client(options)
end

after_each(function()
  if service then service:close() end
  service = nil
end)

local function submit(more, by)
  return assert((by or client):submit(services.request(more)))
end

local function readable(seconds)
  local fd = client:fd()
  local watched = { getfd = function() return fd end }
  return socket.select({ watched }, nil, seconds or 0)[1] ~= nil
end

local function silent(conn)
  conn:closed()
  return false
end

describe("the limit of requests", function()
  -- Counts what is between its head and its answer.
  local function counting(limit)
    local now, most = 0, 0
    local function counted(handler)
      return function(conn, ...)
        now = now + 1
        most = math.max(most, now)
        for _ = 1, 5 do coroutine.yield() end
        now = now - 1
        return handler(conn, ...)
      end
    end
    start({ submit = counted(services.defaults.submit), poll = counted(services.defaults.poll),
      download = counted(services.defaults.download) }, { max_requests = limit })
    return function() return most end
  end

  it("is kept, whatever is waiting", function()
    local folder <close> = files.folder()
    for _, limit in ipairs { 1, 2, 3, 5, 16 } do
      local most = counting(limit)
      local tasks = {}
      for i = 1, 24 do
        tasks[i] = submit { output = folder.path .. "/" .. limit .. "-{key}.png" }
      end
      for i = 1, 24 do
        assert.equal("yes", assert(service:finish(tasks[i])).billed)
      end
      assert.is_true(most() <= limit, most() .. " at once, not " .. limit)
      assert.is_true(most() >= math.min(limit, 3) - 2)
      assert.equal(24, #service.posts)
      assert.equal(24, #service.downloads)
      -- Kept-alive ones of both multis, and none per request.
      assert.is_true(service.server.connections <= 2 * limit + 2,
        limit .. ": " .. service.server.connections .. " connections")
      service:close()
    end
    assert.equal(5 * 24, #folder:files())
  end)

  it("keeps a way open for queries and downloads beside paid requests that take long", function()
    local folder <close> = files.folder()
    start({ submit = silent }, { max_requests = 16 })
    local long = {}
    for i = 1, 40 do long[i] = submit() end
    service:drive(function() return #service.posts >= 14 end)
    local task = assert(client:attach(services.ID, { output = folder.path .. "/{id}.png" }))
    assert.equal("yes", assert(service:finish(task)).billed)
    assert.equal(1, #folder:files())
    assert.equal(14, #service.posts)
    for _, other in ipairs(long) do assert.is_false(other:done()) end
  end)
end)

describe("a host that was away", function()
  it("finds answers that came in time, though their time is over by now", function()
    local answered
    start({ submit = function(conn, ...)
      local answer = services.defaults.submit(conn, ...)
      answered = true
      return answer
    end }, { timeout = { submit = 0.1 } })
    local task = submit()
    service:drive(function() return #service.posts == 1 end)
    service.server:step()
    assert.is_true(answered)
    services.stall(0.25)
    client:step()
    assert.equal("pending", task.status)
    assert.equal("yes", assert(service:finish(task)).billed)
    assert.equal(1, #service.posts)
  end)

  it("finds all of them, also where the budget of a step is for one at a time", function()
    local answered = 0
    start({ submit = function(conn, _, number)
      conn:reply(('{"id":"task-%d","status":"pending"}'):format(number), nil,
        { "Content-Type: application/json" })
      answered = answered + 1
    end }, { timeout = { submit = 0.5 }, poll = { first = 100, min = 100, max = 100 } })
    local tasks = {}
    for i = 1, 8 do tasks[i] = submit() end
    service:drive(function() return answered == 8 end)
    services.stall(0.6)
    service:drive(function()
      client:step(0, 1e-6)
      for _, task in ipairs(tasks) do
        if not (task.id or task:done()) then return false end
      end
      return true
    end)
    for _, task in ipairs(tasks) do assert.equal("pending", task.status) end
  end)

  it("finds the end of a task whose own time is over", function()
    local answered
    start { poll = function(conn, head, number, s)
      services.defaults.poll(conn, head, number, s)
      answered = true
    end }
    local task = submit { timeout = 0.3 }
    service:drive(function() return answered end)
    services.stall(0.5)
    client:step()
    assert.is_true(task:done())
    assert.equal("yes", assert(task:wait()).billed)
  end)

  -- libcurl looks at its time limit before it looks at the socket; downloads are free to repeat.
  it("gets its pictures, if by a second download", function()
    local large = services.picture(400000)
    local folder <close> = files.folder()
    local answered
    start({ download = function(conn)
      conn:reply(large)
      answered = true
    end }, { timeout = { download = 0.2 } })
    local task = submit { output = folder.path .. "/x.png" }
    service:drive(function() return answered end)
    services.stall(0.4)
    assert.equal("yes", assert(service:finish(task)).billed)
    assert.equal(1, #service.posts)
  end)

  it("finds nothing where nothing came, and that at once", function()
    start({ submit = silent }, { timeout = { submit = 0.1 } })
    local task = submit()
    service:drive(function() return #service.posts == 1 end)
    services.stall(0.2)
    client:step()
    assert.is_true(task:done())
    assert.equal("maybe", select(2, task:wait()).billed)
  end)
end)

describe("the descriptor", function()
  it("is readable when there is work, and not when there is none", function()
    needs_descriptor(pending)
    start(nil, { poll = { first = 100, min = 100, max = 100, jitter = 0 } })
    assert.is_false(readable())
    assert.is_nil(client:timeout())
    local task = submit()
    assert.is_true(readable())
    assert.equal(0, client:timeout())
    -- Only when it is readable:
    local deadline = socket.gettime() + 5
    while not task.id do
      if readable(0.01) then client:step() end
      service.server:step()
      assert.is_true(socket.gettime() < deadline)
    end
    while readable() do client:step() end
    -- 100 ms from the next whole millisecond, at most.
    assert.is_true(client:timeout() > 50 and client:timeout() <= 101)
    for _ = 1, 10 do client:step() end
    assert.is_false(readable(0.02))
    task:cancel()
    assert.is_true(readable())
    assert.equal(0, client:timeout())
    client:step()
    assert.is_false(readable(0.02))
    assert.is_nil(client:timeout())
  end)

  it("is not readable while tasks wait for a slot that is taken", function()
    needs_descriptor(pending)
    start({ submit = silent }, { max_requests = 1 })
    for _ = 1, 5 do submit() end
    service:drive(function() return #service.posts == 1 end)
    while readable() do client:step() end
    for _ = 1, 20 do client:step() end
    assert.is_false(readable(0.02))
    -- Until libcurl has stopped to think of a second address.
    service:drive(function() return client:timeout() > 5 end)
    -- The slot that becomes free is work.
    client:tasks()[1]:cancel()
    assert.is_true(readable())
    service:drive(function() return #service.posts == 2 end)
  end)

  if not window.has_descriptor then
    it("is nil where there is none, and the clock wants a look every 10 ms meanwhile", function()
      start({ submit = silent }, { poll = { first = 100, min = 100, max = 100, jitter = 0 } })
      assert.is_nil(client:fd())
      local task = submit()
      service:drive(function() return #service.posts == 1 end)
      for _ = 1, 20 do assert.is_true(client:timeout() <= 0.01) end
      task:cancel()
      client:step()
      assert.is_nil(client:timeout())
    end)
  end

  it("wakes a step that waits, at every deadline", function()
    start({ submit = silent })
    local task = submit { timeout = 0.1 }
    service:drive(function() return #service.posts == 1 end)
    local began, steps = core.now(), 0
    while not task:done() do
      client:step(60)
      steps = steps + 1
    end
    assert.is_true(core.now() - began < 30)
    assert.is_true(steps < 20, steps .. " steps")
  end)

  it("is at rest where nothing is live, however long a step may wait", function()
    start()
    local began = core.now()
    assert.equal(0, client:step(60))
    assert.equal(0, client:run())
    assert.is_true(core.now() - began < 30)
  end)
end)

describe("a step with a budget", function()
  local large = services.picture(8000000)

  it("brings everything in pieces", function()
    local folder <close> = files.folder()
    start { download = function(conn) conn:reply(large) end }
    local task = submit { output = folder.path .. "/x.png" }
    local steps = 0
    local deadline = socket.gettime() + 10
    while not task:done() do
      client:step(0, 0.001)
      steps = steps + 1
      service.server:step()
      assert.is_true(socket.gettime() < deadline)
    end
    assert.equal("yes", assert(task:wait()).billed)
    assert.equal(8000000, task:wait().images[1].size)
    assert.is_true(steps > 3, steps .. " steps")
  end)

  it("of nothing still gets somewhere", function()
    start()
    local task = submit()
    local deadline = socket.gettime() + 10
    while not task:done() do
      client:step(0, 0)
      service.server:step()
      assert.is_true(socket.gettime() < deadline)
    end
    assert.equal("yes", assert(task:wait()).billed)
  end)

  it("judges deadlines although others' bytes never end", function()
    local folder <close> = files.folder()
    local stop
    start({ submit = function(conn, _, number)
      if number == 2 then return silent(conn) end
      return services.defaults.submit(conn)
    end, download = function(conn)
      conn:send "HTTP/1.1 200 OK\r\nContent-Length: 400000000\r\n\r\n"
      conn:send(PICTURE)
      local piece = ("x"):rep(65536)
      while not stop do
        conn:send(piece)
        coroutine.yield()
      end
      return false
    end }, { timeout = { submit = 0.2 } })
    submit { output = folder.path .. "/x.png" }
    service:drive(function() return #service.downloads == 1 end)
    local task = submit()
    local deadline = socket.gettime() + 8
    while not task:done() and socket.gettime() < deadline do
      service.server:step()
      client:step(0, 0.00005)
    end
    assert.is_true(task:done(), "its time was over long ago")
    assert.equal("timeout", select(2, task:wait()).kind)
    stop = true
  end)
end)

describe("tasks", function()
  it("may be started by what is told of others", function()
    start()
    local done = 0
    local function again(_, result, err)
      assert(result, err)
      done = done + 1
      if done < 5 then submit():on_done(again) end
    end
    submit():on_done(again)
    service:drive(function() return done == 5 end)
    assert.equal(5, #service.posts)
    assert.equal(0, client:step())
  end)

  it("of two clients do not know of each other", function()
    start()
    local other = service:client { max_requests = 1 }
    local mine, theirs = submit(), submit(nil, other)
    assert.same({ mine }, client:tasks())
    assert.same({ theirs }, other:tasks())
    assert.equal(client, mine.client)
    assert.equal(other, theirs.client)
    service:drive(function() return mine:done() and theirs:done() end)
    assert.not_equal(mine.key, theirs.key)
    other:close()
    assert.equal("yes", assert(service:finish(submit())).billed)
    assert.equal("yes", theirs:wait().billed)
  end)

  it("that are live when the client is closed end with what is known of them", function()
    start({ poll = silent }, { max_requests = 16 })
    local told = {}
    local function tell(task, result, err)
      assert.is_nil(result)
      told[#told + 1] = { task, err }
    end
    local accepted = submit()
    accepted:on_done(tell)
    service:drive(function() return #service.polls == 1 end)
    local fresh = submit()
    fresh:on_done(tell)
    client:close()
    client:close()
    assert.is_true(client:closed())
    assert.same({ accepted, fresh }, { told[1][1], told[2][1] })
    assert.equal("cancelled", told[1][2].kind)
    assert.equal("maybe", told[1][2].billed)
    assert.equal(services.ID, told[1][2].task_id)
    assert.equal(services.ID, accepted.id)
    assert.equal("no", told[2][2].billed)
    assert.equal("cancelled", fresh.status)
    assert.equal("no", fresh.billed)
    assert.is_true(accepted:done())
    accepted:cancel()
    -- The service sees the connection end.
    service:drive(function() return next(service.server.live) == nil end)
    assert.equal(1, #service.posts)
  end)

  it("are in the ledger from when their request has left, however long the answer takes", function()
    start { submit = silent }
    local task = submit()
    assert.equal(0, client:ledger().sent)
    service:drive(function() return #service.posts == 1 end)
    local ledger = client:ledger() -- nobody asks what task.billed is
    assert.same({ 1, 1, { task.key } }, { ledger.sent, ledger.at_risk, ledger.ids.at_risk })
    assert.equal("maybe", task.billed)
  end)

  it("whose client was dropped are cancelled, and those who are held hold it", function()
    start { submit = silent }
    local dropped = gptimage.client { base_url = service.url, api_key = "k" }
    assert(dropped:submit(services.request()))
    local deadline = socket.gettime() + 5
    while #service.posts == 0 do
      dropped:step(0.001)
      service.server:step()
      assert.is_true(socket.gettime() < deadline)
    end
    local held = assert(dropped:submit(services.request()))
    dropped = nil -- luacheck: ignore
    collectgarbage()
    collectgarbage()
    assert.is_false(held.client:closed())
    held = nil -- luacheck: ignore
    collectgarbage()
    collectgarbage()
    service:drive(function() return next(service.server.live) == nil end)
  end)
end)
