-- SPDX-License-Identifier: MIT
-- What paid requests of both services share: the ledger, the balance, replays, the job.

local checksums = require "gptimage.sandbox.checksums"
local rules = require "gptimage.sandbox.rules"

local M = {}

---SHA-256 of bytes, in hex.
function M.sha256(bytes)
  local hash = checksums.sha256()
  hash:update(bytes)
  return hash:hex()
end

---Notes a paid request, and says whether its key was used before.
---@return table? reply  an error to answer with; then nothing was accepted
---@return table? task   of the first request with this key, when replays are deduplicated
function M.arrive(world, request, error_reply)
  local key = request.headers:get("idempotency-key")
  local first = world.ledger:submitted(request.service, key)
  if not world.options.idempotent or not key then
    return nil
  elseif not key:find("^[%w._-]+$") or #key < 16 or #key > 96 then
    return error_reply(400, { code = "invalid_request", param = "Idempotency-Key",
      message = "Idempotency-Key must be 16 to 96 of A-Z a-z 0-9 . _ -" })
  elseif not first then
    return nil
  elseif first.job.spec.body_sha256 ~= request.body_sha256 then
    return error_reply(409, { code = "idempotency_conflict",
      message = "This Idempotency-Key was used with another request." })
  end
  world.ledger:count("deduplicated")
  return nil, first.job
end

---Accepts a request that the rules have passed: reserves its price and starts the job.
---@param body table  the fields
---@param gather? fun(): table[], table?, table?  brings references and mask; a third result is a
---       task error
---@param later? boolean  that takes time: the task is accepted meanwhile
---@return table? task  nil when the balance does not cover it
---@return integer micros
function M.accept(world, request, body, gather, later)
  local options = { sizes = world.options.sizes }
  local micros = rules.price_micros(request.service, body, options)
  if not world.ledger:affords(micros) then
    return nil, micros
  end
  local width, height = rules.pixels(request.service, body, options)
  local task = world.tasks:create({
    service = request.service, model = body.model, prompt = body.prompt,
    prompt_sha256 = M.sha256(body.prompt), body_sha256 = request.body_sha256,
    pictures = rules.pictures(body), width = width, height = height, micros = micros,
    key = request.headers:get("idempotency-key"), callback_url = body.callback_url,
    response_format = body.response_format, gather = gather, gather_later = later,
    link_base = ("%s://%s"):format(request.scheme, request.authority),
  }, request.fault)
  request.entry = task.entry
  return task, micros
end

return M
