-- SPDX-License-Identifier: MIT
-- Tests lua/gptimage/sandbox/faults.lua, bending.lua, severing.lua and what server.lua does with
-- them: every fault over real HTTP, and what the ledger says of it.

local cjson = require "cjson"
local png = require "spec.support.png"
local raw = require "spec.support.raw_http"
local support = require "spec.support.sandbox"

local KEY = raw.KEY
local BODY = '{"model":"gpt-image-2-beta","prompt":"A sunset"}'

describe("a fault", function()
  local sandbox

  setup(function() sandbox = support.start { tls = true, latency = 0, speed = 20 } end)
  teardown(function() sandbox:stop() end)
  before_each(function() sandbox:reset() end)

  local function submit(service)
    return raw.request("POST", sandbox[service or "starmagic"] .. "/v1/images/generations",
      { headers = KEY, body = BODY })
  end
  local function submit_h2(service)
    return raw.request_tls("POST", sandbox[(service or "starmagic") .. "_tls"]
      .. "/v1/images/generations", { headers = KEY, body = BODY, ca_file = sandbox.ca_file })
  end
  local function poll(id)
    return raw.request("GET", sandbox.starmagic .. "/v1/tasks/" .. id, { headers = KEY })
  end
  local function accepted()
    return sandbox:ledger().accepted
  end

  describe("of the connection", function()
    for _, case in ipairs {
      { "before", "rst", "reset", 0 }, { "before", "close", "closed", 0 },
      { "read", "rst", "reset", 0 }, { "read", "close", "closed", 0 },
      { "accepted", "rst", "reset", 1 }, { "accepted", "close", "closed", 1 },
    } do
      local when, how, broken, paid = table.unpack(case)
      it(("can end it %s by %s"):format(when, how), function()
        for _, service in ipairs { "starmagic", "magick" } do
          sandbox:reset()
          sandbox:fault { match = { kind = "submit" }, fault = { reset = when, how = how } }
          local reply = submit(service)
          assert.is_nil(reply.status)
          if when ~= "before" or how == "rst" then
            assert.equal(broken, reply.broken)
          else -- an orderly end is a reset to TCP, if some of the body was not yet read
            assert.truthy(reply.broken == "closed" or reply.broken == "reset")
          end
          local ledger = sandbox:ledger()
          assert.same({ paid, paid }, { ledger.accepted, ledger.charged })
          assert.equal(200, submit(service).status)
        end
      end)
      it(("can end HTTP/2 %s by %s"):format(when, how), function()
        sandbox:fault { fault = { reset = when, how = how } }
        local reply = submit_h2()
        assert.is_nil(reply.status)
        assert.equal(paid, accepted())
        assert.equal(200, submit_h2().status)
      end)
    end

    for _, how in ipairs { "refused", "cancel", "goaway" } do
      for when, paid in pairs { before = 0, read = 0, accepted = 1 } do
        it(("can be HTTP/2's %s, %s"):format(how, when), function()
          sandbox:fault { match = { http = "2" }, fault = { reset = when, how = how } }
          local reply = submit_h2()
          assert.is_nil(reply.status)
          assert.equal(paid, accepted())
          assert.equal(200, submit_h2().status)
        end)
      end
    end

    it("comes half-way also where there is no body, or a shorter one", function()
      local id = cjson.decode(submit().body).id
      sandbox:fault { match = { kind = "poll" }, fault = { reset = "middle" } }
      assert.equal("reset", poll(id).broken)
      assert.equal(200, poll(id).status)
      sandbox:fault { match = { kind = "submit" }, fault = { reset = "middle", at = 1000000 } }
      assert.is_nil(submit().status)
      assert.equal(1, accepted())
    end)

    it("of one HTTP/2 stream leaves the connection to the others", function()
      sandbox:fault { match = { nth = 2, kind = "submit" }, fault = { reset = "before",
        how = "refused" } }
      local connection = raw.connect_tls(sandbox.starmagic_tls, sandbox.ca_file)
      local path = "/starmagic/v1/images/generations"
      local options = { headers = KEY, body = BODY }
      assert.equal(200, connection:request("POST", path, options).status)
      local reply = connection:request("POST", path, options)
      assert.truthy(reply.broken:find("REFUSED_STREAM", 1, true))
      assert.equal(200, connection:request("POST", path, options).status)
      connection:close()
      assert.equal(2, accepted())
    end)

    it("can strike before a byte is read", function()
      sandbox:fault { fault = { reset = "connect" } }
      -- the connection that arms the fault is over; the next one is struck
      assert.is_nil(submit().status)
      assert.equal(200, submit().status)
      assert.equal(1, sandbox:ledger().submits)
    end)

    it("can end a connection behind a whole reply, in order or not", function()
      for close, broken in pairs { close = "closed", rst = "reset" } do
        sandbox:fault { match = { kind = "poll" }, fault = { close = close } }
        local connection = raw.connect(sandbox.starmagic)
        local id = cjson.decode(submit().body).id
        local reply = connection:request("GET", "/starmagic/v1/tasks/" .. id, { headers = KEY })
        assert.equal(200, reply.status)
        assert.is_nil(reply.broken)
        local ended = connection:ended()
        assert.truthy(ended == broken or close == "rst" and ended, ended)
        connection:close()
      end
    end)

    it("can wait for a connection that is used again", function()
      sandbox:fault { match = { reused = true }, fault = { reset = "read" } }
      local connection = raw.connect(sandbox.starmagic)
      local path = "/starmagic/v1/images/generations"
      local options = { headers = KEY, body = BODY }
      assert.equal(200, connection:request("POST", path, options).status)
      assert.equal("reset", connection:request("POST", path, options).broken)
      connection:close()
      assert.equal(1, accepted())
    end)

    it("can write bytes in place of a reply", function()
      sandbox:fault { fault = { raw = "HTTP/1.1 20" } }
      local reply = submit()
      assert.is_nil(reply.status)
      assert.equal(1, accepted())
    end)
  end)

  describe("of the reply", function()
    local function struck(fault, service)
      sandbox:fault { match = { kind = "submit" }, fault = fault }
      return submit(service)
    end

    it("can be any status with the service's own error, and nothing is accepted", function()
      for _, status in ipairs { 400, 401, 402, 403, 404, 413, 429, 500, 501, 502, 503 } do
        for _, service in ipairs { "starmagic", "magick" } do
          local reply = struck({ status = status }, service)
          assert.equal(status, reply.status)
          assert.is_string(cjson.decode(reply.body).error.message)
        end
      end
      assert.equal(0, accepted())
      assert.equal(22, sandbox:ledger().refused)
    end)

    it("can have a code that is a number, empty or null", function()
      for text, code in pairs { ["503"] = 503, ['""'] = "", ["null"] = cjson.null } do
        local reply = struck { status = 503, error = { code = code, message = "m", type = "t" } }
        assert.truthy(reply.body:find('"code":' .. text .. ",", 1, true), reply.body)
      end
    end)

    it("can come after the request was accepted", function()
      assert.equal(500, struck({ status = 500, accept = true }).status)
      local ledger = sandbox:ledger()
      assert.same({ 1, 1, 0 }, { ledger.accepted, ledger.charged, ledger.refused })
      assert.is_false(ledger.entries[1].replied)
    end)

    it("can be a proxy's HTML page", function()
      for _, status in ipairs { 502, 504, 524 } do
        local reply = struck { html = status }
        assert.equal(status, reply.status)
        assert.equal("text/html", reply.headers["content-type"])
        assert.truthy(reply.body:find("<html", 1, true))
      end
    end)

    it("can say when to try again, in three ways, or be empty", function()
      local reply = struck { status = 429, empty = true, retry_after = 3 }
      assert.same({ 429, "", "3" }, { reply.status, reply.body, reply.headers["retry-after"] })
      assert.is_nil(reply.headers["content-type"])
      reply = struck { status = 429, empty = true }
      assert.is_nil(reply.headers["retry-after"])
      reply = struck { status = 429, retry_after_date = 5 }
      assert.truthy(reply.headers["retry-after"]:find("^%a%a%a, %d%d %a%a%a %d%d%d%d .* GMT$"))
      reply = struck { status = 429, retry_after_ms = 250 }
      assert.equal("250", reply.headers["retry-after-ms"])
    end)

    it("can have any body, headers and content type", function()
      local reply = struck { status = 200, body = "{}", headers = { ["X-Test"] = "1" },
        content_type = "text/plain" }
      assert.same({ 200, "{}", "1", "text/plain" },
        { reply.status, reply.body, reply.headers["x-test"], reply.headers["content-type"] })
      reply = struck { status = 418, body = { error = "teapot" } }
      assert.equal('{"error":"teapot"}', reply.body)
    end)

    it("can be written strangely", function()
      local style = { pretty = true, escape_slashes = true, reverse_keys = true }
      local reply = struck({ json = style }, "magick")
      assert.truthy(reply.body:find('^{\n  "created": %d+,\n  "data"'))
      assert.truthy(reply.body:find('http:\\/\\/127', 1, true))
      assert.equal(1, #cjson.decode(reply.body).data)
    end)

    it("can be chunked, or truthfully gzipped", function()
      local reply = struck { chunked = true }
      assert.equal("chunked", reply.headers["transfer-encoding"])
      assert.equal("pending", cjson.decode(reply.body).status)
      reply = struck { gzip = true }
      assert.equal("gzip", reply.headers["content-encoding"])
      assert.equal("pending", cjson.decode((png.inflate(reply.body, 11))).status)
    end)

    it("can be cut, with the whole length announced", function()
      for _, how in ipairs { "close", "rst" } do -- a reset behind bytes may be read as an end
        local reply = struck { cut = 20, how = how }
        assert.truthy(reply.broken)
        assert.is_true(#reply.body <= 20)
        assert.is_true(tonumber(reply.headers["content-length"]) > 100)
      end
      sandbox:fault { fault = { cut = 20 } }
      local reply = submit_h2()
      assert.truthy(reply.broken)
      assert.equal(3, accepted())
    end)

    it("can lie about its length", function()
      local reply = struck { lie = 7 }
      assert.equal("closed", reply.broken)
      assert.equal(tonumber(reply.headers["content-length"]), #reply.body + 7)
      reply = struck { lie = -7 }
      assert.is_nil(reply.broken)
      assert.is_false(pcall(cjson.decode, reply.body))
    end)
  end)

  describe("of time", function()
    it("can hold a reply back until it is released, before or within it", function()
      for _, fault in ipairs { { stall = "head" }, { stall = "body" },
        { stall = "body", at = 5 } } do
        sandbox:fault { match = { kind = "submit" }, fault = fault }
        local connection = raw.connect(sandbox.starmagic)
        local reply = connection:request("POST", "/starmagic/v1/images/generations",
          { headers = KEY, body = BODY, timeout = 0.1 })
        assert.equal("timeout", reply.broken)
        assert.equal(fault.stall == "body" and 200 or nil, reply.status)
        assert.is_true(fault.at == nil or #reply.body == fault.at)
        sandbox:release()
        connection:close()
      end
      assert.equal(3, accepted())
    end)

    it("can stall for a time, delay the first byte, and drip", function()
      for _, fault in ipairs { { stall = "body", seconds = 1 }, { delay = 1 },
        { drip = { bytes = 50, seconds = 0.2 } } } do
        sandbox:fault { match = { kind = "submit" }, fault = fault }
        local before = sandbox:now()
        local reply = submit()
        assert.equal("pending", cjson.decode(reply.body).status)
        assert.is_true(sandbox:now() - before >= 1)
      end
    end)
  end)

  describe("of the task", function()
    local function task(fault, wanted)
      if fault then
        sandbox:fault { match = { kind = "submit" }, fault = fault }
      end
      local reply = raw.request("POST", sandbox.starmagic .. "/v1/images/generations",
        { headers = KEY, body = wanted or BODY })
      return cjson.decode(reply.body)
    end

    it("can be each task error, and nothing is charged", function()
      for _, code in ipairs { "content_policy_violation", "invalid_parameters",
        "image_processing_error", "image_dimension_mismatch", "request_cancelled",
        "generation_failed_no_content", "service_error", "generation_timeout",
        "resource_exhausted", "quota_exceeded", "service_unavailable", "resource_not_found",
        "unknown_error", "model_unavailable" } do
        local reply = poll(task({ fail = code }).id)
        local told = cjson.decode(reply.body)
        assert.same({ 200, "failed", 0, code, "task_error" },
          { reply.status, told.status, told.progress, told.error.code, told.error.type })
      end
      local ledger = sandbox:ledger()
      assert.same({ 14, 14, 0, 0 },
        { ledger.failed, ledger.refunded, ledger.charged, ledger.credits.charged })
      sandbox:fault { fault = { fail = "content_policy_violation" } }
      local reply = submit("magick")
      assert.equal(400, reply.status)
      assert.equal("content_policy_violation", cjson.decode(reply.body).error.code)
    end)

    it("can be a status nobody knows, or a cancellation", function()
      assert.equal("cancelled", cjson.decode(poll(task({ cancel = true }).id).body).status)
      assert.equal(1, sandbox:ledger().cancelled)
      local id = task().id
      sandbox:fault { match = { kind = "poll", task = id }, times = 2,
        fault = { task_status = "queued" } }
      assert.equal("queued", cjson.decode(poll(id).body).status)
      assert.equal("queued", cjson.decode(poll(id).body).status)
      assert.equal("completed", cjson.decode(poll(id).body).status)
    end)

    it("can shape results: objects, empty, null, missing, fewer, a link of its own", function()
      local function results(fault, body)
        return cjson.decode(poll(task(fault, body).id).body).results
      end
      assert.is_string(results({ results = "objects" })[1].url)
      assert.equal("", results({ results = "empty" })[1])
      assert.equal(cjson.null, results { results = "null" })
      assert.is_nil(results { results = "missing" })
      assert.equal(2, #results({ images = 2 }, '{"model":"gpt-image-2","prompt":"x","n":3}'))
      assert.equal("http://x/", results({ link = "http://x/" })[1])
    end)

    it("can leave out what clients like to rely on", function()
      local told = task { omit = { "task_info", "usage" } }
      assert.is_nil(told.task_info)
      assert.is_nil(cjson.decode(poll(told.id).body).usage)
    end)

    it("can have a hostile id, and is found by it", function()
      local id = "../..\\\n\0/etc/passwd?x#%"
      assert.equal(id, task({ task_id = id }).id)
      local escaped = id:gsub("[^%w]", function(c) return ("%%%02X"):format(c:byte()) end)
      assert.equal("completed", cjson.decode(poll(escaped).body).status)
    end)

    it("can have other pixels than asked", function()
      local link = cjson.decode(poll(task({ pixels = { 64, 32 } }).id).body).results[1]
      local width, height = png.size(raw.request("GET", link).body)
      assert.same({ 64, 32 }, { width, height })
    end)

    it("can take another latency", function()
      local id = task({ latency = 1000 }).id
      assert.equal("pending", cjson.decode(poll(id).body).status)
      sandbox:advance(500)
      local told = cjson.decode(poll(id).body)
      assert.equal("processing", told.status)
      assert.is_true(told.progress >= 50 and told.progress < 60)
      sandbox:advance(500)
      assert.equal("completed", cjson.decode(poll(id).body).status)
    end)

    it("can come from the wrong kind of service", function()
      local told = task { shape = "sync" }
      assert.is_string(told.data[1].url)
      sandbox:fault { fault = { shape = "task" } }
      told = cjson.decode(submit("magick").body)
      assert.is_string(told.status)
      local reply = raw.request("GET", sandbox.magick .. "/v1/tasks/" .. told.id, { headers = KEY })
      assert.equal("completed", cjson.decode(reply.body).status)
    end)

    it("can answer in the format that was not asked", function()
      sandbox:fault { { fault = { format = "b64_json", pixels = { 16, 16 } } },
        { fault = { results = "empty" } } }
      local item = cjson.decode(submit("magick").body).data[1]
      assert.equal("", item.url)
      assert.equal("iVBORw0KGgo", item.b64_json:sub(1, 11))
      item = cjson.decode(submit("magick").body).data[1]
      assert.same({ "", "" }, { item.url, item.b64_json })
    end)
  end)

  it("answers with bytes that are no text, and to one client alone", function()
    sandbox:fault { match = { kind = "poll", agent = "one/1" }, times = -1,
      fault = { base64 = "AP8B", content_type = "image/png" } }
    local url = sandbox.starmagic .. "/v1/tasks/x"
    local reply = raw.request("GET", url, { headers = { ["user-agent"] = "one/1" } })
    assert.same({ 200, "\0\255\1", "image/png" },
      { reply.status, reply.body, reply.headers["content-type"] })
    assert.equal(401, raw.request("GET", url, { headers = { ["user-agent"] = "two/1" } }).status)
    sandbox:disarm()
  end)

  it("strikes what it matches, from the n-th on, as often as told", function()
    sandbox:fault { { match = { service = "magick", kind = "submit" }, fault = { status = 500 } },
      { match = { kind = "submit", nth = 2 }, times = 2, fault = { status = 502 } } }
    assert.equal(200, submit().status)
    assert.equal(502, submit().status)
    assert.equal(500, submit("magick").status)
    assert.equal(502, submit().status)
    assert.equal(200, submit().status)
    sandbox:fault { match = { path = "/magick", method = "POST" }, times = -1,
      fault = { status = 500 } }
    for _ = 1, 3 do
      assert.equal(500, submit("magick").status)
    end
    assert.equal(1, #sandbox:armed())
    sandbox:disarm()
    assert.equal(200, submit("magick").status)
  end)

  it("that is not known is refused, with all that came along", function()
    for _, wrong in ipairs { { fault = { bogus = 1 } }, { fault = { reset = "sometime" } },
      { match = { colour = "red" }, fault = { cut = 1 } }, { fault = {} }, { cut = 1 }, "x" } do
      assert.is_false(pcall(sandbox.fault, sandbox, { { fault = { cut = 1 } }, wrong }))
    end
    assert.equal(0, #sandbox:armed())
  end)
end)
