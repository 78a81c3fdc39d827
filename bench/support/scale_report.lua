-- SPDX-License-Identifier: MIT
-- What the figures of bench/scale.lua mean: goals, tables as text and as Markdown.
local readme = require "bench.support.readme"
local shared = require "bench.support.results"

local find, number = shared.find, shared.number

local M = {}

---@return {what: string, goal: string, value: number, reached: boolean}[]
function M.goals(results)
  local goals = {}
  local function add(...) shared.add_goal(goals, ...) end
  local ours = find(results.peers, "ours")
  local first, last = results.growth[1], results.growth[#results.growth]
  local parts = results.figures
  add("CPU seconds in 10,000 requests", ours.cpu.median, 0.22)
  -- The goal above was set on a faster machine, where libcurl alone took 0.16 s: as a ratio it is
  -- one for any machine.
  add("CPU: times libcurl alone", ours.cpu.median / find(results.peers, "floor").cpu.median,
    0.22 / 0.16)
  for _, peer in ipairs(results.peers) do
    if peer.least then
      add("times less CPU than " .. peer.name, peer.cpu.median / ours.cpu.median, peer.least, true)
    end
  end
  add(("done within, s (%d s of waiting)"):format(results.polls), ours.wall.median, 5.3)
  add("late at the 99th percentile, ms", ours.late.median, 50)
  add("early, ms", ours.early.max, 0)
  add("KiB for each task that waits", last.memory.median, 1)
  add("KiB for each that waits in a coroutine", parts.coroutines.median, 2.5)
  add("us of an idle step, all waiting", last.idle.lua.median, 0.5)
  add("us of an idle step, all in flight", parts.flying.lua.median, 1)
  add("idle step: times that of a few", last.idle.lua.median / first.idle.lua.median, 1.25)
  add("idle step in flight: times that of ten", parts.flying.lua.median
    / parts.flying_few.lua.median, 1.25)
  add("submit: times cjson.encode", parts.submit.ours.median / parts.submit.cjson.median, 3)
  if parts.load then
    add("require and a client, ms", parts.load.ms.median, 5)
    add("require and a client, MiB of its own", parts.load.own_mib.median, 1.5)
  end
  return goals
end

---@return string for a terminal
function M.text(results)
  local out = { shared.machine_line(results), "" }
  local function add(...) out[#out + 1] = string.format(...) end
  local ours = find(results.peers, "ours")
  add("%d tasks, %d queries each, a second apart", results.tasks, results.polls)
  add("  %-14s %12s %8s %8s %10s %10s", "", "CPU s/10,000", "ours x", "done s", "late ms",
    "KiB/task")
  for _, peer in ipairs(results.peers) do
    add("  %-14s %12s %8s %8s %10s %10s", peer.name, number(peer.cpu.median),
      number(peer.cpu.median / ours.cpu.median), number(peer.wall.median),
      number(peer.late.median), number(peer.memory.median))
  end
  add("")
  add("  %-14s %12s %8s %10s %10s %10s", "tasks", "CPU s/10,000", "done s", "late ms", "idle us",
    "KiB/task")
  for _, row in ipairs(results.growth) do
    add("  %-14d %12s %8s %10s %10s %10s", row.count, number(row.cpu.median),
      number(row.wall.median), number(row.late.median), number(row.idle.lua.median),
      number(row.memory and row.memory.median))
  end
  local last, parts = results.growth[#results.growth], results.figures
  add("")
  add("idle step, us: the core's %s of %s waiting, %s of %s in flight",
    number(last.idle.core.median), number(last.idle.lua.median), number(parts.flying.core.median),
    number(parts.flying.lua.median))
  add("%d requests in flight: %s us of CPU each; ten: %s", parts.flying_count,
    number(parts.flying.cpu_us.median), number(parts.flying_few.cpu_us.median))
  add("submit %s us, cjson.encode %s us", number(parts.submit.ours.median),
    number(parts.submit.cjson.median))
  if parts.load then
    add("require and a client: %s ms, %s MiB of its own, %s MiB with the code of libraries",
      number(parts.load.ms.median), number(parts.load.own_mib.median),
      number(parts.load.all_mib.median))
  end
  add("")
  shared.add_goal_lines(out, results.goals)
  for _, name in ipairs(results.missing) do add("skipped, it is not installed: %s", name) end
  return table.concat(out, "\n") .. "\n"
end

---@return string the main figures in Markdown, for the README
function M.markdown(results)
  local ours = find(results.peers, "ours")
  local out = { "![from 100 tasks to 10,000: what each of them costs](bench/scale.svg)", "",
    "| | CPU, 10,000 requests | | all done in | late, 99 % |", "|---|--:|--:|--:|--:|" }
  for _, peer in ipairs(results.peers) do
    local us = peer.key == "ours"
    out[#out + 1] = ("| %s | %s s | %s | %.1f s | %.0f ms |"):format(
      us and "**gptimage**" or ("%s (%s)"):format(peer.name, peer.version),
      number(peer.cpu.median), us and "" or ("× %.1f"):format(peer.cpu.median / ours.cpu.median),
      peer.wall.median, peer.late.median)
  end
  out[#out + 1] = ""
  readme.add_goals(out, results.goals, number)
  out[#out + 1] = ""
  out[#out + 1] = shared.machine_line(results) .. "."
  return table.concat(out, "\n") .. "\n"
end

return M
