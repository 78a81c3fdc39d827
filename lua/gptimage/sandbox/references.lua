-- SPDX-License-Identifier: MIT
-- Reference pictures and masks: brought from where the request says they are, and judged.
--
-- A reference: `order` (from 1), `source` ("upload", "result", "data", "part", "fetched", or
-- "link" for one that was not looked at), `url`, `content` (bytes or a blob), `picture`, `sha256`,
-- `name` and `content_type` (what whoever sent or served it called it: a part, an uploaded part, a
-- data URL, the server of a link), `declared` (the type of a part by its name), `problem` (it could
-- not be had).

local base64 = require "gptimage.sandbox.base64"
local checksums = require "gptimage.sandbox.checksums"
local fetching = require "gptimage.sandbox.fetching"
local json = require "gptimage.sandbox.json"
local pictures = require "gptimage.sandbox.pictures"

local M = {}

local IMAGE_MAX, MASK_MAX = 50 * 1024 * 1024, 4 * 1024 * 1024
local PIXELS_MAX, EDGE_MAX = 178956970, 23170
local DATA_URL_MAX = 20971520

local supported = { png = true, jpeg = true, webp = true }

local function hash_of(content)
  local hash = checksums.sha256()
  for first = 1, #content, 1048576 do
    hash:update(content:sub(first, first + 1048575))
  end
  return hash:hex()
end

local function with_content(reference, content, sha256)
  reference.content = content
  reference.picture = pictures.read(content)
  reference.sha256 = sha256 or hash_of(content)
  return reference
end

---Is this link one that the sandbox gave out itself: of an upload or of a result?
---@param url string
function M.is_own(world, url)
  return world.uploads:by_url(url) ~= nil or world.files:by_url(url) ~= nil
end

-- Does bringing this take time, in which the world goes on?
local function is_foreign(world, url)
  return world.options.fetch_references and not M.is_own(world, url)
    and not url:find("^data:")
end

local function from_url(world, url)
  local reference = { url = url }
  local upload, alive = world.uploads:by_url(url)
  local result = not upload and world.files:by_url(url)
  if upload then
    reference.source = "upload"
    reference.name, reference.content_type = upload.original, upload.content_type
    if not alive then
      reference.problem = "could not be downloaded (HTTP 404)"
      return reference
    end
    return with_content(reference, upload.blob, upload.sha256)
  elseif result then
    reference.source = "result"
    if world.clock:now() >= result.expires then
      reference.problem = ("could not be downloaded (HTTP %d)"):format(world.options.expired)
      return reference
    end
    return with_content(reference, world.files:bytes(result))
  elseif url:find("^data:") then
    local data = url:match("^data:[^,]*;base64,(.*)$")
    local bytes = data and base64.decode(data)
    reference.source, reference.url = "data", nil
    reference.content_type = url:match("^data:([^;,]+)")
    if not bytes or #url > DATA_URL_MAX then
      reference.problem = bytes and "is too long for a data URL" or "is no valid data URL"
      return reference
    end
    return with_content(reference, bytes)
  elseif is_foreign(world, url) then
    reference.source = "fetched"
    local blob, said = fetching.fetch(world, url)
    if not blob then
      reference.problem = said
      return reference
    end
    reference.content_type = said
    return with_content(reference, blob)
  end
  reference.source = "link"
  reference.picture = {}
  return reference
end

---Pictures behind links.
---@param urls string[]
---@param mask_url? string
---@return table[] references
---@return table? mask
function M.from_urls(world, urls, mask_url)
  local list = {}
  for i, url in ipairs(urls) do
    list[i] = from_url(world, url)
    list[i].order = i
  end
  return list, mask_url and from_url(world, mask_url) or nil
end

---Does bringing these take time?
function M.take_time(world, urls, mask_url)
  for _, url in ipairs(urls) do
    if is_foreign(world, url) then
      return true
    end
  end
  return mask_url ~= nil and is_foreign(world, mask_url)
end

-- The gateway tells what a part is by its file name alone.
local mime_by_extension = { png = "image/png", jpg = "image/jpeg", jpeg = "image/jpeg",
  webp = "image/webp" }

local function from_part(part, order)
  local extension = part.filename:match("%.([^.]*)$")
  local reference = { order = order, source = "part", name = part.filename,
    content_type = part.content_type,
    declared = mime_by_extension[(extension or ""):lower()] or "image/png" }
  reference.content, reference.sha256 = part.blob, part.sha256
  reference.picture = part.picture
  return reference
end

---Pictures among the parts of a form: those called `image`, or else `image[]`, or else whatever
---begins with `image[`; and the first `mask`.
---@return table[] references
---@return table? mask
function M.from_parts(parts)
  local single, array, indexed, mask = {}, {}, {}, nil
  for _, part in ipairs(parts) do
    if part.blob and part.name == "mask" then
      mask = mask or from_part(part)
    elseif part.blob then
      local list = part.name == "image" and single or part.name == "image[]" and array
        or part.name:find("^image%[") and indexed or nil
      if list then
        list[#list + 1] = from_part(part, #list + 1)
      end
    end
  end
  return #single > 0 and single or #array > 0 and array or indexed, mask
end

local function shown(reference)
  local picture = reference.picture or {}
  return json.object("order", reference.order, "source", reference.source, "url", reference.url,
    "filename", reference.name, "content_type", reference.content_type,
    "bytes", reference.content and #reference.content, "sha256", reference.sha256,
    "type", picture.type, "width", picture.width,
    "height", picture.height, "problem", reference.problem)
end

---Puts them on record.
function M.record(record, list, mask)
  record.references = json.array {}
  for i, reference in ipairs(list) do
    record.references[i] = shown(reference)
  end
  record.mask = mask and shown(mask) or nil
end

-- ---- judging ------------------------------------------------------------------------------------

local function problem_of(reference, size_max)
  local picture = reference.picture or {}
  if reference.problem then
    return "unreadable", reference.problem
  elseif reference.source == "link" then
    return nil
  elseif not picture.type or not supported[picture.type] then
    return "type", picture.type and "has the unsupported format " .. picture.type
      or picture.problem
  elseif picture.problem then
    return "unreadable", picture.problem
  elseif reference.declared and reference.declared ~= picture.mime then
    return "type", ("is named as %s, but holds %s"):format(reference.declared, picture.mime)
  elseif #reference.content > size_max then
    return "size", ("is larger than %d MB"):format(size_max // 1048576)
  elseif picture.width * picture.height > PIXELS_MAX or picture.width > EDGE_MAX
      or picture.height > EDGE_MAX then
    return "size", "has too many pixels"
  end
end

---What a service finds wrong with them: a reason ("unreadable", "type", "size", "mask_type",
---"mask_alpha", "mask_size") and a message; nothing when all is well.
---@param names {images: string, mask: string}  of the fields, for messages
---@param mask_max? integer  bytes of a mask
function M.judge(list, mask, names, mask_max)
  for _, reference in ipairs(list) do
    local reason, message = problem_of(reference, IMAGE_MAX)
    if reason then
      return reason, ("%s[%d] %s"):format(names.images, reference.order - 1, message), names.images
    end
  end
  if not mask or #list == 0 then
    return nil -- a mask without a picture is ignored
  end
  local reason, message = problem_of(mask, mask_max or IMAGE_MAX)
  if reason then
    return reason == "type" and "mask_type" or reason, names.mask .. " " .. message, names.mask
  elseif mask.source == "link" then
    return nil
  elseif mask.picture.type ~= "png" then
    return "mask_type", "Invalid mask image format - mask image must be a PNG", names.mask
  elseif not mask.picture.alpha then
    return "mask_alpha", "Invalid mask image format - mask image missing alpha channel",
      names.mask
  end
  local first = list[1].picture
  if first.width and (first.width ~= mask.picture.width or first.height ~= mask.picture.height) then
    return "mask_size", "Invalid mask image format - mask size does not match image size",
      names.mask
  end
end

M.MASK_MAX = MASK_MAX

return M
