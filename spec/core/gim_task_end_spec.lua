-- SPDX-License-Identifier: MIT
-- Tests src/core/gim_task.c through the test window: deadlines and cancelling
-- in every phase, and that an end is one for good.
local window = require "gptimage.core_test"
local Clocked = require "spec.support.clocked"
local answer, broken, saving = Clocked.answer, Clocked.broken, Clocked.saving

local MOST = 0xFFFFFFFF

-- Jobs in every phase: how to get there, and what is billed if it ends there.
local PHASES = {
  { "before the request is sent", function(o) return Clocked.new(o) end, "no" },
  { "while it waits for a slot", function(o)
    local job = Clocked.new(o)
    job:expect "send"
    return job
  end, "no" },
  { "while it is sent", function(o)
    local job = Clocked.new(o)
    job:expect "send"
    job.task:started(0)
    job.task:handed(50, 100)
    return job
  end, "no" },
  { "while it is answered", function(o)
    local job = Clocked.new(o)
    job:expect "send"
    job.task:started(0)
    job.task:handed(100, 100)
    return job
  end, "maybe" },
  { "between two tries", function(o)
    local job = Clocked.new(o)
    job:send(answer("", 429), MOST)
    job:expect "wait"
    return job
  end, "no" },
  { "between two queries", function(o) return Clocked.accepted(o) end, "maybe" },
  { "during a query", function(o)
    local job = Clocked.accepted(o)
    assert.same("fetch", (job:awake()))
    return job
  end, "maybe" },
  { "while a picture is brought", function(o)
    local job = saving(2, o)
    job:save(0, { kind = "network", retryable = true })
    job:expect "save"
    return job
  end, "yes" },
}

describe("gim_task: the end comes", function()
  for _, phase in ipairs(PHASES) do
    local name, reach, billed = phase[1], phase[2], phase[3]
    local options = function() return { submit_ms = 90000, task_ms = 60000 } end

    it("with the deadline, " .. name, function()
      local job = reach(options())
      local kind, at = job:next(MOST)
      assert.is_true(kind == "none" or kind == "wait" or kind == "send")
      assert.is_true(at <= 60000)
      job.now = 59999
      assert.are_not.same("done", (job:next()))
      job.now = 60000
      assert.is_true(job:over("timeout", billed).err.retryable)
    end)

    it("by cancelling, " .. name, function()
      local job = reach(options())
      job.task:cancel("cancelled", "Enough.")
      local state = job:over("cancelled", billed)
      assert.same({ "Enough.", "cancelled" }, { state.err.message, state.name })
      job = reach(options())
      job.task:cancel("io", "The disk is gone.")
      assert.same("The disk is gone.", job:over("io", billed).err.message)
    end)

    it("for good, " .. name, function()
      local job = reach(options())
      job.task:cancel("cancelled", "x")
      local before = job.task:state()
      job.task:cancel("io", "y")
      job.task:started(1)
      job.task:handed(100, 100)
      job.task:sent(1, Clocked.completed())
      job.task:sent(1, broken "network")
      job.task:fetched(1, Clocked.failed "service_error")
      job.task:saved(1, 0)
      job.now = 1000000
      job:expect "done"
      assert.same(before, job.task:state())
    end)
  end

  it("in words that say what to do", function()
    local function words(job)
      job.now = 60000
      job:expect "done"
      return job.task:state().err.message
    end
    local options = { submit_ms = 90000, task_ms = 60000, save = true }
    assert.same('The task\'s time was over before the service answered. Unless `billed` is "no" '
      .. "it may have been accepted: look at the service's log before you send it again.",
      words(PHASES[4][2](options)))
    assert.same("The task's time is over, but it goes on at the service: attach to its id, or "
      .. "give it more time with `timeout`.", words(PHASES[7][2](options)))
    assert.same("The task's time was over before the pictures were saved. They are paid: save "
      .. "them again, or attach to the id.", words(PHASES[8][2](options)))
    options.submit_ms = 60000
    options.task_ms = 90000
    assert.same('No answer to the request in time. Unless `billed` is "no" it may have been '
      .. "accepted: look at the service's log before you send it again.",
      words(PHASES[4][2](options)))
  end)

  it("with what is there, where the deadline cuts the saving short", function()
    local job = saving(3, { task_ms = 60000 })
    job:save(0)
    job:expect "save"
    job.now = 60000
    local state = job:over("ok", "yes")
    assert.same("saved failed failed", job:states())
    assert.same("timeout", state.pictures[3].err.kind)
  end)

  it("after what was there already, where an answer waits when the deadline is judged", function()
    local job = Clocked.new { task_ms = 60000 }
    job:expect "send"
    job.now = 70000
    job.task:sent(70000, Clocked.completed())
    job:over("ok", "yes")
  end)

  it("and reports for what is not under way are nothing to it", function()
    local job = Clocked.new()
    job.task:sent(0, Clocked.completed())
    job.task:fetched(0, Clocked.completed())
    job.task:saved(0, 0)
    job.task:started(0)
    job.task:handed(100, 100)
    assert.same({ "submitting", "no" }, { job.task:state().name, job:billed() })
    job:send(Clocked.task "pending")
    job.task:sent(0, Clocked.failed "x")
    job.task:fetched(0, Clocked.failed "x")
    assert.same("pending", job.task:state().name)
    assert.is_nil(window.task { kind = "attach", id = "" }:state().err)
  end)
end)
