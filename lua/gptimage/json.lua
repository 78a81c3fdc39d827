-- SPDX-License-Identifier: MIT
-- JSON that Lua code sees: `extra` of a request going out, `raw` of a result coming in.
-- Everything that we read or write for ourselves goes through the C core, which is exact.

local cjson = require "cjson"

local M = {}

-- A codec of our own: what a program sets on the shared one (precision, sparse arrays, null)
-- must not change what we send.
local codec = cjson.new()

-- cjson asks for the locale's decimal point once, when a codec is made, and keeps one for all of
-- them: after os.setlocale it would write 0.5 as 0,5 (in a list, two numbers), or not read it.
local function heed_locale()
  if codec.encode(0.5) ~= "0.5" or not pcall(codec.decode, "[0.5]") then
    codec = cjson.new()
  end
end

local DEPTH_MAX = 60 -- the core reads 64 levels; ours lie a little inside

-- From here on a codec that writes numbers with 14 digits no longer writes every integer.
local DOUBTFUL = 1e14

local function check(value, path, depth)
  local kind = type(value)
  if kind == "string" or kind == "boolean" then
    return
  elseif kind == "number" then
    if value ~= value or value == math.huge or value == -math.huge then
      error(path .. ": JSON has no " .. tostring(value), 0)
    end
    -- Fractions may lose their 15th digit, which changes nothing; an integer (an id, a seed)
    -- that changes is another integer. Asked of the codec, since builds of cjson differ.
    if (value >= DOUBTFUL or value <= -DOUBTFUL) and value % 1 == 0
        and tonumber(codec.encode(value)) ~= value then
      error(("%s: the installed cjson would change %s; send it as a string, or with fewer digits")
        :format(path, tostring(value)), 0)
    end
  elseif kind == "table" then
    if depth > DEPTH_MAX then
      error(path .. ": nested too deeply", 0)
    end
    local count, is_object, is_array = 0, false, false
    for key, item in next, value do
      count = count + 1
      if type(key) == "string" then
        is_object = true
        check(item, path .. "." .. key, depth + 1)
      elseif math.type(key) == "integer" then
        is_array = true
        check(item, ("%s[%d]"):format(path, key), depth + 1)
      else
        error(("%s: a %s cannot be a key"):format(path, type(key)), 0)
      end
    end
    if is_object and is_array then
      error(path .. ": has both names and numbers as keys", 0)
    end
    if is_array then
      for index = 1, count do
        if rawget(value, index) == nil then
          error(path .. ": a list with holes", 0)
        end
      end
    end
  elseif value == cjson.null or (cjson.empty_array ~= nil and value == cjson.empty_array) then
    return
  else
    error(("%s: a %s cannot be sent"):format(path, kind), 0)
  end
end

--- The text of `extra`: a table with names as keys. Raises, naming the field, what cannot be
--- sent as it is: holes, mixed keys, functions, NaN, and integers that cjson would change.
--- An empty table becomes `{}`; an empty list is `cjson.empty_array`, where cjson has it.
---@param extra table
---@return string json
function M.encode_extra(extra)
  if rawget(extra, 1) ~= nil then
    error("extra: names as keys expected, got a list", 0)
  end
  heed_locale()
  check(extra, "extra", 1)
  return codec.encode(extra)
end

--- Reads a reply. Numbers come as cjson gives them (Debian's: always floats).
---@param body string
---@return any value, string? reason  nil and the reason when cjson cannot read it
function M.decode(body)
  heed_locale()
  -- Without the byte order mark that the core passes over.
  local ok, value = pcall(codec.decode, (body:gsub("^\xEF\xBB\xBF", "")))
  if ok then
    return value
  end
  return nil, value
end

return M
