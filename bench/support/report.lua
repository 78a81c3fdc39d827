-- SPDX-License-Identifier: MIT
-- What the numbers of a run say: which goals they reach, and tables of them.
local readme = require "bench.support.readme"
local shared = require "bench.support.results"

local find, number = shared.find, shared.number

local M = {}

local function wall(rows, key)
  local row = find(rows, key)
  return row and row.wall_ms.median
end

---@param output fun(command: string): string
---@param folder string where files are written
function M.machine(output, folder)
  return {
    processor = output "sed -n 's/^model name.*: //p' /proc/cpuinfo | head -1",
    cores = tonumber(output "nproc"),
    memory_gib = math.floor(tonumber(output "awk '/^MemTotal/ { print $2 }' /proc/meminfo")
      / 1048576 + 0.5),
    kernel = output "uname -r | cut -d. -f1-2", -- what a vendor adds says nothing here
    system = output ". /etc/os-release && echo \"$PRETTY_NAME\"",
    files = output("df --output=fstype '" .. folder .. "' | tail -1"),
    libcurl = output "curl-config --version",
    node = output "node --version",
  }
end

local LUA = { "luasocket", "lua_http" }

---@return {what: string, goal: string, value: number, reached: boolean}[]
function M.goals(results)
  local goals, rows = {}, results.rows
  local function add(what, value, limit, at_most)
    shared.add_goal(goals, what, value, limit, not at_most)
  end
  local function times(table_of, key)
    local theirs, mine = wall(table_of, key), wall(table_of, "ours")
    return theirs and theirs / mine
  end
  local function best(table_of)
    local least
    for _, key in ipairs(LUA) do
      local ratio = times(table_of, key)
      if ratio and (not least or ratio < least) then least = ratio end
    end
    return least
  end
  local one, many, memory, tls = rows.one, rows.many, rows.memory, rows.tls
  add("one: times curl -o /dev/null", wall(one, "ours") / wall(one, "curl"), 1.5, true)
  add("one: times faster than openai (npm)", times(one, "openai"), 12)
  add("one: times faster than python3-requests", times(one, "requests"), 9)
  add("one: times faster than curl, jq, base64", times(one, "pipeline"), 9)
  add("one: times faster than the best Lua stack", best(one), 7)
  local floors = wall(many, "receive") + wall(many, "decode") + wall(many, "write")
  add("ten, warm: times the sum of the floors", wall(many, "ours") / floors, 1.25, true)
  local least
  for _, peer in ipairs(results.peers) do
    local ratio = peer.key ~= "ours" and times(many, peer.key)
    if ratio and (not least or ratio < least) then least = ratio end
  end
  add("ten, warm: times faster than the fastest peer", least, 9)
  local function rss(key) return find(memory, key).rss_mib.median end
  add("memory: MiB over an idle client, one", rss "one" - rss "idle", 2, true)
  add("memory: MiB over an idle client, ten", rss "many" - rss "idle", 2, true)
  add("memory: MiB for each further picture in parallel",
    (rss "parallel" - rss "one") / (results.parallel - 1), 0.6, true)
  add("TLS: times libcurl discarding", wall(tls, "ours") / wall(tls, "receive"), 1.15, true)
  local decoder = rows.decoder
  local function speed(key) return find(decoder, key) and find(decoder, key).gb_s end
  -- 5 and 20 GB/s where memcpy does 19: as ratios they hold on other machines, too.
  for _, floor in ipairs { { "scalar", 0.26 }, { "avx2", 1.05 } } do
    local name, limit = floor[1], floor[2]
    if speed(name) then
      add(("decoder: times memcpy, %s (%.1f GB/s)"):format(name, speed(name)),
        speed(name) / speed "memcpy", limit)
    end
  end
  for _, simd in ipairs { "avx512", "avx2", "ssse3", "scalar" } do
    if speed(simd) then
      add("decoder: escaped, times plain, " .. simd, wall(decoder, simd .. "-escaped")
        / wall(decoder, simd .. "-plain"), 1.8, true)
    end
  end
  add("downloads: times faster than curl -o", times(rows.downloads, "curl"), 2)
  return goals
end

local TITLES = {
  { "one", "One picture of 20 MB as base64 JSON to a file, whole process" },
  { "many", "Ten of them in one reply, warm process" },
  { "memory", "Memory of one process" },
  { "tls", "Ten in one reply over TLS, warm process" },
  { "downloads", "Ten downloads of 20 MB to files, whole process" },
  { "decoder", "The decoder alone, 26.7 MB of base64" },
}

-- Cells of each table: title, heads, rows of text.
local function tables(results)
  local all = {}
  for _, title in ipairs(TITLES) do
    local rows = results.rows[title[1]]
    local ours = wall(rows, "ours")
    local cells = { title = title[2], heads = { "", "wall ms", "min", "max", "CPU ms", "MiB",
      ours and "times ours" or title[1] == "decoder" and "GB/s" or "" } }
    for i, row in ipairs(rows) do
      local w = row.wall_ms
      cells[i] = { row.name, number(w.median), number(w.min), number(w.max),
        number(row.cpu_ms and row.cpu_ms.median), number(row.rss_mib and row.rss_mib.median),
        number(ours and w.median / ours or row.gb_s) }
    end
    all[#all + 1] = cells
  end
  return all
end

---@return string for a terminal
function M.text(results)
  local out = { shared.machine_line(results), "" }
  for _, cells in ipairs(tables(results)) do
    out[#out + 1] = cells.title
    local line = "  %-26s" .. (" %10s"):rep(6)
    out[#out + 1] = line:format(table.unpack(cells.heads))
    for _, row in ipairs(cells) do out[#out + 1] = line:format(table.unpack(row)) end
    out[#out + 1] = ""
  end
  shared.add_goal_lines(out, results.goals)
  for _, name in ipairs(results.missing) do
    out[#out + 1] = "skipped, it is not installed: " .. name
  end
  return table.concat(out, "\n") .. "\n"
end

---@return string the main figures in Markdown, for the README
function M.markdown(results)
  local one, many = results.rows.one, results.rows.many
  local out = { "| | one picture | | ten in one reply | | memory |",
    "|---|--:|--:|--:|--:|--:|" }
  for _, peer in ipairs(results.peers) do
    local a, b, ours = wall(one, peer.key), wall(many, peer.key), peer.key == "ours"
    out[#out + 1] = ("| %s | %.0f ms | %s | %.0f ms | %s | %.0f MiB |"):format(
      ours and "**gptimage**" or ("%s (%s)"):format(peer.name, peer.version),
      a, ours and "" or ("× %.1f"):format(a / wall(one, "ours")),
      b, ours and "" or ("× %.1f"):format(b / wall(many, "ours")),
      find(many, peer.key).rss_mib.median)
  end
  out[#out + 1] = ""
  readme.add_goals(out, results.goals, number)
  out[#out + 1] = ""
  out[#out + 1] = shared.machine_line(results) .. "."
  return table.concat(out, "\n") .. "\n"
end

return M
