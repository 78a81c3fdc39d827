-- SPDX-License-Identifier: MIT
-- The part of copas that gptimage.loop.copas uses, for machines without LuaRocks (Debian's copas is
-- for Lua 5.1 and has none of it). It keeps copas' contract: threads start in the next step;
-- what yields from elsewhere dies with copas' message; a thread that reads is asked for its
-- socket again once luasocket's select says that it is readable, and now and then it lets others go
-- first; the loop ends when nothing is read, due or to be resumed. Descriptors and select are real.

local socket = require "socket"

local M = {}

local resumable, reading, sleeping = {}, {}, {}
local received = 0
local READ, SLEEP = {}, {} -- what threads yield first
local error_handler

local function tick(co, ...)
  local ok, what, value = coroutine.resume(co, ...)
  if what == READ then
    reading[#reading + 1] = { socket = value, co = co }
    return
  elseif what == SLEEP then
    if value == 0 then
      resumable[#resumable + 1] = co
    else
      sleeping[co] = value < 0 and math.huge or socket.gettime() + value
    end
    return
  elseif ok and coroutine.status(co) ~= "dead" then
    ok, what = false, "coroutine.yield was called without a resume first, user-code cannot "
      .. "yield to Copas"
  end
  if not ok then
    error_handler(what, co, nil)
  end
end

function M.seterrorhandler(f)
  error_handler = f or function(err, co)
    io.stderr:write(debug.traceback(co, tostring(err)), "\n")
  end
end

function M.pause(seconds)
  coroutine.yield(SLEEP, seconds and math.max(seconds, 0) or 0)
end

function M.pauseforever()
  coroutine.yield(SLEEP, -1)
end

function M.wakeup(co)
  if sleeping[co] then
    sleeping[co] = nil
    resumable[#resumable + 1] = co
  end
end

function M.addthread(f, ...)
  local co = coroutine.create(function(...)
    M.pause()
    return f(...)
  end)
  tick(co, ...)
  return co
end

function M.receive(skt, pattern)
  while true do
    local value, err = skt:receive(pattern)
    received = received + 1
    if received % 10 == 0 then -- copas throws dice
      M.pause()
    end
    if value or err ~= "timeout" then
      return value, err
    end
    coroutine.yield(READ, skt)
  end
end

-- Takes from the readers those whose socket is in `set`, and resumes them.
local function resume_readers(set)
  local left, ready = {}, {}
  for _, reader in ipairs(reading) do
    table.insert(set[reader.socket] and ready or left, reader)
  end
  reading = left
  for _, reader in ipairs(ready) do
    tick(reader.co)
  end
end

-- Like copas.step; the loop is to call it until finished() is true.
function M.step(timeout)
  local wait = #resumable == 0 and timeout or 0
  for _, time in pairs(sleeping) do
    wait = math.max(0, math.min(wait, time - socket.gettime()))
  end
  local sockets = {}
  for index, reader in ipairs(reading) do
    sockets[index] = reader.socket
  end
  resume_readers((socket.select(sockets, nil, wait)))
  local now = socket.gettime()
  for co, time in pairs(sleeping) do
    if time <= now then
      sleeping[co] = nil
      resumable[#resumable + 1] = co
    end
  end
  local list = resumable
  resumable = {}
  for _, co in ipairs(list) do
    tick(co)
  end
end

function M.finished()
  for _, time in pairs(sleeping) do
    if time < math.huge then
      return false
    end
  end
  return #reading == 0 and #resumable == 0
end

function M.loop()
  repeat
    M.step(1)
  until M.finished()
end

M.seterrorhandler(nil)

return M
