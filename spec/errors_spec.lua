-- SPDX-License-Identifier: MIT
-- The tables of errors in README.md against the code: every kind, every code, what to do about it
-- and what it costs.
local files = require "spec.support.files"
local window = require "gptimage.core_test"
local Clocked = require "spec.support.clocked"

-- The rows of the table whose head begins so: lists of cells.
local function rows_of(head)
  local rows = {}
  local text = files.read "README.md"
  local from = assert(select(2, text:find("\n| " .. head .. " |", 1, true)), head)
  for line in text:sub(from):gmatch "\n([^\n]*)" do
    if line == "" then break end
    if not line:find "^|%-" then
      local cells = {}
      for cell in line:gmatch "|%s*([^|]*[^|%s])" do cells[#cells + 1] = cell end
      rows[#rows + 1] = cells
    end
  end
  return rows
end

-- Code -> {kind, again, ...the further cells}.
local function codes_of(head)
  local codes = {}
  for _, cells in ipairs(rows_of(head)) do
    for code in cells[1]:gmatch "`([%l_]+)`" do
      assert.is_nil(codes[code], "twice: " .. code)
      codes[code] = { table.unpack(cells, 2) }
    end
  end
  return codes
end

local function codes_in(array)
  local text = assert(files.read "src/core/gim_verdict.c":match(array .. "%[%] = (%b{})"))
  local codes = {}
  for code in text:gmatch '{"([%l_]+)", GIM_E_' do codes[code] = true end
  return codes
end

local function yes(retryable) return retryable and "yes" or "no" end

describe("README.md's table of", function()
  it("kinds has every kind", function()
    local kinds = {}
    for _, cells in ipairs(rows_of "kind") do kinds[cells[1]:match "`([%l_]+)`"] = true end
    local real = {}
    for kind in files.read "src/core/gim_base.h":gmatch 'GIM_E_[%u_]+,?%s+/%* "([%l_]+)"' do
      real[kind] = true
    end
    assert.same(real, kinds)
  end)

  it("codes of refused requests says what they are", function()
    local shown = codes_of "code of a refused request"
    for code in pairs(codes_in "http_codes") do
      local row = assert(shown[code], code .. " is not shown")
      local kind, retryable, advice = window.verdict_http(500, code, "")
      local job = Clocked.new { retry = { max = 0 } }
      job:send(Clocked.refusal(500, code))
      assert.same({ kind, yes(retryable), job:billed(), advice }, row, code)
      shown[code] = nil
    end
    assert.same({}, shown)
  end)

  it("codes of failed tasks says what they are", function()
    local shown = codes_of "code of a failed task (not charged)"
    for code in pairs(codes_in "task_codes") do
      local row = assert(shown[code], code .. " is not shown")
      local kind, retryable, advice = window.verdict_task(code)
      assert.same({ kind, yes(retryable), advice }, row, code)
      local job = Clocked.new()
      job:send(Clocked.failed(code))
      assert.same("no", job:billed())
      assert.is_truthy(job.task:state().err.message:find(advice, 1, true))
      shown[code] = nil
    end
    assert.same({}, shown)
  end)

  it("says what is true of 4xx and 429", function()
    for code in pairs(codes_in "http_codes") do
      for status = 400, 451 do
        local job = Clocked.new { retry = { max = 0 } }
        job:send(Clocked.refusal(status, code))
        local doubt = status == 408 or code == "paid_outcome_unknown"
        assert.same(doubt and "maybe" or "no", job:billed(), code .. " " .. status)
      end
    end
    for _, code in ipairs { "quota_exceeded", "resource_exhausted" } do
      assert.same("rate_limited", (window.verdict_http(429, code, "")))
    end
  end)
end)
