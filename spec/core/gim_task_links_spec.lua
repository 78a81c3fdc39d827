-- SPDX-License-Identifier: MIT
-- Tests src/core/gim_task_links.c through the test window, on a clock of its own: links that have
-- expired, and the one query for new ones.
local Clocked = require "spec.support.clocked"
local answer, broken, refusal = Clocked.answer, Clocked.broken, Clocked.refusal
local saving = Clocked.saving

local ID = Clocked.ID
local EXPIRED = { kind = "not_found", message = "The link answers 410." }

local function fresh(...)
  return Clocked.task("completed", { results = { ... }, progress = 100 })
end

-- One picture, whose link has expired; the query for a new one is due.
local function stale(options)
  local job = saving(1, options)
  job:save(0, EXPIRED)
  return job
end

local ASKED = "The link answers 410. The task was asked for a new one: "
local GAVE_NONE = "The link answers 410. The task was asked for a new one and gave none."

describe("gim_task: a link that has expired", function()
  it("is asked for again at once, and the new one is brought", function()
    local job = stale()
    assert.same("stale", job:states())
    assert.same({ "saving", false }, { job.task:state().name, job.task:state().done })
    assert.same(0, job:fetch(answer({ id = ID, status = "completed",
      results = { "https://files.example/new.png" } }, 200, { unix = 1764999999 })))
    local state = job.task:state()
    assert.same({ "https://files.example/new.png", "needed", 1764999999, "saving" },
      { state.pictures[1].url, state.pictures[1].state, state.linked, state.name })
    assert.is_nil(state.pictures[1].err)
    job:save(0)
    assert.same({ "saved" }, { job:states(), job:over("ok", "yes").err })
  end)

  it("is queried for, and nothing else: no body is needed, none may be sent", function()
    local job = stale { resubmit = 3 }
    assert.same("fetch", (job:awake()))
    job:expect "none"
    local state = job.task:state()
    assert.same({ true, true, false, false, "saving" }, { state.exchanging, state.renewing,
      state.needs_body, state.may_send, state.name })
    job.task:fetched(job.now, Clocked.failed "service_error")
    assert.is_false(job.task:state().may_send)
    assert.same(GAVE_NONE, job:over("not_found", "yes").err.message)
  end)

  it("waits until the others are brought, and is asked for once for all", function()
    local job = saving(4)
    for i = 0, 3 do assert.same(i, select(2, job:expect "save")) end
    job.task:saved(job.now, 2, EXPIRED)
    job:expect "none"
    job.task:saved(job.now, 0, EXPIRED)
    job.task:saved(job.now, 1, { kind = "network", retryable = true })
    job.task:saved(job.now, 3)
    job:save(1)
    assert.same("stale saved stale saved", job:states())
    job:fetch(fresh("https://f.example/a", "https://f.example/b", "https://f.example/c",
      "https://f.example/d"))
    assert.same("needed saved needed saved", job:states())
    job:save(0)
    job:save(2)
    local state = job:over("ok", "yes")
    assert.same({ "https://f.example/c", 0 }, { state.pictures[3].url, state.pictures[3].attempt })
  end)

  it("is not asked for twice", function()
    local job = stale()
    job:fetch(fresh "https://files.example/new.png")
    job:save(0, { kind = "server", retryable = true })
    job:save(0, EXPIRED)
    assert.same("The link answers 410. So does the new one that the task gave.",
      job:over("not_found", "yes").err.message)
  end)

  it("of a picture that a new reply does not have is an end for that one alone", function()
    for _, report in ipairs {
      fresh "https://f.example/1", fresh("https://f.example/1", ""),
      answer { id = ID, status = "completed", results = { { url = "https://f.example/1" }, "x" } },
    } do
      local job = saving(2)
      job:save(0, EXPIRED)
      job:save(1, EXPIRED)
      job:fetch(report)
      job:save(0)
      assert.same(GAVE_NONE, job:over("ok", "yes").pictures[2].err.message)
      assert.same("saved failed", job:states())
    end
  end)

  it("ends the task where the service has none any more, and says why", function()
    for _, case in ipairs {
      { Clocked.task "processing", GAVE_NONE, true },
      { Clocked.failed "service_error", GAVE_NONE, true },
      { Clocked.task("completed", { results = {} }), GAVE_NONE, true },
      { refusal(404, "task_not_found"), ASKED .. "No", true },
      -- The next program may have another key, or more memory.
      { refusal(401, "unauthorized"), ASKED .. "No" },
      { broken("io", 0, { message = "Told." }), ASKED .. "Told." },
      { broken("invalid", 0, { bare = true }), GAVE_NONE },
    } do
      local job = stale()
      job:fetch(case[1])
      local state = job:over("not_found", "yes")
      assert.same(case[2], state.err.message:sub(1, #case[2]))
      assert.same({ ID, 1, case[3] or false },
        { state.id, #state.pictures, state.pictures[1].gone })
    end
  end)

  it("is asked for again after a trouble that passes, as `retry` says", function()
    for _, trouble in ipairs { broken "network", broken "timeout", broken "protocol",
      answer("<html>", 502), refusal(429, "rate_limit_exceeded"), answer "{" } do
      local job = stale { retry = { max = 2, base = 1000, cap = 1000 } }
      job:fetch(trouble)
      assert.same("stale", job:states())
      assert.is_true(job:fetch(trouble) > 0)
      assert.is_true(job:fetch(fresh "https://f.example/1") > 0)
      job:save(0)
      job:over("ok", "yes")

      job = stale { retry = { max = 2, base = 1000, cap = 1000 } }
      for _ = 1, 3 do job:fetch(trouble) end
      local err = job:over("not_found", "yes").err
      assert.truthy(err.message:find("asked for a new one: .", 1, false), err.message)
    end
  end)

  it("is given up where the next query would come behind the deadline", function()
    local job = stale { task_ms = 60000 }
    job:fetch(answer("", 429, { retry_after = "70" }))
    job:over("not_found", "yes")
  end)

  it("ends with the task's time, due or under way, and when it is cancelled", function()
    for _, under_way in ipairs { false, true } do
      local job = stale { task_ms = 60000 }
      if under_way then assert.same("fetch", (job:awake())) end
      job.now = 60000
      local state = job:over("not_found", "yes")
      assert.same({ "failed", EXPIRED.message, false },
        { job:states(), state.err.message, state.pictures[1].gone })

      job = stale()
      if under_way then assert.same("fetch", (job:awake())) end
      job.task:cancel("cancelled", "Enough.")
      job:over("cancelled", "yes")
      job.task:fetched(job.now, fresh "https://f.example/1")
      assert.same("failed", job:states())
    end
  end)

  it("is the end where no task is known", function()
    local job = Clocked.new { save = true }
    job:send(answer { data = { { url = "https://a.example/b.png" } } })
    job:save(0, EXPIRED)
    assert.same("The link answers 410. There is no task that could be asked for a new one.",
      job:over("not_found", "yes").err.message)
    job = Clocked.new { kind = "picture", url = "https://a.example/b.png" }
    job:save(0, EXPIRED)
    job:over("not_found", "yes")
  end)

  it("of a task that was attached to, or one picture of it, is asked for likewise", function()
    local job = Clocked.new { kind = "attach", id = ID, save = true }
    job:fetch(Clocked.completed(1))
    job:save(0, EXPIRED)
    job:fetch(fresh "https://f.example/1")
    job:save(0)
    job:over("ok", "yes")

    job = Clocked.new { kind = "picture", url = "https://a.example/b.png", id = ID, number = 2 }
    job:save(0, EXPIRED)
    job:fetch(fresh("https://f.example/1", "https://f.example/2", "https://f.example/3"))
    assert.same("https://f.example/3", job.task:state().pictures[1].url)
    job:save(0)
    job:over("ok", "yes")

    job = Clocked.new { kind = "picture", url = "https://a.example/b.png", id = ID, number = 2 }
    job:save(0, EXPIRED)
    job:fetch(fresh("https://f.example/1", "https://f.example/2"))
    job:over("not_found", "yes")
  end)
end)
