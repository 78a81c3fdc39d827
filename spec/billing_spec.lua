-- SPDX-License-Identifier: MIT
-- What was billed, and why: the table in src/core/gim_evidence.h, row by row.
local window = require "gptimage.core_test"
local Clocked = require "spec.support.clocked"
local answer, broken, refusal = Clocked.answer, Clocked.broken, Clocked.refusal
local TRANSPORT, handed_over = Clocked.TRANSPORT, Clocked.handed_over
local ends, repeats = Clocked.ends, Clocked.repeats

describe("billing, row by row:", function()
  it("nothing was sent yet: no", function()
    local job = Clocked.new()
    assert.same("no", job:billed())
    job:expect "send"
    assert.same("no", job:billed())
    job.task:started(0)
    assert.same("no", job:billed())
    job.task:handed(0, 100)
    assert.same("no", job:billed())

    job = Clocked.new()
    job.task:cancel("cancelled", "x")
    job:over("cancelled", "no")

    job = Clocked.new { task_ms = 1000 }
    job:expect "send" -- no slot becomes free
    job.now = 1000
    job:over("timeout", "no")
  end)

  it("sending broke before the whole body was handed over: no", function()
    for _, handed in ipairs { 0, 1, 99 } do
      for _, kind in ipairs(TRANSPORT) do
        ends(broken(kind, handed), kind, "no", { retry = { max = 0 } })
      end
      for _, kind in ipairs { "auth", "no_memory", "io", "invalid" } do
        ends(broken(kind, handed), kind, "no")
      end
      local job = Clocked.new()
      job:expect "send"
      job.task:started(0)
      job.task:handed(handed, 100)
      assert.same("no", job:billed())
      job.task:cancel("cancelled", "x")
      job:over("cancelled", "no")
    end
  end)

  it("an answer of 5xx came before the whole body was handed over: no", function()
    for _, handed in ipairs { 0, 99 } do
      ends(answer("<html>", 502, { handed = handed }), "server", "no", { retry = { max = 0 } })
      repeats(answer("<html>", 502, { handed = handed }))
    end
  end)

  it("the whole body was handed over, no answer: maybe", function()
    for _, kind in ipairs(TRANSPORT) do ends(broken(kind), kind, "maybe") end
    ends(broken "too_big", "too_big", "maybe")
    ends(broken "no_memory", "no_memory", "maybe")
    -- What was seen to be out stays out, whatever is reported later.
    local job = handed_over()
    job.task:sent(5, broken("network", 40))
    job:over("network", "maybe")
    -- It was cut before the first picture was whole.
    ends(broken("network", 100, { salvaged = true, payloads = 0 }), "network", "maybe")
  end)

  it("the whole body was handed over and it was cancelled, or time was over: maybe", function()
    local job = handed_over()
    assert.same("maybe", job:billed())
    job.task:cancel("cancelled", "x")
    job:over("cancelled", "maybe")

    job = handed_over { submit_ms = 30000 }
    job.now = 30000
    job:over("timeout", "maybe")

    job = handed_over { submit_ms = 60000, task_ms = 20000 }
    job.now = 20000
    job:over("timeout", "maybe")
  end)

  it("an answer of 5xx, cut, or unreadable: maybe", function()
    for _, status in ipairs { 500, 502, 503, 504, 520, 524, 599 } do
      ends(answer("<html>gateway</html>", status), "server", "maybe")
      ends(answer("", status), "server", "maybe")
      ends(refusal(status, "internal_error"), "server", "maybe")
      ends(refusal(status, "do_request_failed"), "server", "maybe")
    end
    for _, body in ipairs { "", "<html>", "{", "[]", "{}", '{"data":[]}', "null",
      '{"status":"pending"}', '{"data":[{"url":""}]}' } do
      ends(answer(body), "protocol", "maybe")
    end
    ends(answer({ success = false, message = "no" }), "server", "maybe")
  end)

  it("the service refused: no", function()
    for _, case in ipairs {
      { 400, "invalid_request", "invalid" }, { 401, "unauthorized", "auth" },
      { 402, "insufficient_quota", "quota" }, { 403, "insufficient_user_quota", "quota" },
      { 403, "model_access_denied", "auth" }, { 404, "model_not_found", "not_found" },
      { 413, "read_request_body_failed", "too_big" }, { 400, "moderation_blocked", "refused" },
      { 409, "idempotency_conflict", "invalid" }, { 422, "x", "invalid" },
      { 418, "internal_error", "invalid" }, { 429, "insufficient_quota", "quota" },
      -- Gateways put these on a 500; the code says whose fault it was.
      { 500, "invalid_request", "invalid" }, { 500, "convert_request_failed", "invalid" },
      { 500, "sensitive_words_detected", "refused" }, { 503, "model_not_found", "not_found" },
      { 501, "api_not_implemented", "not_found" }, { 200, "insufficient_quota", "quota" },
    } do
      ends(refusal(case[1], case[2]), case[3], "no")
    end
    ends(answer("", 404), "not_found", "no")
    ends(answer("<html>", 403), "auth", "no")
    ends(answer("", 301), "protocol", "no")
    ends(answer("", 307), "protocol", "no")
    ends(answer({ success = false, code = 402, msg = "no money" }), "quota", "no")
    ends(answer("", 429), "rate_limited", "no", { retry = { max = 0 } })
  end)

  it("the service refused what had been handed over whole, as everyone could see: no", function()
    local job = handed_over()
    assert.same("maybe", job:billed())
    job.task:sent(5, refusal(400, "invalid_request"))
    job:over("invalid", "no")

    job = handed_over()
    job.task:sent(5, refusal(429, "rate_limit_exceeded"))
    assert.same("no", job:billed())
  end)

  it("408, or 409 with paid_outcome_unknown: maybe", function()
    ends(answer("", 408), "server", "maybe")
    ends(refusal(408, "x"), "server", "maybe")
    ends(refusal(409, "paid_outcome_unknown"), "server", "maybe")
    ends(refusal(503, "paid_outcome_unknown"), "server", "maybe")
    -- As a type, beside whatever code; and where a 429 would mean that nothing was done.
    for _, status in ipairs { 400, 409, 429, 500 } do
      local codes = { "", "invalid_request", "rate_limit_exceeded", "paid_outcome_unknown" }
      for _, code in ipairs(codes) do
        local state = ends(answer({ error = { code = code, type = "paid_outcome_unknown",
          message = "?" } }, status), "server", "maybe")
        assert.same("paid_outcome_unknown", state.err.code)
        assert.is_true(state.err.retryable)
      end
    end
    ends(refusal(429, "paid_outcome_unknown"), "server", "maybe")
    -- The same key asks again without paying twice, where the user vouches for that.
    repeats(refusal(429, "paid_outcome_unknown"), { idempotent = true })
  end)

  it("accepted, still running, we stopped waiting: maybe", function()
    for _, status in ipairs { "pending", "processing", "moderating" } do
      local job = Clocked.new()
      job:send(Clocked.task(status))
      assert.same("maybe", job:billed())
      job.task:cancel("cancelled", "x")
      assert.same(Clocked.ID, job:over("cancelled", "maybe").id)
    end
    local job = Clocked.accepted { task_ms = 9000 }
    job.now = 9000
    job:over("timeout", "maybe")
    for status, kind in pairs { [401] = "auth", [402] = "quota", [400] = "invalid" } do
      job = Clocked.accepted()
      job:fetch(refusal(status, "x"))
      job:over(kind, "maybe")
    end
    job = Clocked.accepted()
    job:fetch(broken "no_memory")
    job:over("no_memory", "maybe")
  end)

  it("attached to an id, end not seen: maybe", function()
    local function attached(options)
      options = options or {}
      options.kind, options.id = "attach", Clocked.ID
      return Clocked.new(options)
    end
    local job = attached()
    assert.same("maybe", job:billed())
    job:fetch(refusal(404, "task_not_found"))
    job:over("not_found", "maybe")
    job = attached { task_ms = 5000 }
    job:fetch(Clocked.task "processing")
    job.now = 5000
    job:over("timeout", "maybe")
    job = attached()
    job.task:cancel("cancelled", "x")
    job:over("cancelled", "maybe")
  end)

  it("the task failed or was cancelled at the service: no", function()
    local function each(bring)
      bring(Clocked.failed "content_policy_violation", "refused")
      bring(Clocked.failed "service_error", "server")
      bring(Clocked.failed "quota_exceeded", "rate_limited")
      bring(Clocked.failed "request_cancelled", "cancelled")
      bring(Clocked.failed "never_heard_of", "server")
      bring(Clocked.task "failed", "server")
      bring(Clocked.task "cancelled", "cancelled")
      bring(Clocked.task "canceled", "cancelled")
    end
    each(function(report, kind) ends(report, kind, "no") end)
    each(function(report, kind)
      local job = Clocked.accepted()
      assert.same("maybe", job:billed())
      job:fetch(report)
      job:over(kind, "no")
    end)
    each(function(report, kind)
      local job = Clocked.new { kind = "attach", id = "other" }
      job:fetch(report)
      job:over(kind, "no")
    end)
  end)

  it("completed with pictures: yes", function()
    local job = Clocked.accepted()
    job:fetch(Clocked.completed())
    assert.same("yes", job:billed())
    job:over("ok", "yes")
    ends(Clocked.completed(), "ok", "yes")
    ends(answer { data = { { url = "https://a.example/b.png", b64_json = "" } } }, "ok", "yes")
    ends(broken("network", 100, { salvaged = true, payloads = 2 }), "ok", "yes")
    job = Clocked.new { kind = "attach", id = "other" }
    job:fetch(Clocked.completed())
    job:over("ok", "yes")
  end)

  it("completed, but no picture is named: maybe", function()
    for _, results in ipairs { {}, { "" }, { 7 }, { { link = "x" } }, { "ftp://a/b" } } do
      ends(Clocked.task("completed", { results = results }), "protocol", "maybe")
      local job = Clocked.accepted()
      job:fetch(Clocked.task("completed", { results = results }))
      assert.same(Clocked.ID, job:over("protocol", "maybe").id)
    end
  end)

  it("pictures arrived; saving them failed or was cut short: yes", function()
    local function saving(options)
      options = options or {}
      options.save = true
      local job = Clocked.accepted(options)
      job:fetch(Clocked.completed())
      return job
    end
    local job = saving()
    job:save(0, { kind = "io" })
    job:over("io", "yes")
    job = saving { task_ms = 99000 }
    job.now = 99000
    job:over("timeout", "yes")
    job = saving()
    job.task:cancel("cancelled", "x")
    job:over("cancelled", "yes")
    job = saving()
    job.task:lost(0, { kind = "io" })
    job:over("io", "yes")
    job = Clocked.new { kind = "picture", url = "https://a.example/b.png", save = true }
    assert.same("yes", job:billed())
    job:save(0, { kind = "not_found" })
    job:over("not_found", "yes")
  end)

  it("the reason goes with the verdict", function()
    local rows = {}
    for i = 0, 11 do
      local billed, text = window.evidence(i)
      rows[i] = { billed, text }
    end
    local function proves(job, number)
      local state = job.task:state()
      assert.same(rows[number], { state.billed, state.reason })
    end
    local function after(report, number, options)
      local job = Clocked.new(options)
      job:send(report)
      job:expect "done"
      proves(job, number)
      return job
    end
    proves(Clocked.new(), 0)
    after(broken("network", 0), 0, { retry = { max = 0 } })
    after(broken("network", 99), 1, { retry = { max = 0 } })
    after(answer("<html>", 502, { handed = 99 }), 1, { retry = { max = 0 } })
    proves(handed_over(), 2)
    after(broken "network", 2)
    after(answer("<html>", 502), 2)
    after(refusal(400, "invalid_request"), 3)
    after(answer("", 429), 3, { retry = { max = 0 } })
    after(refusal(409, "paid_outcome_unknown"), 4)
    after(answer("", 408), 4)
    local job = Clocked.new { idempotent = true, retry = { max = 1 } }
    job:send(broken "network")
    job:send(refusal(401, "unauthorized"))
    proves(job, 5)
    proves(Clocked.accepted(), 6)
    job = Clocked.new { kind = "attach", id = "other" }
    proves(job, 7)
    job:fetch(Clocked.task "processing")
    proves(job, 7)
    job:fetch(Clocked.failed "service_error")
    proves(job, 8)
    after(Clocked.failed "service_error", 8)
    after(Clocked.task("completed", { results = {} }), 9)
    after(Clocked.completed(), 10)
    job = Clocked.accepted { save = true }
    job:fetch(Clocked.completed())
    proves(job, 10)
    job:save(0, { kind = "io" })
    job:expect "done"
    proves(job, 11)
    assert.is_true(#rows == 11)
  end)

  it("a repeated POST can only raise the verdict", function()
    -- The first try may have been accepted: no later refusal takes that back.
    for _, second in ipairs { refusal(401, "unauthorized"), broken("auth", 0),
      refusal(409, "idempotency_conflict"), refusal(402, "insufficient_quota") } do
      local job = Clocked.new { idempotent = true }
      job:send(broken "network")
      assert.same("maybe", job:billed())
      job:send(second)
      assert.same("maybe", job:billed())
      job:expect "done"
    end
    local job = Clocked.new { idempotent = true, retry = { max = 1 } }
    job:send(broken "timeout")
    job:send(broken("network", 0))
    job:over("network", "maybe")
    -- Where nothing was left open, it starts anew.
    job = Clocked.new()
    job:send(refusal(429, "rate_limit_exceeded"))
    job:send(broken("network", 50))
    job:send(refusal(400, "invalid_request"))
    job:over("invalid", "no")
    job = Clocked.new { idempotent = true }
    job:send(broken "network")
    job:send(Clocked.completed())
    job:over("ok", "yes")
  end)
end)
