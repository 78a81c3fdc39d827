-- SPDX-License-Identifier: MIT
-- The one way in which specs start a sandbox, and talk to it:
--
--   local sandbox = require("spec.support.sandbox").start { tls = true, latency = 0.1 }
--   ... client { base_url = sandbox.starmagic, ca_file = sandbox.ca_file } ...
--   sandbox:fault { match = { kind = "submit" }, fault = { html = 502 } }
--   assert.equal(1, sandbox:ledger().charged)
--   sandbox:stop()
--
-- The child's output is a pipe that we hold: when this process ends, however it ends, the pipe
-- breaks and the sandbox ends too. Closing the pipe waits for the child, so none stays behind.

local cjson = require "cjson"
local files = require "spec.support.files"
local socket = require "socket"

local M = {}

local CONTROL_TIMEOUT = 10

local methods = {}
local sandbox_mt = { __name = "spec.sandbox", __index = methods,
  __close = function(self) self:stop() end }

-- Options that are flags or values of the command line, by the same name with dashes.
local flags = { "tls", "idempotent", "allow_private", "edits", "fetch_references" }
local values = { "host", "port", "latency", "key", "credits", "speed", "expired", "sizes",
  "file_quota" }

local function command_line(options)
  local words = { "exec", "env", "-u", "LD_PRELOAD", "lua5.4", "bin/gptimage", "sandbox", "--tied" }
  for _, name in ipairs(flags) do
    if options[name] then
      words[#words + 1] = "--" .. name:gsub("_", "-")
    end
  end
  for _, name in ipairs(values) do
    if options[name] ~= nil then
      words[#words + 1] = "--" .. name:gsub("_", "-")
      words[#words + 1] = files.quote(options[name])
    end
  end
  for _, word in ipairs(options.args or {}) do
    words[#words + 1] = files.quote(word)
  end
  return "echo pid $$; " .. table.concat(words, " ")
end

---Starts a sandbox and waits until it serves.
---@param options? table  tls, latency, key, credits, idempotent, allow_private, speed, expired,
---                       sizes, edits, file_quota, fetch_references, host, port; `args`: further
---                       words of the command line
---@return table sandbox  fields: pid, starmagic, evolink, magick, files, origin (URLs; with
---                       tls also starmagic_tls …), ca_file
function M.start(options)
  options = options or {}
  local known = { args = true }
  for _, list in ipairs { flags, values } do
    for _, name in ipairs(list) do
      known[name] = true
    end
  end
  for name in pairs(options) do
    assert(known[name], "unknown sandbox option: " .. name)
  end
  local self = setmetatable({}, sandbox_mt)
  self.pipe = assert(io.popen(command_line(options), "r"))
  for line in self.pipe:lines() do
    local name, value = line:match("^(%S+) ?(.*)$")
    if name == "ready" then
      return self
    end
    self[name] = math.tointeger(tonumber(value)) or value
  end
  self.pipe:close()
  error("the sandbox did not start", 2)
end

-- One control request on a connection of its own.
local function control(self, method, path, value)
  local host, port = self.origin:match("^http://%[?([^/%]]-)%]?:(%d+)$")
  local connection = assert(socket.connect(host, tonumber(port)))
  connection:settimeout(CONTROL_TIMEOUT)
  local body = value ~= nil and cjson.encode(value) or ""
  assert(connection:send(("%s /_sandbox/%s HTTP/1.1\r\nhost: %s\r\nconnection: close\r\n"
    .. "content-length: %d\r\n\r\n%s"):format(method, path, host, #body, body)))
  local reply = assert(connection:receive("*a"))
  connection:close()
  local status, answer = reply:match("^HTTP/1%.1 (%d+).-\r\n\r\n(.*)$")
  if status ~= "200" then
    error(("sandbox: %s %s: %s"):format(method, path, tostring(answer or reply)), 3)
  end
  return cjson.decode(answer)
end

---Arms one fault or a list of them: `{match = {…}, times = N, fault = {…}}`, see the manual on top
---of lua/gptimage/sandbox/faults.lua. Returns their ids.
function methods:fault(faults)
  return control(self, "POST", "faults", faults).ids
end

---Disarms all faults.
function methods:disarm()
  control(self, "DELETE", "faults")
end

---The faults still armed.
function methods:armed()
  return control(self, "GET", "faults")
end

---What was paid: see lua/gptimage/sandbox/ledger.lua.
function methods:ledger()
  return control(self, "GET", "ledger")
end

---What arrived, in order; `filter` (optional) keeps the records whose fields equal its own.
function methods:requests(filter)
  local found = {}
  for _, record in ipairs(control(self, "GET", "requests")) do
    local fits = true
    for name, value in pairs(filter or {}) do
      fits = fits and record[name] == value
    end
    if fits then
      found[#found + 1] = record
    end
  end
  return found
end

---Forgets what happened, disarms faults, releases stalls.
function methods:reset()
  control(self, "POST", "reset")
end

---Moves the sandbox's clock on.
function methods:advance(seconds)
  return control(self, "POST", "clock", { advance = seconds }).now
end

---The sandbox's time, in unix seconds.
function methods:now()
  return control(self, "GET", "clock").now
end

---Lets stalled requests go on.
function methods:release()
  control(self, "POST", "release")
end

---Ends the sandbox and waits until it has ended. Idempotent.
function methods:stop()
  if self.pipe then
    local pipe = self.pipe
    self.pipe = nil
    pipe:close()
  end
end

---Looks again and again until `condition()` holds, and returns what it returned; an error after
---`seconds`. For what another process does; never sleep in a spec instead.
---@param condition fun(): any
---@param seconds? number  10 without
function M.wait_for(condition, seconds)
  local deadline = socket.gettime() + (seconds or 10)
  while true do
    local value = condition()
    if value then
      return value
    elseif socket.gettime() > deadline then
      error("it did not come true in time", 2)
    end
    socket.select(nil, nil, 0.005)
  end
end

return M
