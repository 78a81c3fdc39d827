-- SPDX-License-Identifier: MIT
-- How results get into the README: a chart beside it, a table where it has room for one.
local cjson = require "cjson"

local M = {}

local function read(path)
  local file <close> = assert(io.open(path, "rb"))
  return file:read "a"
end

local function write(path, text)
  local file <close> = assert(io.open(path, "wb"))
  assert(file:write(text))
end

--- What was to be reached, and was it?
---@param out string[]  lines of Markdown, which grow
---@param goals {what: string, goal: string, value: number, reached: boolean}[]
---@param number fun(value: number): string
function M.add_goals(out, goals, number)
  out[#out + 1] = "| | measured | goal |\n|---|--:|---|"
  for _, goal in ipairs(goals) do
    out[#out + 1] = ("| %s | %s | %s%s |"):format(goal.what, number(goal.value), goal.goal,
      goal.reached and "" or ": not reached")
  end
end

--- A program's whole work: draws the results, and replaces what is between the marks of that name.
---@param name string  "speed": between <!-- speed --> and <!-- /speed -->
---@param words string[]  the program's arguments: results, chart, README; no chart: false
---@param draw (fun(results: table): string)?  the chart
---@param markdown fun(results: table): string  the table
function M.publish(name, words, draw, markdown)
  local results_path, chart, readme = table.unpack(words)
  assert(readme, "usage: RESULTS.json CHART.svg README.md")
  local results = cjson.decode(read(results_path))
  if chart then write(chart, draw(results)) end
  local before, after = read(readme)
    :match("^(.-<!%-%- " .. name .. " %-%->\n).-(<!%-%- /" .. name .. " %-%->.*)$")
  assert(before, readme .. " has no place for the table")
  write(readme, before .. markdown(results) .. after)
end

return M
