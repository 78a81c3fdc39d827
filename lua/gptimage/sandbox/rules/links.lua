-- SPDX-License-Identifier: MIT
-- Which links the services take: callback targets, reference images, masks.
--
-- "Internal IP addresses are prohibited (127.0.0.1, 10.x.x.x, 172.16-31.x.x, 192.168.x.x, etc.)":
-- judged on every spelling that some URL parser somewhere turns into such an address, because the
-- server that fetches the link may use that parser.

local M = {}

local CALLBACK_LENGTH_MAX = 2048

-- ---- addresses ----------------------------------------------------------------------------------

-- first address and prefix length of what is not the public internet (IANA special registries)
local reserved_ipv4 = {
  { 0x00000000, 8 }, { 0x0A000000, 8 }, { 0x64400000, 10 }, { 0x7F000000, 8 },
  { 0xA9FE0000, 16 }, { 0xAC100000, 12 }, { 0xC0000000, 24 }, { 0xC0000200, 24 },
  { 0xC0586300, 24 }, { 0xC0A80000, 16 }, { 0xC6120000, 15 }, { 0xC6336400, 24 },
  { 0xCB007100, 24 }, { 0xE0000000, 4 }, { 0xF0000000, 4 },
}

local function ipv4_is_public(address)
  for _, range in ipairs(reserved_ipv4) do
    local shift = 32 - range[2]
    if address >> shift == range[1] >> shift then
      return false
    end
  end
  return true
end

-- One part of an IPv4 address as inet_aton(3) reads it: decimal, 0octal, 0xhex.
local function ipv4_part(text)
  if text:find("^0[xX]%x*$") then
    return text == "0x" and 0 or text == "0X" and 0 or tonumber(text:sub(3), 16)
  elseif text:find("^0[0-7]+$") then
    return tonumber(text, 8)
  elseif text:find("^%d+$") and not text:find("^0%d") then
    return math.tointeger(tonumber(text))
  end
end

-- "127.0.0.1", "0x7f.1", "2130706433", "0177.0.0.01" to a number; nil when it is none.
local function parse_ipv4(host)
  local parts = {}
  for part in (host .. "."):gmatch("([^.]*)%.") do
    local value = #part <= 40 and ipv4_part(part) or nil
    if not value or value < 0 then
      return nil
    end
    parts[#parts + 1] = value
  end
  if #parts > 4 then
    return nil
  end
  local address = 0
  for i = 1, #parts - 1 do
    if parts[i] > 255 then
      return nil
    end
    address = address | parts[i] << (32 - 8 * i)
  end
  local last = parts[#parts]
  if last >= 1 << (8 * (5 - #parts)) then
    return nil
  end
  return address | last
end

-- "::ffff:1.2.3.4" and all the rest to a list of eight groups; nil when it is none.
local function parse_ipv6(text)
  local head, dotted = text:match("^(.*:)(%d+%.%d+%.%d+%.%d+)$")
  if dotted then
    local a, b, c, d = dotted:match("^(%d+)%.(%d+)%.(%d+)%.(%d+)$")
    a, b, c, d = tonumber(a), tonumber(b), tonumber(c), tonumber(d)
    if a > 255 or b > 255 or c > 255 or d > 255 then
      return nil
    end
    text = ("%s%x:%x"):format(head, a << 8 | b, c << 8 | d)
  end
  local function groups(part)
    local list = {}
    if part == "" then
      return list
    end
    for group in (part .. ":"):gmatch("([^:]*):") do
      if not group:find("^%x%x?%x?%x?$") then
        return nil
      end
      list[#list + 1] = tonumber(group, 16)
    end
    return list
  end
  local left, right = text:match("^(.-)::(.*)$")
  if not left then
    local list = groups(text)
    return list and #list == 8 and list or nil
  end
  local before, after = groups(left), groups(right)
  if not before or not after or #before + #after > 7 then
    return nil
  end
  local list = { 0, 0, 0, 0, 0, 0, 0, 0 }
  table.move(before, 1, #before, 1, list)
  return table.move(after, 1, #after, 9 - #after, list)
end

local function starts_with(groups, ...)
  for i = 1, select("#", ...) do
    if groups[i] ~= select(i, ...) then
      return false
    end
  end
  return true
end

local function ipv6_is_public(groups)
  local last_ipv4 = groups[7] << 16 | groups[8]
  if starts_with(groups, 0, 0, 0, 0, 0, 0xFFFF)
      or starts_with(groups, 0x64, 0xFF9B, 0, 0, 0, 0) then
    return ipv4_is_public(last_ipv4) -- IPv4-mapped, NAT64
  elseif groups[1] == 0x2002 then
    return ipv4_is_public(groups[2] << 16 | groups[3]) -- 6to4
  elseif groups[1] < 0x2000 or groups[1] > 0x3FFF then
    return false -- only 2000::/3 is global unicast
  end
  local special = groups[1] == 0x2001 and (groups[2] < 0x0200 or groups[2] == 0x0DB8)
    or groups[1] == 0x3FFF and groups[2] < 0x1000
  return not special
end

local internal_suffixes = { localhost = true, ["local"] = true, internal = true }

---Is this host (of a URL, without port, IPv6 in brackets) on the public internet, as far as can be
---told without asking DNS?
---@param host string
---@return boolean? public  nil when it is no host at all
function M.host_is_public(host)
  host = host:lower()
  if host:sub(1, 1) == "[" then
    local groups = host:sub(-1) == "]" and parse_ipv6(host:sub(2, -2))
    return groups and ipv6_is_public(groups) or groups and false
  end
  host = host:gsub("%.+$", "")
  if host == "" or #host > 253 or host:find("[^%w._-]") or host:find("..", 1, true)
      or host:sub(1, 1) == "." then
    return nil
  end
  local last = host:match("[^.]*$")
  if last:find("^%d+$") or last:find("^0x%x*$") then
    local address = parse_ipv4(host)
    return address and ipv4_is_public(address) or address and false
  end
  return not internal_suffixes[last]
end

-- ---- URLs ---------------------------------------------------------------------------------------

---Splits a URL that every parser reads alike; refuses the others.
---@param url string
---@return {scheme: string, host: string, port: integer?, path: string}?
---@return string? message
function M.split(url)
  if url:find("[%c ]") or url:find("\\", 1, true) then
    return nil, "must be a valid URL"
  end
  local scheme, authority, path = url:match("^(%a[%w+.-]*)://([^/?#]*)(.*)$")
  if not scheme then
    return nil, "must be a valid URL"
  elseif authority:find("@", 1, true) then
    return nil, "must not contain user information"
  end
  local host, port = authority:match("^(%[[^%]]*%])(.*)$")
  if not host then
    host, port = authority:match("^([^:]*)(.*)$")
  end
  if port ~= "" then
    port = port:match("^:(%d%d?%d?%d?%d?)$")
    port = port and math.tointeger(tonumber(port))
    if not port or port < 1 or port > 65535 then
      return nil, "must be a valid URL"
    end
  else
    port = nil
  end
  if host:find("[\128-\255%%]") or M.host_is_public(host) == nil then
    return nil, "must be a valid URL"
  end
  return { scheme = scheme:lower(), host = host, port = port, path = path }
end

---May the service call back to this URL?
---@param url any
---@param allow_private? boolean  take plain http and private addresses too (tests, intranets)
---@return boolean? ok
---@return string? message
function M.check_callback(url, allow_private)
  if type(url) ~= "string" then
    return nil, "must be a string"
  elseif (utf8.len(url) or #url) > CALLBACK_LENGTH_MAX then
    return nil, ("must not exceed %d characters"):format(CALLBACK_LENGTH_MAX)
  end
  local parts, message = M.split(url)
  if not parts then
    return nil, message
  elseif parts.scheme ~= "https" and not (allow_private and parts.scheme == "http") then
    return nil, "must use HTTPS"
  elseif not allow_private and not M.host_is_public(parts.host) then
    return nil, "must not point to an internal address"
  end
  return true
end

-- Extensions that promise a format which no page lists; anything else may be a download link.
local image_extensions = {}
for extension in ("jpeg jpg png webp gif bmp tif tiff svg ico heic heif avif jxl psd")
    :gmatch("%w+") do
  image_extensions[extension] = true
end

---May the service fetch a picture from this URL?
---@param url any
---@param supported table<string, true>  extensions that the field takes
---@param allow_private? boolean
---@param is_own? fun(url: string): any  links that the service gave out itself, wherever they are
---@return boolean? ok
---@return string? message
function M.check_image(url, supported, allow_private, is_own)
  if type(url) ~= "string" then
    return nil, "must be a string"
  end
  local own = is_own and is_own(url)
  if own and url:find("^data:") then
    return true
  elseif url:find("^[dD][aA][tT][aA]:") then
    return nil, "base64 and data URLs are not supported, pass a link"
  end
  local parts, message = M.split(url)
  if not parts then
    return nil, message
  elseif parts.scheme ~= "http" and parts.scheme ~= "https" then
    return nil, "must be an http or https URL"
  elseif not own and not allow_private and not M.host_is_public(parts.host) then
    return nil, "must be publicly accessible"
  end
  local extension = parts.path:gsub("[?#].*$", ""):match("%.(%w+)$")
  extension = extension and extension:lower()
  if image_extensions[extension] and not supported[extension] then
    return nil, ("image format .%s is not supported"):format(extension)
  end
  return true
end

return M
