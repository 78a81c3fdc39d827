-- SPDX-License-Identifier: MIT
-- How long a step with a budget takes while much arrives: client:step(0, 0.001), 8 replies with a
-- picture of 20 MB in base64 each on the way into files, and 1,000 tasks that wait. Beside it the
-- same without a budget, alternating, for what the budget costs in throughput.
-- `make bench BENCHES=bench/step.lua` runs it, three rounds for each repetition. Writes step.json.
--
-- Only steps that have something to do are counted: the loop waits for the client's descriptor
-- before each, outside the measured time. The service is a second process of this script. On a busy
-- machine the wall time of a step holds other programs' turns: see the processor time then.

local socket = require "socket"

local PICTURE_BYTES, STREAMS, WAITING, BUDGET = 20 * 1000 * 1000, 8, 1000, 0.001

-- The service: plain HTTP/1.1, everything at once, in one thread.

local function picture_reply()
  local block = ("\0\1\2\3\4\5\6\7\8\9\10\11\12\13\14\15\16\17"):rep(3000)
  local head = "\137PNG\r\n\26\n\0\0\0\13IHDR\0\0\16\0\0\0\16\0\8\6\0\0\0\0\0\0\0"
  local size = PICTURE_BYTES // 3 * 3 - #head - 24
  local bytes = head .. string.pack(">I4c4", size, "IDAT")
    .. block:rep(size // #block + 1):sub(1, size) .. string.pack(">I4I4c4I4", 0, 0, "IEND", 0)
  local text = require "mime".b64(bytes)
  local body = '{"created":1,"data":[{"b64_json":"' .. text .. '"}]}'
  return "HTTP/1.1 200 OK\r\nContent-Type: application/json\r\nContent-Length: " .. #body
    .. "\r\n\r\n" .. body
end

local function answer(request, picture)
  if request:find("^POST") then return picture end
  local id = request:match("^GET %S*/tasks/(%S+)")
  local body = ('{"id":"%s","status":"processing","progress":30,"created":1}'):format(id)
  return ("HTTP/1.1 200 OK\r\nContent-Type: application/json\r\nContent-Length: %d\r\n\r\n%s")
    :format(#body, body)
end

local function serve()
  local listener = assert(socket.bind("127.0.0.1", 0, 1024))
  listener:settimeout(0)
  local picture = picture_reply()
  io.stdout:write(select(2, listener:getsockname()), "\n")
  io.stdout:flush()
  local connections, readers, writers = {}, { listener }, {}
  local function forget(list, link)
    for i, other in ipairs(list) do
      if other == link then table.remove(list, i) return end
    end
  end
  local function drop(link)
    forget(readers, link)
    forget(writers, link)
    connections[link] = nil
    link:close()
  end
  local function write(link)
    local state = connections[link]
    local last, problem, partial = link:send(state.out, state.at, state.at + 1048575)
    state.at = (last or partial) + 1
    if problem == "closed" then drop(link)
    elseif state.at > #state.out then
      state.out = nil
      forget(writers, link)
    end
  end
  local function read(link)
    local state = connections[link]
    local data, problem, partial = link:receive(65536)
    state.buffer = state.buffer .. (data or partial)
    if problem == "closed" then return drop(link) end
    local head_end = select(2, state.buffer:find("\r\n\r\n", 1, true))
    if not head_end then return end
    local length = tonumber(state.buffer:match("[Cc]ontent%-[Ll]ength: (%d+)") or 0)
    if #state.buffer < head_end + length then return end
    state.out, state.at = answer(state.buffer, picture), 1
    state.buffer = state.buffer:sub(head_end + length + 1)
    writers[#writers + 1] = link
  end
  while true do
    local readable, writable = socket.select(readers, writers)
    for _, link in ipairs(readable) do
      if link ~= listener then
        if connections[link] then read(link) end
      else
        local accepted = listener:accept()
        if accepted then
          accepted:settimeout(0)
          accepted:setoption("tcp-nodelay", true)
          connections[accepted] = { buffer = "" }
          readers[#readers + 1] = accepted
        end
      end
    end
    for _, link in ipairs(writable) do
      if connections[link] and connections[link].out then write(link) end
    end
  end
end

if arg[1] == "serve" then
  -- Tied to the pipe of who started it: ends when that ends.
  return serve()
end

local cjson = require "cjson"
local gptimage = require "gptimage"
local Harness = require "bench.support.harness"
local machine = require("bench.support.report").machine
local report = require "bench.support.step_report"

local TOOLS = assert(os.getenv "BENCH", "`make bench` runs this")
local REPETITIONS = tonumber(os.getenv "REPETITIONS") or 7
local ROUNDS = 3 * REPETITIONS

local output, summary = Harness.output, Harness.summary
local folder = TOOLS .. "/step"
assert(os.execute(("rm -rf '%s' && mkdir -p '%s'"):format(folder, folder)))
local results = {
  date = os.date "!%Y-%m-%d", repetitions = REPETITIONS, rounds = ROUNDS, streams = STREAMS,
  waiting = WAITING, budget_ms = BUDGET * 1000, picture_bytes = PICTURE_BYTES,
  machine = machine(output, folder), -- of all of its processors: we shall be on one
  congestion = output "cat /proc/sys/net/ipv4/tcp_congestion_control",
}

local function percentile(sorted, part)
  return sorted[math.max(1, math.ceil(#sorted * part))]
end

-- A processor each, where there are two: what is measured is not who had to wait for whom. In the
-- shell below $PPID is this process.
local pin = ""
if os.execute("taskset -cp 0 $PPID > /dev/null 2>&1 && taskset -c 1 true 2> /dev/null") then
  pin = "taskset -c 1 "
end
local server = assert(io.popen("echo $$; exec " .. pin .. "lua5.4 " .. arg[0] .. " serve"))
local pid, port = server:read("l", "l")
assert(port, "the service did not start")

-- One run: milliseconds of each step that had work (wall, cpu), MB of base64 per second.
local function run(budget)
  local client <close> = assert(gptimage.client {
    provider = "starmagic", api_key = "bench", base_url = "http://127.0.0.1:" .. port,
    max_requests = 16, user_agent = "bench",
  })
  for i = 1, WAITING do assert(client:attach("task-" .. i)) end
  local settled = socket.gettime() + 1.5 -- every task was asked for once
  while socket.gettime() < settled do
    socket.select({ { getfd = function() return client:fd() end } }, nil, 0.01)
    client:step(0, budget)
  end
  local left, tasks = STREAMS, {}
  for i = 1, STREAMS do
    tasks[i] = assert(client:submit {
      model = "gpt-image-2", prompt = "stream", output = folder .. "/{key}.{format}",
    })
    tasks[i]:on_done(function(_, result, err)
      assert(result, err)
      assert(result.images[1].size == PICTURE_BYTES // 3 * 3, "not the whole picture")
      left = left - 1
    end)
  end
  collectgarbage()
  local watched = { { getfd = function() return client:fd() end } }
  local wall, cpu = {}, {}
  local began = socket.gettime()
  while left > 0 do
    socket.select(watched, nil, 1)
    local c, t = os.clock(), socket.gettime()
    client:step(0, budget)
    wall[#wall + 1] = (socket.gettime() - t) * 1000
    cpu[#cpu + 1] = (os.clock() - c) * 1000
  end
  local took = socket.gettime() - began
  for _, task in ipairs(tasks) do os.remove(assert(task:wait()).images[1].path) end
  return wall, cpu, STREAMS * PICTURE_BYTES * 4 / 3 / 1e6 / took
end

-- How long the machine itself takes this process off its processor, in ms: the longest gap in a
-- second of nothing but looking at the clock. No step can be measured to be better than that.
local function pause()
  local began, longest = socket.gettime(), 0
  local last = began
  while last - began < 1 do
    local now = socket.gettime()
    longest = math.max(longest, now - last)
    last = now
  end
  return longest * 1000
end

local pauses, taken = { pause() }, {}
for _, name in ipairs { "budget", "none" } do taken[name] = { wall = {}, cpu = {}, rate = {} } end
for _ = 1, ROUNDS do
  for name, mine in pairs(taken) do
    local wall, cpu, rate = run(name == "budget" and BUDGET or nil)
    table.move(wall, 1, #wall, #mine.wall + 1, mine.wall)
    table.move(cpu, 1, #cpu, #mine.cpu + 1, mine.cpu)
    table.insert(mine.rate, rate)
  end
  pauses[#pauses + 1] = pause()
end
os.execute("kill " .. pid)
server:close()

local function row_of(name, mine)
  table.sort(mine.wall)
  table.sort(mine.cpu)
  return {
    name = name, steps = #mine.wall, p50_ms = percentile(mine.wall, 0.5),
    p99_ms = percentile(mine.wall, 0.99), p999_ms = percentile(mine.wall, 0.999),
    max_ms = mine.wall[#mine.wall], cpu_p999_ms = percentile(mine.cpu, 0.999),
    cpu_max_ms = mine.cpu[#mine.cpu], mb_per_s = summary(mine.rate).median,
  }
end

results.budget = row_of(("step(0, %g)"):format(BUDGET), taken.budget)
results.none = row_of("step(0)", taken.none)
results.pause_ms = summary(pauses)
os.remove(folder)
results.goals = report.goals(results)
local file <close> = assert(io.open(TOOLS .. "/step.json", "w"))
file:write(cjson.encode(results), "\n")
io.write(report.text(results))
