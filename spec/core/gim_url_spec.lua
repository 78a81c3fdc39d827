-- SPDX-License-Identifier: MIT
-- Tests src/core/gim_url.c through the test window.
local window = require "gptimage.core_test"

local function split(text)
  local url, fault = window.url(text)
  if not url then return fault end
  return ("%s %s%s %d %s %s"):format(url.https and "https" or "http", url.ipv6 and "6:" or "",
    url.host, url.port, url.target, url.path)
end

describe("gim_url_split", function()
  it("cuts URLs that every parser reads alike", function()
    for text, expected in pairs {
      ["http://example.com"] = "http example.com 80  ",
      ["https://example.com"] = "https example.com 443  ",
      ["HTTPS://Example.COM/"] = "https Example.COM 443 / /",
      ["http://example.com:8080/a/b.png?x=1&y=/2#top"] =
        "http example.com 8080 /a/b.png?x=1&y=/2 /a/b.png",
      ["https://example.com?x=a/b:c"] = "https example.com 443 ?x=a/b:c ",
      ["https://example.com#x@y"] = "https example.com 443  ",
      ["https://example.com/a@b:c"] = "https example.com 443 /a@b:c /a@b:c",
      ["https://example.com/é?ü"] = "https example.com 443 /é?ü /é",
      ["https://example.com/%20%zz"] = "https example.com 443 /%20%zz /%20%zz",
      ["https://xn--bcher-kva.example/"] = "https xn--bcher-kva.example 443 / /",
      ["https://my_bucket.example.com/"] = "https my_bucket.example.com 443 / /",
      ["https://example.com./"] = "https example.com. 443 / /",
      ["http://127.0.0.1:1/"] = "http 127.0.0.1 1 / /",
      ["http://0x7f.1/"] = "http 0x7f.1 80 / /",
      ["http://[::1]/"] = "http 6:::1 80 / /",
      ["http://[2001:DB8::1]:65535/x"] = "http 6:2001:DB8::1 65535 /x /x",
      ["http://[::ffff:1.2.3.4]"] = "http 6:::ffff:1.2.3.4 80  ",
    } do
      assert.same(expected, split(text), text)
    end
  end)

  it("refuses what parsers read differently, and says why", function()
    for text, expected in pairs {
      [""] = "scheme", ["example.com"] = "scheme", ["//example.com"] = "scheme",
      ["http:example.com"] = "scheme", ["http:/example.com"] = "scheme", ["http:"] = "scheme",
      ["ftp://example.com"] = "scheme", ["httpx://a.b"] = "scheme", ["ht tp://a.b"] = "character",
      ["file:///etc/passwd"] = "scheme", ["data:image/png;base64,AA"] = "scheme",
      ["javascript:alert(1)"] = "scheme", ["https//a.b"] = "scheme", ["://a.b"] = "scheme",
      ["http://"] = "host", ["http:///path"] = "host", ["http://?x"] = "host",
      ["http://:80/"] = "host", ["http://."] = "host", ["http://.a.b"] = "host",
      ["http://a..b"] = "host", ["http://a.b.."] = "host", ["http://exa%6dple.com"] = "host",
      ["http://127%2e0.0.1"] = "host", ["http://bücher.example"] = "host",
      ["http://１２７.0.0.1"] = "host", ["http://a,b"] = "host", ["http://a;b"] = "host",
      ["http://a!b"] = "host", ["http://a'b"] = "host", ["http://<a>"] = "host",
      ["http://a.b:"] = "port", ["http://a.b:0"] = "port", ["http://a.b:65536"] = "port",
      ["http://a.b:080"] = "port", ["http://a.b:-1"] = "port", ["http://a.b:8o"] = "port",
      ["http://a.b:999999999999"] = "port", ["http://a.b:1:2"] = "port",
      ["http://a.b:80x/"] = "port", ["http://user@a.b"] = "user_info",
      ["http://user:secret@a.b/"] = "user_info", ["http://@a.b"] = "user_info",
      ["http://127.0.0.1@a.b"] = "user_info", ["http://a.b@127.0.0.1"] = "user_info",
      ["http://example.com\\@127.0.0.1"] = "character", ["http:\\\\a.b"] = "character",
      ["http://a.b\\c"] = "character", ["http://a.b/c d"] = "character",
      [" http://a.b"] = "character", ["http://a.b "] = "character",
      ["http://a.b/\n"] = "character", ["http://a.b/\r\nHost: c"] = "character",
      ["http://a.b/\0"] = "character", ["http://a.b\t/"] = "character",
      ["http://a.b/\127"] = "character", ["http://[::1"] = "host", ["http://[]"] = "host",
      ["http://[::1%25eth0]/"] = "host", ["http://[::1%eth0]/"] = "host",
      ["http://[::1]x/"] = "host", ["http://[::g]"] = "host", ["http://[1.2.3.4]"] = "host",
      ["http://::1/"] = "host", ["http://[::1]:"] = "port", ["http://[::1]:x"] = "port",
    } do
      assert.same(expected, split(text), text)
      assert.is_string(select(3, window.url(text)))
    end
  end)

  it("keeps to limits on labels, hosts and the whole", function()
    assert.same("host", split("http://" .. ("a"):rep(64) .. ".com"))
    assert.is_table(window.url("http://" .. ("a"):rep(63) .. ".com"))
    local long = ("a."):rep(126) .. "b" -- 253 characters
    assert.is_table(window.url("http://" .. long))
    assert.is_table(window.url("http://" .. long .. "."))
    assert.same("host", split("http://a" .. long))
    assert.is_table(window.url("http://a.b/" .. ("x"):rep(8181)))
    assert.same("too_long", split("http://a.b/" .. ("x"):rep(8182)))
    assert.same("too_long", select(2, window.url("http://a.b/", 10)))
  end)

  it("writes any text as one segment of a path", function()
    local unreserved = "ABCXYZabcxyz0189-._~"
    assert.same(unreserved, window.url_segment(unreserved))
    for text, expected in pairs {
      [""] = "", ["a"] = "a", ["."] = "%2E", [".."] = "%2E%2E", ["..."] = "...", ["a."] = "a%2E",
      ["a.b"] = "a.b", ["a/b"] = "a%2Fb", ["../x"] = "..%2Fx", ["a b?c#d"] = "a%20b%3Fc%23d",
      ["%2e"] = "%252e", ["\0\127\255\u{E4}"] = "%00%7F%FF%C3%A4",
    } do
      assert.same(expected, window.url_segment(text))
    end
    for byte = 0, 255 do
      local c = string.char(byte)
      local expected = c:find "[%w._~-]" and byte < 128 and c or ("%%%02X"):format(byte)
      assert.same("xx" .. expected, window.url_segment("xx" .. c))
    end
  end)

  it("never reads beyond a cut", function()
    local text = "https://[2001:db8::1]:8443/a/b.png?x=1#y"
    for i = 0, #text do
      local url, fault = window.url(text:sub(1, i))
      assert.is_true(url ~= nil or type(fault) == "string")
    end
  end)
end)
