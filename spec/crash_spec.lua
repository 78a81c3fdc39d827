-- SPDX-License-Identifier: MIT
-- A program with a journal is killed at random moments, again and again: what the sandbox was paid
-- for is on the disk afterwards, or reported, and nothing is paid twice.
--
-- Three ways to die, in turn: SIGKILL from outside after so many lines of its log; before any call
-- that changes the disk; and a power failure at such a call, of which spec/support/power.lua says
-- what is left of both journals and all pictures. In every fourth round the recovery is struck as
-- well. GPTIMAGE_CRASHES=N sets the number of rounds, GPTIMAGE_SEED where they begin. What is by
-- lot here, spec/power_spec.lua does at every call of small runs.

local Random = require "spec.support.random"
local files = require "spec.support.files"
local power = require "spec.support.power"
local program = require "spec.support.program"
local sandboxes = require "spec.support.sandbox"

local ROUNDS = tonumber(os.getenv "GPTIMAGE_CRASHES") or 40
local SEED = tonumber(os.getenv "GPTIMAGE_SEED") or 20240607
local TASKS = 20

-- More than a whole run has of either.
local LOG_MAX, DISK_MAX, RECOVERY_MAX = 150, 400, 120

describe("a program that is killed", function()
  local sandbox

  setup(function()
    sandbox = sandboxes.start { latency = 0.02 }
  end)

  teardown(function()
    sandbox:stop()
  end)

  -- Runs the program, which dies as `death` says, or not; what it printed, by first word. After a
  -- power failure the folder is as that may leave it.
  local function run(mode, folder, death)
    local aside <close> = files.folder()
    local before = death.way == "power" and power.disk(folder)
    local words = { "exec lua5.4 spec/support/programs/crash.lua", mode, files.quote(folder),
      files.quote(sandbox.starmagic), files.quote(sandbox.magick) }
    if death.way == "call" or death.way == "power" then
      words[#words + 1] = tostring(death.at)
    end
    if death.way == "power" then
      words[#words + 1] = files.quote(aside.path .. "/trace")
    end
    local pipe = assert(io.popen(table.concat(words, " ") .. " 2>&1", "r"))
    local said, logs, pid = {}, 0, nil
    for line in pipe:lines() do
      local name, value = line:match("^(%S+) ?(.*)$")
      if name == "pid" then
        pid = math.tointeger(value)
      elseif name == "log" then
        logs = logs + 1
        if death.way == "log" and logs == death.at then
          os.execute("kill -9 " .. pid)
        end
      end
      said[#said + 1] = { name = name, value = value, line = line }
    end
    pipe:close()
    if death.way == "power" then
      for _, call in ipairs(power.calls(aside.path .. "/trace")) do before:apply(call) end
      power.put(folder, before:image(said[#said].name == "end" and power.kept or death.policy))
    end
    return said
  end

  local POLICIES = { power.lost, power.names, power.zeros, power.removed }

  local function has(said, name)
    for _, line in ipairs(said) do
      if line.name == name then
        return true
      end
    end
    return false
  end

  -- Is there a whole picture in a file whose name begins with the key?
  local function on_disk(paths, key)
    for _, path in ipairs(paths) do
      if path:find("/" .. key .. "%-%d+[%w-]*%.png$") then
        local bytes = files.read(path)
        if bytes:sub(-8, -5) == "IEND" and program.png_size(path) == 1024 then
          return true
        end
      end
    end
    return false
  end

  local function files_in(folder)
    local list = {}
    local pipe <close> = assert(io.popen("find " .. files.quote(folder) .. " -type f", "r"))
    for path in pipe:lines() do
      list[#list + 1] = path
    end
    return list
  end

  -- The entries of the ledger that were charged, once all that was accepted has ended.
  local function paid()
    return sandboxes.wait_for(function()
      local ledger = sandbox:ledger()
      return ledger.charged + ledger.refunded == ledger.accepted and ledger
    end)
  end

  it(("in %d ways loses nothing that was paid for, and pays for nothing twice"):format(ROUNDS),
    function()
      local random = Random.new(SEED)
      local ways = { "log", "call", "power" }
      local total = { rounds = 0, killed = 0, recoveries_killed = 0, charged = 0, on_disk = 0,
        maybe = 0, needless_maybe = 0 }
      for round = 1, ROUNDS do
        local folder <close> = files.folder()
        sandbox:reset()
        local way = ways[(round - 1) % #ways + 1]
        local death = { way = way, at = random:below(way == "log" and LOG_MAX or DISK_MAX),
          policy = random:below(2) == 1 and random:pick(POLICIES) or power.lot(random) }
        local where = ("seed %d, round %d: %s %d"):format(SEED, round, way, death.at)
        if not has(run("work", folder.path, death), "end") then
          total.killed = total.killed + 1
        end
        local told = {}
        local function recover(again)
          local said = run("recover", folder.path, again)
          for _, line in ipairs(said) do
            if line.name == "maybe" then
              told[line.value] = true
            end
            assert.is_false(line.name == "lost" or line.name == "failed"
              or line.name == "elsewhere", where .. ": " .. line.line)
          end
          return said
        end
        if round % 4 == 0 then
          local again = ways[random:below(#ways)]
          if not has(recover { way = again, at = random:below(again == "log" and 40
              or RECOVERY_MAX), policy = power.lot(random) }, "end") then
            total.recoveries_killed = total.recoveries_killed + 1
          end
        end
        local last = recover {}
        assert.is_true(has(last, "end"), where .. ": the recovery did not end\n"
          .. (last[#last] and last[#last].line or ""))
        local ledger = paid()
        local paths, seen = files_in(folder.path), {}
        for _, entry in ipairs(ledger.entries) do
          assert.is_nil(seen[entry.key], where .. ": paid twice: " .. entry.key)
          seen[entry.key] = true
          if entry.state == "charged" then
            total.charged = total.charged + 1
            local there = on_disk(paths, entry.key)
            assert.is_true(there or told[entry.key] ~= nil,
              ("%s: %s was paid and is neither on the disk nor reported"):format(where, entry.key))
            if there then
              total.on_disk = total.on_disk + 1
            end
            if told[entry.key] and not there then
              total.maybe = total.maybe + 1
            end
          end
        end
        assert.is_true(ledger.accepted <= TASKS and ledger.replays == 0, where)
        for key in pairs(told) do
          if not seen[key] then
            total.needless_maybe = total.needless_maybe + 1
          end
        end
        -- What is over leaves nothing to do.
        for _, line in ipairs(run("recover", folder.path, {})) do
          local name, count = line.value:match("^(%a+) (%d+)$")
          assert.is_false(line.name == "maybe" or line.name == "count" and name ~= "finished"
            and name ~= "linked" and count ~= "0", where .. ", afterwards: " .. line.line)
        end
        total.rounds = total.rounds + 1
      end
      assert.equal(total.charged, total.on_disk + total.maybe)
      assert.is_true(total.killed > ROUNDS / 2)
      if os.getenv "GPTIMAGE_CRASHES" then
        for _, name in ipairs { "rounds", "killed", "recoveries_killed", "charged", "on_disk",
          "maybe", "needless_maybe" } do
          print(("%s: %d"):format(name, total[name]))
        end
      end
    end)
end)
