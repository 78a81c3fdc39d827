-- SPDX-License-Identifier: MIT
-- Tests lua/gptimage/sandbox/magick.lua, over real HTTP; more of edits is in edits_spec.lua.

local cjson = require "cjson"
local pictures = require "spec.support.pictures"
local png = require "spec.support.png"
local raw = require "spec.support.raw_http"
local support = require "spec.support.sandbox"

local get, post = raw.get, raw.post
local sha256 = require("gptimage.sandbox.submission").sha256

describe("the sandbox's gateway", function()
  local sandbox
  setup(function() sandbox = support.start { latency = 0.05 } end)
  teardown(function() sandbox:stop() end)
  before_each(function() sandbox:reset() end)

  local body = { model = "gpt-image-2", prompt = "一只橘猫坐在窗台上看夕阳,水彩画风格",
    n = 1, size = "1536x1024" }

  local function generate(more, headers)
    local all = {}
    for _, part in ipairs { body, more or {} } do
      for name, value in pairs(part) do all[name] = value end
    end
    return post(sandbox.magick .. "/v1/images/generations", all, headers)
  end

  it("answers with links or with base64, as asked", function()
    local reply = generate()
    assert.equal(200, reply.status)
    assert.truthy(reply.headers["x-oneapi-request-id"])
    local item = reply.json.data[1]
    assert.same({ "", "" }, { item.b64_json, item.revised_prompt })
    local linked = raw.request("GET", item.url).body
    local width, height = png.size(linked)
    assert.same({ 1536, 1024 }, { width, height })
    item = generate({ response_format = "b64_json", n = 2 }).json.data
    assert.equal("", item[1].url)
    assert.equal(linked, require("mime").unb64(item[1].b64_json))
    assert.equal(2, #item)
    local ledger = sandbox:ledger()
    assert.same({ 2, 2, 3 }, { ledger.accepted, ledger.charged, ledger.credits.charged })
    assert.same({ 1, 2 }, { ledger.entries[1].downloaded, ledger.entries[2].downloaded })
  end)

  it("answers with events where they are asked for", function()
    local reply = generate { stream = true, n = 2, size = "64x64" }
    assert.same({ 200, "text/event-stream" }, { reply.status, reply.headers["content-type"] })
    local links = {}
    for data in reply.body:gmatch("event: image_generation%.completed\ndata: ([^\n]+)\n\n") do
      local event = cjson.decode(data)
      assert.equal("image_generation.completed", event.type)
      links[#links + 1] = event.url
    end
    assert.equal(2, #links)
    local width, height = png.size(raw.request("GET", links[2]).body)
    assert.same({ 64, 64 }, { width, height })
    assert.truthy(reply.body:find("\n\ndata: [DONE]\n\n", 1, true))
    reply = generate { stream = true, prompt = "" }
    assert.same({ 500, "invalid_request" }, { reply.status, reply.json.error.code })
    assert.equal(1, sandbox:ledger().charged)
  end)

  it("refuses in its own shape, the request id in the message", function()
    local reply = generate { size = "1024×1024" }
    assert.same({ 500, "invalid_request", "new_api_error" },
      { reply.status, reply.json.error.code, reply.json.error.type })
    local id = reply.json.error.message:match("%(request id: (%w+)%)$")
    assert.equal(reply.headers["x-oneapi-request-id"], id)
    reply = get(sandbox.magick .. "/v1/nothing")
    assert.same({ 404, "", "invalid_request_error" },
      { reply.status, reply.json.error.code, reply.json.error.type })
    reply = raw.request("POST", sandbox.magick .. "/v1/images/generations", { body = "{}" })
    assert.same({ 401, "" }, { reply.status, cjson.decode(reply.body).error.code })
    assert.equal(501, post(sandbox.magick .. "/v1/images/variations", {}).status)
    reply = get(sandbox.magick .. "/v1/tasks/task-unified-1-a")
    assert.equal(404, reply.status)
    assert.truthy(reply.json.error.message:find("Invalid URL (GET /v1/tasks/task-unified-1-a) "
      .. "(the sandbox has starmagic at " .. sandbox.starmagic .. ")", 1, true))
  end)

  it("edits pictures sent as multipart, and records the parts", function()
    local first, second = pictures.png { width = 30, height = 20 }, pictures.webp(40, 50)
    local mask = pictures.png { width = 30, height = 20, alpha = true }
    local text, headers = pictures.form { { "model", "gpt-image-2" }, { "prompt", "Make it night" },
      { "size", "1024x1536" }, { "n", "1" },
      { "image[]", first, filename = "a.png", type = "image/png" },
      { "image[]", second .. "\r\n--b0undar", filename = 'b \\"2\\".webp', type = "image/webp" },
      { "mask", mask, filename = "m.png", type = "image/png" } }
    local reply = post(sandbox.magick .. "/v1/images/edits", text, headers)
    assert.equal(200, reply.status, reply.body)
    local width, height = png.size(raw.request("GET", reply.json.data[1].url).body)
    assert.same({ 1024, 1536 }, { width, height })
    local record = sandbox:requests({ kind = "submit" })[1]
    assert.same({ order = 6, name = "image[]", filename = 'b "2".webp', content_type = "image/webp",
      bytes = #second + 11, sha256 = sha256(second .. "\r\n--b0undar"), type = "webp", width = 40,
      height = 50 }, record.parts[6])
    assert.same({ order = 1, name = "model", bytes = 11, sha256 = sha256 "gpt-image-2" },
      record.parts[1])
    assert.equal(7, #record.parts)
    assert.same({ sha256(first), sha256(second .. "\r\n--b0undar"), sha256(mask) },
      { record.references[1].sha256, record.references[2].sha256, record.mask.sha256 })
    assert.same({ #text, sha256(text) }, { record.body_bytes, record.body_sha256 })
  end)

  it("wants an image to edit, and knows the old path as the stock gateway does", function()
    local text, headers = pictures.form { { "model", "gpt-image-2" }, { "prompt", "x" } }
    local reply = post(sandbox.magick .. "/v1/images/edits", text, headers)
    assert.same({ 500, "convert_request_failed" }, { reply.status, reply.json.error.code })
    assert.equal(400, post(sandbox.magick .. "/v1/images/edits", "x", headers).status)
    assert.equal(400, post(sandbox.magick .. "/v1/edits", text, headers).status)
    assert.equal(400, post(sandbox.magick .. "/v1/edits", body).status)
    assert.equal(0, sandbox:ledger().accepted)
    local patched <close> = support.start { edits = true, latency = 0 }
    text = pictures.form { { "model", "m" }, { "prompt", "x" },
      { "image", pictures.png { width = 1, height = 1 }, filename = "a.png" } }
    assert.equal(200, post(patched.magick .. "/v1/edits", text, headers).status)
  end)
end)
