-- SPDX-License-Identifier: MIT
-- multipart/form-data as it arrives, as strictly as gateways read it.

local M = {}

local HEAD_MAX = 16 * 1024

-- A parameter of a header: a token, or a quoted string with its escapes undone.
local function parameter(header, name)
  for key, rest in header:gmatch(";%s*([%w*-]+)=()") do
    if key:lower() == name then
      if header:sub(rest, rest) ~= '"' then
        return header:match("^[^;%s]*", rest)
      end
      local text = {}
      local at = rest + 1
      while at <= #header do
        local c = header:sub(at, at)
        if c == '"' then
          return table.concat(text)
        elseif c == "\\" and header:find('^["\\]', at + 1) then
          at = at + 1
          c = header:sub(at, at)
        end
        text[#text + 1] = c
        at = at + 1
      end
      return nil
    end
  end
end

local reader = {}
reader.__index = reader

---@class sandbox.part
---@field name string
---@field filename? string
---@field content_type? string

---Starts reading. `open(part)` is called with each part's head and returns a function that takes
---the part's bytes, piece by piece.
---@param content_type string
---@param open fun(part: sandbox.part): fun(bytes: string)
---@return table? reader
---@return string? message
function M.reader(content_type, open)
  local boundary = parameter(content_type, "boundary")
  if not boundary or boundary == "" then
    return nil, "no multipart boundary param in Content-Type"
  end
  return setmetatable({ delimiter = "\r\n--" .. boundary, open = open, hold = "\r\n",
    state = "preamble", parts = {} }, reader)
end

local function read_head(head)
  local part = {}
  for name, value in head:gmatch("([^:\r\n]+):[ \t]*([^\r\n]*)") do
    if name:lower() == "content-disposition" and value:lower():find("^form%-data%s*;") then
      part.name, part.filename = parameter(value, "name"), parameter(value, "filename")
    elseif name:lower() == "content-type" then
      part.content_type = value
    end
  end
  return part.name and part
end

local steps = {}

-- Each step eats of `hold` and returns true, or false when it needs more.
function steps:preamble()
  local first, last = self.hold:find(self.delimiter, 1, true)
  if not first then
    self.hold = self.hold:sub(-#self.delimiter)
    return false
  end
  self.hold, self.state = self.hold:sub(last + 1), "delimiter"
  return true
end

function steps:delimiter()
  local ending = self.hold:match("^%-%-") or self.hold:match("^[ \t]*\r\n")
  if not ending then
    self.failed = #self.hold > HEAD_MAX or not self.hold:find("^[ \t\r-]*$")
    return false
  end
  self.hold, self.state = self.hold:sub(#ending + 1), ending == "--" and "epilogue" or "head"
  return true
end

function steps:head()
  local head_end, last = self.hold:find("\r\n\r\n", 1, true)
  if not head_end then
    self.failed = #self.hold > HEAD_MAX
    return false
  end
  local part = read_head(self.hold:sub(1, head_end - 1))
  if not part then
    self.failed = true
    return false
  end
  table.insert(self.parts, part)
  self.sink = self.open(part)
  self.hold, self.state = self.hold:sub(last - 1), "body" -- an empty body begins with a delimiter
  self.skip = 2
  return true
end

function steps:body()
  local first, last = self.hold:find(self.delimiter, 1, true)
  local stop = first and first - 1 or #self.hold - #self.delimiter
  if stop > self.skip then
    self.sink(self.hold:sub(self.skip + 1, stop))
  end
  if first then
    self.hold, self.state = self.hold:sub(last + 1), "delimiter"
    return true
  elseif stop > 0 then
    self.skip = math.max(0, self.skip - stop)
    self.hold = self.hold:sub(stop + 1)
  end
  return false
end

function steps:epilogue()
  self.hold = ""
  return false
end

---Eats the next bytes. However they are cut, the parts are the same.
function reader:feed(bytes)
  if self.failed then
    return
  end
  self.hold = self.hold .. bytes
  while not self.failed and steps[self.state](self) do end
end

---After the last byte.
---@return sandbox.part[]? parts  as `open` was given them
---@return string? message
function reader:finish()
  if self.failed or self.state ~= "epilogue" then
    return nil, "multipart: NextPart: EOF"
  end
  return self.parts
end

return M
