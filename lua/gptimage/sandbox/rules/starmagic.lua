-- SPDX-License-Identifier: MIT
-- What the task service takes and bills, model by model, as its pages say.

local json = require "gptimage.sandbox.json"
local links = require "gptimage.sandbox.rules.links"
local sizes = require "gptimage.sandbox.rules.sizes"

local M = {}

local function set(...)
  local members = {}
  for _, name in ipairs { ... } do
    members[name] = true
  end
  return members
end

local references = set("jpeg", "jpg", "png", "webp")
local masks = set("png")

local function refuse(param, message, ...)
  return nil, {
    http_status = 400, code = "invalid_request", type = "invalid_request_error", param = param,
    message = param .. ": " .. message:format(...),
  }
end

-- ---- one check per field: (value, body, options) -> true | nil, message -------------------------

local function one_of(allowed, text)
  return function(value)
    if type(value) ~= "string" or not allowed[value] then
      return nil, "must be one of " .. text
    end
    return true
  end
end

local function count(maximum)
  return function(value)
    if math.type(value) ~= "integer" and not (math.type(value) == "float" and value % 1 == 0) then
      return nil, "must be an integer"
    elseif value < 1 or value > maximum then
      return nil, maximum == 1 and "only 1 is supported" or "must be between 1 and " .. maximum
    end
    return true
  end
end

local function prompt(code_points_max)
  return function(value)
    if type(value) ~= "string" then
      return nil, "must be a string"
    elseif value == "" then
      return nil, "must not be empty"
    end
    local length = utf8.len(value)
    if not length then
      return nil, "must be valid UTF-8"
    elseif code_points_max and length > code_points_max then
      return nil, ("must not exceed %d characters"):format(code_points_max)
    end
    return true -- "2000 tokens" cannot be counted here, and nothing is refused on an estimate
  end
end

local function image_urls(least)
  return function(value, _, options)
    if not json.is_array(value) then
      return nil, "must be an array"
    elseif #value < least then
      return nil, ("must hold at least %d image"):format(least)
    elseif #value > 16 then
      return nil, "supports at most 16 images"
    end
    for i, url in ipairs(value) do
      local ok, message = links.check_image(url, references, options.allow_private,
        options.is_own)
      if not ok then
        return nil, ("[%d] %s"):format(i - 1, message)
      end
    end
    return true
  end
end

local function mask_url(value, _, options)
  return links.check_image(value, masks, options.allow_private, options.is_own)
end

local function callback_url(value, _, options)
  return links.check_callback(value, options.allow_private)
end

-- Ratios, `auto` and pixels within the hard limits; only gpt-image-2 writes `W×H` as well.
local function free_size(cross_allowed)
  return function(value)
    if type(value) ~= "string" then
      return nil, "must be a string"
    elseif value == "auto" or sizes.ratios[value] then
      return true
    end
    local width, height, cross = sizes.parse(value)
    if not width or cross and not cross_allowed then
      return nil, "must be auto, a supported ratio or WxH"
    end
    return sizes.check_pixels(width, height)
  end
end

local function resolution_any_case(value)
  if type(value) ~= "string" or not set("1K", "2K", "4K")[value:upper()] then
    return nil, "must be one of 1K, 2K, 4K"
  end
  return true
end

local function background(value, body)
  if value ~= "opaque" and value ~= "transparent" then
    return nil, "must be one of opaque, transparent"
  elseif value == "transparent" and body.output_format == "jpeg" then
    return nil, "transparent needs output_format png or webp"
  end
  return true
end

local quality = one_of(set("low", "medium", "high"), "low, medium, high")

-- ---- the models ---------------------------------------------------------------------------------

local fixed_sizes = {
  ["1:1"] = { 1024, 1024 }, ["2:3"] = { 1024, 1536 }, ["3:2"] = { 1536, 1024 },
  ["1024x1024"] = { 1024, 1024 }, ["1024x1536"] = { 1024, 1536 }, ["1536x1024"] = { 1536, 1024 },
}

M.models = {
  ["gpt-image-2-beta"] = {
    procedure = "budget", tiers = true, base_credits = 2.5,
    fields = {
      prompt = prompt(), size = free_size(false), n = count(1),
      resolution = one_of(set("1K", "2K", "4K"), "1K, 2K, 4K"),
      image_urls = image_urls(0), callback_url = callback_url,
    },
  },
  ["gpt-image-1.5"] = {
    fixed = fixed_sizes, base_credits = 1,
    fields = {
      prompt = prompt(), quality = quality, n = count(1),
      size = one_of(fixed_sizes, "1:1, 2:3, 3:2, 1024x1024, 1024x1536, 1536x1024"),
      image_urls = image_urls(1), callback_url = callback_url,
    },
  },
  ["gpt-image-2"] = {
    procedure = "anchor", base_credits = 1,
    factors = { low = 0.11, medium = 1, high = 4 }, default_quality = "medium",
    fields = {
      prompt = prompt(32000), size = free_size(true), n = count(10), quality = quality,
      resolution = resolution_any_case, image_urls = image_urls(1), mask_url = mask_url,
      background = background, callback_url = callback_url,
      output_format = one_of(set("png", "jpeg", "webp"), "png, jpeg, webp"),
    },
  },
}

-- A name that is on none of our pages: one endpoint serves many models, and only what every page
-- has in common can be judged.
M.unknown_model = {
  base_credits = 1,
  fields = { prompt = prompt(), image_urls = image_urls(0), callback_url = callback_url },
}

-- Fields of the image endpoints that a model either has or refuses. Others pass unread.
local known_fields = { "prompt", "size", "resolution", "quality", "n", "image_urls", "mask_url",
  "background", "output_format", "response_format", "callback_url" }

---@return boolean? ok
---@return table? problem
function M.check(body, options)
  local model_name = body.model
  if type(model_name) ~= "string" or model_name == "" then
    return refuse("model", model_name == nil and "is required" or "must be a string")
  end
  local model = M.models[model_name] or M.unknown_model
  for _, name in ipairs(known_fields) do
    local value, check = body[name], model.fields[name]
    if value == nil then
      if name == "prompt" then
        return refuse("prompt", "is required")
      end
    elseif check then
      local ok, message = check(value, body, options)
      if not ok then
        return refuse(name, "%s", message)
      end
    elseif model ~= M.unknown_model then
      return refuse(name, "is not supported by %s", model_name)
    end
  end
  return true
end

---The picture that the service makes of an accepted body.
---@return integer width
---@return integer height
---@return string? tier
---@return number factor  price of one picture, as a factor of the model's base
function M.pixels(body, options)
  local model = M.models[body.model] or M.unknown_model
  local size, width, height = body.size, nil, nil
  local resolution = type(body.resolution) == "string" and body.resolution:upper() or "1K"
  local ratio = sizes.ratios[size]
  if model.fixed then
    width, height = table.unpack(model.fixed[size] or model.fixed["1:1"])
  elseif ratio and model.procedure then
    local procedure = body.model == "gpt-image-2" and options.sizes or model.procedure
    width, height = sizes.solve(procedure, size, resolution)
  elseif model.procedure and size and size ~= "auto" then
    width, height = sizes.parse(size)
  end
  local tier
  if model.tiers then
    tier = ratio and resolution or width and sizes.tier(width * height) or "1K"
  end
  local factor = model.factors and model.factors[body.quality or model.default_quality]
    or model.tiers and ({ ["1K"] = 1, ["2K"] = 1.7, ["4K"] = 2.6 })[tier] or 1
  return width or 1024, height or 1024, tier, factor
end

---Credits of one picture at factor 1.
function M.base_credits(body)
  return (M.models[body.model] or M.unknown_model).base_credits
end

return M
