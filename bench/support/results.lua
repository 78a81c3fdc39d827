-- SPDX-License-Identifier: MIT
-- What all benchmarks say of their results in the same words: goals, numbers, the machine.
local M = {}

---@param rows {key: string}[]?
---@param key string
---@return table?
function M.find(rows, key)
  for _, row in ipairs(rows or {}) do
    if row.key == key then return row end
  end
end

--- What was to be reached, and was it? Nothing where there is no value.
---@param goals {what: string, goal: string, value: number, reached: boolean}[]  which grow
---@param what string
---@param value number?
---@param limit number
---@param at_least boolean?  else the value is to be at most that
function M.add_goal(goals, what, value, limit, at_least)
  if not value then return end
  goals[#goals + 1] = { what = what, value = value,
    goal = (at_least and "at least %g" or "at most %g"):format(limit),
    reached = at_least and value >= limit or not at_least and value <= limit }
end

--- Three digits that count.
---@param value number?
---@return string
function M.number(value)
  if not value then return "" end
  local format = value >= 100 and "%.0f" or value >= 10 and "%.1f" or value >= 1 and "%.2f"
    or "%.3f"
  return format:format(value)
end

--- The goals as lines of text.
---@param out string[]  which grows
---@param goals {what: string, goal: string, value: number, reached: boolean}[]
function M.add_goal_lines(out, goals)
  out[#out + 1] = "Goals"
  for _, goal in ipairs(goals) do
    out[#out + 1] = ("  %-4s %-50s %8s  (%s)"):format(goal.reached and "yes" or "NO", goal.what,
      M.number(goal.value), goal.goal)
  end
end

---@param results {machine: table, congestion: string, repetitions: integer, date: string}
---@return string
function M.machine_line(results)
  local m, count = results.machine, results.repetitions
  return ("%s, %d cores, %d GiB; %s, Linux %s, %s; libcurl %s; loopback, %s; %d %s, %s"):format(
    m.processor, m.cores, m.memory_gib, m.system, m.kernel, m.files,
    (m.libcurl:gsub("^libcurl ", "")), results.congestion, count,
    count == 1 and "repetition" or "repetitions", results.date)
end

return M
