-- SPDX-License-Identifier: MIT
-- How long a step with a budget takes while much arrives: client:step(0, 0.001), 8 replies with a
-- picture of 20 MB in base64 each on the way into files, and 1,000 tasks that wait. Beside it the
-- same without a budget, alternating, for what the budget costs in throughput.
--
--   lua5.4 bench/step.lua [ROUNDS [RESULT.json]]      (3; out/bench-step.json)
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

local rounds = tonumber(arg[1]) or 3
local result_path = arg[2] or "out/bench-step.json"

local function percentile(sorted, part)
  return sorted[math.max(1, math.ceil(#sorted * part))]
end

local function median(values)
  table.sort(values)
  return values[(#values + 1) // 2]
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
local folder = os.tmpname()
os.remove(folder)

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

local pauses = { pause() }
local all = {
  budget = { wall = {}, cpu = {}, rate = {} },
  none = { wall = {}, cpu = {}, rate = {} },
}
for _ = 1, rounds do
  for name, budget in pairs { budget = BUDGET, none = false } do
    local wall, cpu, rate = run(budget or nil)
    table.move(wall, 1, #wall, #all[name].wall + 1, all[name].wall)
    table.move(cpu, 1, #cpu, #all[name].cpu + 1, all[name].cpu)
    table.insert(all[name].rate, rate)
  end
  pauses[#pauses + 1] = pause()
end
os.execute("kill " .. pid)
server:close()
os.remove(folder)

local report = { bench = "step", streams = STREAMS, waiting = WAITING, budget_ms = BUDGET * 1000,
  picture_bytes = PICTURE_BYTES, rounds = rounds, libcurl = gptimage.libcurl, results = {} }
print(("%-12s %7s %7s %7s %8s %8s %9s %8s %6s"):format("step(0, …)", "steps", "p50 ms", "p99 ms",
  "p99.9 ms", "max ms", "p99.9 cpu", "max cpu", "MB/s"))
for _, name in ipairs { "budget", "none" } do
  local one = all[name]
  table.sort(one.wall)
  table.sort(one.cpu)
  local row = {
    name = name, steps = #one.wall, p50_ms = percentile(one.wall, 0.5),
    p99_ms = percentile(one.wall, 0.99), p999_ms = percentile(one.wall, 0.999),
    max_ms = one.wall[#one.wall], cpu_p999_ms = percentile(one.cpu, 0.999),
    cpu_max_ms = one.cpu[#one.cpu], mb_per_s = median(one.rate),
  }
  report.results[name] = row
  print(("%-12s %7d %7.3f %7.3f %8.3f %8.3f %9.3f %8.3f %6.0f"):format(
    name == "budget" and ("budget %g ms"):format(BUDGET * 1000) or "no budget", row.steps,
    row.p50_ms, row.p99_ms, row.p999_ms, row.max_ms, row.cpu_p999_ms, row.cpu_max_ms,
    row.mb_per_s))
end
table.sort(pauses)
report.machine_pause_ms = { median = pauses[(#pauses + 1) // 2], max = pauses[#pauses] }
report.throughput_ratio = report.results.budget.mb_per_s / report.results.none.mb_per_s
print(("throughput with a budget: %.2f of that without (goal: at least 0.5)"):format(
  report.throughput_ratio))
print(("99.9th percentile %.3f ms (goal: under 1.5), worst %.3f ms (goal: under 4)"):format(
  report.results.budget.p999_ms, report.results.budget.max_ms))

print(("the machine's own pauses, in %d s of an empty loop: median %.3f ms, worst %.3f ms"):format(
  #pauses, report.machine_pause_ms.median, report.machine_pause_ms.max))

os.execute("mkdir -p out")
local file = assert(io.open(result_path, "w"))
file:write(cjson.encode(report), "\n")
file:close()
