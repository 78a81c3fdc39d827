-- SPDX-License-Identifier: MIT
-- HTTP as bytes, for specs of the sandbox: what a library would smooth over is seen here.
--
--   local raw = require "spec.support.raw_http"
--   local reply = raw.request("POST", url, { headers = {…}, body = "…" })
--   -- reply.status, .headers (lower-case names), .body, .broken: nil, "reset", "closed", "timeout"
--
-- `raw.connect(url)` gives a connection that is kept: `connection:request(method, path, options)`.
-- `raw.connect_tls` and `raw.request_tls` are the same over TLS and HTTP/2 (or 1.1), by lua-http.

local cjson = require "cjson"
local errno = require "cqueues.errno"
local socket = require "cqueues.socket"

local M = {}

local TIMEOUT = 10

local connection = {}
connection.__index = connection

local function split(url)
  local host, port, path = url:match("^https?://([^/:]+):(%d+)(.*)$")
  if not host then
    host, port, path = url:match("^https?://%[([^%]]+)%]:(%d+)(.*)$")
  end
  return assert(host, url), math.tointeger(tonumber(port)), path ~= "" and path or "/"
end

---@param url string  http, with a port
function M.connect(url)
  local host, port = split(url)
  local self = setmetatable({ authority = url:match("^https?://([^/]+)") }, connection)
  self.socket = assert(socket.connect(host, port))
  self.socket:setmode("b", "bn")
  -- an error behind bytes that did arrive is told once, and later reads find an end
  self.socket:onerror(function(_, _, why)
    self.failed = self.failed or why ~= errno.ETIMEDOUT and why or nil
    return why
  end)
  return self
end

local function broken(self, why)
  why = why or self.failed
  if why == errno.ECONNRESET or why == errno.EPIPE then
    return "reset"
  end
  return why == errno.ETIMEDOUT and "timeout" or "closed"
end

local function read_chunks(self, reply)
  while true do
    local line, why = self.socket:xread("*L", TIMEOUT)
    local size = line and tonumber(line:match("^%x+"), 16)
    if not size then
      reply.broken = broken(self, why)
      return
    end
    local piece = size > 0 and self.socket:xread(size, TIMEOUT) or ""
    self.socket:xread(2, TIMEOUT)
    if size == 0 then
      return
    end
    reply.body = reply.body .. piece
  end
end

---Sends a request and reads its reply. `options`: headers, body, timeout, no_reply (only send).
function connection:request(method, path, options)
  options = options or {}
  local timeout = options.timeout or TIMEOUT
  local lines = { ("%s %s HTTP/1.1"):format(method, path), "host: " .. self.authority }
  for name, value in pairs(options.headers or {}) do
    lines[#lines + 1] = name .. ": " .. value
  end
  if options.body then
    lines[#lines + 1] = ("content-length: %d"):format(#options.body)
  end
  local reply = { headers = {}, body = "" }
  self.socket:xwrite(table.concat(lines, "\r\n") .. "\r\n\r\n" .. (options.body or ""), timeout)
  local line, why = self.socket:xread("*L", timeout)
  local status = line and line:match("^HTTP/1%.1 (%d%d%d) ")
  if not status then
    reply.broken, reply.line = broken(self, why), line
    return reply
  end
  reply.status = math.tointeger(tonumber(status))
  while true do
    line, why = self.socket:xread("*L", timeout)
    local name, value = (line or ""):match("^([^:]+):%s*(.-)\r\n$")
    if not name then
      reply.broken = line ~= "\r\n" and broken(self, why) or nil
      break
    end
    reply.headers[name:lower()] = value
  end
  local length = math.tointeger(tonumber(reply.headers["content-length"]))
  if reply.broken or method == "HEAD" then
    return reply
  elseif reply.headers["transfer-encoding"] then
    read_chunks(self, reply)
    return reply
  end
  while #reply.body < (length or math.huge) do
    local piece
    piece, why = self.socket:xread(-(length and length - #reply.body or 65536), timeout)
    if not piece then
      reply.broken = length and broken(self, why) or nil
      break
    end
    reply.body = reply.body .. piece
  end
  return reply
end

---Is the connection at its end? Waits for it.
function connection:ended()
  local byte, why = self.socket:xread(1, TIMEOUT)
  return byte == nil and broken(self, why)
end

function connection:close()
  self.socket:close()
end

---One request on a connection of its own.
function M.request(method, url, options)
  local _, _, path = split(url)
  local one = M.connect(url)
  local reply = one:request(method, path, options)
  one:close()
  return reply
end

-- The header of a key that every sandbox takes that was not told its own.
M.KEY = { authorization = "Bearer key" }

local function read_json(reply)
  local ok, value = pcall(cjson.decode, reply.body)
  reply.json = ok and value or nil
  return reply
end

---A POST of JSON with a key; `body` is a table, or text sent as it is. `reply.json` is what came.
function M.post(url, body, headers)
  local all = { authorization = M.KEY.authorization, ["content-type"] = "application/json" }
  for name, value in pairs(headers or {}) do
    all[name] = value
  end
  local text = type(body) == "table" and cjson.encode(body) or body
  return read_json(M.request("POST", url, { headers = all, body = text }))
end

---A GET with a key. `reply.json` is what came.
function M.get(url)
  return read_json(M.request("GET", url, { headers = M.KEY }))
end

local tls_connection = {}
tls_connection.__index = tls_connection

---A connection over TLS, trusting the CA in `ca_file`; with HTTP/2 unless `version` is 1.1.
---@return table? connection
---@return string? message
function M.connect_tls(url, ca_file, version)
  assert(require("gptimage.sandbox").find_lua_http())
  local host, port = split(url)
  local ctx = require("http.tls").new_client_context()
  local store = require("openssl.x509.store").new()
  store:add(ca_file)
  ctx:setStore(store)
  local link, problem = require("http.client").connect(
    { host = host, port = port, tls = true, ctx = ctx, version = version or 2 }, TIMEOUT)
  if not link then
    return nil, tostring(problem)
  elseif link.version == 2 then
    require("gptimage.sandbox.http2").notice_end(link)
  end
  return setmetatable({ link = link, authority = url:match("^https://([^/]+)") }, tls_connection)
end

---As connection:request above; `broken` is what the library says of it.
function tls_connection:request(method, path, options)
  options = options or {}
  local timeout = options.timeout or TIMEOUT
  local headers = require("http.headers").new()
  headers:append(":method", method)
  headers:append(":scheme", "https")
  headers:append(":authority", self.authority)
  headers:append(":path", path)
  for name, value in pairs(options.headers or {}) do
    headers:append(name, value)
  end
  if options.body then
    headers:append("content-length", ("%d"):format(#options.body))
  end
  local reply = { headers = {}, body = "" }
  local stream = self.link:new_stream()
  stream:write_headers(headers, options.body == nil, timeout)
  if options.body then
    pcall(stream.write_chunk, stream, options.body, true, timeout) -- raises on a stream reset
  end
  local answer, problem = stream:get_headers(timeout)
  if not answer then
    reply.broken = tostring(problem)
    return reply
  end
  for name, value in answer:each() do
    reply.headers[name] = value
  end
  reply.status = math.tointeger(tonumber(answer:get(":status")))
  reply.version = self.link.version
  local body
  body, problem = stream:get_body_as_string(timeout)
  reply.body = body or ""
  reply.broken = not body and tostring(problem) or nil
  return reply
end

function tls_connection:close()
  self.link:close()
end

---One request over TLS. `options` as above, and `version` (2 without), `ca_file`.
function M.request_tls(method, url, options)
  local one, problem = M.connect_tls(url, options.ca_file, options.version)
  if not one then
    return { headers = {}, body = "", broken = problem }
  end
  local _, _, path = split(url)
  local reply = one:request(method, path, options)
  one:close()
  return reply
end

return M
