-- SPDX-License-Identifier: MIT
-- The task service of bench/tools/tasks.c, and what it wrote down.
--
--   local service = require("bench.support.tasks").start(os.getenv "BENCH")
--   ... gptimage.client { base_url = service.tls, ca_file = service.ca_file } ...
--   assert(service:ledger().completed == 10000)
--   service:stop()
--
-- It ends with the pipe that we hold: when this process ends, however it ends, so does the service.

local cjson = require "cjson"
local socket = require "socket"

local M = {}

local CONTROL_TIMEOUT = 30

local methods = {}
local service_mt = { __name = "bench.tasks", __index = methods,
  __close = function(self) self:stop() end }

local function quote(word)
  return "'" .. word:gsub("'", "'\\''") .. "'"
end

--- Starts a service on free ports.
---@param tools string where the programs of bench/tools are
---@param wrapper string? a command to run it by, "taskset -c 1"
---@return table service  fields: plain, tls, http2 (URLs), ca_file, congestion
function M.start(tools, wrapper)
  local folder = os.tmpname()
  os.remove(folder)
  local self = setmetatable({ folder = folder, ca_file = folder .. "/ca.pem" }, service_mt)
  local ready = folder .. "/ready"
  assert(os.execute(("mkdir %s && mkfifo %s"):format(quote(folder), quote(ready))))
  -- Whoever waits for word of one that cannot be started gets an empty one.
  self.pipe = assert(io.popen(("env -u LD_PRELOAD %s %s %s %s || echo >%s"):format(wrapper or "",
    quote(tools .. "/tasks"), quote(ready), quote(self.ca_file), quote(ready)), "w"))
  local file <close> = assert(io.open(ready))
  local plain, tls, http2, congestion = file:read("n", "n", "n", "l")
  assert(http2, "the task service did not start")
  self.port, self.congestion = plain, congestion:match "%S+"
  self.plain = "http://127.0.0.1:" .. plain
  self.tls = "https://127.0.0.1:" .. tls
  self.http2 = "https://127.0.0.1:" .. http2
  return self
end

local function control(self, target)
  local connection = assert(socket.connect("127.0.0.1", self.port))
  connection:settimeout(CONTROL_TIMEOUT)
  assert(connection:send(("GET /_%s HTTP/1.1\r\nHost: x\r\n\r\n"):format(target)))
  local length
  repeat
    local line = assert(connection:receive())
    length = tonumber(line:match "^Content%-Length: (%d+)") or length
  until line == ""
  local body = assert(connection:receive(length))
  connection:close()
  return cjson.decode(body)
end

--- What came since the start or the last reset; fields as bench/tools/tasks_api.c names them.
function methods:ledger()
  return control(self, "ledger")
end

--- Forgets it; from now on a task is done when it is asked for the `polls`-th time.
---@param polls integer
function methods:reset(polls)
  control(self, "reset?polls=" .. polls)
end

--- Answers the requests that are held.
function methods:release()
  control(self, "release")
end

--- Ends the service and waits until it has ended. Idempotent.
function methods:stop()
  local pipe = self.pipe
  self.pipe = nil
  if pipe then
    pipe:close()
    assert(os.execute("rm -rf " .. quote(self.folder)))
  end
end

return M
