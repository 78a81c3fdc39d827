-- SPDX-License-Identifier: MIT
-- Tests src/core/gim_task_answer.c: tasks that failed and are submitted anew, and what an end by
-- time says of the tries before it.
local Clocked = require "spec.support.clocked"
local broken, refusal = Clocked.broken, Clocked.refusal

local function failed(code)
  return Clocked.failed(code or "generation_timeout")
end

describe("gim_task: a task that failed", function()
  it("is not submitted anew unless somebody asked for that", function()
    local job = Clocked.accepted()
    job:fetch(failed())
    assert.same(0, job:over("server", "no").resubmits)
  end)

  it("is a new request, as often as wanted", function()
    local job = Clocked.accepted { resubmit = 2 }
    assert.is_true(job.task:state().may_send)
    job:fetch(failed())
    local state = job.task:state()
    assert.same({ "submitting", "no", 1, true }, { state.name, state.billed, state.resubmits,
      state.needs_body })
    assert.is_nil(state.id)
    assert.same(-1, state.reserved)
    job:send(Clocked.task("pending", { id = "another", usage = { credits_reserved = 2 } }))
    state = job.task:state()
    assert.same({ "another", "maybe", 2000000, true }, { state.id, state.billed, state.reserved,
      state.may_send })
    job:fetch(failed())
    job:send(Clocked.task "pending")
    assert.is_false(job.task:state().may_send)
    job:fetch(failed())
    assert.same(2, job:over("server", "no").resubmits)
  end)

  it("is one also where the POST itself is answered with the failure", function()
    local job = Clocked.new { resubmit = 1 }
    job:send(failed())
    job:send(Clocked.completed())
    job:over("ok", "yes")
  end)

  it("is final where another try would fail as well, or was not asked for", function()
    for _, code in ipairs { "content_policy_violation", "invalid_parameters", "unknown_error",
      "generation_failed_no_content", "never_heard_of", "request_cancelled" } do
      local job = Clocked.accepted { resubmit = 3 }
      job:fetch(failed(code))
      job:expect "done"
      assert.same(0, job.task:state().resubmits)
    end
    local job = Clocked.accepted { resubmit = 3 }
    job:fetch(Clocked.task "cancelled")
    job:over("cancelled", "no")
    job = Clocked.new { kind = "attach", id = "x", resubmit = 3 }
    assert.is_false(job.task:state().may_send)
    job:fetch(failed())
    job:over("server", "no")
  end)

  it("is never one of doubt: what may have been paid is not paid again", function()
    for _, report in ipairs { broken "network", broken "timeout", refusal(500, "internal_error"),
      refusal(409, "paid_outcome_unknown"), Clocked.task("completed", { results = {} }) } do
      local job = Clocked.new { resubmit = 3 }
      job:send(report)
      job:expect "done"
      assert.same({ 0, "maybe" }, { job.task:state().resubmits, job:billed() })
    end
  end)

  it("waits as long as the service asks for, and not past its time", function()
    local job = Clocked.accepted { resubmit = 1 }
    job:fetch(failed "service_error")
    assert.is_true(job:send(Clocked.completed()) >= 30000)
    job = Clocked.accepted { resubmit = 1, task_ms = 31000 }
    job:fetch(failed "resource_exhausted")
    local state = job:over("server", "no")
    assert.same(60000, state.err.retry_after_ms)
    job = Clocked.accepted { resubmit = 1 }
    job:fetch(failed "generation_timeout")
    assert.is_true(job:send(Clocked.completed()) <= 500)
  end)

  it("starts over with all its tries and its tolerance", function()
    local job = Clocked.accepted { resubmit = 1, retry = { max = 1 } }
    job:fetch(failed())
    job:send(refusal(429, "rate_limit_exceeded"))
    job:send(Clocked.task "pending")
    for _ = 1, 4 do job:fetch(refusal(404, "task_not_found")) end
    job:fetch(Clocked.completed())
    job:over("ok", "yes")
  end)

  it("can be cancelled and run out of time between two requests", function()
    local job = Clocked.accepted { resubmit = 1 }
    job:fetch(failed "service_error")
    job:expect "wait"
    job.task:cancel("cancelled", "x")
    assert.is_nil(job:over("cancelled", "no").id)
    job = Clocked.accepted { resubmit = 1, task_ms = 60000 }
    job:fetch(failed "service_error")
    job:awake() -- the second POST is said, and no slot becomes free for it
    job.now = 60000
    local err = job:over("timeout", "no").err
    assert.matches("before the request could be sent", err.message)
    assert.matches("The last try: It failed", err.message)
  end)
end)

describe("gim_task: an end by time", function()
  it("says why the last queries brought nothing", function()
    for _, case in ipairs {
      { refusal(503, "service_unavailable"), "No%.", "service_unavailable", 503 },
      { broken("network", 0, { message = "the name is not known" }), "the name is not known" },
      { Clocked.answer("<html>busy</html>", 502), "<html>busy", nil, 502 },
    } do
      local job = Clocked.accepted { task_ms = 100000 }
      for _ = 1, 3 do job:fetch(case[1]) end
      job.now = 100000
      local err = job:over("timeout", "maybe").err
      assert.matches("goes on at the service", err.message)
      assert.matches("The last try: .*" .. case[2], err.message)
      assert.same({ case[3], case[4] or 0 }, { err.code, err.status })
      assert.is_true(err.retryable)
    end
  end)

  it("says nothing of tries that were made good", function()
    local job = Clocked.accepted { task_ms = 100000 }
    job:fetch(refusal(503, "service_unavailable"))
    job:fetch(Clocked.task "processing")
    job.now = 100000
    local err = job:over("timeout", "maybe").err
    assert.not_matches("last try", err.message)
    assert.is_nil(err.code)
  end)

  it("says that no request got out, and why", function()
    local job = Clocked.new { task_ms = 1000 }
    job:expect "send"
    job.now = 1000
    assert.matches("before the request could be sent", job:over("timeout", "no").err.message)
    job = Clocked.new { task_ms = 100000 }
    job:send(refusal(429, "rate_limit_exceeded"))
    job:awake()
    job.now = 100000
    local err = job:over("timeout", "no").err
    assert.matches("The last try: No%.", err.message)
    assert.same({ "rate_limit_exceeded", 429 }, { err.code, err.status })
  end)
end)
