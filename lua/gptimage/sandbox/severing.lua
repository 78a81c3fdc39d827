-- SPDX-License-Identifier: MIT
-- Ends connections as the world ends them: in order, with a reset, or one HTTP/2 stream alone.

local cqueues = require "cqueues"

local M = {}

local NO_ERROR, REFUSED_STREAM, CANCEL = 0x0, 0x7, 0x8
local RST_STREAM_FRAME = 0x3
local WRITE_TIMEOUT = 10
local LINGER = 1 -- seconds in which a reply can be read by who is still sending
local LATE_FRAMES = 0.25 -- seconds in which the peer may not yet have seen that a stream is reset

local severed_any = false

-- Makes close(2) send a reset instead of an orderly end. LuaSocket is the one library at hand that
-- sets SO_LINGER; it is lent the descriptor for a moment.
local function linger(socket)
  local ok, luasocket = pcall(require, "socket")
  if not ok then
    return
  end
  local borrower = luasocket.tcp()
  local own = borrower:getfd()
  borrower:setfd(socket:pollfd())
  borrower:setoption("linger", { on = true, timeout = 0 })
  borrower:setfd(own)
  borrower:close()
end

---Closes a cqueues socket.
---@param how "rst"|"close"
function M.close_socket(socket, how)
  severed_any = true
  if how == "rst" then
    linger(socket)
  end
  cqueues.cancel(socket:pollfd())
  socket:close()
end

---Writes bytes past HTTP.
function M.write_raw(stream, bytes)
  local socket = stream.connection.socket
  if socket then
    socket:xwrite(bytes, "n", WRITE_TIMEOUT)
  end
end

local function end_connection(stream, how)
  local connection = stream.connection
  local socket = connection.socket
  if not socket then
    return
  end
  connection.socket = nil -- lua-http then takes it for closed
  if connection.version ~= 2 and stream.state ~= "closed" then
    -- its own end of the stream; fails where pipelined requests are before it, which then end too
    pcall(stream.set_state, stream, "closed")
  end
  M.close_socket(socket, how)
end

-- Resets one stream and leaves its connection whole. To lua-http a frame for a stream that it has
-- closed is an error of the connection, although the peer could not know: the stream is closed only
-- when what was under way has arrived.
local function reset_stream(stream, code)
  stream:write_http2_frame(RST_STREAM_FRAME, 0, string.pack(">I4", code), WRITE_TIMEOUT)
  repeat
    local piece = stream:get_next_chunk(LATE_FRAMES)
  until not piece
  if stream.state ~= "closed" then
    stream:set_state("closed")
  end
end

---Ends a connection whose peer may still be sending, so that it can read the reply: what is under
---way is read for a moment, and dropped. Closing at once would reset the connection.
function M.linger_and_close(stream)
  local connection = stream.connection
  if connection.version == 2 then
    return reset_stream(stream, NO_ERROR)
  end
  local deadline = cqueues.monotime() + LINGER
  repeat
    local piece = stream:get_next_chunk(math.max(0, deadline - cqueues.monotime()))
  until not piece or cqueues.monotime() >= deadline
  end_connection(stream, "close")
end

---Ends what a stream runs on.
---@param how "rst"|"close"|"refused"|"cancel"|"goaway"  the last three on HTTP/2, else like "rst"
---@param processed boolean  whether GOAWAY shall count this stream as processed
function M.sever(stream, how, processed)
  local connection = stream.connection
  if connection.version == 2 then
    if how == "refused" or how == "cancel" then
      return reset_stream(stream, how == "refused" and REFUSED_STREAM or CANCEL)
    elseif how == "goaway" then
      local last = processed and stream.id or math.max(0, stream.id - 2)
      connection:write_goaway_frame(last, NO_ERROR, "", WRITE_TIMEOUT)
      return end_connection(stream, "close")
    end
  end
  end_connection(stream, how == "close" and "close" or "rst")
end

---Is this error only what is left of a coroutine whose socket was taken away above, or whose peer
---has gone while it was writing?
function M.is_aftermath(err)
  local text = tostring(err)
  local function says(words)
    return text:find(words, 1, true) ~= nil
  end
  return severed_any and (says("field 'socket'") or says("socket closed"))
    or says("exceeded unchecked error limit")
    -- an HTTP/2 stream that its peer gave up while a fault held it
    or says("in 'closed' state") or text:find("h2_stream%.lua:%d+: assertion failed") ~= nil
end

return M
