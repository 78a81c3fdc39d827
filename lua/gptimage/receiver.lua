-- SPDX-License-Identifier: MIT
-- What a method of ours was called on: `client.submit()` for `client:submit()` is the most common
-- slip in Lua, and "attempt to index a nil value" somewhere in here says nothing about it.

local core = require "gptimage.core"

local M = {}

local function name_of(method, kind)
  for name, candidate in pairs(core.methods[kind]) do
    if candidate == method then
      return name
    end
  end
  return "?"
end

--- Raises unless `value` is of the kind. `level` is as for error and says who called the method;
--- the method is the frame below.
---@param value any
---@param kind "client"|"task"
---@param level integer
function M.check(value, kind, level)
  local metatable = debug.getmetatable(value)
  if metatable and metatable.__name == "gptimage." .. kind then
    return
  end
  local name = name_of(debug.getinfo(level, "f").func, kind)
  error(("bad argument #1 to '%s' (%s expected, got %s; call it as %s:%s(...))")
    :format(name, kind, type(value), kind, name), level + 1)
end

return M
