-- SPDX-License-Identifier: MIT
-- Reads LuaLS annotations, as lua/gptimage/meta*.lua has them, into tables:
--
--   read(path, ...) -> classes, in order: { name, text, fields, functions, where }
--                      aliases, in order: { name, text, values or type, where }
--   field    { name, type, optional, text }
--   function { name, method, text, params = { field... }, returns = { {type, name, text}... } }
--   where    "path:line", for complaints
--
-- `text` is nil where nothing is said.

-- "type  what it means": types hold spaces only inside brackets and behind what is in `joints`.
local function split_type(words, joints)
  local depth, at = 0, 1
  while at <= #words do
    local c = words:sub(at, at)
    if c:find "[%(%[{<]" then depth = depth + 1 end
    if c:find "[%)%]}>]" then depth = depth - 1 end
    if c == " " and depth == 0 and not words:sub(1, at - 1):find(joints) then
      break
    end
    at = at + 1
  end
  local text = words:sub(at):match "^%s*(.-)%s*$"
  return words:sub(1, at - 1), text ~= "" and text or nil
end

local function named(words)
  local name, optional, rest = words:match "^([%w_.]+)(%??)%s*(.*)$"
  local type, text = split_type(rest, "[:|,]$")
  return { name = name, type = (type:gsub("%?$", "")), text = text,
    optional = optional == "?" or type:find "%?$" ~= nil }
end

-- "A? a, B? err  text"
local function returns_of(words)
  local found = {}
  while words and words ~= "" do
    local type, rest = split_type(words, "[:|]$")
    local comma = type:match "^(.-),$"
    local name, text
    if comma then
      type = comma
    elseif rest then
      name, text = rest:match "^([%w_]+)%f[^%w_](.*)$"
    end
    local more = text and text:match "^,%s*(.*)$"
    found[#found + 1] = { type = type, name = name,
      text = not more and text and text:match "%S.*$" or nil }
    words = comma and rest or more
  end
  return found
end

return function(...)
  local classes, aliases, of_local = {}, {}, {}

  local function read(path)
    local text, current, params, returns, last, number = nil, nil, {}, {}, nil, 0
    local function forget()
      text, params, returns, last = nil, {}, {}, nil
    end
    local tags = {
      class = function(words)
        current = { name = words, text = text, fields = {}, functions = {},
          where = path .. ":" .. number }
        classes[#classes + 1] = current
        forget()
      end,
      field = function(words)
        last = named(words)
        table.insert(current.fields, last)
      end,
      param = function(words)
        last = named(words)
        params[#params + 1] = last
      end,
      ["return"] = function(words)
        local list = returns_of(words)
        table.move(list, 1, #list, #returns + 1, returns)
        last = list[#list]
      end,
      alias = function(words)
        local name, type = words:match "^(%S+)%s*(.*)$"
        local alias = { name = name, type = type ~= "" and type or nil, text = text, values = {},
          where = path .. ":" .. number }
        aliases[#aliases + 1] = alias
        forget()
        last = alias
      end,
      meta = forget,
      operator = function() end, -- the text of its class says so
    }
    for line in io.lines(path) do
      number = number + 1
      local tag, words = line:match "^%-%-%-@(%l+)%s*(.*)$"
      local value, meaning = line:match '^%-%-%-| ("[^"]*")%s*(.*)$'
      local said = line:match "^%-%-%-(.*)$"
      local variable = line:match "^local ([%w_]+) = {}"
      local owner, mark, name = line:match "^function ([%w_]+)([.:])([%w_]+)%("
      if tag then
        assert(tags[tag], path .. ":" .. number .. ": unknown tag @" .. tag)(words)
      elseif value then
        table.insert(aliases[#aliases].values, { name = value, text = meaning ~= "" and meaning
          or nil })
      elseif said and last then -- goes on
        last.text = ((last.text or "") .. " " .. said:match "^%s*(.*)$"):match "^%s*(.*)$"
      elseif said then
        text = text and text .. "\n" .. said or said
      elseif variable then
        of_local[variable] = current
      elseif owner then
        table.insert(of_local[owner].functions, { name = name, method = mark == ":", text = text,
          params = params, returns = returns, where = path .. ":" .. number,
          arguments = line:match "%((.-)%)" })
        forget()
      else
        forget()
      end
    end
  end

  for _, path in ipairs { ... } do
    read(path)
  end
  return classes, aliases
end
