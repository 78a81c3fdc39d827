-- SPDX-License-Identifier: MIT
-- A task service that is quick and knows no rules, in a process of its own: for specs that need ten
-- thousand answers and hardly look at them. A task is done when it is asked for the third time.
--
--   local service = require("spec.support.quick_service").start()
--   ... gptimage.client { base_url = service.url, api_key = "sk-x" } ...
--   service:stop()
--
-- The child's output is a pipe that we hold: when this process ends, however it ends, the pipe
-- breaks and the child ends too.

local M = {}

local PROGRAM = "spec/support/quick_service.lua"

local methods = {}

function M.start()
  local pipe = assert(io.popen("exec env -u LD_PRELOAD lua5.4 " .. PROGRAM .. " serve"))
  local port = assert(pipe:read("n"), "the quick service did not start")
  return setmetatable({ url = "http://127.0.0.1:" .. port, pipe = pipe }, { __index = methods })
end

function methods:stop()
  if self.pipe then
    self.pipe:close() -- waits for the child
    self.pipe = nil
  end
end

local TASK = '{"id":"task-quick-%d","status":"%s","progress":%d,"results":[%s]}'
local HEAD = "HTTP/1.1 200 OK\r\nContent-Type: %s\r\nContent-Length: %d\r\n\r\n"
local PICTURE = "\137PNG\r\n\26\n"
  .. (">I4c4I4I4BBBBBI4"):pack(13, "IHDR", 1024, 1024, 8, 2, 0, 0, 0, 0)
  .. (">I4c4"):pack(2000, "IDAT") .. ("\0"):rep(2004) .. (">I4c4I4"):pack(0, "IEND", 0)

local tasks, asked = 0, {}

local function answer(port, method, target)
  if method == "POST" then
    tasks = tasks + 1
    return "application/json", TASK:format(tasks, "pending", 0, "")
  elseif target:find("%.png$") then
    return "image/png", PICTURE
  end
  local number = math.tointeger(tonumber(target:match("(%d+)$"))) or 0
  asked[number] = (asked[number] or 0) + 1
  if asked[number] < 3 then
    return "application/json", TASK:format(number, "processing", asked[number] * 30, "")
  end
  asked[number] = nil
  return "application/json", TASK:format(number, "completed", 100,
    ('"http://127.0.0.1:%d/%d.png"'):format(port, number))
end

-- The next request of a connection: method and target; nil at its end.
local function request(connection)
  local line = connection:read("*l")
  local length = 0
  for header in connection:lines("*l") do
    if header:find("^\r?$") then
      break
    end
    length = tonumber(header:lower():match("^content%-length: *(%d+)")) or length
  end
  if line and length > 0 and not connection:read(length) then
    return nil
  end
  return (line or ""):match("^(%S+) (%S+)")
end

local function serve()
  local cqueues = require "cqueues"
  local socket = require "cqueues.socket"
  local server = assert(socket.listen { host = "127.0.0.1", port = 0, backlog = 512 })
  assert(server:listen())
  local _, _, port = server:localname()
  local cq = cqueues.new()

  local function converse(connection)
    connection:setmode("bn", "bn")
    connection:onerror(function(_, _, code) return code end)
    for method, target in request, connection do
      local kind, body = answer(port, method, target)
      if not connection:write(HEAD:format(kind, #body) .. body) then
        break
      end
    end
    connection:close()
  end

  cq:wrap(function()
    for connection in server:clients() do
      cq:wrap(converse, connection)
    end
  end)
  cq:wrap(function() -- a pipe that nobody reads any more is an error, whatever was asked for
    cqueues.poll({ pollfd = 1, events = "p" })
    os.exit(0)
  end)
  io.stdout:write(port, "\n")
  io.stdout:flush()
  assert(cq:loop())
end

if ... == "serve" then
  serve()
end

return M
