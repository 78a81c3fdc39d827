-- SPDX-License-Identifier: MIT
-- An image service inside the process of the spec, polite unless it is told otherwise, so that
-- client and server can be stepped in turn:
--
--   local service <close> = services.start {
--     submit = function(conn, request, number, service) conn:reset() end,   -- number of this POST
--     poll = …, download = …,                                              -- likewise
--   }
--   local client <close> = service:client { max_requests = 2 }
--   local result, err = service:finish(assert(client:submit(services.request())))
--   service.posts, service.polls, service.downloads   -- what arrived, in order
--
-- It takes uploads too (`upload`, service.uploads), for clients with files_url = service.url, and
-- has pictures under /references/ (`reference`, service.references) for those that fetch links.
--
-- A handler that returns false closes the connection; by default it stays.
local base64 = require "gptimage.sandbox.base64"
local clients = require "spec.support.clients"
local gptimage = require "gptimage"
local misbehave = require "spec.support.misbehave"
local socket = require "socket"

local M = { KEY = clients.KEY, request = clients.request }

M.ID = "task-unified-1764000000-a1b2c3d4"

---Bytes that begin and end as a PNG does, `n` of them (57 or more), no two of one length and seed
---alike.
function M.picture(n, width, height, seed)
  local head = "\137PNG\r\n\26\n" .. (">I4c4I4I4BBBBBI4"):pack(13, "IHDR", width or 1024,
    height or 1024, 8, 2, 0, 0, 0, 0)
  local size = (n or 600) - #head - 24
  local filler = {}
  local value = seed or 7
  for i = 1, size // 4 + 1 do
    value = (value * 1103515245 + 12345) % 0x80000000
    filler[i] = ("<I4"):pack(value)
  end
  return head .. (">I4c4"):pack(size, "IDAT") .. table.concat(filler):sub(1, size)
    .. (">I4I4c4I4"):pack(0, 0, "IEND", 0)
end

---What the synchronous service answers.
---@param ... string  the pictures' bytes
---@return string     JSON with each in base64
function M.base64_reply(...)
  local items = {}
  for i, bytes in ipairs { ... } do
    items[i] = '{"b64_json":"' .. base64.encode(bytes) .. '"}'
  end
  return '{"created":1764000000,"data":[' .. table.concat(items, ",") .. "]}"
end

M.PICTURE = M.picture()

local defaults = {}

function defaults.submit(conn)
  conn:reply(('{"id":"%s","status":"pending","created":1764000000,"progress":0}'):format(M.ID), nil,
    { "Content-Type: application/json" })
end

function defaults.poll(conn, _, _, service)
  conn:reply(service:completed { service.url .. "/pictures/1.png" }, nil,
    { "Content-Type: application/json" })
end

function defaults.download(conn)
  conn:reply(M.PICTURE, nil, { "Content-Type: image/png" })
end

function defaults.upload(conn, _, number, service)
  conn:reply(service:uploaded(number), nil, { "Content-Type: application/json" })
end

defaults.reference = defaults.download

local methods = {}
local metatable = { __index = methods, __close = function(self) self:close() end }

---The JSON of a task that is completed; `results` as links, or any JSON text.
function methods.completed(_, results)
  if type(results) == "table" then
    results = '["' .. table.concat(results, '","') .. '"]'
  end
  return ('{"id":"%s","status":"completed","progress":100,"results":%s}'):format(M.ID, results)
end

---The JSON of an upload; its link ends with `name`, which may be a number.
function methods:uploaded(name, more)
  return ('{"success":true,"code":200,"msg":"ok","data":{"file_url":"%s/uploads/%s.png"%s}}')
    :format(self.url, name, more or "")
end

local function kind_of(request)
  if request.target:find("/files/upload/stream", 1, true) then
    return "upload", "uploads"
  elseif request.target:find "^/references/" then
    return "reference", "references"
  elseif request.method == "POST" then
    return "submit", "posts"
  elseif request.target:find("/v1/tasks/", 1, true) then
    return "poll", "polls"
  end
  return "download", "downloads"
end

---@param handlers? table<string, function>  submit, poll, download, upload, reference; accept: of a
---                 connection; head: of any request before its body is read
function M.start(handlers)
  handlers = handlers or {}
  local self = setmetatable({ posts = {}, polls = {}, downloads = {}, uploads = {}, references = {},
    clients = {} }, metatable)
  self.server = misbehave.server(function(conn, number)
    if handlers.accept and handlers.accept(conn, number, self) == false then
      return
    end
    while true do
      local head = conn:head()
      if not head then return end
      local kind, list = kind_of(head)
      if handlers.head and handlers.head(conn, head, kind, self) == false then
        return
      end
      head.body = conn:body(tonumber(head.headers["content-length"]) or 0)
      table.insert(self[list], head)
      local handler = handlers[kind] or defaults[kind]
      if handler(conn, head, #self[list], self) == false then
        return
      end
    end
  end)
  self.url = self.server.url
  return self
end

M.defaults = defaults

---A client of it, quick to ask and to try again.
function methods:client(more)
  local options = {
    base_url = self.url, api_key = M.KEY, poll = { first = 0, min = 0, max = 0.01 },
    retry = { base = 0.005, cap = 0.01 },
  }
  for name, value in pairs(more or {}) do
    options[name] = value
  end
  local client = assert(gptimage.client(options))
  self.clients[#self.clients + 1] = client
  return client
end

---One step of everybody.
function methods:step(seconds)
  for _, client in ipairs(self.clients) do
    if not client:closed() then client:step(seconds or 0.001) end
  end
  self.server:step()
end

---Steps until `done()` gives something true, and returns that.
function methods:drive(done, seconds)
  local deadline = socket.gettime() + (seconds or 10)
  while true do
    local value = done()
    if value then return value end
    if socket.gettime() > deadline then error("nothing came of it in time", 2) end
    self:step()
  end
end

---Steps until the task is done; its outcome.
function methods:finish(task, seconds)
  self:drive(function() return task:done() end, seconds)
  return task:wait()
end

---Submits a request (services.request's fields) by the first client, and finishes it.
function methods:generate(more, seconds)
  local task = assert(self.clients[1]:submit(M.request(more)))
  local result, err = self:finish(task, seconds)
  return result, err, task
end

---Runs f in a coroutine of the first client until it has returned; what it returned.
function methods:spawn(f, seconds)
  local results
  self.clients[1]:spawn(function() results = table.pack(f()) end)
  self:drive(function() return results end, seconds)
  return table.unpack(results, 1, results.n)
end

---Lets the clock run for so long without a step: a host that is busy elsewhere.
function M.stall(seconds)
  local over = socket.gettime() + seconds
  repeat until socket.gettime() >= over
end

function methods:close()
  for _, client in ipairs(self.clients) do
    client:close()
  end
  self.server:close()
end

return M
