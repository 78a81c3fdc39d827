-- SPDX-License-Identifier: MIT
-- Is every public name of the Lua side documented? What there really is (tables of the modules and
-- of the core) against lua/gptimage/meta*.lua, and what that says: something about every function,
-- every argument of it, every class with functions. Of the C headers floors.lua asks the same.
-- Usage: documented.lua META..., with LUA_PATH and LUA_CPATH of a build; loaded with dofile it
-- gives check(classes, real), for spec/ci_spec.lua.

local function sorted(set)
  local list = {}
  for name in pairs(set) do list[#list + 1] = name end
  table.sort(list)
  return list
end

-- classes: as .ci/docs/annotations.lua reads them; real: class -> table of its functions. Gives a
-- list of complaints.
local function check(classes, real)
  local complaints, by_name = {}, {}
  local function complain(...) complaints[#complaints + 1] = string.format(...) end
  for _, class in ipairs(classes) do
    local functions = {}
    by_name[class.name] = functions
    if #class.functions > 0 and not class.text and class.name ~= "gptimage" then
      complain("%s: nothing is said about %s", class.where, class.name)
    end
    for _, f in ipairs(class.functions) do
      local params = {}
      functions[f.name] = true
      if not f.text then complain("%s: nothing is said about %s", f.where, f.name) end
      for _, param in ipairs(f.params) do params[param.name] = true end
      for argument in f.arguments:gmatch "[%w_.]+" do
        if not params[argument] then
          complain("%s: argument %s of %s has no @param", f.where, argument, f.name)
        end
        params[argument] = nil
      end
      for name in pairs(params) do
        complain("%s: %s has no argument %s", f.where, f.name, name)
      end
    end
  end
  for _, class in ipairs(sorted(real)) do
    for _, name in ipairs(sorted(real[class])) do
      local public = type(name) == "string" and not name:find "^_"
      if public and type(real[class][name]) == "function"
        and not (by_name[class] or {})[name] then
        complain("%s.%s is not documented", class, name)
      end
    end
  end
  return complaints
end

if not (arg and arg[0] and arg[0]:find "documented%.lua$") then return check end

package.path = arg[0]:match "^(.-)[^/]*$" .. "docs/?.lua;" .. package.path
local gptimage = require "gptimage"
local methods = require("gptimage.core").methods
local has_mask = package.searchpath("gptimage.mask_core", package.cpath)
local complaints = check(require "annotations" (table.unpack(arg)), {
  gptimage = gptimage,
  ["gptimage.client"] = methods.client,
  ["gptimage.task"] = methods.task,
  ["gptimage.journal"] = gptimage.journal,
  ["gptimage.mask"] = has_mask and gptimage.mask or {},
})
for _, complaint in ipairs(complaints) do io.stderr:write(complaint, "\n") end
os.exit(#complaints == 0)
