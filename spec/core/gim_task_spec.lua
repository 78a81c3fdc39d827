-- SPDX-License-Identifier: MIT
-- Tests src/core/gim_task.c through the test window, on a clock of its own:
-- the life of a task and when it asks. How it ends is in gim_task_end_spec.lua,
-- what is sent again in gim_task_repeat_spec.lua, what is billed in
-- spec/billing_spec.lua.
local Clocked = require "spec.support.clocked"
local answer, broken, refusal = Clocked.answer, Clocked.broken, Clocked.refusal
local saving = Clocked.saving

local ID = Clocked.ID
local LEAST, MOST = 0, 0xFFFFFFFF

local function attached(options)
  options = options or {}
  options.kind, options.id = "attach", ID
  return Clocked.new(options)
end

describe("gim_task: a life", function()
  it("goes from the request over queries to saved pictures", function()
    local job = Clocked.new { save = true }
    assert.same("submitting", job.task:state().name)
    job:expect "send"
    assert.same({ "none", 1800000, 0, 0 }, { job:next() })
    local state = job.task:state()
    assert.is_true(state.needs_body and state.exchanging)
    job.task:started(10)
    job.now = 500
    job.task:sent(500, answer { id = ID, status = "pending", created = 1764000000, progress = 0,
      model = "gpt-image-2", task_info = { can_cancel = true, estimated_time = 40 },
      usage = { credits_reserved = 2.5 }, request_id = "req-1" })
    state = job.task:state()
    assert.same({ name = "pending", state = "pending", billed = "maybe", id = ID, progress = 0,
      model = "gpt-image-2", request_id = "req-1", estimated_ms = 40000, can_cancel = 1,
      created = 1764000000, linked = 0, reserved = 2500000, used = -1, done = false,
      uploading = false, needs_body = false, exchanging = false, renewing = false,
      may_send = false, resubmits = 0,
      reason = "it was accepted, and its end was not seen", pictures = {} }, state)

    assert.same(10000, job:fetch(Clocked.task("processing", { progress = 40 })))
    state = job.task:state()
    assert.same({ "processing", 40, "gpt-image-2", 1 },
      { state.name, state.progress, state.model, state.can_cancel })

    job:fetch(answer({ id = ID, status = "completed", progress = 100,
      task_info = { can_cancel = false }, usage = { credits_used = 2.25 },
      results = { "https://a.example/1.png", "https://a.example/2.png" } }, 200,
      { unix = 1764000099 }))
    state = job.task:state()
    assert.same({ "saving", "completed", 1764000099, 2500000, 2250000, 0 }, { state.name,
      state.state, state.linked, state.reserved, state.used, state.can_cancel })
    job:expect "save"
    job:expect "save"
    job:expect "none"
    job.task:saved(job.now, 1)
    job:expect "none"
    job.task:saved(job.now, 0)
    state = job:over("ok", "yes")
    assert.same({ "completed", 100 }, { state.name, state.progress })
    assert.same({ url = "https://a.example/2.png", payload = -1, attempt = 0, state = "saved",
      gone = false }, state.pictures[2])
  end)

  it("is over with the answer where that has the pictures", function()
    local job = Clocked.new()
    job:send(answer({ created = 5, data = { { url = "https://a.example/1.png", b64_json = "" },
      { url = "", b64_json = "<image 0>", revised_prompt = "A cat" } } }, 200, { payloads = 1 }))
    local state = job:over("ok", "yes")
    assert.is_nil(state.id)
    assert.same({ url = "https://a.example/1.png", payload = -1, attempt = 0, state = "idle",
      gone = false }, state.pictures[1])
    assert.same({ revised_prompt = "A cat", payload = 0, attempt = 0, state = "idle",
      gone = false }, state.pictures[2])
  end)

  it("takes a task that is over at once, and one whose query brings pictures alone", function()
    local job = Clocked.new()
    job:send(Clocked.completed(2))
    assert.same(2, #job:over("ok", "yes").pictures)
    job = Clocked.accepted()
    job:fetch(answer { data = { { url = "https://a.example/1.png" } } })
    assert.same(100, job:over("ok", "yes").progress)
  end)

  it("takes results as strings, as objects, mixed, and leaves out what is none", function()
    local job = Clocked.accepted()
    job:fetch(Clocked.task("completed", { results = { "https://a.example/1", "",
      { url = "https://a.example/2" }, { url = "" }, 7, { image_url = "https://a.example/3" } } }))
    local urls = {}
    for i, picture in ipairs(job:over("ok", "yes").pictures) do urls[i] = picture.url end
    assert.same({ "https://a.example/1", "https://a.example/2", "https://a.example/3" }, urls)
  end)

  it("keeps its own id and the latest of what else is said", function()
    local job = Clocked.accepted(nil, { model = "a", progress = 7 })
    job:fetch(Clocked.task("processing", { id = "another", model = "b" }))
    local state = job.task:state()
    assert.same({ ID, "b", 7 }, { state.id, state.model, state.progress })
    job:fetch(answer({ status = "processing", progress = 9 }, 200, { request_id = "r2" }))
    state = job.task:state()
    assert.same({ ID, "b", 9, "r2" }, { state.id, state.model, state.progress, state.request_id })
  end)

  it("takes an unknown status for running", function()
    local job = Clocked.new()
    job:send(Clocked.task "queued-for-moderation")
    assert.same("processing", job.task:state().name)
    job:fetch(Clocked.task "dreaming")
    job:fetch(answer { id = ID, status = 7 })
    job:fetch(Clocked.completed())
    job:over("ok", "yes")
  end)

  it("says that a failed task failed, and a cancelled one was cancelled", function()
    for status, name in pairs { failed = "failed", cancelled = "cancelled",
      canceled = "cancelled", CANCELLED = "cancelled" } do
      local job = Clocked.accepted()
      job:fetch(Clocked.task(status))
      job:expect "done"
      assert.same(name, job.task:state().name)
    end
    local job = Clocked.accepted()
    job:fetch(Clocked.failed "content_policy_violation")
    local err = job:over("refused", "no").err
    assert.same("content_policy_violation", err.code)
    assert.same("It failed. Change the prompt or the reference images.", err.message)
  end)

  it("ends with a sentence of ours where the service has none", function()
    local job = Clocked.new()
    job:send(Clocked.task("completed", { results = {} }))
    assert.same("The service says it is completed, but names no picture. Ask its support, with "
      .. "the id.", job:over("protocol", "maybe").err.message)
  end)
end)

describe("gim_task: attached to an id", function()
  it("asks at once", function()
    local job = attached()
    local state = job.task:state()
    assert.same({ ID, "pending", "maybe", false },
      { state.id, state.name, state.billed, state.needs_body })
    assert.same(0, job:fetch(Clocked.task "processing"))
    job:fetch(Clocked.completed())
    job:over("ok", "yes")
  end)

  it("takes the service's word that there is no such task", function()
    local job = attached()
    job:fetch(Clocked.task "processing")
    job:fetch(refusal(404, "task_not_found"))
    job:over("not_found", "maybe")
  end)
end)

describe("gim_task: attached to an id that cannot be asked for", function()
  it("says at once what no repetition mends, and tries the rest again", function()
    for _, report in ipairs { broken("network", 0, { retryable = false }), broken("auth", 0) } do
      local job = attached()
      job:fetch(report)
      job:over(report.status, "maybe")
    end
    local job = attached()
    job:fetch(broken("network", 0))
    -- It worked before or seemed to: a proxy may be restarting.
    job:fetch(broken("network", 0, { retryable = false }))
    job:fetch(Clocked.completed())
    job:over("ok", "yes")
  end)
end)

describe("gim_task: queries", function()
  local POLL = { min = 1000, max = 60000, jitter_permille = 0 }

  it("come after a quarter of the estimate, then after half of what remains", function()
    local job = Clocked.accepted({ poll = POLL }, { task_info = { estimated_time = 100 } })
    local delays = {}
    for i = 1, 8 do delays[i] = job:fetch(Clocked.task "processing") end
    assert.same({ 25000, 37500, 18750, 9375, 4687, 2344, 1172, 1000 }, delays)
  end)

  it("come later and later once the estimate is passed", function()
    local job = Clocked.accepted({ poll = POLL }, { task_info = { estimated_time = 8 } })
    job.now = 208000
    assert.same(0, job:fetch(Clocked.task "processing"))
    assert.same(20000, job:fetch(Clocked.task "processing"))
    assert.same(22000, job:fetch(Clocked.task "processing"))
  end)

  it("come after poll.min without an estimate, within min and max with one", function()
    assert.same(1000, Clocked.accepted({ poll = POLL }):fetch(Clocked.task "pending"))
    for estimate, delay in pairs { [0] = 2100, [1] = 2100, [30] = 7500, [60] = 15000,
      [1000000] = 15000 } do
      local job = Clocked.accepted(nil, { task_info = { estimated_time = estimate } })
      assert.same(delay, job:fetch(Clocked.task "pending"))
    end
  end)

  it("come first after poll.first, where the user says so", function()
    local poll = { first = 7000, min = 1000, max = 60000, jitter_permille = 0 }
    local job = Clocked.accepted({ poll = poll }, { task_info = { estimated_time = 100 } })
    assert.same(7000, job:fetch(Clocked.task "pending"))
    assert.same(46500, job:fetch(Clocked.task "pending"))
  end)

  it("count from when the task was accepted, not from when it was sent", function()
    local job = Clocked.new { poll = POLL, submit_ms = 100000 }
    job:expect "send"
    job.task:started(0)
    job.now = 50000
    job.task:sent(50000, Clocked.task("pending", { task_info = { estimated_time = 100 } }))
    assert.same(25000, job:fetch(Clocked.task "pending"))
  end)

  it("are jittered by a tenth, but never come before poll.min", function()
    local function delay(random, estimate)
      local job = Clocked.new()
      job:expect "send"
      job.task:sent(0, Clocked.task("pending", { task_info = { estimated_time = estimate } }),
        random)
      return (select(2, job:awake()))
    end
    assert.same({ 6750, 7500, 8250 }, { delay(LEAST, 30), delay(0x80000000, 30), delay(MOST, 30) })
    assert.same({ 2000, 2100, 2200 }, { delay(LEAST, 0), delay(0x80000000, 0), delay(MOST, 0) })
    assert.same({ 13500, 16500 }, { delay(LEAST, 999), delay(MOST, 999) })
  end)

  it("that fail are no failed task, however often", function()
    local job = Clocked.accepted { task_ms = 100000000 }
    for _ = 1, 10 do
      for _, report in ipairs { broken "network", broken "timeout", broken "protocol",
        broken("network", 0, { retryable = false }), broken("network", 0, { bare = true }),
        answer("", 500), answer("<html>", 502), refusal(503, "x"), answer("", 429),
        refusal(429, "evo_api_error"), answer "<html>", answer "", answer("", 408),
        answer("", 302), refusal(500, "internal_error") } do
        job:fetch(report)
        assert.is_false(job.task:state().done)
      end
    end
    job:fetch(Clocked.completed())
    job:over("ok", "yes")
  end)

  it("that fail are repeated by the rules of retrying, up to its cap, and then as usual", function()
    local job = Clocked.accepted { retry = { max = 0, base = 1000, cap = 5000 } }
    job:fetch(broken "network", MOST)
    for _, delay in ipairs { 1000, 2000, 4000, 5000, 5000 } do
      assert.same(delay, job:fetch(answer("", 502), MOST))
    end
    job:fetch(Clocked.task("processing", { task_info = { estimated_time = 100 } }))
    job:fetch(broken "network", MOST)
    assert.same(1000, job:fetch(Clocked.completed()))
  end)

  it("wait as long as Retry-After says", function()
    local job = Clocked.accepted()
    job:fetch(answer("", 429, { retry_after = "30" }), LEAST)
    assert.same(30000, job:fetch(answer("", 503, { retry_after = "Mon, 24 Nov 2025 16:00:09 GMT",
      unix = 1764000000 }), LEAST))
    assert.same(9000, job:fetch(Clocked.completed()))
  end)

  it("wait as without Retry-After where that is past the task's time", function()
    local job = Clocked.accepted { task_ms = 100000, retry = { base = 1000, cap = 5000 } }
    job:fetch(answer("", 429, { retry_after = "86400" }), MOST)
    assert.same(1000, job:fetch(answer("", 503, { retry_after = "100" }), MOST))
    assert.same(2000, job:fetch(answer("", 503, { retry_after = "50" }), LEAST))
    assert.same(50000, job:fetch(Clocked.completed()))
  end)

  it("take 404 for haste right after the task was accepted, but not for ever", function()
    local job = Clocked.accepted { retry = { base = 0 } }
    for _ = 1, 4 do
      -- Not in a burst: whoever was too early comes again at the pace of queries.
      assert.is_true(job:fetch(refusal(404, "task_not_found"), LEAST) >= 2000)
    end
    job:fetch(Clocked.task "processing")
    for _ = 1, 4 do job:fetch(refusal(404, "task_not_found")) end
    assert.is_false(job.task:state().done)
    job:fetch(refusal(404, "task_not_found"))
    assert.same(ID, job:over("not_found", "maybe").id)
  end)

  it("end it where they are refused for good", function()
    for _, case in ipairs { { 400, "invalid_task_id", "invalid" }, { 401, "unauthorized", "auth" },
      { 402, "quota_exceeded", "quota" }, { 403, "permission_denied", "auth" } } do
      local job = Clocked.accepted()
      job:fetch(refusal(case[1], case[2]))
      local state = job:over(case[3], "maybe")
      assert.same({ ID, case[1] }, { state.id, state.err.status })
    end
  end)

  it("keep pictures that came whole before the answer broke", function()
    local job = Clocked.accepted()
    job:fetch(broken("network", 0, { salvaged = true, payloads = 1 }))
    job:over("ok", "yes")
  end)
end)

describe("gim_task: pictures", function()
  it("are brought side by side, and those that fail do not spoil the others", function()
    local job = saving(3)
    for i = 0, 2 do assert.same(i, select(2, job:expect "save")) end
    job:expect "none"
    job.task:saved(job.now, 1, { kind = "too_big", message = "gone" })
    job.task:saved(job.now, 0)
    job.task:saved(job.now, 2)
    local state = job:over("ok", "yes")
    assert.same("saved failed saved", job:states())
    assert.same({ "too_big", "gone" },
      { state.pictures[2].err.kind, state.pictures[2].err.message })
  end)

  it("make a failure when all of them fail, with what the first says", function()
    local job = saving(2)
    job:save(0, { kind = "protocol", message = "no image" })
    job:save(1, { kind = "too_big" })
    local state = job:over("protocol", "yes")
    assert.same({ "no image", "https://files.example/2.png" },
      { state.err.message, state.pictures[2].url })
  end)

  it("are left where they are when nobody asked to save them", function()
    local job = Clocked.accepted()
    job:fetch(Clocked.completed(3))
    job:over("ok", "yes")
    assert.same("idle idle idle", job:states())
  end)

  it("of another task are one job each", function()
    local job = Clocked.new { kind = "picture", url = "https://a.example/b.png" }
    assert.same({ "saving", "needed" }, { job.task:state().name, job:states() })
    job:save(0, { kind = "network", retryable = true })
    job:save(0)
    job:over("ok", "yes")
    job = Clocked.new { kind = "picture", payload = 2 }
    job:save(0)
    assert.same(2, job:over("ok", "yes").pictures[1].payload)
  end)
end)
