-- SPDX-License-Identifier: MIT
-- The file service: a picture goes in, a link comes out that the image services can fetch.
--
-- `/api/v1/files/…` on its own, below /starmagic and below /evolink. Files live for 72 hours of the
-- sandbox's clock, `--file-quota` of them at once; their links are `/uploads/<token>/<name>`.

local base64 = require "gptimage.sandbox.base64"
local checksums = require "gptimage.sandbox.checksums"
local fetching = require "gptimage.sandbox.fetching"
local json = require "gptimage.sandbox.json"
local pictures = require "gptimage.sandbox.pictures"

local M = {}

M.FILE_MAX = 100 * 1024 * 1024
local LIFETIME = 72 * 3600
local ZONE = 8 * 3600 -- the service's times are Chinese
local NAME_MAX = 128

local methods = {}
local uploads_mt = { __name = "sandbox.uploads", __index = methods }

function M.new(world)
  return setmetatable({ world = world, list = {}, by_token = {}, last = 0 }, uploads_mt)
end

-- ---- replies ------------------------------------------------------------------------------------

local function reply(status, message, data)
  return { status = status, headers = {},
    json = json.object("success", status == 200, "code", status, "msg", message, "data", data) }
end

---An error in this service's shape.
function M.error_reply(status, problem)
  local code = problem.code
  if math.type(code) ~= "integer" and code ~= json.null then
    code = status
  end
  return { status = status, headers = {},
    json = json.object("success", false, "code", code, "msg", problem.message) }
end

local function time_text(at)
  return os.date("!%Y-%m-%dT%H:%M:%S", (at // 1 | 0) + ZONE) .. "+08:00"
end

local function shown(file)
  return json.object("file_id", file.id, "file_name", file.name, "original_name", file.original,
    "file_size", #file.blob, "mime_type", file.picture.mime, "upload_path", file.path,
    "file_url", file.url, "download_url", file.url .. "?download=1",
    "upload_time", time_text(file.uploaded), "expires_at", time_text(file.expires))
end

-- ---- the store ----------------------------------------------------------------------------------

---Files that are there and have not expired.
function methods:live()
  local now, found = self.world.clock:now(), {}
  for _, file in ipairs(self.list) do
    if not file.deleted and now < file.expires then
      found[#found + 1] = file
    end
  end
  return found
end

---The file that a link of ours leads to, expired or not.
---@param url string  as it was given out
---@return table? file
---@return boolean? alive
function methods:by_url(url)
  local file = self.by_token[url:match("/uploads/(%x+)/") or ""]
  if file and (url == file.url or url == file.url .. "?download=1") then
    return file, not file.deleted and self.world.clock:now() < file.expires
  end
end

-- The last part of a file name, safe in a link.
local function safe_name(name, type)
  name = name:match("[^/\\]*$"):gsub("[^%w._-]", "_"):sub(-NAME_MAX)
  return name:find("%w") and name or "file." .. (type == "jpeg" and "jpg" or type)
end

-- Keeps a file, or says why not.
local function store(self, request, blob, names)
  local world = self.world
  local quota = world.options.file_quota
  if #blob == 0 then
    return reply(400, "The file is empty")
  elseif #blob > M.FILE_MAX then
    return reply(413, "The file exceeds 100 MB")
  end
  local picture = pictures.read(blob)
  if not picture.type then
    return reply(400, "Unsupported file type: only jpeg, png, gif and webp are allowed")
  elseif picture.problem then
    return reply(400, ("The %s file %s"):format(picture.type, picture.problem))
  elseif #self:live() >= quota then
    return reply(403, ("File quota exceeded: %d of %d files are used"):format(#self:live(), quota))
  end
  self.last = self.last + 1
  local now = world.clock:now()
  local token = ("%016x"):format(math.random(0))
  local file = {
    id = ("file_%06d%s"):format(self.last, token:sub(1, 8)), token = token, blob = blob,
    picture = picture, original = names.original, path = names.path,
    name = safe_name(names.name or names.original or "", picture.type),
    uploaded = now, expires = now + LIFETIME, sha256 = names.sha256,
    content_type = names.content_type,
  }
  file.url = ("%s://%s/uploads/%s/%s"):format(request.scheme, request.authority, token, file.name)
  self.by_token[token] = file
  table.insert(self.list, file)
  world.ledger:count("uploaded")
  request.record.upload = json.object("file_id", file.id, "file_name", file.name,
    "mime_type", picture.mime, "bytes", #blob, "sha256", file.sha256, "url", file.url)
  return reply(200, "File uploaded successfully", shown(file))
end

-- ---- the calls ----------------------------------------------------------------------------------

local function text_of(value)
  return type(value) == "string" and value ~= "" and value or nil
end

local function stream(self, request)
  if not request.parts then
    return reply(400, request.form_problem or "The body must be multipart/form-data")
  end
  local texts, found = {}, nil
  for _, part in ipairs(request.parts) do
    if part.name == "file" and part.blob then
      if found then
        return reply(400, "Only one file per request is allowed")
      end
      found = part
    elseif part.text then
      texts[part.name] = text_of(part.text)
    end
  end
  if not found then
    return reply(400, "The file is required")
  end
  return store(self, request, found.blob, {
    original = text_of(found.filename), sha256 = found.sha256, content_type = found.content_type,
    name = texts.file_name or texts.fileName, path = texts.upload_path or texts.uploadPath,
  })
end

local function read_json(request)
  local body = json.decode(request.body)
  return type(body) == "table" and not json.is_array(body) and body ~= json.null and body or nil
end

local function names_of(body, original, bytes)
  local hash = checksums.sha256()
  for first = 1, #bytes, 1048576 do
    hash:update(bytes:sub(first, first + 1048575))
  end
  return { original = original, name = text_of(body.file_name), path = text_of(body.upload_path),
    sha256 = hash:hex() }
end

local function from_base64(self, request)
  local body = read_json(request)
  local text = body and text_of(body.base64_data)
  if not text then
    return reply(400, "base64_data is required")
  end
  local bytes = base64.decode(text:match("^data:[^,]*;base64,(.*)$") or text)
  if not bytes then
    return reply(400, "base64_data is not valid base64")
  end
  return store(self, request, self.world.spool:keep(bytes), names_of(body, nil, bytes))
end

local function from_url(self, request)
  local body = read_json(request)
  local url = body and text_of(body.file_url)
  if not url then
    return reply(400, "file_url is required")
  end
  local blob, message = fetching.fetch(self.world, url)
  if not blob then
    return reply(400, "file_url " .. message)
  end
  local original = url:gsub("[?#].*$", ""):match("//.*/([^/]+)$")
  return store(self, request, blob, names_of(body, original, blob))
end

local function number(text, otherwise, maximum)
  return math.min(maximum, math.max(1, math.tointeger(tonumber(text)) or otherwise))
end

local function list(self, request)
  local files = self:live()
  local page = number(request.query.page, 1, 1000000)
  local size = number(request.query.pageSize, 20, 100)
  local items = json.array {}
  for i = (page - 1) * size + 1, math.min(#files, page * size) do
    items[#items + 1] = shown(files[#files + 1 - i])
  end
  return reply(200, "success", json.object("files", items, "total", #files, "page", page,
    "pageSize", size))
end

local function quota(self)
  local used, most = #self:live(), self.world.options.file_quota
  return reply(200, "success", json.object("user_group", "default", "used_files", used,
    "max_files", most, "remain_files", math.max(0, most - used), "is_custom", false,
    "quota_reason", "default"))
end

local function delete(self, id)
  for _, file in ipairs(self:live()) do
    if file.id == id then
      file.deleted = true
      file.blob = nil
      return reply(200, "File deleted successfully")
    end
  end
  return reply(404, "File not found")
end

local routes = {
  ["POST upload/stream"] = stream, ["POST upload/base64"] = from_base64,
  ["POST upload/url"] = from_url, ["GET list"] = list, ["GET quota"] = quota,
}

---Is this path one of the file service's? Its route is what follows `/api/v1/files/`.
---@param path string
---@return string? route
function M.route(path)
  local rest = path:match("^/starmagic(/.*)$") or path:match("^/evolink(/.*)$") or path
  return rest:match("^/api/v1/files/(.*)$")
end

---Answers a request with a key.
function M.answer(world, request)
  local key = (request.headers:get("authorization") or ""):match("^[bB]earer +(.+)$")
  if not key or world.options.key and key ~= world.options.key then
    return reply(401, "Invalid or missing API key")
  end
  local handler = routes[request.method .. " " .. request.route]
  if handler then
    return handler(world.uploads, request)
  elseif request.method == "DELETE" and request.route:find("^[^/]+$") then
    return delete(world.uploads, request.unescape(request.route))
  end
  return reply(404, ("No such endpoint: %s %s"):format(request.method, request.path))
end

---Answers GET and HEAD of a file's link, without a key.
function M.answer_link(world, request)
  local file = world.uploads.by_token[request.path:match("^/uploads/(%x+)/[^/]*$") or ""]
  local alive = file and not file.deleted and world.clock:now() < file.expires
  local body, headers = "Not found\n", { { "content-type", "text/plain; charset=utf-8" } }
  if alive and (request.method == "GET" or request.method == "HEAD") then
    body, headers = file.blob, { { "content-type", file.picture.mime } }
    if request.query.download then
      table.insert(headers, { "content-disposition",
        ('attachment; filename="%s"'):format(file.name) })
    end
  end
  return { status = body == (file and file.blob) and 200 or alive and 405 or 404,
    headers = headers, body = body }
end

return M
