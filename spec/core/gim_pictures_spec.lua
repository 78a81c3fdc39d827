-- SPDX-License-Identifier: MIT
-- Tests src/core/gim_pictures.c through the tasks of the test window: each
-- picture has tries and delays of its own.
local window = require "gptimage.core_test"
local Clocked = require "spec.support.clocked"
local Random = require "spec.support.random"

local LEAST, MOST = 0, 0xFFFFFFFF
local BROKEN = { kind = "network", message = "broken", retryable = true }
local GONE = { kind = "too_big", message = "gone" } -- not of a link, which is asked for again

-- A task whose `count` pictures came with the answer to its POST, at time 0, and are to be saved.
local function saving(count, options)
  options = options or {}
  options.save = true
  local job = Clocked.new(options)
  job:send(Clocked.completed(count))
  return job
end

describe("gim_pictures", function()
  it("gives out each once, in order, and waits for those under way", function()
    local job = saving(3)
    assert.same("needed needed needed", job:states())
    for i = 0, 2 do
      local _, picture, attempt = job:expect "save"
      assert.same({ i, 0 }, { picture, attempt })
    end
    assert.same("running running running", job:states())
    assert.same(1800000, job:expect "none")
    job.task:saved(0, 1)
    assert.same(1800000, job:expect "none")
    job.task:saved(0, 0)
    job.task:saved(0, 2)
    job:over("ok", "yes")
    assert.same("saved saved saved", job:states())
  end)

  it("tries one again as often as retry.max says, with full jitter", function()
    local job = saving(1, { retry = { max = 4, base = 1000, cap = 3000 } })
    for attempt, delay in ipairs { 0, 1000, 2000, 3000, 3000 } do
      local kind, slept, picture, tried = job:awake()
      assert.same({ "save", delay, 0, attempt - 1 }, { kind, slept, picture, tried })
      job.task:saved(job.now, 0, BROKEN, MOST)
    end
    assert.same("broken", job:over("network", "yes").err.message)
  end)

  it("does not try again what another try does not mend", function()
    local job = saving(1)
    job:save(0, GONE)
    job:over("too_big", "yes")
    job = saving(1, { retry = { max = 0 } })
    job:save(0, BROKEN)
    job:over("network", "yes")
  end)

  it("waits as long as the service asked, but not past the deadline", function()
    local job = saving(1, { task_ms = 60000 })
    job:expect "save"
    job.task:saved(0, 0, { kind = "server", retryable = true, retry_after_ms = 30000 }, LEAST)
    assert.same(30000, job:expect "wait")
    job.now = 29999
    job:expect "wait"
    job.now = 30000
    job:expect "save"
    job.task:saved(30000, 0, { kind = "server", retryable = true, retry_after_ms = 30000 }, LEAST)
    job:over("server", "yes")
  end)

  it("lets none wait for another", function()
    local job = saving(3, { retry = { max = 4, base = 4000, cap = 4000 } })
    for _ = 1, 3 do job:expect "save" end
    job.task:saved(0, 0, BROKEN, MOST >> 2)
    job.task:saved(0, 1, BROKEN, MOST)
    assert.same(1000, job:expect "none")
    job.now = 1000
    assert.same(0, select(2, job:expect "save"))
    job.now = 0
    assert.same(4000, job:expect "none")
    job.task:saved(0, 0)
    job.task:saved(0, 2, BROKEN, MOST >> 1)
    assert.same(2000, job:expect "wait")
    job.now = 2000
    assert.same({ "save", 4000, 2, 1 }, { job:next() })
    assert.same(4000, job:expect "none")
    job.now = 5000
    assert.same({ "save", 1800000, 1, 1 }, { job:next() })
    job:expect "none"
    job.task:saved(5000, 1)
    job.task:saved(5000, 2, GONE)
    job:over("ok", "yes")
    assert.same("saved saved failed", job:states())
  end)

  it("hears nothing about pictures that are not under way, or do not exist", function()
    local job = saving(2)
    job.task:saved(0, 0)
    job.task:saved(0, -1)
    job.task:saved(0, 2, GONE)
    job.task:lost(-1, GONE)
    job.task:lost(2, GONE)
    assert.same("needed needed", job:states())
    job:save(0)
    job.task:saved(0, 0, GONE)
    assert.same("saved needed", job:states())
  end)

  it("has lost one whose bytes are gone, whatever state it was in", function()
    local job = saving(5)
    for _ = 1, 4 do job:expect "save" end
    job.task:saved(0, 0)
    job.task:saved(0, 1, BROKEN)
    job.task:saved(0, 2, GONE)
    assert.same("saved waiting failed running needed", job:states())
    for i = 0, 4 do job.task:lost(i, { kind = "io", message = "lost" }) end
    local state = job:over("io", "yes")
    assert.same("failed failed failed failed failed", job:states())
    assert.same({ "lost", "lost", "gone", "lost", "lost" }, { state.pictures[1].err.message,
      state.pictures[2].err.message, state.pictures[3].err.message, state.pictures[4].err.message,
      state.pictures[5].err.message })
    job = Clocked.new()
    job:send(Clocked.completed(2))
    job.task:lost(1, { kind = "io" })
    job:over("ok", "yes")
    assert.same("idle failed", job:states())
  end)

  it("gives all up that is not settled when it is cancelled", function()
    local job = saving(4)
    for _ = 1, 3 do job:expect "save" end
    job.task:saved(0, 0)
    job.task:saved(0, 1, GONE)
    job.task:cancel("cancelled", "Enough.")
    local state = job:over("cancelled", "yes")
    assert.same("saved failed failed failed", job:states())
    assert.same({ "gone", "Enough.", "Enough." }, { state.pictures[2].err.message,
      state.pictures[3].err.message, state.pictures[4].err.message })
  end)

  it("fails without words where there is no memory for them", function()
    local job = saving(1)
    job:expect "save"
    window.fail_allocation(1)
    job.task:saved(0, 0, GONE)
    assert.same(0, window.fail_allocation(0))
    job:expect "done"
    local state = job.task:state()
    assert.same({ "no_memory", "yes", "failed" }, { state.status, state.billed, job:states() })
    assert.is_nil(state.pictures[1].err)
  end)

  it("ends as its pictures did, in any order of what comes of them", function()
    for seed = 1, 500 do
      local random = Random.new(seed)
      local count = random:below(6)
      local job = saving(count, { retry = { max = random:below(3) - 1, base = 100, cap = 100 } })
      local running, tries, saved = {}, {}, 0
      local finished
      for _ = 1, 1000 do
        local kind, at, picture, attempt = job:next(random:bits())
        if kind == "done" then
          finished = true
          break
        elseif kind == "save" then
          assert.is_nil(running[picture])
          assert.same(tries[picture] or 0, attempt)
          running[picture], tries[picture] = true, attempt + 1
        elseif kind == "wait" then
          assert.is_nil(next(running))
          job.now = at
        end
        picture = next(running)
        if picture and (kind == "none" or random:below(2) == 1) then
          running[picture] = nil
          local err = random:pick { BROKEN, GONE, false }
          if not err then saved = saved + 1 end
          job.task:saved(job.now, picture, err or nil, random:bits())
        end
      end
      assert.is_true(finished)
      local state = job.task:state()
      assert.same(saved > 0, state.status == "ok")
      assert.same(saved, select(2, job:states():gsub("saved", "")))
    end
  end)
end)
