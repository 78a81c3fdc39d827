-- SPDX-License-Identifier: MIT
-- Result links: `/files/<token>/<index>.png`, for 24 hours, with ranges, without a key.

local drawing = require "gptimage.sandbox.drawing"

local M = {}

local LIFETIME = 24 * 3600
local CACHED_MAX = 24 -- pictures kept drawn; the others are drawn again, byte for byte the same

local methods = {}
local files_mt = { __name = "sandbox.files", __index = methods }

function M.new(world)
  return setmetatable({ world = world, by_token = {}, cached = {} }, files_mt)
end

---Makes the link of a job's picture; the picture is drawn when somebody looks.
function methods:add(task, index, width, height)
  local token = ("%016x"):format(math.random(0))
  local file = {
    token = token, task = task, index = index, width = width, height = height,
    expires = self.world.clock:now() + LIFETIME,
    url = task.fault.link or ("%s/files/%s/%d.png"):format(task.spec.link_base, token, index - 1),
  }
  self.by_token[token] = file
  return file
end

---A new link for a picture whose link has gone.
function methods:renew(file)
  return file.gone and self:add(file.task, file.index, file.width, file.height) or file
end

---The result that a link of ours leads to, expired or not.
---@param url string  as it was given out
function methods:by_url(url)
  local file = self.by_token[url:match("/files/(%x+)/") or ""]
  return file and url == file.url and file or nil
end

---The picture's bytes: a PNG.
function methods:bytes(file)
  if file.png then
    return file.png
  end
  file.png = drawing.png {
    prompt = file.task.spec.prompt, index = file.index,
    width = file.width, height = file.height,
    references = file.task.references, mask = file.task.mask,
  }
  table.insert(self.cached, file)
  if #self.cached > CACHED_MAX then
    table.remove(self.cached, 1).png = nil
  end
  return file.png
end

local function plain(status, text, headers)
  headers = headers or {}
  table.insert(headers, { "content-type", "text/plain; charset=utf-8" })
  return { status = status, headers = headers, body = text }
end

-- "bytes=a-b", "bytes=a-", "bytes=-n" to first and last; nil when the whole is meant, false when
-- no byte of the file is.
local function read_range(header, size)
  local first, last = header:match("^bytes=(%d*)-(%d*)$")
  if not first or first == "" and last == "" then
    return nil
  elseif first == "" then
    local n = math.min(tonumber(last), size)
    return n > 0 and { size - n, size - 1 } or false
  end
  first, last = tonumber(first), tonumber(last) or size - 1
  if first >= size or last < first then
    if first >= size then
      return false
    end
    return nil
  end
  return { first, math.min(last, size - 1) }
end

---Answers GET and HEAD of a result link.
function methods:answer(request)
  local token = request.path:match("^/files/(%x+)/")
  local file = token and self.by_token[token]
  if file and request.fault.gone then
    file.gone = request.fault.gone
  end
  local expired = file
    and (file.gone or self.world.clock:now() >= file.expires and self.world.options.expired)
  if not file or expired then
    return plain(expired or 404, "Not found\n")
  elseif request.method ~= "GET" and request.method ~= "HEAD" then
    return plain(405, "Method not allowed\n", { { "allow", "GET, HEAD" } })
  end
  local fault = request.fault
  local entry = file.task.entry
  request.entry = entry
  entry.downloads = entry.downloads + 1
  local body = self:bytes(file)
  local size = #body
  local etag = ('"%s%s"'):format(file.token, fault.etag or "")
  local headers = {
    { "content-type", "image/png" }, { "accept-ranges", "bytes" }, { "etag", etag },
    { "cache-control", "public, max-age=86400" },
  }
  local wanted = not fault.ignore_range and request.headers:get("range")
  local condition = request.headers:get("if-range")
  local range = nil
  if wanted and (condition == nil or condition == etag) then
    range = read_range(wanted, size)
  end
  if range == false then
    table.insert(headers, { "content-range", ("bytes */%d"):format(size) })
    return plain(416, "Range not satisfiable\n", headers)
  elseif range then
    table.insert(headers, { "content-range", ("bytes %d-%d/%d"):format(range[1], range[2], size) })
    body = body:sub(range[1] + 1, range[2] + 1)
  end
  local reply = { status = range and 206 or 200, headers = headers, body = body }
  if request.method == "GET" and (not range or range[2] == size - 1) then
    reply.on_sent = function()
      entry.downloaded = entry.downloaded + 1
      self.world.ledger:count("downloaded")
    end
  end
  return reply
end

return M
