-- SPDX-License-Identifier: MIT
-- The synchronous gateway: the POST is held until the pictures are there.

local base64 = require "gptimage.sandbox.base64"
local events = require "gptimage.sandbox.events"
local json = require "gptimage.sandbox.json"
local links = require "gptimage.sandbox.rules.links"
local references = require "gptimage.sandbox.references"
local rules = require "gptimage.sandbox.rules"
local starmagic = require "gptimage.sandbox.starmagic"
local submission = require "gptimage.sandbox.submission"

local M = {}

local IMAGES_MAX = 16
local extensions = { jpeg = true, jpg = true, png = true, webp = true }

---An error in this gateway's shape: a request id in the message, and no `param` from middleware.
function M.error_reply(status, problem)
  return {
    status = status, headers = {},
    with_request_id = true, -- the server appends " (request id: …)" to the message
    json = json.object("error", json.object("message", problem.message,
      "type", problem.type or "new_api_error", "param", problem.param,
      "code", problem.code == nil and "" or problem.code)),
  }
end

local error_reply = M.error_reply

local function authorize(world, request)
  local key = (request.headers:get("authorization") or ""):match("^[bB]earer +(.+)$")
  if not key then
    return error_reply(401, { message = "未提供令牌" })
  elseif world.options.key and key ~= world.options.key then
    return error_reply(401, { message = "无效的令牌" })
  end
end

---The pictures of a job, waited for; its failure as the gateway's error.
function M.image_reply(world, request, task)
  world.tasks:wait(task)
  if task.error then
    return error_reply(400, { code = task.error.code, type = "image_generation_user_error",
      param = "", message = task.error.message })
  elseif task.state ~= "completed" then
    return error_reply(500, { code = "do_request_failed", message = "the request was cancelled" })
  end
  local fault = request.fault
  local format = fault.format or task.spec.response_format
  local data = json.array {}
  for i, file in ipairs(task.images) do
    local item = json.object("url", "", "b64_json", "", "revised_prompt", "")
    if format == "b64_json" then
      item.b64_json = base64.encode(world.files:bytes(file))
    else
      item.url = file.url
    end
    if fault.results == "empty" and i == 1 then
      item.url, item.b64_json = "", ""
    end
    data[i] = item
  end
  local shown = data
  if fault.results == "null" then
    shown = json.null
  elseif fault.results == "missing" then
    shown = nil
  end
  return { status = 200, headers = {},
    json = json.object("data", shown, "created", task.created // 1 | 0),
    on_sent = format == "b64_json" and function()
      task.entry.downloaded = task.entry.downloaded + #task.images
      world.ledger:count("downloaded")
    end or nil }
end

-- Accepted fields to pictures, or to a task where a fault or the channel wants it so.
local function make(world, request, body, list, mask)
  local task = submission.accept(world, request, body, list and function() return list, mask end)
  if not task then
    return error_reply(403, { code = "insufficient_user_quota",
      message = "用户额度不足" })
  elseif request.fault.shape == "task" then
    return { status = 200, headers = {}, json = world.tasks:json(task, request.fault) }
  end
  local reply = M.image_reply(world, request, task)
  return events.wanted(body) and events.from(reply) or reply
end

local function paid(world, request, read)
  local refusal, first = submission.arrive(world, request, error_reply)
  if refusal then
    return refusal
  elseif first then
    local reply = M.image_reply(world, request, first)
    table.insert(reply.headers, { "idempotency-replayed", "true" })
    return reply
  end
  local body, problem, list, mask = read(world, request)
  if body then
    local ok
    ok, problem = rules.check("magick", body)
    if ok then
      return make(world, request, body, list, mask)
    end
  end
  return error_reply(problem.http_status, problem)
end

local function without_nulls(body)
  for name, value in pairs(body) do
    body[name] = value ~= json.null and value or nil
  end
  return body
end

local function read_json(_, request)
  local body, message = json.decode(request.body)
  if type(body) ~= "table" or json.is_array(body) or body == json.null then
    return nil, { http_status = 400, code = "invalid_request",
      message = message or "the body must be a JSON object" }
  end
  return without_nulls(body)
end

local NO_IMAGE = {
  http_status = 500, code = "convert_request_failed", message = "image is required",
}

local codes_by_reason = {
  unreadable = "invalid_image_file", type = "unsupported_file_mimetype", size = "image_too_large",
  mask_type = "invalid_mask_image_format", mask_alpha = "invalid_mask_image_format",
  mask_size = "invalid_mask_image_format",
}

local function bad_picture(param, message)
  return { http_status = 400, code = "invalid_value", type = "image_generation_user_error",
    param = param, message = message }
end

-- The upstream's judgement of the pictures.
local function judge(list, mask)
  if #list > IMAGES_MAX then
    return bad_picture("image", ("Too many images: at most %d are allowed"):format(IMAGES_MAX))
  end
  local reason, message, param = references.judge(list, mask, { images = "image", mask = "mask" },
    references.MASK_MAX)
  if reason then
    return { http_status = 400, code = codes_by_reason[reason], param = param, message = message,
      type = "image_generation_user_error" }
  end
end

local function read_multipart(request)
  if not request.parts then
    return nil, { http_status = 400, code = "invalid_request", message = request.form_problem }
  end
  local body = {}
  for _, part in ipairs(request.parts) do
    body[part.name] = part.text or body[part.name]
  end
  if body.n then
    body.n = math.tointeger(tonumber(body.n)) or body.n
  end
  return body, nil, references.from_parts(request.parts)
end

-- The links and data URLs of a JSON edit: strings, or objects with `image_url`.
local function urls_of(value)
  local urls = {}
  for _, item in ipairs(json.is_array(value) and value or { value }) do
    urls[#urls + 1] = type(item) == "table" and item.image_url or item
  end
  for _, url in ipairs(urls) do
    if type(url) ~= "string" then
      return nil
    end
  end
  return urls
end

local function read_json_edit(world, request)
  local body, problem = read_json(world, request)
  if not body then
    return nil, problem
  end
  local images, masks = urls_of(body.images or body.image), urls_of(body.mask)
  if not images or not masks or #masks > 1 then
    return nil, bad_picture(images and "mask" or "images",
      "image_url is required: a link or a data URL")
  end
  local function is_own(url)
    return url:find("^data:") or references.is_own(world, url)
  end
  for _, list in ipairs { images, masks } do
    for _, url in ipairs(list) do
      local ok, message = links.check_image(url, extensions, world.options.allow_private, is_own)
      if not ok then
        return nil, bad_picture(list == masks and "mask" or "images", "image_url " .. message)
      end
    end
  end
  return body, nil, references.from_urls(world, images, masks[1])
end

-- An edit's fields, its pictures and its mask; or nil and a problem.
local function read_edit(world, request)
  local content_type = request.headers:get("content-type") or ""
  local read = content_type:lower():find("^multipart/form%-data") and read_multipart
    or function() return read_json_edit(world, request) end
  local body, problem, list, mask = read(request)
  if not body then
    return nil, problem
  end
  references.record(request.record, list, mask)
  if #list == 0 then
    return nil, NO_IMAGE
  end
  problem = judge(list, mask)
  if problem then
    return nil, problem
  end
  return body, nil, list, mask
end

local function generate(world, request)
  return paid(world, request, read_json)
end

local function edit(world, request)
  return paid(world, request, read_edit)
end

-- The stock gateway routes /v1/edits to its text handler, which does not understand it.
local function old_edit(world, request)
  if world.options.edits then
    return edit(world, request)
  elseif (request.headers:get("content-type") or ""):find("^multipart/") then
    return error_reply(400, { message = "Model name not specified, model name cannot be empty" })
  end
  return error_reply(400, { code = "invalid_request", message = "invalid request type" })
end

local routes = {
  ["POST /v1/images/generations"] = generate,
  ["POST /v1/images/edits"] = edit,
  ["POST /v1/edits"] = old_edit,
}

---Which kind of request is this? Called with the head alone.
function M.classify(request)
  if routes[request.method .. " " .. request.route] then
    return "submit"
  end
  return starmagic.classify(request)
end

---Answers a request.
function M.answer(world, request)
  local refusal = authorize(world, request)
  if refusal then
    return refusal
  end
  local handler = routes[request.method .. " " .. request.route]
  if handler then
    return handler(world, request)
  elseif request.kind == "poll" and world.tasks.by_id[request.task] then
    return starmagic.answer(world, request)
  elseif request.method == "GET" and request.route == "/v1/models" then
    return starmagic.answer(world, request)
  elseif request.route == "/v1/images/variations" then
    return error_reply(501, { code = "api_not_implemented", param = "",
      message = "API not implemented" })
  end
  return error_reply(404, { type = "invalid_request_error", param = "", code = "",
    message = ("Invalid URL (%s %s)%s"):format(request.method, request.route,
      world.hint_at "starmagic") })
end

return M
