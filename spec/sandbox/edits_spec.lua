-- SPDX-License-Identifier: MIT
-- Tests lua/gptimage/sandbox/references.lua and pictures.lua: edits on both services, over real
-- HTTP, from parts, links and data URLs, and what they look like.

local mime = require "mime"
local pictures = require "spec.support.pictures"
local png = require "spec.support.png"
local raw = require "spec.support.raw_http"
local support = require "spec.support.sandbox"

local get, post = raw.get, raw.post
local sha256 = require("gptimage.sandbox.submission").sha256

local photo = pictures.png { width = 30, height = 20, color = 0xFF0000 }
local other = pictures.png { width = 20, height = 20, color = 0x00FF00 }
local mask = pictures.png { width = 30, height = 20, alpha = function(x) return x < 15 and 0 or 255
end }

local function upload(sandbox, bytes, name)
  local text, headers = pictures.form { { "file", bytes, filename = name or "a.png",
    type = "image/x-any" } }
  local reply = post(sandbox.files .. "/api/v1/files/upload/stream", text, headers)
  return assert(reply.json.data, reply.body).file_url
end

-- An edit at the gateway as a form: {name, bytes, filename=}…
local function form_edit(sandbox, parts)
  local all = { { "model", "gpt-image-2" }, { "prompt", "At night" }, { "size", "256x256" } }
  table.move(parts, 1, #parts, 4, all)
  local text, headers = pictures.form(all)
  return post(sandbox.magick .. "/v1/images/edits", text, headers)
end

local function json_edit(sandbox, fields)
  fields.model, fields.prompt = "gpt-image-2", "At night"
  return post(sandbox.magick .. "/v1/images/edits", fields)
end

-- A task with references, brought to its end.
local function task(sandbox, fields)
  fields.model, fields.prompt = fields.model or "gpt-image-2", "At night"
  local reply = post(sandbox.starmagic .. "/v1/images/generations", fields)
  if reply.status ~= 200 then
    return reply.json.error
  end
  return support.wait_for(function()
    local told = get(sandbox.starmagic .. "/v1/tasks/" .. reply.json.id).json
    return (told.status == "completed" or told.status == "failed") and told
  end)
end

local function last(sandbox)
  local submits = sandbox:requests { kind = "submit" }
  return submits[#submits]
end

local function hashes(references)
  local list = {}
  for i, reference in ipairs(references) do list[i] = reference.sha256 end
  return list
end

describe("edits at the sandbox's gateway", function()
  local sandbox
  setup(function() sandbox = support.start { latency = 0 } end)
  teardown(function() sandbox:stop() end)
  before_each(function() sandbox:reset() end)

  it("take the pictures that the gateway takes: image, or image[], or image[…", function()
    local function used(parts)
      local reply = form_edit(sandbox, parts)
      assert.equal(200, reply.status, reply.body)
      return hashes(last(sandbox).references)
    end
    local a, b = { "image", photo, filename = "a.png" }, { "image", other, filename = "b.png" }
    assert.same({ sha256(photo), sha256(other) }, used { a, b })
    local c = { "image[]", other, filename = "c.png" }
    assert.same({ sha256(photo) }, used { c, a })
    assert.same({ sha256(other) }, used { { "image[0]", photo, filename = "d.png" }, c })
    assert.same({ sha256(other), sha256(photo) }, used {
      { "image[1]", other, filename = "e.png" }, { "image[0]", photo, filename = "d.png" } })
    assert.same({ sha256(photo) }, used { a, { "images", other, filename = "f.png" } })
  end)

  it("are refused without a picture, and with more than 16", function()
    local reply = form_edit(sandbox, { { "mask", mask, filename = "m.png" } })
    assert.same({ 500, "convert_request_failed" }, { reply.status, reply.json.error.code })
    reply = json_edit(sandbox, {})
    assert.same({ 500, "convert_request_failed" }, { reply.status, reply.json.error.code })
    local parts = {}
    for i = 1, 17 do parts[i] = { "image[]", photo, filename = i .. ".png" } end
    reply = form_edit(sandbox, parts)
    assert.same({ 400, "invalid_value" }, { reply.status, reply.json.error.code })
    parts[17] = nil
    assert.equal(200, form_edit(sandbox, parts).status)
    assert.equal(1, sandbox:ledger().charged)
  end)

  -- file name, bytes, mask -> code and the beginning of the message
  local big = pictures.png { width = 2, height = 2, alpha = true, filler = 4 * 1024 * 1024 }
  for name, case in pairs {
    ["no picture"] = { "a.png", "text", nil, "unsupported_file_mimetype",
      "image[0] is no picture" },
    ["nothing"] = { "a.png", "", nil, "unsupported_file_mimetype", "image[0] is empty" },
    ["a GIF"] = { "a.png", pictures.gif(3, 3), nil, "unsupported_file_mimetype",
      "image[0] has the unsupported format gif" },
    ["a name that lies"] = { "a.png", pictures.jpeg(3, 3), nil, "unsupported_file_mimetype",
      "image[0] is named as image/png, but holds image/jpeg" },
    ["a name without extension"] = { "photo", pictures.webp(3, 3), nil,
      "unsupported_file_mimetype", "image[0] is named as image/png, but holds image/webp" },
    ["half a PNG"] = { "a.png", photo:sub(1, 60), nil, "invalid_image_file",
      "image[0] is truncated" },
    ["half a JPEG"] = { "a.jpg", pictures.jpeg(9, 9):sub(1, 40), nil, "invalid_image_file",
      "image[0] is truncated" },
    ["a JPEG without a frame"] = { "a.jpeg", "\xFF\xD8\xFF\xDA\0\4\0\0\0\0\xFF\xD9", nil,
      "invalid_image_file", "image[0] has no frame" },
    ["half a WebP"] = { "a.webp", pictures.webp(9, 9):sub(1, 24), nil, "invalid_image_file",
      "image[0] is truncated" },
    ["a huge one"] = { "a.png", pictures.SIGNATURE .. pictures.header(30000, 30000, 8, 2)
      .. pictures.chunk("IDAT", "x") .. pictures.chunk("IEND", ""), nil, "image_too_large",
      "image[0] has too many pixels" },
    ["a mask without alpha"] = { "a.png", photo, photo, "invalid_mask_image_format",
      "Invalid mask image format - mask image missing alpha channel" },
    ["a mask of another size"] = { "a.png", photo, pictures.png { width = 20, height = 30,
      alpha = true }, "invalid_mask_image_format",
      "Invalid mask image format - mask size does not match image size" },
    ["a mask that is a JPEG"] = { "a.png", photo, pictures.jpeg(30, 20),
      "invalid_mask_image_format", "mask is named as image/png, but holds image/jpeg" },
    ["a mask over 4 MB"] = { "a.png", photo, big, "image_too_large", "mask is larger than 4 MB" },
  } do
    it("refuse " .. name .. ", and cost nothing", function()
      local reply = form_edit(sandbox, { { "image", case[2], filename = case[1] },
        case[3] and { "mask", case[3], filename = "m.png" } })
      assert.same({ 400, case[4] }, { reply.status, reply.json.error.code }, reply.body)
      assert.equal(case[5], reply.json.error.message:sub(1, #case[5]))
      assert.equal(0, sandbox:ledger().accepted)
    end)
  end

  it("take data URLs and links of the sandbox's own as JSON", function()
    local link = upload(sandbox, other)
    local data = "data:image/png;base64," .. mime.b64(photo)
    local reply = json_edit(sandbox, { images = { { image_url = data }, { image_url = link } },
      mask = { image_url = "data:image/png;base64," .. mime.b64(mask) } })
    assert.equal(200, reply.status, reply.body)
    local record = last(sandbox)
    assert.same({ sha256(photo), sha256(other) }, hashes(record.references))
    assert.same({ "data", "upload", sha256(mask) },
      { record.references[1].source, record.references[2].source, record.mask.sha256 })
    assert.same({ "image/png", "a.png", "image/x-any" }, { record.references[1].content_type,
      record.references[2].filename, record.references[2].content_type })
    assert.equal(200, json_edit(sandbox, { image = data }).status)
    for _, images in ipairs { { { file_id = "x" } }, { { image_url = "data:image/png;base64,!" } },
      { { image_url = "http://127.0.0.1/x.png" } }, { 7 } } do
      assert.equal(400, json_edit(sandbox, { images = images }).status)
    end
    assert.equal(2, sandbox:ledger().accepted)
  end)
end)

describe("references of the sandbox's tasks", function()
  local sandbox
  setup(function() sandbox = support.start { latency = 0 } end)
  teardown(function() sandbox:stop() end)
  before_each(function() sandbox:reset() end)

  it("are uploads and results of its own, in the order given", function()
    local first, second = upload(sandbox, other), upload(sandbox, photo, "b.webp.png")
    local result = task(sandbox, { size = "1:1" }).results[1]
    assert.equal("completed", task(sandbox, { image_urls = { second, first, result } }).status)
    local references = last(sandbox).references
    assert.same({ sha256(photo), sha256(other), sha256(raw.request("GET", result).body) },
      hashes(references))
    assert.same({ "upload", "upload", "result" },
      { references[1].source, references[2].source, references[3].source })
    assert.same({ 1, second, 30, 20, "png" }, { references[1].order, references[1].url,
      references[1].width, references[1].height, references[1].type })
  end)

  it("elsewhere are judged by their links alone, unless it shall fetch them", function()
    local told = task(sandbox, { image_urls = { "https://example.com/a.webp" } })
    assert.equal("completed", told.status)
    assert.equal("link", last(sandbox).references[1].source)
    assert.equal("image_urls", task(sandbox, { image_urls = { "http://10.0.0.1/a.png" } }).param)
    local far <close> = support.start { latency = 0 }
    local near <close> = support.start { latency = 0, fetch_references = true,
      allow_private = true }
    local link = upload(far, photo)
    assert.equal("completed", task(near, { image_urls = { link } }).status)
    local reference = last(near).references[1]
    assert.same({ "fetched", sha256(photo), "image/png" },
      { reference.source, reference.sha256, reference.content_type })
    far:fault { match = { kind = "uploaded" }, fault = { status = 500 } }
    told = task(near, { image_urls = { link } })
    assert.same({ "image_processing_error", "image_urls[0] could not be downloaded (HTTP 500)" },
      { told.error.code, told.error.message })
    assert.same({ 2, 1, 1 },
      { near:ledger().accepted, near:ledger().charged, near:ledger().refunded })
  end)

  it("fail the task, and cost nothing, where they are not what they should be", function()
    local link = upload(sandbox, photo)
    local small = upload(sandbox, pictures.png { width = 9, height = 9, alpha = true })
    for _, case in ipairs {
      { { image_urls = { upload(sandbox, pictures.gif(3, 3), "download") } },
        "image_processing_error", "image_urls[0] has the unsupported format gif" },
      { { image_urls = { link }, mask_url = link }, "image_processing_error",
        "Invalid mask image format - mask image missing alpha channel" },
      { { image_urls = { link }, mask_url = small }, "image_dimension_mismatch",
        "Invalid mask image format - mask size does not match image size" },
    } do
      local told = task(sandbox, case[1])
      assert.same({ "failed", case[2], case[3] },
        { told.status, told.error.code, told.error.message })
    end
    sandbox:advance(73 * 3600)
    local told = task(sandbox, { image_urls = { link } })
    assert.equal("image_urls[0] could not be downloaded (HTTP 404)", told.error.message)
    local ledger = sandbox:ledger()
    assert.same({ 4, 4, 0 }, { ledger.accepted, ledger.refunded, ledger.credits.charged })
  end)
end)

describe("the picture of an edit", function()
  local sandbox
  setup(function() sandbox = support.start { latency = 0 } end)
  teardown(function() sandbox:stop() end)

  local function picture(parts)
    local reply = form_edit(sandbox, parts)
    return png.decode(raw.request("GET", reply.json.data[1].url).body)
  end

  -- How many pixels of exactly this colour are in a part of it.
  local function count(seen, x0, x1, y0, y1, color)
    local found = 0
    for y = y0, y1 - 1 do
      for x = x0, x1 - 1 do
        local red, green, blue = seen.pixel(x, y)
        found = found + (red << 16 | green << 8 | blue == color and 1 or 0)
      end
    end
    return found
  end

  it("shows the references in their order", function()
    local a, b = { "image[]", photo, filename = "a.png" }, { "image[]", other, filename = "b.png" }
    local seen = picture { a, b }
    local red, green = count(seen, 0, 68, 180, 256, 0xFF0000), count(seen, 68, 136, 180, 256,
      0x00FF00)
    assert.is_true(red > 500 and green > 500, red .. " " .. green)
    assert.equal(0, count(seen, 68, 136, 180, 256, 0xFF0000))
    seen = picture { b, a }
    assert.is_true(count(seen, 0, 68, 180, 256, 0x00FF00) > 500)
  end)

  it("keeps the first reference where the mask is opaque, and nowhere else", function()
    local seen = picture { { "image", photo, filename = "a.png" },
      { "mask", mask, filename = "m.png" } }
    assert.equal(128 * 100, count(seen, 128, 256, 0, 100, 0xFF0000))
    assert.equal(0, count(seen, 0, 128, 0, 100, 0xFF0000))
  end)

  it("shows what it cannot draw as a card", function()
    local seen = picture { { "image", pictures.jpeg(640, 480), filename = "a.jpg" } }
    assert.is_true(count(seen, 0, 68, 180, 256, 0xC9CFD6) > 500)
  end)
end)
