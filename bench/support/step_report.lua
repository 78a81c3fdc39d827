-- SPDX-License-Identifier: MIT
-- What the numbers of bench/step.lua say: which goals they reach, and tables of them.
local readme = require "bench.support.readme"
local shared = require "bench.support.results"

local number = shared.number

local M = {}

---@return {what: string, goal: string, value: number, reached: boolean}[]
function M.goals(results)
  local goals, budget = {}, results.budget
  local name = ("step(0, %g)"):format(results.budget_ms / 1000)
  local function add(what, ...) shared.add_goal(goals, name .. ": " .. what, ...) end
  add("ms, 99.9th percentile", budget.p999_ms, 1.5)
  add("ms, the worst", budget.max_ms, 4)
  add("throughput, times that of step()", budget.mb_per_s / results.none.mb_per_s, 0.5, true)
  return goals
end

-- What was measured, and what of it may be the machine's.
local function circumstances(results)
  return ("%d replies of %d MB arrive and %d tasks wait, in %d rounds of each; %d steps. "
    .. "An empty loop was interrupted for %s ms in its worst second, for %s in the middle one")
    :format(results.streams, results.picture_bytes // 1000000, results.waiting, results.rounds,
      results.budget.steps, number(results.pause_ms.max), number(results.pause_ms.median))
end

---@return string for a terminal
function M.text(results)
  local out = { shared.machine_line(results), "", circumstances(results) .. ".", "" }
  local function add(...) out[#out + 1] = string.format(...) end
  local line = "  %-14s" .. (" %9s"):rep(8)
  add(line, "", "steps", "p50 ms", "p99 ms", "p99.9 ms", "max ms", "p99.9 CPU", "max CPU", "MB/s")
  for _, row in ipairs { results.budget, results.none } do
    add(line, row.name, row.steps, number(row.p50_ms), number(row.p99_ms), number(row.p999_ms),
      number(row.max_ms), number(row.cpu_p999_ms), number(row.cpu_max_ms), number(row.mb_per_s))
  end
  add("")
  shared.add_goal_lines(out, results.goals)
  return table.concat(out, "\n") .. "\n"
end

---@return string in Markdown, for the README
function M.markdown(results)
  local out = {}
  readme.add_goals(out, results.goals, number)
  out[#out + 1] = ""
  out[#out + 1] = circumstances(results) .. "."
  out[#out + 1] = shared.machine_line(results) .. "."
  return table.concat(out, "\n") .. "\n"
end

return M
