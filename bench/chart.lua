-- SPDX-License-Identifier: MIT
-- Draws the results of bench/speed.lua, and puts its table where the README has
-- room for it. `make bench-readme` runs it; nothing of it is written by hand.
-- usage: chart.lua RESULTS.json CHART.svg README.md
local readme = require "bench.support.readme"
local report = require "bench.support.report"

local LEFT, PANEL, GAP, TOP, ROW, BAR = 182, 208, 22, 56, 26, 15
local OURS, THEIRS, INK, PALE = "#1f6feb", "#9aa4b2", "#1f2328", "#57606a"

local function escape(text)
  return (text:gsub("[&<>]", { ["&"] = "&amp;", ["<"] = "&lt;", [">"] = "&gt;" }))
end

local function label(value, unit)
  return (value >= 10 and "%.0f %s" or "%.1f %s"):format(value, unit)
end

local function draw(results)
  local panels = {
    { "one picture, whole process", "ms", results.rows.one, "wall_ms" },
    { "ten in one reply, warm", "ms", results.rows.many, "wall_ms" },
    { "memory for the ten", "MiB", results.rows.many, "rss_mib" },
  }
  local width = LEFT + #panels * (PANEL + GAP)
  local height = TOP + #results.peers * ROW + 34
  local out = {}
  local function add(...) out[#out + 1] = string.format(...) end
  local function text(x, y, size, colour, words, more)
    add('<text x="%d" y="%d" font-size="%d" fill="%s"%s>%s</text>', x, y, size, colour, more or "",
      escape(words))
  end
  add('<svg xmlns="http://www.w3.org/2000/svg" width="%d" height="%d" viewBox="0 0 %d %d" '
    .. 'font-family="system-ui, sans-serif">', width, height, width, height)
  add('<rect width="%d" height="%d" rx="6" fill="#ffffff"/>', width, height)
  text(14, 24, 15, INK, "From a reply to files: pictures of 20 MB as base64 JSON",
    ' font-weight="600"')
  for i, peer in ipairs(results.peers) do
    text(LEFT - 12, TOP + i * ROW - 4, 13, peer.key == "ours" and OURS or INK, peer.name,
      ' text-anchor="end"' .. (peer.key == "ours" and ' font-weight="600"' or ""))
  end
  for number, panel in ipairs(panels) do
    local title, unit, rows, field = table.unpack(panel)
    local x, most, values = LEFT + (number - 1) * (PANEL + GAP), 0, {}
    for _, row in ipairs(rows) do values[row.key] = row[field].median end
    for _, peer in ipairs(results.peers) do most = math.max(most, values[peer.key]) end
    text(x, TOP - 6, 12, PALE, title)
    for i, peer in ipairs(results.peers) do
      local value = values[peer.key]
      local long, y = math.max(1, value / most * (PANEL - 62)), TOP + i * ROW - 16
      add('<rect x="%d" y="%d" width="%.1f" height="%d" fill="%s"/>', x, y, long, BAR,
        peer.key == "ours" and OURS or THEIRS)
      text(x + math.floor(long) + 5, y + 12, 12, INK, label(value, unit))
    end
  end
  text(14, height - 12, 11, PALE, ("Medians of %d runs, %s; less is better."):format(
    results.repetitions, results.date))
  add "</svg>"
  return table.concat(out, "\n") .. "\n"
end

readme.publish("speed", arg, draw, report.markdown)
