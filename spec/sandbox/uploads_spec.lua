-- SPDX-License-Identifier: MIT
-- Tests lua/gptimage/sandbox/uploads.lua, intake.lua and fetching.lua, over real HTTP.

local cjson = require "cjson"
local mime = require "mime"
local pictures = require "spec.support.pictures"
local raw = require "spec.support.raw_http"
local support = require "spec.support.sandbox"

local get, post = raw.get, raw.post
local sha256 = require("gptimage.sandbox.submission").sha256

local photo = pictures.png { width = 30, height = 20 }

describe("the sandbox's file service", function()
  local sandbox
  setup(function() sandbox = support.start { latency = 0, file_quota = 5 } end)
  teardown(function() sandbox:stop() end)
  before_each(function() sandbox:reset() end)

  local function upload(bytes, filename, more, base)
    local parts = { { "file", bytes, filename = filename or "photo.png" } }
    for _, part in ipairs(more or {}) do
      table.insert(parts, part)
    end
    local text, headers = pictures.form(parts)
    return post((base or sandbox.files) .. "/api/v1/files/upload/stream", text, headers)
  end

  local function refused(status, message, reply)
    assert.same({ status, { success = false, code = status, msg = message } },
      { reply.status, reply.json })
  end

  it("keeps a picture and gives its link", function()
    local reply = upload(photo, "../my photo.png", { { "upload_path", "a/b" } })
    assert.equal(200, reply.status, reply.body)
    local data = reply.json.data
    assert.same({ true, 200 }, { reply.json.success, reply.json.code })
    assert.same({ "my_photo.png", "../my photo.png", "image/png", #photo, "a/b" },
      { data.file_name, data.original_name, data.mime_type, data.file_size, data.upload_path })
    assert.truthy(data.upload_time:find("^%d+%-%d%d%-%d%dT%d%d:%d%d:%d%d%+08:00$"))
    for _, url in ipairs { data.file_url, data.download_url } do
      local got = raw.request("GET", url)
      assert.same({ 200, photo, "image/png" },
        { got.status, got.body, got.headers["content-type"] })
    end
    assert.equal(405, raw.request("POST", data.file_url, { body = "" }).status)
    local record = sandbox:requests({ kind = "upload" })[1]
    assert.same({ file_id = data.file_id, file_name = "my_photo.png", mime_type = "image/png",
      bytes = #photo, sha256 = sha256(photo), url = data.file_url }, record.upload)
    assert.equal("files", record.service)
    assert.equal(1, sandbox:ledger().uploaded)
  end)

  it("is there below both names of the service, and takes either spelling of its fields", function()
    for _, base in ipairs { sandbox.starmagic, sandbox.evolink, sandbox.files } do
      local data = upload(photo, "a.png", { { "fileName", "b.png" }, { "uploadPath", "p" } }, base)
        .json.data
      assert.same({ "b.png", "a.png", "p" },
        { data.file_name, data.original_name, data.upload_path })
    end
    assert.equal(404, upload(photo, "a.png", nil, sandbox.magick).status)
  end)

  it("takes base64, bare or as a data URL", function()
    for _, head in ipairs { "", "data:image/png;base64," } do
      local reply = post(sandbox.files .. "/api/v1/files/upload/base64",
        { base64_data = head .. mime.b64(photo), file_name = "x.png" })
      assert.equal(200, reply.status, reply.body)
      assert.equal(photo, raw.request("GET", reply.json.data.file_url).body)
    end
    for n = 0, 12 do -- every length of the last group, with and without padding
      local bytes = pictures.gif(3, 3) .. ("z"):rep(n)
      local text = mime.b64(bytes)
      assert.equal(bytes, require("gptimage.sandbox.base64").decode(text))
      assert.equal(bytes, require("gptimage.sandbox.base64").decode((text:gsub("=", ""))))
    end
    local url = sandbox.files .. "/api/v1/files/upload/base64"
    refused(400, "base64_data is required", post(url, "{}"))
    refused(400, "base64_data is required", post(url, "["))
    refused(400, "base64_data is not valid base64", post(url, { base64_data = "ab!d" }))
    refused(400, "base64_data is not valid base64", post(url, { base64_data = "abcde" }))
  end)

  it("fetches links, but none on private addresses unless told to", function()
    local private <close> = support.start { allow_private = true, latency = 0 }
    local link = upload(photo, "far.png", nil, private.files).json.data.file_url
    local url = "/api/v1/files/upload/url"
    refused(400, "file_url must be publicly accessible",
      post(sandbox.files .. url, { file_url = link }))
    refused(400, "file_url is required", post(sandbox.files .. url, "{}"))
    refused(400, "file_url must be an http or https URL",
      post(sandbox.files .. url, { file_url = "ftp://example.com/a.png" }))
    local reply = post(private.files .. url, { file_url = link, file_name = "near.png" })
    assert.equal(200, reply.status, reply.body)
    assert.same({ "near.png", "far.png" },
      { reply.json.data.file_name, reply.json.data.original_name })
    assert.equal(photo, raw.request("GET", reply.json.data.file_url).body)
    private:fault { match = { kind = "uploaded" }, fault = { redirect = link }, times = -1 }
    refused(400, "file_url could not be downloaded (too many redirects)",
      post(private.files .. url, { file_url = link }))
    private:disarm()
    private:fault { match = { kind = "uploaded" }, fault = { cut = 20 } }
    refused(400, "file_url could not be downloaded (it broke off)",
      post(private.files .. url, { file_url = link }))
    refused(400, "file_url could not be downloaded (HTTP 404)",
      post(private.files .. url, { file_url = private.origin .. "/uploads/0/x.png" }))
  end)

  it("knows pictures by their bytes", function()
    for bytes, kind in pairs { [pictures.jpeg(3, 4)] = "image/jpeg", [pictures.gif(3, 4)] =
      "image/gif", [pictures.webp(3, 4)] = "image/webp" } do
      local reply = upload(bytes, "lies.png")
      assert.equal(kind, reply.json.data.mime_type)
    end
    refused(400, "Unsupported file type: only jpeg, png, gif and webp are allowed",
      upload("%PDF-1.7", "a.png"))
    refused(400, "The png file is truncated", upload(photo:sub(1, -5)))
    refused(400, "The jpeg file is truncated", upload(pictures.jpeg(3, 4):sub(1, -3)))
    refused(400, "The file is empty", upload(""))
  end)

  it("wants one file and a key", function()
    refused(400, "Only one file per request is allowed",
      upload(photo, "a.png", { { "file", photo, filename = "b.png" } }))
    local text, headers = pictures.form { { "image", photo, filename = "b.png" } }
    refused(400, "The file is required",
      post(sandbox.files .. "/api/v1/files/upload/stream", text, headers))
    refused(400, "multipart: NextPart: EOF",
      post(sandbox.files .. "/api/v1/files/upload/stream", text:sub(1, 80), headers))
    refused(400, "The body must be multipart/form-data",
      post(sandbox.files .. "/api/v1/files/upload/stream", "{}"))
    local reply = raw.request("POST", sandbox.files .. "/api/v1/files/upload/stream",
      { body = text, headers = headers })
    assert.same({ 401, "Invalid or missing API key" },
      { reply.status, cjson.decode(reply.body).msg })
    assert.equal(404, get(sandbox.files .. "/api/v1/files/nothing/here").status)
  end)

  it("lists, counts and deletes, and takes no more than its quota", function()
    local ids = {}
    for i = 1, 5 do
      ids[i] = upload(photo, i .. ".png").json.data.file_id
    end
    refused(403, "File quota exceeded: 5 of 5 files are used", upload(photo))
    local base = sandbox.files .. "/api/v1/files/"
    assert.same({ user_group = "default", used_files = 5, max_files = 5, remain_files = 0,
      is_custom = false, quota_reason = "default" }, get(base .. "quota").json.data)
    local listed = get(base .. "list?page=2&pageSize=2").json.data
    assert.same({ 5, 2, ids[3], ids[2] },
      { listed.total, #listed.files, listed.files[1].file_id, listed.files[2].file_id })
    local link = listed.files[1].file_url
    local reply = raw.request("DELETE", base .. ids[3], { headers = raw.KEY })
    assert.same({ 200, true }, { reply.status, cjson.decode(reply.body).success })
    assert.equal(404, raw.request("GET", link).status)
    assert.equal(404, raw.request("DELETE", base .. ids[3], { headers = raw.KEY }).status)
    assert.equal(200, upload(photo).status)
  end)

  it("forgets files after 72 hours", function()
    local link = upload(photo).json.data.file_url
    sandbox:advance(72 * 3600 - 10)
    assert.equal(200, raw.request("HEAD", link).status)
    sandbox:advance(11)
    assert.equal(404, raw.request("GET", link).status)
    local left = get(sandbox.files .. "/api/v1/files/quota").json.data
    assert.equal(0, left.used_files)
  end)

  it("takes 49 MB and refuses 101 MB, and does not grow with them", function()
    local function resident()
      for line in io.lines("/proc/" .. sandbox.pid .. "/status") do
        local kilobytes = line:match("^VmHWM:%s+(%d+)")
        if kilobytes then return tonumber(kilobytes) / 1024 end
      end
    end
    upload(pictures.jpeg(800, 600, 1000000))
    local before = resident()
    local big = pictures.jpeg(8000, 6000, 49 * 1000 * 1000)
    local reply = upload(big, "big.jpg")
    assert.equal(200, reply.status, reply.body)
    local got = raw.request("GET", reply.json.data.file_url)
    assert.is_true(got.body == big)
    local grown = resident() - before
    assert.is_true(grown < 16, ("%.1f MB"):format(grown))
    reply = upload(pictures.jpeg(8000, 6000, 101 * 1024 * 1024), "huge.jpg")
    assert.same({ 413, "request body too large" }, { reply.status, reply.json.msg })
    assert.equal(1, #sandbox:requests({ status = 413 }))
  end)

  it("asks for the body that a client holds back", function()
    local text = pictures.form { { "file", photo, filename = "a.png" } }
    local one = raw.connect(sandbox.files)
    one.socket:xwrite(("POST /api/v1/files/upload/stream HTTP/1.1\r\nhost: x:1\r\n"
      .. "authorization: Bearer k\r\nexpect: 100-continue\r\ncontent-length: %d\r\n"
      .. "content-type: multipart/form-data; boundary=b0undary\r\n\r\n"):format(#text), 5)
    assert.truthy(one.socket:xread("*l", 5):find("^HTTP/1.1 100 "))
    assert.truthy(one.socket:xread("*l", 5):find("^\r?$"))
    one.socket:xwrite(text, 5)
    assert.truthy(one.socket:xread("*l", 5):find("^HTTP/1.1 200 "))
    one:close()
  end)

  it("takes files over HTTP/2, and breaks off there too", function()
    local both <close> = support.start { tls = true, latency = 0 }
    local bytes = pictures.jpeg(800, 600, 300000)
    local text, headers = pictures.form { { "file", bytes, filename = "a.jpg" } }
    headers.authorization = "Bearer k"
    local options = { headers = headers, body = text, ca_file = both.ca_file }
    local url = both.files_tls .. "/api/v1/files/upload/stream"
    local reply = raw.request_tls("POST", url, options)
    assert.same({ 200, 2 }, { reply.status, reply.version })
    local link = cjson.decode(reply.body).data.file_url
    assert.is_true(raw.request_tls("GET", link, { ca_file = both.ca_file }).body == bytes)
    local record = both:requests({ kind = "upload" })[1]
    assert.same({ "2", sha256(bytes) }, { record.http, record.upload.sha256 })
    for _, how in ipairs { "refused", "cancel", "goaway", "rst" } do
      both:fault { match = { kind = "upload" }, fault = { reset = "middle", how = how } }
      reply = raw.request_tls("POST", url, options)
      assert.is_nil(reply.status, how)
    end
    both:fault { match = { kind = "upload" }, fault = { status = 413, early = true } }
    assert.equal(413, raw.request_tls("POST", url, options).status)
    assert.equal(200, raw.request_tls("POST", url, options).status)
    assert.equal(2, both:ledger().uploaded)
  end)

  it("takes nothing from a client that goes half-way", function()
    local one = raw.connect(sandbox.files)
    one.socket:xwrite("POST /api/v1/files/upload/base64 HTTP/1.1\r\nhost: x:1\r\n"
      .. 'authorization: Bearer k\r\ncontent-length: 1000\r\n\r\n{"base64_data":"', 5)
    one.socket:shutdown("w")
    one:ended()
    one:close()
    assert.equal(200, upload(photo).status) -- the sandbox goes on
    local record = sandbox:requests({ kind = "upload" })[1]
    assert.same({}, { record.status, record.upload })
  end)

  describe("struck by faults", function()
    local function strike(fault)
      sandbox:fault { match = { service = "files", kind = "upload" }, fault = fault }
      return upload(photo)
    end

    it("breaks off half-way", function()
      for _, how in ipairs { "rst", "close" } do
        local reply = strike { reset = "middle", at = how == "close" and 100 or nil, how = how }
        assert.is_nil(reply.status)
        assert.is_string(reply.broken)
      end
      assert.equal(0, sandbox:ledger().uploaded)
    end)

    it("fails with HTTP 200", function()
      local reply = strike { success_false = 403 }
      assert.same({ 200, { success = false, code = 403,
        msg = "This failure was armed in the sandbox." } }, { reply.status, reply.json })
    end)

    it("answers what it is told to, in its shape", function()
      refused(413, "This error was armed in the sandbox.", strike { status = 413 })
      local reply = strike { status = 429, retry_after = 1 }
      assert.same({ 429, "1", false },
        { reply.status, reply.headers["retry-after"], reply.json.success })
      assert.equal(0, sandbox:ledger().uploaded)
    end)

    it("answers before the body", function()
      sandbox:fault { match = { kind = "upload" }, fault = { status = 413, early = true } }
      local reply = upload(pictures.jpeg(80, 60, 3000000))
      assert.same({ 413, "close" }, { reply.status, reply.headers.connection })
      assert.is_nil(sandbox:requests({ kind = "upload" })[1].body_bytes)
    end)

    it("reads slowly", function()
      local before = sandbox:now()
      assert.equal(200, strike({ sip = { bytes = 500, seconds = 0.05 } }).status)
      assert.is_true(sandbox:now() - before >= 0.15)
    end)
  end)
end)
