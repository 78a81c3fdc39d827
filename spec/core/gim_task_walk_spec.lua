-- SPDX-License-Identifier: MIT
-- Tests src/core/gim_task.c through the test window: whatever happens, in
-- whatever order, and with memory running out anywhere.
local window = require "gptimage.core_test"
local Clocked = require "spec.support.clocked"
local Random = require "spec.support.random"
local answer, broken, refusal, task = Clocked.answer, Clocked.broken, Clocked.refusal, Clocked.task

-- What may come of a request. `accepted`: the service has it; `settled`: a
-- failed task, which costs nothing; `refused`: nothing was accepted.
local ANSWERS = {
  { report = task "pending", accepted = true },
  { report = task("processing", { task_info = { estimated_time = 60 } }), accepted = true },
  { report = task "strange", accepted = true },
  { report = Clocked.completed(3), accepted = true },
  { report = Clocked.completed(1), accepted = true },
  { report = task("completed", { results = {} }), accepted = true },
  { report = answer { data = { { url = "https://a.example/b" } } }, accepted = true },
  { report = Clocked.failed "service_error", accepted = true, settled = true },
  { report = task "cancelled", accepted = true, settled = true },
  { report = refusal(400, "invalid_request"), refused = true },
  { report = refusal(401, "unauthorized"), refused = true },
  { report = refusal(404, "task_not_found"), refused = true },
  { report = refusal(429, "rate_limit_exceeded"), refused = true },
  { report = answer("", 429, { retry_after = "20" }), refused = true },
  { report = refusal(503, "no_available_channel"), refused = true },
  { report = refusal(503, "no_available_channel"), refused = true },
  { report = answer("<html>", 502) },
  { report = answer "<html>" },
  { report = answer "{" },
  { report = refusal(409, "paid_outcome_unknown") },
  { report = answer("", 408) },
  { report = answer { id = "x", error = { code = "service_error", message = "?" } } },
  { report = broken "network" },
  { report = broken "timeout" },
  { report = broken "protocol" },
  { report = broken "too_big" },
  { report = broken("network", 100, { retryable = false }) },
  { report = broken("network", 100, { salvaged = true, payloads = 2 }), accepted = true },
  { report = broken("network", 40), partial = true, refused = true },
  { report = broken("network", 0), partial = true, refused = true },
  { report = broken("timeout", 99), partial = true, refused = true },
  { report = answer("<html>", 502, { handed = 30 }), partial = true, refused = true },
}

local SAVES = { {}, {}, { kind = "network", retryable = true }, { kind = "not_found" },
  { kind = "io" }, { kind = "timeout", retryable = true, retry_after_ms = 9000 } }

local RANK = { no = 0, maybe = 1, yes = 2 }

-- One walk: a caller that does what it is told, and a world that does not.
local Walk = {}
Walk.__index = Walk

function Walk.new(seed)
  local random = Random.new(seed)
  local kind = random:pick { "submit", "submit", "submit", "attach", "picture" }
  local self = { random = random, now = 0, sends = 0, saves = {}, kind = kind }
  self.options = {
    kind = kind,
    id = (kind == "attach" or kind == "picture" and random:below(2) == 1) and Clocked.ID or nil,
    url = kind == "picture" and "https://a.example/b" or nil,
    save = random:below(2) == 1, idempotent = random:below(4) == 1,
    retry = { max = random:below(6) - 1, base = random:pick { 0, 1, 500, 5000 }, cap = 5000 },
    poll = { min = random:pick { 1, 500, 2000 }, max = 15000 },
    submit_ms = random:pick { 1000, 30000 }, task_ms = random:pick { 0, 5000, 60000, 600000 },
  }
  self.task = assert(window.task(self.options))
  self.deadline = self.options.task_ms
  -- Evidence, gathered independently of the task: what it may have to pay for.
  self.open = kind == "attach"
  self.paid = kind == "picture"
  return setmetatable(self, Walk)
end

-- Says where it happened, so that the seed can be run again.
function Walk:check(good, what)
  if not good then
    error(("seed %d, at %d ms: %s"):format(self.seed, self.now, what), 0)
  end
end

function Walk:watch_billed(may_fall)
  local billed = self.task:billed()
  self:check(may_fall or RANK[billed] >= RANK[self.billed or "no"],
    ("billed fell from %s to %s"):format(self.billed, billed))
  self.billed = billed
end

-- The POST that is under way has this behind it now.
function Walk:settle_send(case)
  self.sending = nil
  if case.accepted then
    self.accepted, self.open = true, true
  elseif not case.refused then
    self.open = true
  end
end

function Walk:report()
  local case = self.random:pick(ANSWERS)
  if self.sending then
    while self.out and case.partial do case = self.random:pick(ANSWERS) end
    self.task:sent(self.now, case.report, self.random:bits())
    self:settle_send(case)
    if case.settled then self.failed = true end
    self:watch_billed(case.settled or case.refused and not self.open)
  else
    self.fetching = nil
    self.task:fetched(self.now, case.report, self.random:bits())
    if case.settled then self.failed = true end
    self:watch_billed(case.settled)
  end
end

function Walk:advance()
  local kind, at, picture, attempt = self.task:next(self.now, self.random:bits())
  self:check(at <= self.deadline, "it wants to be asked again behind its deadline")
  -- Anything but NONE while an exchange is under way is the word to let go of it.
  if kind ~= "none" and (self.sending or self.fetching) and not next(self.saves) then
    self:check(kind == "done" or kind == "wait", "SEND or FETCH beside one under way: " .. kind)
    if self.sending and self.out then self.open = true end
    self.sending, self.fetching = nil, nil
  end
  if kind == "send" then
    self:check(self.kind == "submit", "only a request is sent")
    self:check(not self.accepted, "SEND after it was accepted")
    self:check(not self.open or self.options.idempotent, "SEND where one may be accepted")
    self:check(attempt == self.sends and attempt <= self.options.retry.max, "SEND too often")
    self.sends, self.sending, self.out, self.begun = self.sends + 1, true, false, false
  elseif kind == "fetch" then
    self:check(self.accepted or self.options.id, "FETCH before it was accepted")
    self.fetching = true
  elseif kind == "save" then
    self:check(not self.saves[picture], "SAVE of what is being saved")
    self.saves[picture] = true
  end
  self:watch_billed()
  return kind, at
end

function Walk:step()
  local kind, at = self:advance()
  if kind == "done" then return false end
  local random = self.random
  if kind == "wait" then
    self:check(at >= self.now, "it waits for what is past")
    self.now = random:below(4) > 1 and at or at + random:below(3000)
  elseif kind == "none" and random:below(6) == 1 then
    self.now = self.now + random:below(40000)
  end
  if self.sending and not self.begun and random:below(3) > 1 then
    self.begun = true
    self.task:started(self.now)
  end
  if self.sending and self.begun and random:below(2) == 1 then
    self.out = self.out or random:below(2) == 1
    self.task:handed(self.out and 100 or 50, 100)
    self:watch_billed()
  end
  if random:below(100) == 1 then
    self.task:cancel("cancelled", "x")
    if self.sending and self.out then self.open = true end
    self:watch_billed()
    return false
  end
  if kind == "none" and random:below(3) == 1 then
    local picture = next(self.saves)
    if self.sending or self.fetching then
      -- Only what goes out has an outcome: a queued POST waits for its slot.
      if not self.sending or self.begun then self:report() end
    elseif picture then
      self.saves[picture] = nil
      local err = random:pick(SAVES)
      self.task:saved(self.now, picture, err.kind and err or nil, random:bits())
      self:watch_billed()
    end
  end
  return true
end

function Walk:finish()
  local kind = self.task:next(self.now, self.random:bits())
  self:check(kind == "done", "it goes on")
  local state = self.task:state()
  local pictures = #state.pictures > 0
  self:check(pictures == (state.billed == "yes"), "pictures and billed differ")
  if self.failed and not pictures then
    self:check(state.billed == "no", "a failed task is billed " .. state.billed)
  elseif not pictures then
    local expected = self.open and "maybe" or "no"
    self:check(state.billed == expected,
      ("billed is %s, the evidence says %s"):format(state.billed, expected))
  end
  if state.status == "ok" then
    self:check(pictures and not state.err, "ok without pictures, or with an error")
  else
    self:check(state.err and state.err.kind == state.status, "no error of its kind")
  end
  for _, picture in ipairs(state.pictures) do
    self:check(picture.state == "idle" or picture.state == "saved" or picture.state == "failed"
      or state.status == "cancelled", "a picture is " .. picture.state)
  end
  -- DONE is final.
  self.now = self.now + 1
  self.task:sent(self.now, Clocked.completed())
  self.task:fetched(self.now, Clocked.completed())
  self.task:saved(self.now, 0)
  self.task:handed(100, 100)
  self.task:cancel("io", "y")
  kind = self.task:next(self.now)
  self:check(kind == "done", "DONE was not final")
  assert.same(state, self.task:state())
end

describe("gim_task on 20,000 random walks", function()
  it("never pays twice, tells the truth about what was billed, and ends in time", function()
    local ends = {}
    for seed = 1, 20000 do
      local walk = Walk.new(seed)
      walk.seed = seed
      local steps = 0
      while walk:step() do
        steps = steps + 1
        walk:check(steps < 5000, "it does not end")
      end
      if walk.now > walk.deadline + 40000 then walk:check(false, "it outlived its deadline") end
      walk:finish()
      local state = walk.task:state()
      local name = state.status .. " " .. state.billed
      ends[name] = (ends[name] or 0) + 1
    end
    -- The walks have been to all the places that count.
    for _, name in ipairs { "ok yes", "timeout no", "timeout maybe", "timeout yes", "network no",
      "network maybe", "server no", "server maybe", "cancelled no", "cancelled maybe",
      "cancelled yes", "protocol maybe", "rate_limited no", "invalid no", "invalid maybe",
      "io yes", "not_found maybe", "not_found yes" } do
      assert.is_true((ends[name] or 0) > 10, name .. " was hardly reached")
    end
  end)
end)

-- Stories told with the n-th allocation failing, for every n there is.
local STORIES = {
  ["a request, polled and saved"] = function(make)
    local t = make { save = true }
    if not t then return nil, "no" end
    t:next(0)
    t:started(0)
    t:handed(100, 100)
    t:sent(0, task("pending", { model = "gpt-image-2", request_id = "r" }))
    if t:next(2000) == "fetch" then t:fetched(2000, Clocked.completed(2)) end
    if t:next(2000) == "save" then t:saved(2000, 0) end
    if t:next(2000) == "save" then t:saved(2000, 1, { kind = "io" }) end
    return t
  end,
  ["a synchronous answer that fails to be saved"] = function(make)
    local t = make { save = true }
    t:next(0)
    t:sent(0, answer { data = { { url = "https://a.example/b", revised_prompt = "A cat" } } })
    if t:next(0) == "save" then t:saved(0, 0, { kind = "io" }) end
    return t
  end,
  ["pictures saved from a broken answer"] = function(make)
    local t = make {}
    t:next(0)
    t:sent(0, broken("network", 100, { salvaged = true, payloads = 3 }))
    return t
  end,
  ["a task that fails"] = function(make)
    local t = make { kind = "attach", id = Clocked.ID }
    if not t then return nil, "maybe" end
    if t:next(0) == "fetch" then t:fetched(0, Clocked.failed "service_error") end
    return t
  end,
  ["a refusal"] = function(make)
    local t = make {}
    t:next(0)
    t:sent(0, refusal(400, "invalid_request"))
    return t
  end,
  ["a deadline"] = function(make)
    local t = make { task_ms = 10 }
    t:next(0)
    t:started(0)
    t:handed(100, 100)
    t:next(10)
    return t
  end,
  ["a picture job"] = function(make)
    local t = make { kind = "picture", url = "https://a.example/b" }
    if not t then return nil, "yes" end
    if t:next(0) == "save" then t:saved(0, 0, { kind = "not_found" }) end
    return t
  end,
}

describe("gim_task without memory", function()
  local function make(options)
    local t, kind = window.task(options)
    assert.is_true(t ~= nil or kind == "no_memory")
    return t
  end

  local function finish(t)
    if t:next(2000000) ~= "done" then t:cancel("cancelled", "x") end
    assert.same("done", (t:next(2000000)))
    return t:state()
  end

  for name, tell in pairs(STORIES) do
    it("tells the truth or that there is no memory: " .. name, function()
      local whole = finish(assert(tell(make)))
      local failures = 0
      for n = 1, 200 do
        window.fail_allocation(n)
        local t = tell(make)
        if window.fail_allocation(0) > 0 then break end -- there was no n-th any more
        failures = failures + 1
        if t then
          local state = finish(t)
          -- Whatever could not be kept: what was paid is not called free. What
          -- cannot be salvaged leaves what broke.
          assert.is_true(state.status == whole.status or state.status == "no_memory"
            or state.status == "network" or state.status == "cancelled", state.status)
          assert.is_true(RANK[state.billed] >= RANK[whole.billed] or state.billed == "maybe",
            state.billed .. " for " .. whole.billed)
          if state.err then assert.same(state.status, state.err.kind) end
        end
      end
      assert.is_true(failures > 0 and failures < 200)
    end)
  end
end)
