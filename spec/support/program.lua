-- SPDX-License-Identifier: MIT
-- Runs a Lua program in a process of its own, as a user would:
--
--   local program = require "spec.support.program"
--   local folder <close> = files.folder()
--   local run = program.run("/path/x.lua", { folder = folder.path, env = { NAME = "value" } })
--   assert.equal(0, run.status, run.output)          -- output: both streams, as they came

local files = require "spec.support.files"

local M = {}

local function first_line(command)
  local pipe <close> = assert(io.popen(command, "r"))
  return (pipe:read("l"))
end

--- The folder of the source tree, where specs are run from.
M.root = first_line("pwd")

--- Width and height of a PNG, as its header says; nil when it is none.
function M.png_size(path)
  local file <close> = assert(io.open(path, "rb"))
  local head = file:read(24)
  if head == nil or #head < 24 or head:sub(1, 8) ~= "\137PNG\r\n\26\n" then
    return nil
  end
  local width, height = (">I4I4"):unpack(head, 17)
  return width, height
end

---@param path string          of the Lua file; from the root, or absolute
---@param options {folder: string?, env: table<string, string>?, arguments: string[]?,
---                 host: string?, file_blocks: integer?}  host: what runs it; without, the Lua that
---                 runs the spec. file_blocks: no file of its gets larger than so many times 512
---                 bytes (`ulimit -f`)
---@return {output: string, status: integer}
function M.run(path, options)
  if path:sub(1, 1) ~= "/" then
    path = M.root .. "/" .. path
  end
  -- A program that hangs fails (status 124), and does not take its spec with it.
  local words = { "cd", files.quote(options.folder or M.root), "&&" }
  if options.file_blocks then
    table.move({ "ulimit", "-f", tostring(options.file_blocks), "&&" }, 1, 4, #words + 1, words)
  end
  table.move({ "exec", "timeout", "900", "env" }, 1, 4, #words + 1, words)
  for name, value in pairs(options.env or {}) do
    words[#words + 1] = files.quote(name .. "=" .. value)
  end
  local host = options.host or arg[-1] and arg[-1]:find("lua") and arg[-1] or "lua5.4"
  words[#words + 1] = files.quote(host)
  words[#words + 1] = files.quote(path)
  for _, argument in ipairs(options.arguments or {}) do
    words[#words + 1] = files.quote(argument)
  end
  local pipe = assert(io.popen(table.concat(words, " ") .. " 2>&1", "r"))
  local output = pipe:read("a")
  local _, _, status = pipe:close()
  return { output = output, status = status }
end

return M
