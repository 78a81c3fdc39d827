-- SPDX-License-Identifier: MIT
-- Jobs of both services: accepted, worked on while the sandbox's clock runs, ended once.
--
-- The synchronous service uses the same jobs; its requests merely wait for the end.

local condition = require "cqueues.condition"
local json = require "gptimage.sandbox.json"
local ledger = require "gptimage.sandbox.ledger"

local M = {}

local methods = {}
local tasks_mt = { __name = "sandbox.tasks", __index = methods }

-- What a service says of the task errors that it documents.
local error_messages = {
  content_policy_violation = "Content policy violation.\nChange the prompt.",
  invalid_parameters = "The parameters are invalid.",
  image_processing_error = "The reference image could not be processed.",
  image_dimension_mismatch = "Mask image size does not match image size.",
  request_cancelled = "The request was cancelled.",
  generation_failed_no_content = "The model returned no content.",
  service_error = "The service failed. Wait 30 to 60 seconds.",
  generation_timeout = "The generation took too long.",
  resource_exhausted = "Resources are exhausted. Wait 1 to 5 minutes.",
  quota_exceeded = "Too many requests at once.",
  service_unavailable = "The service is unavailable. Wait some minutes.",
  resource_not_found = "The resource was not found.",
  unknown_error = "Unknown error. Contact support.",
}

---@param world table  clock, cq, files, and `on_end(task)` called after billing
function M.new(world)
  return setmetatable({ world = world, by_id = {}, list = {} }, tasks_mt)
end

local letters = "abcdefghijklmnopqrstuvwxyz0123456789"

function methods:new_id(now)
  local id
  repeat
    local suffix = {}
    for i = 1, 8 do
      local k = math.random(#letters)
      suffix[i] = letters:sub(k, k)
    end
    id = ("task-unified-%d-%s"):format(now, table.concat(suffix))
  until not self.by_id[id]
  return id
end

-- Brings a job's references and mask; it does not end before.
local function gather(self, task)
  local function bring()
    task.references, task.mask, task.problem = task.spec.gather()
  end
  if not task.spec.gather_later then
    return bring()
  end
  task.gathering = true
  self.world.cq:wrap(function()
    local ok, message = pcall(bring)
    if not ok then
      task.problem = "service_error"
      self.world.complain(tostring(message))
    end
    task.gathering = false
    self:settle(task)
  end)
end

---Accepts a job. `spec`: service, model, prompt, pictures, width, height, micros, key,
---prompt_sha256, callback_url, link_base, gather and gather_later (see submission.lua); `fault` may
---bend it (see faults.lua).
function methods:create(spec, fault)
  local world = self.world
  local now = world.clock:now()
  local latency = fault.latency or world.options.latency
  local task = {
    id = fault.task_id or self:new_id(now // 1 | 0), spec = spec, fault = fault,
    created = now, due = now + latency, latency = latency, state = "working",
    ended = condition.new(), images = {},
    epoch = world.ledger, -- where it is billed, even if the sandbox is reset meanwhile
  }
  task.entry = world.ledger:open {
    task = task.id, service = spec.service, key = spec.key, model = spec.model, n = spec.pictures,
    width = spec.width, height = spec.height, micros = spec.micros,
    prompt_sha256 = spec.prompt_sha256,
  }
  task.entry.job = task
  self.by_id[task.id] = task
  self.list[#self.list + 1] = task
  if spec.gather then
    gather(self, task)
  end
  world.cq:wrap(function()
    world.clock:wait_until(task.due, task.ended, function() return task.state ~= "working" end)
    self:settle(task)
  end)
  return task
end

local function finish(self, task)
  local world, fault = self.world, task.fault
  local failure = fault.fail or task.problem
  if failure then
    local problem = type(failure) == "table" and failure or { code = failure }
    task.error = json.object("code", problem.code,
      "message", problem.message or error_messages[problem.code] or "The task failed.",
      "type", "task_error")
    task.state = "failed"
    world.ledger:refund(task.entry, "failed")
  elseif fault.cancel then
    task.state = "cancelled"
    world.ledger:refund(task.entry, "cancelled")
  else
    task.state = "completed"
    local pixels = fault.pixels or { task.spec.width, task.spec.height }
    for i = 1, fault.images or task.spec.pictures do
      task.images[i] = world.files:add(task, i, pixels[1], pixels[2])
    end
    world.ledger:charge(task.entry)
  end
  task.finished = world.clock:now()
  task.ended:signal()
  world.on_end(task)
end

---Brings a job to the present: ends it when its time has come.
function methods:settle(task)
  if task.state == "working" and not task.gathering and task.epoch == self.world.ledger
      and self.world.clock:now() >= task.due then
    finish(self, task)
  end
end

---Brings all jobs to the present.
function methods:settle_all()
  for _, task in ipairs(self.list) do
    self:settle(task)
  end
end

---Waits in the calling coroutine for a job's end.
function methods:wait(task)
  local function ended()
    return task.state ~= "working"
  end
  self.world.clock:wait_until(task.due, task.ended, ended)
  self:settle(task)
  self.world.clock:wait_until(math.huge, task.ended, ended) -- its references may still be coming
end

---Status and progress as of now.
---@return string status
---@return integer progress
function methods:status(task)
  self:settle(task)
  if task.state == "completed" then
    return "completed", 100
  elseif task.state ~= "working" then
    return task.state, 0
  end
  local part = (self.world.clock:now() - task.created) / task.latency
  if part < 0.1 then
    return "pending", 0
  end
  return "processing", math.min(99, math.floor(part * 100))
end

local function results(task, shape, files)
  if shape == "null" then
    return json.null
  elseif shape == "missing" then
    return nil
  end
  local list = json.array {}
  for i = 1, #task.images do
    local file = files:renew(task.images[i])
    task.images[i] = file
    list[i] = shape == "objects" and json.object("url", file.url) or file.url
  end
  if shape == "empty" then
    list[1] = ""
  end
  return list
end

---The task as both its query and its callback show it.
---@param fault table  of the request that asks
function methods:json(task, fault)
  local world = self.world
  local status, progress = self:status(task)
  local own = task.fault
  local info = json.object("can_cancel", task.state == "working")
  if task.state == "working" then
    local left = (task.due - world.clock:now()) / world.clock.speed
    info = json.object("can_cancel", true, "estimated_time", math.max(1, math.ceil(left)))
  end
  local charged = task.state == "completed" and ledger.credits(task.entry.micros) or nil
  local object = json.object(
    "created", task.created // 1 | 0, "id", task.id, "model", task.spec.model,
    "object", "image.generation.task", "progress", progress,
    "results",
    status == "completed" and results(task, fault.results or own.results, world.files) or nil,
    "status", fault.task_status or status,
    "task_info", info, "type", "image",
    "usage", json.object("billing_rule", "per_call",
      "credits_reserved", ledger.credits(task.entry.micros), "credits_used", charged,
      "user_group", "default"),
    "error", task.error)
  for _, name in ipairs(fault.omit or own.omit or {}) do
    object[name] = nil
  end
  return object
end

return M
