-- SPDX-License-Identifier: MIT
-- The synchronous gateway: the POST is held until the pictures are there.

local base64 = require "gptimage.sandbox.base64"
local json = require "gptimage.sandbox.json"
local multipart = require "gptimage.sandbox.multipart"
local rules = require "gptimage.sandbox.rules"
local starmagic = require "gptimage.sandbox.starmagic"
local submission = require "gptimage.sandbox.submission"

local M = {}

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
local function make(world, request, body)
  local task = submission.accept(world, request, body)
  if not task then
    return error_reply(403, { code = "insufficient_user_quota",
      message = "用户额度不足" })
  elseif request.fault.shape == "task" then
    return { status = 200, headers = {}, json = world.tasks:json(task, request.fault) }
  end
  return M.image_reply(world, request, task)
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
  local body, problem = read(world, request)
  if body then
    local ok
    ok, problem = rules.check("magick", body)
    if ok then
      return make(world, request, body)
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

-- Is this part name one that carries reference images?
local function is_image(name)
  return name == "image" or name == "image[]" or name:find("^image%[") ~= nil
end

local function read_multipart(request)
  local parts, message = multipart.parse(request.body, request.headers:get("content-type"))
  if not parts then
    return nil, { http_status = 400, code = "invalid_request", message = message }
  end
  local body, images = {}, 0
  local record = json.array {}
  for i, part in ipairs(parts) do
    record[i] = json.object("name", part.name, "filename", part.filename,
      "content_type", part.content_type, "bytes", #part.body,
      "sha256", submission.sha256(part.body))
    if part.filename then
      images = images + (is_image(part.name) and 1 or 0)
    else
      body[part.name] = part.body
    end
  end
  request.record.parts = record
  if body.n then
    body.n = math.tointeger(tonumber(body.n)) or body.n
  end
  if images == 0 then
    return nil, { http_status = 500, code = "convert_request_failed",
      message = "image is required" }
  end
  return body
end

local function read_edit(world, request)
  local content_type = request.headers:get("content-type") or ""
  if content_type:lower():find("^multipart/form%-data") then
    return read_multipart(request)
  end
  local body, problem = read_json(world, request)
  if body and body.images == nil and body.image == nil then
    return nil, { http_status = 500, code = "convert_request_failed",
      message = "image is required" }
  end
  return body, problem
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
    message = ("Invalid URL (%s %s)"):format(request.method, request.route) })
end

return M
