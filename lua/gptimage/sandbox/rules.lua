-- SPDX-License-Identifier: MIT
-- The sandbox's judgement of a request body: accepted, or refused as the service would.
--
-- Written from the services' pages and from nothing else, so that it can disagree with the client's
-- own tables. Pure functions: no server, no clock, no network.

local json = require "gptimage.sandbox.json"
local magick = require "gptimage.sandbox.rules.magick"
local starmagic = require "gptimage.sandbox.rules.starmagic"

local M = {}

local services = { starmagic = starmagic, evolink = starmagic, magick = magick }

-- Lua tables from elsewhere: sequences become arrays, and whole floats integers (other JSON readers
-- know no difference). An empty table is an object, as those readers write it.
local function from_lua(value)
  if math.type(value) == "float" then
    return math.tointeger(value) or value
  elseif type(value) ~= "table" or getmetatable(value) then
    return value
  end
  local copy = {}
  for key, member in pairs(value) do
    copy[key] = from_lua(member)
  end
  return #copy > 0 and json.array(copy) or copy
end

-- A null is a field that was left out.
local function without_nulls(object)
  local copy = {}
  for key, value in pairs(object) do
    if type(value) ~= "userdata" and value ~= json.null then
      copy[key] = value
    end
  end
  return copy
end

local function read(service, body)
  local rules = services[service] or error("unknown service: " .. tostring(service), 3)
  local message = "must be a JSON object"
  if type(body) == "string" then
    local decoded, problem = json.decode(body)
    if decoded == nil then
      message = "invalid JSON: " .. problem
    end
    body = decoded
  end
  if type(body) ~= "table" or json.is_array(body) or body == json.null then
    return rules, nil, message
  end
  return rules, without_nulls(getmetatable(body) and body or from_lua(body))
end

---Would the service accept this body of a POST to /v1/images/generations?
---@param service "starmagic"|"evolink"|"magick"
---@param body string|table  JSON text, or what it stands for (arrays may be plain sequences)
---@param options? {allow_private: boolean?, is_own: (fun(url: string): any)?}  take private
---       addresses, and callbacks over http; take pictures behind links that are the service's own
---@return boolean? ok
---@return {http_status: integer, code: string, type: string, param: string?, message: string}?
function M.check(service, body, options)
  local rules, object, message = read(service, body)
  if not object then
    local type_name = rules == magick and "new_api_error" or "invalid_request_error"
    return nil, { http_status = 400, code = "invalid_request", type = type_name,
      message = "Invalid request body: " .. message }
  end
  return rules.check(object, options or {})
end

---The picture that the service would make of an accepted body.
---@param service "starmagic"|"evolink"|"magick"
---@param body string|table
---@param options? {sizes: "anchor"|"budget"|nil}  gpt-image-2's procedure; "anchor" without
---@return integer width
---@return integer height
---@return string? tier   "1K" | "2K" | "4K" where the model bills by tier
---@return number factor  price of ONE picture, as a factor of the model's base
function M.pixels(service, body, options)
  local rules, object, message = read(service, body)
  assert(object, message)
  return rules.pixels(object, options or {})
end

---Price of the whole request in millionths of a credit.
---@return integer
function M.price_micros(service, body, options)
  local rules, object, message = read(service, body)
  assert(object, message)
  local _, _, _, factor = rules.pixels(object, options or {})
  return math.floor(rules.base_credits(object) * factor * 1000000 + 0.5) * M.pictures(object)
end

---How many pictures an accepted body asks for.
---@return integer
function M.pictures(body)
  local n = math.tointeger(body.n) or 1
  return n < 1 and 1 or n
end

return M
