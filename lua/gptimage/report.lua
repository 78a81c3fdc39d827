-- SPDX-License-Identifier: MIT
-- Where the errors go that callbacks and spawned coroutines raise: to the client's on_error; or to
-- the loop that drives the client, in the loop's own way; or together into one error that the next
-- outermost step, run or close raises. None gets lost, and none stops the callbacks after it.

local M = {}

local Errors = { __name = "gptimage.errors" }

local function describe(err)
  local ok, text = pcall(tostring, err)
  return ok and text or "(an error object that cannot be shown)"
end

function Errors:__tostring()
  local lines = {}
  if #self.errors > 1 then
    lines[1] = ("%d errors in callbacks and coroutines:"):format(#self.errors)
  end
  for _, entry in ipairs(self.errors) do
    lines[#lines + 1] = entry.traceback
  end
  return table.concat(lines, "\n")
end

-- "failed: " .. err, or the other way round; text, so that what else is put to it is judged by Lua.
function Errors.__concat(a, b)
  local function shown(value)
    return getmetatable(value) == Errors and tostring(value) or value
  end
  return shown(a) .. shown(b)
end

--- The traceback of a coroutine that ended with `err`.
function M.traceback_of(co, err)
  return debug.traceback(co, describe(err))
end

-- Message handler of xpcall; a table, so that err and traceback pass through one value.
local function catch(err)
  return { error = err, traceback = debug.traceback(describe(err), 2) }
end

-- What `catch` made of an error. Of memory that has run out Lua does not tell it.
local function entry_of(caught)
  if type(caught) == "table" then
    return caught
  end
  return { error = caught, traceback = describe(caught) }
end

--- Files one error of `state` (what Lua keeps of a client).
function M.report(state, err, traceback)
  local on_error = state.on_error
  if on_error then
    local ok, second = xpcall(on_error, catch, err, traceback)
    if ok then
      return
    end
    -- A handler that fails must not swallow what it was told.
    M.keep(state, entry_of(second))
  end
  M.keep(state, { error = err, traceback = traceback })
end

local function combined(errors)
  return setmetatable({ errors = errors }, Errors)
end

--- For the loop that drives the client, or for the next step.
function M.keep(state, entry)
  local loop, errors = state.loop, state.errors
  if not (loop and pcall(loop.report, combined { entry })) then
    errors[#errors + 1] = entry
  end
end

--- Calls f(...) for the user; what it raises is reported. May yield to the host's scheduler.
function M.call(state, f, ...)
  local ok, caught = xpcall(f, catch, ...)
  if not ok then
    local entry = entry_of(caught)
    M.report(state, entry.error, entry.traceback)
  end
end

--- Raises what was kept, as one error; does nothing when nothing was.
function M.raise(state)
  local errors = state.errors
  if #errors == 0 then
    return
  end
  state.errors = {}
  error(combined(errors), 0)
end

return M
