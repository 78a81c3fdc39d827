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
end)
