-- SPDX-License-Identifier: MIT
-- Tests src/net/gim_proxy.c through the test window.
local window = require "gptimage.core_test"

local NAMES = { "http_proxy", "HTTP_PROXY", "https_proxy", "HTTPS_PROXY", "all_proxy", "ALL_PROXY",
  "no_proxy", "NO_PROXY" }

describe("gim_proxy", function()
  local before

  local function set(values)
    for _, name in ipairs(NAMES) do window.setenv(name, values[name]) end
  end

  setup(function()
    before = {}
    for _, name in ipairs(NAMES) do before[name] = os.getenv(name) end
  end)
  before_each(function() set {} end)
  teardown(function() set(before) end)

  it("finds none where none is set", function()
    assert.is_nil(window.proxy(nil, true, "example.com"))
    assert.is_nil(window.proxy("", true, "example.com"))
  end)

  it("says whether a variable names one for any request", function()
    assert.is_false(window.proxy_named())
    for name, expected in pairs { http_proxy = true, HTTP_PROXY = false, https_proxy = true,
      HTTPS_PROXY = true, all_proxy = true, ALL_PROXY = true, no_proxy = false } do
      set { [name] = "http://p:1" }
      assert.equal(expected, window.proxy_named(), name)
      set { [name] = "" }
      assert.is_false(window.proxy_named(), name)
    end
  end)

  it("prefers the option, also when it says none", function()
    set { https_proxy = "http://env:1" }
    assert.equal("http://option:2", window.proxy("http://option:2", true, "example.com"))
    assert.is_nil(window.proxy("", true, "example.com"))
  end)

  it("reads the variables that libcurl reads", function()
    for name, expected in pairs {
      http_proxy = { true, false }, HTTP_PROXY = { false, false }, https_proxy = { false, true },
      HTTPS_PROXY = { false, true }, all_proxy = { true, true }, ALL_PROXY = { true, true },
    } do
      set { [name] = "http://p:1" }
      assert.same(expected, { window.proxy(nil, false, "a.com") ~= nil,
        window.proxy(nil, true, "a.com") ~= nil }, name)
    end
    set { https_proxy = "http://small:1", HTTPS_PROXY = "http://capital:1", all_proxy = "http://a" }
    assert.equal("http://small:1", window.proxy(nil, true, "a.com"))
  end)

  it("keeps to no_proxy: hosts, domains, with and without dots, and *", function()
    for list, hosts in pairs {
      ["example.com"] = { ["example.com"] = true, ["a.EXAMPLE.com"] = true,
        ["notexample.com"] = false, ["example.com."] = true, ["com"] = false },
      [".example.com"] = { ["example.com"] = true, ["a.example.com"] = true },
      ["a.org, b.org c.org."] = { ["a.org"] = true, ["x.b.org"] = true, ["c.org"] = true },
      ["10.0.0.1"] = { ["10.0.0.1"] = true, ["10.0.0.2"] = false },
      ["*"] = { ["anything"] = true },
      ["*,a.org"] = { ["b.org"] = false, ["a.org"] = true },
      [",, ,"] = { ["a.org"] = false },
    } do
      set { https_proxy = "http://p:1", no_proxy = list }
      for host, direct in pairs(hosts) do
        assert.equal(direct, window.proxy(nil, true, host) == nil, list .. " / " .. host)
      end
    end
  end)

  it("finds what is wrong with a proxy's URL, and what of it may be shown", function()
    for url, place in pairs {
      ["http://gate:3128"] = "gate:3128", ["gate:3128/"] = "gate:3128", ["gate"] = "gate",
      ["SOCKS5h://me:a@b:c@10.0.0.1:1080"] = "10.0.0.1:1080", ["https://[::1]:1"] = "[::1]:1",
      ["socks4://gate"] = "gate", ["socks4a://gate:65535"] = "gate:65535",
      ["socks5://gate"] = "gate",
    } do
      assert.same({ nil, place }, { window.proxy_fault(url) }, url)
    end
    for url, fault in pairs {
      ["ftp://gate"] = "begins with none of", ["://gate"] = "begins with none of",
      ["http//gate"] = "something behind", ["http:/gate"] = "something behind",
      ["http://gate/path"] = "something behind", ["http://gate?q"] = "something behind",
      ["http://"] = "names no host", [":3128"] = "names no host", ["http://me@"] = "names no host",
      ["http://[]:1"] = "names no host", ["http://[::1"] = "names no host",
      ["http://gate:"] = "no such port", ["http://gate:0"] = "no such port",
      ["http://gate:65536"] = "no such port", ["http://gate:8o"] = "no such port",
      ["http://gate:1:2"] = "no such port", ["http://[::1]x"] = "no such port",
      ["http://my gate"] = "holds a space", ["http://gate\\@x"] = "holds a space",
      ["http://g\u{e4}te"] = "holds a space",
    } do
      assert.matches(fault, (window.proxy_fault(url)), 1, true)
    end
  end)
end)
