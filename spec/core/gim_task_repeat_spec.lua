-- SPDX-License-Identifier: MIT
-- Tests src/core/gim_task_answer.c: which paid requests are repeated, and when. Only where it is
-- certain that nothing was accepted, or the user vouches for it.
local Clocked = require "spec.support.clocked"
local answer, broken, refusal = Clocked.answer, Clocked.broken, Clocked.refusal
local TRANSPORT, handed_over = Clocked.TRANSPORT, Clocked.handed_over
local ends, repeats = Clocked.ends, Clocked.repeats

describe("a paid POST is repeated", function()
  it("when the body was not handed over whole", function()
    for _, handed in ipairs { 0, 99 } do
      for _, kind in ipairs(TRANSPORT) do repeats(broken(kind, handed)) end
      repeats(broken("network", handed, { bare = true }))
    end
  end)

  it("when submit_ms is over and the body is not out, but never while it counts as out", function()
    local job = Clocked.new { submit_ms = 1000 }
    job:expect "send"
    job.task:started(0)
    job.task:handed(99, 100)
    job.now = 1000
    -- The first has to be let go of before the second: even without a delay.
    local kind = job:next(0)
    assert.same("wait", kind)
    assert.is_false(job.task:state().exchanging)
    local again, _, _, attempt = job:awake(0)
    assert.same({ "send", 1 }, { again, attempt })
    job.task:started(job.now)
    job.task:handed(100, 100)
    job.now = job.now + 1000
    job:over("timeout", "maybe")
  end)

  it("after 429, with or without words, and after 503 with a code of the provider's row", function()
    repeats(answer("", 429))
    repeats(answer("<html>slow down</html>", 429))
    repeats(refusal(429, "rate_limit_exceeded"))
    repeats(refusal(429, "quota_exceeded"))
    repeats(refusal(503, "no_available_channel"))
    repeats(refusal(503, "channel_selection_failed"))
  end)

  it("as often as retry.max says, and ends with what came last", function()
    for max = 0, 5 do
      local job = Clocked.new { retry = { max = max } }
      for _ = 0, max do job:send(refusal(429, "rate_limit_exceeded")) end
      job:over("rate_limited", "no")
    end
  end)

  it("after a delay with full jitter that doubles up to its cap", function()
    local job = Clocked.new { retry = { max = 6, base = 1000, cap = 5000 } }
    for _, delay in ipairs { 0, 1000, 2000, 4000, 5000, 5000, 5000 } do
      assert.same(delay, job:send(refusal(429, "rate_limit_exceeded"), 0xFFFFFFFF))
    end
    job:over("rate_limited", "no")
    assert.same(0, (repeats(refusal(429, "x"), nil, 0)))
    assert.same(250, (repeats(refusal(429, "x"))))
  end)

  it("not before Retry-After, as seconds or as a date, whatever the cap", function()
    local unix = 1764000000 -- Mon, 24 Nov 2025 16:00:00 GMT
    for value, delay in pairs { ["0"] = 0, ["7"] = 7000, ["120"] = 120000, ["1.5"] = 1500,
      ["Mon, 24 Nov 2025 16:01:30 GMT"] = 90000, ["Mon, 24 Nov 2025 15:00:00 GMT"] = 0 } do
      local report = refusal(429, "x", { retry_after = value, unix = unix })
      assert.same(delay, (repeats(report, { retry = { cap = 500 } }, 0)))
      local most = repeats(report, { retry = { cap = 500 } }, 0xFFFFFFFF)
      assert.is_true(most >= delay and most <= delay + math.min(delay // 10, 1000))
    end
    -- What cannot be read counts as nothing.
    assert.same(0, (repeats(refusal(429, "x", { retry_after = "soon" }), nil, 0)))
  end)

  it("never past the deadline", function()
    local report = refusal(429, "x", { retry_after = "60" })
    local job = Clocked.new { task_ms = 60000 } -- the end of a delay without jitter
    job:send(report, 0)
    job:over("rate_limited", "no")
    repeats(report, { task_ms = 60001 }, 0)
    job = Clocked.new { task_ms = 10000, retry = { max = 1000, base = 4000, cap = 4000 } }
    for _ = 1, 2 do job:send(answer("", 429), 0xFFFFFFFF) end
    assert.same(8000, job.now + 4000)
    job:send(answer("", 429), 0xFFFFFFFF)
    job:over("rate_limited", "no")
    assert.same(8000, job.now)
  end)
end)

describe("a paid POST is not repeated", function()
  it("after timeouts, resets and 5xx once the body is out", function()
    for _, kind in ipairs(TRANSPORT) do ends(broken(kind), kind, "maybe") end
    for _, status in ipairs { 500, 502, 503, 504 } do
      ends(refusal(status, "internal_error"), "server", "maybe")
    end
  end)

  it("after a 503 that is HTML, has no code, or one that is not in the row", function()
    ends(answer("<html>no_available_channel</html>", 503), "server", "maybe")
    ends(answer({ error = { message = "no_available_channel" } }, 503), "server", "maybe")
    ends(refusal(503, "service_unavailable"), "server", "maybe")
    ends(refusal(503, "no_available_channel"), "server", "maybe", { provider = "magick" })
    ends(refusal(500, "no_available_channel"), "server", "maybe")
  end)

  it("after an empty account, whatever its status", function()
    ends(refusal(429, "insufficient_quota"), "quota", "no")
    ends(refusal(402, "quota_exceeded"), "quota", "no")
  end)

  it("after 408, 425, 409: they do not prove that nothing was done", function()
    ends(answer("", 408), "server", "maybe")
    ends(answer("", 425), "server", "no")
    ends(refusal(409, "paid_outcome_unknown"), "server", "maybe")
  end)

  it("after what no repetition mends: a proxy that refuses, memory, files, trust", function()
    for _, kind in ipairs { "auth", "no_memory", "io", "invalid", "too_big", "cancelled" } do
      ends(broken(kind, 0), kind, "no")
    end
    ends(broken("network", 0, { retryable = false }), "network", "no")
  end)

  it("after a task has failed, not even when its code says that this may help", function()
    ends(Clocked.failed "service_error", "server", "no")
    local job = Clocked.accepted { idempotent = true }
    job:fetch(Clocked.failed "service_error")
    assert.is_true(job:over("server", "no").err.retryable)
  end)

  it("while it waits for a free slot: submit_ms does not run there", function()
    local job = Clocked.new { submit_ms = 1000, task_ms = 100000 }
    job:expect "send"
    job.now = 50000
    assert.same(100000, job:expect "none")
    job.task:started(50000)
    assert.same(51000, job:expect "none")
    job.now = 50999
    job:expect "none"
    job.now = 51000
    assert.same("send", (job:awake()))
  end)
end)

describe("a paid POST whose Idempotency-Key the user vouches for", function()
  local vouched = { idempotent = true }

  it("is repeated after all that may pass", function()
    for _, kind in ipairs(TRANSPORT) do repeats(broken(kind), vouched) end
    for _, status in ipairs { 408, 500, 502, 503, 504 } do
      repeats(answer("<html>", status), vouched)
    end
    repeats(refusal(409, "paid_outcome_unknown"), vouched)
    local job = handed_over { idempotent = true, submit_ms = 1000 }
    job.now = 1000
    assert.same("send", (job:awake()))
    assert.same("maybe", job:billed())
  end)

  it("is not repeated after a refusal, nor after it was accepted", function()
    ends(refusal(400, "invalid_request"), "invalid", "no", vouched)
    ends(refusal(401, "unauthorized"), "auth", "no", vouched)
    ends(refusal(503, "model_not_found"), "not_found", "no", vouched)
    local job = Clocked.accepted { idempotent = true, task_ms = 60000 }
    for _ = 1, 20 do
      if job:awake() ~= "fetch" then break end
      job.task:fetched(job.now, broken "network")
    end
    assert.is_false(job.task:state().needs_body)
  end)

  it("takes the task of the try that was answered, not an id out of a failure", function()
    local job = Clocked.new(vouched)
    job:send(answer { id = "req-1", error = { code = "service_error", message = "Sorry." } })
    job:send(Clocked.task "pending")
    assert.same(Clocked.ID, job.task:state().id)
    -- Where nothing follows it is the one trace of what may have been paid.
    assert.same("req-1", ends(answer { id = "req-1", error = { code = "internal_error",
      message = "Sorry." } }, "server", "maybe").id)
  end)
end)

describe("odd answers", function()
  it("to queries are not given up for a page that has no word of the service's", function()
    local page = Clocked.answer("<html>are you a robot?</html>", 403)
    local job = Clocked.accepted()
    for _ = 1, 4 do job:fetch(page) end
    job:fetch(Clocked.task "processing")
    for _ = 1, 4 do job:fetch(page) end -- in a row, that is
    job:fetch(Clocked.completed())
    job:over("ok", "yes")
    job = Clocked.accepted()
    for _ = 1, 5 do job:fetch(page) end
    job:over("auth", "maybe")
    -- Whoever attaches hears at once of what cannot work.
    job = Clocked.new { kind = "attach", id = "x" }
    job:fetch(page)
    job:over("auth", "maybe")
    job = Clocked.new { kind = "attach", id = "x" }
    job:fetch(Clocked.task "processing")
    job:fetch(page)
    job:fetch(Clocked.completed())
    job:over("ok", "yes")
  end)
end)
