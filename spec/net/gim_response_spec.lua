-- SPDX-License-Identifier: MIT
-- Tests src/net/gim_response.c through the test window.
local window = require "gptimage.core_test"

local function head(...)
  local lines = { ... }
  for i, line in ipairs(lines) do lines[i] = line .. "\r\n" end
  return window.head(lines)
end

describe("gim_response", function()
  it("reads the status line of every version", function()
    for line, expected in pairs {
      ["HTTP/1.1 200 OK"] = { 200, 11 },
      ["HTTP/1.0 404 Not Found"] = { 404, 10 },
      ["HTTP/2 503 "] = { 503, 20 },
      ["HTTP/1.1 429"] = { 429, 11 },
      ["HTTP/3 200"] = { 200, 30 },
    } do
      local r = head(line, "")
      assert.same(expected, { r.status, r.version }, line)
      assert.equal(2, r.ended)
    end
  end)

  it("keeps the headers that matter, whatever their case and white space", function()
    local r = head("HTTP/1.1 200 OK", "CONTENT-TYPE:  application/json ", "content-length: 12",
      "Retry-After:\t120", "retry-after-ms: 1500", "ETag: \"abc\"",
      "Content-Range: bytes 5-9/10", "Location: https://example.com/a?b=c",
      "Idempotency-Replayed: True", "X-Request-Id: req-1", "")
    assert.equal("application/json", r.content_type)
    assert.equal(12, r.content_length)
    assert.equal("120", r.retry_after)
    assert.equal("1500", r.retry_after_ms)
    assert.equal('"abc"', r.etag)
    assert.equal("bytes 5-9/10", r.content_range)
    assert.equal("https://example.com/a?b=c", r.location)
    assert.is_true(r.replayed)
    assert.equal("req-1", r.request_id)
  end)

  it("prefers x-request-id, in either order", function()
    local a = head("HTTP/1.1 200 OK", "X-Oneapi-Request-Id: one", "X-Request-Id: two", "")
    local b = head("HTTP/1.1 200 OK", "X-Request-Id: two", "X-Oneapi-Request-Id: one", "")
    local c = head("HTTP/1.1 200 OK", "X-Oneapi-Request-Id: one", "")
    assert.same({ "two", "two", "one" }, { a.request_id, b.request_id, c.request_id })
  end)

  it("does not take an interim reply for the reply", function()
    local r = head("HTTP/1.1 103 Early Hints", "Content-Type: text/plain", "ETag: x", "",
      "HTTP/1.1 200 OK", "Content-Length: 3", "")
    assert.equal(200, r.status)
    assert.equal("", r.content_type)
    assert.equal("", r.etag)
    assert.equal(7, r.ended)
    assert.equal(0, head("HTTP/1.1 100 Continue", "").ended)
  end)

  it("ignores trailers and folded lines", function()
    local r = head("HTTP/1.1 200 OK", "X-A: b", " Content-Type: folded", "", "Content-Type: late")
    assert.equal("", r.content_type)
  end)

  it("takes no length that is none", function()
    for _, text in ipairs { "-1", "12x", "", "0x10", "1 2", "9999999999999999999", "1e3" } do
      assert.equal(-1, head("HTTP/1.1 200 OK", "Content-Length: " .. text, "").content_length, text)
    end
  end)

  it("does not count a length beside Transfer-Encoding", function()
    local r = head("HTTP/1.1 200 OK", "Transfer-Encoding: chunked", "Content-Length: 0", "")
    assert.equal(-1, r.content_length)
    assert.is_false(r.whole_without_body)
  end)

  it("knows the replies that are whole without a body", function()
    local function whole(...) return head(...).whole_without_body end
    assert.is_true(whole("HTTP/1.1 204 No Content", ""))
    assert.is_true(whole("HTTP/1.1 304 Not Modified", "Content-Length: 5", ""))
    assert.is_true(whole("HTTP/1.1 200 OK", "Content-Length: 0", ""))
    assert.is_false(whole("HTTP/1.1 200 OK", ""))
    assert.is_false(whole("HTTP/1.1 200 OK", "Content-Length: 5", ""))
    assert.is_false(whole("HTTP/1.1 204 No Content"))
  end)

  it("cuts what is too long for its place, but never an ETag or a link", function()
    local long = ("x"):rep(9000)
    local r = head("HTTP/1.1 302 Found", "Content-Type: " .. long, "ETag: " .. long,
      "Location: https://example.com/" .. long, "")
    assert.equal(127, #r.content_type)
    assert.equal("", r.etag)
    assert.is_nil(r.location)
  end)

  it("refuses heads over the limit, in one line, in many, and in many heads", function()
    local long = "X-A: " .. ("x"):rep(70000)
    assert.same({ nil, "too_big" }, { head("HTTP/1.1 200 OK", long, "") })
    local many, interim = { "HTTP/1.1 200 OK" }, {}
    for i = 1, 100 do
      many[i + 1] = "X-A: " .. ("x"):rep(1000)
      interim[#interim + 1] = "HTTP/1.1 103 Early Hints"
      interim[#interim + 1] = "X-A: " .. ("x"):rep(1000)
      interim[#interim + 1] = ""
    end
    assert.same({ nil, "too_big" }, { head(table.unpack(many)) })
    assert.same({ nil, "too_big" }, { head(table.unpack(interim)) })
  end)

  it("shows no control characters", function()
    assert.equal("text?html", head("HTTP/1.1 200 OK", "Content-Type: text\27html", "").content_type)
  end)

  it("says so when there is no memory for a link", function()
    window.fail_allocation(1)
    assert.same({ nil, "no_memory" }, { head("HTTP/1.1 302 Found", "Location: /a", "") })
    window.fail_allocation(0)
  end)
end)
