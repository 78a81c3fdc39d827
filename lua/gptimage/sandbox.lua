-- SPDX-License-Identifier: MIT
-- The sandbox: both services, real over HTTP, without a key and without money.
--
-- Built on lua-http and cqueues, which nothing else of this library needs; where they are missing
-- `new` says which packages bring them.

local M = {}

---Makes `require "http.server"` and its like work, if they can. lua-http is pure Lua, and Debian
---installs it for 5.3 and 5.1 alone: there it is looked for too, last.
---@return boolean? ok
---@return string? message  names the packages that are missing
function M.find_lua_http()
  if pcall(require, "http.server") then
    return true
  end
  local path = package.path
  package.path = path .. ";/usr/share/lua/5.3/?.lua;/usr/share/lua/5.3/?/init.lua"
    .. ";/usr/share/lua/5.1/?.lua;/usr/share/lua/5.1/?/init.lua"
  local ok, message = pcall(require, "http.server")
  if not ok then
    package.path = path
    return nil, "the sandbox needs lua-http on cqueues (Debian: apt install lua-http lua-cqueues "
      .. "lua-luaossl; LuaRocks: luarocks install http): " .. tostring(message):match("^[^\n]*")
  end
  return true
end

local services = { starmagic = "starmagic", evolink = "starmagic", magick = "magick" }

local function random_hex(digits)
  return (("x"):rep(digits):gsub("x", function() return ("%x"):format(math.random(0, 15)) end))
end

local methods = {}
local world_mt = { __name = "sandbox.world", __index = methods }

---What the sandbox's parts share.
---@class sandbox.options
---@field host? string         address to listen on; "127.0.0.1" without
---@field port? integer        0 or nil: the system chooses
---@field tls? boolean         a second listener with TLS, HTTP/2 by ALPN
---@field latency? number      seconds that a picture takes; 2 without
---@field key? string          the only API key that is taken; any without
---@field credits? number      the account's balance; a million without
---@field idempotent? boolean  replays by Idempotency-Key are deduplicated
---@field allow_private? boolean  links and callbacks on private addresses and plain http
---@field speed? number        sandbox seconds per real second
---@field expired? integer     status of an expired link; 404 without
---@field sizes? "anchor"|"budget"  gpt-image-2's size table
---@field edits? boolean       the gateway's /v1/edits works, as /v1/images/edits does
---@field file_quota? integer   files that the file service keeps at once; 100 without
---@field fetch_references? boolean  references behind foreign links are really fetched; without,
---                             only the links are judged. The sandbox's own are always looked at
---@field verbose? boolean     clients whose handshake fails are told of, too

---Forgets everything that has happened; listeners stay.
function methods:reset()
  local parts = self.parts
  self.ledger = parts.ledger.new(self.options.credits)
  self.tasks = parts.tasks.new(self)
  self.files = parts.files.new(self)
  self.spool = parts.spool.new()
  self.uploads = parts.uploads.new(self)
  self.faults:clear()
  self.requests, self.last_request = {}, 0
  self:release()
end

---Lets go of every stalled request.
function methods:release()
  self.release_generation = self.release_generation + 1
  self.released:signal()
end

-- Which service, and which kind of request: from method and path alone.
local function classify(world, request)
  local parts = world.parts
  local first, rest = request.path:match("^/([^/]*)(.*)$")
  if first == "_sandbox" then
    request.kind, request.route = "control", rest:sub(2)
    request.answer, request.error_reply = parts.control.answer, parts.control.error_reply
  elseif first == "files" then
    local token = rest:match("^/(%x+)/")
    local file = token and world.files.by_token[token]
    request.kind, request.task = "download", file and file.task.id
    request.service = file and file.task.spec.service
    request.error_reply = parts.starmagic.error_reply
    request.answer = function() return world.files:answer(request) end
  elseif first == "uploads" then
    request.service, request.kind = "files", "uploaded"
    request.answer, request.error_reply = parts.uploads.answer_link, parts.uploads.error_reply
  elseif parts.uploads.route(request.path) then
    local route = parts.uploads.route(request.path)
    request.service, request.route = "files", route
    request.kind = request.method == "POST" and route:find("^upload/") and "upload" or "other"
    request.answer, request.error_reply = parts.uploads.answer, parts.uploads.error_reply
    request.file_max = parts.uploads.FILE_MAX
  else
    request.service = services[first]
    local service = parts[request.service or "starmagic"]
    request.route = request.service and rest or request.path
    request.kind = request.service and service.classify(request) or "other"
    request.answer, request.error_reply = service.answer, service.error_reply
    if not request.service then
      request.answer = function()
        return service.error_reply(404, { message = "The sandbox serves /starmagic, /evolink and "
          .. "/magick, and files below /api/v1/files; this path is none of theirs: "
          .. request.path })
      end
    end
  end
  local task = request.task and world.tasks.by_id[request.task]
  request.key = request.headers:get("idempotency-key") or task and task.spec.key
end

local function answer(world, request)
  if request.kind == "poll" then
    world.ledger:count("polls")
  elseif request.kind == "download" then
    world.ledger:count("downloads")
  end
  return request.answer(world, request)
end

-- Gives a reply its service's request id.
local function sign(_, request, reply)
  if request.service == "magick" and request.kind ~= "download" then
    local id = os.date("!%Y%m%d%H%M%S") .. random_hex(12)
    table.insert(reply.headers, { "x-oneapi-request-id", id })
    if reply.with_request_id then
      local problem = reply.json.error
      problem.message = ("%s (request id: %s)"):format(problem.message, id)
    end
  elseif request.service then
    table.insert(reply.headers, { "x-request-id", "req_" .. random_hex(24) })
  end
end

---Opens the listeners. Nothing is served before `run`.
---@param options? sandbox.options
---@return table? world  fields: `urls` (a list of {name, url}), `ca_pem`
---@return string? message
function M.new(options)
  local found, message = M.find_lua_http()
  if not found then
    return nil, message
  end
  local cqueues = require "cqueues"
  local condition = require "cqueues.condition"
  local parts = {}
  for _, name in ipairs { "ledger", "tasks", "files", "faults", "starmagic", "magick", "control",
    "clock", "server", "callbacks", "spool", "uploads" } do
    parts[name] = require("gptimage.sandbox." .. name)
  end
  options = setmetatable({}, { __index = options })
  options.host = options.host or "127.0.0.1"
  options.latency = options.latency or 2
  options.credits = options.credits or 1000000
  options.expired = options.expired or 404
  options.file_quota = options.file_quota or 100
  local world = setmetatable({
    parts = parts, options = options, cq = cqueues.new(), clock = parts.clock.new(options.speed),
    faults = parts.faults.new(), released = condition.new(), release_generation = 0,
    connections = setmetatable({}, { __mode = "k" }), last_connection = 0, stopped = false,
  }, world_mt)
  function world.classify(request) classify(world, request) end
  function world.answer(request) return answer(world, request) end
  function world.sign(request, reply) sign(world, request, reply) end
  function world.on_end(task) parts.callbacks.start(world, task) end
  -- For who came to the wrong service: where that one is.
  function world.hint_at(name)
    for _, line in ipairs(world.urls) do
      if line[1] == name then return (" (the sandbox has %s at %s)"):format(name, line[2]) end
    end
    return ""
  end
  function world.complain(text) io.stderr:write("sandbox: ", text, "\n") end
  world:reset()

  local shown_host = options.host:find(":", 1, true) and "[" .. options.host .. "]" or options.host
  world.urls, world.servers = {}, {}
  local function open(scheme, suffix, port, ctx)
    local where = { host = options.host, port = port, ctx = ctx }
    local server, bound = parts.server.listen(world, where)
    if not server then
      return nil, ("cannot listen on %s port %d: %s"):format(options.host, port, tostring(bound))
    end
    table.insert(world.servers, server)
    local origin = ("%s://%s:%d"):format(scheme, shown_host, bound)
    world.authority = world.authority or ("%s:%d"):format(shown_host, bound)
    for _, name in ipairs { "starmagic", "evolink", "magick" } do
      table.insert(world.urls, { name .. suffix, origin .. "/" .. name })
    end
    table.insert(world.urls, { "files" .. suffix, origin })
    table.insert(world.urls, { "origin" .. suffix, origin })
    return true
  end
  local ok, problem = open("http", "", options.port or 0)
  if ok and options.tls then
    local ctx, ca_pem = require("gptimage.sandbox.certificates").new()
    world.ca_pem = ca_pem
    ok, problem = open("https", "_tls", 0, ctx)
  end
  if not ok then
    return nil, problem
  end
  return world
end

---Serves until something sets `stopped`.
function methods:run()
  self.parts.server.run(self)
end

return M
