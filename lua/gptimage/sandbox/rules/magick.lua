-- SPDX-License-Identifier: MIT
-- What the synchronous gateway takes: few fields are promised, few are checked, and problems of the
-- request come back as HTTP 500 `invalid_request`.

local sizes = require "gptimage.sandbox.rules.sizes"

local M = {}

local DRAWN_EDGE_MAX = 3840 -- a size that no picture model makes is drawn as 1024x1024
local PIXELS_MAX = 8294400

local function refuse(http_status, code, param, message)
  return nil, {
    http_status = http_status, code = code, param = param, message = message,
    type = http_status == 400 and code == "invalid_value" and "image_generation_user_error"
      or "new_api_error",
  }
end

---@return boolean? ok
---@return table? problem
function M.check(body)
  for _, name in ipairs { "model", "prompt", "size", "quality", "response_format" } do
    if body[name] ~= nil and type(body[name]) ~= "string" then
      return refuse(400, "invalid_request", name, name .. " must be a string")
    end
  end
  -- the gateway's own type is an unsigned integer: 1.0, -1 and "1" do not even parse
  if body.n ~= nil and (math.type(body.n) ~= "integer" or body.n < 0) then
    return refuse(400, "invalid_request", "n", "n must be an integer")
  end
  if body.model == nil or body.model == "" then
    return refuse(400, "", nil, "Model name not specified, model name cannot be empty")
  elseif body.prompt == nil or body.prompt == "" then
    return refuse(500, "invalid_request", nil, "prompt is required")
  elseif body.size and body.size:find("×", 1, true) then
    return refuse(500, "invalid_request", nil, "size an unexpected error occurred in the "
      .. "parameter, please use 'x' instead of the multiplication sign '×'")
  elseif body.n and body.n > 128 then
    return refuse(500, "invalid_request", nil, "n must be an integer between 1 and 128")
  end
  local format = body.response_format
  if format and format ~= "" and format ~= "url" and format ~= "b64_json" then
    return refuse(400, "invalid_value", "response_format",
      "Invalid value: response_format must be 'url' or 'b64_json'")
  end
  return true
end

---The picture that the gateway's channel makes. Pixels are what its page shows; a ratio or a size
---that cannot be drawn is no error on any page, and gives 1024x1024.
function M.pixels(body)
  local width, height = sizes.parse(body.size or "auto")
  if not width or width > DRAWN_EDGE_MAX or height > DRAWN_EDGE_MAX
      or width * height > PIXELS_MAX then
    width, height = 1024, 1024
  end
  local factor = ({ low = 0.11, medium = 1, high = 4 })[body.quality] or 1
  return width, height, nil, factor
end

function M.base_credits()
  return 1
end

return M
