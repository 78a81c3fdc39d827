-- SPDX-License-Identifier: MIT
-- Runs programs and measures them: a server, a clean folder for what they write,
-- wall and processor time and memory of each.
local Harness = {}
Harness.__index = Harness

local function quote(text)
  return "'" .. tostring(text):gsub("'", "'\\''") .. "'"
end

---@param words string[] a command, word by word
local function line_of(words)
  local quoted = {}
  for i, word in ipairs(words) do quoted[i] = quote(word) end
  return table.concat(quoted, " ")
end

local function read(path)
  local file <close> = assert(io.open(path, "rb"))
  return file:read "a"
end

---What a command prints, without the last line break; "" when it fails.
---@param command string for the shell
---@return string
local function output(command)
  local pipe = assert(io.popen("{ " .. command .. "; } 2>/dev/null"))
  local text = pipe:read "a":gsub("%s+$", "")
  return pipe:close() and text or ""
end
Harness.output = output

---@param values number[]
---@return {median: number, min: number, max: number, n: integer}
function Harness.summary(values)
  local sorted = table.move(values, 1, #values, 1, {})
  table.sort(sorted)
  local n = #sorted
  return { median = (sorted[(n + 1) // 2] + sorted[n // 2 + 1]) / 2, min = sorted[1],
    max = sorted[n], n = n }
end

---@param folder string made anew below: what is served, what is written, reports
---@param tools string where the programs of bench/tools are
function Harness.new(folder, tools)
  local self = setmetatable({ folder = folder, tools = tools, servers = {} }, Harness)
  self.data, self.out = folder .. "/data", folder .. "/out"
  assert(os.execute(("rm -rf %s && mkdir -p %s %s"):format(quote(folder), quote(self.data),
    quote(self.out))))
  return self
end

---Starts a server of `data`, on a free port.
---@param words string[]? certificate and key
---@return string base URL
function Harness:serve(words)
  local ready = self.folder .. "/ready"
  assert(os.execute("mkfifo " .. quote(ready)))
  local command = line_of { self.tools .. "/server", self.data, ready,
    table.unpack(words or {}) }
  self.servers[#self.servers + 1] = assert(io.popen(command, "w"))
  local port, congestion = read(ready):match "(%d+) (%S+)"
  os.remove(ready)
  self.congestion = congestion
  return (words and "https" or "http") .. "://127.0.0.1:" .. assert(port, "no server")
end

---Writes and removes files of as many bytes as the next command will: a virtual
---machine takes memory that was not used for a while from its host page by page, at
---many times the price of what is measured here.
---@param count integer
---@param bytes integer each
function Harness:warm(count, bytes)
  assert(os.execute(line_of { self.tools .. "/floors", "write", 1, self.out, count, bytes }
    .. " >/dev/null"))
end

---Runs a command to its end. What it prints is returned.
---@param words string[]
---@return {wall: number, cpu: number, rss: number, printed: string} ms, ms, MiB
function Harness:run(words)
  local report, printed = self.folder .. "/report", self.folder .. "/printed"
  assert(os.execute(line_of { self.tools .. "/measure", report, table.unpack(words) }
    .. " >" .. quote(printed)))
  local wall, cpu, rss, status = read(report):match "(%S+) (%S+) (%S+) (%S+)"
  assert(status == "0", "failed: " .. line_of(words))
  return { wall = tonumber(wall), cpu = tonumber(cpu), rss = tonumber(rss) / 1024,
    printed = read(printed) }
end

---Checks that `out` has `count` copies of the file `of`, and empties it: who writes
---over a file that is there measures how that is flushed.
---@param count integer? nil: whatever is there
function Harness:sweep(count, of)
  if count then
    local right = output(("for f in %s/*; do cmp -s $f %s && echo x; done | wc -l"):format(
      quote(self.out), quote(of)))
    assert(tonumber(right) == count, right .. " files are right, not " .. count)
  end
  assert(os.execute("find " .. quote(self.out) .. " -type f -delete"))
end

function Harness:close()
  for _, server in ipairs(self.servers) do server:close() end
  assert(os.execute("rm -rf " .. quote(self.data) .. " " .. quote(self.out)))
end
Harness.__close = Harness.close

return Harness
