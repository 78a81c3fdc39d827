-- SPDX-License-Identifier: MIT
-- Tests lua/gptimage/sandbox/faults.lua, bending.lua and files.lua: faults of downloads, over real
-- HTTP, and what the ledger says of them.

local cjson = require "cjson"
local png = require "spec.support.png"
local raw = require "spec.support.raw_http"
local support = require "spec.support.sandbox"

local KEY = raw.KEY
local BODY = '{"model":"gpt-image-2-beta","prompt":"A sunset"}'

describe("a fault of the download", function()
  local sandbox

  setup(function() sandbox = support.start { latency = 0, speed = 20 } end)
  teardown(function() sandbox:stop() end)
  before_each(function() sandbox:reset() end)

  local function submit()
    return raw.request("POST", sandbox.starmagic .. "/v1/images/generations",
      { headers = KEY, body = BODY })
  end
  local function poll(id)
    return raw.request("GET", sandbox.starmagic .. "/v1/tasks/" .. id, { headers = KEY })
  end
  -- A finished task, and the link of its picture.
  local function picture()
    local id = cjson.decode(submit().body).id
    return cjson.decode(poll(id).body).results[1], id
  end

  it("can say that the link has expired", function()
    local link = picture()
    for _, status in ipairs { 403, 404, 410 } do
      sandbox:fault { match = { kind = "download" }, fault = { expired = status } }
      assert.equal(status, raw.request("GET", link).status)
    end
    assert.equal(200, raw.request("GET", link).status)
  end)

  it("can say so for good, and the task has a new link then", function()
    local link, id = picture()
    sandbox:fault { match = { kind = "download" }, fault = { gone = 410 } }
    assert.equal(410, raw.request("GET", link).status)
    assert.equal(410, raw.request("GET", link).status)
    local function now() return cjson.decode(poll(id).body).results[1] end
    local fresh = now()
    assert.not_equal(link, fresh)
    assert.equal(200, raw.request("GET", fresh).status)
    assert.equal(fresh, now())
  end)

  it("can redirect", function()
    local link = picture()
    sandbox:fault {
      { match = { kind = "download" }, fault = { redirect = "http://127.0.0.1:1/x" } },
      { match = { kind = "download" }, fault = { redirect = link, status = 308 } } }
    local reply = raw.request("GET", link)
    assert.same({ 302, "http://127.0.0.1:1/x" }, { reply.status, reply.headers.location })
    assert.equal(308, raw.request("GET", link).status)
  end)

  it("can be no picture", function()
    local link = picture()
    sandbox:fault { { match = { kind = "download" }, fault = { html_body = true } },
      { match = { kind = "download" }, fault = { first = "GARBAGE!" } } }
    assert.equal("<!DOCTYPE html>", raw.request("GET", link).body:sub(1, 15))
    local reply = raw.request("GET", link)
    assert.equal("GARBAGE!", reply.body:sub(1, 8))
    assert.equal("image/png", reply.headers["content-type"])
  end)

  it("can be cut, and goes on where it was cut; or will not", function()
    local link, id = picture()
    sandbox:fault { match = { kind = "download", task = id }, fault = { cut = 1000 } }
    local first = raw.request("GET", link)
    assert.equal("closed", first.broken)
    assert.equal(1000, #first.body)
    local headers = { range = "bytes=1000-", ["if-range"] = first.headers.etag }
    local rest = raw.request("GET", link, { headers = headers })
    assert.equal(206, rest.status)
    png.decode(first.body .. rest.body)
    sandbox:fault { { match = { kind = "download" }, fault = { ignore_range = true } },
      { match = { kind = "download" }, fault = { etag = "2" } } }
    assert.equal(200, raw.request("GET", link, { headers = headers }).status)
    assert.equal(200, raw.request("GET", link, { headers = headers }).status)
    assert.equal(3, sandbox:ledger().downloaded)
  end)
end)
