-- SPDX-License-Identifier: MIT
-- A server that does what it is told, also what no server should, inside the process of the spec:
-- every connection runs a script in a coroutine, and nothing blocks.
--
--   local server = misbehave.server(function(conn, number)   -- number: 1 for the first connection
--     local request = conn:request()
--     conn:send "HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nok"
--     conn:reset()
--   end)
--   server.port, server.connections, server.requests
-- misbehave.drive(net, { server }, done) steps both sides until done() is true.
local socket = require "socket"

local M = {}

local conn_methods = {}
local conn_metatable = { __index = conn_methods }

local function fill(conn)
  local data, err, partial = conn.socket:receive(65536)
  data = data or partial
  if data and #data > 0 then
    conn.buffer = conn.buffer .. data
    return true
  end
  if err == "closed" then conn.ended = true end
  return false
end

---Waits until `ready()` gives something true and returns that.
function conn_methods.wait(_, ready)
  while true do
    local result = ready()
    if result then return result end
    coroutine.yield()
  end
end

---Reads up to and with the empty line; nil when the other side closed before.
function conn_methods:head()
  while true do
    local head, rest = self.buffer:match "^(.-\r\n)\r\n()"
    if head then
      self.buffer = self.buffer:sub(rest)
      local request = { headers = {}, raw = head, connection = self.number }
      request.method, request.target = head:match "^(%S+) (%S+)"
      for name, value in head:gmatch "\r\n([^:\r\n]+):[ \t]*([^\r\n]*)" do
        request.headers[name:lower()] = value
      end
      return request
    end
    if not fill(self) then
      if self.ended then return nil end
      coroutine.yield()
    end
  end
end

---Reads `n` bytes of body, fewer when the other side closes.
function conn_methods:body(n)
  while #self.buffer < n and not self.ended do
    if not fill(self) then coroutine.yield() end
  end
  local body = self.buffer:sub(1, n)
  self.buffer = self.buffer:sub(n + 1)
  return body
end

---Reads a whole request and notes it in server.requests; nil at the end.
function conn_methods:request()
  local request = self:head()
  if request then
    request.body = self:body(tonumber(request.headers["content-length"]) or 0)
    table.insert(self.server.requests, request)
  end
  return request
end

---Sends all of `data`; false when the other side is gone.
function conn_methods:send(data)
  local from = 1
  while from <= #data do
    local last, err, partial = self.socket:send(data, from)
    if not last and err ~= "timeout" then return false end
    from = (last or partial) + 1
    if from <= #data then coroutine.yield() end
  end
  return true
end

---Sends a reply with a Content-Length.
function conn_methods:reply(body, status, headers)
  body = body or ""
  local lines = { "HTTP/1.1 " .. (status or "200 OK"), "Content-Length: " .. #body }
  for _, line in ipairs(headers or {}) do lines[#lines + 1] = line end
  return self:send(table.concat(lines, "\r\n") .. "\r\n\r\n" .. body)
end

function conn_methods:close()
  self.socket:close()
end

---Ends the connection with a RST.
function conn_methods:reset()
  self.socket:setoption("linger", { on = true, timeout = 0 })
  self.socket:close()
end

---Waits until the other side has closed.
function conn_methods:closed()
  while not self.ended do
    if not fill(self) then coroutine.yield() end
  end
end

local server_methods = {}
local server_metatable = { __index = server_methods }

---@param script fun(conn: table, number: integer)
---@param address? string
function M.server(script, address)
  local listener = assert(socket.bind(address or "127.0.0.1", 0))
  listener:settimeout(0)
  local _, port = listener:getsockname()
  return setmetatable({
    listener = listener,
    port = math.tointeger(tonumber(port)),
    url = "http://" .. (address == "::1" and "[::1]" or "127.0.0.1") .. ":" .. port,
    script = script,
    connections = 0,
    requests = {},
    live = {},
  }, server_metatable)
end

---Accepts what is waiting and lets every script go on as far as it can.
function server_methods:step()
  while true do
    local accepted = self.listener:accept()
    if not accepted then break end
    accepted:settimeout(0)
    accepted:setoption("tcp-nodelay", true)
    self.connections = self.connections + 1
    local conn = setmetatable({
      socket = accepted, server = self, number = self.connections, buffer = "", ended = false,
    }, conn_metatable)
    self.live[conn] = coroutine.create(self.script)
  end
  for conn, script in pairs(self.live) do
    local ok, err = coroutine.resume(script, conn, conn.number)
    if not ok then error(debug.traceback(script, err), 0) end
    if coroutine.status(script) == "dead" then
      conn.socket:close()
      self.live[conn] = nil
    end
  end
end

function server_methods:close()
  for conn in pairs(self.live) do conn.socket:close() end
  self.live = {}
  self.listener:close()
end

---Steps the net and the servers until `done()` is true; an error after `seconds` (10).
function M.drive(net, servers, done, seconds)
  local deadline = socket.gettime() + (seconds or 10)
  while not done() do
    if socket.gettime() > deadline then error("nothing came of it in time", 2) end
    assert(net:step(1))
    for _, server in ipairs(servers) do server:step() end
  end
end

---Starts a request and drives it to its end.
function M.fetch(net, servers, request, seconds)
  local outcome
  local id, err = net:start(request, function(result) outcome = result end)
  if not id then return nil, err end
  M.drive(net, servers, function() return outcome end, seconds)
  return outcome
end

---Answers every request of a connection with "ok", for as long as it lasts.
function M.polite(conn)
  while conn:request() do conn:reply "ok" end
end

---A port on which nobody listens.
function M.closed_port()
  local listener = assert(socket.bind("127.0.0.1", 0))
  local _, port = listener:getsockname()
  listener:close()
  return math.tointeger(tonumber(port))
end

return M
