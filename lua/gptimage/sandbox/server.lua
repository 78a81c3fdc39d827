-- SPDX-License-Identifier: MIT
-- HTTP/1.1 and HTTP/2 on one listener: requests in, replies out, and what faults do on the way.

local cqueues_errno = require "cqueues.errno"
local http_server = require "http.server"
local http_util = require "http.util"
local new_headers = require("http.headers").new
local bending = require "gptimage.sandbox.bending"
local http2 = require "gptimage.sandbox.http2"
local intake = require "gptimage.sandbox.intake"
local json = require "gptimage.sandbox.json"
local severing = require "gptimage.sandbox.severing"

local M = {}

local HEAD_TIMEOUT, WRITE_TIMEOUT = 30, 120
local IDLE_TIMEOUT = 60 -- keep-alive
local REQUESTS_MAX = 20000 -- so many of the last requests are on record, and some more

-- ---- in -----------------------------------------------------------------------------------------

-- Headers as the record shows them: that there was a key, but not the key.
local function shown_headers(headers)
  local shown = json.object()
  for name, value in headers:each() do
    if name == "authorization" then
      value = value:match("^%S+") .. " ***"
    end
    if name:sub(1, 1) ~= ":" then
      shown[name] = shown[name] and shown[name] .. ", " .. value or value
    end
  end
  return shown
end

-- Numbers connections from 1, and the requests on each.
local function count_connection(world, connection)
  local known = world.connections[connection]
  if not known then
    world.last_connection = world.last_connection + 1
    known = { number = world.last_connection, requests = 0 }
    world.connections[connection] = known
    if connection.version == 2 then
      http2.notice_end(connection)
    else
      intake.mend(connection)
    end
  end
  known.requests = known.requests + 1
  return known
end

local function parse_query(text)
  local query = {}
  for name, value in http_util.query_args(text or "") do
    query[name] = value
  end
  return query
end

-- Reads the head. nil when the peer has gone.
local function read_head(world, stream)
  local headers = stream:get_headers(HEAD_TIMEOUT)
  if not headers then
    return nil
  end
  local target = headers:get(":path") or "/"
  local path, query = target:match("^([^?]*)%??(.*)$")
  local connection = count_connection(world, stream.connection)
  local request = {
    headers = headers, method = headers:get(":method"), path = path, query = parse_query(query),
    scheme = headers:get(":scheme"), authority = headers:get(":authority") or world.authority,
    http = stream.connection.version == 2 and "2" or "1.1", connection = connection.number,
    reused = connection.requests > 1, unescape = http_util.decodeURIComponent,
  }
  world.classify(request)
  return request
end

local function record_request(world, request)
  world.last_request = world.last_request + 1
  request.record = json.object("number", world.last_request, "method", request.method,
    "path", request.headers:get(":path"), "http", request.http,
    "scheme", request.scheme, "connection", request.connection, "reused", request.reused,
    "service", request.service, "kind", request.kind,
    "headers", shown_headers(request.headers))
  local requests = world.requests
  table.insert(requests, request.record)
  if #requests >= 2 * REQUESTS_MAX then
    world.requests = table.move(requests, REQUESTS_MAX + 1, #requests, 1, {})
  end
end

-- ---- out ----------------------------------------------------------------------------------------

-- Fields are marked as never to be indexed: with some hundred replies on one HTTP/2 connection
-- lua-http's table of indexed fields and the peer's are no longer the same.
local function headers_of(reply, length)
  local headers = new_headers()
  headers:append(":status", ("%d"):format(reply.status), true)
  for _, pair in ipairs(reply.headers) do
    headers:append(pair[1], pair[2], true)
  end
  if length and reply.status ~= 204 then
    headers:append("content-length", ("%d"):format(length), true)
  end
  return headers
end

-- Waits out a stall: for `seconds` of the sandbox, or until it is released.
local function stall(world, seconds)
  local generation = world.release_generation
  world.clock:wait_until(world.clock:now() + (seconds or math.huge), world.released, function()
    return world.release_generation ~= generation
  end)
end

-- The body in the pieces that the fault wants: a list of {first, last byte, pause before it}.
local function cut_to_pieces(world, body, fault)
  local pieces = {}
  local limit = fault.cut and math.min(fault.cut, #body) or #body
  local stall_at = fault.stall == "body" and math.min(fault.at or #body // 2, limit) or nil
  local step = fault.drip and fault.drip.bytes or 256 * 1024
  local at = 0
  while at < limit do
    local stop = math.min(limit, at + step)
    if stall_at and at < stall_at then
      stop = math.min(stop, stall_at)
    end
    local pause
    if stall_at == at then
      pause = function() stall(world, fault.seconds) end
    elseif fault.drip and at > 0 then
      pause = function() world.clock:wait_until(world.clock:now() + fault.drip.seconds) end
    end
    pieces[#pieces + 1] = { at + 1, stop, pause }
    at = stop
  end
  if stall_at == limit and limit > 0 then
    pieces[#pieces + 1] = { 1, 0, function() stall(world, fault.seconds) end }
  end
  return pieces
end

-- Sends the body; true when all of it was handed to the connection.
local function send_body(world, stream, body, length, fault)
  local whole = not fault.cut and (not length or #body == length)
  local allowed = not fault.cut and length and length < #body and stream.connection.version ~= 2
    and body:sub(1, length) or body
  local pieces = cut_to_pieces(world, allowed, fault)
  for i, piece in ipairs(pieces) do
    if piece[3] then
      piece[3]()
    end
    local last = i == #pieces and (whole or stream.connection.version == 2 and not fault.cut)
    if not stream:write_chunk(allowed:sub(piece[1], piece[2]), last, WRITE_TIMEOUT) then
      return false
    end
  end
  if #allowed < #body then -- more than was promised
    severing.write_raw(stream, body:sub(#allowed + 1))
  end
  if not whole and (stream.connection.version ~= 2 or fault.cut) then
    severing.sever(stream, fault.how or "close", true)
  end
  return whole
end

local function send(world, stream, request, reply)
  local fault = request.fault
  if fault.delay then
    world.clock:wait_until(world.clock:now() + fault.delay)
  end
  if fault.stall == "head" then
    stall(world, fault.seconds)
  end
  if fault.raw then
    severing.write_raw(stream, fault.raw)
    return severing.sever(stream, fault.how or "close", true)
  end
  local length = not fault.chunked and #reply.body + (fault.lie or 0) or nil
  local bodiless = request.method == "HEAD" or #reply.body == 0 and (length or 0) == 0
  if not stream:write_headers(headers_of(reply, length), bodiless, WRITE_TIMEOUT) then
    return
  end
  local sent = bodiless or send_body(world, stream, reply.body, length, fault)
  if sent and request.entry and request.kind == "submit" and reply.status == 200 then
    request.entry.replied = true
  end
  if sent and reply.on_sent then
    reply.on_sent()
  end
  if fault.close then
    severing.sever(stream, fault.close, true)
  elseif request.unread or fault.early then
    severing.linger_and_close(stream)
  end
end

-- ---- a request ----------------------------------------------------------------------------------

-- The reply to a request that was read whole, bent as its fault wants; nil when it is to be lost.
local function work_out_reply(world, request)
  local fault = request.fault
  local answered = bending.answers(fault)
  local reply
  if not answered or fault.accept then
    reply = world.answer(request)
  end
  if fault.reset == "accepted" then
    return nil
  end
  if answered then
    reply = bending.answer(fault, request.error_reply)
  end
  world.sign(request, reply)
  if request.kind == "submit" and not (request.entry and request.entry.job) then
    world.ledger:count("refused")
  end
  bending.bend(fault, reply)
  return reply
end

local function serve(world, stream)
  local request = read_head(world, stream)
  if not request then
    return
  end
  request.fault = request.kind == "control" and {} or world.faults:take(request)
  if request.kind ~= "control" then
    record_request(world, request)
  end
  local fault = request.fault
  if fault.reset == "before" then
    return severing.sever(stream, fault.how or "rst", false)
  end
  local whole = true
  if not fault.early then
    whole = intake.read(world, stream, request)
  end
  if whole == nil then
    return
  end
  if fault.reset == "read" then
    return severing.sever(stream, fault.how or "rst", false)
  end
  local reply
  if whole then
    reply = work_out_reply(world, request)
  else
    reply = request.error_reply(413, { code = "read_request_body_failed",
      message = "request body too large" })
    bending.bend({}, reply)
    request.unread = true
  end
  if reply and (request.unread or fault.early) and stream.connection.version ~= 2 then
    bending.set_header(reply, "connection", "close")
  end
  if not reply then
    return severing.sever(stream, fault.how or "rst", true)
  end
  if request.record then
    request.record.status = reply.status
  end
  send(world, stream, request, reply)
end

---Opens a listener on the world's queue.
---@param options {host: string, port: integer, ctx: table?}  with `ctx` it speaks TLS
---@return table? server
---@return integer|string port  or the message
function M.listen(world, options)
  local server, err = http_server.listen {
    cq = world.cq, host = options.host, port = options.port, reuseaddr = true,
    tls = options.ctx ~= nil, ctx = options.ctx, intra_stream_timeout = IDLE_TIMEOUT,
    onstream = function(_, stream)
      serve(world, stream)
    end,
    onerror = function(_, _, operation, problem, errno)
      if operation == "wrap" and not world.options.verbose then
        return -- a handshake that failed: the client has been told
      end
      if errno ~= cqueues_errno.EPIPE and errno ~= cqueues_errno.ECONNRESET
          and not severing.is_aftermath(problem) then
        world.complain(("%s: %s"):format(operation, tostring(problem)))
      end
    end,
  }
  if not server then
    return nil, err
  end
  -- A connection can be struck before a byte of it is read.
  local add_socket = server.add_socket
  function server.add_socket(self, socket)
    local fault = world.faults:take_connection()
    if not fault then
      return add_socket(self, socket)
    end
    severing.close_socket(socket, fault.how or "rst")
    return true
  end
  local ok, message = server:listen()
  if not ok then
    return nil, message
  end
  local _, _, port = server:localname()
  return server, port
end

---Runs the world's queue until `world.stopped`. Coroutines that fail are complained about; those
---whose connection was severed under them are not.
function M.run(world)
  while not world.stopped do
    local ok, err = world.cq:step()
    if not ok and not severing.is_aftermath(err) then
      world.complain(tostring(err))
    end
  end
end

return M
