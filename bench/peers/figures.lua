-- SPDX-License-Identifier: MIT
-- What gptimage's own parts cost, each in a process of its own. Prints numbers.
-- usage: figures.lua memory|coroutines COUNT URL    KiB of each task that waits
--        figures.lua waiting|flying COUNT URL       us of an idle step: Lua's, the core's; then us
--                                                   of processor time of each request (flying)
--        figures.lua submit                         us of a submit, and of cjson.encode
--        figures.lua load LIBCURL                   ms, and MiB of private and of all memory, of
--                                                   require and a client, once libcurl is loaded
local socket = require "socket"

local what, count, url = arg[1], tonumber(arg[2]), arg[3]
local FEW, PROMPT = 100, ("a lighthouse "):rep(40):sub(1, 500)

local function new_client(more)
  local options = {
    api_key = "bench", base_url = url, max_requests = 32,
    poll = { first = 1000, min = 1000, max = 1000, jitter = 0 },
  }
  for name, value in pairs(more or {}) do options[name] = value end
  return assert(require("gptimage").client(options))
end

local function request()
  return { model = "gpt-image-2-beta", prompt = PROMPT, size = "16:9", resolution = "2K" }
end

-- POSTs that the service has had: asking it disturbs our memory less than counting our tasks.
local function posts()
  local connection = assert(socket.connect("127.0.0.1", tonumber(url:match ":(%d+)")))
  assert(connection:send "GET /_ledger HTTP/1.1\r\nHost: x\r\n\r\n")
  local line
  repeat line = assert(connection:receive()) until line == ""
  local number = connection:receive(40):match '"posts":(%d+)'
  connection:close()
  return tonumber(number)
end

-- Steps until f() is true, and then until nothing comes any more.
local function settle(client, f)
  local deadline = socket.gettime() + 60
  repeat
    for _ = 1, 20 do client:step(0.01) end
    assert(socket.gettime() < deadline, "it does not get there")
  until f()
  for _ = 1, 20 do client:step(0.005) end
end

local figures = {}

-- Between FEW and COUNT tasks: what is there once, connections say, does not count.
local function memory(start)
  local rss = require "bench.support.rss"
  local client <close> = new_client()
  local function taken(from, to)
    start(client, from, to)
    settle(client, function() return posts() == to end)
    collectgarbage()
    collectgarbage()
    return rss.now()
  end
  local few = taken(1, FEW)
  print((taken(FEW + 1, count) - few) * 1024 / (count - FEW))
end

function figures.memory()
  memory(function(client, from, to)
    for _ = from, to do assert(client:submit(request())) end
  end)
end

function figures.coroutines()
  memory(function(client, from, to)
    for _ = from, to do
      client:spawn(function() assert(client:generate(request())) end)
    end
  end)
end

-- The least of several rounds: what others do meanwhile does not count.
local function least(f, calls)
  local best = math.huge
  for _ = 1, 15 do
    local began = os.clock()
    for _ = 1, calls do f() end
    best = math.min(best, (os.clock() - began) / calls * 1e6)
  end
  return best
end

local function print_idle(client)
  local core_step = require("gptimage.core").step
  local ours = least(function() client:step(0) end, 10000)
  local bare = least(function() core_step(client, 0) end, 10000)
  local empty = least(function() end, 10000)
  print(ours - empty)
  print(bare - empty)
end

function figures.waiting()
  local client <close> = new_client()
  for _ = 1, count do assert(client:submit(request())) end
  settle(client, function() return posts() == count end)
  print_idle(client)
end

-- Requests that the service holds; it is told to answer by whoever started us.
function figures.flying()
  local client <close> = new_client { provider = "magick", base_url = url .. "/held",
    max_requests = math.min(count + 2, 10000), timeout = { submit = 600 } }
  local began = os.clock()
  for _ = 1, count do assert(client:submit { model = "gpt-image-2", prompt = PROMPT }) end
  settle(client, function() return posts() == count end)
  local sent = os.clock() - began
  print_idle(client)
  began = os.clock()
  assert(os.execute(("curl -s %s/_release >/dev/null"):format(url)))
  client:run()
  assert(client:ledger().paid == count)
  print((sent + os.clock() - began) / count * 1e6)
end

function figures.submit()
  local cjson = require "cjson"
  local table_of, ours, theirs = request(), math.huge, math.huge
  for _ = 1, 9 do
    local client <close> = new_client { base_url = "http://127.0.0.1:9" }
    collectgarbage()
    collectgarbage "stop"
    local began = os.clock()
    for _ = 1, 2000 do client:submit(table_of) end
    ours = math.min(ours, (os.clock() - began) / 2000 * 1e6)
    began = os.clock()
    for _ = 1, 2000 do cjson.encode(table_of) end
    theirs = math.min(theirs, (os.clock() - began) / 2000 * 1e6)
    collectgarbage "restart"
  end
  print(ours)
  print(theirs)
end

function figures.load()
  local rss = require "bench.support.rss"
  -- A Lua that has loaded libcurl, and no more.
  local path = arg[2]
  assert(package.loadlib(path, "*"))
  local own, all, began = rss.own(), rss.now(), socket.gettime()
  local client <close> = new_client { base_url = "http://127.0.0.1:9" }
  print((socket.gettime() - began) * 1e3)
  print(rss.own() - own)
  print(rss.now() - all)
  client:step()
end

figures[what]()
