-- SPDX-License-Identifier: MIT
-- Tests src/core/gim_recovery.c through the test window.
local window = require "gptimage.core_test"
local Random = require "spec.support.random"

-- Lines as a journal has them, at rising offsets.
local function feed(recovery, lines)
  local offset = 0
  for _, line in ipairs(lines) do
    local text = type(line) == "string" and line or assert(window.record_write(line))
    assert(recovery:line(text, offset, #text + 1))
    offset = offset + #text + 1
  end
  return recovery, offset
end

local function intent(key) return { event = "intent", key = key, time = 1, request = "{}" } end
local function accepted(key) return { event = "accepted", key = key, time = 2, id = "t" } end
local function done(key, n)
  local images = {}
  for i = 1, n do images[i] = { url = "https://x/" .. i, expires_at = 9 } end
  return { event = "done", key = key, time = 3, images = images }
end
local function saved(key, index)
  return { event = "saved", key = key, time = 4, index = index, path = "p", size = 1 }
end
local function failed(key, billed)
  return { event = "failed", key = key, time = 5, kind = "timeout", billed = billed }
end
local function closed(key) return { event = "closed", key = key, time = 6 } end

local function states(recovery)
  local list = {}
  for key, entry in pairs(recovery:open()) do list[key] = entry.state end
  return list
end

describe("gim_recovery", function()
  it("knows how far each request came", function()
    local recovery = feed(window.recovery(), {
      intent "a", intent "b", intent "c", intent "d", intent "e", intent "f", intent "g",
      accepted "b", accepted "c", done("c", 2), saved("c", 1), failed("d", "maybe"),
      failed("e", "no"), done("f", 1), saved("f", 1), failed("g", "maybe"), closed "g" })
    assert.same({ a = "intent", b = "accepted", c = "done", d = "failed" }, states(recovery))
    local c = recovery:open().c
    assert.same({ 2, 1, 4 }, { c.images, c.saved, #c.lines })
    local open, finished = recovery:counts()
    assert.same({ 4, 3 }, { open, finished })
  end)

  it("takes the lines of a request in any order behind its intent", function()
    local after = { done("k", 2), saved("k", 2), saved("k", 1) }
    local random = Random.new(3)
    for _ = 1, 50 do
      for i = #after, 2, -1 do
        local j = random:below(i)
        after[i], after[j] = after[j], after[i]
      end
      local recovery = feed(window.recovery(), { intent "k", after[1], accepted "k", after[2] })
      assert.equal(1, (recovery:counts()))
      feed(recovery, { after[3] })
      assert.equal(0, (recovery:counts()))
      assert.equal(0, (select(3, recovery:counts())))
    end
  end)

  it("counts pictures of which nothing can be brought as missing; no pictures is over", function()
    local recovery = feed(window.recovery(), { intent "k",
      { event = "done", key = "k", time = 1, images = { {}, { url = "u" } } }, saved("k", 2) })
    assert.equal(1, recovery:open().k.saved)
    feed(recovery, { intent "none", { event = "done", key = "none", time = 1, images = {} } })
    assert.equal(1, (recovery:counts()))
  end)

  it("does not fall for numbers out of range", function()
    local recovery = feed(window.recovery(), { intent "k", done("k", 128), saved("k", 0),
      saved("k", 129), saved("k", -1), saved("k", 1 << 40), saved("k", 128) })
    assert.equal(1, recovery:open().k.saved)
  end)

  it("drops what follows the end of a request, and what has no intent", function()
    local recovery = feed(window.recovery(), { accepted "x", done("x", 1), closed "x",
      intent "k", failed("k", "no"), saved("k", 1), accepted "k" })
    assert.same({ 0, 1, 0 }, { recovery:counts() })
    assert.same({}, recovery:ranges())
  end)

  it("keeps the lines of what is open and what is none of ours, in order", function()
    local torn = '{"event":"inte'
    local lines = { intent "a", torn, intent "b", "# by hand", accepted "a", closed "b",
      '{"event":"moved","key":"b"}', failed("a", "maybe") }
    local recovery, size = feed(window.recovery(), lines)
    assert(recovery:line(nil, size, 1 << 30)) -- one that was too long to be read
    local kept, offset = {}, 0
    for index, line in ipairs(lines) do
      local n = #(type(line) == "string" and line or assert(window.record_write(line))) + 1
      if index ~= 3 and index ~= 6 then kept[#kept + 1] = { offset = offset, n = n } end
      offset = offset + n
    end
    kept[#kept + 1] = { offset = offset, n = 1 << 30 }
    assert.same(kept, recovery:ranges())
  end)

  it("agrees with a plain table, whatever comes", function()
    for seed = 1, 30 do
      local random, recovery, plain = Random.new(seed), window.recovery(), {}
      local lines = {}
      for _ = 1, 400 do
        local key = "key" .. random:below(60)
        local what = random:below(5)
        local state = plain[key]
        if what == 1 then
          lines[#lines + 1] = intent(key)
          plain[key] = state or "intent"
        elseif what == 2 then
          lines[#lines + 1] = accepted(key)
          if state == "intent" then plain[key] = "accepted" end
        elseif what == 3 then
          lines[#lines + 1] = done(key, 1)
          if state then plain[key] = "done" end
        elseif what == 4 then
          lines[#lines + 1] = failed(key, "maybe")
          if state and state ~= "done" then plain[key] = "failed" end
        else
          lines[#lines + 1] = closed(key)
          plain[key] = nil
        end
      end
      feed(recovery, lines)
      assert.same(plain, states(recovery))
    end
  end)

  it("uses memory for what is open alone: its slots are used again", function()
    local recovery = window.recovery()
    collectgarbage()
    for i = 1, 20000 do
      local key = "k" .. i
      assert(recovery:line(assert(window.record_write(intent(key))), i, 1))
      assert(recovery:line(assert(window.record_write(closed(key))), i, 1))
    end
    assert.same({ 0, 20000, 0 }, { recovery:counts() })
  end)

  it("says when memory is out, and can be freed then", function()
    local lines = {}
    for i = 1, 200 do lines[i] = assert(window.record_write(intent("k" .. i))) end
    for n = 1, 12 do
      local recovery, failure = window.recovery(), nil
      window.fail_allocation(n)
      for i, line in ipairs(lines) do
        local ok, kind = recovery:line(line, i, 1)
        if not ok then
          failure = kind
          break
        end
      end
      window.fail_allocation(0)
      assert.is_true(failure == nil or failure == "no_memory")
    end
  end)
end)
