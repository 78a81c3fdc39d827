-- SPDX-License-Identifier: MIT
-- What the world can do to a client, on demand. This comment is the manual.
--
-- `POST /_sandbox/faults` takes one fault or a JSON array of them, appends them to those that are
-- armed and answers their ids; `GET` lists what is armed, `DELETE` disarms all.
--
--   {"match": {"service": "magick", "kind": "submit", "nth": 2}, "times": 1, "fault": {"cut": 100}}
--
-- MATCH. Every field given must hold; none means any request. The first armed fault that matches a
-- request is used, and only that one.
--   service   "starmagic" | "magick" | "files" (the file service, wherever it is reached)
--   kind      "submit" (paid POSTs) | "poll" (GET of a task) | "download" (result links)
--             | "upload" (POSTs of files) | "uploaded" (the links that these give)
--             | "other" | "any"
--   method    "GET", "POST", …
--   path      a prefix of the path
--   task      the id of the task that is polled or whose picture is loaded
--   key       the Idempotency-Key of the paid POST, or of the one that made that task
--   agent     the User-Agent: a client of its own, also where there is no key
--   http      "1.1" | "2"
--   reused    true: only on a connection that has served a request before; false: only the first
--   nth       the n-th request that matches the fields above, and those after it; 1 without
-- TIMES. How many requests it strikes; 1 without, -1 for ever.
--
-- FAULT. Fields can be combined; unknown ones are refused.
--
-- The connection
--   reset     "connect"   at once when a connection is accepted (match: service etc. do not apply,
--                         only nth counts connections; TLS has not begun)
--             "before"    when the head has been read, before the body is
--             "middle"    when `at` bytes of the body have been read (half of them without)
--             "read"      when the body has been read whole, and nothing was accepted
--             "accepted"  after it was accepted (and is paid): the reply is lost
--   how       how that is done: "rst" (without), "close" (an orderly end), and on HTTP/2 also
--             "refused" (RST_STREAM REFUSED_STREAM), "cancel" (RST_STREAM CANCEL), "goaway"
--             (GOAWAY that excludes this stream unless reset is "accepted", then the end)
--   close     "close" | "rst": what becomes of the connection after a whole reply that did not
--             say so
-- The reply
--   status    HTTP status; the request is not accepted unless `accept`
--   body      its body: a string, or any JSON value; without, the service's own error shape
--   base64    its body, where that is no text (application/octet-stream, unless content_type)
--   error     fields for the service's error shape: {"code": 503, "message", "type", "param"};
--             code may be a number, "" or null
--   headers   {"name": "value"}, added or put in place of ours
--   accept    true: accept (and charge) first, then answer with `status`
--   early     true: the reply is sent when the head has been read; the body never is, and the
--             connection ends. With what answers in place of the service
--   success_false   a code: HTTP 200 with {"success": false, "code", "msg"}, as the file service
--             may say it
--   html      502 | 504 | 524 …: the status with the HTML page of a proxy
--   retry_after, retry_after_date, retry_after_ms   seconds (written as such, or as a date) or
--             milliseconds, for the header
--   empty     true: no body at all
--   raw       bytes written to the connection in place of any reply ("HTTP/1.1 20"), then `how`
--   content_type   in place of the true one
--   chunked   true: no Content-Length
--   gzip      true: Content-Encoding gzip, truthfully, though nobody asked
--   json      {"pretty", "escape_slashes", "reverse_keys"}: how the reply's JSON is written
-- Time (in the sandbox's seconds)
--   delay     before the first byte
--   stall     "head": no byte comes; "body": it stops after `at` bytes (half the body without);
--             for `seconds`, or until `POST /_sandbox/release`
--   drip      {"bytes", "seconds"}: the body in pieces of so many bytes, so far apart
--   sip       {"bytes", "seconds"}: the request's body is read so slowly
--   cut       the connection ends (`how`) after so many bytes of the body; Content-Length is whole
--   lie       Content-Length is wrong by so many bytes; too much, then the connection ends (`how`)
-- The task (match kind "submit")
--   latency   seconds until it ends
--   fail      a task error code, or {"code", "message"}
--   cancel    true: it ends as "cancelled"
--   task_id   its id, whatever it is
--   images    it makes so many pictures, whatever was asked and charged
--   pixels    [width, height] of the pictures, whatever was asked
--   link      the result links, as they stand here
--   task_status  the status told (also for "poll"): "queued", "canceled", …
--   results   "objects" ({"url"}) | "empty" (the first is "") | "null" | "missing" (also "poll")
--   omit      names left out of the task: ["task_info", "usage"] (also "poll")
--   shape     "task": the gateway answers with a task; "sync": the task service with pictures
--   format    "url" | "b64_json", whatever was asked
-- The download
--   expired   403 | 404 | 410
--   gone      likewise, and for good: the task's next answer has a new link
--   redirect  an URL; with `status` 301, 302 (without), 303, 307, 308
--   first     bytes put in place of the picture's first ones
--   html_body true: status 200 with an HTML page
--   ignore_range  true: ranges are not served
--   etag      appended to the ETag: the file has changed

local json = require "gptimage.sandbox.json"

local M = {}

local function set(text)
  local members = {}
  for name in text:gmatch("%S+") do
    members[name] = true
  end
  return members
end

local match_fields = { service = "string", kind = "string", method = "string", path = "string",
  task = "string", key = "string", agent = "string", http = "string", reused = "boolean",
  nth = "number" }
local fault_fields = set [[
  reset how close status body base64 error headers accept html retry_after retry_after_date
  retry_after_ms empty raw content_type chunked gzip json delay stall at seconds drip sip early
  success_false cut lie latency fail cancel task_id images pixels link task_status results omit
  shape format expired gone redirect first html_body ignore_range etag]]

local choices = {
  reset = set "connect before middle read accepted", how = set "rst close refused cancel goaway",
  close = set "close rst", stall = set "head body", results = set "objects empty null missing",
  shape = set "task sync", format = set "url b64_json",
}

-- Numbers, within what a date and a clock can hold.
local numbers = set [[
  status html retry_after retry_after_date retry_after_ms delay at seconds cut lie latency images
  expired gone]]
local NUMBER_MAX = 1e9

-- The others, but for those that may be anything.
local types = {}
for expected, names in pairs {
  string = "base64 content_type raw task_id link task_status redirect first etag",
  boolean = "accept empty chunked gzip early html_body ignore_range cancel",
  table = "error headers json drip sip pixels omit",
} do
  for name in names:gmatch("%S+") do types[name] = expected end
end

-- The numbers that some of the objects must have.
local members = { drip = { "bytes", "seconds" }, sip = { "bytes", "seconds" }, pixels = { 1, 2 } }

local methods = {}
local faults_mt = { __name = "sandbox.faults", __index = methods }

function M.new()
  return setmetatable({ armed = {}, last_id = 0 }, faults_mt)
end

local function check_value(name, value)
  if choices[name] then
    return choices[name][value] or nil, ("fault '%s' has no choice '%s'"):format(name,
      tostring(value))
  elseif numbers[name] then
    return type(value) == "number" and math.abs(value) <= NUMBER_MAX or nil,
      ("fault '%s' is a number up to 1e9, not '%s'"):format(name, tostring(value))
  elseif types[name] and (type(value) ~= types[name] or value == json.null) then
    return nil, ("fault '%s' is a %s, not '%s'"):format(name, types[name], tostring(value))
  end
  for _, member in ipairs(members[name] or {}) do
    if not (math.type(value[member]) and value[member] >= 0 and value[member] <= NUMBER_MAX) then
      return nil, ("fault '%s' needs the number '%s'"):format(name, member)
    end
  end
  return true
end

local function check(item)
  if type(item) ~= "table" or type(item.fault) ~= "table" or not next(item.fault) then
    return nil, "each fault is an object with the field 'fault'"
  end
  for name in pairs(item) do
    if not set "match times fault" [name] then
      return nil, ("unknown field '%s'"):format(name)
    end
  end
  if item.match ~= nil and type(item.match) ~= "table" then
    return nil, "'match' is an object"
  elseif item.times ~= nil and not math.tointeger(item.times) then
    return nil, ("'times' is an integer, not '%s'"):format(tostring(item.times))
  end
  for name, value in pairs(item.match or {}) do
    if not match_fields[name] then
      return nil, ("unknown match '%s'"):format(name)
    elseif type(value) ~= match_fields[name] then
      return nil, ("match '%s' is a %s, not '%s'"):format(name, match_fields[name],
        tostring(value))
    end
  end
  for name, value in pairs(item.fault) do
    if not fault_fields[name] then
      return nil, ("unknown fault '%s'"):format(name)
    end
    local ok, message = check_value(name, value)
    if not ok then
      return nil, message
    end
  end
  return true
end

---Arms faults. Returns their ids, or nil and a message; then none is armed.
---@param items table  one fault or an array of them, as the manual above says
function methods:arm(items)
  items = json.is_array(items) and items or { items }
  for _, item in ipairs(items) do
    local ok, message = check(item)
    if not ok then
      return nil, message
    end
  end
  local ids = json.array {}
  for i, item in ipairs(items) do
    self.last_id = self.last_id + 1
    ids[i] = self.last_id
    table.insert(self.armed, {
      id = self.last_id, match = item.match or {}, fault = item.fault, seen = 0,
      times = math.tointeger(item.times) or 1,
    })
  end
  return ids
end

function methods:clear()
  self.armed = {}
end

local function matches(match, request)
  return (not match.service or match.service == request.service)
    and (not match.kind or match.kind == "any" or match.kind == request.kind)
    and (not match.method or match.method == request.method)
    and (not match.path or request.path:sub(1, #match.path) == match.path)
    and (not match.task or match.task == request.task)
    and (not match.key or match.key == request.key)
    and (not match.agent or match.agent == request.headers:get("user-agent"))
    and (not match.http or match.http == request.http)
    and (match.reused == nil or match.reused == request.reused)
end

-- Uses up one strike of the first armed fault for which `applies` holds.
local function strike(self, applies)
  for i, item in ipairs(self.armed) do
    if applies(item) then
      item.seen = item.seen + 1
      if item.seen >= (item.match.nth or 1) then
        item.times = item.times - 1
        if item.times == 0 then
          table.remove(self.armed, i)
        end
        return item.fault
      end
    end
  end
end

local nothing = {}

---The fault for this request; an empty table when there is none.
function methods:take(request)
  return strike(self, function(item)
    return item.fault.reset ~= "connect" and matches(item.match, request)
  end) or nothing
end

---The fault for a connection that was just accepted, or nil.
function methods:take_connection()
  return strike(self, function(item)
    return item.fault.reset == "connect"
  end)
end

---What is armed, for JSON.
function methods:list()
  local list = json.array {}
  for i, item in ipairs(self.armed) do
    list[i] = json.object("id", item.id, "match", item.match, "times", item.times,
      "seen", item.seen, "fault", item.fault)
  end
  return list
end

return M
