-- SPDX-License-Identifier: MIT
-- The task service: POST gives a task, GET asks how it goes.

local json = require "gptimage.sandbox.json"
local ledger = require "gptimage.sandbox.ledger"
local references = require "gptimage.sandbox.references"
local rules = require "gptimage.sandbox.rules"
local submission = require "gptimage.sandbox.submission"

local M = {}

local BATCH_MAX = 50

local types_by_status = {
  [400] = "invalid_request_error", [401] = "authentication_error", [402] = "insufficient_quota",
  [403] = "invalid_request_error", [404] = "invalid_request_error", [429] = "rate_limit_error",
  [503] = "service_unavailable_error",
}
local codes_by_status = {
  [400] = "invalid_request", [401] = "unauthorized", [402] = "insufficient_quota",
  [403] = "model_access_denied", [404] = "not_found", [409] = "idempotency_conflict",
  [413] = "request_too_large", [429] = "rate_limit_exceeded", [500] = "internal_error",
  [502] = "upstream_error", [503] = "service_unavailable",
}

---An error in this service's shape. `problem.code` may be json.null, a number or "".
function M.error_reply(status, problem)
  local code = problem.code
  if code == nil then
    code = codes_by_status[status] or "internal_error"
  end
  return {
    status = status, headers = {},
    json = json.object("error", json.object("code", code, "message", problem.message,
      "type", problem.type or types_by_status[status] or "api_error", "param", problem.param)),
  }
end

local error_reply = M.error_reply

---@return table? reply  the refusal of a wrong key
function M.authorize(world, request)
  local key = (request.headers:get("authorization") or ""):match("^[bB]earer +(.+)$")
  if not key or world.options.key and key ~= world.options.key then
    return error_reply(401, { message = "Invalid or missing API key." })
  end
end

-- A job as the answer to the request that created it. The synchronous shape is a fault's.
local function submitted(world, request, task)
  if request.fault.shape == "sync" then
    local magick = require "gptimage.sandbox.magick"
    return magick.image_reply(world, request, task)
  end
  local fault = request.fault
  local object = json.object(
    "created", task.created // 1 | 0, "id", task.id, "model", task.spec.model,
    "object", "image.generation.task", "progress", 0, "status", fault.task_status or "pending",
    "task_info", json.object("can_cancel", true,
      "estimated_time", math.max(1, math.ceil(task.latency / world.clock.speed))),
    "type", "image",
    "usage", json.object("billing_rule", "per_call",
      "credits_reserved", ledger.credits(task.entry.micros), "user_group", "default"))
  for _, name in ipairs(fault.omit or {}) do
    object[name] = nil
  end
  return { status = 200, headers = {}, json = object }
end

-- How a job gets its pictures, and whether that takes time. What is wrong with them fails the task:
-- the service accepts first and looks later.
local function gathering(world, request, body)
  local urls = body.image_urls or {}
  if #urls == 0 then
    return nil -- a mask alone is ignored
  end
  return function()
    local list, mask = references.from_urls(world, urls, body.mask_url)
    references.record(request.record, list, mask)
    local reason, message = references.judge(list, mask,
      { images = "image_urls", mask = "mask_url" })
    return list, mask, reason and { message = message,
      code = reason == "mask_size" and "image_dimension_mismatch" or "image_processing_error" }
  end, references.take_time(world, urls, body.mask_url)
end

local function submit(world, request)
  local refusal, first = submission.arrive(world, request, error_reply)
  if refusal then
    return refusal
  elseif first then
    local reply = submitted(world, request, first)
    table.insert(reply.headers, { "idempotency-replayed", "true" })
    return reply
  end
  local ok, problem = rules.check("starmagic", request.body, {
    allow_private = world.options.allow_private,
    is_own = function(url) return references.is_own(world, url) end,
  })
  if not ok then
    return error_reply(problem.http_status, problem)
  end
  local body = json.decode(request.body)
  for name, value in pairs(body) do
    body[name] = value ~= json.null and value or nil
  end
  local task, micros = submission.accept(world, request, body, gathering(world, request, body))
  if not task then
    return error_reply(402, { message = ("Insufficient quota. %s credits are needed. Please top up "
      .. "your account."):format(tostring(ledger.credits(micros))) })
  end
  return submitted(world, request, task)
end

local function task_reply(world, request, id)
  local task = world.tasks.by_id[id]
  if not task then
    if id:sub(1, 12) ~= "task-unified" then
      return error_reply(400, { code = "invalid_task_id", param = "task_id",
        message = "Invalid task ID: must start with 'task-unified-'" })
    end
    return error_reply(404, { code = "task_not_found", message = "Task not found" })
  end
  request.entry = task.entry
  task.entry.polls = task.entry.polls + 1
  return { status = 200, headers = {}, json = world.tasks:json(task, request.fault) }
end

local function list_item(world, task)
  local status, progress = world.tasks:status(task)
  return json.object("id", task.id, "model", task.spec.model, "type", "image", "status", status,
    "progress", progress, "created_at", task.created // 1 | 0,
    "has_results", status == "completed",
    "credits_used", status == "completed" and ledger.credits(task.entry.micros) or 0)
end

local function list(world, request)
  local query = request.query
  local page = math.max(1, math.tointeger(tonumber(query.page)) or 1)
  local page_size = math.min(100, math.max(1, math.tointeger(tonumber(query.page_size)) or 20))
  local found = {}
  for i = #world.tasks.list, 1, -1 do
    local task = world.tasks.list[i]
    if task.spec.service == "starmagic" and (not query.model or query.model == task.spec.model)
        and (not query.type or query.type == "image")
        and (not query.status or query.status == world.tasks:status(task)) then
      found[#found + 1] = task
    end
  end
  local data = json.array {}
  for i = (page - 1) * page_size + 1, math.min(#found, page * page_size) do
    data[#data + 1] = list_item(world, found[i])
  end
  return { status = 200, headers = {}, json = json.object("data", data, "total", #found,
    "page", page, "page_size", page_size) }
end

local function batch(world, request)
  local body = json.decode(request.body)
  local ids = type(body) == "table" and body.task_ids
  if not json.is_array(ids) or #ids > BATCH_MAX then
    return error_reply(400, { param = "task_ids",
      message = ("task_ids must be an array of at most %d ids"):format(BATCH_MAX) })
  end
  local data = json.array {}
  for _, id in ipairs(ids) do
    local task = world.tasks.by_id[id]
    if task then
      task.entry.polls = task.entry.polls + 1
      data[#data + 1] = world.tasks:json(task, request.fault)
    end
  end
  return { status = 200, headers = {}, json = json.object("data", data) }
end

local function credits(world)
  local book = world.ledger
  local remaining = ledger.credits(book.balance_micros)
  local used = ledger.credits(book.charged_micros)
  return { status = 200, headers = {}, json = json.object("success", true, "data", json.object(
    "token", json.object("remaining_credits", remaining, "used_credits", used,
      "unlimited_credits", false),
    "user", json.object("remaining_credits", remaining, "used_credits", used))) }
end

local function models()
  local data = json.array {}
  for _, id in ipairs { "gpt-image-1.5", "gpt-image-2", "gpt-image-2-beta" } do
    data[#data + 1] = json.object("id", id, "object", "model", "created", 1776700800,
      "owned_by", "custom")
  end
  return { status = 200, headers = {}, json = json.object("object", "list", "data", data) }
end

local routes = {
  ["POST /v1/images/generations"] = submit,
  ["GET /v1/tasks"] = list,
  ["POST /v1/tasks/batch"] = batch,
  ["GET /v1/credits"] = credits,
  ["GET /v1/models"] = models,
}

---Which kind of request is this? Called with the head alone.
function M.classify(request)
  if request.method == "POST" and request.route == "/v1/images/generations" then
    return "submit"
  end
  local id = request.route:match("^/v1/tasks/([^/]+)$")
  if id and request.method == "GET" then
    request.task = request.unescape(id)
    return "poll"
  end
  return "other"
end

---Answers a request.
function M.answer(world, request)
  local refusal = M.authorize(world, request)
  if refusal then
    return refusal
  elseif request.kind == "poll" then
    return task_reply(world, request, request.task)
  end
  local handler = routes[request.method .. " " .. request.route]
  if not handler then
    return error_reply(404, { message = "No such endpoint: " .. request.method .. " "
      .. request.route .. world.hint_at "magick" })
  end
  return handler(world, request)
end

return M
