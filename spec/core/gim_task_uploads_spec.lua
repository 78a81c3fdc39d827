-- SPDX-License-Identifier: MIT
-- Tests what src/core/gim_task.c does before the POST, on a clock of its own: references are
-- brought, each with tries of its own, and nothing is billed however that ends.
local window = require "gptimage.core_test"
local Clocked = require "spec.support.clocked"
local Random = require "spec.support.random"

local LEAST, MOST = 0, 0xFFFFFFFF
local BROKEN = { kind = "network", message = "reset half-way", retryable = true }
local GONE = { kind = "io", message = "The file has changed." }

local function uploading(count, options)
  options = options or {}
  options.references = count
  return Clocked.new(options)
end

describe("a task with references", function()
  it("brings them all at once, in order, and sends when the last is there", function()
    local job = uploading(3)
    local state = job.task:state()
    assert.same({ "uploading", true, false, "no", true, true, false }, { state.name,
      state.uploading, state.exchanging, state.billed, state.needs_body, state.may_send,
      state.done })
    for i = 0, 2 do
      local at, picture, attempt = job:expect "upload"
      assert.same({ 1800000, i, 0 }, { at, picture, attempt })
    end
    assert.same(1800000, job:expect "none")
    for i, picture in ipairs { 1, 2, 0 } do
      job.now = i * 1000
      job.task:uploaded(job.now, picture)
      if i < 3 then
        assert.same("uploading", job.task:state().name)
        job:expect "none"
      end
    end
    assert.same("submitting", job.task:state().name)
    assert.is_false(job.task:state().uploading)
    assert.same(0, job:send(Clocked.completed(1)))
    job:over("ok", "yes")
    assert.same(1, #job.task:state().pictures)
  end)

  it("has none of them in its pictures", function()
    assert.same({}, uploading(5).task:state().pictures)
  end)

  it("does without when there are none", function()
    local job = uploading(0)
    assert.same({ "submitting", false }, { job.task:state().name, job.task:state().uploading })
    job:expect "send"
  end)

  it("has submit_ms begin when the POST goes out, not before", function()
    local job = uploading(1, { submit_ms = 5000 })
    job:expect "upload"
    job.now = 60000
    job.task:uploaded(job.now, 0)
    job:expect "send"
    job.task:started(job.now)
    assert.same(65000, job:expect "none")
  end)

  it("tries one again as retries go, and lets the others go on meanwhile", function()
    local job = uploading(2, { retry = { max = 4, base = 1000, cap = 3000 } })
    job:expect "upload"
    job:expect "upload"
    for attempt, delay in ipairs { 1000, 2000, 3000, 3000 } do
      job.task:uploaded(job.now, 1, BROKEN, MOST)
      assert.same(job.now + delay, job:expect "none") -- the other is under way
      if attempt == 2 then job.task:uploaded(job.now, 0) end
      if attempt > 2 then assert.same("wait", (job:next())) end
      job.now = job.now + delay
      local _, picture, tried = job:expect "upload"
      assert.same({ 1, attempt }, { picture, tried })
      assert.same("no", job:billed())
      if attempt == 2 then break end
    end
    job.task:uploaded(job.now, 1, BROKEN, LEAST)
    local _, picture, tried = job:expect "upload"
    assert.same({ 1, 3 }, { picture, tried })
    job.task:uploaded(job.now, 1)
    job:expect "send"
  end)

  it("waits as long as the service asks", function()
    local job = uploading(1)
    job:expect "upload"
    job.task:uploaded(0, 0, { kind = "rate_limited", retryable = true, retry_after_ms = 30000 },
      LEAST)
    assert.same(30000, job:expect "wait")
    job.now = 29999
    job:expect "wait"
    job.now = 30000
    job:expect "upload"
  end)

  it("ends with the first that fails for good, billed no, whatever the others do", function()
    local job = uploading(3)
    for _ = 1, 3 do job:expect "upload" end
    job.task:uploaded(0, 0)
    job.task:uploaded(0, 1, GONE)
    local state = job:over("io", "no")
    assert.same({ "failed", "The file has changed.", false },
      { state.name, state.err.message, state.needs_body })
    -- What comes of the others is nobody's business any more.
    job.task:uploaded(0, 2)
    job.task:uploaded(0, 2, BROKEN)
    assert.same(state, job.task:state())
  end)

  it("ends when the tries are used up, or the next would come too late", function()
    local job = uploading(1, { retry = { max = 2, base = 1, cap = 1 } })
    for _ = 1, 3 do
      assert.same("upload", (job:awake()))
      job.task:uploaded(job.now, 0, BROKEN)
    end
    assert.same("reset half-way", job:over("network", "no").err.message)
    job = uploading(1, { task_ms = 10000 })
    job:expect "upload"
    job.task:uploaded(0, 0, { kind = "server", message = "busy", retryable = true,
      retry_after_ms = 10000 }, LEAST)
    assert.same("busy", job:over("server", "no").err.message)
  end)

  it("ends when its time is over, with the words of the last try, billed no", function()
    local job = uploading(2, { task_ms = 10000 })
    job:expect "upload"
    job:expect "upload"
    job.task:uploaded(0, 0)
    assert.same(10000, job:expect "none")
    job.now = 9999
    job:expect "none"
    job.now = 10000
    local state = job:over("timeout", "no")
    assert.matches("before the request could be sent", state.err.message)
    assert.is_true(state.err.retryable)
    job = uploading(2, { task_ms = 10000 })
    job:expect "upload"
    job:expect "upload"
    job.task:uploaded(0, 1, BROKEN, LEAST)
    job.task:uploaded(0, 0)
    job:expect "upload"
    job.now = 10000
    assert.matches("The last try: reset half%-way$", job:over("timeout", "no").err.message)
  end)

  it("ends when it is cancelled, before, while and after they are brought, billed no", function()
    for step = 0, 3 do
      local job = uploading(2)
      if step > 0 then job:expect "upload" end
      if step > 1 then job.task:uploaded(0, 0, BROKEN) end
      if step > 2 then
        job.now = 60000
        job:expect "upload"
        job:expect "upload"
        job.task:uploaded(job.now, 0)
        job.task:uploaded(job.now, 1)
        assert.same("submitting", job.task:state().name)
      end
      job.task:cancel("cancelled", "by the caller")
      assert.same({ "cancelled", "by the caller" }, { job:over("cancelled", "no").name,
        job.task:state().err.message })
    end
  end)

  it("forgets the trouble of a reference that came in the end", function()
    local job = uploading(1, { task_ms = 10000 })
    job:expect "upload"
    job.task:uploaded(0, 0, BROKEN, LEAST)
    job:expect "upload"
    job.task:uploaded(0, 0)
    job.now = 10000
    assert.is_nil(job:over("timeout", "no").err.message:find("last try", 1, true))
  end)

  it("hears nothing about references that are not under way, or do not exist", function()
    local job = uploading(2)
    job.task:uploaded(0, 0)
    job.task:uploaded(0, 7)
    job.task:uploaded(0, -1, GONE)
    for i = 0, 1 do assert.same(i, select(2, job:expect "upload")) end
    job.task:uploaded(0, 0)
    job.task:uploaded(0, 0, GONE)
    assert.same("uploading", job.task:state().name)
    job.task:sent(0, Clocked.completed(1))
    job.task:handed(100, 100)
    assert.same({ "uploading", "no" }, { job.task:state().name, job:billed() })
    job.task:uploaded(0, 1)
    job:expect "send"
    job.task:uploaded(0, 1, GONE)
    job:expect "none"
  end)

  it("does not bring them again when the POST is sent again, or the task starts over", function()
    local job = uploading(1, { resubmit = 1 })
    job:expect "upload"
    job.task:uploaded(0, 0)
    job:send(Clocked.refusal(429, "rate_limit_exceeded"))
    job:send(Clocked.task "pending")
    assert.is_true(job.task:state().may_send)
    job:fetch(Clocked.failed "service_error")
    job:send(Clocked.completed(1))
    job:over("ok", "yes")
  end)

  it("is done at once where there is no memory for them", function()
    for nth = 1, 2 do
      window.fail_allocation(nth)
      local job = uploading(3)
      window.fail_allocation(0)
      local state = job:over("no_memory", "no")
      assert.matches("reference pictures", state.err.message)
      assert.same("failed", state.name)
    end
    -- And where there is none for the words of a failure.
    local job = uploading(1)
    job:expect "upload"
    window.fail_allocation(1)
    job.task:uploaded(0, 0, GONE)
    window.fail_allocation(0)
    job:expect "done"
    assert.same({ "no_memory", "no" }, { job.task:state().status, job:billed() })
  end)

  it("ends in good order whatever comes in whatever order, never billed before it sent", function()
    local random = Random.new(5)
    local ends = { ok = 0, failed = 0 }
    for _ = 1, 2000 do
      local count = random:below(6)
      local job = uploading(count, { retry = { max = 2, base = 100, cap = 400 },
        task_ms = random:below(3000) })
      local running, there = {}, {}
      for _ = 1, 1000 do
        local kind, at, picture, attempt = job:next(random:below(1 << 32) - 1)
        assert.same("no", job:billed())
        if kind == "send" then
          for i = 0, count - 1 do assert.is_true(there[i]) end
          ends.ok = ends.ok + 1
          break
        elseif kind == "done" then
          assert.is_true(job.task:state().status ~= "ok")
          ends.failed = ends.failed + 1
          break
        elseif kind == "upload" then
          assert.is_true(attempt <= 2)
          assert.is_nil(there[picture])
          for _, other in ipairs(running) do assert.are_not.equal(other, picture) end
          running[#running + 1] = picture
        elseif kind == "wait" then
          assert.same(0, #running)
          assert.is_true(at > job.now)
          job.now = at
        else
          assert.same("none", kind)
          local which = table.remove(running, random:below(#running))
          job.now = job.now + random:below(50)
          local luck = random:below(8)
          there[which] = luck > 2 or nil
          job.task:uploaded(job.now, which, luck == 1 and GONE or luck == 2 and BROKEN or nil,
            random:below(1 << 32) - 1)
        end
      end
    end
    assert.is_true(ends.ok > 200 and ends.failed > 200, ends.ok .. " " .. ends.failed)
  end)
end)
