-- SPDX-License-Identifier: MIT
-- Many tasks that wait: what they cost while nothing happens, and what happens after a pause.
local gptimage = require "gptimage"
local services = require "spec.support.service"
local socket = require "socket"
local tasks = require "bench.support.tasks"

local TOOLS = assert(os.getenv "GPTIMAGE_TOOLS", "`make test` says where the service is")
local MANY = 2000

-- Bytes of garbage that f() leaves.
local function garbage_of(f)
  collectgarbage()
  collectgarbage()
  collectgarbage "stop"
  local before = collectgarbage "count"
  f()
  local after = collectgarbage "count"
  collectgarbage "restart"
  return (after - before) * 1024
end

describe("many tasks that wait", function()
  local service, client

  setup(function() service = tasks.start(TOOLS) end)
  teardown(function() service:stop() end)

  -- `count` tasks that the service has accepted and that are asked for `every` seconds.
  local function waiting(count, every)
    service:reset(1000000)
    client = assert(gptimage.client {
      api_key = "sk-scale", base_url = service.plain, proxy = "", max_requests = 32,
      poll = { first = every, min = every, max = every, jitter = 0 },
    })
    local all = {}
    for i = 1, count do
      all[i] = assert(client:submit { model = "gpt-image-2-beta", prompt = "a boat, number " .. i })
    end
    local deadline = socket.gettime() + 30
    repeat
      client:step(0.01)
      assert(socket.gettime() < deadline, "they are not accepted")
    until all[count].id and service:ledger().posts == count
    for _ = 1, 10 do client:step(0.01) end
    return all
  end

  after_each(function() client:close() end)

  it("cost a thousand idle steps no garbage", function()
    waiting(MANY, 1000)
    assert.is_true(garbage_of(function()
      for _ = 1, 1000 do assert(client:step() == MANY) end
      for _ = 1, 1000 do client:step(0, 0.001) end
    end) < 256)
  end)

  it("are listed, with their progress, without garbage", function()
    waiting(MANY, 1000)
    local list = client:tasks()
    assert.equal(MANY, #list)
    local sum = 0
    assert.is_true(garbage_of(function()
      for _ = 1, 20 do
        for _, task in ipairs(client:tasks(list)) do
          sum = sum + task.progress + (task.status == "pending" and 1 or 0)
        end
      end
    end) < 256)
    assert.equal(20 * MANY, sum)
  end)

  it("leave the list when they end", function()
    local all = waiting(10, 1000)
    local list = client:tasks()
    all[3]:cancel()
    all[7]:cancel()
    assert.equal(list, client:tasks(list))
    assert.equal(8, #list)
    for _, task in ipairs(list) do assert.is_false(task:done()) end
    assert.has_error(function() client:tasks("list") end)
  end)

  it("are asked for without Lua's hearing of what is not new", function()
    waiting(200, 0.02)
    local before, garbage = service:ledger().polls, 0
    local deadline = socket.gettime() + 30
    repeat
      garbage = garbage + garbage_of(function()
        for _ = 1, 100 do client:step(0.005) end
      end)
      assert(socket.gettime() < deadline, "they are not asked for")
    until service:ledger().polls - before > 400
    assert.is_true(garbage < 4096, garbage .. " bytes")
  end)

  it("keep no request in the coroutines that wait for them, and few frames", function()
    waiting(1, 1000)
    local requests, thread = setmetatable({}, { __mode = "k" }), nil
    client:spawn(function()
      thread = coroutine.running()
      local request = { model = "gpt-image-2-beta", prompt = "a boat" }
      requests[request] = true
      return client:generate(request)
    end)
    repeat client:step(0.01) until service:ledger().posts == 2
    collectgarbage()
    assert.is_nil(next(requests))
    assert.is_nil(debug.getinfo(thread, 2, "S"), "more than sleep and yield")
  end)

  it("need so little of a coroutine's stack that it does not grow", function()
    waiting(1, 1000)
    local count, posts = 100, 1
    local function kib_of_each(more)
      collectgarbage()
      collectgarbage()
      local before = collectgarbage "count"
      for _ = 1, count do
        client:spawn(function()
          return client:generate { model = "gpt-image-2-beta", prompt = more }
        end)
      end
      posts = posts + count
      repeat client:step(0.01) until service:ledger().posts == posts
      collectgarbage()
      collectgarbage()
      return (collectgarbage "count" - before) / count
    end
    kib_of_each "tables grow by now"
    -- The least that Lua gives a coroutine are 45 slots of 16 bytes; the next are 85.
    local kib = kib_of_each "a boat"
    assert.is_true(kib < 1.5, kib .. " KiB")
  end)

  it("are no burden for those that look whether there is work", function()
    local function cost(count)
      waiting(count, 1000)
      local least = math.huge
      for _ = 1, 20 do
        local began = os.clock()
        for _ = 1, 2000 do client:step() end
        least = math.min(least, os.clock() - began)
      end
      client:close()
      return least
    end
    local few, many = cost(10), cost(MANY)
    assert.is_true(many < 3 * few, ("%.2f times as much"):format(many / few))
  end)
end)

describe("ten thousand tasks that wait", function()
  local sanitized = (os.getenv "LD_PRELOAD" or ""):find("asan", 1, true) ~= nil

  -- All in, as the kernel counts it: what bench/scale.lua measures, with 5 in 100 to spare.
  for what, most in pairs { memory = 1.05, coroutines = 2.65 } do
    (sanitized and pending or it)(("take %.2f KiB each at most: %s"):format(most, what), function()
      local service <close> = tasks.start(TOOLS)
      service:reset(1000000)
      local pipe <close> = io.popen(("lua5.4 bench/peers/figures.lua %s 10000 %s")
        :format(what, service.plain))
      local kib = assert(tonumber(pipe:read "a"))
      assert.is_true(kib < most, kib .. " KiB")
    end)
  end
end)

describe("more requests in flight than one multi of libcurl's is quick with", function()
  it("are all under way at once, on lanes of their own, and all answered", function()
    local service <close> = tasks.start(TOOLS)
    service:reset(1)
    local count = 700
    local client <close> = assert(gptimage.client {
      provider = "magick", api_key = "sk-scale", base_url = service.plain .. "/held", proxy = "",
      max_requests = count + 2,
    })
    for i = 1, count do
      assert(client:submit { model = "gpt-image-2", prompt = "a boat, number " .. i })
    end
    local deadline = socket.gettime() + 30
    repeat
      for _ = 1, 20 do client:step(0.005) end
      assert(socket.gettime() < deadline, "they are not all under way")
    until service:ledger().held == count
    assert.equal(count, #client:tasks())
    service:release()
    assert.equal(0, client:run(30))
    local record = service:ledger()
    assert.same({ count, count, 0 }, { record.posts, record.keys, record.strange })
    assert.equal(count, client:ledger().paid)
  end)
end)

describe("after a pause of the host", function()
  local service, client

  -- Tasks whose queries come due while the host is away; returns their ids in the order of POSTs.
  local function away(count, limit, poll)
    local ids = {}
    service = services.start {
      submit = function(conn, _, number)
        ids[number] = "task-" .. number
        services.stall(0.002) -- no two are due in the same millisecond
        conn:reply(('{"id":"task-%d","status":"pending"}'):format(number), nil,
          { "Content-Type: application/json" })
      end,
      poll = poll,
    }
    client = service:client { max_requests = limit,
      poll = { first = 0.8, min = 0.8, max = 0.8, jitter = 0 } }
    local all = {}
    for i = 1, count do all[i] = assert(client:submit(services.request())) end
    service:drive(function() return all[count].id end)
    assert.equal(0, #service.polls)
    services.stall(0.9)
    return all, ids
  end

  after_each(function() service:close() end)

  it("what came due meanwhile is asked for at once, what was due first first", function()
    local all, ids = away(12, 1)
    local steps = 0 -- of a millisecond, where nothing happens: put off would be 800
    service:drive(function()
      steps = steps + 1
      return all[12]:done()
    end)
    assert.is_true(steps < 400, steps .. " steps: it was put off")
    local asked = {}
    for i, poll in ipairs(service.polls) do asked[i] = poll.target:match "task%-%d+$" end
    assert.same(ids, asked)
  end)

  it("never more of it at a time than max_requests", function()
    local now, most = 0, 0
    local all = away(40, 5, function(conn, ...)
      now = now + 1
      most = math.max(most, now)
      for _ = 1, 5 do coroutine.yield() end
      now = now - 1
      return services.defaults.poll(conn, ...)
    end)
    service:drive(function()
      for _, task in ipairs(all) do
        if not task:done() then return false end
      end
      return true
    end)
    assert.is_true(most <= 5 and most >= 3, most .. " at once")
    assert.equal(40, #service.polls)
  end)
end)
