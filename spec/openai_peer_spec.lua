-- SPDX-License-Identifier: MIT
-- The official `openai` package for Node against the sandbox's gateway: a client that we did not
-- write believes it. Skipped where Node or the package is not there (`make test` fetches it).

local cjson = require "cjson"
local files = require "spec.support.files"
local mime = require "mime"
local pictures = require "spec.support.pictures"
local png = require "spec.support.png"
local raw = require "spec.support.raw_http"
local support = require "spec.support.sandbox"

local sha256 = require("gptimage.sandbox.submission").sha256

local modules = os.getenv "GPTIMAGE_NPM" or ""
local function is_there() -- Node 20 is the first that has File
  local try = "test -d %s && env -u LD_PRELOAD node -e 'new File([], \"x\")' 2>/dev/null"
  return os.execute(try:format(files.quote(modules .. "/node_modules/openai")))
end

if not is_there() then
  describe("the openai package", function()
    pending("is not there: it needs node 20 and npm, and once the npm registry in reach")
  end)
  return
end

describe("the openai package at the sandbox", function()
  local sandbox, folder

  setup(function()
    sandbox = support.start { latency = 0.05, tls = true, key = "sk-peer", credits = 1000 }
    folder = files.folder()
  end)
  teardown(function()
    folder:close()
    sandbox:stop()
  end)
  before_each(function() sandbox:reset() end)

  local function file(name, bytes)
    local path = folder.path .. "/" .. name
    local f <close> = assert(io.open(path, "wb"))
    f:write(bytes)
    return path
  end

  -- What the package makes of some calls: {call, body, client}…
  local function run(calls)
    for _, call in ipairs(calls) do
      call.client = call.client or {}
      for name, value in pairs { apiKey = "sk-peer", baseURL = sandbox.magick .. "/v1",
        maxRetries = 0 } do
        call.client[name] = call.client[name] == nil and value or call.client[name]
      end
    end
    local path = file("calls.json", cjson.encode(calls))
    local pipe = assert(io.popen(("exec env -u LD_PRELOAD NODE_EXTRA_CA_CERTS=%s "
      .. "NODE_NO_WARNINGS=1 node spec/support/programs/openai.mjs %s %s 2>&1"):format(
      files.quote(sandbox.ca_file), files.quote(modules), files.quote(path)), "r"))
    local output = pipe:read("a")
    pipe:close()
    local told = {}
    for line in output:gmatch("[^\n]+") do
      local ok, value = pcall(cjson.decode, line)
      assert.is_true(ok, output)
      told[#told + 1] = value
    end
    assert.equal(#calls, #told, output)
    return table.unpack(told)
  end

  local function generation(more, client)
    local body = { model = "gpt-image-2", prompt = "A boat at sea", size = "64x48" }
    for name, value in pairs(more or {}) do body[name] = value end
    return { call = "generate", body = body, client = client }
  end

  local function edit(more, client)
    local call = generation(more, client)
    call.call = "edit"
    return call
  end

  local function size(bytes)
    local width, height = png.size(bytes)
    return { width, height }
  end

  it("generates pictures, as links and as base64", function()
    local links, data, tls = run {
      generation { n = 2 }, generation { response_format = "b64_json", quality = "low" },
      generation({ prompt = "猫" }, { baseURL = sandbox.magick_tls .. "/v1" }),
    }
    assert.equal(2, #links.value.data, cjson.encode(links))
    for _, image in ipairs(links.value.data) do
      assert.same({ 64, 48 }, size(raw.request("GET", image.url).body))
    end
    assert.same({ 64, 48 }, size(mime.unb64(data.value.data[1].b64_json)))
    assert.truthy(tls.value.data[1].url:find("^https://"))
    local ledger = sandbox:ledger()
    assert.same({ 3, 3, 3.11 }, { ledger.submits, ledger.charged, ledger.credits.charged })
    for _, record in ipairs(sandbox:requests { kind = "submit" }) do
      assert.truthy(record.headers["user-agent"]:find("^OpenAI/JS "))
      assert.equal("Bearer ***", record.headers.authorization)
    end
  end)

  local photo = pictures.png { width = 64, height = 48, color = 0xFF0000 }
  local other = pictures.webp(30, 20)
  local mask = pictures.png { width = 64, height = 48, alpha = function(x) return x < 32 and 0
    or 255 end }

  -- What the last edit came with: names and hashes, in order.
  local function arrived()
    local submits = sandbox:requests { kind = "submit" }
    local record = submits[#submits]
    local list = {}
    for i, reference in ipairs(record.references) do
      list[i] = { reference.filename, reference.sha256 }
    end
    return list, record.mask and { record.mask.filename, record.mask.sha256 }, record
  end

  it("edits a file, with and without a mask", function()
    local paths = { photo = file("photo.png", photo), mask = file("mask.png", mask) }
    local plain = run { edit { image = { ["$file"] = paths.photo } } }
    assert.same({ 64, 48 }, size(raw.request("GET", plain.value.data[1].url).body))
    assert.same({ { "photo.png", sha256(photo) } }, (arrived()))
    local masked = run { edit { image = { ["$file"] = paths.photo }, size = "256x192",
      mask = { ["$file"] = paths.mask }, response_format = "b64_json" } }
    local references, its_mask = arrived()
    assert.same({ { { "photo.png", sha256(photo) } }, { "mask.png", sha256(mask) } },
      { references, its_mask })
    local seen = png.decode(mime.unb64(masked.value.data[1].b64_json))
    assert.same({ 255, 0, 0 }, { seen.pixel(200, 40) }) -- stays, where the mask is opaque
    assert.are_not.same({ 255, 0, 0 }, { seen.pixel(40, 40) })
    assert.equal(2, sandbox:ledger().charged)
  end)

  it("edits several pictures in their order, however they are sent", function()
    local a, b = file("a.png", photo), file("b.webp", other)
    run { edit { image = { { ["$blob"] = b, name = "second.webp", type = "image/webp" },
      { ["$stream"] = a, name = "third.png" }, { ["$file"] = a } } } }
    local references, no_mask, record = arrived()
    assert.same({ { "second.webp", sha256(other) }, { "third.png", sha256(photo) },
      { "a.png", sha256(photo) } }, references)
    assert.is_nil(no_mask)
    assert.equal("chunked", record.headers["transfer-encoding"])
    local types = {}
    for _, part in ipairs(record.parts) do
      if part.name == "image[]" then types[#types + 1] = part.content_type end
    end
    assert.same({ "image/webp", "application/octet-stream", "application/octet-stream" }, types)
    assert.equal(1, sandbox:ledger().charged)
  end)

  it("is told of errors in the classes that its users catch", function()
    local a = file("a.png", photo)
    local path = sandbox.magick
    sandbox:fault {
      { match = { kind = "submit", nth = 4 }, fault = { status = 429, empty = true } },
      { match = { kind = "submit", nth = 4 }, fault = { html = 502 } },
      { match = { kind = "submit", nth = 4 }, fault = { reset = "read" } },
      { match = { kind = "submit", nth = 4 }, fault = { delay = 30 } },
    }
    local seen = {}
    for i, told in ipairs { run {
      generation({}, { apiKey = "sk-wrong" }),
      generation { prompt = "" },
      edit { image = { ["$file"] = a }, mask = { ["$file"] = a } },
      generation {}, generation {}, generation {}, generation({}, { timeout = 200 }),
      { call = "variation", body = { image = { ["$file"] = a } } },
      generation({}, { baseURL = path .. "/v2" }),
    } } do
      local problem = told.error or {}
      seen[i] = { problem.class, problem.status, problem.code }
    end
    assert.same({
      { "AuthenticationError", 401, "" },
      { "InternalServerError", 500, "invalid_request" },
      { "BadRequestError", 400, "invalid_mask_image_format" },
      { "RateLimitError", 429 },
      { "InternalServerError", 502 },
      { "APIConnectionError" },
      { "APIConnectionTimeoutError" },
      { "InternalServerError", 501, "api_not_implemented" },
      { "NotFoundError", 404, "" },
    }, seen)
    sandbox:disarm()
  end)

  it("runs out of money as at the gateway", function()
    local _, _, last = run { generation { n = 100, quality = "high" },
      generation { n = 100, quality = "high" }, generation { n = 128, quality = "high" } }
    assert.same({ "PermissionDeniedError", 403, "insufficient_user_quota" },
      { last.error.class, last.error.status, last.error.code })
    assert.equal(800, sandbox:ledger().credits.charged)
  end)

  it("tries again by itself, and pays again for an answer that was lost", function()
    sandbox:fault { { match = { kind = "submit" },
      fault = { status = 429, retry_after_ms = 20 } } }
    assert.is_table(run({ generation({}, { maxRetries = 2 }) }).value)
    assert.equal(1, sandbox:ledger().accepted)
    sandbox:fault { match = { kind = "submit" }, fault = { reset = "accepted" } }
    assert.is_table(run({ generation({}, { maxRetries = 2 }) }).value)
    assert.equal(3, sandbox:ledger().accepted)
  end)

  it("lists models, and reads events", function()
    local models, events = run { { call = "models" }, generation { stream = true, n = 2 } }
    local ids = {}
    for i, model in ipairs(models.value) do
      ids[i] = model.id
      assert.same({ "model", "custom", "integer" },
        { model.object, model.owned_by, math.type(math.tointeger(model.created)) })
    end
    assert.same({ "gpt-image-1.5", "gpt-image-2", "gpt-image-2-beta" }, ids)
    assert.equal(2, #events.value)
    assert.equal("image_generation.completed", events.value[1].type)
    assert.same({ 64, 48 }, size(raw.request("GET", events.value[2].url).body))
  end)
end)
