-- SPDX-License-Identifier: MIT
-- Many tasks at once, measured: tasks of a service on this machine, each one POST and five queries
-- a second apart, as gptimage does it and as one would do it instead; and as libcurl does it with
-- nothing around it, which nobody would want, but which is the floor of ours. All that is compared
-- alternates within one run; medians are shown, and the least and the most are kept.
-- `make bench BENCHES=bench/scale.lua` runs it, and says where its tools are. Writes scale.json
-- there. Three repetitions, at most, take some 10 minutes; TASKS=1000 makes a quick one.
local cjson = require "cjson"
local Harness = require "bench.support.harness"
local machine = require("bench.support.report").machine
local report = require "bench.support.scale_report"
local tasks = require "bench.support.tasks"

local TOOLS = assert(os.getenv "BENCH", "`make bench` runs this")
local NPM = os.getenv "GPTIMAGE_NPM" or ""
local REPETITIONS = math.min(tonumber(os.getenv "REPETITIONS") or 3, 3)
local MOST = tonumber(os.getenv "TASKS") or 10000
local POLLS, FOREVER = 5, 1000000

local output, summary = Harness.output, Harness.summary
local COUNTS = { MOST // 100, MOST // 30, MOST // 10, MOST // 3, MOST }

-- One processor for the service and one for who is measured, where there are two.
local apart = output "taskset -c 0,1 true && echo 1" == "1"
local service <close> = tasks.start(TOOLS, apart and "taskset -c 1")

local function say(...)
  io.stderr:write(string.format(...), "\n")
end

local function python()
  for _, program in ipairs { "/usr/bin/python3", "python3" } do
    if output(program .. " -c 'import aiohttp; print(1)'") == "1" then return program end
  end
  return "python3"
end

local function npm(name)
  return output(("node -p 'require(\"%s/node_modules/%s/package.json\").version'")
    :format(NPM, name))
end

local function javascript(how)
  return function(count, url)
    return { "node", "bench/peers/polls.mjs", count, POLLS, url, NPM, how }
  end
end

local function program(interpreter, path)
  return function(count, url)
    return table.move({ path, count, POLLS, url }, 1, 4, interpreter and 2 or 1, { interpreter })
  end
end

-- Those to be measured, and the versions by which they say that they are there.
local contenders = {
  { key = "ours", name = "gptimage", words = program("lua5.4", "bench/peers/polls.lua"),
    version = output "lua5.4 -e 'print(require(\"gptimage\").version)'" },
  { key = "floor", name = "floor: libcurl", words = program(nil, TOOLS .. "/polls"),
    version = output "lua5.4 -e 'print(require(\"gptimage.core\").libcurl)'" },
  -- Of the two ways to ask an Agent the goal is about fetch: where it was set, it took two thirds
  -- of the time of node's own fetch, as this one does here. `request` takes a sixth.
  { key = "request_agent", name = "undici request", words = javascript "request_agent",
    version = npm "undici" },
  { key = "fetch_agent", name = "undici fetch", words = javascript "fetch_agent",
    version = npm "undici", least = 6 },
  { key = "fetch", name = "fetch of node", words = javascript "fetch",
    version = output "node --version", least = 9 },
  { key = "aiohttp", name = "aiohttp", words = program(python(), "bench/peers/polls.py"),
    version = output(python() .. " -c 'import aiohttp; print(aiohttp.__version__)'"), least = 12 },
  { key = "openai", name = "openai (npm)", words = javascript "openai", version = npm "openai",
    least = 14 },
  { key = "lua_http", name = "lua-http",
    words = program("lua5.4", "bench/peers/polls_lua_http.lua"),
    version = output "lua5.4 -e 'print(require(\"http.version\").version)'", least = 9 },
}

-- What a command prints: a list of numbers.
local function run(words)
  local quoted = { "exec", apart and "taskset -c 0" or nil }
  for _, word in ipairs(words) do
    quoted[#quoted + 1] = "'" .. tostring(word):gsub("'", "'\\''") .. "'"
  end
  local pipe <close> = assert(io.popen(table.concat(quoted, " ")))
  local numbers = {}
  for number in pipe:read("a"):gmatch "%S+" do numbers[#numbers + 1] = tonumber(number) end
  assert(pipe:close(), "failed: " .. table.concat(quoted, " "))
  return numbers
end

-- COUNT tasks by `one`; what it says of itself, and the service of it.
local function schedule(one, count)
  service:reset(POLLS)
  local cpu, wall, memory = table.unpack(run(one.words(count, service.plain)))
  local record = service:ledger()
  assert(record.posts == count and record.completed == count and record.polls == POLLS * count
    and record.strange == 0, one.name .. " did something else")
  return { cpu = cpu / ((POLLS + 1) * count) * 1e4, wall = wall, memory = memory * 1024 / count,
    late = record.gap_ms.p99 - 1000, early = math.max(0, 1000 - record.gap_ms.min) }
end

local function figures(what, count)
  service:reset(FOREVER)
  return run { "lua5.4", "bench/peers/figures.lua", what, count, service.plain }
end

-- `names` of the numbers that `measure` returns, repeated: a summary of each.
local function repeated(names, measure)
  local taken, row = {}, {}
  for _, name in ipairs(names) do taken[name] = {} end
  for _ = 1, REPETITIONS do
    local numbers = measure()
    for i, name in ipairs(names) do table.insert(taken[name], numbers[i] or numbers[name]) end
  end
  for _, name in ipairs(names) do row[name] = summary(taken[name]) end
  return row
end

local results = {
  date = os.date "!%Y-%m-%d", repetitions = REPETITIONS, tasks = MOST, polls = POLLS,
  machine = machine(output, "."), congestion = service.congestion, missing = {}, peers = {},
  growth = {}, figures = {},
}

say("%d tasks, %d queries each, a second apart", MOST, POLLS)
local there = {}
for _, one in ipairs(contenders) do
  if one.version == "" then
    table.insert(results.missing, one.name)
    say("  skipped, it is not installed: %s", one.name)
  else
    there[#there + 1] = one
  end
end
local NAMES = { "cpu", "wall", "memory", "late", "early" }
local taken = {}
for _ = 1, REPETITIONS do
  for _, one in ipairs(there) do
    local seen = schedule(one, MOST)
    local mine = taken[one.key] or {}
    taken[one.key] = mine
    for _, name in ipairs(NAMES) do
      mine[name] = mine[name] or {}
      table.insert(mine[name], seen[name])
    end
    say("  %-14s %6.3f s of CPU in 10,000 requests, done in %.2f s, late %.0f ms", one.name,
      seen.cpu, seen.wall, seen.late)
  end
end
for i, one in ipairs(there) do
  local row = { key = one.key, name = one.name, version = one.version, least = one.least }
  for _, name in ipairs(NAMES) do row[name] = summary(taken[one.key][name]) end
  results.peers[i] = row
end

say("from %d to %d tasks", COUNTS[1], MOST)
for i, count in ipairs(COUNTS) do
  local row = repeated({ "cpu", "wall", "late" }, function() return schedule(there[1], count) end)
  row.count = count
  row.idle = repeated({ "lua", "core" }, function() return figures("waiting", count) end)
  if count > 100 then
    row.memory = repeated({ "kib" }, function() return figures("memory", count) end).kib
  end
  results.growth[i] = row
  say("  %6d: %.3f s of CPU in 10,000 requests, an idle step %.2f us", count, row.cpu.median,
    row.idle.lua.median)
end

say("the parts")
local parts = results.figures
parts.coroutines = repeated({ "kib" }, function() return figures("coroutines", MOST) end).kib
-- As many connections as there are requests: two thirds of what a process may open, at most; and
-- of max_requests two slots are kept for others.
local files = tonumber(output "ulimit -Hn") or 1024
parts.flying_count = math.min(MOST, files * 2 // 3, 9998)
parts.flying = repeated({ "lua", "core", "cpu_us" }, function()
  return figures("flying", parts.flying_count)
end)
parts.flying_few = repeated({ "lua", "core", "cpu_us" }, function()
  return figures("flying", 10)
end)
parts.submit = repeated({ "ours", "cjson" }, function() return figures "submit" end)
local libcurl = output "ldconfig -p | sed -n 's/.*libcurl.so.4 .*=> //p' | head -1"
if libcurl ~= "" then
  parts.load = repeated({ "ms", "own_mib", "all_mib" }, function()
    return run { "lua5.4", "bench/peers/figures.lua", "load", libcurl }
  end)
end

results.goals = report.goals(results)
local file <close> = assert(io.open(TOOLS .. "/scale.json", "w"))
file:write(cjson.encode(results), "\n")
io.write(report.text(results))
