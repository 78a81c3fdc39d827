-- SPDX-License-Identifier: MIT
-- Loads a link as the services do: http or https, public addresses, few redirects, limits.

local http_request = require "http.request"
local intake = require "gptimage.sandbox.intake"
local links = require "gptimage.sandbox.rules.links"

local M = {}

local TIMEOUT = 30
local REDIRECTS_MAX = 5
M.SIZE_MAX = 100 * 1024 * 1024

local function judge(world, url)
  local parts, message = links.split(url)
  if not parts then
    return nil, message
  elseif parts.scheme ~= "http" and parts.scheme ~= "https" then
    return nil, "must be an http or https URL"
  elseif not world.options.allow_private and not links.host_is_public(parts.host) then
    return nil, "must be publicly accessible"
  end
  return parts
end

local function absolute(location, url, parts)
  if location:find("^%a[%w+.-]*://") then
    return location
  elseif location:sub(1, 2) == "//" then
    return parts.scheme .. ":" .. location
  end
  local origin, path = url:match("^(%a[%w+.-]*://[^/?#]*)([^?#]*)")
  return location:sub(1, 1) == "/" and origin .. location
    or origin .. (path:match("^.*/") or "/") .. location
end

---What lies behind a link.
---@param url string
---@return table? blob
---@return string? said  the Content-Type that it came with, or the message
function M.fetch(world, url)
  for _ = 0, REDIRECTS_MAX do
    local parts, message = judge(world, url)
    if not parts then
      return nil, message
    end
    local request = http_request.new_from_uri(url)
    request.follow_redirects = false
    local headers, stream = request:go(TIMEOUT)
    if not headers then
      return nil, "could not be downloaded (" .. tostring(stream) .. ")"
    end
    intake.mend(stream.connection)
    local status = headers:get(":status")
    local location = status:find("^30[12378]") and headers:get("location")
    if not location then
      if status ~= "200" then
        stream:shutdown()
        return nil, "could not be downloaded (HTTP " .. status .. ")"
      end
      local blob = world.spool:open()
      local problem
      repeat
        local piece
        piece, problem = stream:get_next_chunk(TIMEOUT)
        blob:write(piece or "")
        if #blob > M.SIZE_MAX then
          stream:shutdown()
          return nil, "is too large"
        end
      until not piece
      stream:shutdown()
      local length = tonumber(headers:get("content-length"))
      if problem or length and length ~= #blob then
        return nil, "could not be downloaded (it broke off)"
      end
      return blob, headers:get("content-type")
    end
    stream:shutdown()
    url = absolute(location, url, parts)
  end
  return nil, "could not be downloaded (too many redirects)"
end

return M
