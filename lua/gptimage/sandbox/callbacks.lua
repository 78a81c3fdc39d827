-- SPDX-License-Identifier: MIT
-- Calls back when a task has ended: after billing, 10 seconds for an answer, three more tries 1, 2
-- and 4 seconds after a failure, any 2xx is success.

local http_request = require "http.request"
local intake = require "gptimage.sandbox.intake"
local json = require "gptimage.sandbox.json"

local M = {}

local TIMEOUT = 10
local PAUSES = { 1, 2, 4 }

local function post(world, url, body)
  local ok, request = pcall(http_request.new_from_uri, url)
  if not ok then
    return nil, "not a URL"
  end
  request.follow_redirects = false
  request.headers:upsert(":method", "POST")
  request.headers:upsert("content-type", "application/json")
  request:set_body(body)
  request.headers:delete("expect")
  local headers, stream = request:go(TIMEOUT / world.clock.speed)
  if not headers then
    return nil, tostring(stream)
  end
  intake.mend(stream.connection)
  stream:shutdown() -- an idle connection of lua-http's requests closes itself
  return math.tointeger(tonumber(headers:get(":status")))
end

local function deliver(world, task)
  local url = task.spec.callback_url
  local body = json.encode(world.tasks:json(task, {}))
  for try = 1, #PAUSES + 1 do
    if task.epoch ~= world.ledger then
      return -- the sandbox was reset meanwhile
    end
    task.epoch:count("callbacks")
    local status, problem = post(world, url, body)
    table.insert(task.entry.callbacks, json.object("try", try, "at", world.clock:now(),
      "status", status, "error", problem))
    if status and status >= 200 and status <= 299 then
      task.epoch:count("called_back")
      return
    elseif PAUSES[try] then
      world.clock:wait_until(world.clock:now() + PAUSES[try])
    end
  end
end

---Starts calling back for a task that has ended, if it asked for it.
function M.start(world, task)
  if task.spec.callback_url then
    world.cq:wrap(deliver, world, task)
  end
end

return M
