-- SPDX-License-Identifier: MIT
-- `/_sandbox/…`: what tests and demos ask of the sandbox itself. Never in the record, never struck
-- by a fault.
--
--   GET    ledger     what was paid, see ledger.lua
--   GET    requests   what arrived, in order: method, path, http, connection, headers (the key
--                     hidden), body_bytes, body_sha256, status; of a form its `parts` (order, name,
--                     filename, content_type, bytes, sha256, and of pictures type, width, height);
--                     of an accepted upload `upload` (file_id, file_name, mime_type, bytes, sha256,
--                     url); of an edit `references` and `mask` as the service got them (order,
--                     source, url, filename, content_type, bytes, sha256, type, width, height,
--                     problem): filename and content_type as the sender had them, of what was
--                     uploaded those of the upload, of what was fetched the server's; type,
--                     width and height by the bytes
--   GET    faults     what is armed; POST arms, DELETE disarms, see faults.lua
--   POST   release    lets everything go on that a "stall" holds
--   POST   clock      {"advance": seconds}; GET tells {"now"}
--   POST   reset      forgets ledger, tasks, links, uploads, requests, faults
--   POST   stop       ends the sandbox

local json = require "gptimage.sandbox.json"

local M = {}

local function ok(value)
  return { status = 200, headers = {}, json = value or json.object("ok", true) }
end

local function bad(message)
  return { status = 400, headers = {}, json = json.object("error", message) }
end

local handlers = {}

handlers["GET ledger"] = function(world)
  world.tasks:settle_all()
  return ok(world.ledger:snapshot())
end

handlers["GET requests"] = function(world)
  return ok(json.array(world.requests))
end

handlers["GET faults"] = function(world)
  return ok(world.faults:list())
end

handlers["POST faults"] = function(world, request)
  local items, message = json.decode(request.body)
  if items == nil then
    return bad(message)
  end
  local ids
  ids, message = world.faults:arm(items)
  return ids and ok(json.object("ids", ids)) or bad(message)
end

handlers["DELETE faults"] = function(world)
  world.faults:clear()
  return ok()
end

handlers["POST release"] = function(world)
  world:release()
  return ok()
end

handlers["GET clock"] = function(world)
  return ok(json.object("now", world.clock:now(), "speed", world.clock.speed))
end

handlers["POST clock"] = function(world, request)
  local body = json.decode(request.body)
  local seconds = type(body) == "table" and body.advance
  if type(seconds) ~= "number" or not (seconds >= 0 and seconds <= 1e9) then
    return bad("advance: seconds, from 0 to 1e9")
  end
  world.clock:advance(seconds)
  world.tasks:settle_all()
  return ok(json.object("now", world.clock:now()))
end

handlers["POST reset"] = function(world)
  world:reset()
  return ok()
end

handlers["POST stop"] = function(world)
  local reply = ok()
  function reply.on_sent()
    world.stopped = true
  end
  return reply
end

---@param request table  its route is what follows /_sandbox/
function M.answer(world, request)
  local handler = handlers[request.method .. " " .. request.route]
  if not handler then
    return { status = 404, headers = {}, json = json.object("error", "no such control") }
  end
  return handler(world, request)
end

---In the shape of control errors.
function M.error_reply(status, problem)
  return { status = status, headers = {}, json = json.object("error", problem.message) }
end

return M
