-- SPDX-License-Identifier: MIT
-- Tests src/core/gim_receipt.c through the test window: what the file service answers.
local window = require "gptimage.core_test"
local json = require "cjson"
local Random = require "spec.support.random"

local NOW = 1764000000
local KEY = "sk-evo-0123456789abcdef"

local function answer(more, data)
  local reply = { success = true, code = 200, msg = "File uploaded successfully", data = data or {
    file_id = "f_01", file_name = "cat.png", file_size = 12345, mime_type = "image/png",
    upload_path = "photos", file_url = "https://files.evolink.ai/x/cat.png?sig=1",
    download_url = "https://files-api.evolink.ai/d", upload_time = "2026-07-01T12:00:00+08:00",
    expires_at = "2026-07-04T12:00:00+08:00" } }
  for key, value in pairs(more or {}) do reply[key] = value end
  return json.encode(reply)
end

local function read(body, more)
  local input = { body = body, now = NOW, secret = KEY }
  for key, value in pairs(more or {}) do input[key] = value end
  return window.receipt(input)
end

local function linked(url, more)
  return read(answer(more, { file_url = url }))
end

describe("a receipt", function()
  it("names the link, and when it ends", function()
    assert.same({ "https://files.evolink.ai/x/cat.png?sig=1", 1783137600 }, { read(answer()) })
    assert.same({ "http://a.b/c", NOW + 71 * 3600 }, { linked "http://a.b/c" })
    assert.same({ "https://a.b/c", NOW + 71 * 3600 },
      { read '{"data":{"file_url":"https://a.b/c","expires_at":"tomorrow"}}' })
    assert.same("https://a.b/c", (read('{"data":{"file_url":"https:\\/\\/a.b\\/c"}}',
      { http_status = 201 })))
  end)

  it("is none where its link cannot be used", function()
    for url, words in pairs {
      ["ftp://a.b/c"] = "does not begin with http", ["/x/cat.png"] = "does not begin with http",
      ["https://user@a.b/c"] = "user name", ["https://a.b/c d"] = "space",
      ["https://a.b/c\nd"] = "control", ["https:///c"] = "no host", ["https://a.b:0/"] = "port",
      [("https://a.b/"):rep(1) .. ("x"):rep(8192)] = "long",
      ["https://a.b/?key=" .. KEY] = "put the key into",
    } do
      local none, err = linked(url)
      assert.is_nil(none)
      assert.same({ "protocol", false, 200 }, { err.kind, err.retryable, err.status }, url)
      assert.matches(words, err.message, 1, true)
      assert.is_nil(err.message:find(KEY, 1, true))
    end
    for _, data in ipairs { '{"data":{}}', '{"data":{"file_url":""}}', '{"data":{"file_url":7}}',
      '{"data":{"file_url":null}}' } do
      local none, err = read(data, { request_id = "r-1" })
      assert.same({ nil, "protocol", "r-1" }, { none, err.kind, err.request_id })
      assert.matches("not under what link", err.message)
    end
  end)

  it("is as long as a link may be", function()
    local longest = "https://a.b/" .. ("x"):rep(8192 - 12)
    assert.same(longest, (linked(longest)))
    assert.is_nil((linked(longest .. "x")))
  end)

  it("is none where success is false, whatever the status and whatever else is there", function()
    for status, kind in pairs { [200] = "auth", [401] = "auth" } do
      local none, err = read(answer { success = false, code = 401, msg = "Invalid token" },
        { http_status = status })
      assert.same({ nil, kind, false }, { none, err.kind, err.retryable })
      assert.matches("^Invalid token%. ", err.message)
    end
  end)
end)

describe("a failure of the file service", function()
  it("has its kind from the code in the body, before the status", function()
    for code, expected in pairs { [400] = { "invalid", false }, [401] = { "auth", false },
      [402] = { "quota", false }, [403] = { "auth", false }, [404] = { "not_found", false },
      [413] = { "too_big", false }, [429] = { "rate_limited", true }, [500] = { "server", true },
      [503] = { "server", true } } do
      for _, status in ipairs { 200, code } do
        local none, err = read(json.encode { success = false, code = code, msg = "no" },
          { http_status = status })
        assert.is_nil(none)
        assert.same(expected, { err.kind, err.retryable }, code .. " with HTTP " .. status)
        assert.same(status, err.status)
      end
      local _, err = read("", { http_status = code })
      assert.same(expected, { err.kind, err.retryable }, "empty " .. code)
      _, err = read("<html>oops</html>", { http_status = code, content_type = "text/html" })
      assert.same(expected, { err.kind, err.retryable }, "HTML " .. code)
    end
  end)

  it("is one of quota where it speaks of one, unless it asks to come again", function()
    for _, code in ipairs { 200, 400, 401, 402, 403 } do
      local _, err = read(json.encode { success = false, code = code,
        msg = "File Quota exceeded (100/100)" })
      assert.same({ "quota", false }, { err.kind, err.retryable }, code)
      assert.matches("100/100", err.message, 1, true)
    end
    local _, err = read(json.encode { success = false, code = 403, msg = "quota" })
    assert.matches("Delete files at the file service", err.message)
    _, err = read(json.encode { success = false, code = 429, msg = "quota of requests" })
    assert.same({ "rate_limited", true }, { err.kind, err.retryable })
    _, err = read(json.encode { success = false, code = 500, msg = "no answer of the quota store" })
    assert.same({ "server", true }, { err.kind, err.retryable })
    _, err = read(json.encode { error = { code = "quota_exceeded", message = "full" } },
      { http_status = 403 })
    assert.same("quota", err.kind)
    _, err = read(json.encode { success = false, code = 403, msg = ("long "):rep(100) .. "quota" })
    assert.matches("give links%.$", err.message)
  end)

  it("sends nobody to the base URL, but to files_url", function()
    local told = 0
    for status = 200, 599 do
      local _, err = read("", { http_status = status })
      assert.is_nil(err.message:find "base URL", status)
      if err.message:find("files_url", 1, true) then told = told + 1 end
    end
    assert.is_true(told > 100)
    local _, err = read("", { http_status = 302 })
    assert.matches("Redirects are not followed: check files_url%.$", err.message)
    _, err = read("", { http_status = 404 })
    assert.matches("Check files_url%.$", err.message)
  end)

  it("says when to come again", function()
    local _, err = read("{}", { http_status = 429, retry_after = "7" })
    assert.same(7000, err.retry_after_ms)
    _, err = read("{}", { http_status = 503, retry_after = "7", retry_after_ms = "250" })
    assert.same(250, err.retry_after_ms)
    _, err = read("{}", { http_status = 503 })
    assert.same(-1, err.retry_after_ms)
  end)

  it("is of protocol where a success is none", function()
    for _, body in ipairs { "", "{}", "[]", "null", "7", '{"success":true}', '{"data":[]}',
      '{"success":true,"data":null}', "<html>", '{"data":{"file_url":"https://a.b/c"}' } do
      local none, err = read(body)
      assert.same({ nil, "protocol" }, { none, err.kind }, body)
      assert.is_true(#err.message > 20)
    end
  end)

  it("never shows the key", function()
    for _, status in ipairs { 200, 401, 500 } do
      for _, body in ipairs { json.encode { success = false, code = 401, msg = "bad key " .. KEY },
        KEY, "<html>" .. KEY, json.encode { error = { message = KEY, code = KEY, param = KEY } },
        json.encode { success = true, data = { file_url = KEY } } } do
        local none, err = read(body, { http_status = status, request_id = "id " .. KEY })
        assert.is_nil(none)
        for name, value in pairs(err) do
          assert.is_nil(tostring(value):find(KEY, 1, true), name)
        end
      end
    end
  end)

  it("is told at every cut of an answer, and never crashes on what is broken", function()
    local whole = answer()
    for cut = 0, #whole - 1 do
      local none, err = read(whole:sub(1, cut))
      assert.same({ nil, "protocol" }, { none, err.kind }, cut)
    end
    local random = Random.new(3)
    for _ = 1, 3000 do
      local at = random:below(#whole)
      local broken = whole:sub(1, at - 1) .. string.char(random:below(256) - 1)
        .. whole:sub(at + 1)
      local url, err = read(broken)
      assert.is_true(url ~= nil or err.kind ~= nil)
    end
  end)

  it("leaks nothing and says so where memory is out", function()
    for _, body in ipairs { answer(), json.encode { success = false, code = 402, msg = "no" } } do
      local expected = { read(body) }
      for nth = 1, 50 do
        window.fail_allocation(nth)
        local url, err = read(body)
        if window.fail_allocation(0) > 0 then
          assert.same(expected, { url, err })
          break
        end
        assert.same({ nil, "no_memory" }, { url, err.kind })
        assert.is_true(nth < 50)
      end
    end
  end)
end)

describe("a time", function()
  it("is read with its zone", function()
    for text, seconds in pairs {
      ["1970-01-01T00:00:00Z"] = 0, ["1970-01-01t00:00:00z"] = 0,
      ["2026-07-04T12:00:00+08:00"] = 1783137600, ["2026-07-04T04:00:00Z"] = 1783137600,
      ["2026-07-04 04:00:00.999Z"] = 1783137600, ["2026-07-03T23:30:00-0430"] = 1783137600,
      ["2024-02-29T23:59:59Z"] = 1709251199, ["2016-12-31T23:59:60Z"] = 1483228800,
      ["0001-01-01T00:00:00Z"] = -62135596800, ["9999-12-31T23:59:59Z"] = 253402300799,
      ["2000-03-01T00:00:00,5+00:00"] = 951868800,
    } do
      assert.same(seconds, window.receipt_time(text), text)
    end
  end)

  it("agrees with the system's calendar", function()
    local random = Random.new(11)
    for _ = 1, 2000 do
      local seconds = random:below(4000000000)
      assert.same(seconds, window.receipt_time(os.date("!%Y-%m-%dT%H:%M:%SZ", seconds)))
    end
  end)

  it("is none in any other form", function()
    for _, text in ipairs { "", "2026-07-04", "2026-07-04T12:00:00", "2026-07-04T12:00Z",
      "2026-07-04T12:00:00+8", "2026-07-04T12:00:00+24:00", "2026-07-04T12:00:00+08:60",
      "2026-7-4T12:00:00Z", "2026-13-04T12:00:00Z", "2026-00-04T12:00:00Z", "2026-07-32T12:00:00Z",
      "2026-07-00T12:00:00Z", "2026-07-04T24:00:00Z", "2026-07-04T12:60:00Z",
      "2026-07-04T12:00:61Z", "2026-07-04T12:00:00.Z", "2026-07-04T12:00:00ZZ",
      " 2026-07-04T12:00:00Z",
      "2026-07-04T12:00:00Z ", "0000-01-01T00:00:00Z", "+026-07-04T12:00:00Z", "1783137600",
      "Sat, 04 Jul 2026 04:00:00 GMT", "2026\0" } do
      assert.is_nil(window.receipt_time(text), text)
    end
    local whole = "2026-07-04T12:00:00.25+08:00"
    for cut = 0, #whole - 1 do
      assert.is_nil(window.receipt_time(whole:sub(1, cut)), cut)
    end
  end)
end)
