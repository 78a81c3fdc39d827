-- SPDX-License-Identifier: MIT
-- A look at a request's mask before it is sent, where the module that can decode PNGs is there.

local M = {}

-- gptimage.mask_core, false where it is not installed.
local core

local function find_core()
  if core == nil then
    local found, module = pcall(require, "gptimage.mask_core")
    core = found and module
  end
  return core
end

-- What is not of the right type is for the core of the library to say.
local function options_of(mask)
  if type(mask) == "string" then
    if mask == "" or mask:find("%c") or mask:find("^[hH][tT][tT][pP][sS]?://") then
      return nil
    end
    return { mask = mask }
  end
  local data = type(mask) == "table" and rawget(mask, "data")
  return type(data) == "string" and { data = data } or nil
end

---What is wrong with the pixels of a request's mask, whose header is for others to judge: "opaque"
---(all are), "transparent" (none is opaque), "damaged" (they cannot be decoded).
---@param request any
---@return string? fault  nil: nothing, or nobody can tell
function M.fault(request)
  if type(request) ~= "table" or rawget(request, "strict") == false then
    return nil
  end
  local mask = rawget(request, "mask")
  local options = mask ~= nil and find_core() and options_of(mask)
  if not options then
    return nil
  end
  local seen, kind = core.look(options)
  if not seen then
    return kind == "invalid" and "damaged" or nil
  elseif not seen.opaque then
    return seen.whole and "transparent" or nil
  end
  return seen.whole and not seen.transparent and not seen.partial and "opaque" or nil
end

return M
