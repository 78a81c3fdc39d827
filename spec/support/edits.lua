-- SPDX-License-Identifier: MIT
-- What specs of edits share: pictures that differ, clients of both services, and what the
-- sandbox's record says of the last request in words that can be compared.
--
--   local given = edits.pictures(3)             -- { {name, bytes, type}, … }, no two alike
--   local arrived = edits.arrived(sandbox)      -- { pictures = {…}, mask = … }, see below

local clients = require "spec.support.clients"
local pictures = require "spec.support.pictures"

local M = {}

M.sha256 = require("gptimage.sandbox.submission").sha256

M.WIDTH, M.HEIGHT = 30, 20

---Small pictures of all three kinds, no two alike; the first is a PNG, as large as `M.mask()`.
function M.pictures(count)
  local list = {}
  for i = 1, count do
    local kind = ({ "png", "jpg", "webp" })[(i - 1) % 3 + 1]
    local bytes = kind == "png" and pictures.png { width = M.WIDTH, height = M.HEIGHT,
      color = i * 0x070503 }
      or kind == "jpg" and pictures.jpeg(M.WIDTH, M.HEIGHT, 16 + i)
      or pictures.webp(M.WIDTH, M.HEIGHT + i)
    list[i] = { name = ("photo-%d.%s"):format(i, kind), bytes = bytes,
      type = kind == "jpg" and "image/jpeg" or "image/" .. kind }
  end
  return list
end

---A mask for the first of them: the left half is painted anew.
function M.mask()
  return { name = "mask.png", type = "image/png", bytes = pictures.png { width = M.WIDTH,
    height = M.HEIGHT, alpha = function(x) return x < M.WIDTH // 2 and 0 or 255 end } }
end

---A client of `service` ("starmagic" or "magick") at the sandbox, over HTTP/`http` ("1.1", "2").
function M.client(sandbox, service, http, more)
  local suffix = http == "2" and "_tls" or ""
  local options = {
    ca_file = http == "2" and sandbox.ca_file or nil, allow_private = true, proxy = "",
    poll = { first = 0, min = 0.01, max = 0.02 }, retry = { base = 0.01, cap = 0.05 },
    files_url = service == "starmagic" and sandbox["files" .. suffix] or nil,
  }
  for name, value in pairs(more or {}) do options[name] = value or nil end
  return clients[service]({ starmagic = sandbox["starmagic" .. suffix],
    magick = sandbox["magick" .. suffix] }, options)
end

---An edit's fields.
function M.request(more)
  local request = { model = "gpt-image-2", prompt = "Make it night", size = "1024x1024",
    quality = "low" }
  for name, value in pairs(more) do request[name] = value end
  return request
end

-- A picture as the record shows it.
local function shown(reference)
  return { name = reference.filename, type = reference.content_type, sha256 = reference.sha256 }
end

---What a picture must be seen as; `name` nil where nobody promises one.
function M.expected(picture, nameless)
  return { name = not nameless and picture.name or nil, type = picture.type,
    sha256 = M.sha256(picture.bytes) }
end

---What the last paid request carried, as the service got it: `pictures` in their order, `mask`,
---`record` (the sandbox's own), `uploads` (records of the uploads before it).
function M.arrived(sandbox)
  local submits = sandbox:requests { kind = "submit" }
  local record = assert(submits[#submits], "nothing was submitted")
  local list = {}
  for i, reference in ipairs(record.references or {}) do
    assert(reference.order == i and not reference.problem, reference.problem)
    list[i] = shown(reference)
  end
  return { pictures = list, mask = record.mask and shown(record.mask), record = record,
    uploads = sandbox:requests { kind = "upload" } }
end

---Puts a picture behind a link, at a sandbox's file service.
function M.publish(sandbox, picture)
  local raw = require "spec.support.raw_http"
  local text, headers = pictures.form { { "file", picture.bytes, filename = picture.name,
    type = picture.type } }
  local reply = raw.post(sandbox.files .. "/api/v1/files/upload/stream", text, headers)
  return assert(reply.json.data, reply.body).file_url
end

return M
