-- SPDX-License-Identifier: MIT
-- Puts the annotations of lua/gptimage/meta*.lua, which are written for the Lua language server,
-- into the words of LDoc, which reads no others. Usage: ldoc.lua FOLDER META...
-- A class with functions becomes a page; one of fields alone a record of the page of gptimage.

package.path = arg[0]:match "^(.-)[^/]*$" .. "?.lua;" .. package.path
local classes, aliases = require "annotations" (table.unpack(arg, 2))

local function escape(text)
  return (text:gsub("[&<>]", { ["&"] = "&amp;", ["<"] = "&lt;", [">"] = "&gt;" })
    :gsub("`([^`]+)`", "<code>%1</code>"):gsub("@", "&#64;"))
end

-- LDoc's way: ?x, {x,...}, one word.
local function type_of(type, optional)
  type = type:gsub("fun%b()[^|]*", "function"):gsub("%s+", "")
  type = type:gsub("table<(.-),(.*)>", "{[%1]=%2}")
  type = type:gsub("([%w_.]+)%[%]", "{%1,...}"):gsub("(%b())%[%]", "{%1,...}")
  type = type:gsub("[%(%)]", ""):gsub("([^|]+)%?$", "%1|nil"):gsub("<", "&lt;"):gsub(">", "&gt;")
  return (optional and "?" or "") .. type
end

local function say(out, text, first)
  local lines = {}
  for line in ((text or "") .. "\n"):gmatch "(.-)\n" do
    lines[#lines + 1] = line == "" and "<p>" or escape(line)
  end
  out[#out + 1] = first .. table.concat(lines, "\n-- ")
end

local function tag(out, name, item)
  out[#out + 1] = ("-- @%s %s %s %s"):format(name, type_of(item.type, item.optional),
    item.name or "", escape(item.text or ""))
end

local function one_function(out, owner, f)
  say(out, f.text, "\n--- ")
  for _, param in ipairs(f.params) do
    tag(out, "tparam", param)
  end
  for _, result in ipairs(f.returns) do
    tag(out, "treturn", { type = result.type:gsub("%?$", ""), name = result.name,
      text = result.text, optional = result.type:find "%?$" })
  end
  local receiver = f.method and owner:match "[^.]+$" .. ":" or ""
  out[#out + 1] = ("-- @function %s%s"):format(receiver, f.name)
end

local function record(out, class)
  say(out, class.text, "\n--- ")
  out[#out + 1] = "-- @record " .. class.name:match "[^.]+$"
  for _, field in ipairs(class.fields) do tag(out, "tfield", field) end
end

local function write(name, lines)
  local file <close> = assert(io.open(arg[1] .. "/" .. name .. ".lua", "w"))
  file:write(table.concat(lines, "\n"), "\n")
end

local main = {}
for _, class in ipairs(classes) do
  local is_main = class.name == "gptimage"
  if #class.functions == 0 then
    record(main, class)
  else
    local out = {}
    local is_module = not class.functions[1].method
    say(out, class.text, "--- ")
    out[#out + 1] = ("-- @%s %s"):format(is_module and "module" or "classmod", class.name)
    if #class.fields > 0 then
      out[#out + 1] = "\n--- What it has.\n-- @record fields"
      for _, field in ipairs(class.fields) do tag(out, "tfield", field) end
    end
    for _, f in ipairs(class.functions) do one_function(out, class.name, f) end
    if is_main then table.move(out, 1, #out, 1, main) else write(class.name, out) end
  end
end
for _, alias in ipairs(aliases) do
  say(main, alias.text, "\n--- ")
  main[#main + 1] = "-- @choice " .. alias.name:match "[^.]+$"
  local values = alias.values
  if alias.type then
    for value in alias.type:gmatch '"[^"]*"' do values[#values + 1] = { name = value } end
  end
  for _, value in ipairs(values) do
    local bare = value.name:match '^"(.*)"$'
    main[#main + 1] = ("-- @field %s %s"):format(bare, escape(value.text or ""))
  end
end
write("gptimage", main)
