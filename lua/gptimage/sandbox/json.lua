-- SPDX-License-Identifier: MIT
-- JSON as the sandbox reads and writes it.
--
-- A service tells `[]` from `{}`, 1 from 1.0, `null` from nothing and 2^53 + 1 from 2^53, and its
-- checks depend on it; the JSON libraries at hand do not. Texts are judged as RFC 8259 has it:
-- strict numbers, no lone surrogates, valid UTF-8, nothing behind the value.
--
-- In Lua an array carries the metatable `M.array_mt`, `null` is `M.null`, integers stay integers
-- (`1.0` and `1e0` become floats), and an object remembers the order of its keys in the
-- metatable's field `keys`.

local M = {}

M.array_mt = { __name = "json.array" }
M.null = setmetatable({}, { __name = "json.null", __tostring = function() return "null" end })

local DEPTH_MAX = 64

---Marks a table as an array, so that an empty one is written as `[]`.
---@param list? table
---@return table
function M.array(list)
  return setmetatable(list or {}, M.array_mt)
end

---@return boolean
function M.is_array(value)
  return type(value) == "table" and getmetatable(value) == M.array_mt
end

---An object whose keys are written in the order given: `object("a", 1, "b", 2)`.
---Pairs with a nil value are left out.
---@return table
function M.object(...)
  local keys, object = {}, {}
  for i = 1, select("#", ...), 2 do
    local key, value = select(i, ...)
    if value ~= nil then
      keys[#keys + 1] = key
      object[key] = value
    end
  end
  return setmetatable(object, { keys = keys })
end

-- ---- reading ------------------------------------------------------------------------------------

local escapes = {
  ['"'] = '"', ["\\"] = "\\", ["/"] = "/", b = "\b", f = "\f", n = "\n", r = "\r", t = "\t",
}

local function fail(pos, message)
  error({ pos = pos, message = message }, 0)
end

local function skip(text, pos)
  return text:find("[^ \t\r\n]", pos) or #text + 1
end

local function read_escape(text, pos)
  local letter = text:sub(pos, pos)
  if escapes[letter] then
    return escapes[letter], pos + 1
  end
  local hex = letter == "u" and text:match("^%x%x%x%x", pos + 1)
  if not hex then
    fail(pos, "invalid escape")
  end
  local code = tonumber(hex, 16)
  pos = pos + 5
  if code >= 0xDC00 and code <= 0xDFFF then
    fail(pos, "lone surrogate")
  end
  if code >= 0xD800 and code <= 0xDBFF then
    local low = text:match("^\\u(%x%x%x%x)", pos)
    low = low and tonumber(low, 16)
    if not low or low < 0xDC00 or low > 0xDFFF then
      fail(pos, "lone surrogate")
    end
    code = 0x10000 + (code - 0xD800) * 0x400 + (low - 0xDC00)
    pos = pos + 6
  end
  return utf8.char(code), pos
end

local function read_string(text, pos)
  local start = pos + 1
  local parts
  pos = start
  while true do
    local stop = text:find('[%c"\\]', pos)
    if not stop then
      fail(#text, "unfinished string")
    end
    local byte = text:byte(stop)
    if byte == 0x7F then -- DEL is a control character to %c, and allowed by JSON
      pos = stop + 1
    elseif byte == 0x22 then
      local tail = text:sub(start, stop - 1)
      if parts then
        parts[#parts + 1] = tail
        tail = table.concat(parts)
      end
      return tail, stop + 1
    elseif byte == 0x5C then
      parts = parts or {}
      parts[#parts + 1] = text:sub(start, stop - 1)
      parts[#parts + 1], pos = read_escape(text, stop + 1)
      start = pos
    else
      fail(stop, "control character in a string")
    end
  end
end

local function read_number(text, pos)
  local integer = text:match("^-?0", pos) or text:match("^-?[1-9]%d*", pos)
  if not integer then
    fail(pos, "unexpected character")
  end
  local stop = pos + #integer
  local fraction = text:match("^%.%d+", stop) or ""
  local exponent = text:match("^[eE][+-]?%d+", stop + #fraction) or ""
  stop = stop + #fraction + #exponent
  if text:find("^[%w.]", stop) then
    fail(stop, "invalid number")
  end
  -- math.tointeger keeps what fits; longer integers are floats, as everywhere else
  return tonumber(integer .. fraction .. exponent), stop
end

local read_value

local function read_array(text, pos, depth)
  local list = M.array {}
  pos = skip(text, pos + 1)
  if text:byte(pos) == 0x5D then
    return list, pos + 1
  end
  while true do
    list[#list + 1], pos = read_value(text, pos, depth)
    pos = skip(text, pos)
    local byte = text:byte(pos)
    if byte == 0x5D then
      return list, pos + 1
    elseif byte ~= 0x2C then
      fail(pos, "',' or ']' expected")
    end
    pos = skip(text, pos + 1)
  end
end

local function read_object(text, pos, depth)
  local keys, object = {}, {}
  setmetatable(object, { keys = keys })
  pos = skip(text, pos + 1)
  if text:byte(pos) == 0x7D then
    return object, pos + 1
  end
  while true do
    if text:byte(pos) ~= 0x22 then
      fail(pos, "key expected")
    end
    local key
    key, pos = read_string(text, pos)
    pos = skip(text, pos)
    if text:byte(pos) ~= 0x3A then
      fail(pos, "':' expected")
    end
    if object[key] == nil then
      keys[#keys + 1] = key
    end
    object[key], pos = read_value(text, skip(text, pos + 1), depth)
    pos = skip(text, pos)
    local byte = text:byte(pos)
    if byte == 0x7D then
      return object, pos + 1
    elseif byte ~= 0x2C then
      fail(pos, "',' or '}' expected")
    end
    pos = skip(text, pos + 1)
  end
end

local literals = { t = { "true", true }, f = { "false", false }, n = { "null", M.null } }

function read_value(text, pos, depth)
  if depth > DEPTH_MAX then
    fail(pos, "nested too deeply")
  end
  local letter = text:sub(pos, pos)
  if letter == '"' then
    return read_string(text, pos)
  elseif letter == "{" then
    return read_object(text, pos, depth + 1)
  elseif letter == "[" then
    return read_array(text, pos, depth + 1)
  end
  local literal = literals[letter]
  if literal then
    if text:sub(pos, pos + #literal[1] - 1) ~= literal[1] then
      fail(pos, "unexpected word")
    end
    return literal[2], pos + #literal[1]
  end
  return read_number(text, pos)
end

---Reads one JSON text.
---@param text string
---@return any value  nil when the text is not JSON
---@return string? message
function M.decode(text)
  if not utf8.len(text) then
    return nil, "not valid UTF-8"
  end
  local ok, value, pos = pcall(read_value, text, skip(text, 1), 0)
  if not ok then
    if type(value) ~= "table" then
      error(value, 0)
    end
    return nil, ("%s at byte %d"):format(value.message, value.pos)
  end
  if skip(text, pos) <= #text then
    return nil, ("more than one value, at byte %d"):format(skip(text, pos))
  end
  return value
end

-- ---- writing ------------------------------------------------------------------------------------

local function escape(byte)
  local short = { ['"'] = '\\"', ["\\"] = "\\\\", ["\b"] = "\\b", ["\f"] = "\\f",
    ["\n"] = "\\n", ["\r"] = "\\r", ["\t"] = "\\t" }
  return short[byte] or ("\\u%04x"):format(byte:byte())
end

local function write_string(text, style)
  local quoted = '"' .. text:gsub('[%z\1-\31"\\]', escape) .. '"'
  if style.escape_slashes then
    quoted = quoted:gsub("/", "\\/")
  end
  return quoted
end

local function sorted_keys(object)
  local keys, known = {}, {}
  local meta = getmetatable(object)
  for _, key in ipairs(meta and meta.keys or {}) do
    if object[key] ~= nil and not known[key] then
      known[key] = true
      keys[#keys + 1] = key
    end
  end
  local ordered = #keys
  for key in pairs(object) do
    if not known[key] then
      keys[#keys + 1] = key
    end
  end
  local rest = table.move(keys, ordered + 1, #keys, 1, {})
  table.sort(rest)
  return table.move(rest, 1, #rest, ordered + 1, keys)
end

local write_value

local function write_items(open, close, items, style, indent)
  if #items == 0 then
    return open .. close
  elseif not style.pretty then
    return open .. table.concat(items, ",") .. close
  end
  local inner = indent .. "  "
  return open .. "\n" .. inner .. table.concat(items, ",\n" .. inner) .. "\n" .. indent .. close
end

function write_value(value, style, indent)
  local kind = math.type(value) or type(value)
  if kind == "string" then
    return write_string(value, style)
  elseif kind == "integer" then
    return ("%d"):format(value)
  elseif kind == "float" then
    local whole = math.tointeger(value)
    return whole and ("%d"):format(whole) or ("%.14g"):format(value)
  elseif kind == "boolean" then
    return tostring(value)
  elseif value == M.null then
    return "null"
  elseif kind ~= "table" then
    error("not a JSON value: " .. kind)
  end
  local items = {}
  local inner = indent .. "  "
  if M.is_array(value) or #value > 0 then
    for i = 1, #value do
      items[i] = write_value(value[i], style, inner)
    end
    return write_items("[", "]", items, style, indent)
  end
  local colon = style.pretty and ": " or ":"
  for i, key in ipairs(sorted_keys(value)) do
    items[i] = write_string(key, style) .. colon .. write_value(value[key], style, inner)
  end
  if style.reverse_keys then
    for i = 1, #items // 2 do
      items[i], items[#items + 1 - i] = items[#items + 1 - i], items[i]
    end
  end
  return write_items("{", "}", items, style, indent)
end

---Writes a value. Keys come in the order their object remembers, then sorted.
---@param value any
---@param style? {pretty: boolean?, escape_slashes: boolean?, reverse_keys: boolean?}
---@return string
function M.encode(value, style)
  return write_value(value, style or {}, "")
end

return M
