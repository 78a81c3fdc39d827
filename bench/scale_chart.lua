-- SPDX-License-Identifier: MIT
-- Draws the results of bench/scale.lua, and puts its table where the README has room for it.
-- `make bench-readme` runs it; nothing of it is written by hand.
-- usage: scale_chart.lua SCALE.json CHART.svg README.md
local readme = require "bench.support.readme"
local report = require "bench.support.scale_report"

local LEFT, PANEL, GAP, TOP, HEIGHT = 54, 176, 58, 58, 130
local OURS, INK, PALE, GRID = "#1f6feb", "#1f2328", "#57606a", "#d8dee4"

-- Each panel: what it shows, of a row of results.growth; its unit; and what its figure is at most.
local function panels_of(results)
  return {
    { "CPU, 10,000 requests", "s", function(row) return row.cpu.median end, 0.22 },
    { "all done in", "s", function(row) return row.wall.median end, results.polls + 0.3 },
    { "an idle step", "µs", function(row) return row.idle.lua.median end, 0.5 },
    { "memory of a task", "KiB", function(row) return row.memory and row.memory.median end, 1 },
  }
end

local function draw(results)
  local panels, rows = panels_of(results), results.growth
  local width, height = LEFT + #panels * (PANEL + GAP) - GAP + 20, TOP + HEIGHT + 62
  local first, last = rows[1].count, rows[#rows].count
  local out = {}
  local function add(...) out[#out + 1] = string.format(...) end
  local function text(x, y, size, colour, words, more)
    add('<text x="%.1f" y="%.1f" font-size="%d" fill="%s"%s>%s</text>', x, y, size, colour,
      more or "", words)
  end
  add('<svg xmlns="http://www.w3.org/2000/svg" width="%d" height="%d" viewBox="0 0 %d %d" '
    .. 'font-family="system-ui, sans-serif">', width, height, width, height)
  add('<rect width="%d" height="%d" rx="6" fill="#ffffff"/>', width, height)
  text(14, 24, 15, INK, ("From %d tasks to %d: what each of them costs"):format(first, last),
    ' font-weight="600"')
  for i, panel in ipairs(panels) do
    local title, unit, value_of, limit = table.unpack(panel)
    local x0, y0 = LEFT + (i - 1) * (PANEL + GAP), TOP + HEIGHT
    local top = limit
    for _, row in ipairs(rows) do top = math.max(top, value_of(row) or 0) end
    top = top * 1.15
    local function x_of(count)
      return x0 + math.log(count / first) / math.log(last / first) * PANEL
    end
    local function y_of(value) return y0 - value / top * HEIGHT end
    text(x0, TOP - 10, 12, PALE, ("%s, %s"):format(title, unit))
    add('<path d="M%.1f %.1fV%.1fH%.1f" fill="none" stroke="%s"/>', x0, TOP, y0, x0 + PANEL, GRID)
    add('<path d="M%.1f %.1fH%.1f" stroke="%s" stroke-dasharray="4 3"/>', x0, y_of(limit),
      x0 + PANEL, PALE)
    text(x0 - 6, y_of(limit) + 4, 11, PALE, ("%g"):format(limit), ' text-anchor="end"')
    text(x0 - 6, y0 + 4, 11, PALE, "0", ' text-anchor="end"')
    local points = {}
    for _, row in ipairs(rows) do
      local value = value_of(row)
      text(x_of(row.count), y0 + 16, 10, PALE, tostring(row.count), ' text-anchor="middle"')
      if value then
        points[#points + 1] = ("%.1f,%.1f"):format(x_of(row.count), y_of(value))
        add('<circle cx="%.1f" cy="%.1f" r="3" fill="%s"/>', x_of(row.count), y_of(value), OURS)
      end
    end
    add('<polyline points="%s" fill="none" stroke="%s" stroke-width="2"/>',
      table.concat(points, " "), OURS)
  end
  text(14, height - 12, 11, PALE, ("Dashed: what was to be reached. Medians of %d runs, %s.")
    :format(results.repetitions, results.date))
  add "</svg>"
  return table.concat(out, "\n") .. "\n"
end

readme.publish("scale", arg, draw, report.markdown)
