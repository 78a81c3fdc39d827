-- SPDX-License-Identifier: MIT
-- Bodies of requests: whole in memory where they are JSON, part by part on disk where they are
-- forms, hashed on the way.

local cqueues = require "cqueues"
local errno = require "cqueues.errno"
local checksums = require "gptimage.sandbox.checksums"
local json = require "gptimage.sandbox.json"
local multipart = require "gptimage.sandbox.multipart"
local pictures = require "gptimage.sandbox.pictures"
local severing = require "gptimage.sandbox.severing"

local M = {}

local BODY_TIMEOUT = 120
local LOOK = 0.05
local BODY_MAX = 128 * 1024 * 1024
local PIECE = 64 * 1024
local ENDLESS = 0x80000000 -- lua-http's length of a body that ends with its connection
local TEXT_MAX = 1024 * 1024 -- a part that is no file

-- Takes the parts of a form: files to the spool, texts to memory.
local function take_parts(world, request)
  local reader, message = multipart.reader(request.headers:get("content-type"), function(part)
    local hash = checksums.sha256()
    local pieces = {}
    part.size = 0
    if part.filename then
      part.blob = world.spool:open()
    end
    function part.finish()
      part.sha256 = hash:hex()
      part.text = not part.blob and table.concat(pieces) or nil
    end
    return function(bytes)
      part.size = part.size + #bytes
      hash:update(bytes)
      if part.blob then
        part.blob:write(bytes)
        request.too_long = request.too_long or part.size > (request.file_max or BODY_MAX)
      else
        pieces[#pieces + 1] = bytes
        request.too_long = request.too_long or part.size > TEXT_MAX
      end
    end
  end)
  if not reader then
    request.form_problem = message
    return nil
  end
  return reader
end

local function record_parts(request)
  local record = json.array {}
  for i, part in ipairs(request.parts) do
    part.finish()
    record[i] = json.object("order", i, "name", part.name, "filename", part.filename,
      "content_type", part.content_type, "bytes", part.size, "sha256", part.sha256)
    if part.blob then
      part.picture = pictures.read(part.blob)
      record[i].type = part.picture.type
      record[i].width, record[i].height = part.picture.width, part.picture.height
    end
  end
  request.record.parts = record
end

local function is_form(request)
  local content_type = request.headers:get("content-type") or ""
  return request.kind ~= "control" and content_type:lower():find("^multipart/form%-data") ~= nil
end

-- Where `reset = "middle"` strikes: after so many bytes of the body.
local function middle(request)
  local length = tonumber((request.headers:get("content-length")))
  return request.fault.at or length and length // 2 or 1
end

-- The next bytes. In uploads of megabytes over TLS the end of a frame can be in OpenSSL's buffer
-- while lua-http waits for the descriptor: on HTTP/2 it is made to look again.
local function next_chunk(stream)
  if stream.connection.version ~= 2 then
    return stream:get_next_chunk(BODY_TIMEOUT)
  end
  local deadline = cqueues.monotime() + BODY_TIMEOUT
  while true do
    local piece, problem, number = stream:get_next_chunk(LOOK)
    if piece or number ~= errno.ETIMEDOUT or cqueues.monotime() >= deadline then
      return piece, problem, number
    end
    stream.connection.had_eagain = false
  end
end

local function next_piece(world, stream, request, bytes)
  local fault = request.fault
  if fault.sip then
    world.clock:wait_until(world.clock:now() + fault.sip.seconds)
    return stream:get_body_chars(fault.sip.bytes, BODY_TIMEOUT)
  elseif fault.reset == "middle" then -- no byte more than that is taken
    return stream:get_body_chars(math.min(PIECE, middle(request) - bytes), BODY_TIMEOUT)
  end
  return next_chunk(stream)
end

---Makes an HTTP/1.1 connection of lua-http read bodies in small pieces, and tell when the peer has
---gone before their end. By itself it asks for all that is to come, and takes memory for it at
---once; and what is cut off looks to it like a whole, for whose end its `shutdown` waits for ever.
function M.mend(connection)
  local read = connection.read_body_by_length
  if not read then
    return -- HTTP/2
  end
  function connection:read_body_by_length(length, timeout)
    local piece, problem, number = read(self, math.max(length, -PIECE), timeout)
    if piece == nil and problem == nil and length > -ENDLESS then
      return nil, errno.strerror(errno.EPIPE), errno.EPIPE
    end
    return piece, problem, number
  end
end

---Reads the body: `request.body` is its text, or `request.parts` are the parts of a form (or
---`request.form_problem` says what is wrong with it). The hash goes to `request.body_sha256`.
---@return boolean? whole  false: longer than the services take, nil: it broke off
function M.read(world, stream, request)
  if request.headers:get("expect") == "100-continue" and stream.connection.version == 1.1 then
    stream:write_continue(BODY_TIMEOUT)
  end
  local reader = is_form(request) and take_parts(world, request)
  local hash = checksums.sha256()
  local pieces, bytes = {}, 0
  local problem
  repeat
    local breaks = request.fault.reset == "middle"
    local piece
    if not breaks or bytes < middle(request) then
      piece, problem = next_piece(world, stream, request, bytes)
    end
    if breaks and not piece then -- also where the body is shorter, or there is none
      severing.sever(stream, request.fault.how or "rst", false)
      return nil
    end
    if piece then
      bytes = bytes + #piece
      hash:update(piece)
      if reader then
        reader:feed(piece)
      elseif not is_form(request) then
        pieces[#pieces + 1] = piece
      end
      if bytes > BODY_MAX or request.too_long then
        return false
      end
    end
  until not piece
  request.body_bytes, request.body_sha256 = bytes, hash:hex()
  request.body = table.concat(pieces)
  if request.record then
    request.record.body_bytes, request.record.body_sha256 = bytes, request.body_sha256
  end
  if problem then
    return nil
  end
  if reader then
    request.parts, request.form_problem = reader:finish()
    if request.parts then
      record_parts(request)
    end
  end
  return true
end

return M
