-- SPDX-License-Identifier: MIT
-- What stands in a journal (client option `journal`), for tools. The client itself reads and
-- writes it in C; src/core/gim_record.h says what each line means. Reading needs no lock: the
-- journal may be in use.

local json = require "gptimage.json"

local M = {}

-- cjson reads every number as a float; times, sizes and counts are integers.
local function restore(value)
  if type(value) == "number" then
    return math.tointeger(value) or value
  elseif type(value) == "table" then
    for key, item in pairs(value) do
      value[key] = restore(item)
    end
  end
  return value
end

--- Walks the lines of the journal at `path`, in order: entry and number of the line. What is no
--- line of a journal (half a line after a crash, a comment) comes as `{text = …}`.
---@param path string
---@return (fun(): gptimage.journal_entry?, integer?)? iterator, gptimage.error? err
function M.lines(path)
  if type(path) ~= "string" then
    error(("bad argument #1 to 'lines' (string expected, got %s)"):format(type(path)), 2)
  end
  local file, reason = io.open(path, "rb")
  if file then
    local _, trouble = file:read(0) -- a folder can be opened, and not be read
    if trouble then
      file:close()
      file, reason = nil, path .. ": " .. trouble
    end
  end
  if not file then
    return nil, require("gptimage.result").failure {
      kind = "io", message = "the journal cannot be read: " .. reason, billed = "no",
    }
  end
  local number = 0
  return function()
    local line = file and file:read("l")
    if line == nil then
      if file then
        file:close()
        file = nil
      end
      return nil
    end
    number = number + 1
    local entry = json.decode(line)
    if type(entry) ~= "table" or type(entry.event) ~= "string" then
      return { text = line }, number
    end
    return restore(entry), number
  end
end

return M
